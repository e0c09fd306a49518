/* am.h - API v2 of Alertmanager, as its clients know it: amtool, Grafana, karma.
 *
 * Mounted at /api/v2 and /alertmanager/api/v2.  Parameters, answers and errors are those
 * of Alertmanager 0.34, which are go-openapi's: an error of the framework is an object
 * {"code":…,"message":…}, one of the handlers a JSON string; of parameters given several
 * times the last counts; a boolean that is no known "true" is false.
 *
 * Handlers answer through am->resp and return; none keeps anything.
 */
#pragma once
#include "base/json.h"
#include "server/notify/notify_api.h"
#include "web/api_priv.h"

struct am {
    struct web *w;
    struct notifier *n;
    struct req *req;
    struct resp *resp;
    struct arena *arena;
    struct json json;     /* into resp->body */
    str capture;          /* the silence's id */
};

/* Codes beside HTTP's; from 600 on the status is 422. */
enum { AM_INVALID_TYPE = 601, AM_REQUIRED = 602, AM_TOO_FEW_ITEMS = 612 };
void am_fail(struct am *m, int code, const char *fmt, ...) PRINTF_LIKE(3, 4); /* the framework's */
void am_refuse(struct am *m, int status, str text);                           /* a handler's */

/* Parameters. */
bool am_flag(const struct am *m, const char *name); /* true if absent */
/* All values of a parameter as matchers; free with am_matchers_free.  False: the error's
 * text is in e. */
bool am_matchers(const struct am *m, const char *name, struct matcher **out, size_t *n, struct err *e);
void am_matchers_free(struct matcher *v, size_t n);

/* am_body.c: a JSON body, read as Go reads it into the type called `what` there.  On
 * failure the answer is made.  A body of `null` has a NULL root. */
struct am_body {
    struct am *m;
    const char *what;     /* "alerts", "silence" */
    struct json_doc *doc;
    const struct json_node *root;
    bool failed;          /* the answer is made */
};
bool am_body_open(struct am_body *b, struct am *m, const char *what);
void am_body_close(struct am_body *b);
/* Members of an object, absent and null alike giving NULL or nothing; a value of another
 * type fails with Go's words, for which `where` names the struct field ("Alert.labels"). */
const struct json_node *am_body_list(struct am_body *b, const struct json_node *n, const char *where,
                                     const char *type);
bool am_body_string(struct am_body *b, const struct json_node *n, const char *where, str *out);
bool am_body_bool(struct am_body *b, const struct json_node *n, const char *where, bool *out);
/* A set of names and values, sorted; given: it was an object. */
struct labels am_body_labels(struct am_body *b, const struct json_node *n, const char *where, bool *given);
/* A moment and the offset it was written with.  *given is false for null or absent. */
struct am_time {
    int64_t ms;
    int offset_s;
    bool given;           /* and not Go's zero time */
    bool present;         /* something was there */
};
struct am_time am_body_time(struct am_body *b, const struct json_node *n, const char *where);
/* Which type a node has for Go's messages: "object", "number", … */
bool am_body_expect(struct am_body *b, const struct json_node *n, enum json_type type, const char *into);

/* RFC 3339 with milliseconds, in that offset. */
void am_put_time(struct json *j, const char *key, int64_t ms, int offset_s);
void am_put_labels(struct json *j, const char *key, struct labels ls);

/* Handlers. */
void am_get_status(struct am *m);
void am_get_receivers(struct am *m);
void am_get_alerts(struct am *m);
void am_get_groups(struct am *m);
void am_post_alerts(struct am *m);
void am_get_silences(struct am *m);
void am_post_silences(struct am *m);
void am_get_silence(struct am *m);
void am_delete_silence(struct am *m);
