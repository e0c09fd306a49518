/* The HTTP client block: keys, order and checks of prometheus/common's HTTPClientConfig. */
#include "server/config/schema_http.h"

#include "base/panic.h"

#define OMIT .flags = SCHEMA_OMITEMPTY

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_basic_auth, name, member, t, __VA_ARGS__)
static const struct schema_field basic_auth_fields[] = {
    F("username", username, schema_str, OMIT),
    F("username_file", username_file, schema_str, OMIT),
    F("username_ref", username_ref, schema_str, OMIT),
    F("password", password, schema_secret, OMIT),
    F("password_file", password_file, schema_str, OMIT),
    F("password_ref", password_ref, schema_str, OMIT),
};
#undef F
const struct schema schema_basic_auth = {
    .go = "config.plain",
    .size = sizeof(struct config_basic_auth),
    .fields = basic_auth_fields,
    .fields_n = ARRAY_LEN(basic_auth_fields),
};

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_authorization, name, member, t, __VA_ARGS__)
static const struct schema_field authorization_fields[] = {
    F("type", type, schema_str, OMIT),
    F("credentials", credentials, schema_secret, OMIT),
    F("credentials_file", credentials_file, schema_str, OMIT),
    F("credentials_ref", credentials_ref, schema_str, OMIT),
};
#undef F
const struct schema schema_authorization = {
    .go = "config.Authorization",
    .size = sizeof(struct config_authorization),
    .fields = authorization_fields,
    .fields_n = ARRAY_LEN(authorization_fields),
};

/* TLS. */

static const char *const tls_names[] = {"", "TLS10", "TLS11", "TLS12", "TLS13"};

static bool
read_tls_version(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
                 void *out)
{
    str s;
    if (!schema_read_text(r, n, f->type->go, &s))
        return false;
    for (size_t i = 1; i < ARRAY_LEN(tls_names); i++) {
        if (str_eq(s, str_of(tls_names[i]))) {
            *(enum config_tls_version *)out = (enum config_tls_version)i;
            return true;
        }
    }
    return schema_fail(r, n, "unknown TLS version: %.*s", STR_ARG(s));
}

static void
print_tls_version(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    yaml_out_str(p->out, str_of(tls_names[*(const enum config_tls_version *)v]));
}

static bool
tls_version_empty(const struct schema_field *f UNUSED, const void *v)
{
    return *(const enum config_tls_version *)v == TLS_UNSET;
}

static const struct schema_type schema_tls_version = {
    "string", sizeof(enum config_tls_version), read_tls_version, print_tls_version,
    tls_version_empty, NULL};

static int
count3(str a, str b, str c)
{
    return (a.n > 0) + (b.n > 0) + (c.n > 0);
}

static bool
check_tls(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_tls *t = obj;
    if (count3(t->ca, t->ca_file, t->ca_ref) > 1)
        return schema_fail(r, n, "at most one of ca, ca_file & ca_ref must be configured");
    if (count3(t->cert, t->cert_file, t->cert_ref) > 1)
        return schema_fail(r, n, "at most one of cert, cert_file & cert_ref must be configured");
    if (count3(t->key, t->key_file, t->key_ref) > 1)
        return schema_fail(r, n, "at most one of key and key_file must be configured");
    bool cert = count3(t->cert, t->cert_file, t->cert_ref) > 0;
    bool key = count3(t->key, t->key_file, t->key_ref) > 0;
    if (cert && !key)
        return schema_fail(r, n, "exactly one of key or key_file must be configured when a "
                                 "client certificate is configured");
    if (key && !cert)
        return schema_fail(r, n, "exactly one of cert or cert_file must be configured when a "
                                 "client key is configured");
    return true;
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_tls, name, member, t, __VA_ARGS__)
static const struct schema_field tls_fields[] = {
    F("ca", ca, schema_str, OMIT),
    F("cert", cert, schema_str, OMIT),
    F("key", key, schema_secret, OMIT),
    F("ca_file", ca_file, schema_str, OMIT),
    F("cert_file", cert_file, schema_str, OMIT),
    F("key_file", key_file, schema_str, OMIT),
    F("ca_ref", ca_ref, schema_str, OMIT),
    F("cert_ref", cert_ref, schema_str, OMIT),
    F("key_ref", key_ref, schema_str, OMIT),
    F("server_name", server_name, schema_str, OMIT),
    F("insecure_skip_verify", insecure_skip_verify, schema_bool),
    F("min_version", min_version, schema_tls_version, OMIT),
    F("max_version", max_version, schema_tls_version, OMIT),
};
#undef F
const struct schema schema_tls = {
    .go = "config.plain",
    .size = sizeof(struct config_tls),
    .fields = tls_fields,
    .fields_n = ARRAY_LEN(tls_fields),
    .check = check_tls,
};

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_proxy, name, member, t, __VA_ARGS__)
static const struct schema_field proxy_fields[] = {
    F("proxy_url", proxy_url, schema_url, OMIT),
    F("no_proxy", no_proxy, schema_str, OMIT),
    F("proxy_from_environment", proxy_from_environment, schema_bool, OMIT),
    F("proxy_connect_header", connect_header, schema_secret_multimap, OMIT),
};
#undef F
static const struct schema schema_proxy = {
    .size = sizeof(struct config_proxy),
    .fields = proxy_fields,
    .fields_n = ARRAY_LEN(proxy_fields),
};

