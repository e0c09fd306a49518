/* write_v2.c - remote write 2.0: symbols once, samples with start timestamps, and partial
 * success.
 *
 *   Request     4 symbols (strings; the first is empty)   5 timeseries
 *   TimeSeries  1 labels_refs  2 samples  3 histograms  4 exemplars  5 metadata
 *   Sample      1 value  2 timestamp  3 start_timestamp
 *   Exemplar    1 labels_refs  2 value  3 timestamp
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/metric.h"
#include "base/panic.h"
#include "server/remote/write_priv.h"

#define COMPLAINTS_MAX 32 /* named one by one; more are only counted */

struct refs {
    struct arena *a;
    uint64_t *v;
    size_t n, cap;
};

struct v2 {
    struct append *batch;
    struct arena *arena;
    str *symbols;
    size_t symbols_n, symbols_cap;
    struct label_list labels;
    int64_t newest_ms;
    struct remote_written *out;
    size_t invalid;
    struct buf complaints;
    size_t complaints_n;
    series_id *ids;         /* of each queued sample, to name the refused ones */
    bool *is_histogram;
    size_t queued, cap_ids, cap_kinds;
};

static void
complain(struct v2 *r, const char *what, struct labels ls)
{
    if (r->complaints_n++ >= COMPLAINTS_MAX)
        return;
    if (r->complaints.n)
        buf_byte(&r->complaints, '\n');
    buf_put(&r->complaints, str_of(what));
    labels_put(&r->complaints, ls);
}

static void
take_ref(void *arg, uint64_t v)
{
    struct refs *r = arg;
    arena_grow(r->a, &r->v, &r->cap, r->n + 1, sizeof *r->v);
    r->v[r->n++] = v;
}

/* Pairs of references to a label list; false if one names no symbol. */
static bool
resolve(struct v2 *r, const struct refs *refs, struct label_list *l)
{
    l->n = 0;
    if (refs->n % 2)
        return false;
    for (size_t i = 0; i < refs->n; i += 2) {
        if (refs->v[i] >= r->symbols_n || refs->v[i + 1] >= r->symbols_n)
            return false;
        arena_grow(r->arena, &l->v, &l->cap, l->n + 1, sizeof *l->v);
        l->v[l->n++] = (struct label){r->symbols[refs->v[i]], r->symbols[refs->v[i + 1]]};
    }
    return true;
}

static void
remember(struct v2 *r, series_id id, bool histogram)
{
    arena_grow(r->arena, &r->ids, &r->cap_ids, r->queued + 1, sizeof *r->ids);
    arena_grow(r->arena, &r->is_histogram, &r->cap_kinds, r->queued + 1, sizeof *r->is_histogram);
    r->ids[r->queued] = id;
    r->is_histogram[r->queued++] = histogram;
}

static bool
append_sample(struct v2 *r, series_id id, struct labels ls, str message, struct err *e)
{
    struct pb p = pb_of(message);
    double v = 0;
    int64_t t = 0, st = 0;

    while (pb_next(&p)) {
        if (p.field == 1)
            v = pb_f64(&p);
        else if (p.field == 2)
            t = pb_i64(&p);
        else if (p.field == 3)
            st = pb_i64(&p);
    }
    if (p.d.bad)
        return err_set(e, ERR_BAD_DATA, "malformed sample in remote write request");
    if (t > r->newest_ms) {
        complain(r, "out of bounds for series ", ls);
        return true;
    }
    CHECK(append_float_st(r->batch, id, st, t, v));
    remember(r, id, false);
    return true;
}

static bool
append_one_histogram(struct v2 *r, series_id id, struct labels ls, str message, struct err *e)
{
    struct remote_histogram h;
    struct err why;

    if (!remote_read_histogram(message, r->arena, &h, e))
        return false;
    if (h.t > r->newest_ms) {
        complain(r, "out of bounds for series ", ls);
    } else if (!histogram_validate(h.h, &why)) {
        struct buf what = {0};
        buf_printf(&what, "%s for series ", why.text);
        complain(r, buf_cstr(&what), ls);
        buf_free(&what);
    } else {
        CHECK(append_histogram(r->batch, id, h.st, h.t, h.h));
        remember(r, id, true);
    }
    return true;
}

