/* unicode.h - UTF-8 and the few properties of runes that Go's text functions use.
 *
 * Quoting (strconv.Quote), strings.ToLower/ToUpper and the check of names need the
 * same Unicode version as the programs we are compared with; libc's answers depend on
 * the locale.  The tables are base/unicode.def.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"

#define RUNE_ERROR 0xfffd

/* Whether all of s is UTF-8 as Go has it: no surrogates, no overlong forms, nothing
 * above U+10FFFF. */
bool utf8_valid(str s);
/* Decodes the rune at the start of s (not empty) and sets its length in bytes.  A bad
 * byte yields RUNE_ERROR of length 1. */
uint32_t utf8_decode(str s, size_t *len);
void utf8_put(struct buf *out, uint32_t rune);

/* strconv.IsPrint. */
bool unicode_is_print(uint32_t rune);
/* Simple case mappings. */
uint32_t unicode_to_lower(uint32_t rune);
uint32_t unicode_to_upper(uint32_t rune);
/* strings.ToLower and ToUpper: bad bytes become U+FFFD. */
void unicode_put_lower(struct buf *out, str s);
void unicode_put_upper(struct buf *out, str s);
/* strconv.Quote. */
void unicode_put_quoted(struct buf *out, str s);
