/* select_labels.c - names and values of labels, over head and blocks; exemplars. */
#include <stdlib.h>

#include "base/panic.h"
#include "storage/db.h"
#include "storage/head_read.h"
#include "storage/select.h"

struct text_set {
    struct arena *a;
    str *v;
    size_t n, cap;
};

static void
text_set_add(struct text_set *t, str s)
{
    arena_grow(t->a, &t->v, &t->cap, t->n + 1, sizeof(*t->v));
    t->v[t->n++] = s;
}

static int
text_cmp(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

/* Sorted, once each. */
static void
text_set_finish(struct text_set *t)
{
    if (t->n == 0)
        return;
    qsort(t->v, t->n, sizeof(*t->v), text_cmp);
    size_t kept = 1;
    for (size_t i = 1; i < t->n; i++)
        if (!str_eq(t->v[i], t->v[kept - 1]))
            t->v[kept++] = t->v[i];
    t->n = kept;
}

/* What label queries look at: pinned, no lock held. */
struct scope {
    struct tsdb *db;
    struct pin pin;
    struct block_list *blocks;
    bool head; /* the range meets the head */
};

static void
scope_open(struct scope *s, struct tsdb *db, int64_t mint, int64_t maxt)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    *s = (struct scope){.db = db};
    pin_enter(&db->head.pins, &s->pin);
    head_enter_read(&db->head);
    s->blocks = block_list_ref(db->blocks);
    s->head = mint <= db->head.maxt && maxt >= db->head.mint;
    rwlock_unlock(&db->head.gate);
}

static void
scope_close(struct scope *s)
{
    block_list_unref(&s->blocks);
    pin_leave(&s->db->head.pins, &s->pin);
}

static bool
scope_has(const struct scope *s, size_t i, int64_t mint, int64_t maxt)
{
    const struct block_meta *m = block_meta(s->blocks->v[i]);
    return m->mint <= maxt && m->maxt > mint;
}

/* Distinct pairs of the matching series, all of them or those of one name. */
static struct ids
head_pairs(struct head *h, const struct matcher *m, size_t n, uint32_t name, struct arena *a)
{
    struct ids ids = head_select(h, m, n, a), pairs = {0};
    size_t cap = 0;
    for (size_t i = 0; i < ids.n; i++) {
        uint32_t slot = series_slot(&h->series, ids.v[i]);
        const uint32_t *of = series_cold(&h->series, slot)->pairs;
        size_t of_n = series_hot(&h->series, slot)->labels_n;
        if (pairs.n + of_n > cap && cap > 0) {
            ids_sort(a, &pairs); /* mostly repetitions: halve before growing */
        }
        arena_grow(a, &pairs.v, &cap, pairs.n + of_n, sizeof(uint32_t));
        for (size_t k = 0; k < of_n; k++)
            if (name == 0 || symbols_pair(&h->series.symbols, of[k])->name == name)
                pairs.v[pairs.n++] = of[k];
    }
    ids_sort(a, &pairs);
    return pairs;
}

/* Texts are copied: they must outlive the pin. */
static void
head_names(struct head *h, const struct matcher *m, size_t n, struct arena *scratch,
           struct text_set *out)
{
    const struct symbols *s = &h->series.symbols;
    rwlock_read(&h->index);
    if (n == 0) {
        for (uint32_t i = 1; i <= s->names_n; i++)
            if (symbols_name(s, i)->n)
                text_set_add(out, arena_str(out->a, symbols_name(s, i)->text));
    } else {
        struct ids pairs = head_pairs(h, m, n, 0, scratch);
        for (size_t i = 0; i < pairs.n; i++)
            pairs.v[i] = symbols_pair(s, pairs.v[i])->name;
        ids_sort(scratch, &pairs);
        for (size_t i = 0; i < pairs.n; i++)
            text_set_add(out, arena_str(out->a, symbols_name(s, pairs.v[i])->text));
    }
    rwlock_unlock(&h->index);
}

static void
head_values(struct head *h, str label, const struct matcher *m, size_t n, struct arena *scratch,
            struct text_set *out)
{
    const struct symbols *s = &h->series.symbols;
    rwlock_read(&h->index);
    uint32_t name = symbols_find_name(s, label);
    struct ids pairs = {0};
    if (name && n)
        pairs = head_pairs(h, m, n, name, scratch);
    else if (name)
        pairs = (struct ids){.v = symbols_name(s, name)->pairs, .n = symbols_name(s, name)->n};
    for (size_t i = 0; i < pairs.n; i++) {
        const struct label_pair *p = symbols_pair(s, pairs.v[i]);
        if (p->series.n)
            text_set_add(out, arena_str(out->a, STR(p->value, p->value_n)));
    }
    rwlock_unlock(&h->index);
}

struct label_query {
    str name; /* empty: names are asked for */
    const struct matcher *m;
    size_t n;
    int64_t mint, maxt;
    size_t limit;
};

static bool
label_query_run(struct tsdb *db, const struct label_query *q, struct text_set *out, struct err *e)
{
    struct scope s;
    struct arena *scratch = arena_new();
    bool ok = true;
    scope_open(&s, db, q->mint, q->maxt);
    if (s.head && q->name.n)
        head_values(&db->head, q->name, q->m, q->n, scratch, out);
    else if (s.head)
        head_names(&db->head, q->m, q->n, scratch, out);
    for (size_t i = 0; i < s.blocks->n && ok; i++) {
        str *v = NULL;
        size_t n = 0;
        if (!scope_has(&s, i, q->mint, q->maxt))
            continue;
        ok = q->name.n ? block_label_values(s.blocks->v[i], q->name, q->m, q->n,
                                            q->limit ? q->limit + 1 : 0, scratch, &v, &n, e)
                       : block_label_names(s.blocks->v[i], q->m, q->n, scratch, &v, &n, e);
        for (size_t k = 0; k < n && ok; k++)
            text_set_add(out, arena_str(out->a, v[k]));
    }
    scope_close(&s);
    arena_free(&scratch);
    text_set_finish(out);
    if (q->limit && out->n > q->limit + 1)
        out->n = q->limit + 1;
    return ok;
}

bool
select_label_names(struct tsdb *db, const struct matcher *m, size_t n, int64_t mint, int64_t maxt,
                   size_t limit, struct arena *a, str **out, size_t *out_n, struct err *e)
{
    struct text_set t = {.a = a};
    struct label_query q = {.m = m, .n = n, .mint = mint, .maxt = maxt, .limit = limit};
    bool ok = label_query_run(db, &q, &t, e);
    *out = t.v;
    *out_n = t.n;
    return ok;
}

bool
select_label_values(struct tsdb *db, str name, const struct matcher *m, size_t n, int64_t mint,
                    int64_t maxt, size_t limit, struct arena *a, str **out, size_t *out_n,
                    struct err *e)
{
    *out = NULL;
    *out_n = 0;
    if (name.n == 0)
        return true;
    struct text_set t = {.a = a};
    struct label_query q = {
        .name = name, .m = m, .n = n, .mint = mint, .maxt = maxt, .limit = limit};
    bool ok = label_query_run(db, &q, &t, e);
    *out = t.v;
    *out_n = t.n;
    return ok;
}

size_t
select_exemplars(struct tsdb *db, const struct selection_spec *specs, size_t n, int64_t mint,
                 int64_t maxt, struct arena *a, struct exemplar_series **out)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    return exemplar_ring_select(db->exemplars, specs, n, mint, maxt, a, out);
}