static bool
append_one_exemplar(struct v2 *r, series_id id, str message, struct err *e)
{
    struct pb p = pb_of(message);
    struct refs refs = {.a = r->arena};
    struct label_list l = {0};
    struct labels ls;
    double v = 0;
    int64_t t = 0;

    while (pb_next(&p)) {
        if (p.field == 1)
            pb_each_u64(&p, take_ref, &refs);
        else if (p.field == 2)
            v = pb_f64(&p);
        else if (p.field == 3)
            t = pb_i64(&p);
    }
    if (p.d.bad)
        return err_set(e, ERR_BAD_DATA, "malformed exemplar in remote write request");
    if (!resolve(r, &refs, &l))
        return true;
    (void)label_list_finish(&l, &ls); /* an exemplar needs no name; sorting is what counts */
    if (append_exemplar(r->batch, id, (struct labels){l.v, l.n}, t, v))
        r->out->exemplars++;
    return true;
}

static bool
append_samples(struct v2 *r, series_id id, struct labels ls, str message, struct err *e)
{
    struct pb p = pb_of(message);
    bool ok = true;

    while (ok && pb_next(&p)) {
        if (p.field == 2)
            ok = append_sample(r, id, ls, pb_bytes(&p), e);
        else if (p.field == 3)
            ok = append_one_histogram(r, id, ls, pb_bytes(&p), e);
        else if (p.field == 4)
            ok = append_one_exemplar(r, id, pb_bytes(&p), e);
    }
    return ok;
}

static bool
append_timeseries(struct v2 *r, str message, struct err *e)
{
    struct pb p = pb_of(message);
    struct refs refs = {.a = r->arena};
    struct labels ls;
    series_id id;
    size_t samples = 0;

    while (pb_next(&p)) {
        if (p.field == 1)
            pb_each_u64(&p, take_ref, &refs);
        else if (p.field == 2 || p.field == 3)
            samples++;
    }
    if (p.d.bad)
        return err_set(e, ERR_BAD_DATA, "malformed time series in remote write request");
    if (!resolve(r, &refs, &r->labels) || !label_list_finish(&r->labels, &ls)) {
        complain(r, "invalid metric name or labels, got ", (struct labels){r->labels.v, r->labels.n});
        r->invalid += samples;
        return true;
    }
    if (samples == 0) {
        complain(r, "TimeSeries must contain at least one sample or histogram for series ", ls);
        return true;
    }
    return append_series(r->batch, ls, &id, e) && append_samples(r, id, ls, message, e);
}

static bool
read_symbols(struct v2 *r, str body, struct err *e)
{
    struct pb p = pb_of(body);

    while (pb_next(&p)) {
        if (p.field != 4)
            continue;
        arena_grow(r->arena, &r->symbols, &r->symbols_cap, r->symbols_n + 1, sizeof *r->symbols);
        r->symbols[r->symbols_n++] = pb_bytes(&p);
    }
    return !p.d.bad || err_set(e, ERR_BAD_DATA, "proto: malformed remote write request");
}

static void
judge(struct v2 *r, const struct append_result *res)
{
    for (size_t i = 0; i < r->queued; i++) {
        enum append_verdict v = res->verdict ? res->verdict[i] : APPEND_ACCEPTED;
        if (v == APPEND_ACCEPTED) {
            *(r->is_histogram[i] ? &r->out->histograms : &r->out->samples) += 1;
            continue;
        }
        struct buf what = {0};
        buf_printf(&what, "%s for series ", verdict_text(v));
        complain(r, buf_cstr(&what), append_labels_of(r->batch, r->ids[i], r->arena));
        buf_free(&what);
    }
}

bool
remote_write_v2(struct remote_receiver *rr, str body, struct arena *a, struct remote_written *out, struct err *e)
{
    struct v2 r = {.batch = receiver_take(rr), .arena = a, .out = out,
                   .newest_ms = clock_now_ms() + LIMIT_FUTURE_MS};
    struct pb p = pb_of(body);
    struct append_result res;

    *out = (struct remote_written){0};
    bool ok = read_symbols(&r, body, e);
    while (ok && pb_next(&p))
        if (p.field == 5)
            ok = append_timeseries(&r, pb_bytes(&p), e);
    ok = ok && append_commit(r.batch, APPEND_DURABLE, false, &res, e);
    if (ok)
        judge(&r, &res);
    else
        *out = (struct remote_written){0};
    if (r.invalid)
        METRIC_ADD(API_REMOTE_WRITE_INVALID_LABELS_SAMPLES_TOTAL, (double)r.invalid);
    if (ok && r.complaints_n)
        ok = err_set(e, ERR_BAD_DATA, "%.*s", STR_ARG(buf_str(&r.complaints)));
    buf_free(&r.complaints);
    receiver_give(rr, r.batch);
    return ok;
}
