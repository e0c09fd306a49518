#include "model/labels.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/unicode.h"

static const struct label *
find(struct labels ls, str name)
{
    for (size_t i = 0; i < ls.n; i++)
        if (str_eq(ls.v[i].name, name))
            return &ls.v[i];
    return NULL;
}

str
labels_get(struct labels ls, str name)
{
    const struct label *l = find(ls, name);
    return l ? l->value : STR_EMPTY;
}

bool
labels_has(struct labels ls, str name)
{
    return find(ls, name) != NULL;
}

int
labels_cmp(struct labels a, struct labels b)
{
    size_t n = MIN(a.n, b.n);
    for (size_t i = 0; i < n; i++) {
        int c = str_cmp(a.v[i].name, b.v[i].name);
        if (c == 0)
            c = str_cmp(a.v[i].value, b.v[i].value);
        if (c != 0)
            return c;
    }
    return (a.n > b.n) - (a.n < b.n);
}

bool
labels_eq(struct labels a, struct labels b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (!str_eq(a.v[i].name, b.v[i].name) || !str_eq(a.v[i].value, b.v[i].value))
            return false;
    return true;
}

/* Order matters, so {a="b"} and {b="a"} differ. */
static uint64_t
hash_step(uint64_t h, const struct label *l)
{
    return hash_mix(hash_mix(h, hash64(l->name)), hash64(l->value));
}

uint64_t
labels_hash(struct labels ls)
{
    uint64_t h = 0;
    for (size_t i = 0; i < ls.n; i++)
        h = hash_step(h, &ls.v[i]);
    return h;
}

/* Lengths up to 254 take one byte, longer ones 255 and three bytes little-endian. */
static void
put_sized(struct buf *b, str s)
{
    if (s.n < 255) {
        buf_byte(b, (char)s.n);
    } else {
        buf_byte(b, (char)255);
        buf_byte(b, (char)(s.n & 255));
        buf_byte(b, (char)(s.n >> 8 & 255));
        buf_byte(b, (char)(s.n >> 16 & 255));
    }
    buf_put(b, s);
}

uint64_t
labels_hash_stable(struct labels ls)
{
    struct buf b = {0};
    for (size_t i = 0; i < ls.n; i++) {
        put_sized(&b, ls.v[i].name);
        put_sized(&b, ls.v[i].value);
    }
    uint64_t h = hash64_stable(buf_str(&b));
    buf_free(&b);
    return h;
}

static uint64_t
fnv_step(uint64_t h, str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * 1099511628211ull;
    return (h ^ 0xff) * 1099511628211ull;
}

uint64_t
labels_fingerprint(struct labels ls)
{
    uint64_t h = 14695981039346656037ull;
    for (size_t i = 0; i < ls.n; i++)
        h = fnv_step(fnv_step(h, ls.v[i].name), ls.v[i].value);
    return h;
}

uint64_t
labels_hash_for(struct labels ls, const str *names, size_t n)
{
    uint64_t h = 0;
    size_t j = 0;
    for (size_t i = 0; i < ls.n; i++) {
        while (j < n && str_cmp(names[j], ls.v[i].name) < 0)
            j++;
        if (j == n)
            break;
        if (str_eq(names[j], ls.v[i].name))
            h = hash_step(h, &ls.v[i]);
    }
    return h;
}

uint64_t
labels_hash_without(struct labels ls, const str *names, size_t n)
{
    uint64_t h = 0;
    size_t j = 0;
    for (size_t i = 0; i < ls.n; i++) {
        while (j < n && str_cmp(names[j], ls.v[i].name) < 0)
            j++;
        bool named = j < n && str_eq(names[j], ls.v[i].name);
        if (!named && !str_eq(ls.v[i].name, LABEL_NAME))
            h = hash_step(h, &ls.v[i]);
    }
    return h;
}

struct labels
labels_copy(struct arena *a, struct labels ls)
{
    struct label *v = ARENA_ARRAY(a, struct label, ls.n);
    for (size_t i = 0; i < ls.n; i++) {
        v[i].name = arena_str(a, ls.v[i].name);
        v[i].value = arena_str(a, ls.v[i].value);
    }
    return (struct labels){v, ls.n};
}

void
labels_put_quoted(struct buf *out, str s)
{
    unicode_put_quoted(out, s);
}

