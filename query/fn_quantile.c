/* quantile_over_time, mad_over_time: the window kept in order as it moves. */
#include "query/fn_over_time.h"

#include <math.h>

#include "base/num.h"
#include "query/fn_priv.h"

/* The floats of a window, ascending, NaN first.  A sample that enters or leaves is found
 * by bisection and moves what lies behind it: for windows of any usual size that is less
 * work than sorting each window. */
struct ordered {
    const double *f;
    double *v;
    size_t n;
    size_t lo, hi; /* the window in f */
    size_t nan;    /* NaNs among v */
};

/* Where x belongs: behind all smaller values. */
static size_t
ordered_find(const struct ordered *o, double x)
{
    size_t lo = o->nan, hi = o->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (o->v[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void
ordered_insert(struct ordered *o, double x)
{
    size_t at = isnan(x) ? o->nan++ : ordered_find(o, x);
    memmove(&o->v[at + 1], &o->v[at], (o->n - at) * sizeof(double));
    o->v[at] = x;
    o->n++;
}

static void
ordered_remove(struct ordered *o, double x)
{
    size_t at = isnan(x) ? --o->nan : ordered_find(o, x);
    o->n--;
    memmove(&o->v[at], &o->v[at + 1], (o->n - at) * sizeof(double));
}

static void
ordered_refill(struct ordered *o, size_t lo, size_t hi)
{
    memcpy(o->v, o->f + lo, (hi - lo) * sizeof(double));
    o->n = hi - lo;
    fn_sort_values(o->v, o->n);
    o->nan = 0;
    while (o->nan < o->n && isnan(o->v[o->nan]))
        o->nan++;
    o->lo = lo;
    o->hi = hi;
}

static void
ordered_move(struct ordered *o, size_t lo, size_t hi)
{
    size_t changes = (lo - o->lo) + (hi - o->hi);

    if (lo >= o->hi || changes > (hi - lo) / 4 + 4) {
        ordered_refill(o, lo, hi);
        return;
    }
    while (o->hi < hi)
        ordered_insert(o, o->f[o->hi++]);
    while (o->lo < lo)
        ordered_remove(o, o->f[o->lo++]);
}

static struct ordered
ordered_new(const struct fn_call *fc, const struct fn_split *s)
{
    return (struct ordered){.f = s->f, .v = ARENA_ARRAY(fc->scratch, double, s->f_n + 1)};
}

static void
say_quantile(const struct fn_call *fc, double q)
{
    char text[NUM_TEXT_MAX];
    size_t n = num_format(q, 'g', -1, text);
    annotate(fc->notes, ANNOTATION_WARNING, fn_arg_pos(fc, 0),
             "quantile value should be between 0 and 1, got %.*s", (int)n, text);
}

bool
fn_quantile_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                      struct err *e)
{
    struct fn_split s;
    bool ignored = false;
    double said = 0.5; /* a quantile that needs no warning */

    (void)e;
    *out = fn_row_new(fc, fc->labels);
    fn_split_init(&s, fc, in);
    struct ordered o = ordered_new(fc, &s);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&s, i);
        double q = fc->args[0].scalar[i];
        if (w.f_lo == w.f_hi)
            continue;
        ignored |= w.h_lo != w.h_hi;
        if (!(q >= 0 && q <= 1) && f64_bits(q) != f64_bits(said)) {
            say_quantile(fc, q);
            said = q;
        }
        ordered_move(&o, w.f_lo, w.f_hi);
        out->v[i] = fn_quantile_sorted(q, o.v, o.n);
    }
    if (ignored)
        fn_say(fc, NOTE_BIT(NOTE_IGNORED));
    return true;
}

/* The median of the distances from the median.  Below it distances grow downward, above it
 * upward, so the two runs are merged from the median outward, as far as the middle. */
static double
median_deviation(const struct ordered *o, double *scratch)
{
    double median = fn_quantile_sorted(0.5, o->v, o->n);
    size_t up = ordered_find(o, median), down = up, n = 0, need = MIN(o->n / 2 + 2, o->n);

    if (!isfinite(median)) {
        for (; n < o->n; n++)
            scratch[n] = fabs(o->v[n] - median);
        fn_sort_values(scratch, n);
        return fn_quantile_sorted(0.5, scratch, n);
    }
    while (n < need) {
        bool take_down =
            up == o->n || (down > 0 && fabs(o->v[down - 1] - median) <= fabs(o->v[up] - median));
        double v = take_down ? o->v[--down] : o->v[up++];
        scratch[n++] = fabs(v - median);
    }
    return fn_quantile_sorted(0.5, scratch, o->n);
}

bool
fn_mad_over_time(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    struct fn_split s;
    bool ignored = false;

    (void)e;
    *out = fn_row_new(fc, fc->labels);
    fn_split_init(&s, fc, in);
    struct ordered o = ordered_new(fc, &s);
    double *scratch = ARENA_ARRAY(fc->scratch, double, s.f_n + 2);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&s, i);
        if (w.f_lo == w.f_hi)
            continue;
        ignored |= w.h_lo != w.h_hi;
        ordered_move(&o, w.f_lo, w.f_hi);
        out->v[i] = o.nan ? NAN : median_deviation(&o, scratch);
    }
    if (ignored)
        fn_say(fc, NOTE_BIT(NOTE_IGNORED));
    return true;
}