static bool
check_proxy(struct schema_reader *r, const struct yaml_node *n, const struct config_proxy *p)
{
    bool url = p->proxy_url.text.n > 0;
    if (p->connect_header.n > 0 && !p->proxy_from_environment && !url)
        return schema_fail(r, n, "if proxy_connect_header is configured, proxy_url or "
                                 "proxy_from_environment must also be configured");
    if (p->proxy_from_environment && url)
        return schema_fail(r, n, "if proxy_from_environment is configured, proxy_url must not be "
                                 "configured");
    if (p->proxy_from_environment && p->no_proxy.n > 0)
        return schema_fail(r, n, "if proxy_from_environment is configured, no_proxy must not be "
                                 "configured");
    if (p->proxy_url.text.p == NULL && p->no_proxy.n > 0)
        return schema_fail(r, n, "if no_proxy is configured, proxy_url must also be configured");
    return true;
}

/* OAuth2.  Inside it the check is that of the whole client block it would be. */

static bool check_oauth2(struct schema_reader *r, const struct yaml_node *n, void *obj);

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_oauth2, name, member, t, __VA_ARGS__)
static const struct schema_field oauth2_fields[] = {
    F("client_id", client_id, schema_str, OMIT),
    F("client_secret", client_secret, schema_secret, OMIT),
    F("client_secret_file", client_secret_file, schema_str, OMIT),
    F("client_secret_ref", client_secret_ref, schema_str, OMIT),
    F("client_certificate_key_id", client_certificate_key_id, schema_str, OMIT),
    F("client_certificate_key", client_certificate_key, schema_secret, OMIT),
    F("client_certificate_key_file", client_certificate_key_file, schema_str, OMIT),
    F("client_certificate_key_ref", client_certificate_key_ref, schema_str, OMIT),
    F("grant_type", grant_type, schema_str, OMIT),
    F("signature_algorithm", signature_algorithm, schema_str, OMIT),
    F("iss", iss, schema_str, OMIT),
    F("audience", audience, schema_str, OMIT),
    F("claims", claims, schema_any_map, OMIT),
    F("scopes", scopes, schema_strs, OMIT),
    F("token_url", token_url, schema_str, OMIT),
    F("endpoint_params", endpoint_params, schema_map, OMIT),
    SCHEMA_BLOCK(struct config_oauth2, "tls_config", tls, schema_block, schema_tls, OMIT),
    SCHEMA_BLOCK(struct config_oauth2, "", proxy, schema_inline, schema_proxy),
};
#undef F
const struct schema schema_oauth2 = {
    .go = "config.plain",
    .size = sizeof(struct config_oauth2),
    .fields = oauth2_fields,
    .fields_n = ARRAY_LEN(oauth2_fields),
    .check = check_oauth2,
};

static bool
check_oauth2(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    return check_proxy(r, n, &((const struct config_oauth2 *)obj)->proxy);
}

