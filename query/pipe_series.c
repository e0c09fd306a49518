#include "query/pipe_priv.h"

#include "base/panic.h"

enum {
    CUT_SAMPLES = 200000, /* window samples between two polls in one series: some 10 ms */
};

/* --- source --- */

static bool
read_column(const struct pipe *p, struct piece *pc, size_t k, struct column *col)
{
    struct region *r = &pc->column[pc->turn];
    region_clear(p->ev->budget, r);
    if (p->subquery != NULL) {
        fetch_row_column(&p->rows.v[k], &p->sub_grid, r->arena, col);
        return true;
    }
    const struct selected *s = &p->sel.v[k];
    uint64_t most = view_estimate(p->ev->view, p->selection_id, s, p->mint, p->maxt);
    const struct expr *at = p->selector ? p->selector : p->e;
    if (most > 65536 && !budget_room(p->ev->budget, most, 16, place_of(at), pc->err))
        return false;
    *col = (struct column){0};
    if (!view_read(p->ev->view, p->selection_id, s, p->mint, p->maxt, r->arena, col, pc->err))
        return false;
    pc->samples += col->n;
    if (p->selector != NULL && p->selector->u.selector.stats_only)
        fetch_stats_only(col, r->arena);
    return budget_count(p->ev->budget, r, place_of(at), pc->err);
}

static void
tally_steps(struct tally *t, const struct row *row, size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        uint64_t w = row->h != NULL && row->h[i] != NULL
                         ? (histogram_weight(row->h[i]) + 8) / 16
                         : !value_absent(row->v[i]);
        t->total_step[i] += w;
        t->read_step[i] += w;
    }
}

static bool
source_instant(const struct pipe *p, struct piece *pc, size_t k, struct arena *a, struct row *row)
{
    struct column col;
    if (!read_column(p, pc, k, &col))
        return false;
    row->labels = p->sel.v[k].labels;
    uint64_t weight = 0;
    if (p->selector != NULL && p->selector->u.selector.smoothed && p->want == 0) {
        struct fetch_smooth o = {.lookback_ms = p->ev->o.lookback_ms, .notes = p->ev->notes,
                                 .pos = p->selector->start,
                                 .metric = labels_get(row->labels, LABEL_NAME)};
        fetch_drop_stale(&col);
        if (fetch_smoothed(&col, &p->at, &o, a, row) == 0)
            row->v = NULL;
    } else {
        fetch_instant(&col, &p->at, p->ev->o.lookback_ms, p->want, a, row, &weight);
    }
    pc->tally.total += weight;
    pc->tally.read += weight;
    if (pc->tally.total_step != NULL && weight > 0)
        tally_steps(&pc->tally, row, p->steps);
    return true;
}

static void
windows_find(const struct pipe *p, struct piece *pc, const struct column *col)
{
    const struct column *b = &pc->before;
    if (b->n != 0 && b->n == col->n && col->h == NULL &&
        memcmp(b->t, col->t, col->n * sizeof(*col->t)) == 0)
        return;
    region_clear(p->ev->budget, &pc->same_times);
    pc->shared.data = NULL;
    fetch_windows(col, &p->at, p->reach_ms, &pc->w);
    fetch_windows_weigh(col, &p->at, pc->column[pc->turn].arena, &pc->w);
}

/* Calls the function for steps [from, from + n) only. */
static bool
call_part(const struct fn_call *fc, const struct column *col, size_t from, size_t n,
          struct row *out, struct err *err)
{
    struct grid g = *fc->grid;
    struct fn_call part = *fc;
    struct fn_arg *args = ARENA_ARRAY(fc->scratch, struct fn_arg, fc->args_n + 1);
    for (size_t i = 0; i < fc->args_n; i++) {
        args[i] = fc->args[i];
        if (args[i].scalar != NULL)
            args[i].scalar += from;
    }
    g.start = grid_time(fc->grid, from);
    g.steps = n;
    part.grid = &g;
    part.args = args;
    part.end0 += (int64_t)from * fc->grid->step;
    part.lo += from;
    part.hi += from;
    part.shared = NULL; /* it is for all steps */
    return fc->call->u.call.fn->range(&part, col, out, err);
}

