/* page_labels.c - from the labels of a page to those of a series. */
#include <stdlib.h>

#include "base/metric.h"
#include "base/panic.h"
#include "server/scrape/page_priv.h"

static int
by_name(const void *x, const void *y)
{
    return str_cmp(((const struct label *)x)->name, ((const struct label *)y)->name);
}

/* In order of names; of equal ones the first stays first. */
static void
sort_labels(struct label *v, size_t n)
{
    if (n > 32) {
        qsort(v, n, sizeof v[0], by_name);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct label x = v[i];
        size_t k = i;
        for (; k > 0 && str_cmp(x.name, v[k - 1].name) < 0; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

/* Takes names that stand there more than once down to one: their first value, or none if
 * any of them is empty.  Returns how many labels are left; *repeated are the names that
 * kept a value. */
static size_t
drop_repeats(struct label *v, size_t n, str *repeated, size_t *repeated_n)
{
    size_t kept = 0;

    *repeated_n = 0;
    for (size_t i = 0, end; i < n; i = end) {
        bool empty = false;
        for (end = i; end < n && str_eq(v[end].name, v[i].name); end++)
            empty = empty || v[end].value.n == 0;
        if (end - i > 1 && !empty)
            repeated[(*repeated_n)++] = v[i].name;
        v[kept++] = (struct label){v[i].name, empty ? STR_EMPTY : v[i].value};
    }
    return kept;
}

static bool
has_repeats(const struct label *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (str_eq(v[i - 1].name, v[i].name))
            return true;
    return false;
}

/* Labels that the target takes over go on as exported_…, the shortest names first. */
static void
rename_conflicts(struct labels_builder *b, struct label *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct label x = v[i];
        size_t k = i;
        for (; k > 0 && x.name.n < v[k - 1].name.n; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
    for (size_t i = 0; i < n; i++) {
        str name = v[i].name;
        do
            name = arena_printf(b->a, "exported_%.*s", STR_ARG(name));
        while (labels_builder_get(b, name).n > 0);
        labels_builder_set(b, name, v[i].value);
    }
}

static void
add_target_labels(struct labels_builder *b, struct labels own, struct labels target, bool honor)
{
    struct label *conflicts = ARENA_ARRAY(b->a, struct label, target.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < target.n; i++) {
        struct label l = target.v[i];
        if (honor) {
            if (!labels_has(own, l.name))
                labels_builder_set(b, l.name, l.value);
            continue;
        }
        str exposed = labels_get(own, l.name);
        if (exposed.n)
            conflicts[n++] = (struct label){l.name, exposed};
        labels_builder_set(b, l.name, l.value);
    }
    rename_conflicts(b, conflicts, n);
}

static bool
name_ok(str name, bool legacy, bool metric)
{
    if (!legacy)
        return name.n > 0 && utf8_valid(name);
    return metric ? metric_name_legacy_valid(name) : label_name_legacy_valid(name);
}

static bool
check_valid(struct labels ls, bool legacy, struct err *e)
{
    bool ok = true;

    for (size_t i = 0; ok && i < ls.n; i++) {
        struct label l = ls.v[i];
        if (str_eq(l.name, LABEL_NAME))
            ok = name_ok(l.value, legacy, true);
        ok = ok && name_ok(l.name, legacy, false) && utf8_valid(l.value);
    }
    if (ok)
        return true;
    struct buf b = {0};
    labels_put(&b, ls);
    err_set(e, ERR_PARSE, "invalid metric name or label names: %s", buf_cstr(&b));
    buf_free(&b);
    return false;
}

/* Go's %.50s: at most fifty characters. */
static str
first_50(str s)
{
    size_t at = 0, len;

    for (int i = 0; i < 50 && at < s.n; i++, at += len)
        utf8_decode(str_from(s, at), &len);
    return STR(s.p, at);
}

static bool
length_ok(const struct config_limits *limit, str metric, struct label l, struct err *e)
{
    str m = first_50(metric), name = first_50(l.name);

    if (limit->label_name_length && l.name.n > limit->label_name_length)
        return err_set(e, ERR_LIMIT,
                       "label_name_length_limit exceeded (metric: %.*s, label name: %.*s, length: %zu, "
                       "limit: %llu)",
                       STR_ARG(m), STR_ARG(name), l.name.n, (unsigned long long)limit->label_name_length);
    if (!limit->label_value_length || l.value.n <= limit->label_value_length)
        return true;
    struct buf value = {0};
    unicode_put_quoted(&value, first_50(l.value));
    err_set(e, ERR_LIMIT,
            "label_value_length_limit exceeded (metric: %.*s, label name: %.*s, value: %s, length: %zu, "
            "limit: %llu)",
            STR_ARG(m), STR_ARG(name), buf_cstr(&value), l.value.n,
            (unsigned long long)limit->label_value_length);
    buf_free(&value);
    return false;
}

static bool
check_limits(struct labels ls, const struct config_limits *limit, struct err *e)
{
    str metric = labels_get(ls, LABEL_NAME);
    bool ok = true;

    if (limit->label && ls.n > limit->label)
        ok = err_set(e, ERR_LIMIT, "label_limit exceeded (metric: %.*s, number of labels: %zu, limit: %llu)",
                     STR_ARG(first_50(metric)), ls.n, (unsigned long long)limit->label);
    for (size_t i = 0; ok && (limit->label_name_length || limit->label_value_length) && i < ls.n; i++)
        ok = length_ok(limit, metric, ls.v[i], e);
    if (!ok)
        METRIC_INC(TARGET_SCRAPE_POOL_EXCEEDED_LABEL_LIMITS_TOTAL);
    return ok;
}

static bool
check_series(const struct pass *g, struct labels ls, struct err *e)
{
    if (!labels_has(ls, LABEL_NAME))
        return err_set(e, ERR_PARSE, "missing metric name (__name__ label)");
    return check_valid(ls, g->s->validation == VALIDATION_LEGACY, e) && check_limits(ls, &g->s->limit, e);
}

enum sample_verdict
sample_labels(const struct pass *g, struct label *own, size_t n, struct labels *out, struct err *e)
{
    struct arena *a = g->w->arena;
    struct labels_builder b;
    str *repeated = NULL;
    size_t repeated_n = 0;

    sort_labels(own, n);
    if (has_repeats(own, n)) {
        repeated = ARENA_ARRAY(a, str, n);
        n = drop_repeats(own, n, repeated, &repeated_n);
    }
    struct labels ls = {own, n};
    labels_builder_init(&b, a, ls);
    add_target_labels(&b, ls, g->t->public, g->s->honor_labels);
    if (!relabel_apply(g->s->metric_relabel.v, g->s->metric_relabel.n, &b))
        return SAMPLE_DROP;
    *out = labels_builder_done(&b);
    if (out->n == 0)
        return SAMPLE_DROP;
    if (!check_series(g, *out, e))
        return SAMPLE_ERROR;
    /* Storage refuses a set that has a name twice. */
    for (size_t i = 0; i < repeated_n; i++)
        if (labels_has(*out, repeated[i])) {
            err_set(e, ERR_BAD_DATA, "label name \"%.*s\" is not unique: invalid sample", STR_ARG(repeated[i]));
            return SAMPLE_ERROR;
        }
    return SAMPLE_KEEP;
}

struct labels
report_labels(const struct target *t, str name, struct arena *a)
{
    struct labels_builder b;

    labels_builder_init(&b, a, LABELS_EMPTY);
    labels_builder_set(&b, LABEL_NAME, name);
    for (size_t i = 0; i < t->public.n; i++) {
        struct label l = t->public.v[i];
        /* As Prometheus, which makes room for a name that the series never has. */
        labels_builder_del(&b, arena_printf(a, "exported_%.*s", STR_ARG(l.name)));
        labels_builder_set(&b, l.name, l.value);
    }
    return labels_builder_done(&b);
}
