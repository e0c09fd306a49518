#include <math.h>

#include "base/fmath.h"
#include "base/panic.h"
#include "query/binary_priv.h"
#include "query/pipe_priv.h"
#include "query/simd.h"

bool
binop_is_comparison(enum binop op)
{
    return op >= BIN_EQ && op <= BIN_GE;
}

bool
binop_is_set(enum binop op)
{
    return op == BIN_AND || op == BIN_OR || op == BIN_UNLESS;
}

bool
binop_drops_name(enum binop op)
{
    return op <= BIN_ATAN2;
}

const char *
binop_text(enum binop op)
{
    static const char *const text[] = {
        [BIN_ADD] = "+",  [BIN_SUB] = "-",         [BIN_MUL] = "*",         [BIN_DIV] = "/",
        [BIN_MOD] = "%",  [BIN_POW] = "^",         [BIN_ATAN2] = "atan2",   [BIN_EQ] = "==",
        [BIN_NE] = "!=",  [BIN_LT] = "<",          [BIN_GT] = ">",          [BIN_LE] = "<=",
        [BIN_GE] = ">=",  [BIN_TRIM_UPPER] = "</", [BIN_TRIM_LOWER] = ">/", [BIN_AND] = "and",
        [BIN_OR] = "or",  [BIN_UNLESS] = "unless",
    };
    return text[op];
}

/* Comparisons yield 0 or 1 here. */
static inline double
apply(enum binop op, double l, double r)
{
    switch (op) {
    case BIN_ADD:
        return l + r;
    case BIN_SUB:
        return l - r;
    case BIN_MUL:
        return l * r;
    case BIN_DIV:
        return l / r;
    case BIN_MOD:
        return fmod(l, r);
    case BIN_POW:
        return fmath_pow(l, r);
    case BIN_ATAN2:
        return fmath_atan2(l, r);
    case BIN_EQ:
        return l == r;
    case BIN_NE:
        return l != r;
    case BIN_LT:
        return l < r;
    case BIN_GT:
        return l > r;
    case BIN_LE:
        return l <= r;
    case BIN_GE:
        return l >= r;
    default:
        UNREACHABLE(); /* trims and set operators have no float form */
    }
}

double
binary_scalars(enum binop op, double l, double r)
{
    return apply(op, l, r);
}

/* The operators that work on four values abreast. */
static inline __attribute__((always_inline)) bool
is_wide(enum binop op)
{
    return op <= BIN_DIV || binop_is_comparison(op);
}

/* Yields four results in *v, all bits of *v set where a comparison holds. */
#define WIDE_APPLY(op, l, r, v)                                                             \
    switch (op) {                                                                           \
    case BIN_ADD:                                                                           \
        v = l + r;                                                                          \
        break;                                                                              \
    case BIN_SUB:                                                                           \
        v = l - r;                                                                          \
        break;                                                                              \
    case BIN_MUL:                                                                           \
        v = l * r;                                                                          \
        break;                                                                              \
    case BIN_DIV:                                                                           \
        v = l / r;                                                                          \
        break;                                                                              \
    case BIN_EQ:                                                                            \
        v = (simd_f64)(l == r);                                                             \
        break;                                                                              \
    case BIN_NE:                                                                            \
        v = (simd_f64)(l != r);                                                             \
        break;                                                                              \
    case BIN_LT:                                                                            \
        v = (simd_f64)(l < r);                                                              \
        break;                                                                              \
    case BIN_GT:                                                                            \
        v = (simd_f64)(l > r);                                                              \
        break;                                                                              \
    case BIN_LE:                                                                            \
        v = (simd_f64)(l <= r);                                                             \
        break;                                                                              \
    default:                                                                                \
        v = (simd_f64)(l >= r);                                                             \
    }

