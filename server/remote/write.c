/* write.c - remote write 1.0. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/unicode.h"
#include "server/remote/write_priv.h"

struct remote_receiver *
remote_receiver_new(struct tsdb *db)
{
    struct remote_receiver *r = MEM_NEW(struct remote_receiver);

    r->magic = REMOTE_RECEIVER_MAGIC;
    r->db = db;
    mutex_init(&r->mu, LOCK_POOL);
    return r;
}

void
remote_receiver_free(struct remote_receiver **out)
{
    struct remote_receiver *r = *out;

    if (!r)
        return;
    CHECK_MAGIC(r, REMOTE_RECEIVER_MAGIC);
    for (size_t i = 0; i < r->idle_n; i++)
        append_free(&r->idle[i]);
    mutex_fini(&r->mu);
    r->magic = 0;
    mem_free(r);
    *out = NULL;
}

struct append *
receiver_take(struct remote_receiver *r)
{
    struct append *a = NULL;

    CHECK_MAGIC(r, REMOTE_RECEIVER_MAGIC);
    mutex_lock(&r->mu);
    if (r->idle_n)
        a = r->idle[--r->idle_n];
    mutex_unlock(&r->mu);
    return a ? a : append_new(r->db);
}

void
receiver_give(struct remote_receiver *r, struct append *a)
{
    append_rollback(a); /* after a commit there is nothing to roll back */
    mutex_lock(&r->mu);
    if (r->idle_n < RECEIVER_BATCHES) {
        r->idle[r->idle_n++] = a;
        a = NULL;
    }
    mutex_unlock(&r->mu);
    append_free(&a);
}

const char *
verdict_text(enum append_verdict v)
{
    switch (v) {
    case APPEND_DUPLICATE: return "duplicate sample for timestamp";
    case APPEND_OUT_OF_ORDER: return "out of order sample";
    case APPEND_OUT_OF_BOUNDS: return "out of bounds";
    case APPEND_TOO_OLD: return "too old sample";
    case APPEND_ACCEPTED: break;
    }
    return "accepted";
}

static int
compare_label(const void *a, const void *b)
{
    return str_cmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

bool
label_list_finish(struct label_list *l, struct labels *out)
{
    bool sorted = true;
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        if (!utf8_valid(l->v[i].value) || !utf8_valid(l->v[i].name) || l->v[i].name.n == 0)
            return false;
        if (l->v[i].value.n == 0)
            continue;
        sorted = sorted && (n == 0 || str_cmp(l->v[n - 1].name, l->v[i].name) < 0);
        l->v[n++] = l->v[i];
    }
    if (!sorted) {
        qsort(l->v, n, sizeof *l->v, compare_label);
        for (size_t i = 1; i < n; i++)
            if (str_eq(l->v[i - 1].name, l->v[i].name))
                return false;
    }
    *out = (struct labels){l->v, n};
    return labels_has(*out, LABEL_NAME);
}

static void
read_label(str message, struct label_list *l, struct arena *a, bool *bad)
{
    struct pb p = pb_of(message);
    struct label x = {0};

    while (pb_next(&p)) {
        if (p.field == 1)
            x.name = pb_bytes(&p);
        else if (p.field == 2)
            x.value = pb_bytes(&p);
    }
    *bad |= p.d.bad;
    arena_grow(a, &l->v, &l->cap, l->n + 1, sizeof *l->v);
    l->v[l->n++] = x;
}

/* A request under way. */
struct v1 {
    struct append *batch;
    struct arena *arena;
    struct label_list labels;
    int64_t newest_ms; /* samples ahead of it are out of bounds */
    struct remote_written *out;
    size_t invalid; /* samples under invalid label sets */
};

static bool
too_far_ahead(const struct v1 *r, int64_t t, struct err *e)
{
    return t > r->newest_ms && !err_set(e, ERR_OUT_OF_ORDER, "out of bounds");
}

static bool
append_sample(struct v1 *r, series_id id, str message, struct err *e)
{
    struct pb p = pb_of(message);
    double v = 0;
    int64_t t = 0;

    while (pb_next(&p)) {
        if (p.field == 1)
            v = pb_f64(&p);
        else if (p.field == 2)
            t = pb_i64(&p);
    }
    if (p.d.bad)
        return err_set(e, ERR_BAD_DATA, "malformed sample in remote write request");
    if (too_far_ahead(r, t, e))
        return false;
    CHECK(append_float(r->batch, id, t, v));
    r->out->samples++;
    return true;
}

