#include "base/metric_priv.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"

const struct metric_family metric_families[METRIC_COUNT] = {
#define METRIC_WITH(id, name, type, labels, points, help)                                          \
    [METRIC_##id] = {name, METRIC_TYPE_##type, labels, points, help},
#define METRIC(id, name, type, labels, help) METRIC_WITH(id, name, type, labels, "", help)
#include "base/metric.def"
#undef METRIC
#undef METRIC_WITH
};

struct table {
    struct metric_child **slot;
    size_t slots; /* a power of two */
    size_t n;
};

struct collector {
    void (*fn)(void *arg);
    void *arg;
};

static struct mutex mu;
static struct mutex collect_mu;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct metric_meta meta[METRIC_COUNT];   /* fixed after registry_init */
static struct table tables[METRIC_COUNT];       /* under mu */
static struct metric_child *only[METRIC_COUNT]; /* families without labels; fixed */
static struct collector *collectors;            /* under collect_mu */
static size_t collectors_n, collectors_cap;

static void
parse_labels(struct metric_meta *mt, const char *list)
{
    str left = str_of(list);
    while (left.n > 0) {
        ptrdiff_t comma = str_find_char(left, ',', 0);
        size_t n = comma < 0 ? left.n : (size_t)comma;
        CHECK(mt->labels < METRIC_LABELS_MAX);
        mt->order[mt->labels] = (unsigned char)mt->labels;
        mt->label[mt->labels++] = STR(left.p, n);
        left = str_from(left, n + 1);
    }
    for (size_t i = 1; i < mt->labels; i++)
        for (size_t j = i; j > 0; j--) {
            unsigned char *o = mt->order;
            if (str_cmp(mt->label[o[j - 1]], mt->label[o[j]]) <= 0)
                break;
            unsigned char t = o[j];
            o[j] = o[j - 1];
            o[j - 1] = t;
        }
}

static void
parse_points(struct metric_meta *mt, const char *list)
{
    mt->point = MEM_ARRAY(double, METRIC_POINTS_MAX);
    str left = str_of(list);
    while (left.n > 0) {
        ptrdiff_t comma = str_find_char(left, ',', 0);
        size_t n = comma < 0 ? left.n : (size_t)comma;
        CHECK(mt->points < METRIC_POINTS_MAX);
        CHECK(num_parse_go(STR(left.p, n), &mt->point[mt->points]));
        CHECK(mt->points == 0 || mt->point[mt->points - 1] < mt->point[mt->points]);
        mt->points++;
        left = str_from(left, n + 1);
    }
}

/* client_golang's defaults. */
static const char *
points_of(const struct metric_family *f)
{
    if (f->point_list[0] != '\0')
        return f->point_list;
    return f->type == METRIC_TYPE_HISTOGRAM ? "0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10"
                                            : "0.5,0.9,0.99";
}

static struct metric_child *
child_new(enum metric m, const str *values, size_t n)
{
    struct metric_child *c = MEM_NEW(struct metric_child);
    c->family = m;
    c->values = MEM_ARRAY(str, MAX(n, (size_t)1));
    for (size_t i = 0; i < n; i++)
        c->values[i] = mem_str(values[i]);
    if (metric_families[m].type == METRIC_TYPE_HISTOGRAM)
        c->bucket = (_Atomic uint64_t *)mem_array(meta[m].points + 1, sizeof(*c->bucket));
    if (metric_families[m].type == METRIC_TYPE_SUMMARY) {
        mutex_init(&c->mu, LOCK_LEAF);
        for (int k = 0; k < SKETCH_SPANS; k++)
            c->span[k].epoch = -SKETCH_SPANS;
    }
    return c;
}

static void
child_free(struct metric_child *c)
{
    if (metric_families[c->family].type == METRIC_TYPE_SUMMARY)
        mutex_fini(&c->mu);
    sketch_free(c);
    for (size_t i = 0; i < meta[c->family].labels; i++)
        mem_free((void *)c->values[i].p);
    mem_free(c->values);
    mem_free((void *)c->bucket);
    mem_free(c);
}

static void
registry_init(void)
{
    mutex_init(&mu, LOCK_METRIC);
    mutex_init(&collect_mu, LOCK_COLLECT);
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct metric_family *f = &metric_families[m];
        CHECK(m == 0 || strcmp(metric_families[m - 1].name, f->name) < 0);
        parse_labels(&meta[m], f->label_list);
        if (f->type == METRIC_TYPE_HISTOGRAM || f->type == METRIC_TYPE_SUMMARY)
            parse_points(&meta[m], points_of(f));
        if (meta[m].labels == 0)
            only[m] = child_new((enum metric)m, NULL, 0);
    }
}

static void
registry_once(void)
{
    CHECK(pthread_once(&once, registry_init) == 0);
}

const struct metric_meta *
metric_meta_of(enum metric m)
{
    registry_once();
    return &meta[m];
}

void
metric_lock(void)
{
    registry_once();
    mutex_lock(&mu);
}

void
metric_unlock(void)
{
    mutex_unlock(&mu);
}

static uint64_t
values_hash(const str *values, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = hash_mix(h, hash64(values[i]));
    return h;
}

static bool
values_eq(const struct metric_child *c, const str *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!str_eq(c->values[i], values[i]))
            return false;
    return true;
}

static void
table_grow(struct table *t)
{
    size_t slots = t->slots ? t->slots * 2 : 8;
    struct metric_child **slot = MEM_ARRAY(struct metric_child *, slots);
    for (size_t i = 0; i < t->slots; i++) {
        struct metric_child *c, *next;
        for (c = t->slot[i]; c != NULL; c = next) {
            next = c->next;
            c->next = slot[c->hash & (slots - 1)];
            slot[c->hash & (slots - 1)] = c;
        }
    }
    mem_free(t->slot);
    t->slot = slot;
    t->slots = slots;
}