static inline __attribute__((always_inline)) SIMD_AVX2 size_t
loop_wide(enum binop op, const struct float_op *o, const double *l, const double *r, double *out,
          size_t n)
{
    const simd_f64 zero = {0}, one = zero + 1;
    const simd_f64 absent = (simd_f64)((simd_i64)zero + (int64_t)VALUE_ABSENT_BITS);
    size_t i = 0;
    for (; i + SIMD_WIDTH <= n; i += SIMD_WIDTH) {
        simd_f64 x = SIMD_CONST_AT(l + i), y = SIMD_CONST_AT(r + i), v;
        simd_i64 none = SIMD_ABSENT(x) | SIMD_ABSENT(y);
        WIDE_APPLY(op, x, y, v)
        if (binop_is_comparison(op) && o->return_bool)
            v = SIMD_SELECT((simd_i64)v, one, zero);
        else if (binop_is_comparison(op) && o->keep_right)
            v = SIMD_SELECT((simd_i64)v, y, absent);
        else if (binop_is_comparison(op))
            v = SIMD_SELECT((simd_i64)v, x, absent);
        SIMD_AT(out + i) = SIMD_SELECT(none, absent, v);
    }
    return i;
}

/* The operator is a constant where this is inlined, so each gets its own loop. */
static inline __attribute__((always_inline)) void
loop(enum binop op, const struct float_op *o, const double *l, const double *r, double *out,
     size_t n)
{
    const double absent = value_stale();
    bool filter = binop_is_comparison(op) && !o->return_bool;
    for (size_t i = 0; i < n; i++) {
        double x = l[i], y = r[i], v = apply(op, x, y);
        if (filter)
            v = v != 0 ? (o->keep_right ? y : x) : absent;
        out[i] = value_absent(x) || value_absent(y) ? absent : v;
    }
}

#define EACH_WIDE(DO)                                                                       \
    DO(BIN_ADD) DO(BIN_SUB) DO(BIN_MUL) DO(BIN_DIV) DO(BIN_EQ) DO(BIN_NE) DO(BIN_LT)        \
    DO(BIN_GT) DO(BIN_LE) DO(BIN_GE)

static SIMD_AVX2 size_t
floats_wide(const struct float_op *o, const double *l, const double *r, double *out, size_t n)
{
    switch (o->op) {
#define CASE(op)                                                                            \
    case op:                                                                                \
        return loop_wide(op, o, l, r, out, n);
        EACH_WIDE(CASE)
#undef CASE
    default:
        return 0;
    }
}

void
binary_floats(const struct float_op *o, const double *l, const double *r, double *out, size_t n)
{
    size_t done = simd_avx2() && is_wide(o->op) ? floats_wide(o, l, r, out, n) : 0;
    l += done;
    r += done;
    out += done;
    n -= done;
    switch (o->op) {
#define CASE(op)                                                                            \
    case op:                                                                                \
        loop(op, o, l, r, out, n);                                                          \
        return;
        EACH_WIDE(CASE)
#undef CASE
    default:
        loop(o->op, o, l, r, out, n);
    }
}

/* --- histograms --- */

static struct pair_result
no_result(const struct expr *e, const struct pair *p, struct annotations *notes)
{
    const char *op = binop_text(e->u.binary.op);
    annotate(notes, ANNOTATION_INFO, e->start,
             "incompatible sample types encountered for binary operator \"%s\": %s %s %s", op,
             p->hl ? "histogram" : "float", op, p->hr ? "histogram" : "float");
    return (struct pair_result){.verdict = PAIR_NONE};
}

static struct pair_result
made(struct arena *a, struct histogram *h)
{
    return (struct pair_result){.verdict = PAIR_HISTOGRAM, .h = histogram_compact(a, h, 0)};
}