/* Extra headers: a map from a name to three lists. */

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_header, name, member, t, __VA_ARGS__)
static const struct schema_field header_fields[] = {
    F("values", values, schema_strs, OMIT),
    F("secrets", secrets, schema_secrets, OMIT),
    F("files", files, schema_strs, OMIT),
};
#undef F
static const struct schema schema_header = {
    .go = "config.Header",
    .size = sizeof(struct config_header),
    .fields = header_fields,
    .fields_n = ARRAY_LEN(header_fields),
};

static bool
read_headers(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
             void *out)
{
    if (n->type != YAML_MAP)
        return schema_bad_type(r, n, f->type->go);
    struct config_headers *h = ARENA_NEW(r->a, struct config_headers);
    *(struct config_headers **)out = h;
    h->list.v = ARENA_ZARRAY(r->a, struct config_header, n->n);
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        struct config_header one = {0};
        if (!schema_read_text(r, n->key[i], "string", &one.name))
            continue;
        str name = one.name;
        schema_enter(r, name, 0);
        if (!yaml_is_null(n->item[i]))
            (void)schema_read_block(r, n->item[i], &schema_header, &one);
        schema_leave(r);
        if (yaml_repeats(n, i)) {
            schema_repeated(r, n->item[i], config_quoted(r->a, name));
            continue;
        }
        size_t at = h->list.n++;
        for (; at > 0 && str_cmp(h->list.v[at - 1].name, name) > 0; at--)
            h->list.v[at] = h->list.v[at - 1];
        h->list.v[at] = one;
    }
    return !r->failed;
}

static void
print_headers(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_headers *h = *(struct config_headers *const *)v;
    yaml_out_map(p->out);
    for (size_t i = 0; i < h->list.n; i++) {
        yaml_out_str(p->out, h->list.v[i].name);
        schema_print_block(p, &schema_header, &h->list.v[i]);
    }
    yaml_out_end(p->out);
}

static bool
headers_empty(const struct schema_field *f UNUSED, const void *v)
{
    return *(struct config_headers *const *)v == NULL;
}

const struct schema_type schema_headers = {
    "config.Headers", sizeof(struct config_headers *), read_headers, print_headers, headers_empty,
    NULL};

/* http.CanonicalHeaderKey; a name that is no token stays. */
str
config_canonical_header(struct arena *a, str name)
{
    char *to = arena_alloc(a, name.n + 1);
    bool upper = true;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        bool token = letter || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
        if (!token)
            return name;
        to[i] = !letter ? c : (char)(upper ? c & ~0x20 : c | 0x20);
        upper = c == '-';
    }
    return STR(to, name.n);
}

static bool
check_headers(struct schema_reader *r, const struct yaml_node *n, const struct config_headers *h)
{
    static const char *const reserved[] = {
        "Authorization", "Host", "Content-Encoding", "Content-Length", "Content-Type",
        "User-Agent", "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
        "Www-Authenticate", "Accept-Encoding", "X-Prometheus-Remote-Write-Version",
        "X-Prometheus-Remote-Read-Version", "X-Prometheus-Scrape-Timeout-Seconds", "X-Amz-Date",
        "X-Amz-Security-Token", "X-Amz-Content-Sha256",
    };
    for (size_t i = 0; i < h->list.n; i++) {
        str name = config_canonical_header(r->a, h->list.v[i].name);
        for (size_t k = 0; k < ARRAY_LEN(reserved); k++)
            if (str_eq(name, str_of(reserved[k])))
                return schema_fail(r, n, "setting header \"%.*s\" is not allowed", STR_ARG(name));
    }
    return true;
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_http, name, member, t, __VA_ARGS__)
#define B(name, member, t, block, ...)                                                   \
    SCHEMA_BLOCK(struct config_http, name, member, t, block, __VA_ARGS__)
static const struct schema_field http_fields[] = {
    B("basic_auth", basic_auth, schema_ptr, schema_basic_auth, OMIT),
    B("authorization", authorization, schema_ptr, schema_authorization, OMIT),
    B("oauth2", oauth2, schema_ptr, schema_oauth2, OMIT),
    F("bearer_token", bearer_token, schema_secret, OMIT),
    F("bearer_token_file", bearer_token_file, schema_str, OMIT),
    B("tls_config", tls, schema_block, schema_tls, OMIT),
    F("follow_redirects", follow_redirects, schema_bool),
    F("enable_http2", enable_http2, schema_bool),
    B("", proxy, schema_inline, schema_proxy),
    F("http_headers", headers, schema_headers, OMIT),
};
#undef F
#undef B

