/* config_alerting.h - `alerting:`: Alertmanagers outside, and the one inside.
 *
 * Prometheus' keys configure external Alertmanagers.  narthex also takes a whole
 * Alertmanager configuration here: its blocks inline (`route:`, `receivers:`, …, with
 * `global:` being Alertmanager's), or `config_file:` naming an alertmanager.yml.  Either
 * fills `notify` (config_notify.h).
 */
#pragma once
#include "server/config/config_discovery.h"
#include "server/config/config_notify.h"

struct config_alertmanager {
    struct config_discovery discovery;
    struct config_http http;
    struct config_sigv4 *sigv4; /* or NULL */
    str scheme, path_prefix;
    int64_t timeout_ms;
    str api_version; /* v2 */
    struct config_relabels relabel;       /* of the Alertmanagers' addresses */
    struct config_relabels alert_relabel; /* of alerts sent to these */
    str identity;
};

struct config_alerting {
    struct config_relabels alert_relabel;
    CONFIG_LIST(struct config_alertmanager *) alertmanagers;
    str config_file;               /* absolute */
    struct config_notify *written; /* the inline blocks, as written; or NULL */
    struct config_notify *notify;  /* NULL: nothing is notified by narthex itself */
};
