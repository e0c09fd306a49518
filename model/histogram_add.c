/* Sums and differences.  Both histograms are brought to one layout first:
 *
 *   zero bucket   to the larger threshold; a populated bucket that the threshold cuts is
 *                 absorbed whole and pushes the threshold out, which may cut the other
 *                 histogram in turn
 *   schema        to the smaller one
 *   custom bounds to the bounds both have
 */
#include "model/histogram.h"

#include <math.h>

#include "base/panic.h"
#include "model/histogram_priv.h"

void
histogram_work_load(struct histogram_work *w, struct arena *a, const struct histogram *h,
                    bool compensated)
{
    *w = (struct histogram_work){
        .schema = h->schema,
        .reset = h->reset,
        .zero_threshold = h->zero_threshold,
        .zero = {h->zero_count, 0},
        .count = {h->count, 0},
        .sum = {h->sum, 0},
        .custom = histogram_custom_copy(a, h),
        .custom_n = h->custom_n,
    };
    histogram_side_init(&w->pos, a, compensated);
    histogram_side_init(&w->neg, a, compensated);
    histogram_side_load(&w->pos, h, true, 0);
    histogram_side_load(&w->neg, h, false, 0);
}

/* Adds the buckets of one half below *threshold to *zero.  Returns true if a populated
 * bucket was cut; *threshold is then its far bound. */
static bool
absorb_half(const struct histogram_side *s, int schema, double *threshold, struct kahan *zero)
{
    for (size_t k = 0; k < s->n; k++) {
        if (histogram_bound(schema, s->i[k] - 1) >= *threshold)
            return false;
        kahan_add(zero, s->v[k]);
        if (s->c)
            kahan_add(zero, s->c[k]);
        double far = histogram_bound(schema, s->i[k]);
        if (far > *threshold) {
            if (s->v[k] == 0)
                return false;
            *threshold = far;
            return true;
        }
    }
    return false;
}

struct kahan
histogram_zero_widen(const struct histogram_zero *z, double *threshold)
{
    struct kahan zero = z->zero;

    if (*threshold == z->threshold)
        return zero;
    CHECK(*threshold > z->threshold);
    do {
        /* A cut on the negative half makes the positive half's share wrong: start over.
         * The compensation goes on, as it does in Prometheus. */
        zero.sum = z->zero.sum;
        absorb_half(z->pos, z->schema, threshold, &zero);
    } while (absorb_half(z->neg, z->schema, threshold, &zero));
    return zero;
}

static void
drop_below(struct histogram_side *s, int schema, double threshold)
{
    size_t k = 0;
    while (k < s->n && histogram_bound(schema, s->i[k] - 1) < threshold)
        k++;
    if (k == 0)
        return;
    s->n -= k;
    memmove(s->i, s->i + k, s->n * sizeof(s->i[0]));
    memmove(s->v, s->v + k, s->n * sizeof(s->v[0]));
    if (s->c)
        memmove(s->c, s->c + k, s->n * sizeof(s->c[0]));
}

/* Widens w's zero bucket as needed and returns what y's zero count is then. */
static struct kahan
reconcile_zero(struct histogram_work *w, const struct histogram_zero *y)
{
    struct kahan y_zero = y->zero;
    double y_threshold = y->threshold;

    while (y_threshold != w->zero_threshold) {
        if (w->zero_threshold > y_threshold) {
            y_threshold = w->zero_threshold;
            y_zero = histogram_zero_widen(y, &y_threshold);
        }
        if (y_threshold > w->zero_threshold) {
            struct histogram_zero z = {w->schema, w->zero_threshold, w->zero, &w->pos, &w->neg};
            double threshold = y_threshold;
            struct kahan zero = histogram_zero_widen(&z, &threshold);
            w->zero.sum = zero.sum;
            if (w->pos.c)
                w->zero.c = zero.c;
            w->zero_threshold = threshold;
            drop_below(&w->pos, w->schema, threshold);
            drop_below(&w->neg, w->schema, threshold);
        }
    }
    return y_zero;
}

