#include "server/template/template.h"

#include "base/mem.h"
#include "base/panic.h"
#include "server/template/template_html.h"
#include "server/template/template_priv.h"

#define WHERE_PROMETHEUS 1
#define WHERE_ALERTMANAGER 2

/* --- sets ------------------------------------------------------------------------------------------------ */

bool
template_set_new(struct template_set **out, str name, str text, bool html, struct err *e)
{
    struct template_set *s = MEM_NEW(struct template_set);

    *s = (struct template_set){.magic = TEMPLATE_SET_MAGIC, .arena = arena_new(), .html = html,
                               .where = WHERE_ALERTMANAGER};
    s->name = arena_str(s->arena, name);
    if (!template_parse(s, s->name, text, e)) {
        template_set_free(&s);
        *out = NULL;
        return false;
    }
    *out = s;
    return true;
}

bool
template_set_add(struct template_set *s, str name, str text, struct err *e)
{
    CHECK(s->magic == TEMPLATE_SET_MAGIC);
    return template_parse(s, arena_str(s->arena, name), text, e);
}

void
template_set_free(struct template_set **s)
{
    if (!*s)
        return;
    CHECK((*s)->magic == TEMPLATE_SET_MAGIC);
    (*s)->magic = 0;
    arena_free(&(*s)->arena);
    mem_free(*s);
    *s = NULL;
}

struct ttree *
template_find(const struct template_set *s, str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->tree[i]->name, name))
            return s->tree[i];
    return NULL;
}

/* A set that begins with another's templates and lives in an arena. */
static struct template_set
overlay(const struct template_set *s, struct arena *a)
{
    struct template_set o = *s;

    o.arena = a;
    o.cap = s->n + 8;
    o.tree = ARENA_ARRAY(a, struct ttree *, o.cap);
    if (s->n)
        memcpy(o.tree, s->tree, s->n * sizeof *s->tree);
    return o;
}

/* --- functions --------------------------------------------------------------------------------------------- */

static const struct tfunc *
find_function(const struct tfunc *f, str name)
{
    for (; f->name; f++)
        if (str_eq(str_of(f->name), name))
            return f;
    return NULL;
}

const struct tfunc *
template_function(str name, unsigned where)
{
    const struct tfunc *f = find_function(where == WHERE_PROMETHEUS ? template_prometheus : template_alertmanager, name);
    return f ? f : find_function(template_builtins, name);
}

/* --- runs ------------------------------------------------------------------------------------------------------ */

static bool
run_tree(const struct template_set *s, const struct ttree *t, const struct template_env *env,
         const struct tvalue *data, struct arena *a, struct buf *out, struct err *e)
{
    struct texec x = {.set = s, .env = env, .arena = a, .out = out, .tree = t, .data = *data};
    struct html_place place = {.state = HTML_TEXT};

    x.memory_before = arena_used(a);
    x.html = s->html ? &place : NULL;
    bool ok = template_execute(&x, t, *data, e);
    mem_free(x.frames);
    mem_free(x.vars);
    return ok;
}

bool
template_run(const struct template_set *s, const struct template_env *env, const struct tvalue *data,
             struct arena *a, struct buf *out, struct err *e)
{
    struct template_set o = overlay(s, a);

    return run_tree(&o, template_find(&o, s->name), env, data, a, out, e);
}

static bool
run_text(const struct template_set *s, str text, const struct template_env *env, const struct tvalue *data,
         struct arena *a, struct buf *out, struct err *e)
{
    struct template_set o = overlay(s, a);

    if (text.n == 0)
        return true;
    /* An empty text has its own, empty tree, whatever the set knows by that name. */
    for (size_t i = 0; i < o.n; i++)
        if (o.tree[i]->name.n == 0)
            o.tree[i] = o.tree[--o.n];
    if (!template_parse(&o, STR_EMPTY, text, e))
        return false;
    return run_tree(&o, template_find(&o, STR_EMPTY), env, data, a, out, e);
}

bool
template_run_text(const struct template_set *s, str text, const struct template_env *env, const struct tvalue *data,
                  struct arena *a, struct buf *out, struct err *e)
{
    struct template_set plain = *s;
    plain.html = false;
    return run_text(&plain, text, env, data, a, out, e);
}

bool
template_run_html(const struct template_set *s, str text, const struct template_env *env, const struct tvalue *data,
                  struct arena *a, struct buf *out, struct err *e)
{
    struct template_set html = *s;
    html.html = true;
    return run_text(&html, text, env, data, a, out, e);
}

bool
template_run_nested(struct texec *x, str text, struct buf *out, struct err *e)
{
    struct template_set o = overlay(x->set, x->arena);
    const struct template_set *set = x->set;
    struct buf *before = x->out;
    struct html_place place = {.state = HTML_TEXT}, *place_before = x->html;

    for (size_t i = 0; i < o.n; i++)
        if (o.tree[i]->name.n == 0)
            o.tree[i] = o.tree[--o.n];
    if (!template_parse(&o, STR_EMPTY, text, e))
        return false;
    x->set = &o;
    x->out = out;
    x->html = place_before ? &place : NULL;
    bool ok = template_execute(x, template_find(&o, STR_EMPTY), x->data, e);
    x->set = set;
    x->out = before;
    x->html = place_before;
    return ok;
}

/* --- alerts -------------------------------------------------------------------------------------------------------- */

#define PREFIX                                                                                                         \
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

static bool
parse_alert(struct template_set *s, str name, str text, struct arena *a, struct err *e)
{
    struct buf b = {0};

    *s = (struct template_set){.magic = TEMPLATE_SET_MAGIC, .arena = a, .name = name, .where = WHERE_PROMETHEUS};
    buf_lit(&b, PREFIX);
    buf_put(&b, text);
    bool ok = template_parse(s, name, buf_str(&b), e);
    buf_free(&b);
    return ok;
}

bool
template_expand_alert(str text, const struct template_alert *d, const struct template_env *env, struct arena *a,
                      str *out, struct err *e)
{
    struct template_set s;
    struct buf b = {0};
    str name;

    /* The prefix prints nothing. */
    if (text.n == 0 || !memmem(text.p, text.n, "{{", 2)) {
        *out = text;
        return true;
    }
    name = arena_printf(a, "__alert_%.*s", STR_ARG(d->name));
    struct tvalue data = template_value_alert(a, d, env->external_url);
    bool ok = parse_alert(&s, name, text, a, e);
    if (!ok)
        err_prefix(e, "error parsing template %.*s: ", STR_ARG(name));
    if (ok && !run_tree(&s, template_find(&s, name), env, &data, a, &b, e))
        ok = err_prefix(e, "error executing template %.*s: ", STR_ARG(name));
    *out = ok ? arena_str(a, buf_str(&b)) : arena_printf(a, "<error expanding template: %s>", e->text);
    buf_free(&b);
    return ok;
}

bool
template_check_text(str name, str text, struct err *e)
{
    struct template_set s = {.magic = TEMPLATE_SET_MAGIC, .arena = arena_new(), .name = name};
    bool ok = template_parse(&s, name, text, e);

    arena_free(&s.arena);
    return ok;
}

bool
template_check_alert(str name, str text, struct err *e)
{
    struct arena *a = arena_new();
    struct template_set s;
    bool ok = parse_alert(&s, arena_printf(a, "__alert_%.*s", STR_ARG(name)), text, a, e);

    arena_free(&a);
    return ok;
}
