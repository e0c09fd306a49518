#include "query/pipe_priv.h"

#include "base/mem.h"
#include "base/panic.h"

enum {
    BATCH_BYTES = 512 << 10, /* rows of a batch: they should stay in the cache */
    BATCH_SERIES_MAX = 4096,
    PIECES_PER_WORKER = 4,
    ALONE_POINTS = 20000,  /* work below this is not worth waking a thread */
    POLL_SAMPLES = 20000,  /* looked at between two polls: some 0.2 ms */
    POLL_SERIES = 100,     /* what a series costs beside its samples */
};

struct run {
    struct pipe *p;
    size_t stages;
    size_t pieces;     /* used in this batch */
};

/* --- memory --- */

static void
piece_init(struct pipe *p, struct piece *pc, size_t stages)
{
    struct arena *a = p->ev->main.arena;
    *pc = (struct piece){.err = ARENA_NEW(a, struct err)};
    pc->out = region_new();
    pc->tmp = region_new();
    pc->column[0] = region_new();
    pc->column[1] = region_new();
    if (p->source == SOURCE_RANGE) {
        pc->w.lo = ARENA_ARRAY(a, uint32_t, p->steps);
        pc->w.hi = ARENA_ARRAY(a, uint32_t, p->steps);
        pc->same_times = region_new();
        pc->shared.arena = pc->same_times.arena;
    }
    pc->count = ARENA_ARRAY(a, uint32_t *, stages + 1);
    for (size_t j = 0; j <= stages; j++)
        pc->count[j] = ARENA_ZARRAY(a, uint32_t, p->steps);
    pc->weight = ARENA_ZARRAY(a, uint64_t, stages + 1);
    pc->tally = tally_new(a, p->steps, p->s->tally->total_step != NULL);
}

static void
keep(struct eval *ev, struct region r)
{
    mem_grow(&ev->kept, &ev->kept_cap, ev->kept_n + 1, sizeof(*ev->kept));
    ev->kept[ev->kept_n++] = r;
}

static void
piece_fini(struct pipe *p, struct piece *pc, bool keeps)
{
    struct budget *b = p->ev->budget;
    if (keeps) {
        keep(p->ev, pc->out);
        if (pc->tmp_pinned)
            keep(p->ev, pc->tmp);
        else
            region_free(b, &pc->tmp);
    } else {
        region_free(b, &pc->out);
        region_free(b, &pc->tmp);
    }
    region_free(b, &pc->column[0]);
    region_free(b, &pc->column[1]);
    region_free(b, &pc->same_times);
}

static bool
pipe_alloc(struct pipe *p, size_t stages, size_t series, struct err *err)
{
    struct arena *a = p->ev->main.arena;
    unsigned workers = pool_workers(p->ev->pool);
    size_t pieces = workers == 1 ? 1 : (size_t)workers * PIECES_PER_WORKER;
    p->pieces_n = MIN(pieces, series);
    uint64_t step_bytes = (uint64_t)p->pieces_n * (stages + 2) * 16;
    if (!budget_room(p->ev->budget, p->steps, step_bytes, place_of(p->e), err))
        return false;
    size_t rows = BATCH_BYTES / (p->steps * sizeof(double));
    p->batch_max = MIN(MAX(MIN(rows, (size_t)BATCH_SERIES_MAX), p->pieces_n), series);
    p->out = ARENA_ARRAY(a, struct row, p->batch_max);
    p->has = ARENA_ARRAY(a, bool, p->batch_max);
    p->notes = ARENA_ARRAY(a, struct series_note, p->batch_max);
    p->pieces = ARENA_ARRAY(a, struct piece, p->pieces_n);
    for (size_t i = 0; i < p->pieces_n; i++)
        piece_init(p, &p->pieces[i], stages);
    return true;
}

/* --- one batch --- */

static bool
piece_series(struct run *r, struct piece *pc, size_t k)
{
    struct pipe *p = r->p;
    struct budget *b = p->ev->budget;
    uint64_t before = pc->samples;
    if (pc->work >= POLL_SAMPLES) {
        pc->work = 0;
        if (!eval_poll(p->ev, pc->err))
            return false;
    }
    bool ok = pipe_series(p, pc, k, r->stages, &p->has[k - p->first]);
    pc->work += pc->samples - before + p->steps + POLL_SERIES;
    return ok &&
           budget_count(b, &pc->out, place_of(p->e), pc->err) &&
           budget_count(b, &pc->tmp, place_of(p->e), pc->err) &&
           (p->source != SOURCE_RANGE ||
            budget_count(b, &pc->same_times, place_of(p->e), pc->err));
}

static void
piece_run(void *arg, size_t i)
{
    struct run *r = (struct run *)arg;
    struct piece *pc = &r->p->pieces[i];
    for (size_t k = pc->from; k < pc->to; k++) {
        if (piece_series(r, pc, k))
            continue;
        pc->failed = true;
        return;
    }
}

static size_t
pieces_for(const struct pipe *p)
{
    uint64_t points = p->steps + 100;
    if (p->source != SOURCE_ROWS && p->subquery == NULL)
        points += view_estimate(p->ev->view, p->selection_id, &p->sel.v[p->first], p->mint, p->maxt);
    if (points * p->batch_n < ALONE_POINTS)
        return 1;
    return MIN(p->pieces_n, p->batch_n);
}

