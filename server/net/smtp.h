/* smtp.h - mail out (libcurl).
 *
 * One message over one connection: EHLO, STARTTLS or TLS from the start, authentication
 * by a mechanism that the server offers and we have the secret for (CRAM-MD5 before PLAIN
 * before LOGIN), MAIL, RCPT for each, DATA.  A server that offers no authentication is
 * used without.  A password never goes over an unencrypted connection to another host by
 * PLAIN.
 *
 * THREADS.  Any; nothing is kept.
 */
#pragma once
#include "base/err.h"
#include "server/config/config_http.h"

struct smtp_mail {
    str host, port;
    str hello;               /* our name; empty: localhost */
    bool implicit_tls;       /* TLS before the first word */
    bool require_tls;        /* STARTTLS or nothing */
    const struct config_tls *tls; /* NULL: defaults */
    str username, identity;  /* username empty: no authentication */
    str password, secret;    /* for PLAIN and LOGIN, and for CRAM-MD5; each may be empty */
    str from;                /* addresses, bare */
    const str *to;
    size_t to_n;
    str message;             /* headers and body, CRLF line ends */
    int64_t timeout_ms;
};
/* False: *status is the server's code that failed it, 0 when the way there did. */
bool smtp_send(const struct smtp_mail *m, int *status, struct err *e) MUST_USE;
