/* Operators between two vectors.
 *
 * Series are brought together by their signature: the labels that count for matching.
 * Each gets a number, once; then whole rows are combined.  PromQL's rules about who may
 * match whom hold step by step, and rarely matter: where two rows with one signature have
 * samples in the same step, that step is looked at alone, in the order of the series, by
 * binary_match.c, which knows the errors.
 *
 * "Many" is the side that may have several rows of one signature: the left one, but for
 * group_right. */
#include "base/hash.h"
#include "base/panic.h"
#include "query/binary_match.h"
#include "query/lookup.h"

enum { ROWS_PER_POLL = 64, LABELS_PER_POLL = 4096 };

/* --- signatures --- */

static bool
listed(str name, const str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

static bool
counts(const struct match *m, str name)
{
    if (m->e->u.binary.on)
        return listed(name, m->names, m->names_n);
    return !str_eq(name, LABEL_NAME) && !listed(name, m->names, m->names_n);
}

static bool
same_signature(const struct match *m, struct labels a, struct labels b)
{
    size_t i = 0, j = 0;
    for (;;) {
        while (i < a.n && !counts(m, a.v[i].name))
            i++;
        while (j < b.n && !counts(m, b.v[j].name))
            j++;
        if (i == a.n || j == b.n)
            return i == a.n && j == b.n;
        if (!str_eq(a.v[i].name, b.v[j].name) || !str_eq(a.v[i].value, b.v[j].value))
            return false;
        i++, j++;
    }
}

static bool
signatures(struct match *m, struct lookup *l, struct labels *seen, const struct vec *v,
           uint32_t *sig, struct err *err)
{
    for (size_t i = 0; i < v->n; i++) {
        if (i % LABELS_PER_POLL == 0 && !eval_poll(m->ev, err))
            return false;
        struct labels ls = v->v[i].labels;
        uint64_t hash = m->e->u.binary.on ? labels_hash_for(ls, m->names, m->names_n)
                                          : labels_hash_without(ls, m->names, m->names_n);
        sig[i] = UINT32_MAX;
        for (struct lookup_walk w = lookup_walk(l, hash); lookup_next(l, &w);)
            if (same_signature(m, seen[w.index], ls)) {
                sig[i] = w.index;
                break;
            }
        if (sig[i] != UINT32_MAX)
            continue;
        sig[i] = (uint32_t)m->sigs;
        seen[m->sigs] = ls;
        lookup_add(l, hash, m->sigs++);
    }
    return true;
}

static int
by_name(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

static bool
match_init(struct match *m, struct arena *a, struct err *err)
{
    const struct expr *e = m->e;
    m->names_n = e->u.binary.labels_n;
    m->names = ARENA_ARRAY(a, str, m->names_n + 1);
    for (size_t i = 0; i < m->names_n; i++)
        m->names[i] = e->u.binary.labels[i];
    if (m->names_n > 1)
        qsort(m->names, m->names_n, sizeof(*m->names), by_name);
    m->l_sig = ARENA_ARRAY(a, uint32_t, m->l.n + 1);
    m->r_sig = ARENA_ARRAY(a, uint32_t, m->r.n + 1);
    struct lookup l = lookup_new(a);
    struct labels *seen = ARENA_ARRAY(a, struct labels, m->l.n + m->r.n + 1);
    if (!signatures(m, &l, seen, &m->l, m->l_sig, err) ||
        !signatures(m, &l, seen, &m->r, m->r_sig, err))
        return false;
    bool swap = e->u.binary.card == CARD_ONE_TO_MANY;
    m->many = swap ? &m->r : &m->l;
    m->one = swap ? &m->l : &m->r;
    m->many_sig = swap ? m->r_sig : m->l_sig;
    m->one_sig = swap ? m->l_sig : m->r_sig;
    return true;
}

/* Chains rows of one signature, in order: first[sig], then next[row]. */
static struct chains
chains(struct arena *a, const struct vec *v, const uint32_t *sig, size_t sigs)
{
    struct chains c = {.first = ARENA_ARRAY(a, uint32_t, sigs + 1),
                       .next = ARENA_ARRAY(a, uint32_t, v->n + 1)};
    for (size_t i = 0; i <= sigs; i++)
        c.first[i] = CHAIN_END;
    for (size_t i = v->n; i-- > 0;) {
        c.next[i] = c.first[sig[i]];
        c.first[sig[i]] = (uint32_t)i;
    }
    return c;
}

/* --- set operators --- */

/* presence[sig * steps + i]: some row of the signature has a sample in step i. */
static uint8_t *
presence(struct arena *a, const struct vec *v, const uint32_t *sig, size_t sigs, size_t steps)
{
    uint8_t *p = ARENA_ZARRAY(a, uint8_t, sigs * steps + 1);
    for (size_t k = 0; k < v->n; k++) {
        uint8_t *at = p + sig[k] * steps;
        for (size_t i = 0; i < steps; i++)
            at[i] |= row_has(&v->v[k], i);
    }
    return p;
}

/* The samples of r where mask is `want`; the row itself if that is all of them. */
static bool
masked(struct match *m, const struct row *r, const uint8_t *mask, bool want, struct row *out)
{
    size_t in = 0, hit = 0;
    for (size_t i = 0; i < m->steps; i++) {
        bool has = row_has(r, i);
        in += has;
        hit += has && (mask[i] != 0) == want;
    }
    *out = *r;
    if (hit == 0 || hit == in)
        return hit != 0;
    out->v = ARENA_ARRAY(m->arena, double, m->steps);
    if (r->h != NULL)
        out->h = ARENA_ZARRAY(m->arena, struct histogram *, m->steps);
    for (size_t i = 0; i < m->steps; i++) {
        bool keep = (mask[i] != 0) == want;
        out->v[i] = keep ? r->v[i] : value_stale();
        if (r->h != NULL && keep)
            out->h[i] = r->h[i];
    }
    return true;
}

struct set_side {
    bool left, want;
    const uint8_t *mask; /* NULL: all rows as they are */
};

static bool
set_side(struct match *m, const struct set_side *x, struct vec *out, struct err *err)
{
    bool left = x->left, want = x->want;
    const uint8_t *mask = x->mask;
    const struct vec *v = left ? &m->l : &m->r;
    const uint32_t *sig = left ? m->l_sig : m->r_sig;
    struct row r;
    for (size_t k = 0; k < v->n; k++) {
        if (k % ROWS_PER_POLL == 0 && !eval_poll(m->ev, err))
            return false;
        if (mask == NULL)
            vec_add(m->arena, out, v->v[k]);
        else if (masked(m, &v->v[k], mask + sig[k] * m->steps, want, &r))
            vec_add(m->arena, out, r);
    }
    return true;
}

static bool
set_operator(struct match *m, struct vec *out, struct err *err)
{
    struct eval *ev = m->ev;
    enum binop op = m->e->u.binary.op;
    bool or = op == BIN_OR;
    if (!budget_room(ev->budget, m->sigs, m->steps, place_of(m->e), err))
        return false;
    struct region r = region_new();
    const uint8_t *mask = presence(r.arena, or ? &m->l : &m->r, or ? m->l_sig : m->r_sig,
                                   m->sigs, m->steps);
    struct set_side all = {.left = true};
    struct set_side some = {.left = !or, .mask = mask, .want = op == BIN_AND};
    bool ok = (!or || set_side(m, &all, out, err)) && set_side(m, &some, out, err);
    region_free(ev->budget, &r);
    return ok;
}

/* --- arithmetic and comparisons --- */

/* The labels of a result: those of the many side, without what matching or the operator
 * takes away, and with what group_left(…) brings from the one side. */
struct labels
match_result_labels(const struct match *m, struct labels many, struct labels one)
{
    const struct expr *e = m->e;
    struct labels_builder b;
    bool drop = binop_drops_name(e->u.binary.op) ||
                (!m->ev->o.delayed_names && e->u.binary.return_bool);
    if (e->u.binary.card == CARD_ONE_TO_ONE && !e->u.binary.on && m->names_n == 0)
        return drop ? labels_drop_metadata(m->arena, many) : many;
    labels_builder_init(&b, m->arena, many);
    for (size_t i = 0; i < many.n; i++) {
        str name = many.v[i].name;
        bool gone = drop && labels_is_metadata(name);
        if (e->u.binary.card == CARD_ONE_TO_ONE)
            gone = gone || listed(name, m->names, m->names_n) != e->u.binary.on;
        if (gone)
            labels_builder_del(&b, name);
    }
    for (size_t i = 0; i < e->u.binary.include_n; i++)
        labels_builder_set(&b, e->u.binary.include[i], labels_get(one, e->u.binary.include[i]));
    return labels_builder_done(&b);
}

struct labels
match_group_labels(const struct match *m, struct labels ls)
{
    struct label *v = ARENA_ARRAY(m->arena, struct label, ls.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < ls.n; i++)
        if (counts(m, ls.v[i].name))
            v[n++] = ls.v[i];
    return (struct labels){.v = v, .n = n};
}

static struct row
row_empty(struct match *m, struct labels ls, bool histograms)
{
    struct row r = {.labels = ls, .drop_name = m->e->u.binary.return_bool};
    r.v = ARENA_ARRAY(m->arena, double, m->steps);
    for (size_t i = 0; i < m->steps; i++)
        r.v[i] = value_stale();
    if (histograms)
        r.h = ARENA_ZARRAY(m->arena, struct histogram *, m->steps);
    return r;
}

struct row_pair {
    const double *many_v, *one_v;
    struct histogram *const *many_h, *const *one_h; /* NULL: floats only */
    uint8_t *matched; /* per step; NULL: nobody asks */
};

/* One step where a histogram is involved, or a trim of floats. */
static bool
combine_step(struct match *m, const struct pair *p, size_t i, struct row *out)
{
    const struct expr *e = m->e;
    struct pair_result r = binary_pair(e, p, m->ev->notes, m->arena);
    if (r.verdict == PAIR_NONE)
        return false;
    if (e->u.binary.return_bool)
        out->v[i] = r.verdict != PAIR_DROP;
    else if (r.verdict == PAIR_HISTOGRAM)
        out->h[i] = r.h;
    return true;
}

static void
combine_histograms(struct match *m, const struct row_pair *x, struct row *out)
{
    enum binop op = m->e->u.binary.op;
    bool swap = m->many == &m->r, trim = op == BIN_TRIM_UPPER || op == BIN_TRIM_LOWER;
    for (size_t i = 0; i < m->steps; i++) {
        const struct histogram *hm = x->many_h ? x->many_h[i] : NULL;
        const struct histogram *ho = x->one_h ? x->one_h[i] : NULL;
        bool many = hm != NULL || !value_absent(x->many_v[i]);
        bool one = ho != NULL || !value_absent(x->one_v[i]);
        if (!many || !one || (hm == NULL && ho == NULL && !trim))
            continue;
        struct pair p = {.l = x->many_v[i], .r = x->one_v[i], .hl = hm, .hr = ho};
        if (swap)
            p = (struct pair){.l = p.r, .r = p.l, .hl = ho, .hr = hm};
        if (combine_step(m, &p, i, out) && x->matched != NULL)
            x->matched[i] = 1;
    }
}

/* Floats match whatever comes of it. */
static void
mark_matched(const struct match *m, const struct row_pair *x)
{
    for (size_t i = 0; i < m->steps; i++)
        x->matched[i] |= !value_absent(x->many_v[i]) && !value_absent(x->one_v[i]);
}

/* Adds the row of one pair of rows to the results, unless it is empty. */
static void
combine(struct match *m, const struct row_pair *x, struct labels ls, struct vec *out)
{
    enum binop op = m->e->u.binary.op;
    bool swap = m->many == &m->r, trim = op == BIN_TRIM_UPPER || op == BIN_TRIM_LOWER;
    struct float_op f = {.op = op, .return_bool = m->e->u.binary.return_bool};
    bool histograms = x->many_h != NULL || x->one_h != NULL;
    struct row r = row_empty(m, ls, histograms);
    if (!trim)
        binary_floats(&f, swap ? x->one_v : x->many_v, swap ? x->many_v : x->one_v, r.v, m->steps);
    if (!trim && x->matched != NULL)
        mark_matched(m, x);
    if (histograms || trim)
        combine_histograms(m, x, &r);
    for (size_t i = 0; i < m->steps; i++)
        if (row_has(&r, i)) {
            vec_add(m->arena, out, r);
            return;
        }
}

static const double *
constant(struct match *m, double v)
{
    double *c = ARENA_ARRAY(m->arena, double, m->steps);
    for (size_t i = 0; i < m->steps; i++)
        c[i] = v;
    return c;
}

static void
fill_one_side(struct match *m, struct vec *out)
{
    const double *fill = constant(m, m->fill_one);
    const uint8_t *there = presence(m->arena, m->one, m->one_sig, m->sigs, m->steps);
    struct row part;
    for (size_t k = 0; k < m->many->n; k++) {
        const struct row *r = &m->many->v[k];
        if (!masked(m, r, there + m->many_sig[k] * m->steps, false, &part))
            continue;
        struct row_pair x = {.many_v = part.v, .many_h = part.h, .one_v = fill};
        combine(m, &x, match_result_labels(m, r->labels, match_group_labels(m, r->labels)), out);
    }
}

static void
fill_many_side(struct match *m, struct vec *out)
{
    const double *fill = constant(m, m->fill_many);
    struct row part;
    for (size_t k = 0; k < m->one->n; k++) {
        const struct row *r = &m->one->v[k];
        if (!masked(m, r, m->matched + m->one_sig[k] * m->steps, false, &part))
            continue;
        struct row_pair x = {.many_v = fill, .one_v = part.v, .one_h = part.h};
        combine(m, &x, match_result_labels(m, match_group_labels(m, r->labels), r->labels), out);
    }
}

static bool
combine_all(struct match *m, struct vec *out, struct err *err)
{
    struct chains ones = chains(m->arena, m->one, m->one_sig, m->sigs);
    bool fills = m->has_fill_many || m->has_fill_one;
    if (fills && !budget_room(m->ev->budget, m->sigs, 2 * m->steps, place_of(m->e), err))
        return false;
    if (m->has_fill_many)
        m->matched = ARENA_ZARRAY(m->arena, uint8_t, m->sigs * m->steps + 1);
    for (size_t k = 0; k < m->many->n; k++) {
        const struct row *r = &m->many->v[k];
        if (k % ROWS_PER_POLL == 0 &&
            (!eval_poll(m->ev, err) ||
             !budget_count(m->ev->budget, &m->ev->main, place_of(m->e), err)))
            return false;
        for (uint32_t o = ones.first[m->many_sig[k]]; o != CHAIN_END; o = ones.next[o]) {
            const struct row *one = &m->one->v[o];
            struct row_pair x = {.many_v = r->v, .many_h = r->h, .one_v = one->v, .one_h = one->h};
            if (m->has_fill_many)
                x.matched = m->matched + m->many_sig[k] * m->steps;
            combine(m, &x, match_result_labels(m, r->labels, one->labels), out);
        }
    }
    if (m->has_fill_one)
        fill_one_side(m, out);
    if (m->has_fill_many)
        fill_many_side(m, out);
    return true;
}

/* fill_right stands in for a missing row of the one side and fill_left for one of the many
 * side, also with group_right, where the sides are swapped: so Prometheus has it. */
static void
match_fills(struct match *m)
{
    const struct expr *e = m->e;
    m->has_fill_one = e->u.binary.fill_right_set;
    m->has_fill_many = e->u.binary.fill_left_set;
    m->fill_one = e->u.binary.fill_right;
    m->fill_many = e->u.binary.fill_left;
}

static bool
result_account(struct match *m, uint64_t before, struct vec *out, struct err *err)
{
    struct eval *ev = m->ev;
    struct region r = region_new();
    uint32_t *in = ARENA_ZARRAY(r.arena, uint32_t, m->steps);
    uint32_t *made = ARENA_ZARRAY(r.arena, uint32_t, m->steps);
    for (size_t k = 0; k < m->l.n; k++)
        account_steps(&m->l.v[k], m->steps, in);
    for (size_t k = 0; k < m->r.n; k++)
        account_steps(&m->r.v[k], m->steps, in);
    for (size_t k = 0; k < out->n; k++)
        account_steps(&out->v[k], m->steps, made);
    struct account_step a = {.before = before, .out_total = account_rows(out, m->steps),
                             .in = in, .out = made, .steps = m->steps};
    bool ok = account_operator(ev, &a, err);
    region_free(ev->budget, &r);
    return ok && budget_count(ev->budget, &ev->main, place_of(m->e), err);
}

bool
binary_vectors(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
               struct err *err)
{
    uint64_t before = ev->cur;
    size_t step;
    struct match m = {.ev = ev, .e = e, .arena = ev->main.arena, .steps = s->grid.steps};
    *out = (struct vec){0};
    if (!eval_vec(ev, s, e->u.binary.l, &m.l, err) || !eval_vec(ev, s, e->u.binary.r, &m.r, err))
        return false;
    if (!match_init(&m, ev->main.arena, err))
        return false;
    match_fills(&m);
    bool ok = binop_is_set(e->u.binary.op)
                  ? set_operator(&m, out, err)
                  : match_check(&m, err) && combine_all(&m, out, err);
    if (!ok)
        return false;
    if (!(ev->o.delayed_names && s->grid.steps == 1) && vec_has_same_labels(ev, out) &&
        !vec_merge_same(m.arena, out, m.steps, &step, err))
        return false;
    return result_account(&m, before, out, err);
}
