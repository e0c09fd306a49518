#include "storage/tombstone.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/panic.h"

#define TOMBSTONE_MAGIC 0x0130ba30u
#define TOMBSTONE_VERSION 1
#define TOMBSTONE_HEADER_BYTES 5
#define TOMBSTONE_FILE_MAX (1u << 30)

struct stone {
    uint64_t ref;
    struct interval *v; /* owned; sorted, disjoint, not touching */
    size_t n, cap;
};
/* Sorted by ref: deletions come in that order, so adding is mostly appending. */
struct tombstones {
    unsigned magic;
#define TOMBSTONES_MAGIC 0x9d2f5b11
    struct stone *v;
    size_t n, cap;
    size_t intervals;
};

struct tombstones *
tombstones_new(void)
{
    struct tombstones *t = MEM_NEW(struct tombstones);
    t->magic = TOMBSTONES_MAGIC;
    return t;
}

struct tombstones *
tombstones_copy(const struct tombstones *from)
{
    CHECK_MAGIC(from, TOMBSTONES_MAGIC);
    struct tombstones *t = tombstones_new();
    t->v = MEM_ARRAY(struct stone, MAX(from->n, 1));
    t->n = t->cap = from->n;
    t->intervals = from->intervals;
    for (size_t i = 0; i < t->n; i++) {
        const struct stone *s = &from->v[i];
        t->v[i] = (struct stone){.ref = s->ref, .n = s->n, .cap = s->n};
        t->v[i].v = MEM_ARRAY(struct interval, s->n);
        memcpy(t->v[i].v, s->v, s->n * sizeof *s->v);
    }
    return t;
}

void
tombstones_free(struct tombstones **tp)
{
    struct tombstones *t = *tp;
    if (t == NULL)
        return;
    CHECK_MAGIC(t, TOMBSTONES_MAGIC);
    for (size_t i = 0; i < t->n; i++)
        mem_free(t->v[i].v);
    mem_free(t->v);
    t->magic = 0;
    mem_free(t);
    *tp = NULL;
}

/* Position of the first stone whose ref is not below. */
static size_t
find(const struct tombstones *t, uint64_t ref)
{
    size_t lo = 0, hi = t->n;
    if (hi > 0 && t->v[hi - 1].ref < ref)
        return hi;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->v[mid].ref < ref)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct stone *
stone_of(struct tombstones *t, uint64_t ref)
{
    size_t at = find(t, ref);
    if (at < t->n && t->v[at].ref == ref)
        return &t->v[at];
    mem_grow(&t->v, &t->cap, t->n + 1, sizeof *t->v);
    memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof *t->v);
    t->v[at] = (struct stone){.ref = ref};
    t->n++;
    return &t->v[at];
}

/* True if a ends before b begins, with room between. */
static bool
apart(struct interval a, struct interval b)
{
    return a.maxt < b.mint && b.mint - 1 > a.maxt;
}

void
tombstones_add(struct tombstones *t, uint64_t ref, int64_t mint, int64_t maxt)
{
    CHECK_MAGIC(t, TOMBSTONES_MAGIC);
    CHECK(mint <= maxt);
    struct stone *s = stone_of(t, ref);
    struct interval x = {mint, maxt};
    size_t from = 0;
    while (from < s->n && apart(s->v[from], x))
        from++;
    size_t to = from;
    for (; to < s->n && !apart(x, s->v[to]); to++) {
        x.mint = MIN(x.mint, s->v[to].mint);
        x.maxt = MAX(x.maxt, s->v[to].maxt);
    }
    if (to == from)
        mem_grow(&s->v, &s->cap, s->n + 1, sizeof *s->v);
    memmove(&s->v[from + 1], &s->v[to], (s->n - to) * sizeof *s->v);
    t->intervals = t->intervals + 1 - (to - from);
    s->n = s->n + 1 - (to - from);
    s->v[from] = x;
}

static void
remove_at(struct tombstones *t, size_t at)
{
    t->intervals -= t->v[at].n;
    mem_free(t->v[at].v);
    memmove(&t->v[at], &t->v[at + 1], (t->n - at - 1) * sizeof *t->v);
    t->n--;
}

void
tombstones_remove(struct tombstones *t, uint64_t ref)
{
    CHECK_MAGIC(t, TOMBSTONES_MAGIC);
    size_t at = find(t, ref);
    if (at < t->n && t->v[at].ref == ref)
        remove_at(t, at);
}

void
tombstones_truncate(struct tombstones *t, int64_t before)
{
    CHECK_MAGIC(t, TOMBSTONES_MAGIC);
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct stone s = t->v[i];
        size_t gone = 0;
        while (gone < s.n && s.v[gone].maxt < before)
            gone++;
        t->intervals -= gone;
        s.n -= gone;
        memmove(s.v, s.v + gone, s.n * sizeof *s.v);
        if (s.n > 0)
            t->v[kept++] = s;
        else
            mem_free(s.v);
    }
    t->n = kept;
}

