#include "server/template/template_lex.h"

#include "base/unicode.h"
#include "server/template/template_unicode.h"

#define END UINT32_MAX /* no character */

void
template_lex_init(struct lexer *l, struct arena *a, str text)
{
    *l = (struct lexer){.arena = a, .text = text, .line = 1, .start_line = 1};
}

/* --- characters ------------------------------------------------------------------------------- */

static bool
is_space(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_alphanumeric(uint32_t c)
{
    return c == '_' || (c != END && (template_is_letter(c) || template_is_digit(c)));
}

static uint32_t
peek(const struct lexer *l)
{
    size_t len;
    return l->pos < l->text.n ? utf8_decode(str_from(l->text, l->pos), &len) : END;
}

static uint32_t
next(struct lexer *l)
{
    size_t len;

    if (l->pos >= l->text.n)
        return END;
    uint32_t c = utf8_decode(str_from(l->text, l->pos), &len);
    l->pos += len;
    l->line += c == '\n';
    return c;
}

static bool
accept(struct lexer *l, const char *set)
{
    uint32_t c = peek(l);
    if (c == END || c > 0x7f || c == 0 || !strchr(set, (int)c))
        return false;
    next(l);
    return true;
}

static void
accept_run(struct lexer *l, const char *set)
{
    while (accept(l, set))
        ;
}

static bool
looking_at(const struct lexer *l, const char *s)
{
    return str_starts(str_from(l->text, l->pos), str_of(s));
}

/* "- " and " -" beside delimiters. */
static bool
left_trim_marker(str s)
{
    return s.n >= 2 && s.p[0] == '-' && is_space((unsigned char)s.p[1]);
}

static bool
right_trim_marker(str s)
{
    return s.n >= 2 && is_space((unsigned char)s.p[0]) && s.p[1] == '-';
}

static bool
at_right_delim(const struct lexer *l, bool *trim)
{
    str rest = str_from(l->text, l->pos);

    *trim = right_trim_marker(rest) && str_starts(str_from(rest, 2), STRL("}}"));
    return *trim || str_starts(rest, STRL("}}"));
}

/* --- tokens --------------------------------------------------------------------------------------- */

static void
count_lines(struct lexer *l)
{
    for (size_t i = l->start; i < l->pos; i++)
        l->line += l->text.p[i] == '\n';
}

static struct token
emit(struct lexer *l, enum token_type type)
{
    struct token t = {type, (uint32_t)l->start, l->start_line, STR(l->text.p + l->start, l->pos - l->start)};
    l->start = l->pos;
    l->start_line = l->line;
    return t;
}

/* Passes over what was not read by next(). */
static void
ignore(struct lexer *l)
{
    count_lines(l);
    l->start = l->pos;
    l->start_line = l->line;
}

static struct token
fault(struct lexer *l, str words)
{
    struct token t = {TOKEN_ERROR, (uint32_t)l->start, l->start_line, words};
    l->start = l->pos = 0;
    l->text.n = 0;
    return t;
}
#define FAULT(l, words) fault((l), STRL(words))

static struct token
fault_at_rune(struct lexer *l, const char *words, uint32_t r)
{
    struct buf b = {0};

    buf_printf(&b, "%sU+%04X", words, r == END ? 0xffffffff : r);
    if (r != END && unicode_is_print(r)) {
        buf_lit(&b, " '");
        utf8_put(&b, r);
        buf_byte(&b, '\'');
    }
    str text = arena_str(l->arena, buf_str(&b));
    buf_free(&b);
    return fault(l, text);
}

static struct token
left_delim(struct lexer *l)
{
    l->pos += 2;
    size_t marker = left_trim_marker(str_from(l->text, l->pos)) ? 2 : 0;
    struct token t = emit(l, TOKEN_LEFT_DELIM);
    l->in_action = true;
    l->pos += marker;
    ignore(l);
    l->parens = 0;
    return t;
}

static struct token
right_delim(struct lexer *l)
{
    bool trim;

    at_right_delim(l, &trim);
    if (trim) {
        l->pos += 2;
        ignore(l);
    }
    l->pos += 2;
    struct token t = emit(l, TOKEN_RIGHT_DELIM);
    while (trim && l->pos < l->text.n && is_space((unsigned char)l->text.p[l->pos]))
        l->pos++;
    ignore(l);
    l->in_action = false;
    return t;
}

/* A comment at l->pos, dropped; false if t says what is wrong with it. */
static bool
skip_comment(struct lexer *l, struct token *t)
{
    bool trim;

    ignore(l);
    const char *end = memmem(l->text.p + l->pos + 2, l->text.n - l->pos - 2, "*/", 2);
    if (!end) {
        *t = FAULT(l, "unclosed comment");
        return false;
    }
    l->pos = (size_t)(end - l->text.p) + 2;
    if (!at_right_delim(l, &trim)) {
        *t = FAULT(l, "comment ends before closing delimiter");
        return false;
    }
    l->pos += trim ? 4 : 2;
    while (trim && l->pos < l->text.n && is_space((unsigned char)l->text.p[l->pos]))
        l->pos++;
    ignore(l);
    return true;
}

/* Text up to the next action, or what follows the delimiter when there is none. */
static struct token
lex_text(struct lexer *l)
{
    for (;;) {
        str rest = str_from(l->text, l->pos);
        const char *open = rest.n ? memmem(rest.p, rest.n, "{{", 2) : NULL;
        if (!open) {
            l->pos = l->text.n;
            count_lines(l);
            return emit(l, l->pos > l->start ? TOKEN_TEXT : TOKEN_EOF);
        }
        str after = str_from(rest, (size_t)(open - rest.p) + 2);
        if (open > rest.p) {
            size_t end = (size_t)(open - l->text.p);
            l->pos = end;
            while (left_trim_marker(after) && l->pos > l->start && is_space((unsigned char)l->text.p[l->pos - 1]))
                l->pos--;
            count_lines(l);
            struct token t = emit(l, TOKEN_TEXT);
            l->pos = end;
            ignore(l);
            if (t.text.n)
                return t;
        }
        size_t marker = left_trim_marker(after) ? 2 : 0;
        if (!str_starts(str_from(after, marker), STRL("/*")))
            return left_delim(l);
        struct token t;
        l->pos += 2 + marker;
        if (!skip_comment(l, &t))
            return t;
    }
}

/* --- inside actions ----------------------------------------------------------------------------------- */

static struct token
lex_space(struct lexer *l)
{
    size_t n = 0;

    while (is_space(peek(l))) {
        next(l);
        n++;
    }
    /* The last blank may belong to " -}}". */
    str last = str_from(l->text, l->pos - 1);
    if (right_trim_marker(last) && str_starts(str_from(last, 2), STRL("}}"))) {
        l->pos--;
        l->line -= l->text.p[l->pos] == '\n';
        if (n == 1)
            return right_delim(l);
    }
    return emit(l, TOKEN_SPACE);
}

/* What may follow a name. */
static bool
at_terminator(const struct lexer *l)
{
    uint32_t c = peek(l);
    return c == END || is_space(c) || (c < 0x80 && c && strchr(".,|:)(", (int)c)) || looking_at(l, "}}");
}

static struct token
lex_field_or_variable(struct lexer *l, enum token_type type)
{
    if (at_terminator(l))
        return emit(l, type == TOKEN_FIELD ? TOKEN_DOT : type);
    while (is_alphanumeric(peek(l)))
        next(l);
    if (!at_terminator(l))
        return fault_at_rune(l, "bad character ", peek(l));
    return emit(l, type);
}

static struct token
lex_identifier(struct lexer *l)
{
    static const struct {
        const char *word;
        enum token_type type;
    } keys[] = {
        {"block", TOKEN_BLOCK}, {"break", TOKEN_BREAK}, {"continue", TOKEN_CONTINUE}, {"define", TOKEN_DEFINE},
        {"else", TOKEN_ELSE},   {"end", TOKEN_END},     {"if", TOKEN_IF},             {"nil", TOKEN_NIL},
        {"range", TOKEN_RANGE}, {"template", TOKEN_TEMPLATE}, {"with", TOKEN_WITH},   {"true", TOKEN_BOOL},
        {"false", TOKEN_BOOL},
    };

    while (is_alphanumeric(peek(l)))
        next(l);
    if (!at_terminator(l))
        return fault_at_rune(l, "bad character ", peek(l));
    str word = STR(l->text.p + l->start, l->pos - l->start);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eq(word, str_of(keys[i].word)))
            return emit(l, keys[i].type);
    return emit(l, TOKEN_IDENTIFIER);
}

