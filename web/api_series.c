/* api_series.c - series, labels, label values, exemplars: looking things up by labels. */
#include <stdlib.h>

#include "model/escape.h"
#include "query/parse.h"
#include "query/walk.h"
#include "storage/select.h"
#include "web/api_priv.h"
#include "web/encode.h"

struct lookup {
    size_t limit;
    struct instant start, end;
    struct matcher_set *sets;
    size_t sets_n;
};

static bool
read_lookup(struct api *a, struct lookup *l, struct err *e)
{
    return api_limit(a, &l->limit, e) && api_time(a, "start", INSTANT_MIN, &l->start, e) &&
           api_time(a, "end", INSTANT_MAX, &l->end, e) &&
           api_match(a, &l->sets, &l->sets_n, e);
}

static int
compare_str(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

static size_t
sort_unique(str *v, size_t n)
{
    size_t out = 0;

    if (n)
        qsort(v, n, sizeof *v, compare_str);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !str_eq(v[i], v[out - 1]))
            v[out++] = v[i];
    return out;
}

static void
put_strings(struct api *a, const str *v, size_t n, size_t limit)
{
    if (limit > 0 && n > limit) {
        n = limit;
        api_warn(a, "results truncated due to limit");
    }
    json_open_array(&a->json);
    for (size_t i = 0; i < n; i++)
        json_str(&a->json, v[i]);
    json_close_array(&a->json);
}

/* Names (name empty) or values of a label over all matcher sets: their union. */
static bool
collect(struct api *a, const struct lookup *l, str name, str **out, size_t *out_n, struct err *e)
{
    struct tsdb *db = a->w->layers.db;
    int64_t mint = instant_ms(l->start), maxt = instant_ms(l->end);
    size_t sets = MAX(l->sets_n, 1), total = 0, cap = 0;
    size_t limit = l->limit && sets == 1 ? l->limit : 0;
    str *all = NULL;

    for (size_t i = 0; i < sets; i++) {
        const struct matcher *m = l->sets_n ? l->sets[i].m : NULL;
        size_t m_n = l->sets_n ? l->sets[i].n : 0, n;
        str *v;
        bool ok = name.n ? select_label_values(db, name, m, m_n, mint, maxt, limit, a->arena, &v, &n, e)
                         : select_label_names(db, m, m_n, mint, maxt, limit, a->arena, &v, &n, e);
        if (!ok)
            return false;
        arena_grow(a->arena, &all, &cap, total + n, sizeof *all);
        if (n)
            memcpy(all + total, v, n * sizeof *v);
        total += n;
    }
    *out = all;
    *out_n = sort_unique(all, total);
    return true;
}

static bool
answer_strings(struct api *a, str name, struct err *e)
{
    struct lookup l = {0};
    str *v;
    size_t n;

    if (!read_lookup(a, &l, e))
        return false;
    bool ok = collect(a, &l, name, &v, &n, e);
    if (ok)
        put_strings(a, v, n, l.limit);
    api_match_free(l.sets, l.sets_n);
    return ok;
}

bool
api_labels(struct api *a, struct err *e)
{
    return answer_strings(a, STR_EMPTY, e);
}

bool
api_label_values(struct api *a, struct err *e)
{
    str name = a->capture;

    if (str_starts(name, STRL("U__")))
        name = escape_undo_values(a->arena, name);
    if (name.n == 0 || !utf8_valid(name)) {
        struct buf quoted = {0};
        labels_put_quoted(&quoted, name);
        err_set(e, ERR_BAD_DATA, "invalid label name: %.*s", STR_ARG(buf_str(&quoted)));
        buf_free(&quoted);
        return false;
    }
    return answer_strings(a, name, e);
}

/* Walks the selections, each sorted, as one sorted list without repetition. */
static void
put_series(struct api *a, const struct view *v, size_t sets, size_t limit)
{
    size_t *at = ARENA_ZARRAY(a->arena, size_t, sets + 1);
    size_t written = 0;
    struct labels last = LABELS_EMPTY;

    json_open_array(&a->json);
    for (;;) {
        const struct selected *best = NULL;
        size_t from = 0;
        for (size_t i = 0; i < sets; i++) {
            struct selection s = view_selection(v, i);
            if (at[i] < s.n && (!best || labels_cmp(s.v[at[i]].labels, best->labels) < 0)) {
                best = &s.v[at[i]];
                from = i;
            }
        }
        if (!best)
            break;
        at[from]++;
        if (written && labels_eq(best->labels, last))
            continue;
        if (limit > 0 && written == limit) {
            api_warn(a, "results truncated due to limit");
            break;
        }
        last = best->labels;
        written++;
        json_raw(&a->json);
        encode_labels(a->json.out, best->labels);
    }
    json_close_array(&a->json);
}

