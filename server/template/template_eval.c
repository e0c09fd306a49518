/* template_eval.c - pipelines, commands, fields and calls, by text/template's rules. */
#include "base/limits.h"
#include "base/unicode.h"
#include "server/template/template_priv.h"

/* What is handed from one command of a pipeline to the next; NULL at its start. */
typedef const struct tvalue *final_arg;

/* The operands of a command, the first being what is called; for single nodes n is 0. */
struct operands {
    struct tnode *const *v;
    size_t n;
};
#define NO_OPERANDS ((struct operands){NULL, 0})

static bool eval_arg(struct texec *x, const struct tvalue *dot, const struct ttype *type, const struct tnode *n,
                     struct tvalue *out, struct err *e);

static const char *
node_text(struct texec *x, const struct tnode *n)
{
    struct buf b = {0};
    template_put_node(&b, n);
    const char *s = arena_cstr(x->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

/* --- arguments -------------------------------------------------------------------------------------- */

static bool
can_be_nil(const struct ttype *t)
{
    return t->kind == T_ANY || t->kind == T_REFLECT || t->kind == T_LIST || t->kind == T_MAP || t->kind == T_PTR;
}

/* reflect.Value's validateType: the value as one of the type, by one dereference if that helps. */
static bool
as_type(struct texec *x, struct tvalue v, const struct ttype *type, struct tvalue *out, struct err *e)
{
    if (!v.type && !v.iface) {
        if (!can_be_nil(type))
            return template_fail(x, e, "invalid value; expected %s", type->name);
        *out = tvalue_zero(type);
        out->iface = false;
        return true;
    }
    if (type->kind == T_REFLECT || type->kind == T_ANY) {
        *out = v;
        out->iface = v.iface && type->kind == T_REFLECT;
        return true;
    }
    if (!v.type) /* a nil interface */
        return template_fail(x, e, "wrong type for value; expected %s; got interface {}", type->name);
    v.iface = false;
    if (!tvalue_assignable(v.type, type)) {
        if (v.type->kind != T_PTR || !tvalue_assignable(v.type->elem, type))
            return template_fail(x, e, "wrong type for value; expected %s; got %s", type->name, v.type->name);
        if (v.nil)
            return template_fail(x, e, "dereference of nil pointer of type %s", type->name);
        v = *v.u.ptr;
    }
    *out = v;
    return true;
}

/* A number as its syntax says. */
static bool
ideal_constant(struct texec *x, const struct tnode *n, struct tvalue *out, struct err *e)
{
    str t = n->text;
    bool hex = t.n > 2 && t.p[0] == '0' && (t.p[1] | 0x20) == 'x' && !memchr(t.p, 'p', t.n) && !memchr(t.p, 'P', t.n);

    x->at = n;
    if (n->is_complex) {
        *out = (struct tvalue){.type = &ttype_complex, .u.c = {n->f, n->im}};
        return true;
    }
    bool point = false;
    for (size_t i = 0; i < t.n; i++)
        point |= strchr(".eEpP", t.p[i]) != NULL;
    if (n->is_float && !hex && !n->is_char && point)
        *out = tvalue_float(n->f);
    else if (n->is_int)
        *out = tvalue_int(n->i);
    else
        return template_fail(x, e, "%.*s overflows int", STR_ARG(t));
    return true;
}

/* A literal where the type is known. */
static bool
literal_arg(struct texec *x, const struct ttype *type, const struct tnode *n, struct tvalue *out, struct err *e)
{
    *out = (struct tvalue){.type = type};
    switch (type->kind) {
    case T_BOOL:
        out->u.b = n->b;
        return n->type == N_BOOL || template_fail(x, e, "expected bool; found %s", node_text(x, n));
    case T_STR:
        out->u.s = n->value;
        return n->type == N_STRING || template_fail(x, e, "expected string; found %s", node_text(x, n));
    case T_INT:
        out->u.i = n->i;
        return (n->type == N_NUMBER && n->is_int) ||
               template_fail(x, e, "expected integer; found %s", node_text(x, n));
    case T_UINT:
        out->u.i = (int64_t)n->u;
        return (n->type == N_NUMBER && n->is_uint) ||
               template_fail(x, e, "expected unsigned integer; found %s", node_text(x, n));
    case T_FLOAT:
        out->u.f = n->f;
        return (n->type == N_NUMBER && n->is_float) ||
               template_fail(x, e, "expected float; found %s", node_text(x, n));
    case T_ANY:
    case T_REFLECT: break;
    default:
        return template_fail(x, e, "can't handle %s for arg of type %s", node_text(x, n), type->name);
    }
    if (n->type == N_BOOL)
        *out = tvalue_bool(n->b);
    else if (n->type == N_STRING)
        *out = tvalue_str(n->value);
    else
        return ideal_constant(x, n, out, e);
    return true;
}

/* --- calls --------------------------------------------------------------------------------------------- */

static bool
check_arity(struct texec *x, const struct tfunc *f, str name, size_t args, bool final, struct err *e)
{
    size_t in = args + final;

    if (f->variadic && in < f->in_n - 1)
        return template_fail(x, e, "wrong number of args for %.*s: want at least %u got %zu", STR_ARG(name),
                             f->in_n - 1, args);
    if (!f->variadic && in != f->in_n)
        return template_fail(x, e, "wrong number of args for %.*s: want %u got %zu", STR_ARG(name), f->in_n, in);
    return !f->refusal || template_fail(x, e, "%s", f->refusal);
}

/* and, or: stop at the first argument that decides. */
static bool
eval_short_circuit(struct texec *x, const struct tvalue *dot, bool is_or, struct operands ops, final_arg final,
                   struct tvalue *out, struct err *e)
{
    *out = TVALUE_NIL;
    for (size_t i = 1; i < ops.n; i++) {
        if (!eval_arg(x, dot, &ttype_reflect, ops.v[i], out, e))
            return false;
        if (tvalue_truth(out) == is_or)
            return true;
    }
    if (final)
        *out = *final;
    return true;
}

static const struct ttype *
parameter(const struct tfunc *f, size_t i)
{
    return f->in[f->variadic && i >= f->in_n - 1 ? f->in_n - 1 : i];
}

/* self: a method's receiver, or NULL. */
static bool
eval_call(struct texec *x, const struct tvalue *dot, const struct tfunc *f, const struct tvalue *self,
          const struct tnode *at, struct operands ops, final_arg final, struct tvalue *out, struct err *e)
{
    str name = str_of(f->name);
    size_t args = ops.n ? ops.n - 1 : 0, n = 0;
    struct err inner = ERR_INIT;

    if (!check_arity(x, f, name, args, final != NULL, e))
        return false;
    if (f->builtin && !f->call)
        return eval_short_circuit(x, dot, name.n == 2, ops, final, out, e);
    struct tvalue *argv = ARENA_ARRAY(x->arena, struct tvalue, args + 2);
    if (self)
        argv[n++] = *self;
    for (size_t i = 0; i < args; i++)
        if (!eval_arg(x, dot, parameter(f, i), ops.v[i + 1], &argv[n++], e))
            return false;
    if (final && !as_type(x, *final, parameter(f, args), &argv[n++], e))
        return false;
    x->callee = ops.n > 1 ? ops.v[1] : at;
    if (!f->call(x, argv, n, out, &inner)) {
        x->at = at;
        return template_fail(x, e, "error calling %.*s: %.*s", STR_ARG(name), STR_ARG(err_str(&inner)));
    }
    out->iface = f->returns_any;
    if (tvalue_kind(out) == T_STR && out->u.s.n > LIMIT_TEMPLATE_OUTPUT_BYTES)
        return template_fail(x, e, "exceeded maximum output size (%u bytes)", LIMIT_TEMPLATE_OUTPUT_BYTES);
    return template_within_limits(x, e);
}

/* --- fields ----------------------------------------------------------------------------------------------- */

static const struct tfunc *
method_of(const struct tvalue *v, str name)
{
    for (const struct tfunc *f = v->type ? v->type->method : NULL; f && f->name; f++)
        if (str_eq(str_of(f->name), name))
            return f;
    return NULL;
}

static bool
struct_field(struct texec *x, const struct tvalue *v, const char *type, str name, bool has_args, struct tvalue *out,
             bool *found, struct err *e)
{
    for (size_t i = 0; i < v->type->field_n; i++) {
        if (!str_eq(str_of(v->type->field[i].name), name))
            continue;
        *found = true;
        if (v->type->field[i].hidden)
            return template_fail(x, e, "%.*s is an unexported field of struct type %s", STR_ARG(name), type);
        if (has_args)
            return template_fail(x, e, "%.*s has arguments but cannot be invoked as function", STR_ARG(name));
        *out = tvalue_member(v, i);
    }
    return true;
}

static bool
eval_field(struct texec *x, const struct tvalue *dot, str name, const struct tnode *at, struct operands ops,
           final_arg final, struct tvalue receiver, struct tvalue *out, struct err *e)
{
    const char *type = tvalue_type_name(&receiver);
    struct tvalue v = tvalue_indirect(receiver);
    const struct tfunc *method = method_of(&v, name);
    bool has_args = ops.n > 1 || final, found = false;

    if (!receiver.type && !receiver.iface) {
        *out = TVALUE_NIL;
        return true;
    }
    if (!receiver.type)
        return template_fail(x, e, "nil pointer evaluating %s.%.*s", type, STR_ARG(name));
    if (method)
        return eval_call(x, dot, method, &v, at, ops, final, out, e);
    switch (v.type->kind) {
    case T_STRUCT:
        if (!struct_field(x, &v, type, name, has_args, out, &found, e))
            return false;
        if (found)
            return true;
        break;
    case T_MAP:
        if (has_args)
            return template_fail(x, e, "%.*s is not a method but has arguments", STR_ARG(name));
        if (!tvalue_get(&v, name, out))
            *out = tvalue_zero(v.type->elem);
        return true;
    case T_PTR: return template_fail(x, e, "nil pointer evaluating %s.%.*s", type, STR_ARG(name));
    default: break;
    }
    return template_fail(x, e, "can't evaluate field %.*s in type %s", STR_ARG(name), type);
}

/* The fields of a node from the `from`th on; the last gets the arguments.  Faults are said
 * to be at what was looked at last, the node or its operand. */
static bool
eval_fields(struct texec *x, const struct tvalue *dot, const struct tnode *n, size_t from, struct operands ops,
            final_arg final, struct tvalue *v, struct err *e)
{
    for (size_t i = from; i < n->names_n; i++) {
        bool last = i + 1 == n->names_n;
        if (!eval_field(x, dot, n->names[i], n, last ? ops : NO_OPERANDS, last ? final : NULL, *v, v, e))
            return false;
    }
    return true;
}

static bool
no_arguments(struct texec *x, const struct tnode *n, struct operands ops, final_arg final, struct err *e)
{
    return (ops.n <= 1 && !final) ||
           template_fail(x, e, "can't give argument to non-function %s", node_text(x, n));
}

static bool
eval_variable(struct texec *x, const struct tvalue *dot, const struct tnode *n, struct operands ops, final_arg final,
              struct tvalue *out, struct err *e)
{
    struct tvar *var = template_variable(x, n->names[0]);

    x->at = n;
    if (!var)
        return template_fail(x, e, "undefined variable: %.*s", STR_ARG(n->names[0]));
    *out = var->value;
    if (n->names_n == 1)
        return no_arguments(x, n, ops, final, e);
    return eval_fields(x, dot, n, 1, ops, final, out, e);
}

static bool
eval_chain(struct texec *x, const struct tvalue *dot, const struct tnode *n, struct operands ops, final_arg final,
           struct tvalue *out, struct err *e)
{
    x->at = n;
    if (n->pipe->type == N_NIL)
        return template_fail(x, e, "indirection through explicit nil in %s", node_text(x, n));
    return eval_arg(x, dot, NULL, n->pipe, out, e) && eval_fields(x, dot, n, 0, ops, final, out, e);
}

/* --- pipelines ---------------------------------------------------------------------------------------------- */

/* type NULL: whatever it is (a chain's operand). */
static bool
eval_arg(struct texec *x, const struct tvalue *dot, const struct ttype *type, const struct tnode *n,
         struct tvalue *out, struct err *e)
{
    struct operands self = {NULL, 0};

    x->at = n;
    switch (n->type) {
    case N_DOT: *out = *dot; break;
    case N_NIL:
        if (!can_be_nil(type))
            return template_fail(x, e, "cannot assign nil to %s", type->name);
        *out = tvalue_zero(type);
        out->iface = false;
        return true;
    case N_FIELD:
        *out = *dot;
        if (!eval_fields(x, dot, n, 0, self, NULL, out, e))
            return false;
        break;
    case N_VARIABLE:
        if (!eval_variable(x, dot, n, self, NULL, out, e))
            return false;
        break;
    case N_PIPE:
        if (!template_eval_pipeline(x, dot, n, out, e))
            return false;
        break;
    case N_IDENT:
        if (!eval_call(x, dot, n->fn, NULL, n, self, NULL, out, e))
            return false;
        break;
    case N_CHAIN:
        if (!eval_chain(x, dot, n, self, NULL, out, e))
            return false;
        break;
    default: return literal_arg(x, type, n, out, e);
    }
    return !type || as_type(x, *out, type, out, e);
}

static bool
eval_command(struct texec *x, const struct tvalue *dot, const struct tnode *cmd, final_arg final, struct tvalue *out,
             struct err *e)
{
    const struct tnode *n = cmd->child[0];
    struct operands ops = {cmd->child, cmd->n};

    switch (n->type) {
    case N_FIELD:
        x->at = n;
        *out = *dot;
        return eval_fields(x, dot, n, 0, ops, final, out, e);
    case N_CHAIN: return eval_chain(x, dot, n, ops, final, out, e);
    case N_IDENT: x->at = n; return eval_call(x, dot, n->fn, NULL, cmd, ops, final, out, e);
    case N_PIPE: return no_arguments(x, n, ops, final, e) && template_eval_pipeline(x, dot, n, out, e);
    case N_VARIABLE: return eval_variable(x, dot, n, ops, final, out, e);
    default: break;
    }
    x->at = n;
    if (!no_arguments(x, n, ops, final, e))
        return false;
    switch (n->type) {
    case N_BOOL: *out = tvalue_bool(n->b); return true;
    case N_DOT: *out = *dot; return true;
    case N_STRING: *out = tvalue_str(n->value); return true;
    case N_NUMBER: return ideal_constant(x, n, out, e);
    default: return template_fail(x, e, "nil is not a command");
    }
}

bool
template_eval_pipeline(struct texec *x, const struct tvalue *dot, const struct tnode *pipe, struct tvalue *out,
                       struct err *e)
{
    struct tvalue v = TVALUE_NIL, previous;

    x->at = pipe;
    for (size_t i = 0; i < pipe->n; i++) {
        previous = v;
        if (!eval_command(x, dot, pipe->child[i], i ? &previous : NULL, &v, e))
            return false;
        v.iface = false; /* what is inside */
    }
    *out = v;
    return template_bind(x, pipe, v, e);
}
