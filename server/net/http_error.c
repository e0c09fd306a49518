/* http_error.c - what goes wrong on the network, in the words of Go's net/http: the ones
 * that users search for.
 *
 * What fails before an answer's headers are complete is told with the operation in front
 * (Get "URL": …), what fails later without. */
#include <errno.h>

#include "base/panic.h"
#include "base/unicode.h"
#include "server/net/http_priv.h"

/* "Get", "Post", and the URL less its password. */
static void
put_operation(struct buf *b, const struct transfer *t)
{
    char name[16] = "";
    char *url = NULL, *password = NULL, *asked = t->url;
    long redirects = 0;
    CURLU *u = curl_url();

    curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_COUNT, &redirects);
    if (redirects > 0)
        curl_easy_getinfo(t->curl, CURLINFO_EFFECTIVE_URL, &asked);

    for (size_t i = 0; i + 1 < sizeof name && t->method[i]; i++)
        name[i] = i ? (char)(t->method[i] | 0x20) : t->method[i];
    if (curl_url_set(u, CURLUPART_URL, asked, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_PASSWORD, "xxxxx", 0) == CURLUE_OK)
        curl_url_get(u, CURLUPART_URL, &url, 0);
    buf_printf(b, "%s \"%s\": ", name, url ? url : asked);
    curl_free(url);
    curl_free(password);
    curl_url_cleanup(u);
}

void
transfer_prefix_error(const struct transfer *t, struct err *e)
{
    struct buf b = {0};

    put_operation(&b, t);
    err_prefix(e, "%s", buf_cstr(&b));
    buf_free(&b);
}

static void
put_address(struct buf *b, CURL *curl, CURLINFO ip_info, CURLINFO port_info)
{
    char *ip = NULL;
    long port = 0;

    curl_easy_getinfo(curl, ip_info, &ip);
    curl_easy_getinfo(curl, port_info, &port);
    if (ip && *ip)
        buf_printf(b, strchr(ip, ':') ? "[%s]:%ld" : "%s:%ld", ip, port);
}

/* strerror in Go's spelling. */
static const char *
go_errno(long errnum)
{
    switch (errnum) {
    case ECONNREFUSED: return "connection refused";
    case ECONNRESET: return "connection reset by peer";
    case EHOSTUNREACH: return "no route to host";
    case ENETUNREACH: return "network is unreachable";
    case ENOENT: return "no such file or directory";
    case EACCES: return "permission denied";
    case EPIPE: return "broken pipe";
    case ETIMEDOUT: return "connection timed out";
    default: return errnum ? strerror((int)errnum) : "connection refused";
    }
}

