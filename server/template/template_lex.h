/* template_lex.h - the tokens of a template, as text/template cuts them.
 *
 * The lexer trims what "{{- " and " -}}" ask for, drops comments, and gives runs of blanks
 * within actions as tokens, since they separate operands.  A fault is a token, too, whose
 * text says what it is; after it comes EOF.
 */
#pragma once
#include "base/arena.h"

enum token_type {
    TOKEN_ERROR, TOKEN_BOOL, TOKEN_CHAR, TOKEN_CHAR_CONSTANT, TOKEN_COMPLEX, TOKEN_ASSIGN, TOKEN_DECLARE,
    TOKEN_EOF, TOKEN_FIELD, TOKEN_IDENTIFIER, TOKEN_LEFT_DELIM, TOKEN_LEFT_PAREN, TOKEN_NUMBER, TOKEN_PIPE,
    TOKEN_RAW_STRING, TOKEN_RIGHT_DELIM, TOKEN_RIGHT_PAREN, TOKEN_SPACE, TOKEN_STRING, TOKEN_TEXT,
    TOKEN_VARIABLE,
    TOKEN_KEYWORD, /* the keywords follow */
    TOKEN_BLOCK, TOKEN_BREAK, TOKEN_CONTINUE, TOKEN_DOT, TOKEN_DEFINE, TOKEN_ELSE, TOKEN_END, TOKEN_IF, TOKEN_NIL,
    TOKEN_RANGE, TOKEN_TEMPLATE, TOKEN_WITH,
};
struct token {
    enum token_type type;
    uint32_t pos, line;
    str text;
};

struct lexer {
    struct arena *arena;     /* for the words of faults */
    str text;
    size_t pos, start;       /* of the token being read */
    uint32_t line, start_line;
    bool in_action;
    int parens;
};
void template_lex_init(struct lexer *l, struct arena *a, str text);
struct token template_lex_next(struct lexer *l);
