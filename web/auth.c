#include "web/auth.h"

#include <crypt.h>

#include "base/clock.h"
#include "base/compress.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/rng.h"
#include "base/sync.h"
#include "base/yaml.h"

#define CACHE_SLOTS 1024
#define CACHE_MS (5 * 60 * 1000)
#define FILE_BYTES_MAX (4u << 20)
/* Checked when the user is unknown, so that the answer takes as long: bcrypt of a random
 * password at cost 10, the cost Prometheus' documentation uses. */
#define DUMMY_HASH "$2b$10$abcdefghijklmnopqrstuuCq0tUqnW3mVcC5f1sXhVzR0gQKXb9Ra"

struct user {
    char *name, *hash;
};

struct auth {
    unsigned magic;
#define AUTH_MAGIC 0x61f2b7d8
    /* fixed after load */
    struct user *users;
    size_t users_n;
    struct buf cert, key, client_ca;
    uint8_t secret[32]; /* keys the cache: it holds no password and no plain hash of one */

    struct mutex mu;
    struct {
        uint8_t digest[32];
        int64_t until_ms;
    } cache[CACHE_SLOTS]; /* under mu */
    struct mutex bcrypt;  /* one hash at a time: a password flood must not take all cores */
};

static bool
read_pem(const struct yaml_node *map, const char *key, const char *dir, struct buf *out, struct err *e)
{
    const struct yaml_node *n = yaml_get(map, key);

    if (yaml_is_null(n))
        return true;
    char *name = mem_cstr(n->text);
    char *path = name[0] == '/' ? mem_cstr(n->text) : io_join(dir, name);
    bool ok = io_read_file(path, FILE_BYTES_MAX, out, e);
    if (ok)
        buf_cstr(out);
    else
        err_prefix(e, "tls_server_config.%s: ", key);
    mem_free(name);
    mem_free(path);
    return ok;
}

static bool
read_tls(struct auth *a, const struct yaml_node *tls, const char *dir, struct err *e)
{
    if (yaml_is_null(tls))
        return true;
    if (!read_pem(tls, "cert_file", dir, &a->cert, e) || !read_pem(tls, "key_file", dir, &a->key, e) ||
        !read_pem(tls, "client_ca_file", dir, &a->client_ca, e))
        return false;
    if ((a->cert.n == 0) != (a->key.n == 0))
        return err_set(e, ERR_CONFIG, "tls_server_config: %s is missing",
                       a->cert.n ? "key_file" : "cert_file");
    return true;
}

static bool
read_users(struct auth *a, const struct yaml_node *users, struct err *e)
{
    if (yaml_is_null(users))
        return true;
    if (users->type != YAML_MAP)
        return err_set(e, ERR_CONFIG, "line %d: basic_auth_users: want a map of user to bcrypt hash",
                       users->line);
    a->users = MEM_ARRAY(struct user, users->n);
    for (size_t i = 0; i < users->n; i++) {
        str hash = users->item[i]->text;
        if (!str_starts(hash, STRL("$2")) || hash.n != 60)
            return err_set(e, ERR_CONFIG,
                           "line %d: basic_auth_users: the password of user \"%.*s\" is not a bcrypt "
                           "hash ($2a$, $2b$, $2y$)",
                           users->item[i]->line, STR_ARG(users->key[i]->text));
        a->users[a->users_n].name = mem_cstr(users->key[i]->text);
        a->users[a->users_n++].hash = mem_cstr(hash);
    }
    return true;
}

static bool
known_keys(const struct yaml_node *root, struct err *e)
{
    static const char *const known[] = {"tls_server_config", "http_server_config", "basic_auth_users"};

    for (size_t i = 0; root->type == YAML_MAP && i < root->n; i++) {
        bool found = false;
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            found = found || str_eq(root->key[i]->text, str_of(known[k]));
        if (!found)
            return err_set(e, ERR_CONFIG, "line %d: field %.*s not found in type web.Config",
                           root->key[i]->line, STR_ARG(root->key[i]->text));
    }
    return true;
}

bool
auth_load(struct auth **out, const char *path, struct err *e)
{
    struct buf text = {0};
    struct yaml_doc *doc = NULL;

    *out = NULL;
    if (!path)
        return true;
    struct auth *a = MEM_NEW(struct auth);
    a->magic = AUTH_MAGIC;
    mutex_init(&a->mu, LOCK_LEAF);
    mutex_init(&a->bcrypt, LOCK_POOL);
    rng_secret(a->secret, sizeof a->secret);

    const char *slash = strrchr(path, '/');
    char *dir = slash ? mem_cstr(STR(path, (size_t)(slash - path) + 1)) : mem_cstr(STRL("."));
    bool ok = io_read_file(path, FILE_BYTES_MAX, &text, e) && yaml_parse(buf_str(&text), &doc, e);
    if (ok) {
        const struct yaml_node *root = yaml_root(doc);
        ok = known_keys(root, e) && read_tls(a, yaml_get(root, "tls_server_config"), dir, e) &&
             read_users(a, yaml_get(root, "basic_auth_users"), e);
    }
    if (!ok)
        err_prefix(e, "%s: ", path);
    yaml_free(&doc);
    buf_free(&text);
    mem_free(dir);
    if (!ok)
        auth_free(&a);
    *out = a;
    return ok;
}

