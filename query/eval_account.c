#include "query/eval_priv.h"

#include "query/fetch.h"
#include "query/simd.h"

bool
account_check(struct eval *ev, struct err *err)
{
    ev->peak = MAX(ev->peak, ev->cur);
    if (ev->o.samples_max != 0 && ev->cur > ev->o.samples_max)
        return err_set(err, ERR_EXEC,
                       "query processing would load too many samples into memory in query execution");
    return true;
}

static SIMD_AVX2 size_t
account_steps_avx2(const double *v, size_t steps, uint32_t *count, size_t *n)
{
    simd_i64 all = {0};
    size_t i = 0;
    for (; i + SIMD_WIDTH <= steps; i += SIMD_WIDTH) {
        simd_i64 has = SIMD_ABSENT(SIMD_CONST_AT(v + i)) + 1;
        *(simd_u32 *)(count + i) += __builtin_convertvector(has, simd_u32);
        all += has;
    }
    *n = (size_t)(all[0] + all[1] + all[2] + all[3]);
    return i;
}

size_t
account_steps(const struct row *r, size_t steps, uint32_t *count)
{
    size_t n = 0;
    for (size_t i = simd_avx2() ? account_steps_avx2(r->v, steps, count, &n) : 0; i < steps; i++) {
        unsigned has = !value_absent(r->v[i]);
        count[i] += has;
        n += has;
    }
    for (size_t i = 0; r->h != NULL && i < steps; i++) {
        count[i] += r->h[i] != NULL;
        n += r->h[i] != NULL;
    }
    return n;
}

uint64_t
account_row(const struct row *r, size_t steps)
{
    uint64_t n = 0;
    for (size_t i = 0; i < steps; i++)
        n += !value_absent(r->v[i]);
    for (size_t i = 0; r->h != NULL && i < steps; i++)
        if (r->h[i] != NULL)
            n += (histogram_weight(r->h[i]) + 8) / 16;
    return n;
}

uint64_t
account_rows(const struct vec *v, size_t steps)
{
    uint64_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += account_row(&v->v[i], steps);
    return n;
}

bool
account_operator(struct eval *ev, const struct account_step *a, struct err *err)
{
    uint64_t there = ev->cur, highest = there;
    for (size_t i = 0; i < a->steps; i++) {
        uint64_t in = (a->in ? a->in[i] : 0) + a->in_scalars;
        highest = MAX(highest, there + in + a->out[i]);
        there += a->out[i];
    }
    ev->cur = highest;
    if (!account_check(ev, err))
        return false;
    ev->cur = a->before + a->out_total;
    ev->peak = MAX(ev->peak, ev->cur);
    return true;
}

bool
account_scalar(struct eval *ev, uint64_t before, unsigned operands, size_t steps, struct err *err)
{
    ev->cur += operands + steps;
    if (!account_check(ev, err))
        return false;
    ev->cur = before + steps;
    return true;
}

struct tally
tally_new(struct arena *a, size_t steps, bool per_step)
{
    if (!per_step)
        return (struct tally){0};
    return (struct tally){.total_step = ARENA_ZARRAY(a, uint64_t, steps),
                          .read_step = ARENA_ZARRAY(a, uint64_t, steps)};
}

void
tally_add(struct tally *to, const struct tally *from, size_t steps)
{
    to->total += from->total;
    to->read += from->read;
    for (size_t i = 0; to->total_step != NULL && from->total_step != NULL && i < steps; i++) {
        to->total_step[i] += from->total_step[i];
        to->read_step[i] += from->read_step[i];
    }
}
