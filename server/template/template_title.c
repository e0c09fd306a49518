/* template_title.c - golang.org/x/text/cases.Title. */
#include "base/unicode.h"
#include "server/template/template_priv.h"
#include "server/template/template_unicode.h"

void
template_put_title(struct buf *out, str s, bool lower)
{
    bool in_word = false;
    size_t len;

    for (; s.n; s = str_from(s, len)) {
        uint32_t r = utf8_decode(s, &len);
        if (template_is_letter(r)) {
            utf8_put(out, !in_word ? unicode_to_upper(r) : lower ? unicode_to_lower(r) : r);
            in_word = true;
            continue;
        }
        buf_put(out, STR(s.p, len));
        in_word = in_word && (template_is_digit(r) || r == '\'' || r == '_' || r == '.' || r == 0x2019);
    }
}
