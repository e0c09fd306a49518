#include "base/regex_priv.h"

#include "base/panic.h"
#include "base/unicode.h"

static void put_node(const struct regex_node *n, struct buf *out);

static void
put_rune(struct buf *out, uint32_t r)
{
    bool alnum = (r >= '0' && r <= '9') || ((r | 0x20) >= 'a' && (r | 0x20) <= 'z' && r < 0x80);
    if (alnum || r >= 0x80)
        utf8_put(out, r);
    else if (r < 0x20 || r == 0x7F)
        buf_printf(out, "\\x{%x}", (unsigned)r);
    else
        buf_printf(out, "\\%c", (char)r);
}

/* Folded runes are spelled out as classes: what is the same letter is then Go's table's
 * matter, not that of the PCRE2 at hand. */
static void
put_folded(struct buf *out, uint32_t r)
{
    uint32_t f = regex_fold_next(r);
    if (f == r) {
        put_rune(out, r);
        return;
    }
    buf_byte(out, '[');
    put_rune(out, r);
    for (; f != r; f = regex_fold_next(f))
        put_rune(out, f);
    buf_byte(out, ']');
}

static void
put_literal(const struct regex_node *n, struct buf *out)
{
    str s = STR(n->text, n->text_n);
    while (s.n > 0) {
        size_t size;
        uint32_t r = utf8_decode(s, &size);
        if (n->fold)
            put_folded(out, r);
        else
            put_rune(out, r);
        s = str_from(s, size);
    }
}

/* Valid text has no surrogates, and PCRE2 refuses to hear of them. */
static bool
without_surrogates(struct regex_range *r)
{
    if (r->lo >= 0xD800 && r->lo <= 0xDFFF)
        r->lo = 0xE000;
    if (r->hi >= 0xD800 && r->hi <= 0xDFFF)
        r->hi = 0xD7FF;
    return r->lo <= r->hi;
}

static void
put_class(const struct regex_node *n, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < n->class.n; i++) {
        struct regex_range r = n->class.range[i];
        if (!without_surrogates(&r))
            continue;
        if (!any)
            buf_byte(out, '[');
        any = true;
        buf_printf(out, "\\x{%x}", (unsigned)r.lo);
        if (r.hi > r.lo)
            buf_printf(out, "-\\x{%x}", (unsigned)r.hi);
    }
    if (any)
        buf_byte(out, ']');
    else
        buf_lit(out, "(?!)");
}

static bool
single_rune(const struct regex_node *n)
{
    if (n->op != RE_LITERAL)
        return n->op == RE_CLASS || n->op == RE_ANY || n->op == RE_ANY_NOT_NL;
    size_t size;
    (void)utf8_decode(STR(n->text, n->text_n), &size);
    return size == n->text_n;
}

static void
put_repeat(const struct regex_node *n, struct buf *out)
{
    bool bare = n->sub[0]->op == RE_CAPTURE || single_rune(n->sub[0]);
    if (!bare)
        buf_lit(out, "(?:");
    put_node(n->sub[0], out);
    if (!bare)
        buf_byte(out, ')');
    if (n->min == 0 && n->max == -1)
        buf_byte(out, '*');
    else if (n->min == 1 && n->max == -1)
        buf_byte(out, '+');
    else if (n->min == 0 && n->max == 1)
        buf_byte(out, '?');
    else if (n->max == -1)
        buf_printf(out, "{%d,}", n->min);
    else
        buf_printf(out, "{%d,%d}", n->min, n->max);
    if (n->lazy)
        buf_byte(out, '?');
}

static void
put_list(const struct regex_node *n, struct buf *out)
{
    bool alternate = n->op == RE_ALTERNATE;
    if (alternate)
        buf_lit(out, "(?:");
    for (size_t i = 0; i < n->n; i++) {
        if (alternate && i > 0)
            buf_byte(out, '|');
        put_node(n->sub[i], out);
    }
    if (alternate)
        buf_byte(out, ')');
}

static void
put_node(const struct regex_node *n, struct buf *out)
{
    static const char *const fixed[] = {
        [RE_EMPTY] = "(?:)",           [RE_ANY] = "(?s:.)",
        [RE_ANY_NOT_NL] = "[^\\n]",    [RE_BEGIN_LINE] = "(?:\\A|(?<=\\n))",
        [RE_END_LINE] = "(?=\\n|\\z)", [RE_BEGIN_TEXT] = "\\A",
        [RE_END_TEXT] = "\\z",         [RE_WORD_BOUNDARY] = "\\b",
        [RE_NO_WORD_BOUNDARY] = "\\B",
    };
    switch (n->op) {
    case RE_LITERAL:
        put_literal(n, out);
        return;
    case RE_CLASS:
        put_class(n, out);
        return;
    case RE_CAPTURE:
        buf_byte(out, '(');
        put_node(n->sub[0], out);
        buf_byte(out, ')');
        return;
    case RE_REPEAT:
        put_repeat(n, out);
        return;
    case RE_CONCAT:
    case RE_ALTERNATE:
        put_list(n, out);
        return;
    case RE_LEFT_PAREN:
    case RE_VERTICAL_BAR:
        UNREACHABLE();
    default:
        buf_put(out, str_of(fixed[n->op]));
    }
}

void
regex_translate(const struct regex_node *root, struct buf *out)
{
    put_node(root, out);
}

bool
regex_nullable(const struct regex_node *n)
{
    switch (n->op) {
    case RE_LITERAL:
    case RE_CLASS:
    case RE_ANY:
    case RE_ANY_NOT_NL:
        return false;
    case RE_CAPTURE:
        return regex_nullable(n->sub[0]);
    case RE_REPEAT:
        return n->min == 0 || regex_nullable(n->sub[0]);
    case RE_CONCAT:
        for (size_t i = 0; i < n->n; i++)
            if (!regex_nullable(n->sub[i]))
                return false;
        return true;
    case RE_ALTERNATE:
        for (size_t i = 0; i < n->n; i++)
            if (regex_nullable(n->sub[i]))
                return true;
        return false;
    default:
        return true;
    }
}

bool
regex_repeats_nothing(const struct regex_node *n)
{
    if (n->op == RE_REPEAT && n->max != 1 && regex_nullable(n->sub[0]))
        return true;
    for (size_t i = 0; i < n->n; i++)
        if (regex_repeats_nothing(n->sub[i]))
            return true;
    return false;
}
