/* promqltest_load.c - load blocks: series lines to samples in the database. */
#include "query/promqltest_priv.h"

#include "base/limits.h"
#include "base/num.h"
#include "model/histogram_convert.h"
#include "storage/append.h"

#include <math.h>
#include <stdlib.h>

/* Start times of one series, relative to its samples. */
struct starts {
    bool given;
    size_t line;
    struct labels labels;
    struct series_value *v; /* v in milliseconds */
    size_t n, cap;
};

/* One value of a classic histogram's series. */
struct part {
    struct labels base;
    int64_t t;
    enum histogram_suffix suffix;
    double le, value;
    size_t order;
};

/* One line's samples; a series given twice has those of the later line. */
struct definition {
    struct labels labels;
    struct series_value *v;
    int64_t *st; /* start times, or NULL */
    size_t n, line;
};

struct load {
    struct script *s;
    struct append *batch;
    int64_t step;
    struct definition *series;
    size_t series_n, series_cap;
    struct part *parts;
    size_t parts_n, parts_cap;
};

/* [+-]<digits><unit> at the start of *text, in milliseconds; cut off. */
static bool
cut_duration(str *text, int64_t *ms)
{
    struct err e;
    bool negative = text->n > 0 && text->p[0] == '-';
    if (text->n > 0 && (text->p[0] == '-' || text->p[0] == '+'))
        *text = str_from(*text, 1);
    size_t n = 0;
    while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9')
        n++;
    while (n < text->n && text->p[n] >= 'a' && text->p[n] <= 'z' && text->p[n] != 'x')
        n++;
    if (!num_parse_duration_ms(STR(text->p, n), ms, &e))
        return false;
    if (negative)
        *ms = -*ms;
    *text = str_from(*text, n);
    return true;
}

/* x<count> and nothing behind it. */
static bool
cut_times(str text, uint64_t *n)
{
    return text.n > 0 && text.p[0] == 'x' && num_parse_u64(str_from(text, 1), n) &&
           *n < LIMIT_SERIES_LINE_VALUES;
}

static void
add_starts(struct script *s, struct starts *st, struct series_value v, uint64_t n, int64_t step)
{
    arena_grow(s->arena, &st->v, &st->cap, st->n + n, sizeof st->v[0]);
    for (uint64_t i = 0; i < n; i++) {
        st->v[st->n++] = v;
        v.v += (double)step;
    }
}

/* _  _xN  <dur>  <dur>xN  <dur>+<dur>xN  <dur>-<dur>xN */
static bool
add_start_item(struct script *s, struct starts *st, str item)
{
    uint64_t n = 0;
    int64_t base, step = 0;
    if (item.p[0] == '_') {
        if (item.n > 1 && (!cut_times(str_from(item, 1), &n) || n == 0))
            return false;
        add_starts(s, st, (struct series_value){.omitted = true}, item.n > 1 ? n : 1, 0);
        return true;
    }
    if (!cut_duration(&item, &base))
        return false;
    if (item.n > 0 && (item.p[0] == '+' || item.p[0] == '-')) {
        if (!cut_duration(&item, &step) || item.n == 0)
            return false;
    }
    if (item.n > 0 && !cut_times(item, &n))
        return false;
    add_starts(s, st, (struct series_value){.v = (double)base}, n + 1, step);
    return true;
}

/* The metric of an @st line, without the mark; empty if the line is none. */
static str
start_metric(str line)
{
    str metric = script_word(&line);
    if (line.n == 0 || !str_ends(metric, STRL("@st")))
        return STR_EMPTY;
    return STR(metric.p, metric.n - 3);
}

static void
read_starts(struct script *s, str line, str metric, struct starts *st)
{
    struct err e;
    if (st->given)
        script_malformed(s, st->line, "@st line has no following sample line");
    *st = (struct starts){.given = true, .line = s->next};
    if (!parse_metric(metric, s->arena, &st->labels, &e))
        script_malformed(s, s->next, "invalid @st line metric: %s", e.text);
    script_word(&line);
    while (line.n > 0) {
        str item = script_word(&line);
        if (!add_start_item(s, st, item))
            script_malformed(s, s->next, "invalid @st sequence: invalid ST item \"%.*s\"",
                             STR_ARG(item));
    }
}

static void
check_starts(struct script *s, const struct starts *st, struct labels labels, size_t n)
{
    if (!labels_eq(st->labels, labels))
        script_malformed(s, st->line, "@st metric does not match the following sample line metric");
    else if (st->n != n)
        script_malformed(s, st->line, "@st line has %zu values but sample line has %zu", st->n, n);
}

/* Notes the values of a series that is part of a classic histogram. */
static void
collect_parts(struct load *l, struct labels labels, const struct series_value *v, size_t n)
{
    str base;
    double le = 0;
    enum histogram_suffix suffix = histogram_suffix(labels_get(labels, LABEL_NAME), &base);
    if (suffix == SUFFIX_NONE)
        return;
    if (suffix == SUFFIX_BUCKET &&
        (!num_parse_go(labels_get(labels, STRL("le")), &le) || isnan(le)))
        return;
    struct labels base_labels = histogram_base_labels(l->s->arena, labels, base);
    arena_grow(l->s->arena, &l->parts, &l->parts_cap, l->parts_n + n, sizeof l->parts[0]);
    for (size_t i = 0; i < n; i++) {
        if (v[i].omitted || v[i].h)
            continue;
        l->parts[l->parts_n] = (struct part){.base = base_labels, .t = (int64_t)i * l->step,
            .suffix = suffix, .le = le, .value = v[i].v, .order = l->parts_n};
        l->parts_n++;
    }
}

