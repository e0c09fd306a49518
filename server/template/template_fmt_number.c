/* template_fmt_number.c - integers, floats and complex numbers under all verbs. */
#include <math.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/unicode.h"
#include "server/template/template_fmt.h"

#define RUNE_MAX 0x10ffff

void
template_fmt_padding(struct printer *p, int n)
{
    if (n > 0)
        memset(buf_extend(p->out, (size_t)n), p->zero && !p->minus ? '0' : ' ', (size_t)n);
}

static int
count_runes(str s)
{
    int n = 0;
    size_t len;

    for (; s.n; s = str_from(s, len), n++)
        utf8_decode(s, &len);
    return n;
}

void
template_fmt_pad(struct printer *p, str s)
{
    int more = p->wid_present && p->wid ? p->wid - count_runes(s) : 0;

    if (!p->minus)
        template_fmt_padding(p, more);
    buf_put(p->out, s);
    if (p->minus)
        template_fmt_padding(p, more);
}

static void
pad_without_zeros(struct printer *p, str s)
{
    bool zero = p->zero;
    p->zero = false;
    template_fmt_pad(p, s);
    p->zero = zero;
}

/* --- integers ----------------------------------------------------------------------------- */

/* The digits of u, at least `digits` of them. */
static void
put_digits(struct buf *b, uint64_t u, unsigned base, int digits, const char *set)
{
    char text[64];
    int n = 0;

    do {
        text[n++] = set[u % base];
        u /= base;
    } while (u);
    for (int i = n; i < digits; i++)
        buf_byte(b, '0');
    while (n > 0)
        buf_byte(b, text[--n]);
}

static void
put_integer(struct printer *p, uint64_t u, unsigned base, bool is_signed, uint32_t verb)
{
    bool negative = is_signed && (int64_t)u < 0;
    const char *set = verb == 'X' ? "0123456789ABCDEFX" : "0123456789abcdefx";
    int digits = 0;
    struct buf b = {0};

    if (negative)
        u = 0 - u;
    if (p->prec_present) {
        digits = p->prec;
        if (digits == 0 && u == 0) { /* nothing, padded */
            bool zero = p->zero;
            p->zero = false;
            template_fmt_padding(p, p->wid_present ? p->wid : 0);
            p->zero = zero;
            return;
        }
    } else if (p->zero && !p->minus && p->wid_present) {
        digits = p->wid - (negative || p->plus || p->space);
    }
    if (negative || p->plus || p->space)
        buf_byte(&b, negative ? '-' : p->plus ? '+' : ' ');
    if (verb == 'O')
        buf_lit(&b, "0o");
    if (p->sharp && base == 2)
        buf_lit(&b, "0b");
    if (p->sharp && base == 16) {
        buf_byte(&b, '0');
        buf_byte(&b, set[16]);
    }
    size_t at = b.n;
    put_digits(&b, u, base, digits, set);
    if (p->sharp && base == 8 && b.p[at] != '0') {
        buf_byte(&b, '0');
        memmove(b.p + at + 1, b.p + at, b.n - at - 1);
        b.p[at] = '0';
    }
    pad_without_zeros(p, buf_str(&b));
    buf_free(&b);
}

static void
put_unicode(struct printer *p, uint64_t u)
{
    struct buf b = {0};

    buf_lit(&b, "U+");
    put_digits(&b, u, 16, p->prec_present && p->prec > 4 ? p->prec : 4, "0123456789ABCDEF");
    if (p->sharp && u <= RUNE_MAX && unicode_is_print((uint32_t)u)) {
        buf_lit(&b, " '");
        utf8_put(&b, (uint32_t)u);
        buf_byte(&b, '\'');
    }
    pad_without_zeros(p, buf_str(&b));
    buf_free(&b);
}

static uint32_t
rune_of(uint64_t v)
{
    return v > RUNE_MAX || (v >= 0xd800 && v < 0xe000) ? RUNE_ERROR : (uint32_t)v;
}

