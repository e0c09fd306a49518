/* inhibit.c - a firing source alert mutes targets that agree with it on the labels of
 * `equal`.  An alert that is source and target of a rule is not muted by another such. */
#include "server/notify/notify_priv.h"

static bool
all_match(const struct config_matchers *m, struct labels ls)
{
    for (size_t i = 0; i < m->n; i++)
        if (!matcher_matches(&m->v[i], labels_get(ls, m->v[i].name)))
            return false;
    return true;
}

static bool
agree(const struct config_inhibit *rule, struct labels a, struct labels b)
{
    for (size_t i = 0; i < rule->equal.n; i++)
        if (!str_eq(labels_get(a, rule->equal.v[i]), labels_get(b, rule->equal.v[i])))
            return false;
    return true;
}

static bool
mutes(const struct config_inhibit *rule, const struct alert_store *s, const struct held_alert *a, int64_t now_ms)
{
    bool both = all_match(&rule->source, a->labels);

    for (size_t i = 0; i < s->cap; i++) {
        const struct held_alert *source = s->slot[i];
        if (!source || source == a || held_resolved(source, now_ms) || !all_match(&rule->source, source->labels))
            continue;
        if (both && all_match(&rule->target, source->labels))
            continue;
        if (agree(rule, source->labels, a->labels))
            return true;
    }
    return false;
}

bool
inhibited(const struct plan *p, const struct alert_store *s, const struct held_alert *a, int64_t now_ms)
{
    for (size_t i = 0; i < p->conf->inhibit_rules.n; i++) {
        const struct config_inhibit *rule = &p->conf->inhibit_rules.v[i];
        if (all_match(&rule->target, a->labels) && mutes(rule, s, a, now_ms))
            return true;
    }
    return false;
}