/* A long series under a wide window: in parts, so that a query can be stopped between. */
static bool
call_parts(const struct pipe *p, const struct fn_call *fc, const struct column *col,
           struct row *row, struct err *err)
{
    size_t steps = p->steps;
    row->v = ARENA_ARRAY(fc->arena, double, steps);
    for (size_t from = 0; from < steps;) {
        uint64_t samples = 0;
        size_t n = 0;
        while (from + n < steps && (n == 0 || samples < CUT_SAMPLES)) {
            samples += fc->hi[from + n] - fc->lo[from + n];
            n++;
        }
        struct row part = {0};
        if (!eval_poll(p->ev, err) || !call_part(fc, col, from, n, &part, err))
            return false;
        memcpy(row->v + from, part.v, n * sizeof(*row->v));
        if (part.h != NULL && row->h == NULL)
            row->h = ARENA_ZARRAY(fc->arena, struct histogram *, steps);
        if (part.h != NULL)
            memcpy(row->h + from, part.h, n * sizeof(struct histogram *));
        from += n;
    }
    return true;
}

/* Functions that pass samples on give the column's own histograms, which end with it. */
static void
own_histograms(struct row *row, struct arena *a, size_t steps)
{
    const struct histogram *from = NULL;
    struct histogram *copy = NULL;
    for (size_t i = 0; i < steps; i++) {
        if (row->h[i] == NULL)
            continue;
        if (row->h[i] != from) {
            from = row->h[i];
            copy = histogram_copy(a, from);
        }
        row->h[i] = copy;
    }
}

static bool
source_range(const struct pipe *p, struct piece *pc, size_t k, struct arena *a, struct row *row)
{
    struct column col;
    if (!read_column(p, pc, k, &col))
        return false;
    fetch_drop_stale(&col);
    windows_find(p, pc, &col);
    pc->before = col.h == NULL ? col : (struct column){0};
    if (pc->w.sum == 0)
        return true;
    struct fn_call fc = p->range_call;
    fc.arena = a;
    fc.scratch = pc->column[pc->turn].arena;
    fc.lo = pc->w.lo;
    fc.hi = pc->w.hi;
    fc.shared = &pc->shared;
    fc.labels = pipe_series_labels(p, k);
    bool whole = pc->w.sum <= CUT_SAMPLES || !(fc.call->u.call.fn->flags & FN_WIDE);
    bool ok = whole
                  ? fc.call->u.call.fn->range(&fc, &col, row, pc->err)
                  : call_parts(p, &fc, &col, row, pc->err);
    if (!ok)
        return false;
    if (row->h != NULL && (fc.call->u.call.fn->flags & FN_KEEP_NAME))
        own_histograms(row, a, p->steps);
    row->labels = fc.labels;
    row->drop_name = p->subquery != NULL && p->rows.v[k].drop_name;
    if (p->range_drops_name)
        row_drop_name(p->ev, a, row);
    pc->tally.total += pc->w.sum;
    if (p->subquery == NULL)
        pc->tally.read += pc->w.fresh;
    if (pc->tally.total_step != NULL)
        fetch_windows_add(&col, &pc->w, &p->at, pc->tally.total_step,
                          p->subquery == NULL ? pc->tally.read_step : NULL);
    return true;
}

/* --- stages --- */

static void
row_copy_values(struct arena *a, struct row *r, size_t steps)
{
    double *v = ARENA_ARRAY(a, double, steps);
    memcpy(v, r->v, steps * sizeof(*v));
    r->v = v;
    if (r->h != NULL) {
        struct histogram **h = ARENA_ARRAY(a, struct histogram *, steps);
        memcpy(h, r->h, steps * sizeof(struct histogram *));
        r->h = h;
    }
}

static void
negate(struct arena *a, struct row *r, size_t steps)
{
    for (size_t i = 0; i < steps; i++)
        r->v[i] = value_absent(r->v[i]) ? r->v[i] : -r->v[i];
    for (size_t i = 0; r->h != NULL && i < steps; i++)
        if (r->h[i] != NULL)
            r->h[i] = histogram_mul(a, r->h[i], -1);
}

