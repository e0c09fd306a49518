#include "query/annotation.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "base/sync.h"
#include "query/lookup.h"
#include "query/parse.h"

enum kind { KIND_PLAIN, KIND_MONOTONICITY, KIND_OVERLAP };

struct annotation {
    enum kind kind;
    enum annotation_level level;
    str text;
    int64_t pos;
    uint64_t count;
    int64_t t_min, t_max;           /* KIND_MONOTONICITY */
    double bucket_min, bucket_max, diff_max;
};

/* One addition, for annotations_repeat: only the first of a run of equal ones is kept. */
struct said {
    uint32_t index;
    int64_t pos;
};

struct annotations {
    struct mutex mu;
    str query;
    /* under mu */
    struct arena *arena;
    struct annotation *v;
    size_t n, cap;
    struct lookup by_text;
    struct said *log;
    size_t log_n, log_cap;
};

struct annotations *
annotations_new(str query)
{
    struct annotations *n = MEM_NEW(struct annotations);
    mutex_init(&n->mu, LOCK_LEAF);
    n->query = query;
    n->arena = arena_new();
    n->by_text = lookup_new(n->arena);
    return n;
}

void
annotations_free(struct annotations **n_ptr)
{
    struct annotations *n = *n_ptr;
    if (n == NULL)
        return;
    mutex_fini(&n->mu);
    arena_free(&n->arena);
    mem_free(n);
    *n_ptr = NULL;
}

static void
log_said(struct annotations *n, uint32_t index, int64_t pos)
{
    if (n->log_n > 0 && n->log[n->log_n - 1].index == index && n->log[n->log_n - 1].pos == pos)
        return;
    if (n->log_n >= LIMIT_ANNOTATIONS_KEPT * 4)
        return;
    arena_grow(n->arena, &n->log, &n->log_cap, n->log_n + 1, sizeof(*n->log));
    n->log[n->log_n++] = (struct said){index, pos};
}

static struct annotation *
find_or_add(struct annotations *n, const struct annotation *key)
{
    uint64_t hash = hash_mix(hash64(key->text), key->level);
    for (struct lookup_walk w = lookup_walk(&n->by_text, hash); lookup_next(&n->by_text, &w);) {
        struct annotation *old = &n->v[w.index];
        if (old->level == key->level && old->kind == key->kind && str_eq(old->text, key->text)) {
            old->pos = key->pos;
            log_said(n, w.index, key->pos);
            return old;
        }
    }
    if (n->n >= LIMIT_ANNOTATIONS_KEPT)
        return NULL;
    arena_grow(n->arena, &n->v, &n->cap, n->n + 1, sizeof(*n->v));
    struct annotation *new = &n->v[n->n];
    *new = *key;
    new->text = arena_str(n->arena, key->text);
    lookup_add(&n->by_text, hash, n->n);
    log_said(n, (uint32_t)n->n, key->pos);
    n->n++;
    return new;
}

void
annotate(struct annotations *n, enum annotation_level level, int64_t pos, const char *fmt, ...)
{
    struct buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    mutex_lock(&n->mu);
    find_or_add(n, &(struct annotation){.level = level, .pos = pos, .text = buf_str(&text)});
    mutex_unlock(&n->mu);
    buf_free(&text);
}

#define MONOTONICITY_TEXT                                                                   \
    "input to histogram_quantile needed to be fixed for monotonicity (see "                 \
    "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"

void
annotate_forced_monotonicity(struct annotations *n, int64_t pos, str metric, int64_t t,
                             const double min_max_diff[3])
{
    struct buf text = {0};
    buf_lit(&text, MONOTONICITY_TEXT);
    if (metric.n > 0) {
        buf_lit(&text, " for metric name ");
        labels_put_quoted(&text, metric);
    }
    struct annotation key = {.kind = KIND_MONOTONICITY, .level = ANNOTATION_INFO, .pos = pos,
                             .text = buf_str(&text), .t_min = t, .t_max = t,
                             .bucket_min = min_max_diff[0], .bucket_max = min_max_diff[1],
                             .diff_max = min_max_diff[2]};
    mutex_lock(&n->mu);
    struct annotation *a = find_or_add(n, &key);
    if (a != NULL) {
        a->count++;
        a->t_min = MIN(a->t_min, t);
        a->t_max = MAX(a->t_max, t);
        a->bucket_min = MIN(a->bucket_min, key.bucket_min);
        a->bucket_max = MAX(a->bucket_max, key.bucket_max);
        a->diff_max = MAX(a->diff_max, key.diff_max);
    }
    mutex_unlock(&n->mu);
    buf_free(&text);
}

