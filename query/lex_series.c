/* lex_series.c - the values of a series line: `1+2x3 _x2 stale {{count:1 buckets:[1]}}x4`. */
#include "query/lex_priv.h"

enum lex_state
lex_values(struct lexer *l)
{
    if (l->histogram != LEX_NO_HISTOGRAM)
        return LEX_HISTOGRAM;
    int32_t r = lex_next(l);
    if (r == LEX_EOF)
        return LEX_STATEMENTS;
    if (lex_is_space(r)) {
        lex_emit(l, TOK_SPACE);
        lex_skip_spaces(l);
        return LEX_VALUES;
    }
    if (r == '{' && lex_peek(l) == '{') {
        l->histogram = LEX_IN_HISTOGRAM;
        lex_next(l);
        lex_emit(l, TOK_OPEN_HIST);
        return LEX_HISTOGRAM;
    }
    if (lex_is_digit(r) || (r == '.' && lex_is_digit(lex_peek(l)))) {
        l->pos = l->start;
        return lex_number(l) == LEX_END ? LEX_END : LEX_VALUES;
    }
    switch (r) {
    case '+': lex_emit(l, TOK_ADD); return LEX_VALUES;
    case '-': lex_emit(l, TOK_SUB); return LEX_VALUES;
    case 'x': lex_emit(l, TOK_TIMES); return LEX_VALUES;
    case '_': lex_emit(l, TOK_BLANK); return LEX_VALUES;
    default: break;
    }
    if (lex_is_alpha(r)) {
        lex_backup(l);
        return lex_word(l);
    }
    return lex_error_rune(l, "unexpected character in series sequence:", r);
}

static enum token_type
histogram_key(str word)
{
    static const struct {
        const char *name;
        enum token_type type;
    } keys[] = {
        {"sum", TOK_SUM_DESC},
        {"count", TOK_COUNT_DESC},
        {"schema", TOK_SCHEMA_DESC},
        {"offset", TOK_OFFSET_DESC},
        {"n_offset", TOK_N_OFFSET_DESC},
        {"buckets", TOK_BUCKETS_DESC},
        {"n_buckets", TOK_N_BUCKETS_DESC},
        {"z_bucket", TOK_Z_BUCKET_DESC},
        {"z_bucket_w", TOK_Z_BUCKET_W_DESC},
        {"custom_values", TOK_CUSTOM_VALUES_DESC},
        {"counter_reset_hint", TOK_COUNTER_RESET_HINT_DESC},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (str_eq(word, str_of(keys[i].name)))
            return keys[i].type;
    }
    return TOK_NONE;
}

static enum token_type
reset_hint(str word)
{
    if (str_eq(word, STRL("unknown")))
        return TOK_HINT_UNKNOWN;
    if (str_eq(word, STRL("reset")))
        return TOK_HINT_RESET;
    if (str_eq(word, STRL("not_reset")))
        return TOK_HINT_NOT_RESET;
    if (str_eq(word, STRL("gauge")))
        return TOK_HINT_GAUGE;
    return TOK_NONE;
}

/* A key (before a colon), inf, nan or a reset hint. */
static enum lex_state
histogram_word(struct lexer *l)
{
    while (lex_is_alpha(lex_peek(l)))
        lex_next(l);
    struct buf lower = {0};
    unicode_put_lower(&lower, lex_scanned(l));
    enum token_type key = histogram_key(buf_str(&lower)), hint = reset_hint(buf_str(&lower));
    buf_free(&lower);

    if (key != TOK_NONE && lex_peek(l) != ':')
        return lex_error(l, "missing `:` for histogram descriptor");
    enum token_type t = key != TOK_NONE ? key : hint;
    if (lex_keyword(lex_scanned(l)) == TOK_NUMBER)
        t = TOK_NUMBER;
    if (t == TOK_NONE)
        return lex_error_text(l, "bad histogram descriptor found:");
    lex_emit(l, t);
    return LEX_HISTOGRAM;
}

/* }} and a look at whether `x`, `+` or `-` follows at once. */
static enum lex_state
histogram_close(struct lexer *l)
{
    lex_next(l);
    lex_emit(l, TOK_CLOSE_HIST);
    switch (lex_peek(l)) {
    case 'x': l->histogram = LEX_THEN_TIMES; return LEX_HISTOGRAM;
    case '+': l->histogram = LEX_THEN_ADD; return LEX_HISTOGRAM;
    case '-': l->histogram = LEX_THEN_SUB; return LEX_HISTOGRAM;
    default: l->histogram = LEX_NO_HISTOGRAM; return LEX_VALUES;
    }
}

static enum lex_state
histogram_operator(struct lexer *l, enum token_type t)
{
    l->histogram = LEX_NO_HISTOGRAM;
    lex_next(l);
    lex_emit(l, t);
    return LEX_VALUES;
}

enum lex_state
lex_histogram(struct lexer *l)
{
    switch (l->histogram) {
    case LEX_THEN_TIMES: return histogram_operator(l, TOK_TIMES);
    case LEX_THEN_ADD: return histogram_operator(l, TOK_ADD);
    case LEX_THEN_SUB: return histogram_operator(l, TOK_SUB);
    default: break;
    }
    if (l->bracket_open)
        return lex_buckets(l);

    int32_t r = lex_next(l);
    if (lex_is_space(r)) {
        lex_emit(l, TOK_SPACE);
        lex_skip_spaces(l);
        return LEX_HISTOGRAM;
    }
    if (lex_is_alpha(r))
        return histogram_word(l);
    if (lex_is_digit(r)) {
        l->pos = l->start;
        return lex_number(l);
    }
    switch (r) {
    case ':': lex_emit(l, TOK_COLON); return LEX_HISTOGRAM;
    case '-': lex_emit(l, TOK_SUB); return LEX_HISTOGRAM;
    case '[':
        l->bracket_open = true;
        lex_emit(l, TOK_LEFT_BRACKET);
        return LEX_BUCKETS;
    case '}':
        if (lex_peek(l) == '}')
            return histogram_close(l);
        break;
    default: break;
    }
    return lex_error_rune(l, "histogram description incomplete unexpected:", r);
}

enum lex_state
lex_buckets(struct lexer *l)
{
    int32_t r = lex_next(l);
    if (lex_is_space(r)) {
        lex_emit(l, TOK_SPACE);
        lex_skip_spaces(l);
        return LEX_BUCKETS;
    }
    if (lex_is_digit(r)) {
        lex_backup(l);
        return lex_number(l);
    }
    if (lex_is_alpha(r)) {
        /* inf or nan, letter by letter */
        if (lex_keyword(lex_scanned(l)) == TOK_NUMBER)
            lex_emit(l, TOK_NUMBER);
        return LEX_BUCKETS;
    }
    switch (r) {
    case '-': lex_emit(l, TOK_SUB); return LEX_NUMBER;
    case ']':
        l->bracket_open = false;
        lex_emit(l, TOK_RIGHT_BRACKET);
        return LEX_HISTOGRAM;
    default: return lex_error_rune(l, "invalid character in buckets description:", r);
    }
}
