#include "storage/block_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/panic.h"
#include "storage/block_chunks.h"
#include "storage/file_out.h"
#include "storage/index_write.h"
#include "storage/tombstone.h"

struct block_writer {
    unsigned magic;
#define BLOCK_WRITER_MAGIC 0x2f8ae951
    char *dir, *final, *tmp, *chunks_dir;
    struct block_meta meta;
    uint64_t segment_bytes;
    struct index_writer *index;
    struct file_out segment;
    unsigned segments;        /* opened so far */
    struct block_chunk *list; /* of the series being added */
    size_t list_cap;
    struct arena *scratch; /* of one block_writer_add_column */
    bool failed;
};

static bool
make_dir(const char *path, struct err *e)
{
    if (io_exists(path))
        return err_set(e, ERR_IO, "%s: exists already", path);
    return io_mkdir_all(path, e);
}

static int
compare_ulid(const void *x, const void *y)
{
    return memcmp(x, y, ULID_TEXT);
}

static void
unite_sources(struct block_meta *m, const struct block_write_opts *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->parents_n; i++)
        n += o->parents[i]->sources_n;
    m->sources = mem_array(MAX(n, 1), sizeof *m->sources);
    for (size_t i = 0; i < o->parents_n; i++) {
        const struct block_meta *p = o->parents[i];
        memcpy(m->sources + m->sources_n, p->sources, p->sources_n * sizeof *m->sources);
        m->sources_n += p->sources_n;
    }
    qsort(m->sources, n, sizeof *m->sources, compare_ulid);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || compare_ulid(m->sources[kept - 1], m->sources[i]) != 0)
            memmove(m->sources[kept++], m->sources[i], sizeof *m->sources);
    m->sources_n = kept;
}

static void
start_meta(struct block_meta *m, const struct block_write_opts *o)
{
    *m = (struct block_meta){.mint = o->mint,
                             .maxt = o->maxt,
                             .level = o->level ? o->level : 1,
                             .out_of_order = o->out_of_order,
                             .stale_series = o->stale_series,
                             .selected = o->selected};
    ulid_new(m->ulid);
    m->parents = MEM_ARRAY(struct block_desc, MAX(o->parents_n, 1));
    for (; m->parents_n < o->parents_n; m->parents_n++) {
        const struct block_meta *p = o->parents[m->parents_n];
        struct block_desc *d = &m->parents[m->parents_n];
        memcpy(d->ulid, p->ulid, sizeof d->ulid);
        d->mint = p->mint;
        d->maxt = p->maxt;
    }
    if (o->parents_n > 0 && !o->own_source) {
        unite_sources(m, o);
        return;
    }
    m->sources = mem_array(1, sizeof *m->sources);
    memcpy(m->sources[0], m->ulid, sizeof m->ulid);
    m->sources_n = 1;
}

bool
block_writer_begin(struct block_writer **out, const struct block_write_opts *o, struct err *e)
{
    *out = NULL;
    if (o->mint >= o->maxt)
        return err_set(e, ERR_CORRUPT, "a block from %lld to %lld spans no time",
                       (long long)o->mint, (long long)o->maxt);
    struct block_writer *w = MEM_NEW(struct block_writer);
    w->magic = BLOCK_WRITER_MAGIC;
    start_meta(&w->meta, o);
    w->segment_bytes = o->segment_bytes ? o->segment_bytes : BLOCK_SEGMENT_BYTES;
    w->dir = mem_cstr(str_of(o->dir));
    w->final = io_join(o->dir, w->meta.ulid);
    struct buf tmp = {0};
    buf_printf(&tmp, "%s%s", w->final, BLOCK_TMP_SUFFIX);
    w->tmp = mem_cstr(buf_str(&tmp));
    buf_free(&tmp);
    w->chunks_dir = io_join(w->tmp, "chunks");
    w->scratch = arena_new();
    *out = w;
    if (make_dir(w->tmp, e) && io_mkdir_all(w->chunks_dir, e) &&
        index_writer_open(&w->index, w->tmp,
                          o->postings_bytes ? o->postings_bytes : BLOCK_WRITER_POSTINGS_BYTES, e))
        return true;
    block_writer_abort(out);
    return false;
}

static void
writer_free(struct block_writer *w)
{
    index_writer_close(&w->index);
    file_out_close(&w->segment);
    block_meta_fini(&w->meta);
    arena_free(&w->scratch);
    mem_free(w->list);
    mem_free(w->dir);
    mem_free(w->final);
    mem_free(w->tmp);
    mem_free(w->chunks_dir);
    w->magic = 0;
    mem_free(w);
}

