/* append_commit.c - applying a batch: judge, store, log. */
#include "base/metric.h"
#include "base/mem.h"
#include "base/panic.h"
#include "storage/append_priv.h"
#include "storage/record.h"
#include "storage/wal.h"

/* Records lie all over the head: a commit loads them, and then the ends of their chunks,
 * ahead of the one it works on. */
#define PREFETCH_RECORD 16
#define PREFETCH_CHUNK 8

static enum append_verdict
append_verdict_of(enum head_verdict v)
{
    switch (v) {
    case HEAD_STORED:
    case HEAD_LATE:
    case HEAD_SAME:
        return APPEND_ACCEPTED;
    case HEAD_DUPLICATE:
        return APPEND_DUPLICATE;
    case HEAD_OUT_OF_ORDER:
        return APPEND_OUT_OF_ORDER;
    case HEAD_OUT_OF_BOUNDS:
        return APPEND_OUT_OF_BOUNDS;
    case HEAD_TOO_OLD:
        return APPEND_TOO_OLD;
    }
    UNREACHABLE();
}

static struct histogram *
append_hist(const struct append *a, size_t i)
{
    return a->h ? a->h[i] : NULL;
}

/* Whether two samples of the batch have the same value. */
static bool
append_same_value(const struct append *a, size_t i, size_t k)
{
    const struct histogram *x = append_hist(a, i), *y = append_hist(a, k);
    if (x && y)
        return x->integer == y->integer && histogram_equal(x, y);
    return !x && !y && f64_bits(a->v[i]) == f64_bits(a->v[k]);
}

/* What the head would say to each sample, changing nothing: the newest sample of a series
 * may be one of this batch, so those seen are kept in a small table. */
static bool
append_dry_run(struct append *a)
{
    struct head *h = &a->db->head;
    size_t mask = 15;
    while (mask < a->n * 2)
        mask = mask * 2 + 1;
    uint32_t *newest = ARENA_ZARRAY(a->arena, uint32_t, mask + 1); /* index + 1 */
    bool all = true;
    for (size_t i = 0; i < a->n; i++) {
        uint32_t slot = series_slot(&h->series, a->ids[i]);
        const struct series *s = series_hot(&h->series, slot);
        size_t at = (a->ids[i] * 0x9e3779b1u) & mask;
        while (newest[at] && a->ids[newest[at] - 1] != a->ids[i])
            at = (at + 1) & mask;
        size_t seen = newest[at];
        enum head_verdict v = head_judge(h, seen || s->flags & SERIES_HAS_SAMPLE,
                                         seen ? a->t[seen - 1] : s->x.t, a->t[i]);
        if (v == HEAD_STORED) {
            newest[at] = (uint32_t)i + 1;
        } else if (v == HEAD_SAME) {
            bool same = seen ? append_same_value(a, i, seen - 1)
                             : head_newest_is(h, slot, a->v[i], append_hist(a, i));
            v = same ? HEAD_SAME : HEAD_DUPLICATE;
        }
        all = all && head_accepts(v);
        a->verdict[i] = (uint8_t)v;
    }
    return all;
}

/* What the log needs to know besides the columns. */
struct applied {
    bool plain;        /* every sample a float, stored in order */
    uint32_t *unknown; /* slots of series whose labels are not logged yet */
    size_t unknown_n;
};

static void
append_apply(struct append *a, struct applied *out)
{
    struct head *h = &a->db->head;
    struct series_table *table = &h->series;
    *out = (struct applied){.plain = a->h == NULL};
    size_t cap = 0;
    for (size_t i = 0; i < a->n; i++) {
        if (i + PREFETCH_RECORD < a->n)
            __builtin_prefetch(
                series_hot(table, series_slot(table, a->ids[i + PREFETCH_RECORD])), 1);
        if (i + PREFETCH_CHUNK < a->n) {
            const struct series *next =
                series_hot(table, series_slot(table, a->ids[i + PREFETCH_CHUNK]));
            __builtin_prefetch(next->x.p + next->x.bits / 8, 1);
        }
        uint32_t slot = series_slot(table, a->ids[i]);
        int64_t st = a->st ? a->st[i] : 0;
        struct histogram *hist = append_hist(a, i);
        enum head_verdict v = hist ? head_append_histogram(h, slot, st, a->t[i], hist)
                                   : head_append_float(h, slot, st, a->t[i], a->v[i]);
        a->verdict[i] = (uint8_t)v;
        out->plain = out->plain && v == HEAD_STORED;
        struct series *s = series_hot(table, slot);
        if (UNLIKELY(!(s->flags & SERIES_LOGGED)) && v <= HEAD_LATE) {
            s->flags |= SERIES_LOGGED;
            arena_grow(a->arena, &out->unknown, &cap, out->unknown_n + 1, sizeof(uint32_t));
            out->unknown[out->unknown_n++] = slot;
        }
    }
}

/* The batch's arrays become the record's and the record's, emptied, the batch's. */
static void
append_swap_columns(struct append *a, struct record_floats *f)
{
    struct record_floats was = *f;
    *f = (struct record_floats){
        .n = a->n, .cap = a->cap, .ids = a->ids, .t = a->t, .v = a->v, .st = a->st};
    a->cap = was.cap;
    a->ids = was.ids;
    a->t = was.t;
    a->v = was.v;
    a->st = NULL;
}

