#include "base/regex_priv.h"

#include "base/panic.h"
#include "base/unicode.h"

/* Patterns that are sums of products of literals and .* are most of those people write;
 * they are multiplied out into globs, up to a bound, and never reach an engine. */

#define SET_MAX 100000u   /* plain alternatives: Grafana sends thousands */
#define PRODUCT_MAX 1000u /* strings made by multiplying out */
#define GLOBS_MAX 256u    /* with gaps, which are tried one by one */
#define CLASS_MAX 100u    /* runes of a class spelled out */

struct globs {
    struct regex_glob *p;
    size_t n, cap;
};

struct analysis {
    struct arena *arena;
    bool fold;      /* a folded literal with letters was seen */
    bool case_kept; /* a literal with letters was seen that is not folded */
    bool gaps;
};

static bool expand(struct analysis *an, const struct regex_node *n, struct globs *out);

static struct regex_glob *
glob_add(struct analysis *an, struct globs *g, size_t pieces)
{
    if (g->n == g->cap)
        arena_grow(an->arena, &g->p, &g->cap, g->n + 1, sizeof(*g->p));
    struct regex_glob *made = &g->p[g->n++];
    made->n = pieces;
    made->piece = ARENA_ZARRAY(an->arena, struct regex_piece, pieces);
    return made;
}

static void
glob_add_text(struct analysis *an, struct globs *g, str text)
{
    if (text.n == 0)
        (void)glob_add(an, g, 0);
    else
        glob_add(an, g, 1)->piece[0].text = text;
}

static void
glob_add_gap(struct analysis *an, struct globs *g, unsigned min)
{
    struct regex_glob *made = glob_add(an, g, 1);
    made->piece[0].gap = true;
    made->piece[0].min = min;
    an->gaps = true;
}

static str
text_join(struct arena *a, str x, str y)
{
    char *p = arena_array(a, x.n + y.n, 1);
    memcpy(p, x.p, x.n);
    memcpy(p + x.n, y.p, y.n);
    return STR(p, x.n + y.n);
}

/* a then b, with what meets joined. */
static void
glob_join(struct analysis *an, struct globs *out, const struct regex_glob *a,
          const struct regex_glob *b)
{
    struct regex_glob *made = glob_add(an, out, a->n + b->n);
    struct regex_piece *p = made->piece;
    if (a->n > 0)
        memcpy(p, a->piece, a->n * sizeof(*p));
    if (b->n > 0)
        memcpy(p + a->n, b->piece, b->n * sizeof(*p));
    if (a->n == 0 || b->n == 0 || p[a->n - 1].gap != p[a->n].gap)
        return;
    struct regex_piece *last = &p[a->n - 1], *next = &p[a->n];
    if (last->gap)
        last->min += next->min;
    else
        last->text = text_join(an->arena, last->text, next->text);
    memmove(next, next + 1, (b->n - 1) * sizeof(*p));
    made->n--;
}

void
regex_fold_text(str s, struct buf *out)
{
    while (s.n > 0) {
        size_t size;
        uint32_t r = utf8_decode(s, &size), least = r;
        for (uint32_t f = regex_fold_next(r); f != r; f = regex_fold_next(f))
            least = MIN(least, f);
        utf8_put(out, least);
        s = str_from(s, size);
    }
}

static bool
has_letters(str s)
{
    while (s.n > 0) {
        size_t size;
        uint32_t r = utf8_decode(s, &size);
        if (regex_fold_next(r) != r)
            return true;
        s = str_from(s, size);
    }
    return false;
}

/* A literal U+FFFD would have to match every bad byte: the engine's business. */
static bool
has_replacement(str s)
{
    return s.n >= 3 && memmem(s.p, s.n, "\xEF\xBF\xBD", 3) != NULL;
}

static bool
expand_literal(struct analysis *an, const struct regex_node *n, struct globs *out)
{
    str text = STR(n->text, n->text_n);
    if (has_replacement(text))
        return false;
    if (has_letters(text)) {
        an->fold |= n->fold;
        an->case_kept |= !n->fold;
    }
    if (n->fold) {
        struct buf folded = {0};
        regex_fold_text(text, &folded);
        text = arena_str(an->arena, buf_str(&folded));
        buf_free(&folded);
    }
    glob_add_text(an, out, text);
    return true;
}

/* A class made under (?i) holds all forms of its letters; one that does not counts as
 * keeping case. */
