/* parse_selector.c - vector selectors and the modifiers behind them. */
#include "query/parse_priv.h"

#include "base/num.h"

#include <math.h>

bool
parse_is_metric_name(enum token_type t)
{
    switch (t) {
    case TOK_IDENTIFIER:
    case TOK_METRIC_IDENTIFIER:
    case TOK_ANCHORED:
    case TOK_BY:
    case TOK_END:
    case TOK_FILL:
    case TOK_FILL_LEFT:
    case TOK_FILL_RIGHT:
    case TOK_LAND:
    case TOK_LOR:
    case TOK_LUNLESS:
    case TOK_MAX_OF:
    case TOK_MIN_OF:
    case TOK_OFFSET:
    case TOK_RANGE:
    case TOK_SMOOTHED:
    case TOK_START:
    case TOK_STEP:
    case TOK_WITHOUT: return true;
    default: return token_class(t) == TOKEN_AGGREGATOR;
    }
}

static void
keep_regex(struct parser *p, struct regex *re)
{
    arena_grow(p->arena, &p->regexes, &p->regexes_cap, p->regexes_n + 1, sizeof p->regexes[0]);
    p->regexes[p->regexes_n++] = re;
}

/* pos is where a bad pattern is reported. */
static void
add_matcher(struct parser *p, struct expr *e, const struct matcher *like, uint32_t pos)
{
    struct matcher m;
    struct err bad;
    if (p->failed)
        return;
    if (!matcher_init(&m, like->type, like->name, like->value, &bad)) {
        parse_fail(p, pos, "%s", bad.text);
        return;
    }
    if (m.re)
        keep_regex(p, m.re);
    e->u.selector.m[e->u.selector.n++] = m;
}

/* match_op: "=" | "!=" | "=~" | "!~" */
static bool
parse_match_op(struct parser *p, enum matcher_type *out)
{
    switch (parse_peek(p)) {
    case TOK_EQL: *out = MATCH_EQ; break;
    case TOK_NEQ: *out = MATCH_NE; break;
    case TOK_EQL_REGEX: *out = MATCH_RE; break;
    case TOK_NEQ_REGEX: *out = MATCH_NRE; break;
    default: return false;
    }
    parse_take(p);
    return true;
}

/* label_matcher: ( IDENTIFIER | STRING ) match_op STRING | STRING (the metric's name) */
static void
parse_matcher(struct parser *p, struct expr *e)
{
    bool quoted = parse_peek(p) == TOK_STRING;
    if (!quoted && p->tok.type != TOK_IDENTIFIER)
        parse_unexpected(p, "label matching", "identifier or \"}\"");
    struct token label = parse_take(p);
    struct matcher m = {.name = quoted ? parse_unquote(p, &label) : label.text};
    if (parse_match_op(p, &m.type)) {
        if (parse_peek(p) != TOK_STRING)
            parse_unexpected(p, "label matching", "string");
        struct token value = parse_take(p);
        m.value = parse_unquote(p, &value);
    } else if (quoted) {
        m = (struct matcher){.type = MATCH_EQ, .name = LABEL_NAME, .value = m.name};
    } else {
        parse_unexpected(p, "label matching", "label matching operator");
    }
    add_matcher(p, e, &m, label.start);
}

static void
reserve_matcher(struct parser *p, struct expr *e, size_t *cap)
{
    arena_grow(p->arena, &e->u.selector.m, cap, e->u.selector.n + 1, sizeof e->u.selector.m[0]);
}

/* label_matchers: "{" [ label_matcher { "," label_matcher } [ "," ] ] "}" */
static void
parse_matchers(struct parser *p, struct expr *e, size_t *cap)
{
    parse_take(p);
    while (!p->failed && !parse_accept(p, TOK_RIGHT_BRACE)) {
        reserve_matcher(p, e, cap);
        parse_matcher(p, e);
        if (!parse_accept(p, TOK_COMMA) && parse_peek(p) != TOK_RIGHT_BRACE)
            parse_unexpected(p, "label matching", "\",\" or \"}\"");
    }
    e->end = token_end(&p->tok);
}

/* vector_selector: metric_identifier [ label_matchers ] | label_matchers */
struct expr *
parse_vector_selector(struct parser *p, const struct token *name)
{
    bool named = name->type != TOK_FAILED;
    bool braces = parse_peek(p) == TOK_LEFT_BRACE;
    struct expr *e = parse_node(p, EXPR_SELECTOR, VALUE_VECTOR, named ? name->start : p->tok.start);
    e->end = named ? token_end(name) : p->tok.start;
    size_t cap = 0;
    if (braces)
        parse_matchers(p, e, &cap);
    if (named) {
        struct matcher m = {.type = MATCH_EQ, .name = LABEL_NAME, .value = name->text};
        e->u.selector.name = name->text;
        reserve_matcher(p, e, &cap);
        add_matcher(p, e, &m, name->start);
    }
    return e;
}

/* The selector of a vector or matrix; NULL for anything else. */
static struct expr *
selector_of(struct expr *e)
{
    if (e->type == EXPR_MATRIX)
        e = e->u.matrix.selector;
    return e->type == EXPR_SELECTOR ? e : NULL;
}