static struct metric_child *
child_find_or_add(enum metric m, const str *values, size_t n)
{
    struct table *t = &tables[m];
    uint64_t hash = values_hash(values, n);
    if (t->slots > 0)
        for (struct metric_child *c = t->slot[hash & (t->slots - 1)]; c != NULL; c = c->next)
            if (c->hash == hash && values_eq(c, values, n))
                return c;
    if (t->n >= t->slots)
        table_grow(t);
    struct metric_child *c = child_new(m, values, n);
    c->hash = hash;
    c->next = t->slot[hash & (t->slots - 1)];
    t->slot[hash & (t->slots - 1)] = c;
    t->n++;
    return c;
}

struct metric_child *
metric_child(enum metric m, const str *values, size_t n)
{
    registry_once();
    CHECK(m < METRIC_COUNT);
    CHECK(n == meta[m].labels);
    if (n == 0)
        return only[m];
    mutex_lock(&mu);
    struct metric_child *c = child_find_or_add(m, values, n);
    mutex_unlock(&mu);
    return c;
}

static void
add_f64(_Atomic uint64_t *bits, double by)
{
    uint64_t old = atomic_load_explicit(bits, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(bits, &old, f64_bits(f64_from_bits(old) + by),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void
metric_add(struct metric_child *c, double by)
{
    DCHECK(metric_families[c->family].type <= METRIC_TYPE_GAUGE);
    CHECK(metric_families[c->family].type != METRIC_TYPE_COUNTER || by >= 0);
    add_f64(&c->value, by);
}

void
metric_inc(struct metric_child *c)
{
    metric_add(c, 1);
}

void
metric_set(struct metric_child *c, double v)
{
    DCHECK(metric_families[c->family].type <= METRIC_TYPE_GAUGE);
    atomic_store_explicit(&c->value, f64_bits(v), memory_order_relaxed);
}

double
metric_value(const struct metric_child *c)
{
    return f64_from_bits(atomic_load_explicit(&c->value, memory_order_relaxed));
}

static void
observe_histogram(struct metric_child *c, double v)
{
    const struct metric_meta *mt = &meta[c->family];
    size_t i = 0;
    while (i < mt->points && !(v <= mt->point[i]))
        i++;
    atomic_fetch_add_explicit(&c->bucket[i], 1, memory_order_relaxed);
    add_f64(&c->value, v);
}

static void
observe_summary(struct metric_child *c, double v)
{
    int64_t now_ms = clock_mono_ms();
    mutex_lock(&c->mu);
    c->count++;
    add_f64(&c->value, v);
    sketch_add(c, v, now_ms);
    mutex_unlock(&c->mu);
}

void
metric_observe(struct metric_child *c, double v)
{
    enum metric_type type = metric_families[c->family].type;
    if (type == METRIC_TYPE_HISTOGRAM)
        observe_histogram(c, v);
    else if (type == METRIC_TYPE_SUMMARY)
        observe_summary(c, v);
    else
        PANIC("metric_observe on %s", metric_families[c->family].name);
}

void
metric_drop(enum metric m, str v)
{
    metric_lock();
    CHECK(meta[m].labels > 0);
    struct table *t = &tables[m];
    for (size_t i = 0; i < t->slots; i++) {
        for (struct metric_child **at = &t->slot[i]; *at != NULL;) {
            struct metric_child *c = *at;
            if (!str_eq(c->values[0], v)) {
                at = &c->next;
                continue;
            }
            *at = c->next;
            t->n--;
            child_free(c);
        }
    }
    metric_unlock();
}

static int
child_cmp(const void *a, const void *b)
{
    const struct metric_child *x = *(struct metric_child *const *)a;
    const struct metric_child *y = *(struct metric_child *const *)b;
    const struct metric_meta *mt = &meta[x->family];
    for (size_t i = 0; i < mt->labels; i++) {
        int c = str_cmp(x->values[mt->order[i]], y->values[mt->order[i]]);
        if (c != 0)
            return c;
    }
    return 0;
}

struct metric_child **
metric_sorted(enum metric m, size_t *n)
{
    mutex_assert_held(&mu);
    const struct table *t = &tables[m];
    struct metric_child **list = MEM_ARRAY(struct metric_child *, t->n + 1);
    *n = 0;
    if (only[m] != NULL)
        list[(*n)++] = only[m];
    for (size_t i = 0; i < t->slots; i++)
        for (struct metric_child *c = t->slot[i]; c != NULL; c = c->next)
            list[(*n)++] = c;
    qsort(list, *n, sizeof(struct metric_child *), child_cmp);
    return list;
}

void
metric_collector(void (*fn)(void *arg), void *arg)
{
    registry_once();
    mutex_lock(&collect_mu);
    mem_grow(&collectors, &collectors_cap, collectors_n + 1, sizeof(*collectors));
    collectors[collectors_n++] = (struct collector){fn, arg};
    mutex_unlock(&collect_mu);
}

void
metric_collector_drop(void (*fn)(void *arg), void *arg)
{
    registry_once();
    mutex_lock(&collect_mu);
    for (size_t i = 0; i < collectors_n; i++)
        if (collectors[i].fn == fn && collectors[i].arg == arg)
            collectors[i--] = collectors[--collectors_n];
    mutex_unlock(&collect_mu);
}

/* Collectors run under their own, low-ranked lock: they may take any lock of the house,
 * and one that is being dropped has finished when the drop returns. */
void
metric_collect(void)
{
    registry_once();
    mutex_lock(&collect_mu);
    for (size_t i = 0; i < collectors_n; i++)
        collectors[i].fn(collectors[i].arg);
    mutex_unlock(&collect_mu);
}