void
annotate_start_overlap(struct annotations *n, int64_t pos, str metric)
{
    struct buf text = {0};
    buf_lit(&text, "sample has start time that overlaps with previous sample timestamp for metric ");
    labels_put_quoted(&text, metric);
    struct annotation key = {.kind = KIND_OVERLAP, .level = ANNOTATION_WARNING, .pos = pos,
                             .text = buf_str(&text)};
    mutex_lock(&n->mu);
    struct annotation *a = find_or_add(n, &key);
    if (a != NULL)
        a->count++;
    mutex_unlock(&n->mu);
    buf_free(&text);
}

str
annotation_quoted(struct arena *a, str s)
{
    struct buf b = {0};
    labels_put_quoted(&b, s);
    str text = arena_str(a, buf_str(&b));
    buf_free(&b);
    return text;
}

void
annotate_mixed_schemas(struct annotations *n, int64_t pos, str metric)
{
    struct buf b = {0};
    labels_put_quoted(&b, metric);
    annotate(n, ANNOTATION_WARNING, pos,
             "vector contains a mix of histograms with exponential and custom buckets schemas for "
             "metric name %.*s",
             STR_ARG(buf_str(&b)));
    buf_free(&b);
}

static void
put_g(struct buf *b, double v, int precision)
{
    char text[NUM_TEXT_MAX];
    size_t len = precision < 0 ? num_format_g(v, text) : num_format(v, 'g', precision, text);
    buf_put(b, STR(text, len));
}

static void
put_summary(struct buf *b, const struct annotation *a)
{
    if (a->kind == KIND_OVERLAP && a->count > 1)
        buf_printf(b, " (%llu occurrences)", (unsigned long long)a->count);
    if (a->kind != KIND_MONOTONICITY)
        return;
    buf_lit(b, ", from buckets ");
    put_g(b, a->bucket_min, -1);
    buf_lit(b, " to ");
    put_g(b, a->bucket_max, -1);
    buf_lit(b, ", with a max diff of ");
    put_g(b, a->diff_max, 2);
    buf_printf(b, ", over %llu samples from ", (unsigned long long)a->count);
    num_put_rfc3339(b, a->t_min / 1000, 0);
    buf_lit(b, " to ");
    num_put_rfc3339(b, a->t_max / 1000, 0);
}

static str
final_text(const struct annotations *n, const struct annotation *a, struct arena *arena)
{
    struct buf b = {0};
    buf_put(&b, a->level == ANNOTATION_WARNING ? STRL("PromQL warning: ") : STRL("PromQL info: "));
    buf_put(&b, a->text);
    put_summary(&b, a);
    if (a->pos >= 0) {
        int line, col;
        parse_position(n->query, a->pos, &line, &col);
        buf_printf(&b, " (%d:%d)", line, col);
    }
    str s = arena_str(arena, buf_str(&b));
    buf_free(&b);
    return s;
}

static int
compare(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

size_t
annotations_texts(struct annotations *n, enum annotation_level level, size_t max, struct arena *a,
                  str **out)
{
    mutex_lock(&n->mu);
    str *texts = ARENA_ARRAY(a, str, n->n + 1);
    size_t count = 0;
    for (size_t i = 0; i < n->n; i++)
        if (n->v[i].level == level)
            texts[count++] = final_text(n, &n->v[i], a);
    mutex_unlock(&n->mu);
    if (count > 1)
        qsort(texts, count, sizeof(*texts), compare);
    if (max > 0 && count > max) {
        texts[max] = arena_printf(a, "%zu more %s annotations omitted", count - max,
                                  level == ANNOTATION_WARNING ? "warning" : "info");
        count = max + 1;
    }
    *out = texts;
    return count;
}

size_t
annotations_mark(struct annotations *n)
{
    mutex_lock(&n->mu);
    size_t mark = n->log_n;
    mutex_unlock(&n->mu);
    return mark;
}

void
annotations_repeat(struct annotations *n, size_t from, size_t to, int64_t shift)
{
    mutex_lock(&n->mu);
    CHECK(from <= to && to <= n->log_n);
    for (size_t i = from; i < to; i++)
        if (n->log[i].pos >= 0)
            n->v[n->log[i].index].pos = n->log[i].pos + shift;
    mutex_unlock(&n->mu);
}
