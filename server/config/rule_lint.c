/* Rules of one file that write the same series. */
#include <stdlib.h>

#include "server/config/rule_file.h"

size_t
rule_file_rules(const struct rule_file *f)
{
    size_t n = 0;
    for (size_t g = 0; g < f->groups_n; g++)
        n += f->groups[g].rules_n;
    return n;
}

/* The group's labels with the rule's over them, by byte order of names. */
static struct config_map
merge_labels(struct arena *a, const struct config_map *group, const struct config_map *rule)
{
    struct config_map m = {.v = ARENA_ZARRAY(a, struct config_pair, group->n + rule->n)};
    const struct config_map *const both[] = {group, rule};
    for (size_t w = 0; w < ARRAY_LEN(both); w++) {
        for (size_t i = 0; i < both[w]->n; i++) {
            struct config_pair p = both[w]->v[i];
            size_t at = 0;
            while (at < m.n && str_cmp(m.v[at].key, p.key) < 0)
                at++;
            if (at == m.n || !str_eq(m.v[at].key, p.key)) {
                memmove(&m.v[at + 1], &m.v[at], (m.n - at) * sizeof *m.v);
                m.n++;
            }
            m.v[at] = p;
        }
    }
    return m;
}

static int
compare(const void *x, const void *y)
{
    const struct rule_duplicate *a = x, *b = y;
    int c = str_cmp(a->name, b->name);
    for (size_t i = 0; c == 0 && i < MIN(a->labels.n, b->labels.n); i++) {
        c = str_cmp(a->labels.v[i].key, b->labels.v[i].key);
        if (c == 0)
            c = str_cmp(a->labels.v[i].value, b->labels.v[i].value);
    }
    return c ? c : (a->labels.n > b->labels.n) - (a->labels.n < b->labels.n);
}

size_t
rule_file_duplicates(const struct rule_file *f, struct arena *a, struct rule_duplicate **out)
{
    size_t total = rule_file_rules(f), n = 0, found = 0;
    struct rule_duplicate *all = ARENA_ZARRAY(a, struct rule_duplicate, total);
    for (size_t g = 0; g < f->groups_n; g++)
        for (size_t i = 0; i < f->groups[g].rules_n; i++) {
            const struct rule_def *r = &f->groups[g].rules[i];
            all[n++] = (struct rule_duplicate){
                r->name, merge_labels(a, &f->groups[g].labels, &r->labels)};
        }
    if (n > 1)
        qsort(all, n, sizeof *all, compare);
    *out = ARENA_ZARRAY(a, struct rule_duplicate, n);
    for (size_t i = 1; i < n; i++)
        if (compare(&all[i - 1], &all[i]) == 0 &&
            (found == 0 || compare(&(*out)[found - 1], &all[i]) != 0))
            (*out)[found++] = all[i];
    return found;
}
