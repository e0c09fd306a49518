/* exposition_lex.c - tokens of both text formats.
 *
 * Each format is an automaton, and where it stops is part of its behaviour: errors quote
 * the page up to there, and after some of them reading goes on.  So tokens are taken one
 * character at a time and a failing one leaves x->at where it failed.  The end of the page
 * reads as a NUL, which no token but a label value, a HELP text and a comment may hold.
 *
 * A text page always ends in a newline: a last line without one is complete.
 */
#include "server/scrape/exposition_priv.h"

static size_t
end_of_page(const struct expo *x)
{
    return x->page.n + (x->format == EXPO_TEXT);
}

static unsigned char
current(const struct expo *x)
{
    if (x->at < x->page.n)
        return (unsigned char)x->page.p[x->at];
    return x->at < end_of_page(x) ? '\n' : '\0';
}

/* What stands at x->at, past NULs where they are allowed. */
static unsigned char
past_nul(struct expo *x)
{
    bool allowed = x->state == STATE_LABEL_VALUE || x->state == STATE_META2 || x->state == STATE_COMMENT;

    while (allowed && x->at < x->page.n && x->page.p[x->at] == '\0')
        x->at++;
    return current(x);
}

static inline unsigned char
next(struct expo *x)
{
    x->at++;
    if (LIKELY(x->at < x->page.n && x->page.p[x->at] != '\0'))
        return (unsigned char)x->page.p[x->at];
    return past_nul(x);
}