static void
put_url_part(struct buf *b, const struct transfer *t, CURLUPart part)
{
    char *text = NULL;
    CURLU *u = curl_url();

    if (curl_url_set(u, CURLUPART_URL, t->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        curl_url_get(u, part, &text, 0);
    buf_put(b, str_of(text ? text : t->url));
    curl_free(text);
    curl_url_cleanup(u);
}

/* host:port of the URL: where no address has been noted. */
static void
put_url_address(struct buf *b, const struct transfer *t)
{
    char *port = NULL;
    CURLU *u = curl_url();

    put_url_part(b, t, CURLUPART_HOST);
    if (curl_url_set(u, CURLUPART_URL, t->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    buf_printf(b, ":%s", port ? port : "80");
    curl_free(port);
    curl_url_cleanup(u);
}

static void
put_connect_error(struct buf *b, const struct transfer *t, long errnum)
{
    if (t->unix_socket) {
        buf_printf(b, "dial unix %s", t->unix_socket);
    } else {
        buf_lit(b, "dial tcp ");
        size_t before = b->n;
        put_address(b, t->curl, CURLINFO_PRIMARY_IP, CURLINFO_PRIMARY_PORT);
        if (b->n == before)
            put_url_address(b, t);
    }
    buf_printf(b, ": connect: %s", go_errno(errnum));
}

static void
put_io_error(struct buf *b, const struct transfer *t, const char *what, long errnum)
{
    buf_printf(b, "%s tcp ", what);
    put_address(b, t->curl, CURLINFO_LOCAL_IP, CURLINFO_LOCAL_PORT);
    buf_lit(b, "->");
    put_address(b, t->curl, CURLINFO_PRIMARY_IP, CURLINFO_PRIMARY_PORT);
    buf_printf(b, ": %s: %s", what, go_errno(errnum ? errnum : ECONNRESET));
}

static void
put_recv_error(struct buf *b, const struct transfer *t, long errnum)
{
    if (strstr(t->error, "chunk"))
        buf_lit(b, "invalid byte in chunk length");
    else
        put_io_error(b, t, "read", errnum);
}

/* An answer that is not HTTP. */
static void
put_malformed(struct buf *b, const struct transfer *t)
{
    str line = buf_str(&t->response.body);
    ptrdiff_t end = str_find_char(line, '\n', 0);

    if (end >= 0)
        line.n = (size_t)end;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n == 0) {
        buf_lit(b, "EOF");
        return;
    }
    buf_lit(b, "net/http: HTTP/1.x transport connection broken: malformed HTTP ");
    ptrdiff_t blank = str_find_char(line, ' ', 0);
    if (blank < 0) {
        buf_lit(b, "response ");
    } else {
        buf_lit(b, "status code ");
        line = str_from(line, (size_t)blank + 1);
        while (line.n && line.p[0] == ' ')
            line = str_from(line, 1);
        blank = str_find_char(line, ' ', 0);
        if (blank >= 0)
            line.n = (size_t)blank;
    }
    unicode_put_quoted(b, line);
}

static void
put_tls_error(struct buf *b, const struct transfer *t, long errnum)
{
    if (strstr(t->error, "wrong version number"))
        buf_lit(b, "http: server gave HTTP response to HTTPS client");
    else if (!strstr(t->error, "SSL_ERROR_SYSCALL"))
        buf_put(b, str_of(t->error[0] ? t->error : "tls: handshake failure"));
    else if (errnum == ECONNRESET)
        put_io_error(b, t, "read", errnum);
    else
        buf_lit(b, "EOF");
}

static void
put_certificate_error(struct buf *b, const struct transfer *t)
{
    static const struct {
        const char *openssl, *go;
    } known[] = {
        {"self-signed certificate", "x509: certificate signed by unknown authority"},
        {"self signed certificate", "x509: certificate signed by unknown authority"},
        {"unable to get local issuer certificate", "x509: certificate signed by unknown authority"},
        {"certificate has expired", "x509: certificate has expired or is not yet valid"},
        {"certificate is not yet valid", "x509: certificate has expired or is not yet valid"},
        {"no alternative certificate subject name", "x509: certificate is not valid for this name"},
    };

    buf_lit(b, "tls: failed to verify certificate: ");
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strstr(t->error, known[i].openssl)) {
            buf_put(b, str_of(known[i].go));
            return;
        }
    buf_put(b, str_of(t->error));
}

static void
put_error(struct buf *b, const struct transfer *t, CURLcode rc, long errnum)
{
    switch (rc) {
    case CURLE_OK: put_malformed(b, t); break;
    case CURLE_OPERATION_TIMEDOUT: buf_lit(b, "context deadline exceeded"); break;
    case CURLE_COULDNT_CONNECT: put_connect_error(b, t, errnum); break;
    case CURLE_COULDNT_RESOLVE_HOST:
        buf_lit(b, "dial tcp: lookup ");
        put_url_part(b, t, CURLUPART_HOST);
        buf_lit(b, ": no such host");
        break;
    case CURLE_GOT_NOTHING: buf_lit(b, "EOF"); break;
    case CURLE_PARTIAL_FILE: buf_lit(b, "unexpected EOF"); break;
    case CURLE_RECV_ERROR: put_recv_error(b, t, errnum); break;
    case CURLE_SEND_ERROR: put_io_error(b, t, "write", errnum); break;
    case CURLE_TOO_MANY_REDIRECTS: buf_printf(b, "stopped after %d redirects", REDIRECTS_MAX); break;
    case CURLE_UNSUPPORTED_PROTOCOL:
        buf_lit(b, "unsupported protocol scheme \"");
        put_url_part(b, t, CURLUPART_SCHEME);
        buf_byte(b, '"');
        break;
    case CURLE_SSL_CONNECT_ERROR: put_tls_error(b, t, errnum); break;
    case CURLE_PEER_FAILED_VERIFICATION: put_certificate_error(b, t); break;
    default: buf_put(b, str_of(t->error[0] ? t->error : curl_easy_strerror(rc)));
    }
}

bool
transfer_error(struct transfer *t, CURLcode rc, struct err *e)
{
    struct buf b = {0};
    long errnum = 0;

    if (t->body_over)
        return err_set(e, ERR_LIMIT, "body size limit exceeded");
    curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &errnum);
    if (!t->in_body || rc == CURLE_TOO_MANY_REDIRECTS)
        put_operation(&b, t);
    put_error(&b, t, rc, errnum);
    err_set(e, rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_NET, "%s", buf_cstr(&b));
    buf_free(&b);
    return false;
}
