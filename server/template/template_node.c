/* template_node.c - numbers of templates, and nodes as text. */
#include "base/num.h"
#include "base/unicode.h"
#include "server/template/template_node.h"

#include "model/strings.h"

/* --- numbers ------------------------------------------------------------------------------------ */

/* strconv.ParseUint(s, 0, 64). */
static bool
parse_uint(str s, uint64_t *out)
{
    int64_t i;
    unsigned base = 10;
    uint64_t v = 0;
    size_t at = 0;

    if (s.n == 0 || s.p[0] == '+' || s.p[0] == '-')
        return false;
    if (strings_parse_go_int(s, &i)) {
        *out = (uint64_t)i;
        return true;
    }
    /* Beyond int64: the digits once more. */
    if (s.p[0] == '0' && s.n > 1) {
        char c = (char)(s.p[1] | 0x20);
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        at = c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    }
    bool digit = at > 0, any = at == 1;
    for (; at < s.n; at++) {
        char c = s.p[at];
        if (c == '_') {
            if (!digit)
                return false;
            digit = false;
            continue;
        }
        unsigned d = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
        if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
            return false;
        digit = any = true;
    }
    *out = v;
    return digit && any;
}

/* What else a float with a whole value can be. */
static void
widen(struct tnode *n)
{
    if (!n->is_int && n->f >= -9223372036854775808.0 && n->f < 9223372036854775808.0 && (double)(int64_t)n->f == n->f) {
        n->is_int = true;
        n->i = (int64_t)n->f;
    }
    if (!n->is_uint && n->f >= 0 && n->f < 18446744073709551616.0 && (double)(uint64_t)n->f == n->f) {
        n->is_uint = true;
        n->u = (uint64_t)n->f;
    }
}

static void
set_complex(struct tnode *n, double re, double im)
{
    n->is_complex = true;
    n->f = re;
    n->im = im;
    n->is_float = im == 0;
    if (n->is_float)
        widen(n);
}