void
labels_put(struct buf *out, struct labels ls)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < ls.n; i++) {
        if (i > 0)
            buf_lit(out, ", ");
        if (label_name_legacy_valid(ls.v[i].name))
            buf_put(out, ls.v[i].name);
        else
            labels_put_quoted(out, ls.v[i].name);
        buf_byte(out, '=');
        labels_put_quoted(out, ls.v[i].value);
    }
    buf_byte(out, '}');
}

/* The order of the texts name="value": '=' ends a name, and some bytes come before it. */
static int
by_text(str a, str b)
{
    size_t n = MIN(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c != 0 || a.n == b.n)
        return c;
    return a.n < b.n ? '=' - (uint8_t)b.p[n] : (uint8_t)a.p[n] - '=';
}

void
labels_put_metric(struct buf *out, struct labels ls)
{
    const struct label *name = find(ls, LABEL_NAME), *last = NULL;
    size_t left = ls.n - (name != NULL);

    if (name)
        buf_put(out, name->value);
    if (name && left == 0)
        return;
    buf_byte(out, '{');
    for (; left > 0; left--) {
        const struct label *next = NULL; /* the first in text order behind the last one */
        for (size_t i = 0; i < ls.n; i++) {
            const struct label *l = &ls.v[i];
            if (l != name && (!last || by_text(l->name, last->name) > 0) &&
                (!next || by_text(l->name, next->name) < 0))
                next = l;
        }
        if (last)
            buf_lit(out, ", ");
        buf_put(out, next->name);
        buf_byte(out, '=');
        labels_put_quoted(out, next->value);
        last = next;
    }
    buf_byte(out, '}');
}

static bool
name_valid(str s, bool colon)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                  (c >= '0' && c <= '9' && i > 0) || (colon && c == ':');
        if (!ok)
            return false;
    }
    return s.n > 0;
}

bool
label_name_legacy_valid(str s)
{
    return name_valid(s, false);
}

bool
metric_name_legacy_valid(str s)
{
    return name_valid(s, true);
}

void
labels_builder_init(struct labels_builder *b, struct arena *a, struct labels base)
{
    b->a = a;
    b->n = 0;
    b->cap = base.n + 8;
    b->v = ARENA_ARRAY(a, struct label, b->cap);
    for (size_t i = 0; i < base.n; i++)
        if (base.v[i].value.n > 0)
            b->v[b->n++] = base.v[i];
    b->base_n = b->n;
}

static size_t
builder_find(const struct labels_builder *b, str name)
{
    size_t i = 0;
    while (i < b->n && !str_eq(b->v[i].name, name))
        i++;
    return i;
}

static void
builder_remove(struct labels_builder *b, size_t i)
{
    memmove(&b->v[i], &b->v[i + 1], (b->n - i - 1) * sizeof(b->v[0]));
    b->n--;
    if (i < b->base_n)
        b->base_n--;
}

str
labels_builder_get(const struct labels_builder *b, str name)
{
    size_t i = builder_find(b, name);
    return i < b->n ? b->v[i].value : STR_EMPTY;
}

void
labels_builder_del(struct labels_builder *b, str name)
{
    size_t i = builder_find(b, name);
    if (i < b->n)
        builder_remove(b, i);
}

void
labels_builder_set(struct labels_builder *b, str name, str value)
{
    if (value.n == 0) {
        labels_builder_del(b, name);
        return;
    }
    size_t i = builder_find(b, name);
    if (i < b->n && i >= b->base_n) {
        b->v[i].value = value;
        return;
    }
    if (i < b->n)
        builder_remove(b, i);
    if (b->n == b->cap)
        arena_grow(b->a, &b->v, &b->cap, b->n + 1, sizeof(b->v[0]));
    b->v[b->n++] = (struct label){name, value};
}

static int
by_name(const void *x, const void *y)
{
    return str_cmp(((const struct label *)x)->name, ((const struct label *)y)->name);
}

struct labels
labels_builder_done(struct labels_builder *b)
{
    struct label *v = ARENA_ARRAY(b->a, struct label, b->n);
    if (b->n > 0) /* never memcpy or qsort a NULL */
        memcpy(v, b->v, b->n * sizeof(v[0]));
    for (size_t i = 1; i < b->n; i++) {
        if (str_cmp(v[i - 1].name, v[i].name) > 0) {
            qsort(v, b->n, sizeof(v[0]), by_name);
            break;
        }
    }
    return (struct labels){v, b->n};
}
