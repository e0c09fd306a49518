/* info(): adds labels of info metrics ("target_info", value 1) to the series of the same
 * target.
 *
 * Info series are found by name and by the identifying labels, instance and job.  At each
 * step the newest sample among series of one name and target counts; two equally new ones
 * are an error.  Which series that is may change from step to step, so one input series
 * can become several. */
#include "query/fn_label.h"

#include "base/hash.h"
#include "base/panic.h"
#include "query/eval.h"
#include "query/fn_priv.h"

#define LABEL_JOB STRL("job")
#define LABEL_INSTANCE STRL("instance")

/* Info rows of one name and target. */
struct target {
    str name, job, instance;
    const struct row **v;
    size_t n, cap;
    const struct row *now; /* at the step being looked at; NULL: none */
    uint32_t next;         /* index + 1 of another target with these labels */
};

/* A series to enrich. */
struct base {
    bool is_info;            /* passed on as it is */
    uint32_t targets;        /* index + 1 of its first target */
    const struct row **used; /* what `labels` were made of, a row for each target */
    bool made, keep;
    struct labels labels;
    size_t out; /* the row they went to last */
};

struct info {
    const struct fn_call *fc;
    const struct matcher *m; /* of the second argument */
    size_t m_n;
    bool has_standard;
    struct matcher standard; /* matcher of names put in by default */
    struct base *bases;      /* one for each input row */
    struct target *targets;
    size_t targets_n;
    uint32_t *slots; /* hash table of the targets */
    size_t mask;
    struct vec *out;
    uint32_t *out_slots; /* hash table of its rows */
    size_t out_mask;
};

static bool
is_positive(const struct matcher *m)
{
    return m->type == MATCH_EQ || m->type == MATCH_RE;
}

/* The selector's matchers of names, completed: without any, target_info; with refusing
 * ones only, all that end in _info. */
static bool
init_names(struct info *x, struct err *e)
{
    bool any = false, positive = false;

    for (size_t i = 0; i < x->m_n; i++) {
        if (!str_eq(x->m[i].name, LABEL_NAME))
            continue;
        any = true;
        positive |= is_positive(&x->m[i]);
    }
    if (positive)
        return true;
    str value = any ? STRL(".+_info") : STRL("target_info");
    x->has_standard = true;
    return matcher_init(&x->standard, any ? MATCH_RE : MATCH_EQ, LABEL_NAME, value, e);
}

/* A series that is an info metric itself is passed on as it is. */
static bool
is_info(const struct info *x, struct labels ls)
{
    str name = labels_get(ls, LABEL_NAME);

    if (x->has_standard && !matcher_matches(&x->standard, name))
        return false;
    for (size_t i = 0; i < x->m_n; i++)
        if (str_eq(x->m[i].name, LABEL_NAME) && !matcher_matches(&x->m[i], name))
            return false;
    return true;
}

/* A set of strings: values of an identifying label among the series to enrich. */
struct values {
    str label;
    str *v;
    size_t n;
    uint32_t *slots; /* indexes + 1 into v */
    size_t mask;
};

static size_t
table_size(size_t n)
{
    size_t slots = 16;
    while (slots < n * 2)
        slots *= 2;
    return slots;
}

/* The slot of a value, empty if it is not there. */
static uint32_t *
values_slot(const struct values *s, str value)
{
    size_t at = hash64(value) & s->mask;
    while (s->slots[at] && !str_eq(s->v[s->slots[at] - 1], value))
        at = (at + 1) & s->mask;
    return &s->slots[at];
}

static struct values
values_of(const struct info *x, str label)
{
    const struct vec *base = x->fc->args[0].vec;
    struct arena *a = x->fc->arena;
    size_t slots = table_size(base->n);
    struct values s = {.label = label, .v = ARENA_ARRAY(a, str, base->n), .mask = slots - 1};

    s.slots = ARENA_ZARRAY(a, uint32_t, slots);
    for (size_t k = 0; k < base->n; k++) {
        str v = labels_get(base->v[k].labels, label);
        if (v.n == 0 || x->bases[k].is_info)
            continue;
        uint32_t *slot = values_slot(&s, v);
        if (*slot)
            continue;
        s.v[s.n] = v;
        *slot = (uint32_t)++s.n;
    }
    return s;
}

/* The slot of the first target with these identifying labels. */
static uint32_t *
target_slot(const struct info *x, str job, str instance)
{
    size_t at = hash_mix(hash64(job), hash64(instance)) & x->mask;
    for (; x->slots[at]; at = (at + 1) & x->mask) {
        const struct target *t = &x->targets[x->slots[at] - 1];
        if (str_eq(t->job, job) && str_eq(t->instance, instance))
            break;
    }
    return &x->slots[at];
}

/* The target of an info series, made if it is new.  Targets that differ only in the name
 * hang together by `next`. */
