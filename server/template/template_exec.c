/* template_exec.c - walks a template's tree.
 *
 * Templates may call each other 100,000 deep before text/template stops them, so what is
 * being walked is a stack of frames of our own, not the C stack:
 *
 *   F_LIST    nodes of a list, one after the other
 *   F_RANGE   a range: each step pushes the list of its body
 *   F_CALL    a called template below its list: what to go back to
 *
 * Every frame remembers how many variables there were before it.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "server/template/template_html.h"

struct tframe {
    enum { F_LIST, F_RANGE, F_CALL } kind;
    const struct tnode *node;     /* LIST; RANGE's node */
    size_t at;                    /* next child or iteration */
    size_t marked;                /* variables to keep when it ends */
    struct tvalue dot;
    struct tvalue over;           /* RANGE */
    size_t total, vars;           /* RANGE: iterations; variables to keep between them */
    const struct ttree *tree;     /* CALL */
    size_t base;
};

bool
template_fail(const struct texec *x, struct err *e, const char *fmt, ...)
{
    struct buf words = {0}, where = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&words, fmt, ap);
    va_end(ap);
    if (!x->at) {
        buf_printf(&where, "template: %.*s: ", STR_ARG(x->tree->name));
    } else {
        str text = STR(x->at->source->text.p, x->at->pos);
        size_t line = 1, start = 0;
        for (size_t i = 0; i < text.n; i++) {
            if (text.p[i] == '\n') {
                line++;
                start = i + 1;
            }
        }
        buf_printf(&where, "template: %.*s:%zu:%zu: executing ", STR_ARG(x->at->source->name), line, text.n - start);
        unicode_put_quoted(&where, x->tree->name);
        buf_lit(&where, " at <");
        template_put_node(&where, x->at);
        buf_lit(&where, ">: ");
    }
    buf_put(&where, buf_str(&words));
    err_set(e, ERR_EXEC, "%.*s", STR_ARG(buf_str(&where)));
    buf_free(&words);
    buf_free(&where);
    return false;
}

bool
template_within_limits(const struct texec *x, struct err *e)
{
    if (x->steps > LIMIT_TEMPLATE_STEPS)
        return template_fail(x, e, "exceeded maximum number of steps (%u)", LIMIT_TEMPLATE_STEPS);
    if (x->out->n > LIMIT_TEMPLATE_OUTPUT_BYTES)
        return template_fail(x, e, "exceeded maximum output size (%u bytes)", LIMIT_TEMPLATE_OUTPUT_BYTES);
    if (arena_used(x->arena) - x->memory_before > LIMIT_TEMPLATE_MEMORY_BYTES)
        return template_fail(x, e, "exceeded maximum memory (%u bytes)", LIMIT_TEMPLATE_MEMORY_BYTES);
    return true;
}

struct tvar *
template_variable(struct texec *x, str name)
{
    for (size_t i = x->vars_n; i > x->vars_base; i--)
        if (str_eq(x->vars[i - 1].name, name))
            return &x->vars[i - 1];
    return NULL;
}

static struct tframe *
push_frame(struct texec *x, struct tframe f)
{
    mem_grow(&x->frames, &x->frames_cap, x->frames_n + 1, sizeof *x->frames);
    x->frames[x->frames_n] = f;
    return &x->frames[x->frames_n++];
}

static void
push_list(struct texec *x, const struct tnode *list, struct tvalue dot, size_t marked)
{
    push_frame(x, (struct tframe){.kind = F_LIST, .node = list, .dot = dot, .marked = marked});
}

static void
push_variable(struct texec *x, str name, struct tvalue v)
{
    mem_grow(&x->vars, &x->vars_cap, x->vars_n + 1, sizeof *x->vars);
    x->vars[x->vars_n++] = (struct tvar){name, v};
}

static void
pop_frame(struct texec *x)
{
    struct tframe *f = &x->frames[--x->frames_n];

    x->vars_n = f->marked;
    if (f->kind == F_CALL) {
        x->tree = f->tree;
        x->vars_base = f->base;
        x->depth--;
    }
}

/* --- the nodes ---------------------------------------------------------------------------------- */

static enum html_escaper
escaper_of(const struct tnode *cmd)
{
    const struct tnode *n = cmd->child[0];

    if (n->type != N_IDENT || !n->fn->builtin)
        return ESCAPER_NONE;
    return str_eq(n->text, STRL("html"))       ? ESCAPER_HTML
           : str_eq(n->text, STRL("urlquery")) ? ESCAPER_URLQUERY
                                               : ESCAPER_NONE;
}

