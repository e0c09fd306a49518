#include "storage/block.h"

#include "base/mem.h"
#include "base/panic.h"
#include "storage/block_priv.h"
#include "storage/merge.h"

bool
block_guarded(struct block_call *c, void (*fn)(void *call))
{
    c->good = false;
    if (!io_map_guard_run(fn, c))
        return err_set(c->e, ERR_IO, "block %s: a file shrank while it was read", c->b->meta.ulid);
    if (!c->good)
        err_prefix(c->e, "block %s: ", c->b->meta.ulid);
    return c->good;
}

/* Opening and closing. */

static void
open_index(void *arg)
{
    struct block_call *c = arg;
    struct block *b = c->b;
    c->good = index_open(&b->index, STR(b->index_map.p, b->index_map.n), c->e);
}

static uint64_t
file_size(const char *dir, const char *name)
{
    char *path = io_join(dir, name);
    struct io_file *f = NULL;
    uint64_t size = 0;
    struct err e;
    if (io_exists(path) && io_open(&f, path, IO_READ, &e)) {
        if (!io_size(f, &size, &e))
            size = 0;
        io_close(&f);
    }
    mem_free(path);
    return size;
}

static bool
open_files(struct block *b, struct err *e)
{
    char *path = io_join(b->dir, "index");
    bool good = io_map_open(&b->index_map, path, e);
    mem_free(path);
    if (!good || !chunks_open(&b->chunks, b->dir, e) || !tombstones_read(b->dir, &b->stones, e))
        return false;
    b->stones_n = tombstones_count(b->stones);
    b->files_bytes = b->index_map.n + b->chunks.bytes;
    struct block_call c = {.b = b, .e = e};
    return block_guarded(&c, open_index);
}

static void
block_free(struct block *b)
{
    index_close(&b->index);
    chunks_close(&b->chunks);
    io_map_close(&b->index_map);
    tombstones_free(&b->stones);
    block_meta_fini(&b->meta);
    mutex_fini(&b->mu);
    mem_free(b->dir);
    b->magic = 0;
    mem_free(b);
}

bool
block_open(struct block **out, const char *dir, struct err *e)
{
    struct block_meta meta;
    if (!block_meta_read(dir, &meta, e))
        return false;
    struct block *b = MEM_NEW(struct block);
    b->magic = BLOCK_MAGIC;
    b->refs = 1;
    b->meta = meta;
    b->dir = mem_cstr(str_of(dir));
    mutex_init(&b->mu, LOCK_LEAF);
    if (!open_files(b, e)) {
        block_free(b);
        return false;
    }
    *out = b;
    return true;
}

struct block *
block_ref(struct block *b)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    unsigned before = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    CHECK(before > 0);
    return b;
}

void
block_unref(struct block **bp)
{
    struct block *b = *bp;
    *bp = NULL;
    if (b == NULL)
        return;
    CHECK_MAGIC(b, BLOCK_MAGIC);
    if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        block_free(b);
}

const struct block_meta *
block_meta(const struct block *b)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    return &b->meta;
}

const char *
block_dir(const struct block *b)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    return b->dir;
}

uint64_t
block_size_bytes(const struct block *b)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    return b->files_bytes + file_size(b->dir, "meta.json") + file_size(b->dir, "tombstones");
}

uint64_t
block_tombstones(const struct block *b)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    return b->stones_n;
}

/* Postings. */

struct postings_call {
    struct block_call c;
    const struct matcher *m;
    size_t n;
    struct arena *a;
    uint32_t **out;
    size_t *out_n;
};

static void
call_postings(void *arg)
{
    struct postings_call *p = arg;
    p->c.good = block_match(p->c.b, p->m, p->n, p->a, p->out, p->out_n, p->c.e);
}

bool
block_postings(struct block *b, const struct matcher *m, size_t n, struct arena *a, uint32_t **out,
               size_t *out_n, struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct postings_call p = {
        .c = {.b = b, .e = e}, .m = m, .n = n, .a = a, .out = out, .out_n = out_n};
    return block_guarded(&p.c, call_postings);
}

/* Series. */

struct series_call {
    struct block_call c;
    uint32_t ref;
    int64_t mint, maxt;
    struct arena *a;
    struct block_series *out;
};

static bool
read_labels(const struct block_index *x, struct index_entry *entry, struct arena *a,
            struct labels *out, struct err *e)
{
    struct label *l = ARENA_ARRAY(a, struct label, entry->labels_n);
    for (size_t i = 0; i < entry->labels_n; i++)
        if (!index_entry_label(x, &entry->labels, &l[i], e))
            return false;
    *out = (struct labels){l, entry->labels_n};
    return true;
}

static bool
read_chunk_list(struct index_entry *entry, int64_t mint, int64_t maxt, struct arena *a,
                struct block_series *out, struct err *e)
{
    struct block_chunk c = {.ref = 0};
    size_t cap = 0;
    for (size_t i = 0; i < entry->chunks_n; i++) {
        if (!index_entry_chunk(&entry->chunks, i == 0, &c, e))
            return false;
        if (c.mint > maxt)
            break;
        if (c.maxt < mint)
            continue;
        arena_grow(a, &out->chunks, &cap, out->chunks_n + 1, sizeof *out->chunks);
        out->chunks[out->chunks_n++] = c;
    }
    return true;
}

static void
call_series(void *arg)
{
    struct series_call *s = arg;
    const struct block_index *x = &s->c.b->index;
    struct index_entry entry;
    *s->out = (struct block_series){.ref = s->ref};
    s->c.good = index_entry(x, s->ref, &entry, s->c.e) &&
                read_labels(x, &entry, s->a, &s->out->labels, s->c.e) &&
                read_chunk_list(&entry, s->mint, s->maxt, s->a, s->out, s->c.e);
}