static struct target *
target_get(struct info *x, struct labels ls)
{
    struct target key = {.name = labels_get(ls, LABEL_NAME),
                         .job = labels_get(ls, LABEL_JOB),
                         .instance = labels_get(ls, LABEL_INSTANCE)};
    uint32_t *slot = target_slot(x, key.job, key.instance);

    for (uint32_t i = *slot; i; i = x->targets[i - 1].next)
        if (str_eq(x->targets[i - 1].name, key.name))
            return &x->targets[i - 1];
    key.next = *slot;
    x->targets[x->targets_n] = key;
    *slot = (uint32_t)++x->targets_n;
    return &x->targets[x->targets_n - 1];
}

/* Reads the info series whose targets may match and sorts them by target. */
static bool
collect_targets(struct info *x, struct err *e)
{
    struct values id[2] = {values_of(x, LABEL_INSTANCE), values_of(x, LABEL_JOB)};
    struct vec infos = {0};

    if (id[0].n + id[1].n == 0)
        return true;
    if (!eval_info(x->fc, &infos, e))
        return false;
    x->mask = table_size(infos.n) - 1;
    x->slots = ARENA_ZARRAY(x->fc->arena, uint32_t, x->mask + 1);
    x->targets = ARENA_ARRAY(x->fc->arena, struct target, infos.n);
    for (size_t k = 0; k < infos.n; k++) {
        struct labels ls = infos.v[k].labels;
        bool wanted = true;
        for (size_t i = 0; i < 2; i++)
            wanted &= id[i].n == 0 || *values_slot(&id[i], labels_get(ls, id[i].label));
        if (!wanted)
            continue;
        struct target *t = target_get(x, ls);
        if (t->n == t->cap)
            arena_grow(x->fc->arena, &t->v, &t->cap, t->n + 1, sizeof(t->v[0]));
        t->v[t->n++] = &infos.v[k];
    }
    return true;
}

static bool
fail_twice(const struct row *a, const struct row *b, size_t step, struct err *e)
{
    struct buf x = {0}, y = {0};
    labels_put(&x, a->labels);
    labels_put(&y, b->labels);
    err_set(e, ERR_EXEC,
            "found duplicate series for info metric: existing %.*s @ %lld, new %.*s @ %lld",
            STR_ARG(buf_str(&x)), (long long)a->t[step], STR_ARG(buf_str(&y)),
            (long long)b->t[step]);
    buf_free(&x);
    buf_free(&y);
    return false;
}

/* Finds each target's newest info series at a step. */
static bool
choose(struct info *x, size_t step, struct err *e)
{
    for (size_t i = 0; i < x->targets_n; i++) {
        struct target *t = &x->targets[i];
        t->now = NULL;
        for (size_t k = 0; k < t->n; k++) {
            const struct row *r = t->v[k];
            if (!row_has(r, step))
                continue;
            if (r->h && r->h[step])
                return err_set(e, ERR_EXEC, "info sample should be float");
            if (t->now && t->now->t[step] == r->t[step])
                return fail_twice(t->now, r, step, e);
            if (t->now == NULL || t->now->t[step] < r->t[step])
                t->now = r;
        }
    }
    return true;
}

/* Whether the selector lets a label through: all if it names none. */
static bool
is_data_label(const struct info *x, str name)
{
    bool any = false;
    for (size_t i = 0; i < x->m_n; i++) {
        if (str_eq(x->m[i].name, name))
            return true;
        any |= !str_eq(x->m[i].name, LABEL_NAME);
    }
    return !any;
}

static bool
wants_match(const struct info *x)
{
    for (size_t i = 0; i < x->m_n; i++)
        if (!str_eq(x->m[i].name, LABEL_NAME) && !matcher_matches_empty(&x->m[i]))
            return true;
    return false;
}

static bool
take_labels(const struct info *x, struct labels base, struct labels info, struct labels_builder *b,
            struct err *e)
{
    for (size_t i = 0; i < info.n; i++) {
        str name = info.v[i].name, had = labels_builder_get(b, name);
        if (str_eq(name, LABEL_NAME) || !is_data_label(x, name))
            continue;
        if (had.n > 0 && !str_eq(had, info.v[i].value))
            return err_set(e, ERR_EXEC, "conflicting label: %.*s", STR_ARG(name));
        if (!labels_has(base, name))
            labels_builder_set(b, name, info.v[i].value);
    }
    return true;
}

/* Whether the base series' targets show the same info series as when its labels were made;
 * remembers what they show now. */
static bool
unchanged(const struct info *x, struct base *b)
{
    bool same = b->made;
    size_t n = 0;

    for (uint32_t i = b->targets; i; i = x->targets[i - 1].next, n++) {
        same &= b->used[n] == x->targets[i - 1].now;
        b->used[n] = x->targets[i - 1].now;
    }
    return same;
}