/* Merges neighbours of one target bucket, `shift` schemas down, in place. */
static void
side_reduce(struct histogram_side *s, int shift)
{
    size_t n = 0;
    for (size_t k = 0; k < s->n; k++) {
        int32_t i = histogram_index_shift(s->i[k], shift);
        double c = s->c ? s->c[k] : 0;
        if (n == 0 || s->i[n - 1] != i) {
            s->i[n] = i;
            s->v[n] = s->v[k];
            if (s->c)
                s->c[n] = c;
            n++;
        } else if (s->c) {
            kahan_inc(s->v[k], &s->v[n - 1], &s->c[n - 1]);
            kahan_inc(c, &s->v[n - 1], &s->c[n - 1]);
        } else {
            s->v[n - 1] += s->v[k];
        }
    }
    s->n = n;
}

/* Opens gaps in s for the indexes that only y has, from entry `from` of y on.  Works
 * backward so that one pass suffices. */
static void
side_widen(struct histogram_side *s, const struct histogram_side *y, size_t from)
{
    size_t missing = 0;
    for (size_t k = 0, j = from; j < y->n; j++) {
        while (k < s->n && s->i[k] < y->i[j])
            k++;
        missing += k == s->n || s->i[k] != y->i[j];
    }
    if (missing == 0)
        return;
    histogram_side_reserve(s, s->n + missing);
    size_t k = s->n, j = y->n, to = s->n + missing;
    s->n = to;
    while (to > k) {
        to--;
        bool from_y = j > from && (k == 0 || y->i[j - 1] > s->i[k - 1]);
        if (from_y) {
            j--;
            s->i[to] = y->i[j];
            s->v[to] = -0.0; /* -0 marks the entry as new; see side_add */
            if (s->c)
                s->c[to] = -0.0;
            continue;
        }
        k--;
        if (j > from && y->i[j - 1] == s->i[k])
            j--;
        s->i[to] = s->i[k];
        s->v[to] = s->v[k];
        if (s->c)
            s->c[to] = s->c[k];
    }
}

/* A new entry holds -0, which added to anything gives that, down to the sign. */
static bool
is_new(double v)
{
    return v == 0 && signbit(v);
}

static void
side_add(struct histogram_side *s, const struct histogram_side *y, bool subtract, size_t from)
{
    side_widen(s, y, from);
    for (size_t k = 0, j = from; j < y->n; j++, k++) {
        while (s->i[k] != y->i[j])
            k++;
        double v = subtract ? -y->v[j] : y->v[j];
        double c = y->c ? (subtract ? -y->c[j] : y->c[j]) : 0;
        if (!s->c) {
            s->v[k] += v;
        } else if (is_new(s->v[k]) && is_new(s->c[k])) {
            s->v[k] = v;
            s->c[k] = c;
        } else {
            kahan_inc(v, &s->v[k], &s->c[k]);
            if (c != 0)
                kahan_inc(c, &s->v[k], &s->c[k]);
        }
    }
}

/* Whether s holds exactly the buckets of these spans.  Its indexes ascend, so that the ends
 * of each span tell for those in between. */
static bool
side_matches(const struct histogram_side *s, const struct histogram_span *spans, size_t spans_n,
             size_t counts_n)
{
    int64_t i = 0;
    size_t k = 0;

    if (s->n != counts_n)
        return false;
    for (size_t j = 0; j < spans_n; j++) {
        i += spans[j].offset;
        if (spans[j].length == 0)
            continue;
        if (spans[j].length > s->n - k || s->i[k] != i ||
            s->i[k + spans[j].length - 1] != i + spans[j].length - 1)
            return false;
        i += spans[j].length;
        k += spans[j].length;
    }
    return k == s->n;
}

/* Below this neither a sum nor its error can overflow on the way. */
#define SAFE 1e300

static bool
all_safe(const double *v, size_t n)
{
    bool safe = true;
    for (size_t k = 0; k < n; k++)
        safe &= fabs(v[k]) < SAFE;
    return safe;
}

/* Adds counts of the same buckets; false if that needs more care. */
static bool
side_add_counts(struct histogram_side *s, const double *y, double sign)
{
    double *restrict v = s->v, *restrict c = s->c;

    if (c == NULL) {
        for (size_t k = 0; k < s->n; k++)
            v[k] += sign * y[k];
        return true;
    }
    if (!all_safe(v, s->n) || !all_safe(y, s->n))
        return false;
    for (size_t k = 0; k < s->n; k++) { /* the error of a sum without a branch (TwoSum) */
        double x = sign * y[k], t = v[k] + x, part = t - v[k];
        c[k] += (v[k] - (t - part)) + (x - part);
        v[k] = t;
    }
    return true;
}

