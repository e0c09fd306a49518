/* Running sums and means over many histograms. */
#include "model/histogram.h"

#include <math.h>

#include "base/panic.h"
#include "model/histogram_priv.h"

struct histogram_acc {
    struct arena *a;
    struct histogram_work w;     /* the sum; once `incremental`, the mean */
    struct histogram_work spare; /* where the next sum is tried for overflow */
    struct histogram_side scratch[2];
    double count;
    bool incremental;
    bool collision; /* work's own; the callers' rule is the two below */
    bool reset_seen, no_reset_seen;
};

static void
work_init(struct histogram_work *w, struct arena *a)
{
    histogram_side_init(&w->pos, a, true);
    histogram_side_init(&w->neg, a, true);
}

struct histogram_acc *
histogram_acc_new(struct arena *a)
{
    struct histogram_acc *acc = ARENA_NEW(a, struct histogram_acc);

    acc->a = a;
    work_init(&acc->w, a);
    work_init(&acc->spare, a);
    histogram_side_init(&acc->scratch[0], a, true);
    histogram_side_init(&acc->scratch[1], a, true);
    return acc;
}

static void
note_hint(struct histogram_acc *acc, const struct histogram *h)
{
    acc->reset_seen |= h->reset == RESET_YES;
    acc->no_reset_seen |= h->reset == RESET_NO;
}

/* Bounds are mostly those of the sum before; then there is nothing to copy. */
static bool
same_bounds(const struct histogram_work *w, const struct histogram *h)
{
    return w->custom_n == h->custom_n &&
           memcmp(w->custom, h->custom, h->custom_n * sizeof(double)) == 0;
}

void
histogram_acc_start(struct histogram_acc *acc, const struct histogram *h)
{
    struct histogram_work *w = &acc->w;

    acc->count = 1;
    acc->incremental = acc->reset_seen = acc->no_reset_seen = false;
    note_hint(acc, h);
    w->schema = h->schema;
    w->reset = h->reset;
    w->zero_threshold = h->zero_threshold;
    w->zero = (struct kahan){h->zero_count, 0};
    w->count = (struct kahan){h->count, 0};
    w->sum = (struct kahan){h->sum, 0};
    if (h->custom_n > 0 && !same_bounds(w, h))
        w->custom = histogram_custom_copy(acc->a, h);
    w->custom_n = h->custom_n;
    histogram_side_load(&w->pos, h, true, 0);
    histogram_side_load(&w->neg, h, false, 0);
}

enum histogram_fit
histogram_acc_add(struct histogram_acc *acc, const struct histogram *h)
{
    acc->count++;
    note_hint(acc, h);
    return histogram_work_add(&acc->w, h, false, acc->scratch, &acc->collision);
}

static void
side_assign(struct histogram_side *to, const struct histogram_side *from)
{
    histogram_side_reserve(to, from->n);
    to->n = from->n;
    if (from->n == 0)
        return;
    memcpy(to->i, from->i, from->n * sizeof(from->i[0]));
    memcpy(to->v, from->v, from->n * sizeof(from->v[0]));
    memcpy(to->c, from->c, from->n * sizeof(from->c[0]));
}

static void
work_assign(struct histogram_work *to, const struct histogram_work *from)
{
    struct histogram_side pos = to->pos, neg = to->neg;

    *to = *from;
    to->pos = pos;
    to->neg = neg;
    side_assign(&to->pos, &from->pos);
    side_assign(&to->neg, &from->neg);
}

static bool
side_infinite(const struct histogram_side *s)
{
    for (size_t k = 0; k < s->n; k++)
        if (isinf(s->v[k]))
            return true;
    return false;
}

static bool
work_infinite(const struct histogram_work *w)
{
    for (size_t k = 0; k < w->custom_n; k++)
        if (isinf(w->custom[k]))
            return true;
    return isinf(w->zero.sum) || isinf(w->count.sum) || isinf(w->sum.sum) ||
           side_infinite(&w->pos) || side_infinite(&w->neg);
}

enum scale { SCALE_MUL, SCALE_DIV };

static double
scaled(double v, enum scale how, double by)
{
    return how == SCALE_MUL ? v * by : v / by;
}

static void
work_scale(struct histogram_work *w, enum scale how, double by)
{
    struct kahan *k[] = {&w->zero, &w->count, &w->sum};
    for (size_t i = 0; i < ARRAY_LEN(k); i++) {
        k[i]->sum = scaled(k[i]->sum, how, by);
        k[i]->c = scaled(k[i]->c, how, by);
    }
    struct histogram_side *s[] = {&w->pos, &w->neg};
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        for (size_t j = 0; j < s[i]->n; j++) {
            s[i]->v[j] = scaled(s[i]->v[j], how, by);
            s[i]->c[j] = scaled(s[i]->c[j], how, by);
        }
    }
}

enum histogram_fit
histogram_acc_add_mean(struct histogram_acc *acc, const struct histogram *h)
{
    enum histogram_fit fit;

    acc->count++;
    note_hint(acc, h);
    if (!acc->incremental) {
        work_assign(&acc->spare, &acc->w);
        fit = histogram_work_add(&acc->spare, h, false, acc->scratch, &acc->collision);
        if (fit == HISTOGRAM_INCOMPATIBLE)
            return fit;
        if (!work_infinite(&acc->spare)) {
            struct histogram_work w = acc->w;
            acc->w = acc->spare;
            acc->spare = w;
            return fit;
        }
        /* The sum overflows although the mean may not: go on with the mean itself. */
        acc->incremental = true;
        work_scale(&acc->w, SCALE_DIV, acc->count - 1);
    }
    work_scale(&acc->w, SCALE_MUL, (acc->count - 1) / acc->count);
    struct histogram *part = histogram_div(acc->a, h, acc->count);
    return histogram_work_add(&acc->w, part, false, acc->scratch, &acc->collision);
}

bool
histogram_acc_collision(const struct histogram_acc *acc)
{
    return acc->reset_seen && acc->no_reset_seen;
}

static struct histogram *
acc_store(struct histogram_acc *acc, struct arena *a, bool compact)
{
    struct histogram_work w = acc->w;

    if (acc->count == 1) /* nothing was added, so nothing is to be compensated */
        w.pos.c = w.neg.c = NULL;
    return histogram_work_store(&w, a, (struct histogram_side_put){0, !compact});
}

struct histogram *
histogram_acc_sum(struct histogram_acc *acc, struct arena *a, bool compact)
{
    return acc_store(acc, a, compact);
}

struct histogram *
histogram_acc_mean(struct histogram_acc *acc, struct arena *a, bool compact)
{
    if (!acc->incremental)
        work_scale(&acc->w, SCALE_DIV, acc->count);
    acc->incremental = true; /* w is the mean from now on */
    return acc_store(acc, a, compact);
}
