/* lex.h - PromQL text to tokens.
 *
 * What a character means depends on where it stands: `5m` is a duration, `x` a word or
 * a repetition, `step` a function or a duration.  So the lexer is a machine of a few
 * states, each a function that scans at least one rune and says which state follows:
 *
 *   STATEMENTS  outside of everything, and after a number inside [ ]
 *   BRACES      inside { }: identifiers, strings and match operators; no keywords
 *   DURATION    inside [ ] until a number has been read
 *   NUMBER      after a minus in BUCKETS: a number must follow
 *   VALUES, HISTOGRAM, BUCKETS   the values of a series line, {{…}}, [1 2 3] in it
 *
 * Which words a malformed query is answered with, and at which position, is what users
 * search for; so the states, their order of tests and the error words follow
 * Prometheus' lexer exactly.
 *
 * Tokens borrow from the text; messages of TOK_ERROR live in the arena.
 */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

enum token_type {
#define TOKEN(name, text, class) TOK_##name,
#define KEYWORD(name, text, class) TOK_##name,
#include "query/token.def"
#undef TOKEN
#undef KEYWORD
    TOK_NONE /* none of them; how many there are */
};
enum token_class { TOKEN_PLAIN, TOKEN_OPERATOR, TOKEN_AGGREGATOR, TOKEN_MODIFIER };

struct token {
    enum token_type type;
    uint32_t start; /* byte offset */
    str text;
};
/* The spelling, or NULL where tokens of the type have no fixed one. */
const char *token_text(enum token_type t);
enum token_class token_class(enum token_type t);
/* "identifier \"foo\"", "<op:+>", "end of input": as error messages name a token. */
void token_describe(struct buf *out, const struct token *t);

enum lex_state {
    LEX_END, LEX_STATEMENTS, LEX_BRACES, LEX_DURATION,
    LEX_NUMBER, LEX_VALUES, LEX_HISTOGRAM, LEX_BUCKETS,
};
enum lex_after_histogram { LEX_NO_HISTOGRAM, LEX_IN_HISTOGRAM, LEX_THEN_TIMES, LEX_THEN_ADD, LEX_THEN_SUB };

struct lexer {
    str in;
    struct arena *arena;
    enum lex_state state;
    uint32_t pos, start; /* next byte; first byte of the token being scanned */
    uint32_t width;      /* bytes of the rune lex_next returned */
    struct token *out;
    bool scanned;
    int paren_depth;
    bool brace_open, bracket_open;
    bool got_colon, got_duration; /* since [ */
    int32_t quote;                /* of the string being read */
    bool series;                  /* a series line */
    enum lex_after_histogram histogram;
};
/* text must be shorter than 4 GiB and outlive the tokens. */
void lex_init(struct lexer *l, str text, bool series, struct arena *a);
/* The next token; TOK_EOF again and again at the end. */
void lex_token(struct lexer *l, struct token *out);