static int
compare_parts(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    int c = labels_cmp(x->base, y->base);
    if (c)
        return c;
    if (x->t != y->t)
        return x->t < y->t ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* The parts [from, to) of one histogram at one time. */
static void
add_nhcb(struct load *l, size_t line, size_t from, size_t to)
{
    struct histogram_collector c;
    struct err e = ERR_INIT;
    series_id id;
    histogram_collector_init(&c, l->s->arena, &e);
    for (size_t i = from; i < to; i++) {
        const struct part *p = &l->parts[i];
        if (p->suffix == SUFFIX_BUCKET)
            histogram_collector_bucket(&c, p->le, p->value);
        else if (p->suffix == SUFFIX_COUNT)
            histogram_collector_count(&c, p->value);
        else
            histogram_collector_sum(&c, p->value);
    }
    struct histogram *h = histogram_collector_done(&c, l->s->arena);
    if (h)
        h->integer = false;
    if (!h || !append_series(l->batch, l->parts[from].base, &id, &e) ||
        !append_histogram(l->batch, id, 0, l->parts[from].t, h))
        script_malformed(l->s, line, "load: %s", e.text);
}

static void
add_nhcbs(struct load *l, size_t line)
{
    qsort(l->parts, l->parts_n, sizeof l->parts[0], compare_parts);
    for (size_t from = 0, to; from < l->parts_n && !l->s->stop; from = to) {
        const struct part *first = &l->parts[from];
        to = from + 1;
        while (to < l->parts_n && l->parts[to].t == first->t &&
               labels_eq(l->parts[to].base, first->base))
            to++;
        add_nhcb(l, line, from, to);
    }
}

static bool
add_sample(struct load *l, series_id id, int64_t t, int64_t st, const struct series_value *v)
{
    if (v->h)
        return append_histogram(l->batch, id, st, t, v->h);
    return append_float_st(l->batch, id, st, t, v->v);
}

static void
add_series(struct load *l, const struct definition *d)
{
    struct err e;
    series_id id;
    if (!append_series(l->batch, d->labels, &id, &e)) {
        script_malformed(l->s, d->line, "%s", e.text);
        return;
    }
    for (size_t i = 0; i < d->n; i++) {
        int64_t t = (int64_t)i * l->step;
        if (!d->v[i].omitted && !add_sample(l, id, t, d->st ? d->st[i] : 0, &d->v[i]))
            script_malformed(l->s, d->line, "the series is gone");
    }
}

/* Start times from their distances. */
static int64_t *
absolute_starts(struct load *l, const struct starts *st)
{
    int64_t *out = ARENA_ZARRAY(l->s->arena, int64_t, st->n);
    for (size_t i = 0; i < st->n; i++) {
        if (!st->v[i].omitted)
            out[i] = (int64_t)i * l->step + (int64_t)st->v[i].v;
    }
    return out;
}

static void
define(struct load *l, struct definition d)
{
    for (size_t i = 0; i < l->series_n; i++) {
        if (labels_eq(l->series[i].labels, d.labels)) {
            l->series[i] = d;
            return;
        }
    }
    arena_grow(l->s->arena, &l->series, &l->series_cap, l->series_n + 1, sizeof l->series[0]);
    l->series[l->series_n++] = d;
}

static void
read_series(struct load *l, str line, struct starts *st)
{
    struct script *s = l->s;
    struct definition d = {.line = s->next};
    struct err e;
    if (!parse_series_line(line, s->arena, &d.labels, &d.v, &d.n, &e)) {
        script_malformed(s, s->next, "%s", e.text);
        return;
    }
    if (st->given)
        check_starts(s, st, d.labels, d.n);
    if (s->stop)
        return;
    if (st->given)
        d.st = absolute_starts(l, st);
    st->given = false;
    define(l, d);
}

static void
read_block(struct load *l)
{
    struct starts st = {0};
    str line;
    while (script_line(l->s, &line)) {
        str metric = start_metric(line);
        if (metric.p)
            read_starts(l->s, line, metric, &st);
        else
            read_series(l, line, &st);
    }
    if (st.given)
        script_malformed(l->s, st.line, "@st line has no following sample line");
}

static void
commit(struct load *l, size_t line)
{
    struct append_result r;
    struct err e;
    if (!append_commit(l->batch, APPEND_LAZY, false, &r, &e))
        script_malformed(l->s, line, "load: %s", e.text);
    else if (r.verdict)
        script_fail(l->s, line, "load: %zu duplicate, %zu out-of-order and %zu too old samples",
                    r.duplicate, r.out_of_order, r.out_of_bounds + r.too_old);
}

void
script_load(struct script *s, str step, bool with_nhcb)
{
    struct load l = {.s = s, .batch = append_new(s->db)};
    size_t line = s->next;
    struct err e;
    if (!num_parse_duration_ms(step, &l.step, &e))
        script_malformed(s, line, "invalid step definition \"%.*s\": %s", STR_ARG(step), e.text);
    read_block(&l);
    for (size_t i = 0; i < l.series_n && !s->stop; i++) {
        add_series(&l, &l.series[i]);
        if (with_nhcb)
            collect_parts(&l, l.series[i].labels, l.series[i].v, l.series[i].n);
    }
    if (l.parts_n > 0)
        add_nhcbs(&l, line);
    if (!s->stop)
        commit(&l, line);
    append_free(&l.batch);
}
