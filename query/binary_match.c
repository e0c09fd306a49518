#include "query/binary_match.h"

#include "base/panic.h"
#include "query/lookup.h"

/* --- which steps need a look --- */

/* Marks the steps in which two rows of one signature have a sample. */
static void
mark_double(const struct match *m, const struct vec *v, const uint32_t *sig, struct arena *a,
            uint8_t *suspect)
{
    uint32_t *rows = ARENA_ZARRAY(a, uint32_t, m->sigs);
    for (size_t k = 0; k < v->n; k++)
        rows[sig[k]]++;
    uint8_t **seen = ARENA_ZARRAY(a, uint8_t *, m->sigs);
    for (size_t k = 0; k < v->n; k++) {
        if (rows[sig[k]] < 2)
            continue;
        if (seen[sig[k]] == NULL)
            seen[sig[k]] = ARENA_ZARRAY(a, uint8_t, m->steps);
        uint8_t *s = seen[sig[k]];
        for (size_t i = 0; i < m->steps; i++) {
            uint8_t has = row_has(&v->v[k], i);
            suspect[i] |= s[i] & has;
            s[i] |= has;
        }
    }
}

/* With grouping several rows of one signature are fine unless their results have equal
 * labels, whatever they are matched with. */
static bool
results_distinct(const struct match *m, struct arena *a)
{
    struct lookup l = lookup_new(a);
    struct labels *seen = ARENA_ARRAY(a, struct labels, m->many->n + 1);
    uint32_t *sig = ARENA_ARRAY(a, uint32_t, m->many->n + 1);
    struct err unsaid;
    if (m->e->u.binary.include_n > 0)
        return false; /* depends on the match */
    for (size_t k = 0; k < m->many->n; k++) {
        if (k % 4096 == 0 && !eval_poll(m->ev, &unsaid))
            return false; /* whoever comes next notices */
        seen[k] = match_result_labels(m, m->many->v[k].labels, LABELS_EMPTY);
        sig[k] = m->many_sig[k];
        uint64_t hash = labels_hash(seen[k]);
        for (struct lookup_walk w = lookup_walk(&l, hash); lookup_next(&l, &w);)
            if (sig[w.index] == sig[k] && labels_eq(seen[w.index], seen[k]))
                return false;
        lookup_add(&l, hash, k);
    }
    return true;
}

/* --- one step, as Prometheus walks it --- */

struct step_match {
    const struct match *m;
    struct arena *a;
    size_t i;
    uint32_t *one;            /* per signature: row + 1 */
    bool *matched;            /* one to one: signature used */
    struct lookup results;    /* grouping: result labels so far */
    struct labels *result;
    uint32_t *result_sig;
    size_t results_n;
};

