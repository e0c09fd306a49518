/* Functions from and to scalars. */
#include "query/fn_math.h"

#include <math.h>

#include "base/fmath.h"
#include "query/fn_priv.h"

#define PI 3.14159265358979323846264338327950288419716939937510582097494459

bool
fn_pi(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct row *r = vec_add(fc->arena, out, fn_row_new(fc, LABELS_EMPTY));
    (void)e;
    for (size_t i = 0; i < fc->grid->steps; i++)
        r->v[i] = PI;
    return true;
}

bool
fn_max_of(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct row *r = vec_add(fc->arena, out, fn_row_new(fc, LABELS_EMPTY));
    (void)e;
    for (size_t i = 0; i < fc->grid->steps; i++)
        r->v[i] = fmath_max(fc->args[0].scalar[i], fc->args[1].scalar[i]);
    return true;
}

bool
fn_min_of(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct row *r = vec_add(fc->arena, out, fn_row_new(fc, LABELS_EMPTY));
    (void)e;
    for (size_t i = 0; i < fc->grid->steps; i++)
        r->v[i] = fmath_min(fc->args[0].scalar[i], fc->args[1].scalar[i]);
    return true;
}

bool
fn_vector(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct row *r = vec_add(fc->arena, out, fn_row_new(fc, LABELS_EMPTY));
    (void)e;
    memcpy(r->v, fc->args[0].scalar, fc->grid->steps * sizeof(double));
    return true;
}

/* The one float there is at a step, else NaN. */
bool
fn_scalar(const struct fn_call *fc, struct vec *out, struct err *e)
{
    const struct vec *in = fc->args[0].vec;
    struct row *r = vec_add(fc->arena, out, fn_row_new(fc, LABELS_EMPTY));
    size_t steps = fc->grid->steps;
    bool *many = ARENA_ZARRAY(fc->arena, bool, steps);

    for (size_t k = 0; k < in->n; k++) {
        for (size_t i = 0; i < steps; i++) {
            if (value_absent(in->v[k].v[i]))
                continue;
            many[i] |= !value_absent(r->v[i]);
            r->v[i] = in->v[k].v[i];
        }
        if (!fn_poll(fc, e))
            return false;
    }
    for (size_t i = 0; i < steps; i++)
        if (many[i] || value_absent(r->v[i]))
            r->v[i] = NAN;
    return true;
}
