/* rule_record.c - a recording rule's result to samples. */
#include <stdlib.h>

#include "server/rules/rules_priv.h"

void
rule_output_add(struct rule_output *out, struct arena *a, struct rule_sample s)
{
    arena_grow(a, &out->v, &out->cap, out->n + 1, sizeof *out->v);
    out->v[out->n++] = s;
}

static int
compare_samples(const void *a, const void *b)
{
    return labels_cmp(((const struct rule_sample *)a)->labels, ((const struct rule_sample *)b)->labels);
}

static struct labels
recorded_labels(const struct rule_tick *t, struct labels from)
{
    struct labels_builder b;

    labels_builder_init(&b, t->arena, from);
    labels_builder_set(&b, LABEL_NAME, t->rule->def->name);
    for (size_t i = 0; i < t->rule->labels.n; i++)
        labels_builder_set(&b, t->rule->labels.v[i].name, t->rule->labels.v[i].value);
    return labels_builder_done(&b);
}

bool
rule_record(const struct rule_tick *t, struct rule_output *out, struct err *e)
{
    int64_t limit = t->group->def->limit;

    for (size_t i = 0; i < t->vec->n; i++) {
        const struct row *r = &t->vec->v[i];
        struct rule_sample s = {.labels = recorded_labels(t, r->labels), .v = r->v[0],
                                .h = r->h ? r->h[0] : NULL};
        rule_output_add(out, t->arena, s);
    }
    if (out->n)
        qsort(out->v, out->n, sizeof *out->v, compare_samples);
    for (size_t i = 1; i < out->n; i++)
        if (labels_eq(out->v[i].labels, out->v[i - 1].labels))
            return err_set(e, ERR_EXEC, "vector contains metrics with the same labelset after applying rule labels");
    if (limit > 0 && out->n > (size_t)limit)
        return err_set(e, ERR_LIMIT, "exceeded limit of %lld with %zu series", (long long)limit, out->n);
    return true;
}
