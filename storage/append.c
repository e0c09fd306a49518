#include "storage/append.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "storage/append_priv.h"

struct append *
append_new(struct tsdb *db)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    struct append *a = MEM_NEW(struct append);
    a->magic = APPEND_MAGIC;
    a->db = db;
    a->arena = arena_new();
    return a;
}

void
append_reset(struct append *a)
{
    a->n = a->exemplars_n = 0;
    mem_free(a->st);
    mem_free(a->h);
    a->st = NULL;
    a->h = NULL;
    arena_clear(a->arena);
    pin_leave(&a->db->head.pins, &a->pin);
}

void
append_free(struct append **ap)
{
    struct append *a = *ap;
    *ap = NULL;
    if (a == NULL)
        return;
    CHECK_MAGIC(a, APPEND_MAGIC);
    append_reset(a);
    arena_free(&a->arena);
    mem_free(a->ids);
    mem_free(a->t);
    mem_free(a->v);
    mem_free(a->verdict);
    mem_free(a->created);
    mem_free(a->exemplars);
    a->magic = 0;
    mem_free(a);
}

static void
append_begin(struct append *a)
{
    if (a->pin.at)
        return;
    a->created_n = 0; /* callers may ask about the last batch until now */
    pin_enter(&a->db->head.pins, &a->pin);
}

static bool
append_may_create(struct append *a, struct err *e)
{
    const struct tsdb *db = a->db;
    uint64_t max = db->opts.series_max;
    if (max && db->head.series.live >= max)
        return err_set(e, ERR_LIMIT, "series limit of %llu reached", (unsigned long long)max);
    if (atomic_load_explicit(&db->memory_full, memory_order_relaxed))
        return err_set(e, ERR_LIMIT, "memory limit reached: no new series");
    return true;
}

/* What no block could hold, or the head's records. */
static bool
append_labels_fit(struct labels ls, struct err *e)
{
    if (ls.n == 0)
        return err_set(e, ERR_BAD_DATA, "empty labelset: invalid sample");
    if (ls.n > LIMIT_LABELS_PER_SERIES)
        return err_set(e, ERR_LIMIT, "more than %d labels", LIMIT_LABELS_PER_SERIES);
    for (size_t i = 0; i < ls.n; i++)
        if (ls.v[i].name.n > LIMIT_LABEL_BYTES || ls.v[i].value.n > LIMIT_LABEL_BYTES)
            return err_set(e, ERR_LIMIT, "a label of more than %u bytes", LIMIT_LABEL_BYTES);
    return true;
}

static bool
append_create(struct append *a, struct labels ls, uint32_t hash, series_id *out, struct err *e)
{
    struct head *h = &a->db->head;
    bool ok = true;
    if (!append_labels_fit(ls, e))
        return false;
    rwlock_write(&h->index);
    *out = series_find(&h->series, ls, hash);
    if (*out) { /* another batch was faster */
        CHECK(series_revive(&h->series, *out));
    } else if ((ok = append_may_create(a, e))) {
        *out = series_create(&h->series, ls, hash);
        if (*out == 0)
            ok = err_set(e, ERR_LIMIT, "series ids are used up");
        mem_grow(&a->created, &a->created_cap, a->created_n + 1, sizeof(*a->created));
        if (ok)
            a->created[a->created_n++] = *out;
    }
    rwlock_unlock(&h->index);
    return ok;
}

bool
append_series(struct append *a, struct labels ls, series_id *out, struct err *e)
{
    *out = append_find(a, ls);
    return *out || append_create(a, ls, (uint32_t)labels_hash(ls), out, e);
}

series_id
append_find(struct append *a, struct labels ls)
{
    CHECK_MAGIC(a, APPEND_MAGIC);
    struct head *h = &a->db->head;
    append_begin(a);
    uint32_t hash = (uint32_t)labels_hash(ls);
    rwlock_read(&h->index);
    uint32_t id = series_find(&h->series, ls, hash);
    if (id)
        CHECK(series_revive(&h->series, id));
    rwlock_unlock(&h->index);
    return id;
}

void
append_find_many(struct append *a, const struct labels *ls, size_t n, series_id *ids)
{
    CHECK_MAGIC(a, APPEND_MAGIC);
    struct head *h = &a->db->head;
    uint32_t hashes[SERIES_FIND_MANY];
    append_begin(a);
    for (size_t at = 0; at < n; at += SERIES_FIND_MANY) {
        size_t count = MIN(n - at, (size_t)SERIES_FIND_MANY);
        for (size_t i = 0; i < count; i++)
            hashes[i] = (uint32_t)labels_hash(ls[at + i]);
        rwlock_read(&h->index);
        series_find_many(&h->series, ls + at, hashes, count, ids + at);
        for (size_t i = 0; i < count; i++)
            if (ids[at + i])
                CHECK(series_revive(&h->series, ids[at + i]));
        rwlock_unlock(&h->index);
    }
}