static int
compare_order(const void *a, const void *b)
{
    const struct selected *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* One selection alone comes as the storage has it. */
static void
put_selection(struct api *a, struct selection s, size_t limit)
{
    struct selected *v = ARENA_ARRAY(a->arena, struct selected, s.n + 1);

    if (s.n) {
        memcpy(v, s.v, s.n * sizeof *v);
        qsort(v, s.n, sizeof *v, compare_order);
    }
    if (limit > 0 && s.n > limit) {
        s.n = limit;
        api_warn(a, "results truncated due to limit");
    }
    json_open_array(&a->json);
    for (size_t i = 0; i < s.n; i++) {
        json_raw(&a->json);
        encode_labels(a->json.out, v[i].labels);
    }
    json_close_array(&a->json);
}

bool
api_series(struct api *a, struct err *e)
{
    struct lookup l = {0};
    bool any = false;

    if (a->req->form_error)
        return err_set(e, ERR_BAD_DATA, "error parsing form values: invalid parameter");
    for (size_t i = 0; i < a->req->params_n; i++)
        any = any || str_eq(a->req->params[i].name, STRL("match[]"));
    if (!any)
        return err_set(e, ERR_BAD_DATA, "no match[] parameter provided");
    if (!api_limit(a, &l.limit, e) || !api_time(a, "start", INSTANT_MIN, &l.start, e) ||
        !api_time(a, "end", INSTANT_MAX, &l.end, e))
        return false;
    if (!api_match(a, &l.sets, &l.sets_n, e))
        return api_invalid_param(e, "match[]");

    struct selection_spec *specs = ARENA_ARRAY(a->arena, struct selection_spec, l.sets_n);
    for (size_t i = 0; i < l.sets_n; i++)
        specs[i] = (struct selection_spec){l.sets[i].m, l.sets[i].n, instant_ms(l.start),
                                           instant_ms(l.end)};
    struct view *v = NULL;
    bool ok = view_open(&v, a->w->layers.db, specs, l.sets_n, 0, e);
    if (ok && l.sets_n == 1)
        put_selection(a, view_selection(v, 0), l.limit);
    else if (ok)
        put_series(a, v, l.sets_n, l.limit);
    view_close(&v);
    api_match_free(l.sets, l.sets_n);
    return ok;
}

static void
put_exemplars(struct api *a, const struct exemplar_series *s)
{
    struct json *j = &a->json;

    json_open_object(j);
    json_key_lit(j, "seriesLabels");
    json_raw(j);
    encode_labels(j->out, s->series);
    json_key_lit(j, "exemplars");
    json_open_array(j);
    for (size_t i = 0; i < s->n; i++)
        encode_exemplar(j, &s->v[i]);
    json_close_array(j);
    json_close_object(j);
}

/* An expression without a selector has no exemplars to look for: 204, as Prometheus. */
static void
answer_exemplars(struct api *a, const struct expr *x, struct instant start, struct instant end)
{
    size_t n = expr_selectors(x, NULL, 0);
    const struct expr **selectors = ARENA_ARRAY(a->arena, const struct expr *, n);
    struct selection_spec *specs = ARENA_ARRAY(a->arena, struct selection_spec, n);
    struct exemplar_series *found;

    if (n == 0)
        return;
    expr_selectors(x, selectors, n);
    for (size_t i = 0; i < n; i++)
        specs[i] = (struct selection_spec){selectors[i]->u.selector.m, selectors[i]->u.selector.n,
                                           instant_ms(start), instant_ms(end)};
    size_t found_n = select_exemplars(a->w->layers.db, specs, n, instant_ms(start),
                                      instant_ms(end), a->arena, &found);
    json_open_array(&a->json);
    for (size_t i = 0; i < found_n; i++)
        put_exemplars(a, &found[i]);
    json_close_array(&a->json);
}

bool
api_query_exemplars(struct api *a, struct err *e)
{
    struct instant start, end;
    struct engine_opts o = engine_options(a->w->layers.engine);
    struct expr *x;

    if (!api_time(a, "start", INSTANT_MIN, &start, e) || !api_time(a, "end", INSTANT_MAX, &end, e))
        return false;
    if (instant_before(end, start))
        return err_set(e, ERR_BAD_DATA, "end timestamp must not be before start timestamp");
    if (!parse_expr(api_form(a, "query"), &o.parse, a->arena, &x, e)) {
        e->kind = ERR_BAD_DATA;
        return false;
    }
    answer_exemplars(a, x, start, end);
    parse_free_regexes(x);
    return true;
}
