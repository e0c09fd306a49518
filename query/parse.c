#include "query/check.h"

#include "base/panic.h"
#include "base/unicode.h"

static const struct parse_place top = {"", ""};

void
parse_position(str text, int64_t pos, int *line, int *col)
{
    *line = 1;
    int64_t line_start = 0;
    for (int64_t i = 0; i < pos && i < (int64_t)text.n; i++) {
        if (text.p[i] == '\n') {
            ++*line;
            line_start = i + 1;
        }
    }
    *col = (int)(pos - line_start) + 1;
}

void
parse_fail(struct parser *p, uint32_t pos, const char *fmt, ...)
{
    if (p->failed)
        return;
    p->failed = true;
    p->ahead = false;

    va_list ap;
    va_start(ap, fmt);
    err_vset(p->e, ERR_PARSE, fmt, ap);
    va_end(ap);
    p->e->pos = pos;
    if (p->lex.in.n == 0) {
        err_prefix(p->e, "unknown position: parse error: ");
        return;
    }
    int line, col;
    parse_position(p->lex.in, pos, &line, &col);
    err_prefix(p->e, "%d:%d: parse error: ", line, col);
}

enum token_type
parse_peek(struct parser *p)
{
    if (p->failed) {
        p->tok.type = TOK_FAILED;
        return TOK_FAILED;
    }
    if (p->ahead)
        return p->tok.type;
    do {
        lex_token(&p->lex, &p->tok);
    } while (p->tok.type == TOK_COMMENT);
    p->ahead = true;

    switch (p->tok.type) {
    case TOK_ERROR:
        parse_fail(p, p->tok.start, "%.*s", STR_ARG(p->tok.text));
        p->tok.type = TOK_FAILED;
        break;
    case TOK_RIGHT_BRACE:
    case TOK_RIGHT_PAREN:
    case TOK_RIGHT_BRACKET:
    case TOK_DURATION:
    case TOK_NUMBER: p->closing = token_end(&p->tok); break;
    default: break;
    }
    return p->tok.type;
}

struct token
parse_take(struct parser *p)
{
    parse_peek(p);
    p->ahead = false;
    return p->tok;
}

bool
parse_accept(struct parser *p, enum token_type t)
{
    if (parse_peek(p) != t)
        return false;
    p->ahead = false;
    return true;
}

