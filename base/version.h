/* version.h - who we are, and which Prometheus we answer as.
 *
 * Clients (Grafana, promtool) read Prometheus' version from buildinfo and choose their
 * requests by it, so that is what buildinfo says; `revision` names narthex itself.
 */
#pragma once

#define NARTHEX_VERSION "0.1.0"
#define PROMETHEUS_VERSION "3.14.0"
