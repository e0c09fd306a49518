/* sort, sort_desc, sort_by_label, sort_by_label_desc. */
#include "query/fn_label.h"

#include <math.h>

#include "base/num.h"
#include "query/fn_priv.h"

/* The order to sort in; some of Prometheus' orders are none in the strict sense (NaN
 * before NaN, the empty string beside others), so the algorithm shows: short lists are
 * sorted by insertion, as there. */
struct order {
    bool (*before)(const struct order *o, const struct row *a, const struct row *b);
    bool desc;
    const struct fn_arg *names; /* sort_by_label */
    size_t names_n;
};

#define INSERTION_MAX 12

static void
sort_by_insertion(const struct order *o, struct row *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t j = i; j > 0 && o->before(o, &v[j], &v[j - 1]); j--) {
            struct row r = v[j];
            v[j] = v[j - 1];
            v[j - 1] = r;
        }
    }
}

static void
sort_rows(const struct order *o, struct row *v, size_t n, struct row *spare)
{
    if (n <= INSERTION_MAX) {
        sort_by_insertion(o, v, n);
        return;
    }
    size_t half = n / 2, i = 0, j = half, at = 0;
    sort_rows(o, v, half, spare);
    sort_rows(o, v + half, n - half, spare);
    while (i < half && j < n)
        spare[at++] = o->before(o, &v[j], &v[i]) ? v[j++] : v[i++];
    while (i < half)
        spare[at++] = v[i++];
    memcpy(v, spare, at * sizeof(v[0]));
}

/* NaN goes last either way. */
static bool
before_by_value(const struct order *o, const struct row *a, const struct row *b)
{
    double x = a->v[0], y = b->v[0];
    if (isnan(y))
        return true;
    return o->desc ? y < x : y > x;
}

/* Runs of digits and of other bytes, in turn. */
static str
chunk_next(str *s)
{
    size_t n = 0;
    bool digits = s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9';
    while (n < s->n && (s->p[n] >= '0' && s->p[n] <= '9') == digits)
        n++;
    str chunk = STR(s->p, n);
    *s = str_from(*s, n);
    return chunk;
}

/* The natural order: numbers inside texts count as numbers. */
static bool
before_naturally(str a, str b)
{
    while (a.n > 0) {
        int64_t x, y;
        if (b.n == 0)
            return false;
        str p = chunk_next(&a), q = chunk_next(&b);
        bool numbers = num_parse_i64(p, &x) && num_parse_i64(q, &y);
        if (numbers ? x == y : str_eq(p, q)) {
            if (a.n == 0)
                return true;
            continue;
        }
        return numbers ? x < y : str_cmp(p, q) < 0;
    }
    return false;
}

static bool
before_by_label(const struct order *o, const struct row *a, const struct row *b)
{
    for (size_t i = 0; i < o->names_n; i++) {
        str x = labels_get(a->labels, o->names[i].string);
        str y = labels_get(b->labels, o->names[i].string);
        if (!str_eq(x, y))
            return before_naturally(x, y) != o->desc;
    }
    int c = labels_cmp(a->labels, b->labels);
    return o->desc ? c > 0 : c < 0;
}

/* Results of range queries are sorted by labels whatever the function did. */
static bool
warn_if_range(const struct fn_call *fc)
{
    if (fc->grid->steps > 1)
        annotate(fc->notes, ANNOTATION_WARNING, (int64_t)fc->call->start,
                 "sort is ineffective for range queries since results are always ordered by "
                 "labels");
    return fc->grid->steps > 1;
}

/* Rows with their floats only; those without any are left out. */
static void
take_floats(const struct fn_call *fc, struct vec *out)
{
    const struct vec *in = fc->args[0].vec;

    for (size_t k = 0; k < in->n; k++) {
        bool any = false;
        for (size_t i = 0; i < fc->grid->steps && !any; i++)
            any = !value_absent(in->v[k].v[i]);
        if (any)
            vec_add(fc->arena, out, in->v[k])->h = NULL;
    }
}

static bool
sort_vec(const struct fn_call *fc, const struct order *o, struct vec *out)
{
    if (!warn_if_range(fc) && out->n > 1)
        sort_rows(o, out->v, out->n, ARENA_ARRAY(fc->arena, struct row, out->n));
    return true;
}

bool
fn_sort(const struct fn_call *fc, struct vec *out, struct err *e)
{
    (void)e;
    take_floats(fc, out);
    return sort_vec(fc, &(struct order){.before = before_by_value}, out);
}

bool
fn_sort_desc(const struct fn_call *fc, struct vec *out, struct err *e)
{
    (void)e;
    take_floats(fc, out);
    return sort_vec(fc, &(struct order){.before = before_by_value, .desc = true}, out);
}

static bool
sort_by_label(const struct fn_call *fc, bool desc, struct vec *out)
{
    const struct vec *in = fc->args[0].vec;
    struct order o = {
        .before = before_by_label, .desc = desc, .names = fc->args + 1, .names_n = fc->args_n - 1};
    for (size_t k = 0; k < in->n; k++)
        vec_add(fc->arena, out, in->v[k]);
    return sort_vec(fc, &o, out);
}

bool
fn_sort_by_label(const struct fn_call *fc, struct vec *out, struct err *e)
{
    (void)e;
    return sort_by_label(fc, false, out);
}

bool
fn_sort_by_label_desc(const struct fn_call *fc, struct vec *out, struct err *e)
{
    (void)e;
    return sort_by_label(fc, true, out);
}
