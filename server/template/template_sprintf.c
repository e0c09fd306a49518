/* template_sprintf.c - fmt.Sprintf's formats, Sprint and Sprintln. */
#include "base/limits.h"
#include "base/unicode.h"
#include "server/template/template_fmt.h"

#define NUMBER_MAX 1000000 /* of a width or precision */

struct format {
    struct printer p;
    str text;
    size_t at;
    const struct tvalue *args;
    size_t n, arg;           /* arg: the next to be printed */
    bool after_index, good_index, reordered;
};

static bool
at_char(const struct format *f, char c)
{
    return f->at < f->text.n && f->text.p[f->at] == c;
}

/* Digits at *at, ending before `end`; *found tells whether there were any.  A number too
 * large swallows the rest. */
static int
read_number(str s, size_t *at, size_t end, bool *found)
{
    int num = 0;

    *found = false;
    for (; *at < end && s.p[*at] >= '0' && s.p[*at] <= '9'; ++*at) {
        if (num > NUMBER_MAX) {
            *found = false;
            *at = end;
            return 0;
        }
        num = num * 10 + (s.p[*at] - '0');
        *found = true;
    }
    return num;
}

/* "[3]": the argument to go on with. */
static void
read_index(struct format *f)
{
    f->after_index = false;
    if (!at_char(f, '['))
        return;
    f->reordered = true;
    ptrdiff_t close = f->text.n - f->at < 3 ? -1 : str_find_char(f->text, ']', f->at + 1);
    if (close < 0) {
        f->good_index = false;
        f->at++;
        return;
    }
    size_t at = f->at + 1;
    bool found;
    int number = read_number(f->text, &at, (size_t)close, &found);
    f->at = (size_t)close + 1;
    bool whole = found && at == (size_t)close;
    f->after_index = whole;
    if (whole && number >= 1 && (size_t)number <= f->n)
        f->arg = (size_t)number - 1;
    else
        f->good_index = false;
}

/* The next argument as a width or precision. */
static int
take_int(struct format *f, bool *ok)
{
    *ok = false;
    if (f->arg >= f->n)
        return 0;
    const struct tvalue *v = &f->args[f->arg++];
    enum tkind k = tvalue_kind(v);
    bool is_int = k == T_INT || (k == T_UINT && v->u.i >= 0);
    if (!is_int || v->u.i > NUMBER_MAX || v->u.i < -NUMBER_MAX)
        return 0;
    *ok = true;
    return (int)v->u.i;
}

static bool
read_flag(struct format *f)
{
    if (f->at >= f->text.n)
        return false;
    switch (f->text.p[f->at]) {
    case '#': f->p.sharp = true; break;
    case '0': f->p.zero = true; break;
    case '+': f->p.plus = true; break;
    case '-': f->p.minus = true; break;
    case ' ': f->p.space = true; break;
    default: return false;
    }
    f->at++;
    return true;
}

static void
read_width(struct format *f)
{
    if (!at_char(f, '*')) {
        f->p.wid = read_number(f->text, &f->at, f->text.n, &f->p.wid_present);
        if (f->after_index && f->p.wid_present)
            f->good_index = false;
        return;
    }
    f->at++;
    f->p.wid = take_int(f, &f->p.wid_present);
    if (!f->p.wid_present)
        buf_lit(f->p.out, "%!(BADWIDTH)");
    if (f->p.wid < 0) {
        f->p.wid = -f->p.wid;
        f->p.minus = true;
        f->p.zero = false;
    }
    f->after_index = false;
}

static void
read_precision(struct format *f)
{
    f->at++;
    if (f->after_index)
        f->good_index = false;
    read_index(f);
    if (at_char(f, '*')) {
        f->at++;
        f->p.prec = take_int(f, &f->p.prec_present);
        if (f->p.prec < 0) {
            f->p.prec = 0;
            f->p.prec_present = false;
        }
        if (!f->p.prec_present)
            buf_lit(f->p.out, "%!(BADPREC)");
        f->after_index = false;
        return;
    }
    f->p.prec = read_number(f->text, &f->at, f->text.n, &f->p.prec_present);
    if (!f->p.prec_present) {
        f->p.prec = 0;
        f->p.prec_present = true;
    }
}