static void
set_offset(struct parser *p, struct expr *e, struct expr *d)
{
    int64_t *ns, *ms;
    struct expr **expression, *selector = selector_of(e);
    if (selector) {
        ns = &selector->u.selector.offset_ns;
        ms = &selector->u.selector.offset_ms;
        expression = &selector->u.selector.offset_expr;
    } else if (e->type == EXPR_SUBQUERY) {
        ns = &e->u.subquery.offset_ns;
        ms = &e->u.subquery.offset_ms;
        expression = &e->u.subquery.offset_expr;
    } else {
        parse_fail(p, e->start,
                   "offset modifier must be preceded by an instant vector selector or range vector "
                   "selector or a subquery");
        return;
    }
    if (*ns != 0 || *expression) {
        parse_fail(p, e->start, "offset may not be set multiple times");
        return;
    }
    if (d->u.duration.op == DUR_LITERAL) {
        *ns = parse_ns(d->u.duration.seconds);
        *ms = *ns / 1000000;
    } else {
        *expression = d;
    }
    e->end = p->closing;
}

/* offset_expr: expr OFFSET offset_duration_expr */
struct expr *
parse_offset(struct parser *p, struct expr *e)
{
    static const struct parse_place place = {"offset", "number, duration, step(), or range()"};
    const struct parse_place *outer = p->place;
    p->place = &place;
    parse_take(p);
    struct expr *d = parse_offset_duration(p);
    p->place = outer;
    if (!p->failed)
        set_offset(p, e, d);
    return e;
}

static void
set_at(struct parser *p, struct expr *e, enum at_kind kind, double seconds)
{
    bool bad = !isfinite(seconds) || seconds >= 0x1p63 || seconds <= -0x1p63;
    if (bad) {
        char text[NUM_TEXT_MAX];
        size_t n = num_format(seconds, 'f', 6, text);
        parse_fail(p, e->start, "timestamp out of bounds for @ modifier: %.*s", (int)n, text);
        return;
    }
    struct expr *selector = selector_of(e);
    if (!selector && e->type != EXPR_SUBQUERY) {
        parse_fail(p, e->start,
                   "@ modifier must be preceded by an instant vector selector or range vector "
                   "selector or a subquery");
        return;
    }
    enum at_kind *at = selector ? &selector->u.selector.at : &e->u.subquery.at;
    int64_t *at_ms = selector ? &selector->u.selector.at_ms : &e->u.subquery.at_ms;
    if (*at != AT_NONE) {
        parse_fail(p, e->start, "@ <timestamp> may not be set multiple times");
        return;
    }
    *at = kind;
    *at_ms = kind == AT_TIME ? parse_float_to_i64(round(seconds * 1000)) : 0;
    e->end = p->closing;
}

/* step_invariant_expr: expr "@" [ "+" | "-" ] ( NUMBER | DURATION )
 *                    | expr "@" ( START | END ) "(" ")" */
struct expr *
parse_at(struct parser *p, struct expr *e)
{
    static const struct parse_place place = {"@", "timestamp"};
    const struct parse_place *outer = p->place;
    struct token sign = {.type = TOK_ADD};
    enum at_kind kind = AT_TIME;
    double seconds = 0;
    p->place = &place;
    parse_take(p);
    enum token_type next = parse_peek(p);
    if (next == TOK_START || next == TOK_END) {
        kind = next == TOK_START ? AT_START : AT_END;
        parse_take(p);
        parse_expect(p, TOK_LEFT_PAREN);
        parse_expect(p, TOK_RIGHT_PAREN);
    } else {
        parse_accept_sign(p, &sign);
        if (parse_peek(p) != TOK_NUMBER && p->tok.type != TOK_DURATION)
            parse_unexpected_here(p);
        struct token t = parse_take(p);
        seconds = parse_seconds(p, &t);
    }
    p->place = outer;
    if (!p->failed)
        set_at(p, e, kind, sign.type == TOK_SUB ? -seconds : seconds);
    return e;
}

/* anchored_expr: expr ANCHORED; smoothed_expr: expr SMOOTHED */
struct expr *
parse_extended(struct parser *p, struct expr *e)
{
    struct token word = parse_take(p);
    const char *name = token_text(word.type);
    struct expr *selector = selector_of(e);
    if (!p->opts.extended_range_selectors) {
        parse_fail(p, e->start, "%s modifier is experimental and not enabled", name);
    } else if (selector) {
        if (word.type == TOK_ANCHORED)
            selector->u.selector.anchored = true;
        else
            selector->u.selector.smoothed = true;
        if (selector->u.selector.anchored && selector->u.selector.smoothed)
            parse_fail(p, e->start, "anchored and smoothed modifiers cannot be used together");
    } else if (e->type == EXPR_SUBQUERY) {
        parse_fail(p, e->start, "%s modifier is not supported for subqueries", name);
    } else {
        parse_fail(p, e->start, "%s modifier not implemented", name);
    }
    return e;
}