static bool
is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static bool
is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_alpha(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Takes the current character and says what it was. */
static enum expo_token
take(struct expo *x, enum expo_state then, enum expo_token t)
{
    next(x);
    x->state = then;
    return t;
}

static enum expo_token
ended(struct expo *x, enum expo_state then, enum expo_token t)
{
    x->state = then;
    return t;
}

/* [a-zA-Z_:][a-zA-Z0-9_:]* whose first character is known to fit. */
static void
take_name(struct expo *x, bool colon)
{
    unsigned char c;

    do
        c = next(x);
    while (is_alpha(c) || is_digit(c) || (colon && c == ':'));
}

/* "(\\.|[^\\"])*" from its first quote on; a backslash takes the next character, but not a
 * newline. */
static bool
take_quoted(struct expo *x, bool newlines)
{
    unsigned char c = next(x);

    while (c != '"') {
        if (c == '\\') {
            c = next(x);
            if (c == '\n')
                return false;
        } else if (c == '\n' && !newlines) {
            return false;
        }
        if (c == '\0')
            return false;
        c = next(x);
    }
    next(x);
    return true;
}

/* The rest of a word whose first character is the current one.  False where it fails. */
static bool
take_word(struct expo *x, const char *word)
{
    for (const char *w = word; *w; w++) {
        if (current(x) != (unsigned char)*w)
            return false;
        next(x);
    }
    return true;
}

static void
take_blanks(struct expo *x)
{
    while (is_blank(next(x)))
        ;
}

/* name, "quoted", } = , : inside braces, the same in both formats. */
static enum expo_token
lex_braces(struct expo *x, enum expo_state then_value, enum expo_state then_close, bool newlines)
{
    enum expo_state self = (enum expo_state)x->state;
    unsigned char c = current(x);

    if (is_alpha(c)) {
        take_name(x, false);
        return TOKEN_LABEL_NAME;
    }
    switch (c) {
    case '"': return take_quoted(x, newlines) ? ended(x, self, TOKEN_QUOTED) : TOKEN_INVALID;
    case '}': return take(x, then_close, TOKEN_BRACE_CLOSE);
    case '=': return take(x, then_value, TOKEN_EQUAL);
    case ',': return take(x, self, TOKEN_COMMA);
    default: return TOKEN_INVALID;
    }
}

static enum expo_token
lex_label_value(struct expo *x, enum expo_state then, bool newlines)
{
    if (current(x) != '"' || !take_quoted(x, newlines))
        return TOKEN_INVALID;
    return ended(x, then, TOKEN_LABEL_VALUE);
}

/* Name after HELP, TYPE or UNIT. */
static enum expo_token
lex_family(struct expo *x)
{
    unsigned char c = current(x);

    if (c == '"')
        return take_quoted(x, true) ? ended(x, STATE_META2, TOKEN_METRIC_NAME) : TOKEN_INVALID;
    if (!is_alpha(c) && c != ':')
        return TOKEN_INVALID;
    take_name(x, true);
    return ended(x, STATE_META2, TOKEN_METRIC_NAME);
}

static enum expo_token
lex_series_name(struct expo *x)
{
    unsigned char c = current(x);

    if (c == '{')
        return take(x, STATE_LABELS, TOKEN_BRACE_OPEN);
    if (!is_alpha(c) && c != ':')
        return TOKEN_INVALID;
    take_name(x, true);
    return ended(x, STATE_VALUE, TOKEN_METRIC_NAME);
}

/* --- text -------------------------------------------------------------------------- */

/* The rest of a comment line.  A NUL just behind the # ends the page as a success. */
static enum expo_token
lex_rest_of_comment(struct expo *x)
{
    unsigned char c = current(x);

    while (c != '\n' && c != '\0')
        c = next(x);
    return c == '\0' ? TOKEN_EOF : ended(x, STATE_INIT, TOKEN_COMMENT);
}

static enum expo_token
lex_text_comment(struct expo *x)
{
    if (!is_blank(next(x)))
        return lex_rest_of_comment(x);
    take_blanks(x);
    x->state = STATE_COMMENT;
    bool help = current(x) == 'H';
    if (!take_word(x, help ? "HELP" : "TYPE") || !is_blank(current(x)))
        return lex_rest_of_comment(x);
    take_blanks(x);
    return ended(x, STATE_META1, help ? TOKEN_HELP : TOKEN_TYPE);
}

/* Everything up to the newline, unless that is blanks alone. */
static enum expo_token
lex_text_meta(struct expo *x)
{
    unsigned char c = current(x);
    bool blank = is_blank(c);

    if (blank) {
        take_blanks(x);
        c = current(x);
        if (c == '\n' || c == '\0')
            return TOKEN_WHITESPACE;
    }
    while (c != '\n' && c != '\0')
        c = next(x);
    return ended(x, STATE_INIT, TOKEN_TEXT);
}

static enum expo_token
lex_text_value(struct expo *x)
{
    unsigned char c = current(x);

    if (c == '{')
        return take(x, STATE_LABELS, TOKEN_BRACE_OPEN);
    if (c == '\n' || c == '\0')
        return TOKEN_INVALID;
    do
        c = next(x);
    while (c != '{' && c != '\n' && c != '\0' && !is_blank(c));
    return ended(x, STATE_TIMESTAMP, TOKEN_VALUE);
}

static enum expo_token
lex_text_init(struct expo *x)
{
    switch (current(x)) {
    case '\0': return take(x, STATE_INIT, TOKEN_EOF);
    case '\n': return take(x, STATE_INIT, TOKEN_LINEBREAK);
    case '#': return lex_text_comment(x);
    default: return lex_series_name(x);
    }
}

static enum expo_token
lex_text(struct expo *x)
{
    unsigned char c = current(x);

    if (x->state == STATE_META2)
        return lex_text_meta(x);
    if (is_blank(c)) {
        take_blanks(x);
        return TOKEN_WHITESPACE;
    }
    switch ((enum expo_state)x->state) {
    case STATE_INIT:
        return lex_text_init(x);
    case STATE_META1:
        return lex_family(x);
    case STATE_LABELS:
        return lex_braces(x, STATE_LABEL_VALUE, STATE_VALUE, true);
    case STATE_LABEL_VALUE:
        return lex_label_value(x, STATE_LABELS, true);
    case STATE_VALUE:
        return lex_text_value(x);
    case STATE_TIMESTAMP:
        if (c == '\n')
            return take(x, STATE_INIT, TOKEN_LINEBREAK);
        if (!is_digit(c))
            return TOKEN_INVALID;
        while (is_digit(next(x)))
            ;
        return TOKEN_TIMESTAMP;
    default:
        return TOKEN_INVALID;
    }
}

enum expo_token
expo_lex_text(struct expo *x)
{
    enum expo_token t;

    do {
        if (x->at >= end_of_page(x))
            return TOKEN_EOF; /* the last token stays */
        x->token = x->at;
        t = lex_text(x);
    } while (t == TOKEN_WHITESPACE);
    return t;
}

/* --- OpenMetrics ------------------------------------------------------------------- */

static enum expo_token
lex_om_comment(struct expo *x)
{
    static const struct {
        char first;
        const char *word;
        enum expo_token token;
    } words[] = {{'H', "HELP ", TOKEN_HELP}, {'T', "TYPE ", TOKEN_TYPE}, {'U', "UNIT ", TOKEN_UNIT}};

    if (x->state == STATE_INIT) {
        if (next(x) != ' ')
            return TOKEN_INVALID;
        next(x);
        x->state = STATE_COMMENT;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (current(x) == (unsigned char)words[i].first)
            return take_word(x, words[i].word) ? ended(x, STATE_META1, words[i].token) : TOKEN_INVALID;
    if (!take_word(x, "EOF"))
        return TOKEN_INVALID;
    if (current(x) == '\n')
        next(x);
    return ended(x, STATE_INIT, TOKEN_EOF_WORD);
}

/* One blank and then characters up to the next: a value or a timestamp. */
static enum expo_token
lex_om_word(struct expo *x, enum expo_state then, enum expo_token t)
{
    if (current(x) != ' ')
        return TOKEN_INVALID;
    unsigned char c = next(x);
    if (c == ' ' || c == '\n' || c == '\0')
        return TOKEN_INVALID;
    do
        c = next(x);
    while (c != ' ' && c != '\n' && c != '\0');
    return ended(x, then, t);
}

/* Timestamp, exemplar or the end of the line. */
static enum expo_token
lex_om_after_value(struct expo *x)
{
    enum expo_state self = (enum expo_state)x->state;

    if (current(x) == '\n')
        return take(x, STATE_INIT, TOKEN_LINEBREAK);
    str rest = str_from(x->page, x->at);
    if (self != STATE_TIMESTAMP || !str_starts(rest, STRL(" # ")))
        return lex_om_word(x, self, TOKEN_TIMESTAMP);
    next(x);
    next(x);
    if (next(x) != '{')
        return TOKEN_INVALID;
    return take(x, STATE_EXEMPLAR, TOKEN_COMMENT);
}

static enum expo_token
lex_om_meta(struct expo *x)
{
    unsigned char c = current(x);

    if (c != ' ')
        return TOKEN_INVALID;
    do
        c = next(x);
    while (c != '\n' && c != '\0');
    return c == '\n' ? take(x, STATE_INIT, TOKEN_TEXT) : TOKEN_INVALID;
}

enum expo_token
expo_lex_openmetrics(struct expo *x)
{
    if (x->at >= x->page.n)
        return TOKEN_EOF;
    x->token = x->at;
    unsigned char c = current(x);
    switch ((enum expo_state)x->state) {
    case STATE_INIT:
        return c == '#' ? lex_om_comment(x) : lex_series_name(x);
    case STATE_COMMENT:
        return lex_om_comment(x);
    case STATE_META1:
        return lex_family(x);
    case STATE_META2:
        return lex_om_meta(x);
    case STATE_LABELS:
        return lex_braces(x, STATE_LABEL_VALUE, STATE_VALUE, true);
    case STATE_LABEL_VALUE:
        return lex_label_value(x, STATE_LABELS, false);
    case STATE_VALUE:
        return c == '{' ? take(x, STATE_LABELS, TOKEN_BRACE_OPEN)
                        : lex_om_word(x, STATE_TIMESTAMP, TOKEN_VALUE);
    case STATE_EXEMPLAR:
        return lex_braces(x, STATE_EXEMPLAR_VALUE, STATE_EXEMPLAR_VALUE, false);
    case STATE_EXEMPLAR_VALUE:
        return c == '"' ? lex_label_value(x, STATE_EXEMPLAR, false)
                        : lex_om_word(x, STATE_EXEMPLAR_TIMESTAMP, TOKEN_VALUE);
    case STATE_TIMESTAMP:
    case STATE_EXEMPLAR_TIMESTAMP:
        return lex_om_after_value(x);
    }
    return TOKEN_INVALID;
}