static void
put_verb(struct format *f, uint32_t verb)
{
    if (verb == '%') {
        buf_byte(f->p.out, '%');
        return;
    }
    if (!f->good_index || f->arg >= f->n) {
        buf_lit(f->p.out, "%!");
        utf8_put(f->p.out, verb);
        buf_put(f->p.out, f->good_index ? STRL("(MISSING)") : STRL("(BADINDEX)"));
        return;
    }
    if (verb == 'v' || verb == 'w') {
        f->p.sharp_v = f->p.sharp;
        f->p.plus_v = f->p.plus;
        f->p.sharp = f->p.plus = false;
    }
    struct tvalue arg = f->args[f->arg++];
    if (verb == 'w') /* for Errorf alone */
        template_fmt_bad_verb(&f->p, verb, arg);
    else
        template_fmt_put(&f->p, arg, verb);
}

/* One verb after its '%'; false at the end of the format. */
static bool
put_directive(struct format *f)
{
    size_t len;

    template_fmt_clear(&f->p);
    f->good_index = true;
    while (read_flag(f))
        ;
    bool simple = f->at < f->text.n && f->text.p[f->at] >= 'a' && f->text.p[f->at] <= 'z';
    if (!simple) {
        read_index(f);
        read_width(f);
        if (f->at + 1 < f->text.n && at_char(f, '.'))
            read_precision(f);
        if (!f->after_index)
            read_index(f);
    }
    if (f->at >= f->text.n) {
        buf_lit(f->p.out, "%!(NOVERB)");
        return false;
    }
    uint32_t verb = utf8_decode(str_from(f->text, f->at), &len);
    f->at += len;
    put_verb(f, verb);
    return true;
}

static void
put_extra(struct format *f)
{
    template_fmt_clear(&f->p);
    buf_lit(f->p.out, "%!(EXTRA ");
    for (size_t i = f->arg; i < f->n; i++) {
        if (i > f->arg)
            buf_lit(f->p.out, ", ");
        if (f->args[i].type) {
            buf_put(f->p.out, str_of(f->args[i].type->name));
            buf_byte(f->p.out, '=');
            template_fmt_put(&f->p, f->args[i], 'v');
        } else {
            buf_lit(f->p.out, "<nil>");
        }
    }
    buf_byte(f->p.out, ')');
}

void
template_sprintf(struct buf *out, str format, const struct tvalue *args, size_t n)
{
    struct format f = {.p = {.out = out}, .text = format, .args = args, .n = n};
    size_t start = out->n;

    while (f.at < format.n) {
        ptrdiff_t percent = str_find_char(format, '%', f.at);
        size_t end = percent < 0 ? format.n : (size_t)percent;
        buf_put(out, STR(format.p + f.at, end - f.at));
        f.at = end + 1;
        if (percent < 0 || !put_directive(&f))
            break;
        if (out->n - start > LIMIT_TEMPLATE_OUTPUT_BYTES)
            return; /* the caller refuses what is so long */
    }
    if (!f.reordered && f.arg < n)
        put_extra(&f);
}

void
template_sprint(struct buf *out, const struct tvalue *args, size_t n)
{
    struct printer p = {.out = out};
    bool after_string = false;

    for (size_t i = 0; i < n; i++) {
        bool is_string = tvalue_kind(&args[i]) == T_STR;
        if (i && !is_string && !after_string)
            buf_byte(out, ' ');
        template_fmt_put(&p, args[i], 'v');
        after_string = is_string;
    }
}

void
template_sprintln(struct buf *out, const struct tvalue *args, size_t n)
{
    struct printer p = {.out = out};

    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_byte(out, ' ');
        template_fmt_put(&p, args[i], 'v');
    }
    buf_byte(out, '\n');
}