/* The first entry of y whose bucket ends above the threshold: those below are part of
 * y's zero count already. */
static size_t
first_above(const struct histogram_side *y, int schema, double threshold)
{
    size_t k = 0;
    while (k < y->n && histogram_bound(schema, y->i[k]) <= threshold)
        k++;
    return k;
}

/* The common case: y has w's layout, and nothing of it is in the zero bucket. */
static bool
add_same(struct histogram_work *w, const struct histogram *y, double sign)
{
    if (!side_matches(&w->pos, y->pos_spans, y->pos_spans_n, y->pos_n) ||
        !side_matches(&w->neg, y->neg_spans, y->neg_spans_n, y->neg_n))
        return false;
    if (w->schema != HISTOGRAM_CUSTOM &&
        (y->schema != w->schema || y->zero_threshold != w->zero_threshold ||
         first_above(&w->pos, w->schema, w->zero_threshold) > 0 ||
         first_above(&w->neg, w->schema, w->zero_threshold) > 0))
        return false;
    if (w->pos.c && !(all_safe(w->neg.v, w->neg.n) && all_safe(y->neg, y->neg_n)))
        return false;
    if (!side_add_counts(&w->pos, y->pos, sign))
        return false;
    CHECK(side_add_counts(&w->neg, y->neg, sign));
    if (w->pos.c)
        kahan_add(&w->zero, sign * y->zero_count);
    else
        w->zero.sum += sign * y->zero_count;
    return true;
}

static void
add_exponential(struct histogram_work *w, const struct histogram *y, bool subtract,
                struct histogram_side scratch[2])
{
    struct histogram_zero z = {
        y->schema, y->zero_threshold, {y->zero_count, 0}, &scratch[0], &scratch[1]};
    struct kahan y_zero = z.zero;
    int shift = MAX(y->schema - w->schema, 0);

    if (add_same(w, y, subtract ? -1 : 1))
        return;
    if (y->zero_threshold != w->zero_threshold) {
        histogram_side_load(&scratch[0], y, true, 0);
        histogram_side_load(&scratch[1], y, false, 0);
        y_zero = reconcile_zero(w, &z);
    }
    if (w->pos.c) {
        kahan_add(&w->zero, y_zero.sum);
        kahan_add(&w->zero, y_zero.c);
    } else {
        w->zero.sum += subtract ? -y_zero.sum : y_zero.sum;
    }
    histogram_side_load(&scratch[0], y, true, shift);
    histogram_side_load(&scratch[1], y, false, shift);
    if (y->schema < w->schema) {
        side_reduce(&w->pos, w->schema - y->schema);
        side_reduce(&w->neg, w->schema - y->schema);
        w->schema = y->schema;
    }
    for (int k = 0; k < 2; k++)
        side_add(k ? &w->neg : &w->pos, &scratch[k], subtract,
                 first_above(&scratch[k], w->schema, w->zero_threshold));
}

/* The bounds both have. */
static double *
bounds_common(struct arena *a, const struct histogram_work *w, const struct histogram *y, size_t *n)
{
    double *out = ARENA_ARRAY(a, double, MIN(w->custom_n, y->custom_n));
    size_t i = 0, j = 0;

    *n = 0;
    while (i < w->custom_n && j < y->custom_n) {
        if (w->custom[i] == y->custom[j]) {
            out[(*n)++] = w->custom[i++];
            j++;
        } else if (w->custom[i] < y->custom[j]) {
            i++;
        } else {
            j++;
        }
    }
    return out;
}

struct bounds {
    const double *v;
    size_t n;
};

/* Sums the entries of s, whose bounds are `from`, into the buckets of the bounds `to`. */
static void
map_custom(const struct histogram_side *s, struct bounds from, struct bounds to, struct kahan *out,
           double sign)
{
    size_t at = 0;
    for (size_t k = 0; k < s->n; k++) {
        size_t target = to.n;
        if ((size_t)s->i[k] < from.n) {
            while (at < to.n && to.v[at] < from.v[s->i[k]])
                at++;
            target = at;
        }
        kahan_add(&out[target], sign * s->v[k]);
        if (s->c && sign > 0)
            kahan_add(&out[target], s->c[k]);
    }
}

