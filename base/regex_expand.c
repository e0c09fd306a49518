#include "base/regex_priv.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/unicode.h"

/* Letters and digits of any script may stand in a reference, although no group can be
 * named so: "$é" is a reference to nothing, not a dollar. */
static struct regex_class name_runes;
static pthread_once_t name_once = PTHREAD_ONCE_INIT;

static void
name_runes_init(void)
{
    name_runes.arena = arena_new();
    CHECK(regex_class_add_unicode(&name_runes, STRL("L"), false));
    CHECK(regex_class_add_unicode(&name_runes, STRL("Nd"), false));
    regex_class_add(&name_runes, '_', '_');
    regex_class_clean(&name_runes);
}

static size_t
name_length(str s)
{
    size_t at = 0, size;
    CHECK(pthread_once(&name_once, name_runes_init) == 0);
    while (at < s.n && regex_class_has(&name_runes, utf8_decode(str_from(s, at), &size)))
        at += size;
    return at;
}

/* The reference after a dollar; false if it is malformed. */
static bool
read_reference(str *rest, str *name)
{
    bool braces = rest->n > 0 && rest->p[0] == '{';
    str t = str_from(*rest, braces);
    *name = STR(t.p, name_length(t));
    t = str_from(t, name->n);
    if (name->n == 0 || (braces && (t.n == 0 || t.p[0] != '}')))
        return false;
    *rest = str_from(t, braces);
    return true;
}

/* Digits without a leading zero, or -1. */
static long
number_of(str name)
{
    long v = 0;
    if (name.n > 1 && name.p[0] == '0')
        return -1;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] < '0' || name.p[i] > '9' || v >= 100000000)
            return -1;
        v = v * 10 + (name.p[i] - '0');
    }
    return v;
}

static str
referenced(const struct regex *r, str name, const str *groups, size_t n)
{
    long number = number_of(name);
    if (number >= 0)
        return (size_t)number < n ? groups[number] : STR_EMPTY;
    for (size_t i = 1; i < n && i <= regex_group_count(r); i++)
        if (groups[i].p != NULL && str_eq(regex_group_name(r, i), name))
            return groups[i];
    return STR_EMPTY;
}

void
regex_expand(const struct regex *r, str template, const str *groups, size_t n, struct buf *out)
{
    while (template.n > 0) {
        ptrdiff_t dollar = str_find_char(template, '$', 0);
        if (dollar < 0)
            break;
        buf_put(out, STR(template.p, (size_t)dollar));
        template = str_from(template, (size_t)dollar + 1);
        str name;
        if (template.n > 0 && template.p[0] == '$') {
            buf_byte(out, '$');
            template = str_from(template, 1);
        } else if (read_reference(&template, &name)) {
            buf_put(out, referenced(r, name, groups, n));
        } else {
            buf_byte(out, '$');
        }
    }
    buf_put(out, template);
}

/* Where the next search begins: past the match, and by at least one rune. */
static size_t
next_search(str s, size_t search, size_t match_end)
{
    size_t size = 1;
    if (search < s.n)
        (void)utf8_decode(str_from(s, search), &size);
    return MAX(search + size, match_end);
}

void
regex_replace_all(const struct regex *r, str s, str template, struct buf *out)
{
    size_t n = regex_group_count(r) + 1;
    str *groups = MEM_ARRAY(str, n);
    size_t done = 0, search = 0;
    if (s.p == NULL)
        s = STR("", 0);
    while (search <= s.n && regex_capture(r, s, search, groups, n) > 0) {
        size_t start = (size_t)(groups[0].p - s.p), end = start + groups[0].n;
        buf_put(out, STR(s.p + done, start - done));
        /* Nothing is put for an empty match right after another match. */
        if (end > done || start == 0)
            regex_expand(r, template, groups, n, out);
        done = end;
        search = next_search(s, search, end);
    }
    buf_put(out, str_from(s, done));
    mem_free(groups);
}
