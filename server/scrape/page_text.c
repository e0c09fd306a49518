/* page_text.c - entries of the text formats. */
#include "server/scrape/page_priv.h"

static void
put_exemplar(struct text_source *s, struct page_entry *out)
{
    const struct expo *x = s->x;
    struct labels_builder b;
    struct page_exemplar *p = ARENA_NEW(s->base.a, struct page_exemplar);

    labels_builder_init(&b, s->base.a, LABELS_EMPTY);
    for (size_t i = 0; i < x->exemplar_n; i++)
        labels_builder_set(&b, x->exemplar[i].name, x->exemplar[i].value);
    *p = (struct page_exemplar){labels_builder_done(&b), x->exemplar_v, x->exemplar_has_t, x->exemplar_t};
    out->exemplars = p;
    out->exemplars_n = 1;
}

/* The entry as a whole line: the next pass skips it unread.  Empty without its newline,
 * which tells it from a longer one. */
static str
whole_line(const struct expo *x)
{
    if (x->at > x->page.n || x->page.p[x->at - 1] != '\n')
        return STR_EMPTY;
    return STR(x->page.p + x->start, x->at - x->start);
}

static enum page_step
meta(struct text_source *s, struct page_entry *out, enum metadata_what what)
{
    const struct expo *x = s->x;

    out->key = whole_line(x);
    out->meta = (struct metadata_entry){.what = what, .family = x->family, .kind = x->kind};
    if (what == METADATA_HELP)
        out->meta.text = expo_help(x, s->base.a);
    else if (what == METADATA_UNIT)
        out->meta.text = x->unit;
    return PAGE_META;
}

static enum page_step
text_next(struct page_source *base, struct page_entry *out, struct err *e)
{
    struct text_source *s = (struct text_source *)base;
    const struct expo *x = s->x;

    switch (expo_next(s->x, e)) {
    case EXPO_END: return PAGE_END;
    case EXPO_ERROR: return PAGE_ERROR;
    case EXPO_TYPE: return meta(s, out, METADATA_TYPE);
    case EXPO_HELP: return meta(s, out, METADATA_HELP);
    case EXPO_UNIT: return meta(s, out, METADATA_UNIT);
    case EXPO_COMMENT:
        out->key = whole_line(x);
        return PAGE_COMMENT;
    case EXPO_SERIES: break;
    }
    *out = (struct page_entry){.key = x->series, .v = x->v, .has_t = x->has_t, .t = x->t};
    if (x->has_exemplar)
        put_exemplar(s, out);
    return PAGE_SAMPLE;
}

static struct label *
text_labels(struct page_source *base, size_t *n)
{
    struct text_source *s = (struct text_source *)base;

    return expo_labels(s->x, base->a, n);
}

void
text_source_init(struct text_source *s, struct expo *x, struct arena *a)
{
    *s = (struct text_source){.base = {.next = text_next, .labels = text_labels, .a = a}, .x = x};
}