struct intervals
tombstones_get(const struct tombstones *t, uint64_t ref)
{
    CHECK_MAGIC(t, TOMBSTONES_MAGIC);
    size_t at = find(t, ref);
    if (at == t->n || t->v[at].ref != ref)
        return (struct intervals){.n = 0};
    return (struct intervals){.v = t->v[at].v, .n = t->v[at].n};
}

size_t
tombstones_count(const struct tombstones *t)
{
    CHECK_MAGIC(t, TOMBSTONES_MAGIC);
    return t->intervals;
}

void
tombstones_each(const struct tombstones *t,
                void (*fn)(void *arg, uint64_t ref, struct intervals iv), void *arg)
{
    CHECK_MAGIC(t, TOMBSTONES_MAGIC);
    for (size_t i = 0; i < t->n; i++)
        fn(arg, t->v[i].ref, (struct intervals){.v = t->v[i].v, .n = t->v[i].n});
}

void
tombstones_encode(const struct tombstones *t, struct buf *out)
{
    CHECK_MAGIC(t, TOMBSTONES_MAGIC);
    enc_u32_be(out, TOMBSTONE_MAGIC);
    enc_u8(out, TOMBSTONE_VERSION);
    size_t from = out->n;
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->v[i].n; k++) {
            enc_uvarint(out, t->v[i].ref);
            enc_varint(out, t->v[i].v[k].mint);
            enc_varint(out, t->v[i].v[k].maxt);
        }
    enc_u32_be(out, crc32c(0, STR(out->p + from, out->n - from)));
}

bool
tombstones_decode(str image, struct tombstones **out, struct err *e)
{
    if (image.n < TOMBSTONE_HEADER_BYTES + 4)
        return err_set(e, ERR_CORRUPT, "tombstones of %zu bytes are too short", image.n);
    struct dec d = dec_of(STR(image.p, image.n - 4));
    struct dec tail = dec_of(str_from(image, image.n - 4));
    uint32_t magic = dec_u32_be(&d);
    unsigned version = dec_u8(&d);
    if (magic != TOMBSTONE_MAGIC)
        return err_set(e, ERR_CORRUPT, "tombstones: invalid magic number %x", magic);
    if (version != TOMBSTONE_VERSION)
        return err_set(e, ERR_CORRUPT, "invalid tombstone format %x", version);
    if (crc32c(0, STR(d.p, dec_left(&d))) != dec_u32_be(&tail))
        return err_set(e, ERR_CORRUPT, "tombstones: checksum did not match");
    struct tombstones *t = tombstones_new();
    bool good = true;
    while (good && dec_left(&d) > 0) {
        uint64_t ref = dec_uvarint(&d);
        int64_t mint = dec_varint(&d), maxt = dec_varint(&d);
        good = !d.bad && mint <= maxt;
        if (good)
            tombstones_add(t, ref, mint, maxt);
    }
    if (!good) {
        tombstones_free(&t);
        return err_set(e, ERR_CORRUPT, "tombstones: an entry makes no sense");
    }
    *out = t;
    return true;
}

bool
tombstones_read(const char *dir, struct tombstones **out, struct err *e)
{
    char *path = io_join(dir, "tombstones");
    struct buf b = {0};
    bool good = true;
    if (!io_exists(path))
        *out = tombstones_new();
    else
        good =
            io_read_file(path, TOMBSTONE_FILE_MAX, &b, e) && tombstones_decode(buf_str(&b), out, e);
    buf_free(&b);
    mem_free(path);
    return good;
}

bool
tombstones_write(const struct tombstones *t, const char *dir, struct err *e)
{
    struct buf b = {0};
    tombstones_encode(t, &b);
    char *path = io_join(dir, "tombstones");
    bool good = io_replace(path, buf_str(&b), e);
    mem_free(path);
    buf_free(&b);
    return good;
}

bool
intervals_cover(struct intervals iv, int64_t mint, int64_t maxt)
{
    for (size_t i = 0; i < iv.n; i++)
        if (iv.v[i].mint <= mint && maxt <= iv.v[i].maxt)
            return true;
    return false;
}

bool
intervals_touch(struct intervals iv, int64_t mint, int64_t maxt)
{
    for (size_t i = 0; i < iv.n; i++)
        if (iv.v[i].mint <= maxt && mint <= iv.v[i].maxt)
            return true;
    return false;
}

static void
move_row(struct column *c, size_t to, size_t from)
{
    c->t[to] = c->t[from];
    c->v[to] = c->v[from];
    if (c->h != NULL)
        c->h[to] = c->h[from];
    if (c->st != NULL)
        c->st[to] = c->st[from];
}

void
intervals_apply(struct intervals iv, struct column *c, size_t from)
{
    size_t kept = from, k = 0;
    for (size_t i = from; i < c->n; i++) {
        while (k < iv.n && iv.v[k].maxt < c->t[i])
            k++;
        bool deleted = k < iv.n && iv.v[k].mint <= c->t[i];
        if (!deleted)
            move_row(c, kept++, i);
    }
    c->n = kept;
}
