#include "query/lex_priv.h"

#include "base/panic.h"

static const struct {
    const char *text;
    uint8_t class;
    bool keyword;
} words[TOK_NONE] = {
#define TOKEN(name, text, class) [TOK_##name] = {text, TOKEN_##class, false},
#define KEYWORD(name, text, class) [TOK_##name] = {text, TOKEN_##class, true},
#include "query/token.def"
#undef TOKEN
#undef KEYWORD
};

const char *
token_text(enum token_type t)
{
    return words[t].text;
}

enum token_class
token_class(enum token_type t)
{
    return (enum token_class)words[t].class;
}

/* Text in quotes; a long one is cut after ten runes. */
static void
put_shortened(struct buf *out, str s)
{
    if (s.n <= 10) {
        unicode_put_quoted(out, s);
        return;
    }
    size_t n = 0;
    for (int runes = 0; runes < 10 && n < s.n; runes++) {
        size_t len;
        utf8_decode(str_from(s, n), &len);
        n += len;
    }
    unicode_put_quoted(out, STR(s.p, n));
    buf_lit(out, "...");
}

void
token_describe(struct buf *out, const struct token *t)
{
    static const char *const nouns[TOK_NONE] = {
        [TOK_IDENTIFIER] = "identifier", [TOK_METRIC_IDENTIFIER] = "metric identifier",
        [TOK_STRING] = "string", [TOK_NUMBER] = "number", [TOK_DURATION] = "duration",
        [TOK_COMMENT] = "comment",
    };
    if (t->type == TOK_EOF) {
        buf_lit(out, "end of input");
        return;
    }
    if (nouns[t->type])
        buf_printf(out, "%s ", nouns[t->type]);
    switch (token_class(t->type)) {
    case TOKEN_OPERATOR:
        buf_printf(out, "<op:%.*s>", STR_ARG(t->text));
        break;
    case TOKEN_AGGREGATOR:
        buf_printf(out, "<aggr:%.*s>", STR_ARG(t->text));
        break;
    case TOKEN_MODIFIER:
        buf_printf(out, "<%.*s>", STR_ARG(t->text));
        break;
    case TOKEN_PLAIN:
        if (t->type == TOK_IDENTIFIER || t->type == TOK_METRIC_IDENTIFIER)
            unicode_put_quoted(out, t->text);
        else
            put_shortened(out, t->text);
    }
}

static bool
word_is(str word, const char *keyword)
{
    size_t i = 0;
    for (; i < word.n && keyword[i]; i++) {
        char c = word.p[i];
        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != keyword[i])
            return false;
    }
    return i == word.n && !keyword[i];
}

enum token_type
lex_keyword(str word)
{
    if (word_is(word, "inf") || word_is(word, "nan"))
        return TOK_NUMBER;
    for (int t = 0; t < TOK_NONE; t++) {
        if (words[t].keyword && word_is(word, words[t].text))
            return (enum token_type)t;
    }
    return TOK_NONE;
}

int32_t
lex_next(struct lexer *l)
{
    if (l->pos >= l->in.n) {
        l->width = 0;
        return LEX_EOF;
    }
    size_t len;
    uint32_t r = utf8_decode(str_from(l->in, l->pos), &len);
    l->width = (uint32_t)len;
    l->pos += l->width;
    return (int32_t)r;
}

int32_t
lex_peek(struct lexer *l)
{
    int32_t r = lex_next(l);
    lex_backup(l);
    return r;
}

str
lex_scanned(const struct lexer *l)
{
    return STR(l->in.p + l->start, l->pos - l->start);
}

void
lex_emit(struct lexer *l, enum token_type t)
{
    *l->out = (struct token){.type = t, .start = l->start, .text = lex_scanned(l)};
    l->start = l->pos;
    l->scanned = true;
}

/* Ends the scan: the message takes the place of a token emitted in the same step. */
static enum lex_state
error_token(struct lexer *l, str message)
{
    *l->out = (struct token){.type = TOK_ERROR, .start = l->start, .text = message};
    l->scanned = true;
    return LEX_END;
}

enum lex_state
lex_error(struct lexer *l, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    str message = arena_str(l->arena, buf_str(&b));
    buf_free(&b);
    return error_token(l, message);
}

