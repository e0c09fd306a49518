/* exposition_lex.c - tokens of both text formats.
 *
 * Where Prometheus' generated lexers take the longest match, so does this code; the
 * states and what ends them are written beside each case.
 */
#include "server/scrape/exposition_priv.h"

static bool
is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

size_t
expo_match_name(str page, size_t at, bool colon)
{
    if (at >= page.n || !(is_alpha(page.p[at]) || (colon && page.p[at] == ':')))
        return at;
    do
        at++;
    while (at < page.n && (is_alpha(page.p[at]) || is_digit(page.p[at]) || (colon && page.p[at] == ':')));
    return at;
}

/* "(\\.|[^\\"])*" : a backslash takes the next character, but not a newline. */
size_t
expo_match_quoted(str page, size_t at, bool newlines)
{
    if (at >= page.n || page.p[at] != '"')
        return at;
    for (size_t i = at + 1; i < page.n; i++) {
        char c = page.p[i];
        if (c == '"')
            return i + 1;
        if (c == '\\') {
            if (++i >= page.n || page.p[i] == '\n')
                return at;
        } else if (c == '\n' && !newlines) {
            return at;
        }
    }
    return at;
}

static size_t
skip_blanks(str page, size_t at)
{
    while (at < page.n && (page.p[at] == ' ' || page.p[at] == '\t'))
        at++;
    return at;
}

static size_t
match_digits(str page, size_t at)
{
    while (at < page.n && is_digit(page.p[at]))
        at++;
    return at;
}

/* Characters up to one of the stops. */
static size_t
match_until(str page, size_t at, const char *stops)
{
    while (at < page.n && !strchr(stops, page.p[at]))
        at++;
    return at;
}

static enum expo_token
emit(struct expo *x, size_t end, enum expo_state next, enum expo_token t)
{
    x->token_end = x->at = end;
    x->state = next;
    return t;
}

static enum expo_token
invalid(struct expo *x)
{
    x->token_end = x->at;
    return TOKEN_INVALID;
}

static char
char_at(const struct expo *x, size_t at)
{
    return at < x->page.n ? x->page.p[at] : '\0';
}

/* name, "quoted", } = , : inside braces, the same in both formats. */
static enum expo_token
lex_braces(struct expo *x, enum expo_state self, enum expo_state on_equal, enum expo_state on_close,
           bool quoted_newlines)
{
    size_t end = expo_match_name(x->page, x->at, false);

    if (end > x->at)
        return emit(x, end, self, TOKEN_LABEL_NAME);
    end = expo_match_quoted(x->page, x->at, quoted_newlines);
    if (end > x->at)
        return emit(x, end, self, TOKEN_QUOTED);
    switch (char_at(x, x->at)) {
    case '}': return emit(x, x->at + 1, on_close, TOKEN_BRACE_CLOSE);
    case '=': return emit(x, x->at + 1, on_equal, TOKEN_EQUAL);
    case ',': return emit(x, x->at + 1, self, TOKEN_COMMA);
    default: return invalid(x);
    }
}

/* Name after HELP, TYPE or UNIT. */
static enum expo_token
lex_family(struct expo *x)
{
    size_t end = expo_match_quoted(x->page, x->at, true);

    if (end == x->at)
        end = expo_match_name(x->page, x->at, true);
    if (end == x->at)
        return invalid(x);
    return emit(x, end, STATE_META2, TOKEN_METRIC_NAME);
}

/* A word of a comment line: "HELP" and at least one blank. */
static size_t
match_word(const struct expo *x, const char *word, size_t at)
{
    str w = str_of(word);

    return str_starts(str_from(x->page, at), w) ? at + w.n : 0;
}

/* The rest of a comment line; a NUL ends the page as a success. */
static enum expo_token
consume_comment(struct expo *x)
{
    size_t end = x->at;

    while (end < x->page.n && x->page.p[end] != '\n' && x->page.p[end] != '\0')
        end++;
    if (end < x->page.n && x->page.p[end] == '\0') {
        x->at = x->page.n;
        return TOKEN_EOF;
    }
    return emit(x, end, STATE_INIT, TOKEN_COMMENT);
}

static enum expo_token
lex_text_comment(struct expo *x)
{
    static const struct {
        const char *word;
        enum expo_token token;
    } words[] = {{"HELP", TOKEN_HELP}, {"TYPE", TOKEN_TYPE}};

    size_t at = skip_blanks(x->page, x->at + 1);
    if (at > x->at + 1) {
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
            size_t end = match_word(x, words[i].word, at);
            size_t blanks = end ? skip_blanks(x->page, end) : 0;
            if (end && blanks > end)
                return emit(x, blanks, STATE_META1, words[i].token);
        }
    }
    return consume_comment(x);
}

static enum expo_token
lex_text_init(struct expo *x)
{
    char c = char_at(x, x->at);

    if (x->at >= x->page.n || c == '\0') {
        x->at = x->page.n;
        return TOKEN_EOF;
    }
    if (c == '\n')
        return emit(x, x->at + 1, STATE_INIT, TOKEN_LINEBREAK);
    if (c == '#')
        return lex_text_comment(x);
    if (c == '{')
        return emit(x, x->at + 1, STATE_LABELS, TOKEN_BRACE_OPEN);
    size_t end = expo_match_name(x->page, x->at, true);
    return end > x->at ? emit(x, end, STATE_VALUE, TOKEN_METRIC_NAME) : invalid(x);
}