void
parse_unexpected(struct parser *p, const char *where, const char *expected)
{
    parse_peek(p);
    if (p->failed)
        return;
    struct buf b = {0};
    token_describe(&b, &p->tok);
    if (*where)
        buf_printf(&b, " in %s", where);
    if (*expected)
        buf_printf(&b, ", expected %s", expected);
    parse_fail(p, p->tok.start, "unexpected %.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

void
parse_unexpected_here(struct parser *p)
{
    parse_unexpected(p, p->place->where, p->place->expected);
}

struct token
parse_expect(struct parser *p, enum token_type t)
{
    if (parse_peek(p) != t)
        parse_unexpected_here(p);
    return parse_take(p);
}

bool
parse_enter(struct parser *p)
{
    if (++p->nesting <= LIMIT_QUERY_DEPTH)
        return true;
    parse_fail(p, p->tok.start, "expression is nested too deeply (limit %d)", LIMIT_QUERY_DEPTH);
    return false;
}

struct expr *
parse_node(struct parser *p, enum expr_type type, enum value_type value, uint32_t start)
{
    struct expr *e = ARENA_NEW(p->arena, struct expr);
    e->type = type;
    e->value = value;
    e->start = e->end = start;
    e->depth = 1;
    return e;
}

void
parse_child(struct parser *p, struct expr *e, const struct expr *child)
{
    if (!child)
        return;
    e->depth = MAX(e->depth, child->depth + 1);
    if (e->depth > LIMIT_QUERY_DEPTH)
        parse_fail(p, e->start, "expression is nested too deeply (limit %d)", LIMIT_QUERY_DEPTH);
}

str
parse_quote(struct parser *p, str s)
{
    struct buf b = {0};
    unicode_put_quoted(&b, s);
    str quoted = arena_str(p->arena, buf_str(&b));
    buf_free(&b);
    return quoted;
}

bool
parse_starts_expr(enum token_type t)
{
    switch (t) {
    case TOK_NUMBER:
    case TOK_DURATION:
    case TOK_STRING:
    case TOK_LEFT_PAREN:
    case TOK_LEFT_BRACE:
    case TOK_ADD:
    case TOK_SUB: return true;
    default: return parse_is_metric_name(t);
    }
}

/* number_duration_literal: NUMBER | DURATION */
static struct expr *
parse_number_literal(struct parser *p)
{
    struct token t = parse_take(p);
    struct expr *e = parse_node(p, EXPR_NUMBER, VALUE_SCALAR, t.start);
    e->end = token_end(&t);
    e->u.number.v = parse_seconds(p, &t);
    e->u.number.is_duration = t.type == TOK_DURATION;
    return e;
}

/* string_literal: STRING */
static struct expr *
parse_string_literal(struct parser *p)
{
    struct token t = parse_take(p);
    struct expr *e = parse_node(p, EXPR_STRING, VALUE_STRING, t.start);
    e->end = token_end(&t);
    e->u.string = parse_unquote(p, &t);
    return e;
}

/* paren_expr: "(" expr ")" */
static struct expr *
parse_paren(struct parser *p)
{
    struct token open = parse_take(p);
    struct expr *inner = parse_binary_expr(p, 1);
    struct token close = parse_expect(p, TOK_RIGHT_PAREN);
    if (p->failed)
        return inner;
    struct expr *e = parse_node(p, EXPR_PAREN, inner->value, open.start);
    e->end = token_end(&close);
    e->u.inner = inner;
    parse_child(p, e, inner);
    return e;
}

/* unary_expr: ( "+" | "-" ) expr, binding as tightly as "*"; -1 is a number. */
static struct expr *
parse_unary(struct parser *p)
{
    struct token sign = parse_take(p);
    bool negate = sign.type == TOK_SUB;
    struct expr *operand = parse_binary_expr(p, parse_precedence(TOK_MUL) + 1);
    if (p->failed)
        return operand;
    if (operand->type == EXPR_NUMBER) {
        if (negate)
            operand->u.number.v = -operand->u.number.v;
        operand->start = sign.start;
        return operand;
    }
    struct expr *e = parse_node(p, EXPR_UNARY, operand->value, sign.start);
    e->end = operand->end;
    e->u.unary.negate = negate;
    e->u.unary.e = operand;
    parse_child(p, e, operand);
    return e;
}

/* A word: function_call if a parenthesis follows, aggregate_expr, or a metric's name. */
static struct expr *
parse_word(struct parser *p)
{
    struct token word = parse_take(p);
    enum token_type next = parse_peek(p);
    if (token_class(word.type) == TOKEN_AGGREGATOR) {
        if (next == TOK_LEFT_PAREN || next == TOK_BY || next == TOK_WITHOUT)
            return parse_aggregate(p, &word);
        return parse_vector_selector(p, &word);
    }
    switch (word.type) {
    case TOK_IDENTIFIER:
    case TOK_START:
    case TOK_END:
    case TOK_STEP:
    case TOK_RANGE:
    case TOK_MAX_OF:
    case TOK_MIN_OF:
        if (next == TOK_LEFT_PAREN)
            return parse_call(p, &word);
        break;
    default: break;
    }
    return parse_vector_selector(p, &word);
}

/* expr: number_duration_literal | string_literal | paren_expr | unary_expr
 *     | vector_selector | function_call | aggregate_expr | … what parse_postfix adds */
static struct expr *
parse_primary(struct parser *p)
{
    switch (parse_peek(p)) {
    case TOK_NUMBER:
    case TOK_DURATION: return parse_number_literal(p);
    case TOK_STRING: return parse_string_literal(p);
    case TOK_LEFT_PAREN: return parse_paren(p);
    case TOK_ADD:
    case TOK_SUB: return parse_unary(p);
    case TOK_LEFT_BRACE: return parse_vector_selector(p, &(struct token){.type = TOK_FAILED});
    default: break;
    }
    if (parse_is_metric_name(p->tok.type))
        return parse_word(p);
    parse_unexpected_here(p);
    return NULL;
}

/* matrix_selector, subquery_expr, offset_expr, step_invariant_expr, anchored_expr,
 * smoothed_expr: they bind to the innermost expression, tighter than any operator. */
static struct expr *
parse_postfix(struct parser *p, struct expr *e)
{
    for (;;) {
        switch (parse_peek(p)) {
        case TOK_LEFT_BRACKET: e = parse_range(p, e); break;
        case TOK_OFFSET: e = parse_offset(p, e); break;
        case TOK_AT: e = parse_at(p, e); break;
        case TOK_ANCHORED:
        case TOK_SMOOTHED: e = parse_extended(p, e); break;
        default: return e;
        }
    }
}

/* expr of operators that bind at least as tightly as min_precedence. */
struct expr *
parse_binary_expr(struct parser *p, int min_precedence)
{
    struct expr *e = NULL;
    if (parse_enter(p)) {
        e = parse_postfix(p, parse_primary(p));
        for (;;) {
            int precedence = parse_precedence(parse_peek(p));
            if (precedence == 0 || precedence < min_precedence)
                break;
            e = parse_binary_right(p, e);
        }
    }
    parse_leave(p);
    return e;
}

void
parser_init(struct parser *p, str text, const struct parse_opts *o, struct arena *a, struct err *e)
{
    *p = (struct parser){.arena = a, .place = &top, .e = e, .opts = o ? *o : (struct parse_opts){0}};
    lex_init(&p->lex, text, false, a);
    if (text.n > LIMIT_QUERY_TEXT_BYTES)
        parse_fail(p, 0, "query is longer than %u bytes", LIMIT_QUERY_TEXT_BYTES);
}

bool
parser_done(struct parser *p)
{
    if (parse_peek(p) != TOK_EOF)
        parse_unexpected_here(p);
    if (!p->failed)
        return true;
    for (size_t i = 0; i < p->regexes_n; i++)
        regex_free(&p->regexes[i]);
    return false;
}

bool
parse_expr(str text, const struct parse_opts *o, struct arena *a, struct expr **out, struct err *e)
{
    struct parser p;
    parser_init(&p, text, o, a, e);
    *out = NULL;
    if (parse_peek(&p) == TOK_EOF)
        parse_fail(&p, 0, "no expression found in input");
    struct expr *tree = parse_binary_expr(&p, 1);
    if (!p.failed && parse_peek(&p) == TOK_EOF)
        check_expr(&p, tree);
    if (!parser_done(&p))
        return false;
    *out = tree;
    return true;
}

/* START_METRIC_SELECTOR vector_selector */
bool
parse_selector(str text, const struct parse_opts *o, struct arena *a, struct matcher **out,
               size_t *n, struct err *e)
{
    struct parser p;
    parser_init(&p, text, o, a, e);
    struct token name = {.type = TOK_FAILED};
    if (parse_is_metric_name(parse_peek(&p)))
        name = parse_take(&p);
    else if (p.tok.type != TOK_LEFT_BRACE)
        parse_unexpected_here(&p);
    struct expr *selector = parse_vector_selector(&p, &name);
    *out = NULL;
    *n = 0;
    if (!parser_done(&p))
        return false;
    *out = selector->u.selector.m;
    *n = selector->u.selector.n;
    return true;
}

static void
free_matchers(struct expr *selector)
{
    for (size_t i = 0; i < selector->u.selector.n; i++)
        matcher_fini(&selector->u.selector.m[i]);
}

void
parse_free_regexes(struct expr *e)
{
    if (!e)
        return;
    switch (e->type) {
    case EXPR_SELECTOR: free_matchers(e); break;
    case EXPR_MATRIX: parse_free_regexes(e->u.matrix.selector); break;
    case EXPR_SUBQUERY: parse_free_regexes(e->u.subquery.e); break;
    case EXPR_UNARY: parse_free_regexes(e->u.unary.e); break;
    case EXPR_BINARY:
        parse_free_regexes(e->u.binary.l);
        parse_free_regexes(e->u.binary.r);
        break;
    case EXPR_AGGREGATE:
        parse_free_regexes(e->u.aggregate.e);
        parse_free_regexes(e->u.aggregate.param);
        break;
    case EXPR_CALL:
        for (size_t i = 0; i < e->u.call.n; i++)
            parse_free_regexes(e->u.call.args[i]);
        break;
    case EXPR_PAREN:
    case EXPR_STEP_INVARIANT: parse_free_regexes(e->u.inner); break;
    case EXPR_NUMBER:
    case EXPR_STRING:
    case EXPR_DURATION: break;
    }
}
