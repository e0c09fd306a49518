#include "storage/compact.h"

#include <stdlib.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/panic.h"
#include "storage/block_write.h"
#include "storage/merge.h"

/* One input block and the series it stands on. */
struct input {
    struct block *b;
    uint32_t *refs; /* all its series, in label order */
    size_t refs_n, at;
    struct arena *arena; /* of the current series */
    struct block_series s;
};

/* A chunk of the series being merged. */
struct piece {
    const struct input *in;
    size_t order; /* of the input: breaks ties */
    struct block_chunk chunk;
    enum chunk_encoding encoding;
    str data;
    struct intervals deleted; /* of the series in its block */
};

struct run {
    const struct compact_job *job;
    struct compact_result *out;
    struct err *e;
    struct input *in;
    struct arena *all;    /* of the whole run */
    struct arena *series; /* of one merged series */
    struct block_writer *w;
    struct piece *pieces; /* of the series, in the series arena */
    size_t pieces_n, pieces_cap;
    struct block_writer_chunk *chunks; /* the result for the series */
    size_t chunks_n, chunks_cap;
    bool good;
};

static bool
advance(struct run *r, struct input *in, struct merge_labels *m)
{
    if (in->at == in->refs_n)
        return true;
    arena_clear(in->arena);
    if (!block_series_get(in->b, in->refs[in->at++], INT64_MIN, INT64_MAX, in->arena, &in->s, r->e))
        return false;
    merge_labels_push(m, (uint32_t)(in - r->in), in->s.labels);
    return true;
}

static bool
add_piece(struct run *r, size_t order, const struct block_chunk *c, struct intervals deleted)
{
    const struct input *in = &r->in[order];
    if (intervals_cover(deleted, c->mint, c->maxt))
        return true;
    arena_grow(r->series, &r->pieces, &r->pieces_cap, r->pieces_n + 1, sizeof *r->pieces);
    struct piece *p = &r->pieces[r->pieces_n++];
    *p = (struct piece){.in = in, .order = order, .chunk = *c, .deleted = deleted};
    return block_chunk_get(in->b, c, &p->encoding, &p->data, r->e);
}

static int
compare_pieces(const void *x, const void *y)
{
    const struct piece *a = x, *b = y;
    if (a->chunk.mint != b->chunk.mint)
        return a->chunk.mint < b->chunk.mint ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static bool
collect(struct run *r, const uint32_t *inputs, size_t n)
{
    r->pieces = NULL;
    r->pieces_n = r->pieces_cap = 0;
    for (size_t i = 0; i < n; i++) {
        const struct input *in = &r->in[inputs[i]];
        struct intervals deleted = block_deleted(in->b, in->s.ref, r->series);
        for (size_t k = 0; k < in->s.chunks_n; k++)
            if (!add_piece(r, inputs[i], &in->s.chunks[k], deleted))
                return false;
    }
    if (r->pieces_n > 1)
        qsort(r->pieces, r->pieces_n, sizeof *r->pieces, compare_pieces);
    return true;
}

static void
push_chunk(struct run *r, const struct block_writer_chunk *c)
{
    arena_grow(r->series, &r->chunks, &r->chunks_cap, r->chunks_n + 1, sizeof *r->chunks);
    r->chunks[r->chunks_n++] = *c;
}

static bool
same_chunk(const struct piece *a, const struct piece *b)
{
    return a->encoding == b->encoding && str_eq(a->data, b->data);
}

/* One chunk, or the same chunk several times, of which nothing is deleted. */
static bool
copyable(const struct piece *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (intervals_touch(p[i].deleted, p[i].chunk.mint, p[i].chunk.maxt) ||
            (i > 0 && !same_chunk(&p[0], &p[i])))
            return false;
    return true;
}

static int
compare_orders(const void *x, const void *y)
{
    const struct piece *a = x, *b = y;
    return (a->order > b->order) - (a->order < b->order);
}

/* Decodes, merges and encodes anew n pieces whose times overlap. */
static bool
encode(struct run *r, struct piece *p, size_t n)
{
    struct column *cols = ARENA_ZARRAY(r->series, struct column, n);
    const struct column **in = ARENA_ARRAY(r->series, const struct column *, n);
    qsort(p, n, sizeof *p, compare_orders);
    for (size_t i = 0; i < n; i++) {
        if (!chunk_decode(p[i].encoding, p[i].data, INT64_MIN, INT64_MAX, r->series, &cols[i],
                          r->e))
            return err_prefix(r->e, "block %s: ", block_meta(p[i].in->b)->ulid);
        intervals_apply(p[i].deleted, &cols[i], 0);
        in[i] = &cols[i];
    }
    struct column merged = {.n = 0};
    column_merge(r->series, in, n, &merged);
    struct block_writer_chunk *v;
    size_t k = block_writer_cut(r->series, &merged, r->job->xor2, &v);
    for (size_t i = 0; i < k; i++)
        push_chunk(r, &v[i]);
    r->out->chunks_encoded += k;
    return true;
}

static bool
merge_pieces(struct run *r)
{
    r->chunks = NULL;
    r->chunks_n = r->chunks_cap = 0;
    for (size_t i = 0, n; i < r->pieces_n; i += n) {
        struct piece *p = &r->pieces[i];
        int64_t end = p->chunk.maxt;
        for (n = 1; i + n < r->pieces_n && p[n].chunk.mint <= end; n++)
            end = MAX(end, p[n].chunk.maxt);
        if (copyable(p, n)) {
            struct block_writer_chunk c = {p->encoding, p->chunk.mint, p->chunk.maxt, p->data};
            push_chunk(r, &c);
            r->out->chunks_copied++;
        } else if (!encode(r, p, n)) {
            return false;
        }
    }
    return true;
}

static bool
canceled(const struct run *r)
{
    return r->job->cancel != NULL && atomic_load(r->job->cancel);
}

static bool
merge_series(struct run *r)
{
    struct merge_labels m;
    merge_labels_init(&m, r->all, r->job->n);
    uint32_t *inputs = ARENA_ARRAY(r->all, uint32_t, r->job->n);
    struct labels labels;
    size_t n;
    for (size_t i = 0; i < r->job->n; i++)
        if (!advance(r, &r->in[i], &m))
            return false;
    while ((n = merge_labels_pop(&m, &labels, inputs)) > 0) {
        if (canceled(r))
            return err_set(r->e, ERR_CANCELED, "compaction was stopped");
        arena_clear(r->series);
        if (!collect(r, inputs, n) || !merge_pieces(r) ||
            !block_writer_add(r->w, labels, r->chunks, r->chunks_n, r->e))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!advance(r, &r->in[inputs[i]], &m))
                return false;
    }
    return true;
}

