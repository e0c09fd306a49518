/* template_text.c - a text of the configuration that calls named templates. */
#include "base/mem.h"
#include "server/template/template_priv.h"

/* The text is parsed into a copy of the set's list of templates: its own definitions hide
 * those of the set, for this run only. */
bool
template_run_text(const struct template_set *s, str text, const struct template_env *env, const struct tvalue *data,
                  struct arena *a, struct buf *out, struct err *e)
{
    struct template_set own = *s;

    own.arena = a;
    own.name = STR_EMPTY;
    own.cap = s->n + 4;
    own.tree = ARENA_ARRAY(a, struct ttree *, own.cap);
    memcpy(own.tree, s->tree, s->n * sizeof *s->tree);
    return template_parse(&own, STR_EMPTY, text, env->functions == TEMPLATE_ALERTMANAGER ? 2 : 1, e) &&
           template_run(&own, env, data, a, out, e);
}
