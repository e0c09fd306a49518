/* tsdb_stats.c - what the database says about itself. */
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "storage/db.h"
#include "storage/tsdb.h"

void
tsdb_stats(struct tsdb *db, struct tsdb_stats *out)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    struct head *h = &db->head;
    *out = (struct tsdb_stats){0};
    head_enter_read(h);
    out->head_chunks = h->chunks;
    out->head_mint = h->mint;
    out->head_maxt = h->maxt;
    out->samples_appended = h->samples;
    out->blocks = db->blocks->n;
    rwlock_read(&h->index);
    out->head_series = h->series.live;
    out->head_label_pairs = symbols_pairs_live(&h->series.symbols);
    rwlock_unlock(&h->index);
    rwlock_unlock(&h->gate);
    out->corruptions = atomic_load(&db->corruptions);
    out->read_only = db->opts.read_only;
    if (db->wal == NULL)
        return;
    struct wal_stats w;
    wal_stats(db->wal, &w);
    out->wal_bytes = w.bytes;
    out->wal_segment = w.segment;
    out->read_only = w.read_only;
    memcpy(out->read_only_reason, w.reason, sizeof(w.reason));
}

size_t
tsdb_blocks(struct tsdb *db, struct arena *a, struct tsdb_block_meta **out)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    head_enter_read(&db->head);
    struct block_list *l = block_list_ref(db->blocks);
    rwlock_unlock(&db->head.gate);
    *out = ARENA_ZARRAY(a, struct tsdb_block_meta, l->n);
    for (size_t i = 0; i < l->n; i++) {
        const struct block_meta *m = block_meta(l->v[i]);
        struct tsdb_block_meta *to = &(*out)[i];
        memcpy(to->ulid, m->ulid, sizeof(to->ulid));
        to->mint = m->mint;
        to->maxt = m->maxt;
        to->series = m->series;
        to->chunks = m->chunks;
        to->samples = m->samples;
        to->tombstones = block_tombstones(l->v[i]);
        to->size_bytes = block_size_bytes(l->v[i]);
        to->level = m->level;
    }
    size_t n = l->n;
    block_list_unref(&l);
    return n;
}

/* The `limit` largest, in descending order; equal ones by name. */
struct top {
    struct arena *a;
    struct tsdb_top *v;
    size_t n, limit;
};

static int
top_cmp(const struct tsdb_top *x, const struct tsdb_top *y)
{
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return str_cmp(x->name, y->name);
}

static void
top_add(struct top *t, str name, uint64_t value)
{
    struct tsdb_top item = {.name = name, .value = value};
    size_t at = t->n;
    if (t->limit == 0 || (at == t->limit && top_cmp(&item, &t->v[at - 1]) >= 0))
        return;
    if (at == t->limit)
        at--;
    else
        t->n++;
    for (; at > 0 && top_cmp(&item, &t->v[at - 1]) < 0; at--)
        t->v[at] = t->v[at - 1];
    t->v[at] = item;
}

static struct top
top_new(struct arena *a, size_t limit)
{
    return (struct top){.a = a, .v = ARENA_ARRAY(a, struct tsdb_top, limit), .limit = limit};
}

/* Names are borrowed from the dictionary while it is locked: copy those that stayed. */
static void
top_keep(struct top *t, struct tsdb_top **v, size_t *n)
{
    for (size_t i = 0; i < t->n; i++)
        t->v[i].name = arena_str(t->a, t->v[i].name);
    *v = t->v;
    *n = t->n;
}

/* The lists of one name's pairs. */
static void
top_pairs(const struct symbols *s, const struct label_name *name, struct arena *scratch,
          struct top *metrics, struct top *pairs)
{
    bool is_metric = str_eq(name->text, LABEL_NAME);
    for (uint32_t i = 0; i < name->n; i++) {
        const struct label_pair *p = symbols_pair(s, name->pairs[i]);
        str value = STR(p->value, p->value_n);
        uint64_t series = p->series.n;
        if (series == 0)
            continue;
        if (is_metric)
            top_add(metrics, value, series);
        if (pairs->n < pairs->limit || (pairs->n && series >= pairs->v[pairs->n - 1].value))
            top_add(pairs, arena_printf(scratch, "%.*s=%.*s", STR_ARG(name->text), STR_ARG(value)),
                    series);
    }
}

void
tsdb_top_lists(struct tsdb *db, struct arena *a, size_t limit, struct tsdb_top_lists *out)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    struct top metrics = top_new(a, limit), values = top_new(a, limit), memory = top_new(a, limit),
               pairs = top_new(a, limit);
    struct arena *scratch = arena_new();
    struct head *h = &db->head;
    const struct symbols *s = &h->series.symbols;
    rwlock_read(&h->index);
    for (uint32_t i = 1; i <= s->names_n; i++) {
        const struct label_name *name = symbols_name(s, i);
        uint64_t bytes = 0;
        if (name->n == 0)
            continue;
        for (uint32_t k = 0; k < name->n; k++)
            bytes += symbols_pair(s, name->pairs[k])->value_n;
        top_add(&values, name->text, name->n);
        top_add(&memory, name->text, bytes);
        top_pairs(s, name, scratch, &metrics, &pairs);
    }
    top_keep(&metrics, &out->series_by_metric, &out->series_by_metric_n);
    top_keep(&values, &out->values_by_label, &out->values_by_label_n);
    top_keep(&memory, &out->memory_by_label, &out->memory_by_label_n);
    top_keep(&pairs, &out->series_by_pair, &out->series_by_pair_n);
    rwlock_unlock(&h->index);
    arena_free(&scratch);
}
