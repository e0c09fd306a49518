/* url.h - URLs as Go's net/url reads and writes them.
 *
 * Configuration, targets and redirects are compared with programs written in Go, so what
 * is an URL, how it is normalised (escapes, an empty port) and the words for what is not
 * are net/url's: "parse \"://\": missing protocol scheme".
 *
 * Parts are slices of the input or of the arena.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct url {
    str scheme; /* lower case */
    str opaque; /* mailto:x : what follows the colon */
    bool has_user, has_password;
    str user, password; /* decoded */
    str host;           /* with port; brackets kept; decoded */
    bool omit_host;     /* scheme:/path */
    str path;           /* decoded */
    str raw_path;       /* as written */
    bool force_query;   /* a lone "?" at the end */
    str query;          /* raw, without "?" */
    str fragment;       /* decoded */
    str raw_fragment;   /* as written */
};

/* url.Parse. */
bool url_parse(str s, struct arena *a, struct url *out, struct err *e) MUST_USE;
/* url.String, or url.Redacted when redact: the password as xxxxx. */
str url_text(const struct url *u, struct arena *a, bool redact);
/* Host without port and brackets; port or empty. */
str url_hostname(const struct url *u);
str url_port(const struct url *u);

/* url.QueryEscape and url.PathEscape. */
void url_put_query_escaped(struct buf *out, str s);
void url_put_path_escaped(struct buf *out, str s);

/* net.SplitHostPort: "host:port", "[::1]:port"; false if it is none. */
bool url_split_host_port(str s, str *host, str *port);
/* net.ParseIP succeeds. */
bool url_is_ip(str s);