const struct config_http config_http_default = {.follow_redirects = true, .enable_http2 = true};

static bool
check_http(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    return config_http_check(r, n, obj);
}

const struct schema schema_http = {
    .go = "config.plain",
    .size = sizeof(struct config_http),
    .fields = http_fields,
    .fields_n = ARRAY_LEN(http_fields),
    .defaults = &config_http_default,
    .check = check_http,
};

/* The old keys become what they mean. */
static void
adopt_bearer(struct schema_reader *r, struct config_http *h)
{
    if (h->bearer_token.n == 0 && h->bearer_token_file.n == 0)
        return;
    h->authorization = ARENA_NEW(r->a, struct config_authorization);
    h->authorization->type = STRL("Bearer");
    h->authorization->credentials = h->bearer_token;
    h->authorization->credentials_file = h->bearer_token_file;
    h->bearer_token = h->bearer_token_file = STR_EMPTY;
}

static str
trim(str s)
{
    while (s.n && (s.p[0] == ' ' || (s.p[0] >= '\t' && s.p[0] <= '\r')))
        s = str_from(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || (s.p[s.n - 1] >= '\t' && s.p[s.n - 1] <= '\r')))
        s.n--;
    return s;
}

static bool
check_authorization(struct schema_reader *r, const struct yaml_node *n, struct config_http *h)
{
    struct config_authorization *a = h->authorization;
    if (h->bearer_token.n || h->bearer_token_file.n)
        return schema_fail(r, n, "authorization is not compatible with bearer_token & "
                                 "bearer_token_file");
    if (count3(a->credentials, a->credentials_file, a->credentials_ref) > 1)
        return schema_fail(r, n, "at most one of authorization credentials & credentials_file must "
                                 "be configured");
    a->type = trim(a->type);
    if (a->type.n == 0)
        a->type = STRL("Bearer");
    if (a->type.n == 5 && strncasecmp(a->type.p, "basic", 5) == 0)
        return schema_fail(r, n, "authorization type cannot be set to \"basic\", use \"basic_auth\" "
                                 "instead");
    if (h->basic_auth != NULL || h->oauth2 != NULL)
        return schema_fail(r, n, "at most one of basic_auth, oauth2 & authorization must be "
                                 "configured");
    return true;
}

static bool
check_basic_auth(struct schema_reader *r, const struct yaml_node *n, const struct config_http *h)
{
    const struct config_basic_auth *b = h->basic_auth;
    if (count3(b->username, b->username_file, b->username_ref) > 1)
        return schema_fail(r, n, "at most one of basic_auth username, username_file & username_ref "
                                 "must be configured");
    if (count3(b->password, b->password_file, b->password_ref) > 1)
        return schema_fail(r, n, "at most one of basic_auth password, password_file & password_ref "
                                 "must be configured");
    return true;
}

#define JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer"

static bool
check_oauth2_use(struct schema_reader *r, const struct yaml_node *n, const struct config_http *h)
{
    const struct config_oauth2 *o = h->oauth2;
    if (h->basic_auth != NULL)
        return schema_fail(r, n, "at most one of basic_auth, oauth2 & authorization must be "
                                 "configured");
    if (o->client_id.n == 0)
        return schema_fail(r, n, "oauth2 client_id must be configured");
    if (o->token_url.n == 0)
        return schema_fail(r, n, "oauth2 token_url must be configured");
    if (!str_eq(o->grant_type, STRL(JWT_BEARER))) {
        if (count3(o->client_secret, o->client_secret_file, o->client_secret_ref) > 1)
            return schema_fail(r, n, "at most one of oauth2 client_secret, client_secret_file & "
                                     "client_secret_ref must be configured using "
                                     "grant-type=client_credentials");
        return true;
    }
    if (count3(o->client_certificate_key, o->client_certificate_key_file,
               o->client_certificate_key_ref) > 1)
        return schema_fail(r, n, "at most one of oauth2 client_certificate_key, "
                                 "client_certificate_key_file & client_certificate_key_ref must be "
                                 "configured using grant-type=" JWT_BEARER);
    str alg = o->signature_algorithm;
    if (alg.n > 0 && !str_eq(alg, STRL("RS256")) && !str_eq(alg, STRL("RS384")) &&
        !str_eq(alg, STRL("RS512")))
        return schema_fail(r, n, "valid signature algorithms are RS256, RS384 and RS512");
    return true;
}