static bool
fail_duplicate(const struct step_match *s, const struct row *r, const struct row *old,
               struct err *err)
{
    const struct match *m = s->m;
    struct buf b = {0};
    bool ordered = labels_cmp(r->labels, old->labels) <= 0; /* the same words each time */
    buf_lit(&b, "found duplicate series for the match group ");
    labels_put(&b, match_group_labels(m, r->labels));
    buf_printf(&b, " on the %s hand-side of the operation: [",
               m->e->u.binary.card == CARD_ONE_TO_MANY ? "left" : "right");
    labels_put(&b, ordered ? r->labels : old->labels);
    buf_lit(&b, ", ");
    labels_put(&b, ordered ? old->labels : r->labels);
    buf_lit(&b, "];many-to-many matching not allowed: matching labels must be unique on one side");
    err_set(err, ERR_EXEC, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool
step_ones(struct step_match *s, struct err *err)
{
    const struct match *m = s->m;
    for (size_t k = 0; k < m->one->n; k++) {
        if (!row_has(&m->one->v[k], s->i))
            continue;
        uint32_t *at = &s->one[m->one_sig[k]];
        if (*at != 0)
            return fail_duplicate(s, &m->one->v[k], &m->one->v[*at - 1], err);
        *at = (uint32_t)k + 1;
    }
    return true;
}

/* Pairs without a result because of their types do not count as a match. */
static bool
pair_counts(const struct step_match *s, const struct row *many, const struct row *one)
{
    const struct match *m = s->m;
    const struct histogram *hm = many && many->h ? many->h[s->i] : NULL;
    const struct histogram *ho = one && one->h ? one->h[s->i] : NULL;
    enum binop op = m->e->u.binary.op;
    bool trim = op == BIN_TRIM_UPPER || op == BIN_TRIM_LOWER;
    if (hm == NULL && ho == NULL)
        return !trim;
    struct pair p = {.l = many ? many->v[s->i] : m->fill_many,
                     .r = one ? one->v[s->i] : m->fill_one, .hl = hm, .hr = ho};
    if (m->many == &m->r)
        p = (struct pair){.l = p.r, .r = p.l, .hl = ho, .hr = hm};
    struct annotations *unsaid = annotations_new(STR_EMPTY);
    bool is = binary_pair(m->e, &p, unsaid, s->a).verdict != PAIR_NONE;
    annotations_free(&unsaid);
    return is;
}

static bool
step_pair(struct step_match *s, uint32_t sig, const struct row *many, const struct row *one,
          struct err *err)
{
    const struct match *m = s->m;
    if (!pair_counts(s, many, one))
        return true;
    if (m->e->u.binary.card == CARD_ONE_TO_ONE) {
        if (s->matched[sig])
            return err_set(err, ERR_EXEC,
                           "multiple matches for labels: many-to-one matching must be explicit "
                           "(group_left/group_right)");
        s->matched[sig] = true;
        return true;
    }
    struct labels lm = many ? many->labels : match_group_labels(m, one->labels);
    struct labels lo = one ? one->labels : match_group_labels(m, many->labels);
    struct labels ls = match_result_labels(m, lm, lo);
    uint64_t hash = labels_hash(ls);
    for (struct lookup_walk w = lookup_walk(&s->results, hash); lookup_next(&s->results, &w);)
        if (s->result_sig[w.index] == sig && labels_eq(s->result[w.index], ls))
            return err_set(err, ERR_EXEC,
                           "multiple matches for labels: grouping labels must ensure unique matches");
    lookup_add(&s->results, hash, s->results_n);
    s->result[s->results_n] = ls;
    s->result_sig[s->results_n++] = sig;
    s->matched[sig] = true;
    return true;
}

static bool
step_any(const struct vec *v, size_t i)
{
    for (size_t k = 0; k < v->n; k++)
        if (row_has(&v->v[k], i))
            return true;
    return false;
}

static bool
step_walk(struct step_match *s, struct err *err)
{
    const struct match *m = s->m;
    bool many = step_any(m->many, s->i), one = step_any(m->one, s->i);
    if ((!many && !one) || ((!many || !one) && !m->has_fill_one && !m->has_fill_many))
        return true;
    if (!step_ones(s, err))
        return false;
    for (size_t k = 0; k < m->many->n; k++) {
        if (!row_has(&m->many->v[k], s->i))
            continue;
        uint32_t sig = m->many_sig[k], o = s->one[sig];
        if (o == 0 && !m->has_fill_one)
            continue;
        if (!step_pair(s, sig, &m->many->v[k], o ? &m->one->v[o - 1] : NULL, err))
            return false;
    }
    for (size_t k = 0; m->has_fill_many && k < m->one->n; k++) {
        uint32_t sig = m->one_sig[k];
        if (row_has(&m->one->v[k], s->i) && !s->matched[sig] &&
            !step_pair(s, sig, NULL, &m->one->v[k], err))
            return false;
    }
    return true;
}

static bool
step_check(const struct match *m, size_t i, struct arena *a, struct err *err)
{
    struct arena_mark mark = arena_mark(a);
    size_t rows = m->many->n + m->one->n + 1;
    struct step_match s = {.m = m, .a = a, .i = i, .results = lookup_new(a)};
    s.one = ARENA_ZARRAY(a, uint32_t, m->sigs);
    s.matched = ARENA_ZARRAY(a, bool, m->sigs);
    s.result = ARENA_ARRAY(a, struct labels, rows);
    s.result_sig = ARENA_ARRAY(a, uint32_t, rows);
    bool ok = step_walk(&s, err);
    arena_reset(a, mark);
    return ok;
}

bool
match_check(const struct match *m, struct err *err)
{
    struct arena *a = arena_new();
    uint8_t *suspect = ARENA_ZARRAY(a, uint8_t, m->steps + 1);
    mark_double(m, m->one, m->one_sig, a, suspect);
    if (m->e->u.binary.card == CARD_ONE_TO_ONE || !results_distinct(m, a))
        mark_double(m, m->many, m->many_sig, a, suspect);
    bool ok = true;
    for (size_t i = 0; ok && i < m->steps; i++)
        ok = !suspect[i] || (eval_poll(m->ev, err) && step_check(m, i, a, err));
    arena_free(&a);
    return ok;
}
