/* http_priv.h - what the files of web/http share: one exchange from the first header to
 * the last byte.
 *
 * WALK.  new (headers known) → body (bytes arrive) → running (suspended; a pool thread
 * owns it) → done (resumed; libmicrohttpd's thread owns it again and queues the answer).
 * `state` is only changed by the thread that owns the exchange; the hand-over goes
 * through the inbox and MHD_resume_connection.
 */
#pragma once
#include "base/thread.h"
#include "web/http.h"

struct MHD_Connection;

enum exchange_state { EXCHANGE_NEW, EXCHANGE_BODY, EXCHANGE_RUNNING, EXCHANGE_DONE };

struct exchange {
    unsigned magic;
#define EXCHANGE_MAGIC 0x68e1c0a7
    enum exchange_state state;
    struct http_server *server;
    struct MHD_Connection *mhd;
    char *uri;                   /* raw request target, owned */
    struct buf body;
    bool too_large;
    struct arena *arena;
    struct req req;
    struct resp resp;
    int fd;                      /* of the connection, for the watcher */
    struct exchange *next, **prev; /* running list, under server->mu */
};

/* Fills req's path, raw_query and params from the raw target and, for form posts, the
 * body.  False: the target or the form is malformed (400). */
bool exchange_parse(struct exchange *x, str content_type);
/* Compresses a whole body as Accept-Encoding asks and sets the header. */
void exchange_compress(struct exchange *x);
/* %XX and + decoding as Go's url.QueryUnescape / PathUnescape; false if malformed. */
bool url_unescape(str in, bool plus, struct arena *a, str *out);
