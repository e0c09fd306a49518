/* template_fmt.h - Go's fmt: one value under one verb and its flags.
 *
 * template_fmt_put is pp.printArg: every verb for every kind of value, "%!d(string=x)"
 * where they do not go together.  template_sprintf.c reads formats.
 */
#pragma once
#include "server/template/template_priv.h"

struct printer {
    struct buf *out;
    int wid, prec;
    bool wid_present, prec_present;
    bool minus, plus, sharp, space, zero;
    bool plus_v, sharp_v; /* %+v, %#v */
    bool erroring;        /* inside %!verb(…): no Stringers */
};
void template_fmt_clear(struct printer *p);
void template_fmt_put(struct printer *p, struct tvalue arg, uint32_t verb);

/* Shared by the files of the module. */
void template_fmt_pad(struct printer *p, str s);
void template_fmt_padding(struct printer *p, int n);
void template_fmt_integer(struct printer *p, uint64_t v, bool is_signed, uint32_t verb, struct tvalue arg);
void template_fmt_float(struct printer *p, double v, uint32_t verb, struct tvalue arg);
void template_fmt_complex(struct printer *p, double re, double im, uint32_t verb, struct tvalue arg);
void template_fmt_bad_verb(struct printer *p, uint32_t verb, struct tvalue arg);
