/* parse_call.c - function calls, aggregations and lists of label names. */
#include "query/parse_priv.h"

#include "base/panic.h"
#include "base/unicode.h"
#include "query/function.h"

static const struct {
    enum token_type token;
    enum aggregation op;
    bool param, experimental;
} aggregations[] = {
    {TOK_AVG, AGG_AVG, false, false},
    {TOK_BOTTOMK, AGG_BOTTOMK, true, false},
    {TOK_COUNT, AGG_COUNT, false, false},
    {TOK_COUNT_VALUES, AGG_COUNT_VALUES, true, false},
    {TOK_GROUP, AGG_GROUP, false, false},
    {TOK_LIMITK, AGG_LIMITK, true, true},
    {TOK_LIMIT_RATIO, AGG_LIMIT_RATIO, true, true},
    {TOK_MAX, AGG_MAX, false, false},
    {TOK_MIN, AGG_MIN, false, false},
    {TOK_QUANTILE, AGG_QUANTILE, true, false},
    {TOK_STDDEV, AGG_STDDEV, false, false},
    {TOK_STDVAR, AGG_STDVAR, false, false},
    {TOK_SUM, AGG_SUM, false, false},
    {TOK_TOPK, AGG_TOPK, true, false},
};

struct args {
    struct expr **v;
    size_t n, cap;
};

static void
args_add(struct parser *p, struct args *args, struct expr *e)
{
    arena_grow(p->arena, &args->v, &args->cap, args->n + 1, sizeof args->v[0]);
    args->v[args->n++] = e;
}

/* function_call_body: "(" [ expr { "," expr } ] ")" */
static struct args
parse_args(struct parser *p)
{
    struct args args = {0};
    parse_expect(p, TOK_LEFT_PAREN);
    if (parse_accept(p, TOK_RIGHT_PAREN))
        return args;
    args_add(p, &args, parse_binary_expr(p, 1));
    while (parse_peek(p) == TOK_COMMA) {
        struct token comma = parse_take(p);
        if (!parse_starts_expr(parse_peek(p)))
            parse_fail(p, comma.start, "trailing commas not allowed in function call args");
        else
            args_add(p, &args, parse_binary_expr(p, 1));
    }
    parse_expect(p, TOK_RIGHT_PAREN);
    return args;
}

/* function_call: IDENTIFIER function_call_body */
struct expr *
parse_call(struct parser *p, const struct token *name)
{
    struct args args = parse_args(p);
    if (p->failed)
        return NULL;
    const struct function *fn = function_find(name->text);
    str quoted = parse_quote(p, name->text);
    if (!fn)
        parse_fail(p, name->start, "unknown function with name %.*s", STR_ARG(quoted));
    else if ((fn->flags & FN_EXPERIMENTAL) && !p->opts.experimental_functions)
        parse_fail(p, name->start, "function %.*s is not enabled", STR_ARG(quoted));

    struct expr *e = parse_node(p, EXPR_CALL, fn ? fn->returns : VALUE_NONE, name->start);
    e->end = p->closing;
    e->u.call.fn = fn;
    e->u.call.args = args.v;
    e->u.call.n = args.n;
    for (size_t i = 0; i < args.n; i++)
        parse_child(p, e, args.v[i]);
    return e;
}

/* maybe_label: any word but `without` and `atan2`'s like is a label's name here. */
static bool
is_label(enum token_type t)
{
    switch (t) {
    case TOK_BOOL:
    case TOK_GROUP_LEFT:
    case TOK_GROUP_RIGHT:
    case TOK_IGNORING:
    case TOK_ON:
    case TOK_ATAN2: return true;
    case TOK_WITHOUT: return false;
    default: return parse_is_metric_name(t);
    }
}