/* The page always ends in a newline here: a last line without one is complete. */
enum expo_token
expo_lex_text(struct expo *x)
{
    /* Blanks mean nothing between tokens, but META2 takes them into its text. */
    if (x->state != STATE_META2)
        x->at = skip_blanks(x->page, x->at);
    x->token = x->at;
    bool end_of_page = x->at >= x->page.n;
    size_t end;

    switch ((enum expo_state)x->state) {
    case STATE_INIT:
        return lex_text_init(x);
    case STATE_META1:
        return lex_family(x);
    case STATE_META2:
        return emit(x, match_until(x->page, x->at, "\n"), STATE_INIT, TOKEN_TEXT);
    case STATE_LABELS:
        return lex_braces(x, STATE_LABELS, STATE_LABEL_VALUE, STATE_VALUE, true);
    case STATE_LABEL_VALUE:
        end = expo_match_quoted(x->page, x->at, true);
        return end > x->at ? emit(x, end, STATE_LABELS, TOKEN_LABEL_VALUE) : invalid(x);
    case STATE_VALUE:
        if (char_at(x, x->at) == '{')
            return emit(x, x->at + 1, STATE_LABELS, TOKEN_BRACE_OPEN);
        end = match_until(x->page, x->at, "{ \t\n");
        return end > x->at ? emit(x, end, STATE_TIMESTAMP, TOKEN_VALUE) : invalid(x);
    case STATE_TIMESTAMP:
        if (end_of_page)
            return emit(x, x->at, STATE_INIT, TOKEN_LINEBREAK);
        if (x->page.p[x->at] == '\n')
            return emit(x, x->at + 1, STATE_INIT, TOKEN_LINEBREAK);
        end = match_digits(x->page, x->at);
        return end > x->at ? emit(x, end, STATE_TIMESTAMP, TOKEN_TIMESTAMP) : invalid(x);
    default:
        return invalid(x);
    }
}

static enum expo_token
lex_om_comment(struct expo *x)
{
    static const struct {
        const char *word;
        enum expo_token token;
    } words[] = {{"# HELP ", TOKEN_HELP}, {"# TYPE ", TOKEN_TYPE}, {"# UNIT ", TOKEN_UNIT}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t end = match_word(x, words[i].word, x->at);
        if (end)
            return emit(x, end, STATE_META1, words[i].token);
    }
    size_t end = match_word(x, "# EOF", x->at);
    if (!end)
        return invalid(x);
    return emit(x, char_at(x, end) == '\n' ? end + 1 : end, STATE_INIT, TOKEN_EOF_WORD);
}

static enum expo_token
lex_om_init(struct expo *x)
{
    if (x->at >= x->page.n)
        return TOKEN_EOF;
    if (x->page.p[x->at] == '#')
        return lex_om_comment(x);
    if (x->page.p[x->at] == '{')
        return emit(x, x->at + 1, STATE_LABELS, TOKEN_BRACE_OPEN);
    size_t end = expo_match_name(x->page, x->at, true);
    return end > x->at ? emit(x, end, STATE_VALUE, TOKEN_METRIC_NAME) : invalid(x);
}

/* One blank and then characters up to the next: a value or a timestamp. */
static enum expo_token
lex_om_word(struct expo *x, enum expo_state next, enum expo_token t)
{
    if (char_at(x, x->at) != ' ')
        return invalid(x);
    size_t end = match_until(x->page, x->at + 1, " \n");
    return end > x->at + 1 ? emit(x, end, next, t) : invalid(x);
}

/* Timestamp, exemplar or the end of the line. */
static enum expo_token
lex_om_after_value(struct expo *x)
{
    if (x->at < x->page.n && x->page.p[x->at] == '\n')
        return emit(x, x->at + 1, STATE_INIT, TOKEN_LINEBREAK);
    if (x->state == STATE_TIMESTAMP) {
        size_t end = match_word(x, " # {", x->at);
        if (end)
            return emit(x, end, STATE_EXEMPLAR, TOKEN_COMMENT);
    }
    return lex_om_word(x, (enum expo_state)x->state, TOKEN_TIMESTAMP);
}

enum expo_token
expo_lex_openmetrics(struct expo *x)
{
    size_t end;

    x->token = x->token_end = x->at;
    if (x->at >= x->page.n)
        return TOKEN_EOF;
    switch ((enum expo_state)x->state) {
    case STATE_INIT:
        return lex_om_init(x);
    case STATE_META1:
        return lex_family(x);
    case STATE_META2:
        end = match_until(x->page, x->at, "\n");
        if (char_at(x, x->at) != ' ' || end >= x->page.n)
            return invalid(x);
        return emit(x, end + 1, STATE_INIT, TOKEN_TEXT);
    case STATE_LABELS:
        return lex_braces(x, STATE_LABELS, STATE_LABEL_VALUE, STATE_VALUE, true);
    case STATE_LABEL_VALUE:
        end = expo_match_quoted(x->page, x->at, false);
        return end > x->at ? emit(x, end, STATE_LABELS, TOKEN_LABEL_VALUE) : invalid(x);
    case STATE_VALUE:
        if (x->page.p[x->at] == '{')
            return emit(x, x->at + 1, STATE_LABELS, TOKEN_BRACE_OPEN);
        return lex_om_word(x, STATE_TIMESTAMP, TOKEN_VALUE);
    case STATE_EXEMPLAR:
        return lex_braces(x, STATE_EXEMPLAR, STATE_EXEMPLAR_VALUE, STATE_EXEMPLAR_VALUE, false);
    case STATE_EXEMPLAR_VALUE:
        end = expo_match_quoted(x->page, x->at, false);
        if (end > x->at)
            return emit(x, end, STATE_EXEMPLAR, TOKEN_LABEL_VALUE);
        return lex_om_word(x, STATE_EXEMPLAR_TIMESTAMP, TOKEN_VALUE);
    case STATE_TIMESTAMP:
    case STATE_EXEMPLAR_TIMESTAMP:
        return lex_om_after_value(x);
    case STATE_COMMENT:
        break;
    }
    return invalid(x);
}
