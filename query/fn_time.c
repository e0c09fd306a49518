/* time(), timestamps, absence. */
#include "query/fn_time.h"

#include "query/fn_priv.h"

bool
fn_time(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct row *r = vec_add(fc->arena, out, fn_row_new(fc, LABELS_EMPTY));
    (void)e;
    for (size_t i = 0; i < fc->grid->steps; i++)
        r->v[i] = (double)grid_time(fc->grid, i) / 1000;
    return true;
}

bool
fn_timestamp(const struct fn_call *fc, struct vec *out, struct err *e)
{
    const struct vec *in = fc->args[0].vec;

    for (size_t k = 0; k < in->n; k++) {
        const struct row *from = &in->v[k];
        struct row *r = vec_add(fc->arena, out, fn_row_new(fc, from->labels));
        r->drop_name = from->drop_name;
        for (size_t i = 0; i < fc->grid->steps; i++)
            if (row_has(from, i))
                r->v[i] = (double)(from->t ? from->t[i] : grid_time(fc->grid, i)) / 1000;
        if (!fn_poll(fc, e))
            return false;
    }
    return true;
}

/* Of a bare selector with start times only; nothing otherwise. */
bool
fn_start_timestamp(const struct fn_call *fc, struct vec *out, struct err *e)
{
    const struct vec *in = fc->args[0].vec;

    for (size_t k = 0; fc->use_start_times && k < in->n; k++) {
        const struct row *from = &in->v[k];
        if (from->st == NULL)
            continue;
        struct row *r = vec_add(fc->arena, out, fn_row_new(fc, from->labels));
        r->drop_name = from->drop_name;
        for (size_t i = 0; i < fc->grid->steps; i++)
            if (row_has(from, i))
                r->v[i] = (double)from->st[i] / 1000;
        if (!fn_poll(fc, e))
            return false;
    }
    return true;
}

bool
fn_absent(const struct fn_call *fc, struct vec *out, struct err *e)
{
    const struct vec *in = fc->args[0].vec;
    struct row r = fn_row_new(fc, fn_absent_labels(fc->arena, fc->args[0].e));
    bool any = false;

    for (size_t i = 0; i < fc->grid->steps; i++)
        r.v[i] = 1;
    for (size_t k = 0; k < in->n; k++) {
        for (size_t i = 0; i < fc->grid->steps; i++)
            if (row_has(&in->v[k], i))
                r.v[i] = value_stale();
        if (!fn_poll(fc, e))
            return false;
    }
    for (size_t i = 0; i < fc->grid->steps && !any; i++)
        any = !value_absent(r.v[i]);
    if (any)
        vec_add(fc->arena, out, r);
    return true;
}
