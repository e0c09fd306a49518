/* parse_binary.c - binary operators and their modifiers. */
#include "query/parse_priv.h"

#include "base/panic.h"

static const struct operator_row {
    enum token_type token;
    enum binop op;
    int precedence;
} operators[] = {
    {TOK_LOR, BIN_OR, 1},
    {TOK_LAND, BIN_AND, 2},
    {TOK_LUNLESS, BIN_UNLESS, 2},
    {TOK_EQLC, BIN_EQ, 3},
    {TOK_GTE, BIN_GE, 3},
    {TOK_GTR, BIN_GT, 3},
    {TOK_LSS, BIN_LT, 3},
    {TOK_LTE, BIN_LE, 3},
    {TOK_NEQ, BIN_NE, 3},
    {TOK_TRIM_LOWER, BIN_TRIM_LOWER, 3},
    {TOK_TRIM_UPPER, BIN_TRIM_UPPER, 3},
    {TOK_ADD, BIN_ADD, 4},
    {TOK_SUB, BIN_SUB, 4},
    {TOK_ATAN2, BIN_ATAN2, 5},
    {TOK_DIV, BIN_DIV, 5},
    {TOK_MOD, BIN_MOD, 5},
    {TOK_MUL, BIN_MUL, 5},
    {TOK_POW, BIN_POW, 6},
};

static const struct operator_row *
operator_row(enum token_type t)
{
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (operators[i].token == t)
            return &operators[i];
    }
    return NULL;
}

int
parse_precedence(enum token_type t)
{
    const struct operator_row *row = operator_row(t);
    return row ? row->precedence : 0;
}

/* fill_value: "(" [ "+" | "-" ] number_duration_literal ")" */
static double
parse_fill_value(struct parser *p)
{
    struct token sign = {.type = TOK_ADD};
    parse_expect(p, TOK_LEFT_PAREN);
    parse_accept_sign(p, &sign);
    if (parse_peek(p) != TOK_NUMBER && p->tok.type != TOK_DURATION)
        parse_unexpected_here(p);
    struct token t = parse_take(p);
    double v = parse_seconds(p, &t);
    parse_expect(p, TOK_RIGHT_PAREN);
    return sign.type == TOK_SUB ? -v : v;
}

/* fill_modifiers: [ FILL fill_value | FILL_LEFT … [ FILL_RIGHT … ] | and vice versa ] */
static void
parse_fill(struct parser *p, struct expr *e)
{
    if (parse_accept(p, TOK_FILL)) {
        e->u.binary.fill_left = e->u.binary.fill_right = parse_fill_value(p);
        e->u.binary.fill_left_set = e->u.binary.fill_right_set = true;
        return;
    }
    for (;;) {
        if (!e->u.binary.fill_left_set && parse_accept(p, TOK_FILL_LEFT)) {
            e->u.binary.fill_left = parse_fill_value(p);
            e->u.binary.fill_left_set = true;
        } else if (!e->u.binary.fill_right_set && parse_accept(p, TOK_FILL_RIGHT)) {
            e->u.binary.fill_right = parse_fill_value(p);
            e->u.binary.fill_right_set = true;
        } else {
            return;
        }
    }
}

/* maybe_grouping_labels: [ grouping_labels ], before an operand or fill modifier */
static void
parse_include(struct parser *p, struct expr *e)
{
    enum token_type t = parse_peek(p);
    if (t != TOK_LEFT_PAREN && parse_starts_expr(t))
        return;
    parse_grouping(p, &e->u.binary.include, &e->u.binary.include_n);
}

/* bin_modifier: [ BOOL ] [ ( ON | IGNORING ) grouping_labels
 *     [ ( GROUP_LEFT | GROUP_RIGHT ) maybe_grouping_labels ] ] fill_modifiers */
static void
parse_modifiers(struct parser *p, struct expr *e)
{
    e->u.binary.return_bool = parse_accept(p, TOK_BOOL);
    e->u.binary.on = parse_accept(p, TOK_ON);
    if (e->u.binary.on || parse_accept(p, TOK_IGNORING)) {
        e->u.binary.has_matching = true;
        parse_grouping(p, &e->u.binary.labels, &e->u.binary.labels_n);
        if (parse_accept(p, TOK_GROUP_LEFT)) {
            e->u.binary.card = CARD_MANY_TO_ONE;
            parse_include(p, e);
        } else if (parse_accept(p, TOK_GROUP_RIGHT)) {
            e->u.binary.card = CARD_ONE_TO_MANY;
            parse_include(p, e);
        }
    }
    parse_fill(p, e);
}

/* binary_expr: expr operator bin_modifier expr.  All are left-associative but "^". */
struct expr *
parse_binary_right(struct parser *p, struct expr *left)
{
    struct token op = parse_take(p);
    const struct operator_row *row = operator_row(op.type);
    CHECK(row != NULL);
    struct expr *e = parse_node(p, EXPR_BINARY, VALUE_VECTOR, left->start);
    e->u.binary.op = row->op;
    e->u.binary.op_start = op.start;
    e->u.binary.op_end = token_end(&op);
    e->u.binary.l = left;
    parse_modifiers(p, e);

    struct expr *right = parse_binary_expr(p, row->precedence + (op.type != TOK_POW));
    if (p->failed)
        return e;
    e->u.binary.r = right;
    e->end = right->end;
    if (left->value == VALUE_SCALAR && right->value == VALUE_SCALAR)
        e->value = VALUE_SCALAR;
    parse_child(p, e, left);
    parse_child(p, e, right);
    bool fill = e->u.binary.fill_left_set || e->u.binary.fill_right_set;
    if (fill && !p->opts.binop_fill_modifiers)
        parse_fail(p, e->start, "binop fill modifiers are experimental and not enabled");
    return e;
}
