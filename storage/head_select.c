/* head_select.c - matchers to series ids (head_read.h has the plan). */
#include "storage/head_read.h"

#include "base/mem.h"
#include "base/panic.h"

/* Looking at one series' own label costs about this many steps along a list. */
#define LOOK_COST 16

str
head_label_value(const struct head *h, uint32_t slot, uint32_t name)
{
    const struct symbols *s = &h->series.symbols;
    const uint32_t *pairs = series_cold(&h->series, slot)->pairs;
    for (size_t i = 0; i < series_hot(&h->series, slot)->labels_n; i++) {
        const struct label_pair *p = symbols_pair(s, pairs[i]);
        if (p->name == name)
            return STR(p->value, p->value_n);
    }
    return STR_EMPTY;
}

static struct ids
pair_ids(const struct head *h, uint32_t pair)
{
    return pair ? posting_list_ids(&symbols_pair(&h->series.symbols, pair)->series)
                : (struct ids){0};
}

/* The lists of the literal values a matcher accepts; false if it is not of that shape. */
static bool
select_literals(const struct head *h, const struct matcher *m, struct arena *a,
                struct ids **lists, size_t *n)
{
    const str *set = &m->value;
    size_t set_n = 1;
    if (m->type == MATCH_RE) {
        const struct regex_shape *shape = regex_shape(m->re);
        set = shape->set;
        set_n = shape->set_n;
    } else if (m->type != MATCH_EQ) {
        return false;
    }
    if (set_n == 0)
        return false;
    uint32_t name = symbols_find_name(&h->series.symbols, m->name);
    *lists = ARENA_ARRAY(a, struct ids, set_n);
    *n = 0;
    for (size_t i = 0; i < set_n && name; i++) {
        struct ids ids = pair_ids(h, set[i].n ? symbols_find(&h->series.symbols, name, set[i]) : 0);
        if (ids.n)
            (*lists)[(*n)++] = ids;
    }
    return true;
}

/* The lists of the values of m's name for which the matcher gives `want`. */
static size_t
select_values(const struct head *h, const struct matcher *m, bool want, struct arena *a,
              struct ids **lists)
{
    uint32_t id = symbols_find_name(&h->series.symbols, m->name);
    if (id == 0)
        return 0;
    const struct label_name *name = symbols_name(&h->series.symbols, id);
    size_t n = 0;
    *lists = ARENA_ARRAY(a, struct ids, name->n);
    for (uint32_t i = 0; i < name->n; i++) {
        const struct label_pair *p = symbols_pair(&h->series.symbols, name->pairs[i]);
        if (p->series.n && matcher_matches(m, STR(p->value, p->value_n)) == want)
            (*lists)[n++] = posting_list_ids(&p->series);
    }
    return n;
}

static size_t
lists_total(const struct ids *lists, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += lists[i].n;
    return total;
}

/* Sets that may repeat a value ("a|a") give the same list twice: ids_union drops that. */
static struct ids
lists_union(struct arena *a, const struct ids *lists, size_t n)
{
    return n == 1 ? ids_copy(a, lists[0]) : ids_union(a, lists, n);
}

/* Filters by looking at each series' value; verdicts are kept by value. */
static void
filter_by_look(const struct head *h, const struct matcher *m, struct ids *ids)
{
    uint32_t name = symbols_find_name(&h->series.symbols, m->name);
    const char *last = NULL;
    bool verdict = matcher_matches(m, STR_EMPTY);
    bool empty = verdict;
    size_t kept = 0;
    for (size_t i = 0; i < ids->n; i++) {
        str value = name ? head_label_value(h, series_slot(&h->series, ids->v[i]), name) : STR_EMPTY;
        if (value.n && value.p != last) {
            /* Neighbours often share the value, and values are interned. */
            verdict = matcher_matches(m, value);
            last = value.p;
        }
        if (value.n ? verdict : empty)
            ids->v[kept++] = ids->v[i];
    }
    ids->n = kept;
}

static void
filter(const struct head *h, const struct matcher *m, struct ids *ids, struct arena *a)
{
    struct ids *lists = NULL;
    size_t n = 0, total;
    bool literal = select_literals(h, m, a, &lists, &n);
    bool empty = matcher_matches_empty(m);
    if (m->type == MATCH_EQ && !empty) {
        /* One list: galloping costs by the shorter side. */
        struct ids none = {0};
        ids_intersect(ids, n ? lists[0] : none);
        return;
    }
    uint32_t name = symbols_find_name(&h->series.symbols, m->name);
    size_t values = name ? symbols_name(&h->series.symbols, name)->n : 0;
    if (ids->n < values || ids->n < 64) {
        filter_by_look(h, m, ids);
        return;
    }
    /* With the empty value accepted, the series to drop are those of refused values. */
    if (empty || !literal)
        n = select_values(h, m, !empty, a, &lists);
    total = lists_total(lists, n);
    if (ids->n * LOOK_COST < total) {
        filter_by_look(h, m, ids);
        return;
    }
    struct ids all = lists_union(a, lists, n);
    if (empty)
        ids_subtract(ids, all);
    else
        ids_intersect(ids, all);
}

/* Chooses the base: fills ids and returns which matcher it came from, n for none. */
static size_t
select_base(const struct head *h, const struct matcher *m, size_t n, struct arena *a,
            struct ids *ids)
{
    struct ids *best = NULL, *lists;
    size_t best_n = 0, best_total = SIZE_MAX, which = n, lists_n;
    for (size_t i = 0; i < n; i++) {
        if (matcher_matches_empty(&m[i]) || !select_literals(h, &m[i], a, &lists, &lists_n))
            continue;
        size_t total = lists_total(lists, lists_n);
        if (total < best_total) {
            best = lists;
            best_n = lists_n;
            best_total = total;
            which = i;
        }
    }
    for (size_t i = 0; i < n && which == n; i++) {
        if (matcher_matches_empty(&m[i]))
            continue;
        if (m[i].type != MATCH_RE || regex_shape(m[i].re)->any_non_empty)
            continue; /* .+ and != select nearly all: a filter of all series is as good */
        best_n = select_values(h, &m[i], true, a, &best);
        which = i;
    }
    if (which < n)
        *ids = lists_union(a, best, best_n);
    else
        *ids = ids_copy(a, posting_list_ids(&h->series.all));
    return which;
}

struct ids
head_select(struct head *h, const struct matcher *m, size_t n, struct arena *a)
{
    struct ids ids;
    size_t base = select_base(h, m, n, a, &ids);
    for (size_t i = 0; i < n && ids.n; i++)
        if (i != base)
            filter(h, &m[i], &ids, a);
    return ids;
}