static void
describe(const struct compact_job *job, const struct block_meta **parents,
         struct block_write_opts *o)
{
    *o = (struct block_write_opts){.dir = job->dir,
                                   .parents = parents,
                                   .parents_n = job->n,
                                   .out_of_order = true,
                                   .own_source = job->clean,
                                   .mint = INT64_MAX,
                                   .maxt = INT64_MIN};
    for (size_t i = 0; i < job->n; i++) {
        const struct block_meta *m = parents[i] = block_meta(job->blocks[i]);
        o->mint = MIN(o->mint, m->mint);
        o->maxt = MAX(o->maxt, m->maxt);
        o->level = MAX(o->level, m->level);
        o->out_of_order &= m->out_of_order;
        o->stale_series |= m->stale_series;
        o->selected |= m->selected;
    }
    o->level = job->clean ? 1 : o->level + 1;
}

static bool
overlap(const struct compact_job *job)
{
    for (size_t i = 0; i < job->n; i++)
        for (size_t k = 0; k < i; k++) {
            const struct block_meta *a = block_meta(job->blocks[i]),
                                    *b = block_meta(job->blocks[k]);
            if (a->mint < b->maxt && b->mint < a->maxt)
                return true;
        }
    return false;
}

/* Runs under the map guard as a whole, because chunk bytes and label strings go from the
 * maps straight into the writer. */
static void
run(void *arg)
{
    struct run *r = arg;
    struct block_write_opts o;
    const struct block_meta **parents = ARENA_ARRAY(r->all, const struct block_meta *, r->job->n);
    describe(r->job, parents, &o);
    r->out->vertical = overlap(r->job);
    for (size_t i = 0; i < r->job->n; i++)
        if (!block_postings(r->in[i].b, NULL, 0, r->all, &r->in[i].refs, &r->in[i].refs_n, r->e))
            return;
    r->good = block_writer_begin(&r->w, &o, r->e) && merge_series(r) &&
              block_writer_finish(&r->w, r->out->ulid, r->e);
}

bool
compact_run(const struct compact_job *job, struct compact_result *out, struct err *e)
{
    CHECK(job->n >= 1 && (!job->clean || job->n == 1));
    *out = (struct compact_result){.vertical = false};
    struct run r = {.job = job, .out = out, .e = e, .all = arena_new(), .series = arena_new()};
    r.in = MEM_ARRAY(struct input, job->n);
    for (size_t i = 0; i < job->n; i++)
        r.in[i] = (struct input){.b = job->blocks[i], .arena = arena_new()};
    if (!io_map_guard_run(run, &r))
        r.good = err_set(e, ERR_IO, "compaction: a file of a block shrank while it was read");
    block_writer_abort(&r.w);
    for (size_t i = 0; i < job->n; i++)
        arena_free(&r.in[i].arena);
    mem_free(r.in);
    arena_free(&r.series);
    arena_free(&r.all);
    return r.good;
}