static bool
scan_number(struct lexer *l)
{
    const char *digits = "0123456789_";
    bool decimal = true, hex = false;

    accept(l, "+-");
    if (accept(l, "0")) {
        hex = accept(l, "xX");
        bool octal = !hex && accept(l, "oO"), binary = !hex && !octal && accept(l, "bB");
        decimal = !hex && !octal && !binary;
        digits = hex ? "0123456789abcdefABCDEF_" : octal ? "01234567_" : binary ? "01_" : digits;
    }
    accept_run(l, digits);
    if (accept(l, "."))
        accept_run(l, digits);
    if ((decimal && accept(l, "eE")) || (hex && accept(l, "pP"))) {
        accept(l, "+-");
        accept_run(l, "0123456789_");
    }
    accept(l, "i");
    if (!is_alphanumeric(peek(l)))
        return true;
    next(l);
    return false;
}

static struct token
bad_number(struct lexer *l)
{
    struct buf b = {0};

    buf_lit(&b, "bad number syntax: ");
    unicode_put_quoted(&b, STR(l->text.p + l->start, l->pos - l->start));
    str text = arena_str(l->arena, buf_str(&b));
    buf_free(&b);
    return fault(l, text);
}

static struct token
lex_number(struct lexer *l)
{
    if (!scan_number(l))
        return bad_number(l);
    uint32_t sign = peek(l);
    if (sign != '+' && sign != '-')
        return emit(l, TOKEN_NUMBER);
    if (!scan_number(l) || l->text.p[l->pos - 1] != 'i')
        return bad_number(l);
    return emit(l, TOKEN_COMPLEX);
}