bool
block_series_get(struct block *b, uint32_t ref, int64_t mint, int64_t maxt, struct arena *a,
                 struct block_series *out, struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct series_call s = {
        .c = {.b = b, .e = e}, .ref = ref, .mint = mint, .maxt = maxt, .a = a, .out = out};
    return block_guarded(&s.c, call_series);
}

struct intervals
block_deleted(struct block *b, uint32_t ref, struct arena *a)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct intervals out = {.n = 0};
    if (b->stones_n == 0)
        return out;
    mutex_lock(&b->mu);
    struct intervals iv = tombstones_get(b->stones, ref);
    if (iv.n > 0) {
        struct interval *v = ARENA_ARRAY(a, struct interval, iv.n);
        memcpy(v, iv.v, iv.n * sizeof *v);
        out = (struct intervals){.v = v, .n = iv.n};
    }
    mutex_unlock(&b->mu);
    return out;
}

/* Samples. */

struct read_call {
    struct block_call c;
    const struct block_series *s;
    int64_t mint, maxt;
    struct arena *a;
    struct column *out;
};

static bool
read_chunk(const struct block *b, const struct block_chunk *c, const struct read_call *r,
           int64_t mint, struct column *out, struct err *e)
{
    enum chunk_encoding encoding;
    str data;
    return chunks_get(&b->chunks, c->ref, &encoding, &data, e) &&
           chunk_decode(encoding, data, mint, r->maxt, r->a, out, e);
}

static bool
wanted(const struct block_chunk *c, const struct read_call *r)
{
    return c->mint <= r->maxt && c->maxt >= r->mint;
}

static bool
read_in_order(struct read_call *r)
{
    size_t from = r->out->n;
    for (size_t i = 0; i < r->s->chunks_n; i++) {
        const struct block_chunk *c = &r->s->chunks[i];
        if (!wanted(c, r))
            continue;
        /* Whatever the chunks hold, the column ascends. */
        int64_t mint = r->mint;
        if (r->out->n > from) {
            int64_t last = r->out->t[r->out->n - 1];
            if (last == INT64_MAX)
                return true;
            mint = MAX(mint, last + 1);
        }
        if (!read_chunk(r->c.b, c, r, mint, r->out, r->c.e))
            return false;
    }
    return true;
}

static bool
read_overlapping(struct read_call *r)
{
    struct column *cols = ARENA_ZARRAY(r->a, struct column, r->s->chunks_n);
    const struct column **in = ARENA_ARRAY(r->a, const struct column *, r->s->chunks_n);
    size_t n = 0;
    for (size_t i = 0; i < r->s->chunks_n; i++) {
        if (!wanted(&r->s->chunks[i], r))
            continue;
        if (!read_chunk(r->c.b, &r->s->chunks[i], r, r->mint, &cols[n], r->c.e))
            return false;
        in[n] = &cols[n];
        n++;
    }
    column_merge(r->a, in, n, r->out);
    return true;
}

static uint64_t
claimed_samples(const struct block *b, const struct block_series *s, int64_t mint, int64_t maxt)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->chunks_n; i++)
        if (s->chunks[i].mint <= maxt && s->chunks[i].maxt >= mint)
            n += chunks_samples(&b->chunks, s->chunks[i].ref);
    return n;
}

static void
call_read(void *arg)
{
    struct read_call *r = arg;
    bool overlap = false;
    for (size_t i = 1; i < r->s->chunks_n; i++)
        overlap |= r->s->chunks[i].mint <= r->s->chunks[i - 1].maxt;
    r->c.good = overlap ? read_overlapping(r) : read_in_order(r);
}

bool
block_read(struct block *b, const struct block_series *s, int64_t mint, int64_t maxt,
           struct arena *a, struct column *out, struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    size_t from = out->n;
    struct read_call r = {
        .c = {.b = b, .e = e}, .s = s, .mint = mint, .maxt = maxt, .a = a, .out = out};
    if (!block_guarded(&r.c, call_read)) {
        out->n = from;
        return false;
    }
    if (b->stones_n > 0)
        intervals_apply(block_deleted(b, s->ref, a), out, from);
    return true;
}

struct estimate_call {
    struct block_call c;
    const struct block_series *s;
    int64_t mint, maxt;
    uint64_t n;
};

static void
call_estimate(void *arg)
{
    struct estimate_call *x = arg;
    x->n = claimed_samples(x->c.b, x->s, x->mint, x->maxt);
    x->c.good = true;
}

uint64_t
block_estimate(struct block *b, const struct block_series *s, int64_t mint, int64_t maxt)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct err e;
    struct estimate_call x = {.c = {.b = b, .e = &e}, .s = s, .mint = mint, .maxt = maxt};
    return block_guarded(&x.c, call_estimate) ? x.n : 0;
}

struct chunk_call {
    struct block_call c;
    const struct block_chunk *chunk;
    enum chunk_encoding *encoding;
    str *data;
};

static void
call_chunk(void *arg)
{
    struct chunk_call *x = arg;
    x->c.good = chunks_get(&x->c.b->chunks, x->chunk->ref, x->encoding, x->data, x->c.e);
}

bool
block_chunk_get(struct block *b, const struct block_chunk *c, enum chunk_encoding *encoding,
                str *data, struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct chunk_call x = {.c = {.b = b, .e = e}, .chunk = c, .encoding = encoding, .data = data};
    return block_guarded(&x.c, call_chunk);
}
