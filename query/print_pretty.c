/* print_pretty.c - format_query: what is longer than 100 characters on one line is split.
 *
 * A node that fits on one line is printed so; else its parts are, one level deeper.  Every
 * piece begins on a line of its own, so it carries its indent; only the operand of a sign
 * stands right behind it.
 *
 * Whether a node fits is known after looking at about 100 characters' worth of it, so the
 * work grows with the text and not with text times depth.
 */
#include "query/print_priv.h"

#include "query/function.h"

#define LINE_MAX_BYTES 100

struct pretty {
    struct buf *out;
    bool glue; /* the next piece goes without its indent */
};

static void put_pretty(struct pretty *p, const struct expr *e, int level);

/* Takes a lower bound of e's width on one line from *left, and stops when that is used up. */
static void
spend_width(const struct expr *e, int64_t *left)
{
    const struct expr *s = e->type == EXPR_MATRIX ? e->u.matrix.selector : e;
    if (*left < 0)
        return;
    switch (s->type) {
    case EXPR_NUMBER: *left -= 1; break;
    case EXPR_STRING: *left -= (int64_t)s->u.string.n; break;
    case EXPR_SELECTOR:
        /* The last matcher is the name, if there is one. */
        for (size_t i = 0; i < s->u.selector.n && *left >= 0; i++)
            *left -= (int64_t)s->u.selector.m[i].value.n;
        break;
    case EXPR_SUBQUERY:
        *left -= 4;
        spend_width(s->u.subquery.e, left);
        break;
    case EXPR_UNARY:
        *left -= 1;
        spend_width(s->u.unary.e, left);
        break;
    case EXPR_BINARY:
        *left -= 3;
        spend_width(s->u.binary.l, left);
        spend_width(s->u.binary.r, left);
        break;
    case EXPR_AGGREGATE:
        *left -= 5;
        spend_width(s->u.aggregate.e, left);
        break;
    case EXPR_CALL:
        *left -= 2;
        for (size_t i = 0; i < s->u.call.n && *left >= 0; i++, *left -= 1)
            spend_width(s->u.call.args[i], left);
        break;
    case EXPR_PAREN:
        *left -= 2;
        spend_width(s->u.inner, left);
        break;
    case EXPR_STEP_INVARIANT: spend_width(s->u.inner, left); break;
    case EXPR_MATRIX:
    case EXPR_DURATION: break;
    }
}

static void
put_indent(struct pretty *p, int level)
{
    for (int i = 0; i < level && !p->glue; i++)
        buf_lit(p->out, "  ");
    p->glue = false;
}

/* Prints e on one line if it fits. */
static bool
put_line(struct pretty *p, const struct expr *e, int level)
{
    struct buf line = {0};
    int64_t left = LINE_MAX_BYTES;
    spend_width(e, &left);
    if (left < 0)
        return false;
    print_expr(&line, e);
    bool fits = line.n <= LINE_MAX_BYTES;
    if (fits) {
        put_indent(p, level);
        buf_put(p->out, buf_str(&line));
    }
    buf_free(&line);
    return fits;
}

static void
put_break(struct pretty *p, int level)
{
    buf_byte(p->out, '\n');
    put_indent(p, level);
}

static void
split_aggregate(struct pretty *p, const struct expr *e, int level)
{
    put_indent(p, level);
    print_aggregate_head(p->out, e);
    buf_lit(p->out, "(\n");
    if (e->u.aggregate.param) {
        put_pretty(p, e->u.aggregate.param, level + 1);
        buf_lit(p->out, ",\n");
    }
    put_pretty(p, e->u.aggregate.e, level + 1);
    put_break(p, level);
    buf_byte(p->out, ')');
}

static void
split_binary(struct pretty *p, const struct expr *e, int level)
{
    put_pretty(p, e->u.binary.l, level + 1);
    put_break(p, level);
    print_operator(p->out, e);
    buf_byte(p->out, '\n');
    put_pretty(p, e->u.binary.r, level + 1);
}

static void
split_call(struct pretty *p, const struct expr *e, int level)
{
    put_indent(p, level);
    buf_put(p->out, str_of(e->u.call.fn->name));
    buf_lit(p->out, "(\n");
    for (size_t i = 0; i < e->u.call.n; i++) {
        if (i)
            buf_lit(p->out, ",\n");
        put_pretty(p, e->u.call.args[i], level + 1);
    }
    put_break(p, level);
    buf_byte(p->out, ')');
}

static void
split_paren(struct pretty *p, const struct expr *e, int level)
{
    put_indent(p, level);
    buf_lit(p->out, "(\n");
    put_pretty(p, e->u.inner, level + 1);
    put_break(p, level);
    buf_byte(p->out, ')');
}

static void
put_pretty(struct pretty *p, const struct expr *e, int level)
{
    switch (e->type) {
    case EXPR_STEP_INVARIANT: put_pretty(p, e->u.inner, level); break;
    case EXPR_UNARY:
        put_indent(p, level);
        buf_byte(p->out, e->u.unary.negate ? '-' : '+');
        p->glue = true;
        put_pretty(p, e->u.unary.e, level);
        break;
    case EXPR_SUBQUERY:
        /* On one line it gets no indent: Prometheus' formatter has it so. */
        if (put_line(p, e, 0))
            break;
        put_pretty(p, e->u.subquery.e, level);
        print_subquery_range(p->out, e);
        break;
    case EXPR_BINARY:
        if (!put_line(p, e, level))
            split_binary(p, e, level);
        break;
    case EXPR_AGGREGATE:
        if (!put_line(p, e, level))
            split_aggregate(p, e, level);
        break;
    case EXPR_CALL:
        if (!put_line(p, e, level))
            split_call(p, e, level);
        break;
    case EXPR_PAREN:
        if (!put_line(p, e, level))
            split_paren(p, e, level);
        break;
    case EXPR_NUMBER:
    case EXPR_STRING:
    case EXPR_SELECTOR:
    case EXPR_MATRIX:
    case EXPR_DURATION:
        put_indent(p, level);
        print_expr(p->out, e);
        break;
    }
}

void
print_pretty(struct buf *out, const struct expr *e)
{
    struct pretty p = {.out = out};
    put_pretty(&p, e, 0);
}
