/* config_http.h - the HTTP client block: who we are to a server and how we reach it.
 *
 * The block is written inline in scrape, discovery, alertmanager and remote sections and
 * as `http_config:` in receivers.  What it says is checked at load (one kind of
 * authorization, inline text or file but not both); files are named by absolute path and
 * read by the client on use, so that rotated credentials need no reload.
 *
 * bearer_token and bearer_token_file have become an `authorization` of type Bearer by
 * the time anyone reads the struct.
 */
#pragma once
#include "server/config/config_types.h"

struct config_basic_auth {
    str username, username_file, username_ref;
    str password, password_file, password_ref;
};

struct config_authorization {
    str type; /* "Bearer" unless given */
    str credentials, credentials_file, credentials_ref;
};

enum config_tls_version { TLS_UNSET, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 };

struct config_tls {
    str ca, cert, key; /* PEM text */
    str ca_file, cert_file, key_file;
    str ca_ref, cert_ref, key_ref;
    str server_name;
    bool insecure_skip_verify;
    enum config_tls_version min_version, max_version;
};

struct config_proxy {
    struct config_url proxy_url;
    str no_proxy;
    bool proxy_from_environment;
    struct config_multimap connect_header; /* values are secrets */
};

struct config_oauth2 {
    str client_id;
    str client_secret, client_secret_file, client_secret_ref;
    str client_certificate_key_id;
    str client_certificate_key, client_certificate_key_file, client_certificate_key_ref;
    str grant_type; /* empty: client_credentials; or urn:ietf:params:oauth:grant-type:jwt-bearer */
    str signature_algorithm; /* empty: RS256 */
    str iss, audience;
    struct config_any_map claims;
    struct config_strs scopes;
    str token_url;
    struct config_map endpoint_params;
    struct config_tls tls;
    struct config_proxy proxy;
};

/* One extra request header; all three lists are sent. */
struct config_header {
    str name;
    struct config_strs values, secrets, files;
};
struct config_headers {
    CONFIG_LIST(struct config_header) list; /* sorted by name */
    bool set;
};

struct config_http {
    struct config_basic_auth *basic_auth;       /* or NULL; at most one of the three */
    struct config_authorization *authorization; /* or NULL */
    struct config_oauth2 *oauth2;               /* or NULL */
    str bearer_token, bearer_token_file;        /* empty after load */
    struct config_tls tls;
    bool follow_redirects; /* true */
    bool enable_http2;     /* true; false for remote_write */
    struct config_proxy proxy;
    struct config_headers *headers; /* or NULL */
};

/* The block as it is when nothing is configured. */
extern const struct config_http config_http_default;

/* AWS request signing, for alertmanagers and remote_write. */
struct config_sigv4 {
    str region, access_key, secret_key, profile, role_arn, external_id;
    bool use_fips_sts_endpoint;
    str service_name;
};
