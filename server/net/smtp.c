#include "server/net/smtp.h"

#include <curl/curl.h>

#include "base/mem.h"
#include "server/net/http_priv.h"

struct reader {
    str rest;
};

static size_t
read_message(char *out, size_t size, size_t n, void *arg)
{
    struct reader *r = arg;
    size_t take = MIN(size * n, r->rest.n);

    if (take)
        memcpy(out, r->rest.p, take);
    r->rest = str_from(r->rest, take);
    return take;
}

static void
set_text(CURL *curl, CURLoption option, str value)
{
    char *c = mem_cstr(value);
    curl_easy_setopt(curl, option, c);
    mem_free(c);
}

static bool
is_local(str host)
{
    return str_eq(host, STRL("localhost")) || str_eq(host, STRL("127.0.0.1")) || str_eq(host, STRL("::1"));
}

/* curl tries the strongest that the server offers among those allowed. */
static void
set_auth(CURL *curl, const struct smtp_mail *m)
{
    bool plain_allowed = m->implicit_tls || m->require_tls || is_local(m->host);

    if (m->username.n == 0)
        return;
    set_text(curl, CURLOPT_USERNAME, m->username);
    set_text(curl, CURLOPT_PASSWORD, m->password.n ? m->password : m->secret);
    if (m->password.n == 0)
        set_text(curl, CURLOPT_LOGIN_OPTIONS, STRL("AUTH=CRAM-MD5"));
    else if (m->secret.n && !str_eq(m->secret, m->password))
        set_text(curl, CURLOPT_LOGIN_OPTIONS, plain_allowed ? STRL("AUTH=PLAIN") : STRL("AUTH=LOGIN"));
    else if (!plain_allowed)
        set_text(curl, CURLOPT_LOGIN_OPTIONS, STRL("AUTH=LOGIN"));
    if (m->identity.n)
        set_text(curl, CURLOPT_SASL_AUTHZID, m->identity);
    curl_easy_setopt(curl, CURLOPT_SASL_IR, 1L);
}

/* The name that the certificate must bear may be another than the host's. */
static struct curl_slist *
set_server(CURL *curl, const struct smtp_mail *m)
{
    str name = m->tls && m->tls->server_name.n ? m->tls->server_name : m->host;
    bool v6 = str_find_char(name, ':', 0) >= 0, host_v6 = str_find_char(m->host, ':', 0) >= 0;
    struct curl_slist *connect = NULL;
    struct buf b = {0};

    buf_printf(&b, "%s://%s%.*s%s:%.*s/%.*s", m->implicit_tls ? "smtps" : "smtp", v6 ? "[" : "", STR_ARG(name),
               v6 ? "]" : "", STR_ARG(m->port), STR_ARG(m->hello.n ? m->hello : STRL("localhost")));
    curl_easy_setopt(curl, CURLOPT_URL, buf_cstr(&b));
    if (!str_eq(name, m->host)) {
        buf_clear(&b);
        buf_printf(&b, "::%s%.*s%s:%.*s", host_v6 ? "[" : "", STR_ARG(m->host), host_v6 ? "]" : "", STR_ARG(m->port));
        connect = curl_slist_append(NULL, buf_cstr(&b));
        curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect);
    }
    buf_free(&b);
    return connect;
}

static struct curl_slist *
set_envelope(CURL *curl, const struct smtp_mail *m)
{
    struct curl_slist *to = NULL;
    struct buf b = {0};

    buf_printf(&b, "<%.*s>", STR_ARG(m->from));
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, buf_cstr(&b));
    for (size_t i = 0; i < m->to_n; i++) {
        buf_clear(&b);
        buf_printf(&b, "<%.*s>", STR_ARG(m->to[i]));
        to = curl_slist_append(to, buf_cstr(&b));
    }
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    buf_free(&b);
    return to;
}

static bool
judge(const struct smtp_mail *m, CURL *curl, CURLcode rc, const char *why, int *status, struct err *e)
{
    long code = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    *status = rc == CURLE_OK ? 250 : code >= 400 ? (int)code : 0;
    if (rc == CURLE_OK)
        return true;
    if (rc == CURLE_USE_SSL_FAILED && m->require_tls)
        return err_set(e, ERR_NET, "'require_tls' is true (default) but \"%.*s:%.*s\" does not advertise the STARTTLS extension",
                       STR_ARG(m->host), STR_ARG(m->port));
    return err_set(e, rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_NET, "%.*s:%.*s: %s", STR_ARG(m->host),
                   STR_ARG(m->port), why[0] ? why : curl_easy_strerror(rc));
}

bool
smtp_send(const struct smtp_mail *m, int *status, struct err *e)
{
    static const struct config_tls no_tls;
    static const struct config_proxy no_proxy;
    CURL *curl = curl_easy_init();
    struct reader reader = {m->message};
    char why[CURL_ERROR_SIZE] = "";

    if (!curl)
        return err_set(e, ERR_NET, "cannot start an SMTP client");
    struct curl_slist *connect = set_server(curl, m), *to = set_envelope(curl, m);
    set_auth(curl, m);
    curl_easy_setopt(curl, CURLOPT_USE_SSL, m->require_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_message);
    curl_easy_setopt(curl, CURLOPT_READDATA, &reader);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
    bool ok = transport_apply(curl, m->tls ? m->tls : &no_tls, &no_proxy, e);
    *status = 0;
    ok = ok && judge(m, curl, curl_easy_perform(curl), why, status, e);
    curl_easy_cleanup(curl);
    curl_slist_free_all(connect);
    curl_slist_free_all(to);
    return ok;
}