static bool
append_one_histogram(struct v1 *r, series_id id, str message, struct err *e)
{
    struct remote_histogram h;

    if (!remote_read_histogram(message, r->arena, &h, e))
        return false;
    if (too_far_ahead(r, h.t, e))
        return false;
    if (!histogram_validate(h.h, e)) {
        e->kind = ERR_BAD_DATA;
        return false;
    }
    CHECK(append_histogram(r->batch, id, h.st, h.t, h.h));
    r->out->histograms++;
    return true;
}

static bool
append_one_exemplar(struct v1 *r, series_id id, str message, struct err *e)
{
    struct pb p = pb_of(message);
    struct label_list l = {0};
    double v = 0;
    int64_t t = 0;
    bool bad = false;

    while (pb_next(&p)) {
        if (p.field == 1)
            read_label(pb_bytes(&p), &l, r->arena, &bad);
        else if (p.field == 2)
            v = pb_f64(&p);
        else if (p.field == 3)
            t = pb_i64(&p);
    }
    if (p.d.bad || bad)
        return err_set(e, ERR_BAD_DATA, "malformed exemplar in remote write request");
    if (l.n)
        qsort(l.v, l.n, sizeof *l.v, compare_label);
    /* A refused exemplar never fails a request. */
    if (append_exemplar(r->batch, id, (struct labels){l.v, l.n}, t, v))
        r->out->exemplars++;
    return true;
}

/* Labels may come after samples on the wire, so a series is walked twice. */
static bool
append_timeseries(struct v1 *r, str message, struct err *e)
{
    struct pb p = pb_of(message);
    struct labels ls;
    series_id id;
    bool bad = false, any = false;

    r->labels.n = 0;
    while (pb_next(&p)) {
        if (p.field == 1)
            read_label(pb_bytes(&p), &r->labels, r->arena, &bad);
        else if (p.field == 2 || p.field == 4)
            any = true;
    }
    if (p.d.bad || bad)
        return err_set(e, ERR_BAD_DATA, "malformed time series in remote write request");
    if (!label_list_finish(&r->labels, &ls)) {
        r->invalid++;
        return true;
    }
    if (!any)
        return true;
    if (!append_series(r->batch, ls, &id, e))
        return false;
    p = pb_of(message);
    bool ok = true;
    while (ok && pb_next(&p)) {
        if (p.field == 2)
            ok = append_sample(r, id, pb_bytes(&p), e);
        else if (p.field == 3)
            ok = append_one_exemplar(r, id, pb_bytes(&p), e);
        else if (p.field == 4)
            ok = append_one_histogram(r, id, pb_bytes(&p), e);
    }
    return ok;
}

/* Nothing was written because of this sample. */
static bool
refused(const struct append_result *res, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (res->verdict[i] != APPEND_ACCEPTED)
            return err_set(e, ERR_OUT_OF_ORDER, "%s", verdict_text(res->verdict[i]));
    UNREACHABLE();
}

bool
remote_write_v1(struct remote_receiver *rr, str body, struct arena *a, struct remote_written *out,
                struct err *e)
{
    struct v1 r = {
        .batch = receiver_take(rr),
        .arena = a,
        .newest_ms = clock_now_ms() + LIMIT_FUTURE_MS,
        .out = out,
    };
    struct pb p = pb_of(body);
    bool ok = true;

    *out = (struct remote_written){0};
    while (ok && pb_next(&p))
        if (p.field == 1)
            ok = append_timeseries(&r, pb_bytes(&p), e);
    if (ok && p.d.bad)
        ok = err_set(e, ERR_BAD_DATA, "proto: malformed remote write request");
    if (r.invalid)
        METRIC_ADD(API_REMOTE_WRITE_INVALID_LABELS_SAMPLES_TOTAL, (double)r.invalid);
    if (ok) {
        struct append_result res;
        size_t n = append_count(r.batch);
        ok = append_commit(r.batch, APPEND_DURABLE, true, &res, e);
        if (ok && res.verdict)
            ok = refused(&res, n, e);
    }
    receiver_give(rr, r.batch);
    return ok;
}
