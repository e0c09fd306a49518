/* print_pretty.c - format_query: what is longer than 100 characters on one line is split.
 *
 * Each node is first printed on one line; only if that is too long its parts are, one
 * level deeper.  Every piece begins on a line of its own, so it carries its indent. */
#include "query/print_priv.h"

#include "base/panic.h"
#include "query/function.h"

#define LINE_MAX_BYTES 100

static void pretty(struct buf *out, const struct expr *e, int level);

static void
put_indent(struct buf *out, int level)
{
    for (int i = 0; i < level; i++)
        buf_lit(out, "  ");
}

/* Prints e on one line if it fits. */
static bool
put_line(struct buf *out, const struct expr *e)
{
    size_t from = out->n;
    print_expr(out, e);
    if (out->n - from <= LINE_MAX_BYTES)
        return true;
    out->n = from;
    return false;
}

static void
close_paren(struct buf *out, int level)
{
    buf_byte(out, '\n');
    put_indent(out, level);
    buf_byte(out, ')');
}

static void
split_aggregate(struct buf *out, const struct expr *e, int level)
{
    print_aggregate_head(out, e);
    buf_lit(out, "(\n");
    if (e->u.aggregate.param) {
        pretty(out, e->u.aggregate.param, level + 1);
        buf_lit(out, ",\n");
    }
    pretty(out, e->u.aggregate.e, level + 1);
    close_paren(out, level);
}

/* The left operand carries the indent of the whole, one deeper. */
static void
split_binary(struct buf *out, const struct expr *e, int level)
{
    pretty(out, e->u.binary.l, level + 1);
    buf_byte(out, '\n');
    put_indent(out, level);
    print_operator(out, e);
    buf_byte(out, '\n');
    pretty(out, e->u.binary.r, level + 1);
}

static void
split_call(struct buf *out, const struct expr *e, int level)
{
    buf_put(out, str_of(e->u.call.fn->name));
    buf_lit(out, "(\n");
    for (size_t i = 0; i < e->u.call.n; i++) {
        if (i)
            buf_lit(out, ",\n");
        pretty(out, e->u.call.args[i], level + 1);
    }
    close_paren(out, level);
}

static void
split_paren(struct buf *out, const struct expr *e, int level)
{
    buf_lit(out, "(\n");
    pretty(out, e->u.inner, level + 1);
    close_paren(out, level);
}

static void
cut_spaces(struct buf *b)
{
    size_t from = 0;
    while (b->n > 0 && strchr(" \n", b->p[b->n - 1]))
        b->n--;
    while (from < b->n && strchr(" \n", b->p[from]))
        from++;
    memmove(b->p, b->p + from, b->n - from);
    b->n -= from;
}

/* The sign stands at the indent, the operand right behind it. */
static void
pretty_unary(struct buf *out, const struct expr *e, int level)
{
    struct buf operand = {0};
    pretty(&operand, e->u.unary.e, level);
    cut_spaces(&operand);
    put_indent(out, level);
    buf_byte(out, e->u.unary.negate ? '-' : '+');
    buf_put(out, buf_str(&operand));
    buf_free(&operand);
}

static void
pretty(struct buf *out, const struct expr *e, int level)
{
    switch (e->type) {
    case EXPR_UNARY: pretty_unary(out, e, level); return;
    case EXPR_STEP_INVARIANT: pretty(out, e->u.inner, level); return;
    case EXPR_SUBQUERY:
        /* On one line it gets no indent: Prometheus' formatter has it so. */
        if (put_line(out, e))
            return;
        pretty(out, e->u.subquery.e, level);
        print_subquery_range(out, e);
        return;
    case EXPR_BINARY: {
        struct buf line = {0};
        bool fits = put_line(&line, e);
        if (fits) {
            put_indent(out, level);
            buf_put(out, buf_str(&line));
        }
        buf_free(&line);
        if (!fits)
            split_binary(out, e, level);
        return;
    }
    default: break;
    }

    put_indent(out, level);
    bool splits = e->type == EXPR_AGGREGATE || e->type == EXPR_CALL || e->type == EXPR_PAREN;
    if (!splits) {
        print_expr(out, e);
        return;
    }
    if (put_line(out, e))
        return;
    if (e->type == EXPR_AGGREGATE)
        split_aggregate(out, e, level);
    else if (e->type == EXPR_CALL)
        split_call(out, e, level);
    else
        split_paren(out, e, level);
}

void
print_pretty(struct buf *out, const struct expr *e)
{
    pretty(out, e, 0);
}