static enum histogram_fit
add_custom(struct histogram_work *w, const struct histogram *y, bool subtract,
           struct histogram_side scratch[2])
{
    struct histogram view = {.custom = w->custom, .custom_n = w->custom_n};

    bool same_bounds = histogram_custom_equal(&view, y);
    if (same_bounds && add_same(w, y, subtract ? -1 : 1))
        return HISTOGRAM_OK;
    histogram_side_load(&scratch[0], y, true, 0);
    if (same_bounds) {
        side_add(&w->pos, &scratch[0], subtract, 0);
        return HISTOGRAM_OK;
    }
    struct arena *a = w->pos.a;
    struct bounds common;
    double *bounds = bounds_common(a, w, y, &common.n);
    common.v = bounds;
    struct kahan *sums = ARENA_ZARRAY(a, struct kahan, common.n + 1);
    struct histogram_side bare = scratch[0];
    bare.c = NULL;
    map_custom(&w->pos, (struct bounds){w->custom, w->custom_n}, common, sums, 1);
    map_custom(&bare, (struct bounds){y->custom, y->custom_n}, common, sums, subtract ? -1 : 1);

    w->pos.n = 0;
    histogram_side_reserve(&w->pos, common.n + 1);
    for (size_t k = 0; k <= common.n; k++) {
        if (sums[k].sum == 0 && sums[k].c == 0)
            continue;
        w->pos.i[w->pos.n] = (int32_t)k;
        w->pos.v[w->pos.n] = sums[k].sum;
        if (w->pos.c)
            w->pos.c[w->pos.n] = sums[k].c;
        w->pos.n++;
    }
    w->custom = bounds;
    w->custom_n = common.n;
    return HISTOGRAM_RECONCILED;
}

/* The hint of a sum; true if "reset" met "not reset". */
static bool
adjust_reset(struct histogram_work *w, enum histogram_reset y)
{
    if (w->reset == y || w->reset == RESET_GAUGE)
        return false;
    if (y == RESET_GAUGE) {
        w->reset = RESET_GAUGE;
        return false;
    }
    bool collision = w->reset != RESET_UNKNOWN && y != RESET_UNKNOWN;
    w->reset = RESET_UNKNOWN;
    return collision;
}

enum histogram_fit
histogram_work_add(struct histogram_work *w, const struct histogram *y, bool subtract,
                   struct histogram_side scratch[2], bool *collision)
{
    bool custom = w->schema == HISTOGRAM_CUSTOM;
    double sign = subtract ? -1 : 1;
    enum histogram_fit fit = HISTOGRAM_OK;

    if (custom != histogram_is_custom(y))
        return HISTOGRAM_INCOMPATIBLE;
    *collision |= adjust_reset(w, y->reset);
    if (!custom)
        add_exponential(w, y, subtract, scratch);
    if (w->pos.c) {
        kahan_add(&w->count, sign * y->count);
        kahan_add(&w->sum, sign * y->sum);
    } else {
        w->count.sum += sign * y->count;
        w->sum.sum += sign * y->sum;
    }
    if (custom)
        fit = add_custom(w, y, subtract, scratch);
    return fit;
}

/* s with the compensations added to the values; borrows what it can. */
static struct histogram_side
side_folded(const struct histogram_side *s, const struct histogram_work *w, struct arena *a)
{
    struct histogram_side out = *s;
    size_t from = w->schema == HISTOGRAM_CUSTOM ? 0 : first_above(s, w->schema, w->zero_threshold);

    if (!s->c || s->n == 0)
        return out;
    out.v = ARENA_ARRAY(a, double, s->n);
    for (size_t k = 0; k < s->n; k++)
        out.v[k] = k < from ? s->v[k] : s->v[k] + s->c[k];
    return out;
}