bool
append_series_is_new(const struct append *a, series_id id)
{
    size_t lo = 0, hi = a->created_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (a->created[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < a->created_n && a->created[lo] == id;
}

static void
append_grow(struct append *a)
{
    size_t was = a->cap;
    a->cap = a->cap ? a->cap * 2 : 64;
    a->ids = mem_realloc(a->ids, a->cap * sizeof(*a->ids));
    a->t = mem_realloc(a->t, a->cap * sizeof(*a->t));
    a->v = mem_realloc(a->v, a->cap * sizeof(*a->v));
    if (a->st) {
        a->st = mem_realloc(a->st, a->cap * sizeof(*a->st));
        memset(a->st + was, 0, (a->cap - was) * sizeof(*a->st));
    }
    if (a->h) {
        a->h = mem_realloc(a->h, a->cap * sizeof(*a->h));
        memset(a->h + was, 0, (a->cap - was) * sizeof(*a->h));
    }
}

static bool
append_queue(struct append *a, series_id id, int64_t t, double v)
{
    if (UNLIKELY(a->pin.at == 0))
        append_begin(a);
    if (UNLIKELY(id == 0 || !series_revive(&a->db->head.series, id)))
        return false;
    if (UNLIKELY(a->n == a->cap))
        append_grow(a);
    a->ids[a->n] = id;
    a->t[a->n] = t;
    a->v[a->n] = v;
    a->n++;
    return true;
}

bool
append_float(struct append *a, series_id id, int64_t t, double v)
{
    return append_queue(a, id, t, v);
}

static void
append_set_st(struct append *a, int64_t st)
{
    if (st == 0)
        return;
    if (a->st == NULL)
        a->st = MEM_ARRAY(int64_t, a->cap);
    a->st[a->n - 1] = st;
}

bool
append_float_st(struct append *a, series_id id, int64_t st, int64_t t, double v)
{
    if (!append_queue(a, id, t, v))
        return false;
    append_set_st(a, st);
    return true;
}

bool
append_histogram(struct append *a, series_id id, int64_t st, int64_t t, const struct histogram *h)
{
    if (!append_queue(a, id, t, 0))
        return false;
    append_set_st(a, st);
    if (a->h == NULL)
        a->h = MEM_ARRAY(struct histogram *, a->cap);
    a->h[a->n - 1] = histogram_copy(a->arena, h);
    return true;
}

/* OpenMetrics' bound on an exemplar's names and values together, in characters. */
#define EXEMPLAR_CHARACTERS_MAX 128

static bool
exemplar_fits(struct labels ls)
{
    size_t n = 0, len;
    for (size_t i = 0; i < ls.n && n <= EXEMPLAR_CHARACTERS_MAX; i++) {
        for (str s = ls.v[i].name; s.n; s = str_from(s, len), n++)
            utf8_decode(s, &len);
        for (str s = ls.v[i].value; s.n; s = str_from(s, len), n++)
            utf8_decode(s, &len);
    }
    return n <= EXEMPLAR_CHARACTERS_MAX;
}

bool
append_exemplar(struct append *a, series_id id, struct labels ls, int64_t t, double v)
{
    append_begin(a);
    if (id == 0 || !series_revive(&a->db->head.series, id) || !exemplar_fits(ls))
        return false;
    mem_grow(&a->exemplars, &a->exemplars_cap, a->exemplars_n + 1, sizeof(*a->exemplars));
    a->exemplars[a->exemplars_n++] = (struct append_exemplar){
        .id = id, .labels = labels_copy(a->arena, ls), .t = t, .v = v};
    return true;
}

size_t
append_count(const struct append *a)
{
    return a->n;
}

void
append_rollback(struct append *a)
{
    CHECK_MAGIC(a, APPEND_MAGIC);
    append_reset(a);
}

struct labels
append_labels_of(struct append *a, series_id id, struct arena *arena)
{
    struct head *h = &a->db->head;
    struct labels ls = LABELS_EMPTY;
    rwlock_read(&h->index);
    if (series_word(&h->series, id)) {
        uint32_t slot = series_slot(&h->series, id);
        ls = series_labels(&h->series, series_cold(&h->series, slot)->pairs,
                           series_hot(&h->series, slot)->labels_n, arena);
        ls = labels_copy(arena, ls);
    }
    rwlock_unlock(&h->index);
    return ls;
}

/* slot_or_none is slot + 1, or 0.  REQUIRES the gate, shared. */
static enum append_verdict
append_judge_stored(struct head *h, uint32_t slot_or_none, int64_t t, double v,
                    const struct histogram *hist)
{
    const struct series *s = slot_or_none ? series_hot(&h->series, slot_or_none - 1) : NULL;
    int64_t oldest = head_oldest_allowed(h);
    bool has = s && s->flags & SERIES_HAS_SAMPLE;

    if (t >= oldest && (!has || t > s->x.t))
        return APPEND_ACCEPTED;
    if (t >= oldest && t == s->x.t)
        return head_newest_is(h, slot_or_none - 1, v, hist) ? APPEND_ACCEPTED : APPEND_DUPLICATE;
    if (h->ooo_ms > 0)
        return t >= h->maxt - h->ooo_ms ? APPEND_ACCEPTED : APPEND_TOO_OLD;
    return t < oldest ? APPEND_OUT_OF_BOUNDS : APPEND_OUT_OF_ORDER;
}

enum append_verdict
append_judge(struct append *a, series_id id, int64_t t, double v, const struct histogram *hist)
{
    struct head *h = &a->db->head;
    uint32_t slot_or_none = 0;

    append_begin(a);
    head_enter_read(h);
    if (id && series_revive(&h->series, id))
        slot_or_none = series_slot(&h->series, id) + 1;
    enum append_verdict verdict = append_judge_stored(h, slot_or_none, t, v, hist);
    rwlock_unlock(&h->gate);
    return verdict;
}

bool
append_is_after(struct append *a, series_id id, int64_t t)
{
    struct head *h = &a->db->head;
    bool after = false;

    append_begin(a);
    head_enter_read(h);
    if (id && series_revive(&h->series, id)) {
        const struct series *s = series_hot(&h->series, series_slot(&h->series, id));
        after = !(s->flags & SERIES_HAS_SAMPLE) || t > s->x.t;
    }
    rwlock_unlock(&h->gate);
    return after;
}

int64_t
append_oldest_allowed_ms(struct append *a)
{
    struct head *h = &a->db->head;
    head_enter_read(h);
    int64_t t = head_oldest_allowed(h);
    rwlock_unlock(&h->gate);
    return t;
}