/* A rune in single quotes, as strconv.QuoteRune. */
static void
put_quoted_rune(struct printer *p, uint64_t v)
{
    struct buf one = {0}, quoted = {0}, b = {0};
    uint32_t r = rune_of(v);

    buf_byte(&b, '\'');
    if (r == '\'') {
        buf_lit(&b, "\\'");
    } else if (r == '"') {
        buf_byte(&b, '"');
    } else if (p->plus && r >= 0x80) {
        buf_printf(&b, r < 0x10000 ? "\\u%04x" : "\\U%08x", r);
    } else {
        utf8_put(&one, r);
        unicode_put_quoted(&quoted, buf_str(&one));
        buf_put(&b, STR(quoted.p + 1, quoted.n - 2));
    }
    buf_byte(&b, '\'');
    template_fmt_pad(p, buf_str(&b));
    buf_free(&one);
    buf_free(&quoted);
    buf_free(&b);
}

static void
put_rune(struct printer *p, uint64_t v)
{
    struct buf b = {0};
    utf8_put(&b, rune_of(v));
    template_fmt_pad(p, buf_str(&b));
    buf_free(&b);
}

void
template_fmt_integer(struct printer *p, uint64_t v, bool is_signed, uint32_t verb, struct tvalue arg)
{
    bool sharp = p->sharp;

    switch (verb) {
    case 'v':
        p->sharp |= p->sharp_v && !is_signed;
        put_integer(p, v, p->sharp_v && !is_signed ? 16 : 10, is_signed, verb);
        p->sharp = sharp;
        break;
    case 'd': put_integer(p, v, 10, is_signed, verb); break;
    case 'b': put_integer(p, v, 2, is_signed, verb); break;
    case 'o':
    case 'O': put_integer(p, v, 8, is_signed, verb); break;
    case 'x':
    case 'X': put_integer(p, v, 16, is_signed, verb); break;
    case 'c': put_rune(p, v); break;
    case 'q': put_quoted_rune(p, v); break;
    case 'U': put_unicode(p, v); break;
    default: template_fmt_bad_verb(p, verb, arg); break;
    }
}

/* --- floats --------------------------------------------------------------------------------- */

/* ±d.dddp±dd of a finite number, strconv's 'x'. */
static void
put_hex_float(struct buf *b, double v, uint32_t verb, int prec)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    const char *set = verb == 'X' ? upper : lower;
    uint64_t bits = f64_bits(v), mant = bits & ((1ull << 52) - 1);
    int exp = (int)(bits >> 52 & 0x7ff);

    exp == 0 ? exp++ : (int)(mant |= 1ull << 52);
    exp -= 1023;
    if (mant == 0)
        exp = 0;
    mant <<= 60 - 52;
    while (mant != 0 && !(mant & 1ull << 60)) {
        mant <<= 1;
        exp--;
    }
    if (prec >= 0 && prec < 15) {
        unsigned shift = (unsigned)prec * 4;
        uint64_t extra = (mant << shift) & ((1ull << 60) - 1);
        mant >>= 60 - shift;
        if ((extra | (mant & 1)) > 1ull << 59)
            mant++;
        mant <<= 60 - shift;
        if (mant & 1ull << 61) {
            mant >>= 1;
            exp++;
        }
    }
    buf_byte(b, signbit(v) ? '-' : '+');
    buf_byte(b, '0');
    buf_byte(b, (char)verb);
    buf_byte(b, (char)('0' + (mant >> 60 & 1)));
    mant <<= 4;
    if (prec > 0 || (prec < 0 && mant != 0))
        buf_byte(b, '.');
    for (int i = 0; prec < 0 ? mant != 0 : i < prec; i++) {
        buf_byte(b, set[mant >> 60]);
        mant <<= 4;
    }
    buf_printf(b, "%c%c%02d", verb == 'X' ? 'P' : 'p', exp < 0 ? '-' : '+', exp < 0 ? -exp : exp);
}

