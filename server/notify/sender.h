/* sender.h - what a kind of receiver needs to render one message and send it.
 *
 * An attempt is one try of one delivery.  It carries the notification's data as templates
 * see it, renders the fields of the configuration, reads secrets from where the
 * configuration says, and posts.  What came of it is in retry, wait_ms and reason.
 *
 * ERRORS.  attempt_text is sticky: after the first template that fails it yields empty
 * texts, and t->failed stands; a sender looks once, before it sends.  Error texts never
 * hold a secret: URLs that are secret are cut out of network errors.
 *
 * THREADS.  One delivery thread; no lock is held.
 */
#pragma once
#include "base/json.h"
#include "server/notify/notify_priv.h"
#include "server/template/template_value.h"

struct attempt {
    struct notifier *n;
    const struct delivery *d;
    struct arena *arena;              /* gone after the attempt */
    struct template_env env;
    struct template_notification data;
    struct tvalue value;              /* data, for templates */
    bool firing;                      /* some alert shown fires */
    uint64_t cut;                     /* alerts not shown, see attempt_show */

    bool failed;                      /* a template did; the error says why */
    struct err *e;

    str memo;                         /* what the receiver must know next time; see sent_entry */
    bool retry;                       /* trying again may help */
    bool limited;                     /* the receiver had too many: pause the target */
    int64_t wait_ms;                  /* how long the receiver asked to wait; 0: not at all */
    const char *reason;               /* of a failure, as metrics name it */
};

/* Renders and sends one message; false with t->e set. */
struct sender {
    bool (*send)(struct attempt *t);
};
/* One a kind, in the kind's own file. */
extern const struct sender sender_discord, sender_email, sender_incidentio, sender_jira, sender_mattermost,
    sender_msteams, sender_msteamsv2, sender_opsgenie, sender_pagerduty, sender_pushover, sender_rocketchat,
    sender_slack, sender_telegram, sender_victorops, sender_webex, sender_webhook, sender_wechat;
/* NULL: the kind is not offered. */
const struct sender *sender_of(enum config_receiver_kind kind);

/* Makes an attempt and sends.  False: *t says whether to try again. */
bool attempt_run(struct attempt *t, struct notifier *n, const struct delivery *d, struct err *e);

/* The labels of a route, rendered with all alerts of a group; those that fail are left
 * out, and the log says why. */
struct labels route_labels_render(struct notifier *n, const struct plan *p, const struct route *route,
                                  struct labels group_labels, struct held_alert **alerts, size_t alerts_n,
                                  struct arena *a);

/* Shows only the first max alerts (0: all); status and common labels follow. */
void attempt_show(struct attempt *t, uint64_t max);
/* A rendered text, in the attempt's arena. */
str attempt_text(struct attempt *t, str text);
str attempt_html(struct attempt *t, str text); /* the same, escaped for HTML */
/* The same, but at most max runes, of which the last is an ellipsis if it was cut. */
str attempt_text_cut(struct attempt *t, str text, size_t max);
str attempt_cut(struct attempt *t, str text, size_t max);
/* The text itself, or the content of the file without surrounding space. */
bool attempt_secret(struct attempt *t, str text, str file, str *out) MUST_USE;
/* SHA-256 of the group key, in hex: the incident's stable name. */
str attempt_key_hash(struct attempt *t);

/* A value of any shape: texts are rendered and then read as YAML, so that "3" becomes a
 * number and "[a, b]" a list; keys are rendered. */
bool attempt_any(struct attempt *t, const struct config_any *in, struct config_any *out) MUST_USE;
/* As Go's encoding/json; false for numbers that JSON has not. */
bool attempt_put_any(struct attempt *t, struct json *j, const struct config_any *v) MUST_USE;

/* "key": text into an object; _given leaves it out when it is empty; the attempt's are
 * rendered first. */
void sender_put(struct json *j, const char *key, str s);
void sender_put_given(struct json *j, const char *key, str s);
void attempt_put(struct attempt *t, struct json *j, const char *key, str text);
void attempt_put_given(struct attempt *t, struct json *j, const char *key, str text);
/* Alertmanager's message about a group, of which the first `shown` alerts are written. */
void attempt_put_message(struct attempt *t, struct buf *out, const char *version, size_t shown);

/* The base URL with more path (decoded; joined by exactly one slash if join) and query. */
bool attempt_url(struct attempt *t, str base, str path, bool join, str query, str *out) MUST_USE;
/* "name=value" with "&" before it unless it is the first, escaped. */
void sender_put_query(struct buf *b, const char *name, str value);

struct attempt_post {
    const char *method;               /* NULL: POST */
    str url;
    bool url_is_secret;
    str content_type;                 /* empty: application/json, none with a GET */
    const struct http_header *headers;/* more of them */
    size_t headers_n;
    str body;
    int64_t timeout_ns;               /* configured; 0: until the delivery's deadline */
    int also_retried;                 /* one more status that trying again may help */
};
/* Sends, and judges the status: 2xx is done; 408, 429 and 5xx may be tried again, others
 * not.  answer (may be NULL) gets the response in any case; http_response_fini it. */
bool attempt_post(struct attempt *t, const struct attempt_post *p, struct http_response *answer);
/* A JSON body to a URL that is secret; frees the body. */
bool attempt_post_json(struct attempt *t, str url, struct buf *body);
/* For answers that only the kind of receiver understands: a failure for good. */
bool attempt_refused(struct attempt *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
