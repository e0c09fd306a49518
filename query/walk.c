#include "query/walk.h"

void
expr_walk(const struct expr *e, void (*fn)(void *arg, const struct expr *e), void *arg)
{
    if (!e)
        return;
    fn(arg, e);
    switch (e->type) {
    case EXPR_MATRIX:
        expr_walk(e->u.matrix.selector, fn, arg);
        break;
    case EXPR_SUBQUERY:
        expr_walk(e->u.subquery.e, fn, arg);
        break;
    case EXPR_UNARY:
        expr_walk(e->u.unary.e, fn, arg);
        break;
    case EXPR_BINARY:
        expr_walk(e->u.binary.l, fn, arg);
        expr_walk(e->u.binary.r, fn, arg);
        break;
    case EXPR_AGGREGATE:
        expr_walk(e->u.aggregate.e, fn, arg);
        expr_walk(e->u.aggregate.param, fn, arg);
        break;
    case EXPR_CALL:
        for (size_t i = 0; i < e->u.call.n; i++)
            expr_walk(e->u.call.args[i], fn, arg);
        break;
    case EXPR_PAREN:
    case EXPR_STEP_INVARIANT:
        expr_walk(e->u.inner, fn, arg);
        break;
    case EXPR_NUMBER:
    case EXPR_STRING:
    case EXPR_SELECTOR:
    case EXPR_DURATION:
        break;
    }
}

struct selectors {
    const struct expr **out;
    size_t n, max;
};

static void
take_selector(void *arg, const struct expr *e)
{
    struct selectors *s = arg;

    if (e->type != EXPR_SELECTOR)
        return;
    if (s->n < s->max)
        s->out[s->n] = e;
    s->n++;
}

size_t
expr_selectors(const struct expr *e, const struct expr **out, size_t max)
{
    struct selectors s = {.out = out, .max = max};

    expr_walk(e, take_selector, &s);
    return s.n;
}