/* grouping_label: maybe_label | STRING */
static str
parse_grouping_label(struct parser *p)
{
    bool quoted = parse_peek(p) == TOK_STRING;
    if (!quoted && !is_label(p->tok.type))
        parse_unexpected(p, "grouping opts", "label");
    struct token t = parse_take(p);
    str name = quoted ? parse_unquote(p, &t) : t.text;
    if (!p->failed && (name.n == 0 || !utf8_valid(name))) {
        str q = parse_quote(p, name);
        parse_fail(p, t.start, "invalid label name for grouping: %.*s", STR_ARG(q));
    }
    return name;
}

/* grouping_labels: "(" [ grouping_label { "," grouping_label } [ "," ] ] ")" */
void
parse_grouping(struct parser *p, str **names, size_t *n)
{
    size_t cap = 0;
    *names = NULL;
    *n = 0;
    if (!parse_accept(p, TOK_LEFT_PAREN)) {
        parse_unexpected(p, "grouping opts", "\"(\"");
        return;
    }
    while (!p->failed && !parse_accept(p, TOK_RIGHT_PAREN)) {
        str name = parse_grouping_label(p);
        arena_grow(p->arena, names, &cap, *n + 1, sizeof **names);
        (*names)[(*n)++] = name;
        if (!parse_accept(p, TOK_COMMA) && parse_peek(p) != TOK_RIGHT_PAREN)
            parse_unexpected(p, "grouping opts", "\",\" or \")\"");
    }
}

/* aggregate_modifier: ( BY | WITHOUT ) grouping_labels */
static bool
parse_aggregate_modifier(struct parser *p, struct expr *e)
{
    if (parse_accept(p, TOK_WITHOUT))
        e->u.aggregate.without = true;
    else if (!parse_accept(p, TOK_BY))
        return false;
    parse_grouping(p, &e->u.aggregate.grouping, &e->u.aggregate.grouping_n);
    return true;
}

/* Hands the arguments to the node, with the checks that come with it. */
static void
aggregate_finish(struct parser *p, struct expr *e, const struct token *op, const struct args *args)
{
    size_t row = 0;
    while (row < ARRAY_LEN(aggregations) && aggregations[row].token != op->type)
        row++;
    CHECK(row < ARRAY_LEN(aggregations));
    size_t want = aggregations[row].param ? 2 : 1;

    e->end = p->closing;
    e->u.aggregate.op = aggregations[row].op;
    if (p->failed)
        return;
    if (args->n == 0) {
        parse_fail(p, e->start, "no arguments for aggregate expression provided");
    } else if (aggregations[row].experimental && !p->opts.experimental_functions) {
        parse_fail(p, e->start,
                   "%s() is experimental and must be enabled with "
                   "--enable-feature=promql-experimental-functions", token_text(op->type));
    } else if (args->n != want) {
        parse_fail(p, e->start,
                   "wrong number of arguments for aggregate expression provided, expected %zu, got %zu",
                   want, args->n);
    } else {
        e->u.aggregate.e = args->v[want - 1];
        e->u.aggregate.param = want == 2 ? args->v[0] : NULL;
        parse_child(p, e, e->u.aggregate.e);
        parse_child(p, e, e->u.aggregate.param);
    }
}

/* aggregate_expr: aggregate_op [ aggregate_modifier ] function_call_body
 *               | aggregate_op function_call_body aggregate_modifier */
struct expr *
parse_aggregate(struct parser *p, const struct token *op)
{
    static const struct parse_place place = {"aggregation", ""};
    const struct parse_place *outer = p->place;
    p->place = &place;
    struct expr *e = parse_node(p, EXPR_AGGREGATE, VALUE_VECTOR, op->start);
    bool modified = parse_aggregate_modifier(p, e);
    struct args args = parse_args(p);
    uint32_t closing = p->closing;
    if (!modified && !p->failed && parse_aggregate_modifier(p, e))
        closing = p->closing;
    p->closing = closing; /* a look-ahead may have moved it */
    aggregate_finish(p, e, op, &args);
    p->place = outer;
    return e;
}