struct histogram *
histogram_work_store(const struct histogram_work *w, struct arena *a, struct histogram_side_put how)
{
    struct histogram *h = ARENA_NEW(a, struct histogram);
    struct histogram bounds = {.custom = w->custom, .custom_n = w->custom_n};
    struct histogram_side pos = side_folded(&w->pos, w, a), neg = side_folded(&w->neg, w, a);
    bool compensated = w->pos.c != NULL;

    h->schema = (int8_t)w->schema;
    h->reset = (uint8_t)w->reset;
    h->zero_threshold = w->zero_threshold;
    h->zero_count = compensated ? w->zero.sum + w->zero.c : w->zero.sum;
    h->count = compensated ? w->count.sum + w->count.c : w->count.sum;
    h->sum = compensated ? w->sum.sum + w->sum.c : w->sum.sum;
    h->custom = histogram_custom_copy(a, &bounds);
    h->custom_n = w->custom_n;
    histogram_side_store(&pos, a, h, true, how);
    histogram_side_store(&neg, a, h, false, how);
    return h;
}

/* x + sign * y where both have one layout. */
static struct histogram_sum
combine_arrays(struct arena *a, const struct histogram *x, const struct histogram *y, double sign)
{
    struct histogram_work w = {.reset = x->reset};
    struct histogram_sum r = {.h = histogram_copy(a, x)};
    struct histogram *h = r.h;

    r.reset_collision = adjust_reset(&w, y->reset);
    h->integer = false;
    h->reset = (uint8_t)w.reset;
    h->zero_count += sign * y->zero_count;
    h->count += sign * y->count;
    h->sum += sign * y->sum;
    for (size_t i = 0; i < h->pos_n; i++)
        h->pos[i] += sign * y->pos[i];
    for (size_t i = 0; i < h->neg_n; i++)
        h->neg[i] += sign * y->neg[i];
    return r;
}

static struct histogram_sum
combine(struct arena *a, const struct histogram *x, const struct histogram *y, bool subtract)
{
    struct histogram_sum r = {.h = NULL};
    struct histogram_work w;
    struct histogram_side scratch[2];

    if (histogram_is_custom(x) != histogram_is_custom(y)) {
        r.fit = HISTOGRAM_INCOMPATIBLE;
        return r;
    }
    if (histogram_same_layout(x, y))
        return combine_arrays(a, x, y, subtract ? -1 : 1);
    histogram_work_load(&w, a, x, false);
    histogram_side_init(&scratch[0], a, false);
    histogram_side_init(&scratch[1], a, false);
    r.fit = histogram_work_add(&w, y, subtract, scratch, &r.reset_collision);
    r.h = histogram_work_store(&w, a, (struct histogram_side_put){0, true});
    return r;
}

struct histogram_sum
histogram_add(struct arena *a, const struct histogram *x, const struct histogram *y)
{
    return combine(a, x, y, false);
}

struct histogram_sum
histogram_sub(struct arena *a, const struct histogram *x, const struct histogram *y)
{
    return combine(a, x, y, true);
}

void
histogram_mul_in_place(struct histogram *h, double by)
{
    h->integer = false;
    h->zero_count *= by;
    h->count *= by;
    h->sum *= by;
    for (size_t i = 0; i < h->pos_n; i++)
        h->pos[i] *= by;
    for (size_t i = 0; i < h->neg_n; i++)
        h->neg[i] *= by;
    if (by < 0)
        h->reset = RESET_GAUGE;
}

void
histogram_div_in_place(struct histogram *h, double by)
{
    h->integer = false;
    h->zero_count /= by;
    h->count /= by;
    h->sum /= by;
    if (by == 0) /* no bucket has a meaning then */
        h->pos_n = h->neg_n = h->pos_spans_n = h->neg_spans_n = 0;
    for (size_t i = 0; i < h->pos_n; i++)
        h->pos[i] /= by;
    for (size_t i = 0; i < h->neg_n; i++)
        h->neg[i] /= by;
    if (by < 0)
        h->reset = RESET_GAUGE;
}

struct histogram *
histogram_mul(struct arena *a, const struct histogram *x, double by)
{
    struct histogram *h = histogram_copy(a, x);
    histogram_mul_in_place(h, by);
    return h;
}

struct histogram *
histogram_div(struct arena *a, const struct histogram *x, double by)
{
    struct histogram *h = histogram_copy(a, x);
    histogram_div_in_place(h, by);
    return h;
}