void
block_writer_abort(struct block_writer **wp)
{
    struct block_writer *w = *wp;
    *wp = NULL;
    if (w == NULL)
        return;
    CHECK_MAGIC(w, BLOCK_WRITER_MAGIC);
    file_out_close(&w->segment);
    w->segment = (struct file_out){.f = NULL};
    index_writer_close(&w->index);
    /* What cannot be removed now is removed when the database is opened. */
    struct err e;
    if (io_exists(w->tmp) && !io_remove_tree(w->tmp, &e))
        w->failed = true;
    writer_free(w);
}

/* Chunks. */

static bool
end_segment(struct block_writer *w, struct err *e)
{
    bool good = w->segment.f == NULL || file_out_end(&w->segment, true, e);
    file_out_close(&w->segment);
    w->segment = (struct file_out){.f = NULL};
    return good;
}

static bool
next_segment(struct block_writer *w, struct err *e)
{
    char name[16];
    if (!end_segment(w, e))
        return false;
    snprintf(name, sizeof name, "%06u", ++w->segments);
    char *path = io_join(w->chunks_dir, name);
    bool good = file_out_open(&w->segment, path, e);
    mem_free(path);
    if (!good)
        return false;
    file_out_u32_be(&w->segment, CHUNKS_MAGIC);
    file_out_put(&w->segment, STRL("\1\0\0\0"));
    return true;
}

static bool
put_chunk(struct block_writer *w, const struct block_writer_chunk *c, uint64_t *ref, struct err *e)
{
    if (c->data.n < 2 || c->data.n > CHUNK_BYTES_MAX || c->encoding == 0)
        return err_set(e, ERR_CORRUPT, "a chunk of %zu bytes makes no sense", c->data.n);
    uint64_t bytes = 5 + 1 + c->data.n + 4;
    if (w->segment.f == NULL || file_out_pos(&w->segment) + bytes > w->segment_bytes)
        if (!next_segment(w, e))
            return false;
    *ref = (uint64_t)(w->segments - 1) << 32 | file_out_pos(&w->segment);
    char encoding = (char)c->encoding;
    file_out_uvarint(&w->segment, c->data.n);
    file_out_crc_start(&w->segment);
    file_out_put(&w->segment, STR(&encoding, 1));
    file_out_put(&w->segment, c->data);
    file_out_crc_end(&w->segment);
    if (w->segment.failed)
        *e = w->segment.why;
    return !w->segment.failed;
}

static void
count_chunk(struct block_meta *m, const struct block_writer_chunk *c)
{
    unsigned n = chunk_samples(c->encoding, c->data);
    m->samples += n;
    if (chunk_is_histogram(c->encoding))
        m->histogram_samples += n;
    else
        m->float_samples += n;
}

static bool
add(struct block_writer *w, struct labels labels, const struct block_writer_chunk *c, size_t n,
    struct err *e)
{
    mem_grow(&w->list, &w->list_cap, n, sizeof *w->list);
    for (size_t i = 0; i < n; i++) {
        if (c[i].mint > c[i].maxt || (i > 0 && c[i].mint <= c[i - 1].maxt))
            return err_set(e, ERR_CORRUPT, "chunks of a series are out of order");
        w->list[i] = (struct block_chunk){.mint = c[i].mint, .maxt = c[i].maxt};
        if (!put_chunk(w, &c[i], &w->list[i].ref, e))
            return false;
        count_chunk(&w->meta, &c[i]);
    }
    w->meta.series++;
    w->meta.chunks += n;
    return index_writer_add(w->index, labels, w->list, n, e);
}

bool
block_writer_add(struct block_writer *w, struct labels labels, const struct block_writer_chunk *c,
                 size_t n, struct err *e)
{
    CHECK_MAGIC(w, BLOCK_WRITER_MAGIC);
    CHECK(!w->failed);
    if (n == 0)
        return true;
    w->failed = !add(w, labels, c, n, e);
    return !w->failed;
}

/* Columns to chunks. */

struct cutter {
    struct arena *a;
    struct block_writer_chunk *v;
    size_t n, cap;
};

static void
cut(struct cutter *k, enum chunk_encoding encoding, int64_t mint, int64_t maxt, str data)
{
    arena_grow(k->a, &k->v, &k->cap, k->n + 1, sizeof *k->v);
    k->v[k->n++] = (struct block_writer_chunk){encoding, mint, maxt, data};
}