void
auth_free(struct auth **out)
{
    struct auth *a = *out;

    if (!a)
        return;
    CHECK_MAGIC(a, AUTH_MAGIC);
    for (size_t i = 0; i < a->users_n; i++) {
        mem_free(a->users[i].name);
        mem_free(a->users[i].hash);
    }
    mem_free(a->users);
    explicit_bzero(a->key.p, a->key.n);
    buf_free(&a->cert);
    buf_free(&a->key);
    buf_free(&a->client_ca);
    mutex_fini(&a->mu);
    mutex_fini(&a->bcrypt);
    explicit_bzero(a->secret, sizeof a->secret);
    a->magic = 0;
    mem_free(a);
    *out = NULL;
}

/* Keyed digest of (hash, password): the cache's notion of "this was right". */
static void
digest_of(const struct auth *a, const char *hash, str password, uint8_t out[32])
{
    struct buf b = {0};

    buf_put(&b, STR(a->secret, sizeof a->secret));
    buf_put(&b, str_of(hash));
    buf_byte(&b, '\0');
    buf_put(&b, password);
    hash_sha256(buf_str(&b), out);
    explicit_bzero(b.p, b.n);
    buf_free(&b);
}

static bool
cache_knows(struct auth *a, const uint8_t digest[32])
{
    size_t slot = (digest[0] | digest[1] << 8) % CACHE_SLOTS;

    mutex_lock(&a->mu);
    bool hit = a->cache[slot].until_ms > clock_mono_ms() && memcmp(a->cache[slot].digest, digest, 32) == 0;
    mutex_unlock(&a->mu);
    return hit;
}

static void
cache_add(struct auth *a, const uint8_t digest[32])
{
    size_t slot = (digest[0] | digest[1] << 8) % CACHE_SLOTS;

    mutex_lock(&a->mu);
    memcpy(a->cache[slot].digest, digest, 32);
    a->cache[slot].until_ms = clock_mono_ms() + CACHE_MS;
    mutex_unlock(&a->mu);
}

static bool
bcrypt_matches(struct auth *a, const char *hash, str password)
{
    struct crypt_data *data = MEM_NEW(struct crypt_data);
    char *text = mem_cstr(password);

    mutex_lock(&a->bcrypt);
    const char *made = crypt_r(text, hash, data);
    unsigned differ = !made || strlen(made) != strlen(hash);
    for (size_t i = 0; !differ && hash[i]; i++)
        differ |= (unsigned)(made[i] ^ hash[i]);
    mutex_unlock(&a->bcrypt);
    explicit_bzero(text, password.n);
    mem_free(text);
    mem_free(data);
    return !differ;
}

static bool
password_right(struct auth *a, str name, str password)
{
    const char *hash = NULL;
    uint8_t digest[32];

    for (size_t i = 0; i < a->users_n; i++)
        if (str_eq(str_of(a->users[i].name), name))
            hash = a->users[i].hash;
    digest_of(a, hash ? hash : DUMMY_HASH, password, digest);
    if (hash && cache_knows(a, digest))
        return true;
    bool right = bcrypt_matches(a, hash ? hash : DUMMY_HASH, password) && hash;
    if (right)
        cache_add(a, digest);
    return right;
}

bool
auth_allows(struct auth *a, struct req *req, struct resp *resp)
{
    struct buf plain = {0};
    bool allowed = false;

    if (!a || a->users_n == 0)
        return true;
    CHECK_MAGIC(a, AUTH_MAGIC);
    str header = req_header(req, "Authorization");
    if (str_starts(header, STRL("Basic ")) && base64_decode(str_from(header, 6), &plain)) {
        str pair = buf_str(&plain);
        ptrdiff_t colon = str_find_char(pair, ':', 0);
        if (colon >= 0)
            allowed = password_right(a, STR(pair.p, (size_t)colon), str_from(pair, (size_t)colon + 1));
    }
    buf_free(&plain);
    if (!allowed) {
        resp->status = 401;
        resp->content_type = "text/plain; charset=utf-8";
        buf_lit(&resp->body, "Unauthorized\n");
        resp_header(resp, "WWW-Authenticate", STRL("Basic"));
    }
    return allowed;
}

const char *
auth_tls_cert(const struct auth *a)
{
    return a && a->cert.n ? a->cert.p : NULL;
}

const char *
auth_tls_key(const struct auth *a)
{
    return a && a->key.n ? a->key.p : NULL;
}

const char *
auth_tls_client_ca(const struct auth *a)
{
    return a && a->client_ca.n ? a->client_ca.p : NULL;
}