static struct pair_result
two_histograms_sum(const struct expr *e, const struct pair *p, struct annotations *notes,
                   struct arena *a)
{
    bool add = e->u.binary.op == BIN_ADD;
    const char *what = add ? "addition" : "subtraction";
    struct histogram_sum s = add ? histogram_add(a, p->hl, p->hr) : histogram_sub(a, p->hl, p->hr);
    if (s.fit == HISTOGRAM_INCOMPATIBLE) {
        annotate(notes, ANNOTATION_WARNING, e->start,
                 "incompatible bucket layout encountered for binary operator %s",
                 binop_text(e->u.binary.op));
        return (struct pair_result){.verdict = PAIR_NONE};
    }
    if (s.reset_collision) {
        annotate(notes, ANNOTATION_WARNING, e->start,
                 "conflicting counter resets during histogram %s", what);
        return (struct pair_result){.verdict = PAIR_NONE};
    }
    if (s.fit == HISTOGRAM_RECONCILED)
        annotate(notes, ANNOTATION_INFO, e->start,
                 "mismatched custom buckets were reconciled during %s", what);
    if (!add)
        s.h->reset = RESET_GAUGE;
    return made(a, s.h);
}

static struct pair_result
two_histograms(const struct expr *e, const struct pair *p, struct annotations *notes,
               struct arena *a)
{
    enum binop op = e->u.binary.op;
    if (op == BIN_ADD || op == BIN_SUB)
        return two_histograms_sum(e, p, notes, a);
    if (op != BIN_EQ && op != BIN_NE)
        return no_result(e, p, notes);
    if (histogram_equal(p->hl, p->hr) != (op == BIN_EQ))
        return (struct pair_result){.verdict = PAIR_DROP};
    return (struct pair_result){.verdict = PAIR_HISTOGRAM, .h = (struct histogram *)p->hl};
}

struct pair_result
binary_pair(const struct expr *e, const struct pair *p, struct annotations *notes, struct arena *a)
{
    enum binop op = e->u.binary.op;
    if (p->hl != NULL && p->hr != NULL)
        return two_histograms(e, p, notes, a);
    if (p->hl == NULL && p->hr == NULL)
        return no_result(e, p, notes); /* a trim of floats; others do not come here */
    if (p->hl == NULL)
        return op == BIN_MUL ? made(a, histogram_mul(a, p->hr, p->l)) : no_result(e, p, notes);
    switch (op) {
    case BIN_MUL:
        return made(a, histogram_mul(a, p->hl, p->r));
    case BIN_DIV:
        return made(a, histogram_div(a, p->hl, p->r));
    case BIN_TRIM_UPPER:
    case BIN_TRIM_LOWER:
        return (struct pair_result){
            .verdict = PAIR_HISTOGRAM,
            .h = histogram_trim(a, p->hl, p->r, op == BIN_TRIM_UPPER)};
    default:
        return no_result(e, p, notes);
    }
}

static void
scalar_histograms(const struct scalar_op *o, struct arena *a, size_t steps, struct row *r)
{
    for (size_t i = 0; i < steps; i++) {
        if (r->h[i] == NULL)
            continue;
        struct pair p = {.l = o->scalar[i], .r = o->scalar[i]};
        if (o->scalar_left)
            p.hr = r->h[i];
        else
            p.hl = r->h[i];
        r->h[i] = binary_pair(o->e, &p, o->notes, a).h;
    }
}

static void
scalar_trims(const struct scalar_op *o, struct arena *a, size_t steps, struct row *r)
{
    const struct pair floats = {0};
    for (size_t i = 0; i < steps; i++)
        if (!value_absent(r->v[i])) {
            binary_pair(o->e, &floats, o->notes, a);
            r->v[i] = value_stale();
        }
}

void
binary_scalar_row(const struct scalar_op *o, struct arena *a, size_t steps, struct row *r)
{
    enum binop op = o->e->u.binary.op;
    struct float_op f = {.op = op, .return_bool = o->e->u.binary.return_bool,
                         .keep_right = o->scalar_left};
    if (op == BIN_TRIM_UPPER || op == BIN_TRIM_LOWER)
        scalar_trims(o, a, steps, r);
    else if (o->scalar_left)
        binary_floats(&f, o->scalar, r->v, r->v, steps);
    else
        binary_floats(&f, r->v, o->scalar, r->v, steps);
    if (r->h != NULL)
        scalar_histograms(o, a, steps, r);
}