static bool
fault(struct err *e, const char *words, str text)
{
    struct buf b = {0};
    unicode_put_quoted(&b, text);
    err_set(e, ERR_PARSE, "%s: %.*s", words, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

/* How much of s the first character of a literal takes. */
static size_t
first_length(str s)
{
    size_t len;

    if (s.p[0] != '\\' || s.n < 2) {
        utf8_decode(s, &len);
        return len;
    }
    char c = s.p[1];
    len = c == 'x' || (c >= '0' && c <= '7') ? 4 : c == 'u' ? 6 : c == 'U' ? 10 : 2;
    return MIN(len, s.n);
}

/* 'x' */
static bool
char_constant(struct tnode *n, str text, struct arena *a, struct err *e)
{
    str inside = STR(text.p + 1, text.n - 2), c;
    size_t first = inside.n ? first_length(inside) : 0, len;

    if (first == 0 || !strings_unquote(STR(inside.p, first), '\'', a, &c, e) || c.n == 0)
        return err_set(e, ERR_PARSE, "invalid syntax");
    if (first != inside.n)
        return err_set(e, ERR_PARSE, "malformed character constant: %.*s", STR_ARG(text));
    /* \xff is the number, not a bad byte of UTF-8. */
    uint32_t r = c.n == 1 ? (unsigned char)c.p[0] : utf8_decode(c, &len);
    n->is_char = n->is_int = n->is_uint = n->is_float = true;
    n->i = r;
    n->u = r;
    n->f = r;
    return true;
}

/* "1+2i" */
static bool
complex_constant(struct tnode *n, str text, struct err *e)
{
    double re, im;

    for (size_t i = text.n - 1; i > 0; i--) {
        if ((text.p[i] != '+' && text.p[i] != '-') || strchr("eEpP", text.p[i - 1]))
            continue;
        if (!num_parse_go(STR(text.p, i), &re) || !num_parse_go(STR(text.p + i, text.n - i - 1), &im))
            break;
        set_complex(n, re, im);
        return true;
    }
    return err_set(e, ERR_PARSE, "syntax error scanning complex number");
}

bool
template_number(struct tnode *n, str text, enum token_type type, struct arena *a, struct err *e)
{
    double f;
    bool is_float, point = false;

    n->text = text;
    if (type == TOKEN_CHAR_CONSTANT)
        return char_constant(n, text, a, e);
    if (type == TOKEN_COMPLEX)
        return complex_constant(n, text, e);
    if (text.p[text.n - 1] == 'i' && num_parse_go(STR(text.p, text.n - 1), &f)) {
        set_complex(n, 0, f);
        return true;
    }
    n->is_uint = parse_uint(text, &n->u);
    n->is_int = strings_parse_go_int(text, &n->i);
    if (n->is_int && n->i == 0)
        n->is_uint = true; /* -0 */
    if (n->is_int || n->is_uint) {
        n->is_float = true;
        n->f = n->is_int ? (double)n->i : (double)n->u;
        return true;
    }
    is_float = num_parse_go(text, &f);
    for (size_t i = 0; i < text.n; i++)
        point |= strchr(".eEpP", text.p[i]) != NULL;
    if (!is_float)
        return fault(e, "illegal number syntax", text);
    if (!point)
        return fault(e, "integer overflow", text);
    n->is_float = true;
    n->f = f;
    widen(n);
    return true;
}

/* --- text ------------------------------------------------------------------------------------------- */

static void
put_list(struct buf *out, const struct tnode *n)
{
    for (size_t i = 0; i < n->n; i++)
        template_put_node(out, n->child[i]);
}

static void
put_names(struct buf *out, const struct tnode *n, const char *before, const char *between)
{
    for (size_t i = 0; i < n->names_n; i++) {
        buf_put(out, str_of(i ? between : before));
        buf_put(out, n->names[i]);
    }
}

static void
put_pipe(struct buf *out, const struct tnode *n)
{
    put_names(out, n, "", ", ");
    if (n->names_n)
        buf_put(out, n->assign ? STRL(" = ") : STRL(" := "));
    for (size_t i = 0; i < n->n; i++) {
        if (i)
            buf_lit(out, " | ");
        template_put_node(out, n->child[i]);
    }
}

static void
put_operand(struct buf *out, const struct tnode *n)
{
    bool parens = n->type == N_PIPE;

    if (parens)
        buf_byte(out, '(');
    template_put_node(out, n);
    if (parens)
        buf_byte(out, ')');
}

static void
put_branch(struct buf *out, const struct tnode *n, const char *word)
{
    buf_printf(out, "{{%s ", word);
    put_pipe(out, n->pipe);
    buf_lit(out, "}}");
    put_list(out, n->body);
    if (n->otherwise) {
        buf_lit(out, "{{else}}");
        put_list(out, n->otherwise);
    }
    buf_lit(out, "{{end}}");
}

static void
put_call(struct buf *out, const struct tnode *n)
{
    buf_lit(out, "{{template ");
    unicode_put_quoted(out, n->text);
    if (n->pipe) {
        buf_byte(out, ' ');
        put_pipe(out, n->pipe);
    }
    buf_lit(out, "}}");
}

void
template_put_node(struct buf *out, const struct tnode *n)
{
    switch (n->type) {
    case N_LIST: put_list(out, n); break;
    case N_ACTION:
        buf_lit(out, "{{");
        put_pipe(out, n->pipe);
        buf_lit(out, "}}");
        break;
    case N_IF: put_branch(out, n, "if"); break;
    case N_WITH: put_branch(out, n, "with"); break;
    case N_RANGE: put_branch(out, n, "range"); break;
    case N_TEMPLATE: put_call(out, n); break;
    case N_BREAK: buf_lit(out, "{{break}}"); break;
    case N_CONTINUE: buf_lit(out, "{{continue}}"); break;
    case N_END: buf_lit(out, "{{end}}"); break;
    case N_ELSE: buf_lit(out, "{{else}}"); break;
    case N_PIPE: put_pipe(out, n); break;
    case N_COMMAND:
        for (size_t i = 0; i < n->n; i++) {
            if (i)
                buf_byte(out, ' ');
            put_operand(out, n->child[i]);
        }
        break;
    case N_DOT: buf_byte(out, '.'); break;
    case N_NIL: buf_lit(out, "nil"); break;
    case N_BOOL: buf_put(out, n->b ? STRL("true") : STRL("false")); break;
    case N_TEXT:
    case N_NUMBER:
    case N_STRING:
    case N_IDENT: buf_put(out, n->text); break;
    case N_FIELD: put_names(out, n, ".", "."); break;
    case N_VARIABLE: put_names(out, n, "", "."); break;
    case N_CHAIN:
        put_operand(out, n->pipe);
        put_names(out, n, ".", ".");
        break;
    }
}