/* After the opening quote. */
static struct token
lex_quoted(struct lexer *l, uint32_t quote)
{
    for (;;) {
        uint32_t c = next(l);
        if (c == quote)
            break;
        if (quote != '`' && c == '\\') {
            c = next(l);
            if (c != END && c != '\n')
                continue;
        }
        if (c != END && (c != '\n' || quote == '`'))
            continue;
        return quote == '`'   ? FAULT(l, "unterminated raw quoted string")
               : quote == '"' ? FAULT(l, "unterminated quoted string")
                              : FAULT(l, "unterminated character constant");
    }
    return emit(l, quote == '`' ? TOKEN_RAW_STRING : quote == '"' ? TOKEN_STRING : TOKEN_CHAR_CONSTANT);
}

static struct token
lex_sign(struct lexer *l, uint32_t c)
{
    switch (c) {
    case '=': return emit(l, TOKEN_ASSIGN);
    case ':': return next(l) == '=' ? emit(l, TOKEN_DECLARE) : FAULT(l, "expected :=");
    case '|': return emit(l, TOKEN_PIPE);
    case '"':
    case '`':
    case '\'': return lex_quoted(l, c);
    case '$': return lex_field_or_variable(l, TOKEN_VARIABLE);
    case '(': l->parens++; return emit(l, TOKEN_LEFT_PAREN);
    case ')':
        if (--l->parens < 0)
            return FAULT(l, "unexpected right paren");
        return emit(l, TOKEN_RIGHT_PAREN);
    default:
        if (c >= ' ' && c < 0x7f)
            return emit(l, TOKEN_CHAR);
        return fault_at_rune(l, "unrecognized character in action: ", c);
    }
}

static struct token
lex_inside_action(struct lexer *l)
{
    uint32_t c = peek(l);
    bool trim;

    if (at_right_delim(l, &trim))
        return l->parens == 0 ? right_delim(l) : FAULT(l, "unclosed left paren");
    if (c == END)
        return FAULT(l, "unclosed action");
    if (is_space(c))
        return lex_space(l);
    bool digit_next = l->pos + 1 < l->text.n && l->text.p[l->pos + 1] >= '0' && l->text.p[l->pos + 1] <= '9';
    bool last = l->pos + 1 >= l->text.n;
    if (c == '.' && !digit_next && !last) {
        next(l);
        return lex_field_or_variable(l, TOKEN_FIELD);
    }
    if (c == '.' || c == '+' || c == '-' || (c >= '0' && c <= '9'))
        return lex_number(l);
    if (is_alphanumeric(c))
        return lex_identifier(l);
    return lex_sign(l, next(l));
}

struct token
template_lex_next(struct lexer *l)
{
    return l->in_action && l->text.n ? lex_inside_action(l) : lex_text(l);
}