static bool
stage_function(const struct pipe *p, struct piece *pc, const struct stage *st, struct arena *a,
               struct row *row)
{
    struct fn_call fc = st->call;
    struct row in = *row, out = {0};
    fc.arena = a;
    fc.scratch = pc->column[pc->turn].arena;
    fc.labels = in.labels;
    if (!st->e->u.call.fn->row(&fc, &in, &out, pc->err))
        return false;
    (void)p;
    out.labels = in.labels;
    out.drop_name = in.drop_name;
    *row = out;
    return true;
}

static bool
stage_run(const struct pipe *p, struct piece *pc, const struct stage *st, struct arena *a,
          struct row *row)
{
    if (st->kind == STAGE_NEGATE) {
        negate(a, row, p->steps);
    } else if (st->kind == STAGE_SCALAR) {
        struct scalar_op o = {.e = st->e, .scalar = st->scalar, .scalar_left = st->scalar_left,
                              .notes = p->ev->notes};
        binary_scalar_row(&o, a, p->steps, row);
    } else if (!stage_function(p, pc, st, a, row)) {
        return false;
    }
    if (st->drops_name)
        row_drop_name(p->ev, pc->out.arena, row);
    return true;
}

/* The last stage that makes new rows, counting the source as 0. */
static size_t
last_maker(const struct pipe *p, size_t stages)
{
    size_t last = 0;
    for (size_t j = 0; j < stages; j++)
        if (p->stages[j].kind == STAGE_FUNCTION)
            last = j + 1;
    return last;
}

static bool
source_run(const struct pipe *p, struct piece *pc, size_t k, struct arena *a, struct row *row)
{
    if (p->source == SOURCE_INSTANT)
        return source_instant(p, pc, k, a, row);
    if (p->source == SOURCE_RANGE)
        return source_range(p, pc, k, a, row);
    *row = p->rows.v[k];
    if (!p->rows_fresh && p->stages_n > 0 && p->stages[0].kind != STAGE_FUNCTION)
        row_copy_values(a, row, p->steps);
    return true;
}

/* Counts the samples after source or stage j; false if there are none. */
static bool
note_down(const struct pipe *p, struct piece *pc, size_t j, const struct row *row, size_t slot)
{
    if (row->v == NULL)
        return false;
    if (j == 0 && p->rows_made)
        return true;
    uint64_t n = account_steps(row, p->steps, pc->count[j]);
    uint64_t weight = n != 0 && row->h != NULL ? account_row(row, p->steps) : n;
    pc->weight[j] += weight;
    if (j == 0)
        p->notes[slot].weight = weight;
    return n != 0;
}

bool
pipe_series(const struct pipe *p, struct piece *pc, size_t k, size_t stages, bool *has)
{
    size_t slot = k - p->first, last = last_maker(p, stages);
    struct row row = {0};
    p->notes[slot] = (struct series_note){0};
    *has = false;
    pc->turn ^= 1;
    if (!pc->tmp_pinned)
        region_clear(p->ev->budget, &pc->tmp);
    if (!source_run(p, pc, k, last == 0 ? pc->out.arena : pc->tmp.arena, &row))
        return false;
    if (p->source == SOURCE_RANGE) {
        p->notes[slot].most = pc->w.most;
        p->notes[slot].last = pc->w.last;
    }
    if (!note_down(p, pc, 0, &row, slot))
        return true;
    for (size_t j = 0; j < stages; j++) {
        bool final = j + 1 >= last || row.h != NULL;
        if (!stage_run(p, pc, &p->stages[j], final ? pc->out.arena : pc->tmp.arena, &row))
            return false;
        if (!note_down(p, pc, j + 1, &row, slot))
            return true;
    }
    p->out[slot] = row;
    *has = true;
    pc->tmp_pinned = pc->tmp_pinned || row.h != NULL; /* they may sit there */
    return true;
}
