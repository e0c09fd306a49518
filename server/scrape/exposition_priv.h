/* exposition_priv.h - the lexers' tokens and what both grammars share. */
#pragma once
#include "server/scrape/exposition.h"

enum expo_token {
    TOKEN_INVALID, TOKEN_EOF, TOKEN_LINEBREAK, TOKEN_HELP, TOKEN_TYPE, TOKEN_UNIT, TOKEN_EOF_WORD,
    TOKEN_TEXT, TOKEN_COMMENT, TOKEN_METRIC_NAME, TOKEN_QUOTED, TOKEN_BRACE_OPEN,
    TOKEN_BRACE_CLOSE, TOKEN_LABEL_NAME, TOKEN_LABEL_VALUE, TOKEN_COMMA, TOKEN_EQUAL,
    TOKEN_TIMESTAMP, TOKEN_VALUE, TOKEN_WHITESPACE,
};

enum expo_state {
    STATE_INIT, STATE_COMMENT, STATE_META1, STATE_META2, STATE_LABELS, STATE_LABEL_VALUE,
    STATE_VALUE, STATE_TIMESTAMP, STATE_EXEMPLAR, STATE_EXEMPLAR_VALUE, STATE_EXEMPLAR_TIMESTAMP,
};

/* Next token; its bytes are page[token, at). */
enum expo_token expo_lex_text(struct expo *x);
enum expo_token expo_lex_openmetrics(struct expo *x);
static inline enum expo_token
expo_lex(struct expo *x)
{
    return x->format == EXPO_TEXT ? expo_lex_text(x) : expo_lex_openmetrics(x);
}
static inline str
expo_token_text(const struct expo *x)
{
    return STR(x->page.p + x->token, x->at - x->token);
}

/* "WHAT, got "x" ("TOKEN") while parsing: "line"". */
bool expo_unexpected(const struct expo *x, const char *what, enum expo_token got, struct err *e);
/* "WHAT while parsing: "line"". */
bool expo_while_parsing(const struct expo *x, struct err *e);
/* A sample's number; any NaN becomes the normal one. */
bool expo_read_float(const struct expo *x, str s, double *out, struct err *e);
