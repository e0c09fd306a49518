/* http_transport.c - TLS and proxies. */
#include <stdlib.h>

#include "base/mem.h"
#include "server/net/http_priv.h"

static void
set_str(CURL *curl, CURLoption option, str value)
{
    char *c = mem_cstr(value);
    curl_easy_setopt(curl, option, c);
    mem_free(c);
}

static void
set_blob(CURL *curl, CURLoption option, str pem)
{
    struct curl_blob blob = {.data = (void *)(uintptr_t)pem.p, .len = pem.n, .flags = CURL_BLOB_COPY};
    curl_easy_setopt(curl, option, &blob);
}

static long
curl_version_of(enum config_tls_version v)
{
    switch (v) {
    case TLS_1_0: return CURL_SSLVERSION_TLSv1_0;
    case TLS_1_1: return CURL_SSLVERSION_TLSv1_1;
    case TLS_1_3: return CURL_SSLVERSION_TLSv1_3;
    case TLS_UNSET:
    case TLS_1_2: break;
    }
    return CURL_SSLVERSION_TLSv1_2; /* Prometheus' floor unless told otherwise */
}

static long
curl_max_version_of(enum config_tls_version v)
{
    switch (v) {
    case TLS_1_0: return CURL_SSLVERSION_MAX_TLSv1_0;
    case TLS_1_1: return CURL_SSLVERSION_MAX_TLSv1_1;
    case TLS_1_2: return CURL_SSLVERSION_MAX_TLSv1_2;
    case TLS_1_3: return CURL_SSLVERSION_MAX_TLSv1_3;
    case TLS_UNSET: break;
    }
    return CURL_SSLVERSION_MAX_DEFAULT;
}

static void
apply_tls(CURL *curl, const struct config_tls *t)
{
    if (t->ca_file.n)
        set_str(curl, CURLOPT_CAINFO, t->ca_file);
    else if (t->ca.n)
        set_blob(curl, CURLOPT_CAINFO_BLOB, t->ca);
    if (t->cert_file.n)
        set_str(curl, CURLOPT_SSLCERT, t->cert_file);
    else if (t->cert.n)
        set_blob(curl, CURLOPT_SSLCERT_BLOB, t->cert);
    if (t->key_file.n)
        set_str(curl, CURLOPT_SSLKEY, t->key_file);
    else if (t->key.n)
        set_blob(curl, CURLOPT_SSLKEY_BLOB, t->key);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                     curl_version_of(t->min_version) | curl_max_version_of(t->max_version));
    if (t->insecure_skip_verify) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

bool
transport_apply(CURL *curl, const struct config_tls *tls, const struct config_proxy *proxy, struct err *e)
{
    (void)e;
    apply_tls(curl, tls);
    if (proxy->proxy_url.text.n) {
        set_str(curl, CURLOPT_PROXY, proxy->proxy_url.text);
        if (proxy->no_proxy.n)
            set_str(curl, CURLOPT_NOPROXY, proxy->no_proxy);
    } else if (!proxy->proxy_from_environment) {
        /* The environment counts only when the block says so. */
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    return true;
}
