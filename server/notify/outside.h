/* outside.h - Alertmanagers outside: each gets every alert, in batches, once.
 *
 * An endpoint is one Alertmanager that discovery found for one section of
 * `alertmanagers:`.  It has a bounded queue; when that is full the oldest alerts go, and
 * are counted.  A batch is posted to API v2 with the section's timeout and never again:
 * rules post what still fires every minute, which repairs what was lost.  One endpoint's
 * slowness delays nobody else.
 *
 * An endpoint that a reload or discovery takes away sends what it holds before it goes; one
 * that stays keeps its queue.
 *
 * THREADS.  One thread of its own does all sending; outside_post may be called from any.
 */
#pragma once
#include "server/notify/notify.h"

struct outside;
bool outside_new(struct outside **out, const struct notifier_opts *o, struct err *e) MUST_USE;
/* The configuration's sections; on return the endpoints of static lists and files are
 * there.  By one thread at a time.  False: everything stays as it was. */
bool outside_apply(struct outside *o, struct config *c, struct err *e) MUST_USE;
/* Alerts are copied, after the relabelling of each section. */
void outside_post(struct outside *o, const struct alert *v, size_t n);
size_t outside_peers(struct outside *o, struct arena *a, struct notifier_peer **out);
/* Drains if asked to: an endpoint that fails, or has not answered in time, is given up. */
void outside_free(struct outside **o, bool drain); /* *o may be NULL */
