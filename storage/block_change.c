/* block_change.c - the little that changes beside a block: tombstones and marks. */
#include "base/mem.h"
#include "base/panic.h"
#include "storage/block_priv.h"

static bool
add_stone(struct block *b, uint32_t ref, int64_t mint, int64_t maxt, struct tombstones *t,
          struct arena *a, struct err *e)
{
    struct block_series s;
    if (!block_series_get(b, ref, INT64_MIN, INT64_MAX, a, &s, e))
        return false;
    if (s.chunks_n == 0)
        return true;
    /* Within what there is and not beyond, and only if some chunk is touched. */
    int64_t from = MAX(mint, s.chunks[0].mint), to = MIN(maxt, s.chunks[s.chunks_n - 1].maxt);
    for (size_t i = 0; i < s.chunks_n; i++)
        if (s.chunks[i].mint <= maxt && s.chunks[i].maxt >= mint) {
            tombstones_add(t, ref, from, to);
            break;
        }
    return true;
}

static bool
add_stones(struct block *b, const uint32_t *refs, size_t n, struct interval deleted,
           struct tombstones *t, struct err *e)
{
    struct arena *a = arena_new();
    bool good = true;
    for (size_t i = 0; i < n && good; i++) {
        good = add_stone(b, refs[i], deleted.mint, deleted.maxt, t, a, e);
        arena_clear(a);
    }
    arena_free(&a);
    return good;
}

static void
swap_stones(struct block *b, struct tombstones *t)
{
    mutex_lock(&b->mu);
    struct tombstones *old = b->stones;
    b->stones = t;
    b->stones_n = tombstones_count(t);
    mutex_unlock(&b->mu);
    tombstones_free(&old);
}

bool
block_delete(struct block *b, const struct matcher *m, size_t n, int64_t mint, int64_t maxt,
             struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct arena *a = arena_new();
    uint32_t *refs;
    size_t refs_n;
    /* Only this caller changes the set, so reading it needs no lock. */
    struct tombstones *t = tombstones_copy(b->stones);
    bool good = mint <= maxt && block_postings(b, m, n, a, &refs, &refs_n, e) &&
                add_stones(b, refs, refs_n, (struct interval){mint, maxt}, t, e);
    bool nothing = mint > maxt || (good && tombstones_count(t) == b->stones_n && refs_n == 0);
    arena_free(&a);
    if (nothing || !good) {
        tombstones_free(&t);
        return nothing;
    }
    if (!tombstones_write(t, b->dir, e)) {
        tombstones_free(&t);
        return false;
    }
    /* The tombstones decide; meta.json only counts them, so it comes second. */
    swap_stones(b, t);
    b->meta.tombstones = b->stones_n;
    return block_meta_write(&b->meta, b->dir, e);
}

bool
block_mark(struct block *b, bool failed, bool deletable, struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    b->meta.failed = failed;
    b->meta.deletable = deletable;
    return block_meta_write(&b->meta, b->dir, e);
}

/* Reading every byte. */

static void
verify_lists(void *arg)
{
    struct block_call *c = arg;
    const struct block_index *x = &c->b->index;
    c->good = true;
    for (size_t i = 0; i < x->names_n && c->good; i++) {
        struct index_values v = index_values(x, &x->names[i], STR_EMPTY);
        str value;
        uint64_t offset;
        while (c->good && index_values_next(&v, &value, &offset)) {
            struct index_list l;
            c->good = index_list(x, offset, &l, c->e);
        }
    }
}

static bool
verify_series(struct block *b, uint32_t ref, struct arena *a, struct err *e)
{
    struct block_series s;
    if (!block_series_get(b, ref, INT64_MIN, INT64_MAX, a, &s, e))
        return false;
    for (size_t i = 0; i < s.chunks_n; i++) {
        enum chunk_encoding encoding;
        str data;
        struct column col = {.n = 0};
        if (!block_chunk_get(b, &s.chunks[i], &encoding, &data, e) ||
            !chunk_decode(encoding, data, INT64_MIN, INT64_MAX, a, &col, e))
            return false;
        if (col.n == 0 || col.t[0] != s.chunks[i].mint || col.t[col.n - 1] != s.chunks[i].maxt)
            return err_set(e, ERR_CORRUPT, "block %s: a chunk's times are not those of the index",
                           b->meta.ulid);
    }
    return true;
}

bool
block_verify(struct block *b, struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct block_call c = {.b = b, .e = e};
    if (!block_guarded(&c, verify_lists))
        return false;
    struct arena *all = arena_new(), *a = arena_new();
    uint32_t *refs;
    size_t n;
    bool good = block_postings(b, NULL, 0, all, &refs, &n, e);
    for (size_t i = 0; good && i < n; i++) {
        good = verify_series(b, refs[i], a, e);
        arena_clear(a);
    }
    if (good && n != b->meta.series)
        good = err_set(e, ERR_CORRUPT, "block %s: %zu series, meta.json says %llu", b->meta.ulid, n,
                       (unsigned long long)b->meta.series);
    arena_free(&a);
    arena_free(&all);
    return good;
}
