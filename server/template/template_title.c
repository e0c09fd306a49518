/* template_title.c - golang.org/x/text/cases.Title. */
#include "base/unicode.h"
#include "server/template/template_priv.h"

static const struct {
    uint32_t low, high;
    char class;
} classes[] = {
#define CLASS(what, low, high) {low, high, #what[0]},
#define TITLE(rune, text)
#define LOWER(rune, text)
#include "server/template/template_title.def"
};
struct mapping {
    uint32_t rune;
    const char *text;
};
static const struct mapping titles[] = {
#define CLASS(what, low, high)
#define TITLE(rune, text) {rune, text},
#define LOWER(rune, text)
#include "server/template/template_title.def"
};
#define SIGMA 0x3a3 /* the only one whose lower case depends on its place */
static const struct mapping lowers[] = {
#define CLASS(what, low, high)
#define TITLE(rune, text)
#define LOWER(rune, text) {rune, text},
#include "server/template/template_title.def"
};

static char
class_of(uint32_t r)
{
    size_t low = 0, high = ARRAY_LEN(classes);

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r > classes[mid].high)
            low = mid + 1;
        else
            high = mid;
    }
    return low < ARRAY_LEN(classes) && r >= classes[low].low ? classes[low].class : 'B';
}

static bool
put_mapped(struct buf *out, const struct mapping *m, size_t n, uint32_t r)
{
    for (size_t i = 0; i < n; i++) {
        if (m[i].rune == r) {
            buf_put(out, str_of(m[i].text));
            return true;
        }
    }
    return false;
}

/* A sigma is final unless a letter follows, maybe after marks. */
static bool
letter_follows(str s)
{
    size_t len;

    for (; s.n; s = str_from(s, len)) {
        uint32_t r = utf8_decode(s, &len);
        char c = class_of(r);
        if (c != 'M' && (c != 'K' || r < 0x80))
            return c == 'C';
    }
    return false;
}

static void
put_lower(struct buf *out, uint32_t r, str after)
{
    if ((r == SIGMA && letter_follows(after)) || !put_mapped(out, lowers, ARRAY_LEN(lowers), r))
        utf8_put(out, unicode_to_lower(r));
}

void
template_put_title(struct buf *out, str s, bool lower)
{
    bool in_word = false, after_mid = false;
    size_t len;

    for (; s.n; s = str_from(s, len)) {
        uint32_t r = utf8_decode(s, &len);
        char class = class_of(r);
        if (after_mid && class == 'M')
            in_word = false;
        after_mid = class == 'M';
        if (class == 'C' && !in_word) {
            if (!put_mapped(out, titles, ARRAY_LEN(titles), r))
                utf8_put(out, unicode_to_upper(r));
            in_word = true;
        } else if (class == 'C' && lower) {
            put_lower(out, r, str_from(s, len));
        } else {
            buf_put(out, STR(s.p, len));
            in_word = in_word && class != 'B';
        }
    }
}
