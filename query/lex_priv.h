/* lex_priv.h - what the files of the lexer share: runes and emitting.
 * For query/lex*.c only. */
#pragma once
#include "base/unicode.h"
#include "query/lex.h"

#define LEX_EOF (-1)

/* Reads a rune (RUNE_ERROR for a bad byte) or LEX_EOF; backup steps back over it, once. */
int32_t lex_next(struct lexer *l);
int32_t lex_peek(struct lexer *l);
static inline void
lex_backup(struct lexer *l)
{
    l->pos -= l->width;
}
/* Forgets what was scanned since the last token. */
static inline void
lex_ignore(struct lexer *l)
{
    l->start = l->pos;
}
void lex_emit(struct lexer *l, enum token_type t);
enum lex_state lex_error(struct lexer *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Error texts that end with a rune, in Go's quotes: "…: 'x'". */
enum lex_state lex_error_rune(struct lexer *l, const char *words, int32_t rune);
/* … with what was scanned so far: "…: \"0xg\"". */
enum lex_state lex_error_text(struct lexer *l, const char *words);
void lex_skip_spaces(struct lexer *l);
/* The keyword, number word (inf, nan) or TOK_NONE. */
enum token_type lex_keyword(str word);
str lex_scanned(const struct lexer *l);

static inline bool
lex_is_space(int32_t r)
{
    return r == ' ' || r == '\t' || r == '\n' || r == '\r';
}
static inline bool
lex_is_digit(int32_t r)
{
    return r >= '0' && r <= '9';
}
static inline bool
lex_is_alpha(int32_t r)
{
    return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z');
}
static inline bool
lex_is_alnum(int32_t r)
{
    return lex_is_alpha(r) || lex_is_digit(r);
}

/* lex_literal.c */
enum lex_state lex_string(struct lexer *l);
enum lex_state lex_raw_string(struct lexer *l);
enum lex_state lex_number(struct lexer *l);
enum lex_state lex_number_or_duration(struct lexer *l);
/* lex_series.c */
enum lex_state lex_values(struct lexer *l);
enum lex_state lex_histogram(struct lexer *l);
enum lex_state lex_buckets(struct lexer *l);
/* lex.c, for lex_series.c */
enum lex_state lex_word(struct lexer *l);