/* A pipeline without its final escaper: {{html a b}} becomes what html would work on. */
static void
drop_escaper(struct texec *x, struct tnode *pipe)
{
    static const struct tfunc joined = {
        .name = "html", .call = template_joined, .in_n = 1, .in = {&ttype_any}, .variadic = true};
    struct tnode *copy = ARENA_NEW(x->arena, struct tnode), *ident = ARENA_NEW(x->arena, struct tnode);
    struct tnode **operands, **cmd;

    if (pipe->n > 1) {
        pipe->n--;
        return;
    }
    *copy = *pipe->child[0];
    *ident = *copy->child[0];
    ident->fn = &joined;
    operands = ARENA_ARRAY(x->arena, struct tnode *, copy->n);
    memcpy(operands, copy->child, copy->n * sizeof *operands);
    operands[0] = ident;
    copy->child = operands;
    cmd = ARENA_ARRAY(x->arena, struct tnode *, 1);
    cmd[0] = copy;
    pipe->child = cmd;
}

static bool
walk_html_action(struct texec *x, const struct tnode *n, const struct tvalue *dot, struct err *e)
{
    struct tnode pipe = *n->pipe;
    const struct tnode *last = pipe.child[pipe.n - 1];
    enum html_escaper escaper = escaper_of(last);
    struct tvalue v;
    struct err inner = ERR_INIT;

    if (pipe.n > 1 ? last->n != 1 : last->n == 1)
        escaper = ESCAPER_NONE;
    if (!template_html_replaces(x->html, escaper))
        escaper = ESCAPER_NONE;
    if (escaper)
        drop_escaper(x, &pipe);
    if (!template_eval_pipeline(x, dot, &pipe, &v, e))
        return false;
    x->at = n;
    return template_html_value(x->html, x->out, v, escaper, &inner) || template_fail(x, e, "%s", inner.text);
}

static bool
walk_action(struct texec *x, const struct tnode *n, const struct tvalue *dot, struct err *e)
{
    struct tvalue v;

    if (x->html && n->pipe->names_n == 0)
        return walk_html_action(x, n, dot, e);
    if (!template_eval_pipeline(x, dot, n->pipe, &v, e))
        return false;
    if (n->pipe->names_n)
        return true;
    x->at = n;
    v = template_printable(v);
    template_sprint(x->out, &v, 1);
    return true;
}

static bool
walk_condition(struct texec *x, const struct tnode *n, struct tvalue dot, struct err *e)
{
    size_t marked = x->vars_n;
    struct tvalue v;

    if (!template_eval_pipeline(x, &dot, n->pipe, &v, e))
        return false;
    if (tvalue_truth(&v))
        push_list(x, n->body, n->type == N_WITH ? v : dot, marked);
    else if (n->otherwise)
        push_list(x, n->otherwise, dot, marked);
    else
        x->vars_n = marked;
    return true;
}