static bool
batch_run(struct run *r, struct err *err)
{
    struct pipe *p = r->p;
    r->pieces = pieces_for(p);
    size_t at = p->first, left = p->batch_n;
    for (size_t i = 0; i < r->pieces; i++) {
        size_t n = left / (r->pieces - i);
        p->pieces[i].from = at;
        p->pieces[i].to = at += n;
        left -= n;
    }
    CHECK(left == 0);
    pool_for(p->ev->pool, r->pieces, piece_run, r);
    for (size_t i = 0; i < r->pieces; i++) {
        struct piece *pc = &p->pieces[i];
        atomic_fetch_add_explicit(&p->ev->budget->samples, pc->samples, memory_order_relaxed);
        p->samples += pc->samples;
        pc->samples = 0;
        if (pc->failed) {
            *err = *pc->err;
            return false;
        }
    }
    return true;
}

static bool
batch_account(struct pipe *p, struct err *err)
{
    struct eval *ev = p->ev;
    bool counts = p->source != SOURCE_ROWS && (p->want == 0 || p->selector == NULL);
    for (size_t i = 0; i < p->batch_n && counts; i++) {
        const struct series_note *n = &p->notes[i];
        if (p->source == SOURCE_RANGE) {
            ev->cur = ev->cur - p->window_left + n->most;
            if (!account_check(ev, err))
                return false;
            ev->cur = ev->cur - n->most + n->last;
            p->window_left = n->last;
        }
        ev->cur += n->weight;
        if (!account_check(ev, err))
            return false;
    }
    return true;
}

static bool
batch_deliver(struct run *r, struct sink *k, struct err *err)
{
    struct pipe *p = r->p;
    size_t n = 0;
    for (size_t i = 0; i < p->batch_n; i++)
        if (p->has[i])
            p->out[n++] = p->out[i];
    if (n > 0 && !k->take(k, p->out, n, err))
        return false;
    for (size_t i = 0; i < r->pieces && !k->keeps; i++) {
        region_clear(p->ev->budget, &p->pieces[i].out);
        region_clear(p->ev->budget, &p->pieces[i].tmp);
        p->pieces[i].tmp_pinned = false;
    }
    return true;
}

/* --- accounting at the end --- */

static void
sum_counts(const struct pipe *p, size_t j, uint32_t *count, uint64_t *weight)
{
    *weight = 0;
    memset(count, 0, p->steps * sizeof(*count));
    for (size_t i = 0; i < p->pieces_n; i++) {
        *weight += p->pieces[i].weight[j];
        for (size_t s = 0; s < p->steps; s++)
            count[s] += p->pieces[i].count[j][s];
    }
}

static bool
stages_account(struct pipe *p, size_t stages, struct err *err)
{
    struct eval *ev = p->ev;
    struct arena *a = ev->main.arena;
    uint32_t *in = ARENA_ARRAY(a, uint32_t, p->steps), *out = ARENA_ARRAY(a, uint32_t, p->steps);
    uint64_t weight;
    sum_counts(p, 0, in, &weight);
    for (size_t j = 0; j < stages; j++) {
        const struct stage *st = &p->stages[j];
        sum_counts(p, j + 1, out, &weight);
        ev->cur += st->counted ? 0 : (uint64_t)st->scalars * p->steps;
        struct account_step step = {.before = p->cur_before, .out_total = weight, .in = in,
                                    .out = out, .in_scalars = st->scalars, .steps = p->steps};
        if (st->kind != STAGE_NEGATE && !account_operator(ev, &step, err))
            return false;
        uint32_t *t = in;
        in = out;
        out = t;
    }
    return true;
}

static bool
run_batches(struct run *r, size_t series, struct sink *k, struct err *err)
{
    struct pipe *p = r->p;
    for (p->first = 0; p->first < series; p->first += p->batch_n) {
        p->batch_n = MIN(p->batch_max, series - p->first);
        if (!batch_run(r, err) || !batch_account(p, err) || !batch_deliver(r, k, err))
            return false;
    }
    p->ev->cur -= p->window_left + p->sub_weight;
    p->window_left = p->sub_weight = 0;
    return stages_account(p, r->stages, err);
}

/* For explain: what a selector below other nodes of the pipe gave. */
static void
show_source(const struct pipe *p)
{
    struct eval *ev = p->ev;
    if (!ev->o.explain || p->selector == NULL || p->selector == plan_unparen(p->e))
        return;
    arena_grow(ev->main.arena, &ev->nodes, &ev->nodes_cap, ev->nodes_n + 1, sizeof(*ev->nodes));
    ev->nodes[ev->nodes_n++] = (struct query_node){
        .e = p->selector, .depth = ev->depth, .what = "selector",
        .series = pipe_series_count(p), .samples = p->samples};
}

bool
pipe_run(struct pipe *p, size_t stages, struct sink *k, struct err *err)
{
    size_t series = pipe_series_count(p);
    if (p->source == SOURCE_RANGE)
        p->ev->cur += (uint64_t)p->range_scalars * p->steps;
    if (series == 0 || p->steps == 0)
        return account_check(p->ev, err) && stages_account(p, stages, err);
    if (!pipe_alloc(p, stages, series, err))
        return false;
    struct run r = {.p = p, .stages = stages};
    bool ok = run_batches(&r, series, k, err);
    show_source(p);
    for (size_t i = 0; i < p->pieces_n; i++) {
        tally_add(p->s->tally, &p->pieces[i].tally, p->steps);
        piece_fini(p, &p->pieces[i], k->keeps);
    }
    return ok;
}