/* Rows [from, to) are floats of at most one chunk. */
static void
cut_floats(struct cutter *k, const struct column *c, size_t from, size_t to, bool xor2)
{
    struct chunk_xor2 x;
    if (xor2)
        chunk_xor2_init(&x, NULL, 0);
    else
        chunk_xor_init(&x.x, NULL, 0);
    for (size_t i = from; i < to; i++) {
        if (xor2)
            chunk_xor2_put(&x, c->st ? c->st[i] : 0, c->t[i], c->v[i]);
        else
            chunk_xor_put(&x.x, c->t[i], c->v[i]);
    }
    size_t n = chunk_xor_size(&x.x);
    uint8_t *data = arena_alloc(k->a, n);
    if (xor2)
        chunk_xor2_copy(&x, data);
    else
        chunk_xor_copy(&x.x, data);
    mem_free(x.x.p);
    cut(k, xor2 ? CHUNK_XOR2 : CHUNK_XOR, c->t[from], c->t[to - 1], STR(data, n));
}

static bool
is_histogram(const struct column *c, size_t i)
{
    return c->h != NULL && c->h[i] != NULL;
}

static void
seal_histogram(struct cutter *k, struct chunk_histogram *h, int64_t mint, int64_t maxt)
{
    cut(k, chunk_histogram_encoding(h), mint, maxt, arena_str(k->a, chunk_histogram_data(h)));
}

static bool
any_start_time(const struct column *c, size_t from, size_t to)
{
    for (size_t i = from; c->st && i < to; i++) {
        if (c->st[i] != 0)
            return true;
    }
    return false;
}

/* Rows [from, to) are histograms of one kind. */
static void
cut_histograms(struct cutter *k, const struct column *c, size_t from, size_t to)
{
    bool starts = any_start_time(c, from, to);
    enum chunk_encoding encoding = chunk_histogram_kind(c->h[from]->integer, starts);
    struct chunk_histogram *now = chunk_histogram_new(encoding), *before = NULL;
    size_t start = from;
    for (size_t i = from; i < to; i++) {
        bool full = chunk_histogram_samples(now) >= CHUNK_TARGET_SAMPLES;
        int64_t st = starts ? c->st[i] : 0;
        if (full || !chunk_histogram_append_st(now, before, st, c->t[i], c->h[i])) {
            seal_histogram(k, now, c->t[start], c->t[i - 1]);
            chunk_histogram_free(&before);
            before = now;
            now = chunk_histogram_new(encoding);
            start = i;
            bool first = chunk_histogram_append_st(now, before, st, c->t[i], c->h[i]);
            CHECK(first);
        }
    }
    seal_histogram(k, now, c->t[start], c->t[to - 1]);
    chunk_histogram_free(&before);
    chunk_histogram_free(&now);
}

size_t
block_writer_cut(struct arena *a, const struct column *c, bool xor2,
                 struct block_writer_chunk **out)
{
    struct cutter k = {.a = a};
    xor2 |= c->st != NULL;
    for (size_t from = 0, to; from < c->n; from = to) {
        bool histogram = is_histogram(c, from);
        to = from + 1;
        if (histogram) {
            while (to < c->n && is_histogram(c, to) && c->h[to]->integer == c->h[from]->integer)
                to++;
            cut_histograms(&k, c, from, to);
        } else {
            while (to < c->n && !is_histogram(c, to) && to - from < CHUNK_TARGET_SAMPLES)
                to++;
            cut_floats(&k, c, from, to, xor2);
        }
    }
    *out = k.v;
    return k.n;
}

bool
block_writer_add_column(struct block_writer *w, struct labels labels, const struct column *c,
                        bool xor2, struct err *e)
{
    CHECK_MAGIC(w, BLOCK_WRITER_MAGIC);
    struct block_writer_chunk *v;
    arena_clear(w->scratch);
    size_t n = block_writer_cut(w->scratch, c, xor2, &v);
    return block_writer_add(w, labels, v, n, e);
}

/* Publishing: files, their folders, the name, the parent; in this order. */
static bool
publish(struct block_writer *w, struct err *e)
{
    struct tombstones *none = tombstones_new();
    bool good = end_segment(w, e) && index_writer_finish(w->index, e) &&
                tombstones_write(none, w->tmp, e) && block_meta_write(&w->meta, w->tmp, e) &&
                io_sync_dir(w->chunks_dir, e) && io_sync_dir(w->tmp, e) &&
                io_rename(w->tmp, w->final, e);
    tombstones_free(&none);
    return good && io_sync_dir(w->dir, e);
}

bool
block_writer_finish(struct block_writer **wp, char ulid_out[ULID_TEXT + 1], struct err *e)
{
    struct block_writer *w = *wp;
    CHECK_MAGIC(w, BLOCK_WRITER_MAGIC);
    CHECK(!w->failed);
    ulid_out[0] = 0;
    if (w->meta.series == 0) {
        block_writer_abort(wp);
        return true;
    }
    if (!publish(w, e)) {
        block_writer_abort(wp);
        return false;
    }
    memcpy(ulid_out, w->meta.ulid, sizeof w->meta.ulid);
    *wp = NULL;
    writer_free(w);
    return true;
}