static bool
expand_class(struct analysis *an, const struct regex_class *c, struct globs *out)
{
    size_t runes = 0;
    for (size_t i = 0; i < c->n; i++)
        runes += c->range[i].hi - c->range[i].lo + 1;
    if (runes == 0 || runes > CLASS_MAX || regex_class_has(c, RUNE_ERROR))
        return false;
    for (size_t i = 0; i < c->n; i++) {
        for (uint32_t r = c->range[i].lo; r <= c->range[i].hi; r++) {
            if (r >= 0xD800 && r <= 0xDFFF)
                continue;
            for (uint32_t f = regex_fold_next(r); f != r; f = regex_fold_next(f))
                an->case_kept = true;
            struct buf text = {0};
            utf8_put(&text, r);
            glob_add_text(an, out, arena_str(an->arena, buf_str(&text)));
            buf_free(&text);
        }
    }
    return true;
}

static bool
product(struct analysis *an, struct globs *left, const struct globs *right)
{
    struct globs made = {0};
    if (left->n * right->n > PRODUCT_MAX && left->n > 1 && right->n > 1)
        return false;
    if (left->n * right->n > (an->gaps ? GLOBS_MAX : SET_MAX))
        return false;
    for (size_t i = 0; i < left->n; i++)
        for (size_t j = 0; j < right->n; j++)
            glob_join(an, &made, &left->p[i], &right->p[j]);
    *left = made;
    return true;
}

static bool
expand_concat(struct analysis *an, const struct regex_node *n, struct globs *out)
{
    struct globs acc = {0};
    (void)glob_add(an, &acc, 0);
    for (size_t i = 0; i < n->n; i++) {
        struct globs next = {0};
        if (!expand(an, n->sub[i], &next) || !product(an, &acc, &next))
            return false;
    }
    for (size_t i = 0; i < acc.n; i++)
        glob_join(an, out, &acc.p[i], &(struct regex_glob){0});
    return true;
}

static bool
expand_alternate(struct analysis *an, const struct regex_node *n, struct globs *out)
{
    for (size_t i = 0; i < n->n; i++)
        if (!expand(an, n->sub[i], out) || out->n > (an->gaps ? GLOBS_MAX : SET_MAX))
            return false;
    return true;
}

static bool
expand_repeat(struct analysis *an, const struct regex_node *n, struct globs *out)
{
    if (n->max == -1) {
        if (n->sub[0]->op != RE_ANY)
            return false;
        glob_add_gap(an, out, (unsigned)n->min);
        return true;
    }
    if (n->max > 10)
        return false;
    struct globs acc = {0};
    (void)glob_add(an, &acc, 0);
    for (int times = 0; times <= n->max; times++) {
        for (size_t i = 0; times >= n->min && i < acc.n; i++)
            glob_join(an, out, &acc.p[i], &(struct regex_glob){0});
        struct globs once = {0};
        if (out->n > PRODUCT_MAX)
            return false;
        if (times < n->max && (!expand(an, n->sub[0], &once) || !product(an, &acc, &once)))
            return false;
    }
    return true;
}

/* Appends all globs n stands for; false where it is none of these. */
static bool
expand(struct analysis *an, const struct regex_node *n, struct globs *out)
{
    switch (n->op) {
    case RE_EMPTY:
        (void)glob_add(an, out, 0);
        return true;
    case RE_LITERAL:
        return expand_literal(an, n, out);
    case RE_CLASS:
        return expand_class(an, &n->class, out);
    case RE_CAPTURE:
        return expand(an, n->sub[0], out);
    case RE_CONCAT:
        return expand_concat(an, n, out);
    case RE_ALTERNATE:
        return expand_alternate(an, n, out);
    case RE_REPEAT:
        return expand_repeat(an, n, out);
    default:
        return false;
    }
}

/* The pieces of the pattern between its own anchors, and whether those are there. */
struct body {
    struct regex_node *const *p;
    size_t n;
    bool from_start, to_end;
};

static struct body
body_of(const struct regex_node *const *root, bool search)
{
    struct body b = {.p = (struct regex_node *const *)root, .n = 1};
    if ((*root)->op == RE_CONCAT) {
        b.p = (*root)->sub;
        b.n = (*root)->n;
    }
    b.from_start = b.to_end = !search;
    while (b.n > 0 && b.p[0]->op == RE_BEGIN_TEXT) {
        b.from_start = true;
        b.p++;
        b.n--;
    }
    while (b.n > 0 && b.p[b.n - 1]->op == RE_END_TEXT) {
        b.to_end = true;
        b.n--;
    }
    return b;
}