static void
append_log_samples(struct append *a, struct record *r)
{
    for (size_t i = 0; i < a->n; i++) {
        enum head_verdict v = (enum head_verdict)a->verdict[i];
        struct histogram *hist = append_hist(a, i);
        int64_t st = a->st ? a->st[i] : 0;
        if (v > HEAD_LATE)
            continue;
        if (hist)
            record_put_histogram(v == HEAD_LATE ? &r->late_histograms : &r->histograms, a->ids[i],
                                 st, a->t[i], hist);
        else
            record_put_float(v == HEAD_LATE ? &r->late : &r->floats, a->ids[i], st, a->t[i],
                             a->v[i]);
    }
}

/* Fills and queues the record while the gate is held; no I/O. */
static uint64_t
append_log(struct append *a, struct record *r, const struct applied *done)
{
    struct series_table *table = &a->db->head.series;
    for (size_t i = 0; i < done->unknown_n; i++) {
        uint32_t slot = done->unknown[i];
        const struct series *s = series_hot(table, slot);
        struct arena_mark mark = arena_mark(a->arena);
        record_put_series(r, s->id, series_labels(table, series_cold(table, slot)->pairs,
                                                  s->labels_n, a->arena));
        arena_reset(a->arena, mark);
    }
    if (done->plain)
        append_swap_columns(a, &r->floats);
    else
        append_log_samples(a, r);
    return wal_put(a->db->wal, r);
}

static void
append_count_verdicts(struct append *a, size_t n, struct append_result *out)
{
    size_t count[APPEND_TOO_OLD + 1] = {0};
    for (size_t i = 0; i < n; i++) {
        enum append_verdict v = append_verdict_of((enum head_verdict)a->verdict[i]);
        a->verdict[i] = (uint8_t)v;
        count[v]++;
    }
    *out = (struct append_result){.accepted = count[APPEND_ACCEPTED],
                                  .duplicate = count[APPEND_DUPLICATE],
                                  .out_of_order = count[APPEND_OUT_OF_ORDER],
                                  .out_of_bounds = count[APPEND_OUT_OF_BOUNDS],
                                  .too_old = count[APPEND_TOO_OLD]};
    if (out->accepted < n)
        out->verdict = a->verdict;
}

static void
append_count_metrics(struct tsdb *db, const struct append_result *r)
{
    (void)db;
    if (r->out_of_order)
        metric_add(metric_child(METRIC_TSDB_OUT_OF_ORDER_SAMPLES_TOTAL, &STRL("float"), 1),
                   (double)r->out_of_order);
    if (r->out_of_bounds)
        metric_add(metric_child(METRIC_TSDB_OUT_OF_BOUND_SAMPLES_TOTAL, &STRL("float"), 1),
                   (double)r->out_of_bounds);
    if (r->too_old)
        metric_add(metric_child(METRIC_TSDB_TOO_OLD_SAMPLES_TOTAL, &STRL("float"), 1),
                   (double)r->too_old);
}

/* Exemplars of the batch, logged in a record of their own after the samples: they are no
 * part of what is judged. */
static void
append_exemplars(struct append *a)
{
    struct tsdb *db = a->db;
    struct record *r = db->wal && a->exemplars_n ? wal_record(db->wal) : NULL;
    for (size_t i = 0; i < a->exemplars_n; i++) {
        const struct append_exemplar *x = &a->exemplars[i];
        struct exemplar e = {.labels = x->labels, .value = x->v, .t = x->t};
        struct labels series = append_labels_of(a, x->id, a->arena);
        if (series.n && exemplar_ring_add(db->exemplars, series, &e) == EXEMPLAR_STORED && r)
            record_put_exemplar(r, x->id, x->labels, x->t, x->v);
    }
    if (r == NULL)
        return;
    head_enter_write(&db->head);
    wal_put(db->wal, r);
    rwlock_unlock(&db->head.gate);
}

bool
append_commit(struct append *a, enum append_durability how, bool all_or_nothing,
              struct append_result *out, struct err *e)
{
    CHECK_MAGIC(a, APPEND_MAGIC);
    struct tsdb *db = a->db;
    struct head *h = &db->head;
    size_t n = a->n;
    uint64_t seq = 0;
    *out = (struct append_result){0};
    if (!tsdb_accepts(db, e)) {
        append_reset(a);
        return false;
    }
    if (n) {
        mem_grow(&a->verdict, &a->verdict_cap, n, 1);
        struct record *r = db->wal ? wal_record(db->wal) : NULL;
        head_enter_write(h);
        head_begin(h, a->t[0]);
        struct applied done = {0};
        bool apply = !all_or_nothing || append_dry_run(a);
        if (apply)
            append_apply(a, &done);
        if (r)
            seq = apply ? append_log(a, r, &done) : wal_put(db->wal, r);
        rwlock_unlock(&h->gate);
        append_count_verdicts(a, n, out);
        append_count_metrics(db, out);
    }
    append_exemplars(a);
    append_reset(a);
    return seq == 0 || how == APPEND_LAZY || wal_wait(db->wal, seq, e);
}