bool
config_http_check(struct schema_reader *r, const struct yaml_node *n, struct config_http *h)
{
    bool bearer = h->bearer_token.n > 0 || h->bearer_token_file.n > 0;
    if (h->bearer_token.n > 0 && h->bearer_token_file.n > 0)
        return schema_fail(r, n, "at most one of bearer_token & bearer_token_file must be "
                                 "configured");
    if ((h->basic_auth != NULL || h->oauth2 != NULL) && bearer)
        return schema_fail(r, n, "at most one of basic_auth, oauth2, bearer_token & "
                                 "bearer_token_file must be configured");
    if (h->basic_auth != NULL && !check_basic_auth(r, n, h))
        return false;
    if (h->authorization != NULL) {
        if (!check_authorization(r, n, h))
            return false;
    } else {
        adopt_bearer(r, h);
    }
    if (h->oauth2 != NULL && !check_oauth2_use(r, n, h))
        return false;
    return check_proxy(r, n, &h->proxy) &&
           (h->headers == NULL || check_headers(r, n, h->headers));
}

/* Relative paths. */

static void
join(struct arena *a, str dir, str *path)
{
    *path = config_join_dir(a, dir, *path);
}

void
config_tls_set_dir(struct config_tls *t, struct arena *a, str dir)
{
    join(a, dir, &t->ca_file);
    join(a, dir, &t->cert_file);
    join(a, dir, &t->key_file);
}

void
config_http_set_dir(struct config_http *h, struct arena *a, str dir)
{
    config_tls_set_dir(&h->tls, a, dir);
    if (h->basic_auth != NULL) {
        join(a, dir, &h->basic_auth->username_file);
        join(a, dir, &h->basic_auth->password_file);
    }
    if (h->authorization != NULL)
        join(a, dir, &h->authorization->credentials_file);
    if (h->oauth2 != NULL) {
        join(a, dir, &h->oauth2->client_secret_file);
        config_tls_set_dir(&h->oauth2->tls, a, dir);
    }
    if (h->headers != NULL)
        for (size_t i = 0; i < h->headers->list.n; i++)
            for (size_t k = 0; k < h->headers->list.v[i].files.n; k++)
                join(a, dir, &h->headers->list.v[i].files.v[k]);
    join(a, dir, &h->bearer_token_file);
}

/* AWS request signing. */

static bool
check_sigv4(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_sigv4 *s = obj;
    if ((s->access_key.n == 0) != (s->secret_key.n == 0))
        return schema_fail(r, n, "must provide a AWS SigV4 Access key and Secret Key if credentials "
                                 "are specified in the SigV4 config");
    if (s->external_id.n > 0 && s->role_arn.n == 0)
        return schema_fail(r, n, "external_id can only be used with role_arn");
    return true;
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_sigv4, name, member, t, __VA_ARGS__)
static const struct schema_field sigv4_fields[] = {
    F("region", region, schema_str, OMIT),
    F("access_key", access_key, schema_str, OMIT),
    F("secret_key", secret_key, schema_secret, OMIT),
    F("profile", profile, schema_str, OMIT),
    F("role_arn", role_arn, schema_str, OMIT),
    F("external_id", external_id, schema_str, OMIT),
    F("use_fips_sts_endpoint", use_fips_sts_endpoint, schema_bool, OMIT),
    F("service_name", service_name, schema_str, OMIT),
};
#undef F
const struct schema schema_sigv4 = {
    .go = "sigv4.plain",
    .size = sizeof(struct config_sigv4),
    .fields = sigv4_fields,
    .fields_n = ARRAY_LEN(sigv4_fields),
    .check = check_sigv4,
};