/* strconv.QuoteRune; the end of input counts as a bad rune. */
static void
put_rune(struct buf *out, int32_t rune)
{
    static const char letters[] = "abtnvfr";
    uint32_t r = rune == LEX_EOF ? RUNE_ERROR : (uint32_t)rune;
    buf_byte(out, '\'');
    if (r == '\'' || r == '\\') {
        buf_byte(out, '\\');
        buf_byte(out, (char)r);
    } else if (unicode_is_print(r)) {
        utf8_put(out, r);
    } else if (r >= '\a' && r <= '\r') {
        buf_byte(out, '\\');
        buf_byte(out, letters[r - '\a']);
    } else {
        buf_printf(out, r < ' ' || r == 0x7f ? "\\x%02x" : r < 0x10000 ? "\\u%04x" : "\\U%08x", r);
    }
    buf_byte(out, '\'');
}

enum lex_state
lex_error_rune(struct lexer *l, const char *what, int32_t rune)
{
    struct buf b = {0};
    put_rune(&b, rune);
    enum lex_state s = lex_error(l, "%s %.*s", what, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return s;
}

enum lex_state
lex_error_text(struct lexer *l, const char *what)
{
    struct buf b = {0};
    unicode_put_quoted(&b, lex_scanned(l));
    enum lex_state s = lex_error(l, "%s %.*s", what, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return s;
}

void
lex_skip_spaces(struct lexer *l)
{
    while (lex_is_space(lex_peek(l)))
        lex_next(l);
    lex_ignore(l);
}

static enum lex_state
lex_comment(struct lexer *l)
{
    int32_t r;
    do {
        r = lex_next(l);
    } while (r != '\r' && r != '\n' && r != LEX_EOF);
    lex_backup(l);
    lex_emit(l, TOK_COMMENT);
    return LEX_STATEMENTS;
}

/* fill and its sisters are keywords only before a parenthesis, because metrics had
 * these names before the modifiers came. */
static bool
paren_follows(const struct lexer *l)
{
    size_t at = l->pos;
    while (at < l->in.n && lex_is_space((unsigned char)l->in.p[at]))
        at++;
    return at < l->in.n && l->in.p[at] == '(';
}

enum lex_state
lex_word(struct lexer *l)
{
    int32_t r;
    do {
        r = lex_next(l);
    } while (lex_is_alnum(r) || r == ':');
    lex_backup(l);

    str word = lex_scanned(l);
    enum token_type t = lex_keyword(word);
    bool fill = t == TOK_FILL || t == TOK_FILL_LEFT || t == TOK_FILL_RIGHT;
    if (fill && !paren_follows(l))
        t = TOK_IDENTIFIER;
    else if (t == TOK_NONE)
        t = str_find_char(word, ':', 0) < 0 ? TOK_IDENTIFIER : TOK_METRIC_IDENTIFIER;
    lex_emit(l, t);
    return l->series && lex_peek(l) != '{' ? LEX_VALUES : LEX_STATEMENTS;
}

static bool
starts_duration_word(int32_t r)
{
    r |= 0x20;
    return r == 's' || r == 'r' || r == 'm';
}

/* step, range, max_of, min_of inside brackets. */
static bool
lex_duration_word(struct lexer *l)
{
    while (lex_is_alpha(lex_peek(l)))
        lex_next(l);
    enum token_type t = lex_keyword(lex_scanned(l));
    if (t != TOK_STEP && t != TOK_RANGE && t != TOK_MAX_OF && t != TOK_MIN_OF)
        return false;
    lex_emit(l, t);
    return true;
}

static enum lex_state
lex_close_paren(struct lexer *l, enum lex_state then)
{
    lex_emit(l, TOK_RIGHT_PAREN);
    if (--l->paren_depth < 0)
        return lex_error_rune(l, "unexpected right parenthesis", ')');
    return then;
}

static enum lex_state
lex_open_bracket(struct lexer *l)
{
    if (l->bracket_open)
        return lex_error_rune(l, "unexpected left bracket", '[');
    l->got_colon = false;
    lex_emit(l, TOK_LEFT_BRACKET);
    lex_skip_spaces(l);
    l->bracket_open = true;
    return LEX_DURATION;
}

/* A letter or colon: after a number inside brackets only `:` and duration words. */
static enum lex_state
lex_letter(struct lexer *l, int32_t r)
{
    if (!l->bracket_open) {
        lex_backup(l);
        return lex_word(l);
    }
    if (r == ':') {
        if (l->got_colon)
            return lex_error_rune(l, "unexpected colon", r);
        lex_emit(l, TOK_COLON);
        l->got_colon = true;
        return LEX_STATEMENTS;
    }
    if (starts_duration_word(r) && lex_duration_word(l))
        return LEX_STATEMENTS;
    return lex_error(l, "unexpected character: '%c', expected ':'", (char)r);
}

static enum lex_state
lex_emit_then(struct lexer *l, enum token_type t, enum lex_state then)
{
    lex_emit(l, t);
    return then;
}

/* `<` and `>` with what may follow them. */
static enum lex_state
lex_angle(struct lexer *l, enum token_type alone, enum token_type equal, enum token_type trim)
{
    int32_t r = lex_peek(l);
    if (r == '=' || r == '/')
        lex_next(l);
    return lex_emit_then(l, r == '=' ? equal : r == '/' ? trim : alone, LEX_STATEMENTS);
}

static enum lex_state
lex_equal(struct lexer *l)
{
    int32_t r = lex_peek(l);
    if (r == '~')
        return lex_error_rune(l, "unexpected character after '=':", r);
    if (r == '=')
        lex_next(l);
    return lex_emit_then(l, r == '=' ? TOK_EQLC : TOK_EQL, LEX_STATEMENTS);
}

static enum lex_state
lex_end(struct lexer *l)
{
    if (l->paren_depth != 0)
        return lex_error(l, "unclosed left parenthesis");
    if (l->bracket_open)
        return lex_error(l, "unclosed left bracket");
    return lex_emit_then(l, TOK_EOF, LEX_END);
}

/* The operators and separators of one rune that stand for themselves anywhere. */
static enum token_type
single(int32_t r)
{
    switch (r) {
    case ',': return TOK_COMMA;
    case '*': return TOK_MUL;
    case '/': return TOK_DIV;
    case '%': return TOK_MOD;
    case '+': return TOK_ADD;
    case '-': return TOK_SUB;
    case '^': return TOK_POW;
    default: return TOK_NONE;
    }
}

static enum lex_state
lex_quote(struct lexer *l, int32_t r)
{
    l->quote = r;
    return r == '`' ? lex_raw_string(l) : lex_string(l);
}

static enum lex_state
lex_statements(struct lexer *l)
{
    if (l->histogram != LEX_NO_HISTOGRAM)
        return LEX_HISTOGRAM;
    if (l->brace_open)
        return LEX_BRACES;

    int32_t r = lex_next(l);
    if (single(r) != TOK_NONE)
        return lex_emit_then(l, single(r), LEX_STATEMENTS);
    if (lex_is_space(r)) {
        lex_skip_spaces(l);
        return LEX_STATEMENTS;
    }
    if (lex_is_digit(r) || (r == '.' && lex_is_digit(lex_peek(l)))) {
        l->pos = l->start;
        return lex_number_or_duration(l);
    }
    if (lex_is_alpha(r) || r == ':')
        return lex_letter(l, r);
    switch (r) {
    case LEX_EOF: return lex_end(l);
    case '#': return lex_comment(l);
    case '=': return lex_equal(l);
    case '!':
        if ((r = lex_next(l)) != '=')
            return lex_error_rune(l, "unexpected character after '!':", r);
        return lex_emit_then(l, TOK_NEQ, LEX_STATEMENTS);
    case '<': return lex_angle(l, TOK_LSS, TOK_LTE, TOK_TRIM_UPPER);
    case '>': return lex_angle(l, TOK_GTR, TOK_GTE, TOK_TRIM_LOWER);
    case '"':
    case '\'':
    case '`': return lex_quote(l, r);
    case '(':
        l->paren_depth++;
        return lex_emit_then(l, TOK_LEFT_PAREN, LEX_STATEMENTS);
    case ')': return lex_close_paren(l, LEX_STATEMENTS);
    case '{':
        l->brace_open = true;
        return lex_emit_then(l, TOK_LEFT_BRACE, LEX_BRACES);
    case '[': return lex_open_bracket(l);
    case ']':
        if (!l->bracket_open)
            return lex_error_rune(l, "unexpected right bracket", r);
        l->bracket_open = false;
        return lex_emit_then(l, TOK_RIGHT_BRACKET, LEX_STATEMENTS);
    case '@': return lex_emit_then(l, TOK_AT, LEX_STATEMENTS);
    default: return lex_error_rune(l, "unexpected character:", r);
    }
}

static enum lex_state
lex_match_operator(struct lexer *l, int32_t first)
{
    int32_t r = lex_next(l);
    if (first == '=') {
        if (r == '~')
            return lex_emit_then(l, TOK_EQL_REGEX, LEX_BRACES);
        lex_backup(l);
        return lex_emit_then(l, TOK_EQL, LEX_BRACES);
    }
    if (r != '~' && r != '=')
        return lex_error_rune(l, "unexpected character after '!' inside braces:", r);
    return lex_emit_then(l, r == '~' ? TOK_NEQ_REGEX : TOK_NEQ, LEX_BRACES);
}

static enum lex_state
lex_braces(struct lexer *l)
{
    int32_t r = lex_next(l);
    if (lex_is_space(r)) {
        lex_skip_spaces(l);
        return LEX_BRACES;
    }
    if (lex_is_alpha(r)) {
        while (lex_is_alnum(lex_peek(l)))
            lex_next(l);
        return lex_emit_then(l, TOK_IDENTIFIER, LEX_BRACES);
    }
    switch (r) {
    case LEX_EOF: return lex_error(l, "unexpected end of input inside braces");
    case '#': return lex_comment(l);
    case ',': return lex_emit_then(l, TOK_COMMA, LEX_BRACES);
    case '"':
    case '\'':
    case '`': return lex_quote(l, r);
    case '=':
    case '!': return lex_match_operator(l, r);
    case '{': return lex_error_rune(l, "unexpected left brace", r);
    case '}':
        l->brace_open = false;
        return lex_emit_then(l, TOK_RIGHT_BRACE, l->series ? LEX_VALUES : LEX_STATEMENTS);
    default: return lex_error_rune(l, "unexpected character inside braces:", r);
    }
}

static enum lex_state
lex_duration_colon(struct lexer *l)
{
    lex_emit(l, TOK_COLON);
    if (!l->got_duration)
        return lex_error(l, "unexpected colon before duration in duration expression");
    if (l->got_colon)
        return lex_error(l, "unexpected repeated colon in duration expression");
    l->got_colon = true;
    return LEX_DURATION;
}

static enum lex_state
lex_duration(struct lexer *l)
{
    int32_t r = lex_next(l);
    if (single(r) != TOK_NONE)
        return lex_emit_then(l, single(r), LEX_DURATION);
    if (lex_is_space(r)) {
        lex_skip_spaces(l);
        return LEX_DURATION;
    }
    if (lex_is_digit(r) || (r == '.' && lex_is_digit(lex_peek(l)))) {
        l->pos = l->start;
        l->got_duration = true;
        return lex_number_or_duration(l);
    }
    switch (r) {
    case LEX_EOF: return lex_error(l, "unexpected end of input in duration expression");
    case ']':
        l->bracket_open = l->got_colon = false;
        return lex_emit_then(l, TOK_RIGHT_BRACKET, LEX_STATEMENTS);
    case ':': return lex_duration_colon(l);
    case '(':
        l->paren_depth++;
        return lex_emit_then(l, TOK_LEFT_PAREN, LEX_DURATION);
    case ')': return lex_close_paren(l, LEX_DURATION);
    default:
        if (starts_duration_word(r) && lex_duration_word(l))
            return LEX_DURATION;
        return lex_error_rune(l, "unexpected character in duration expression:", r);
    }
}

void
lex_init(struct lexer *l, str text, bool series, struct arena *a)
{
    CHECK(text.n < UINT32_MAX);
    *l = (struct lexer){.in = text, .arena = a, .state = LEX_STATEMENTS, .series = series};
}

static enum lex_state
lex_step(struct lexer *l)
{
    switch (l->state) {
    case LEX_STATEMENTS: return lex_statements(l);
    case LEX_BRACES: return lex_braces(l);
    case LEX_DURATION: return lex_duration(l);
    case LEX_NUMBER: return lex_number(l);
    case LEX_VALUES: return lex_values(l);
    case LEX_HISTOGRAM: return lex_histogram(l);
    case LEX_BUCKETS: return lex_buckets(l);
    case LEX_END: break;
    }
    return lex_emit_then(l, TOK_EOF, LEX_END);
}

void
lex_token(struct lexer *l, struct token *out)
{
    l->scanned = false;
    l->out = out;
    while (!l->scanned)
        l->state = lex_step(l);
}