/* The number with its sign, as strconv.AppendFloat has it. */
static void
put_signed_float(struct buf *b, double v, uint32_t verb, int prec)
{
    if (isnan(v)) {
        buf_lit(b, "+NaN");
    } else if (isinf(v)) {
        buf_put(b, v < 0 ? STRL("-Inf") : STRL("+Inf"));
    } else if (verb == 'x' || verb == 'X') {
        put_hex_float(b, v, verb, prec);
    } else if (verb == 'b') {
        uint64_t bits = f64_bits(v), mant = bits & ((1ull << 52) - 1);
        int exp = (int)(bits >> 52 & 0x7ff);
        exp == 0 ? exp++ : (int)(mant |= 1ull << 52);
        buf_printf(b, "%c%llup%+d", signbit(v) ? '-' : '+', (unsigned long long)mant, exp - 1075);
    } else {
        buf_byte(b, '+');
        buf_reserve(b, NUM_TEXT_MAX + (prec > 0 ? (size_t)prec : 0));
        b->n += num_format(v, (char)verb, prec, b->p + b->n);
        if (b->p[1] == '-')
            memmove(b->p, b->p + 1, --b->n);
    }
}

/* # : a decimal point always, trailing zeros kept. */
static void
restore_zeros(struct buf *b, uint32_t verb, int prec)
{
    int digits = strchr("vgGx", (int)verb) ? (prec == -1 ? 6 : prec) : 0;
    bool point = false, nonzero = false, hex = verb == 'x' || verb == 'X';
    char tail[8];
    size_t end = b->n, tail_n = 0;

    for (size_t i = 1; i < end; i++) {
        char c = b->p[i];
        if (c == '.') {
            point = true;
        } else if (c == 'p' || c == 'P' || (!hex && (c == 'e' || c == 'E'))) {
            tail_n = MIN(b->n - i, sizeof tail);
            memcpy(tail, b->p + i, tail_n);
            end = i;
        } else {
            nonzero |= c != '0';
            digits -= nonzero;
        }
    }
    b->n = end;
    if (!point) {
        digits -= b->n == 2 && b->p[1] == '0';
        buf_byte(b, '.');
    }
    for (; digits > 0; digits--)
        buf_byte(b, '0');
    buf_put(b, STR(tail, tail_n));
}

static void
put_float(struct printer *p, double v, uint32_t verb, int prec)
{
    struct buf b = {0};

    if (p->prec_present)
        prec = p->prec;
    put_signed_float(&b, v, verb, prec);
    if (p->space && b.p[0] == '+' && !p->plus)
        b.p[0] = ' ';
    if (b.p[1] == 'I' || b.p[1] == 'N') {
        bool sign = b.p[1] == 'I' || p->space || p->plus;
        pad_without_zeros(p, str_from(buf_str(&b), !sign));
        buf_free(&b);
        return;
    }
    if (p->sharp && verb != 'b')
        restore_zeros(&b, verb, prec);
    if (!p->plus && b.p[0] == '+') {
        template_fmt_pad(p, str_from(buf_str(&b), 1));
    } else if (p->zero && !p->minus && p->wid_present && p->wid > (int)b.n) {
        buf_byte(p->out, b.p[0]); /* the sign goes before the zeros */
        template_fmt_padding(p, p->wid - (int)b.n);
        buf_put(p->out, str_from(buf_str(&b), 1));
    } else {
        template_fmt_pad(p, buf_str(&b));
    }
    buf_free(&b);
}

void
template_fmt_float(struct printer *p, double v, uint32_t verb, struct tvalue arg)
{
    switch (verb) {
    case 'v': put_float(p, v, 'g', -1); break;
    case 'b':
    case 'g':
    case 'G':
    case 'x':
    case 'X': put_float(p, v, verb, -1); break;
    case 'f':
    case 'e':
    case 'E': put_float(p, v, verb, 6); break;
    case 'F': put_float(p, v, 'f', 6); break;
    default: template_fmt_bad_verb(p, verb, arg); break;
    }
}

void
template_fmt_complex(struct printer *p, double re, double im, uint32_t verb, struct tvalue arg)
{
    bool plus = p->plus;

    if (verb > 0x7f || !strchr("vbgGxXfFeE", (int)verb)) {
        template_fmt_bad_verb(p, verb, arg);
        return;
    }
    buf_byte(p->out, '(');
    template_fmt_float(p, re, verb, arg);
    p->plus = true;
    template_fmt_float(p, im, verb, arg);
    buf_lit(p->out, "i)");
    p->plus = plus;
}