/* Makes the labels of a base series at a step, and whether it is kept. */
static bool
enrich(const struct info *x, const struct row *in, struct base *b, struct err *e)
{
    struct labels_builder data, all;
    bool seen = false;

    if (unchanged(x, b))
        return true;
    labels_builder_init(&data, x->fc->arena, LABELS_EMPTY);
    for (uint32_t i = b->targets; i; i = x->targets[i - 1].next) {
        const struct target *t = &x->targets[i - 1];
        if (t->now == NULL)
            continue;
        seen = true;
        if (!take_labels(x, in->labels, t->now->labels, &data, e))
            return false;
    }
    b->made = true;
    b->keep = seen || !wants_match(x);
    labels_builder_init(&all, x->fc->arena, in->labels);
    for (size_t i = 0; i < data.n; i++)
        labels_builder_set(&all, data.v[i].name, data.v[i].value);
    b->labels = labels_builder_done(&all);
    b->out = SIZE_MAX;
    return true;
}

/* Indexes the output rows anew, in a larger table. */
static void
grow_out_table(struct info *x)
{
    x->out_mask = table_size(x->out->n * 2 + 8) - 1;
    x->out_slots = ARENA_ZARRAY(x->fc->arena, uint32_t, x->out_mask + 1);
    for (size_t k = 0; k < x->out->n; k++) {
        size_t at = labels_hash(x->out->v[k].labels) & x->out_mask;
        while (x->out_slots[at])
            at = (at + 1) & x->out_mask;
        x->out_slots[at] = (uint32_t)k + 1;
    }
}

/* The output row for a base series' labels; drop: its name goes at the end. */
static struct row *
output_row(struct info *x, struct base *b, bool drop)
{
    if (b->out == SIZE_MAX) {
        uint64_t hash = labels_hash(b->labels);
        size_t at = hash & x->out_mask;
        for (; x->out_slots[at]; at = (at + 1) & x->out_mask)
            if (labels_eq(x->out->v[x->out_slots[at] - 1].labels, b->labels))
                break;
        if (x->out_slots[at] == 0) {
            vec_add(x->fc->arena, x->out, fn_row_new(x->fc, b->labels))->drop_name = drop;
            x->out_slots[at] = (uint32_t)x->out->n;
        }
        b->out = x->out_slots[at] - 1;
        if (x->out->n * 2 > x->out_mask)
            grow_out_table(x);
    }
    return &x->out->v[b->out];
}

static bool
put_sample(struct info *x, const struct row *in, size_t step, struct base *b, struct err *e)
{
    struct row *r = output_row(x, b, in->drop_name);

    if (row_has(r, step))
        return err_set(e, ERR_EXEC, "vector cannot contain metrics with the same labelset");
    if (in->h && in->h[step]) {
        fn_row_histograms(x->fc, r);
        r->h[step] = in->h[step];
    } else {
        r->v[step] = in->v[step];
    }
    return true;
}

static bool
any_sample(const struct vec *v, size_t step)
{
    for (size_t k = 0; k < v->n; k++)
        if (row_has(&v->v[k], step))
            return true;
    return false;
}

static void
find_targets(struct info *x)
{
    const struct vec *in = x->fc->args[0].vec;

    for (size_t k = 0; k < in->n; k++) {
        struct base *b = &x->bases[k];
        size_t n = 0;
        if (b->is_info) {
            b->made = b->keep = true;
            b->labels = in->v[k].labels;
            b->out = SIZE_MAX;
            continue;
        }
        if (x->targets_n > 0)
            b->targets = *target_slot(x, labels_get(in->v[k].labels, LABEL_JOB),
                                      labels_get(in->v[k].labels, LABEL_INSTANCE));
        for (uint32_t i = b->targets; i; i = x->targets[i - 1].next)
            n++;
        b->used = ARENA_ZARRAY(x->fc->arena, const struct row *, n);
    }
}

static bool
combine(struct info *x, struct err *e)
{
    const struct vec *in = x->fc->args[0].vec;

    find_targets(x);
    grow_out_table(x);
    for (size_t i = 0; i < x->fc->grid->steps; i++) {
        if (!any_sample(in, i))
            continue;
        if (!choose(x, i, e))
            return false;
        for (size_t k = 0; k < in->n; k++) {
            struct base *b = &x->bases[k];
            if (!row_has(&in->v[k], i))
                continue;
            if (!b->is_info && !enrich(x, &in->v[k], b, e))
                return false;
            if (b->keep && !put_sample(x, &in->v[k], i, b, e))
                return false;
        }
        if (!fn_poll(x->fc, e))
            return false;
    }
    return true;
}

bool
fn_info(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct info x = {.fc = fc, .out = out};

    if (fc->args_n > 1) {
        const struct expr *sel = fc->args[1].e;
        while (sel->type == EXPR_PAREN || sel->type == EXPR_STEP_INVARIANT)
            sel = sel->u.inner;
        CHECK(sel->type == EXPR_SELECTOR);
        x.m = sel->u.selector.m;
        x.m_n = sel->u.selector.n;
    }
    if (!init_names(&x, e))
        return false;
    const struct vec *in = fc->args[0].vec;
    x.bases = ARENA_ZARRAY(fc->arena, struct base, in->n);
    for (size_t k = 0; k < in->n; k++)
        x.bases[k].is_info = is_info(&x, in->v[k].labels);
    bool ok = collect_targets(&x, e) && combine(&x, e);
    matcher_fini(&x.standard);
    return ok;
}