/* %v of a reflect.Value, for words. */
static const char *
shown(struct texec *x, const struct tvalue *v)
{
    struct buf b = {0};
    template_sprint(&b, v, 1);
    const char *s = arena_cstr(x->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

static bool
walk_range(struct texec *x, const struct tnode *n, struct tvalue dot, struct err *e)
{
    size_t marked = x->vars_n, total = 0;
    struct tvalue v;

    if (!template_eval_pipeline(x, &dot, n->pipe, &v, e))
        return false;
    v = tvalue_indirect(v);
    switch (tvalue_kind(&v)) {
    case T_INT:
    case T_UINT:
        if (n->pipe->names_n > 1)
            return template_fail(x, e, "can't use %s to iterate over more than one variable", shown(x, &v));
        total = v.u.i > 0 ? (size_t)v.u.i : 0;
        break;
    case T_LIST: total = v.u.list.n; break;
    case T_MAP: total = v.nil ? 0 : v.u.map->n; break;
    case T_NIL: break;
    default: return template_fail(x, e, "range can't iterate over %s", shown(x, &v));
    }
    if (total)
        push_frame(x, (struct tframe){.kind = F_RANGE, .node = n, .dot = dot, .over = v, .total = total,
                                      .marked = marked, .vars = x->vars_n});
    else if (n->otherwise)
        push_list(x, n->otherwise, dot, marked);
    else
        x->vars_n = marked;
    return true;
}

static bool
set_variable(struct texec *x, str name, struct tvalue v, struct err *e)
{
    struct tvar *var = template_variable(x, name);

    if (!var)
        return template_fail(x, e, "undefined variable: %.*s", STR_ARG(name));
    var->value = v;
    return true;
}

/* Gives the range's variables their values for one step. */
static bool
bind_step(struct texec *x, const struct tnode *pipe, struct tvalue index, struct tvalue elem, struct err *e)
{
    if (pipe->names_n == 0)
        return true;
    if (pipe->assign && pipe->names_n == 1)
        return set_variable(x, pipe->names[0], elem, e);
    if (pipe->assign)
        return set_variable(x, pipe->names[0], index, e) && set_variable(x, pipe->names[1], elem, e);
    x->vars[x->vars_n - 1].value = elem;
    if (pipe->names_n > 1)
        x->vars[x->vars_n - 2].value = index;
    return true;
}

static bool
step_range(struct texec *x, struct err *e)
{
    struct tframe *f = &x->frames[x->frames_n - 1];
    size_t i = f->at++;
    struct tvalue index = TVALUE_NIL, elem;

    if (i >= f->total) {
        pop_frame(x);
        return true;
    }
    x->vars_n = f->vars;
    switch (tvalue_kind(&f->over)) {
    case T_LIST:
        index = tvalue_int((int64_t)i);
        elem = tvalue_at(&f->over, i);
        break;
    case T_MAP:
        index = tvalue_str(f->over.u.map->key[i]);
        elem = f->over.u.map->value[i];
        elem.iface = f->over.type->elem->kind == T_ANY;
        break;
    default:
        elem = f->over;
        elem.u.i = (int64_t)i;
        break;
    }
    const struct tnode *n = f->node;
    if (!bind_step(x, n->pipe, index, elem, e))
        return false;
    push_list(x, n->body, elem, x->vars_n);
    return true;
}

static bool
walk_call(struct texec *x, const struct tnode *n, const struct tvalue *dot, struct err *e)
{
    struct ttree *t = template_find(x->set, n->text);
    struct tvalue v = TVALUE_NIL;

    if (!t) {
        struct buf quoted = {0};
        unicode_put_quoted(&quoted, n->text);
        template_fail(x, e, "template %.*s not defined", STR_ARG(buf_str(&quoted)));
        buf_free(&quoted);
        return false;
    }
    if (x->depth == LIMIT_TEMPLATE_DEPTH)
        return template_fail(x, e, "exceeded maximum template depth (%u)", LIMIT_TEMPLATE_DEPTH);
    if (n->pipe && !template_eval_pipeline(x, dot, n->pipe, &v, e))
        return false;
    push_frame(x, (struct tframe){.kind = F_CALL, .marked = x->vars_n, .tree = x->tree, .base = x->vars_base});
    x->depth++;
    x->tree = t;
    x->vars_base = x->vars_n;
    push_variable(x, STRL("$"), v);
    push_list(x, t->root, v, x->vars_n);
    return true;
}

/* Leaves the frames up to the innermost range; break ends that, too. */
static void
leave_loop(struct texec *x, bool for_good)
{
    while (x->frames[x->frames_n - 1].kind != F_RANGE)
        pop_frame(x);
    if (for_good)
        pop_frame(x);
}

static bool
walk_node(struct texec *x, const struct tnode *n, const struct tvalue *dot, struct err *e)
{
    x->at = n;
    switch (n->type) {
    case N_TEXT:
        if (x->html)
            template_html_text(x->html, x->out, n->text);
        else
            buf_put(x->out, n->text);
        return true;
    case N_ACTION: return walk_action(x, n, dot, e);
    case N_IF:
    case N_WITH: return walk_condition(x, n, *dot, e);
    case N_RANGE: return walk_range(x, n, *dot, e);
    case N_TEMPLATE: return walk_call(x, n, dot, e);
    case N_BREAK:
    case N_CONTINUE: leave_loop(x, n->type == N_BREAK); return true;
    default: return template_fail(x, e, "unknown node");
    }
}

static bool
step(struct texec *x, struct err *e)
{
    struct tframe *f = &x->frames[x->frames_n - 1];

    x->steps++;
    if (!template_within_limits(x, e))
        return false;
    if (f->kind == F_RANGE)
        return step_range(x, e);
    if (f->kind == F_CALL || f->at >= f->node->n) {
        pop_frame(x);
        return true;
    }
    struct tvalue dot = f->dot; /* the stack may move */
    return walk_node(x, f->node->child[f->at++], &dot, e);
}

bool
template_execute(struct texec *x, const struct ttree *t, struct tvalue data, struct err *e)
{
    size_t frames = x->frames_n, vars = x->vars_n, base = x->vars_base;
    const struct ttree *tree = x->tree;
    const struct tnode *at = x->at;
    unsigned depth = x->depth;
    bool ok = true;

    x->tree = t;
    x->vars_base = x->vars_n;
    push_variable(x, STRL("$"), data);
    push_list(x, t->root, data, x->vars_n);
    while (ok && x->frames_n > frames)
        ok = step(x, e);
    x->frames_n = frames;
    x->vars_n = vars;
    x->vars_base = base;
    x->tree = tree;
    x->at = at;
    x->depth = depth;
    return ok;
}

/* Variables that a pipeline declares stay until the enclosing list ends. */
bool
template_bind(struct texec *x, const struct tnode *pipe, struct tvalue v, struct err *e)
{
    for (size_t i = 0; i < pipe->names_n; i++) {
        if (!pipe->assign)
            push_variable(x, pipe->names[i], v);
        else if (!set_variable(x, pipe->names[i], v, e))
            return false;
    }
    return true;
}