static bool
expand_body(struct analysis *an, const struct body *b, struct globs *out)
{
    struct globs gap = {0};
    glob_add_gap(an, &gap, 0);
    an->gaps = !b->from_start || !b->to_end;
    (void)glob_add(an, out, 0);
    if (!b->from_start && !product(an, out, &gap))
        return false;
    for (size_t i = 0; i < b->n; i++) {
        struct globs next = {0};
        if (!expand(an, b->p[i], &next) || !product(an, out, &next))
            return false;
    }
    if (!b->to_end && !product(an, out, &gap))
        return false;
    if (an->fold && (an->case_kept || an->gaps))
        return false;
    return out->n <= (an->gaps ? GLOBS_MAX : SET_MAX);
}

/* What every match begins or ends with, where that is a plain literal. */
static str
edge_literal(const struct regex_node *n, bool front)
{
    while (n->op == RE_CAPTURE || (n->op == RE_CONCAT && n->n > 0))
        n = n->sub[front || n->op == RE_CAPTURE ? 0 : n->n - 1];
    str text = STR(n->text, n->text_n);
    if (n->op != RE_LITERAL || has_replacement(text) || (n->fold && has_letters(text)))
        return STR_EMPTY;
    return text;
}

/* Multiplying out leaves much behind; what is kept is copied out of it. */
static void
keep(struct arena *a, const struct globs *from, struct regex_found *out)
{
    out->globs = from->n;
    out->glob = ARENA_ARRAY(a, struct regex_glob, from->n);
    for (size_t i = 0; i < from->n; i++) {
        const struct regex_glob *g = &from->p[i];
        out->glob[i].n = g->n;
        out->glob[i].piece = ARENA_ARRAY(a, struct regex_piece, g->n);
        for (size_t k = 0; k < g->n; k++) {
            out->glob[i].piece[k] = g->piece[k];
            if (!g->piece[k].gap)
                out->glob[i].piece[k].text = arena_str(a, g->piece[k].text);
        }
    }
}

void
regex_analyse(const struct regex_node *root, bool search, struct arena *a, struct regex_found *out)
{
    struct arena *scratch = arena_new();
    struct analysis an = {.arena = scratch};
    struct globs globs = {0};
    struct body b = body_of(&root, search);
    *out = (struct regex_found){0};
    if (b.n > 0 && b.from_start)
        out->prefix = arena_str(a, edge_literal(b.p[0], true));
    if (b.n > 0 && b.to_end)
        out->suffix = arena_str(a, edge_literal(b.p[b.n - 1], false));
    if (expand_body(&an, &b, &globs)) {
        keep(a, &globs, out);
        out->folded = an.fold;
    }
    arena_free(&scratch);
}

/* Steps over min runes; SIZE_MAX when the input ends before. */
static size_t
skip_runes(str s, size_t at, unsigned min)
{
    for (; min > 0; min--) {
        size_t size;
        if (at >= s.n)
            return SIZE_MAX;
        (void)utf8_decode(str_from(s, at), &size);
        at += size;
    }
    return at;
}

/* Each literal is taken at its first place after the one before: no later choice could
 * leave more room.  Only the last one is bound to the end. */
bool
regex_glob_match(const struct regex_glob *g, str s)
{
    size_t at = 0;
    bool floating = false; /* a gap came just before */
    for (size_t i = 0; i < g->n; i++) {
        const struct regex_piece *p = &g->piece[i];
        if (p->gap) {
            at = skip_runes(s, at, p->min);
            if (at == SIZE_MAX)
                return false;
            floating = true;
            continue;
        }
        if (s.n - at < p->text.n)
            return false;
        if (floating && i + 1 < g->n) {
            const char *hit = memmem(s.p + at, s.n - at, p->text.p, p->text.n);
            if (hit == NULL)
                return false;
            at = (size_t)(hit - s.p);
        } else if (floating) {
            at = s.n - p->text.n;
        }
        if (memcmp(s.p + at, p->text.p, p->text.n) != 0)
            return false;
        at += p->text.n;
        floating = false;
    }
    return floating || at == s.n;
}
