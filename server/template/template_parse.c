/* template_parse.c - text/template's grammar, by recursive descent.
 *
 *   text    = { TEXT | "{{" action "}}" }
 *   action  = pipeline | "if" pipeline … | "range" … | "with" … | "define" STRING …
 *           | "template" STRING [pipeline] | "block" STRING pipeline … | "break" | "continue"
 *   pipeline= [ $x [ "," $y ] (":=" | "=") ] command { "|" command }
 *   command = operand { operand }
 *   operand = term { "." name }
 *
 * Blanks within actions are tokens, and up to three tokens are looked ahead: that, and
 * which token's line a fault is said to be on, is as in text/template, so that its words
 * come out the same.
 */
#include "base/limits.h"
#include "base/unicode.h"
#include "model/strings.h"
#include "server/template/template_node.h"

#define PARENS_MAX 500 /* nesting of expressions; guards the C stack */
#define BLOCKS_MAX 500 /* nesting of actions */

/* One template being read: the text's own, or that of a define or block. */
struct scope {
    struct scope *up;
    str name;
    str *vars;
    size_t vars_n, vars_cap;
    unsigned ranges;
    uint32_t action_line;
};
struct parser {
    struct template_set *set;
    struct arena *a;
    const struct tsource *src;
    struct lexer lex;
    struct token token[3];
    unsigned ahead;          /* how many of token are to be read again */
    struct scope *scope;
    unsigned parens, blocks;
    struct ttree **tree;     /* of this text */
    size_t trees_n, trees_cap;
    struct err *e;
};

/* --- tokens -------------------------------------------------------------------------------------- */

static struct token
next(struct parser *p)
{
    if (p->ahead)
        p->ahead--;
    else
        p->token[0] = template_lex_next(&p->lex);
    return p->token[p->ahead];
}

static void
back(struct parser *p)
{
    p->ahead++;
}

static struct token
peek(struct parser *p)
{
    struct token t = next(p);
    back(p);
    return t;
}

static struct token
next_non_space(struct parser *p)
{
    struct token t;

    do
        t = next(p);
    while (t.type == TOKEN_SPACE);
    return t;
}

static struct token
peek_non_space(struct parser *p)
{
    struct token t = next_non_space(p);
    back(p);
    return t;
}

static bool
fail(struct parser *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool
fail(struct parser *p, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    err_set_at(p->e, ERR_PARSE, p->token[0].pos, "template: %.*s:%u: %.*s", STR_ARG(p->src->name), p->token[0].line,
               STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool
fail_quoted(struct parser *p, const char *before, str s, const char *after)
{
    struct buf b = {0};

    unicode_put_quoted(&b, s);
    fail(p, "%s%.*s%s", before, STR_ARG(buf_str(&b)), after);
    buf_free(&b);
    return false;
}

/* As it is shown in words: the first ten characters, quoted. */
static void
put_token(struct buf *out, struct token t)
{
    size_t at = 0, len;

    if (t.type == TOKEN_EOF) {
        buf_lit(out, "EOF");
    } else if (t.type == TOKEN_ERROR) {
        buf_put(out, t.text);
    } else if (t.type > TOKEN_KEYWORD) {
        buf_printf(out, "<%.*s>", STR_ARG(t.text));
    } else if (t.text.n > 10) {
        for (int i = 0; i < 10 && at < t.text.n; i++, at += len)
            utf8_decode(str_from(t.text, at), &len);
        unicode_put_quoted(out, STR(t.text.p, at));
        buf_lit(out, "...");
    } else {
        unicode_put_quoted(out, t.text);
    }
}

static bool
unexpected(struct parser *p, struct token t, const char *context)
{
    struct buf b = {0};
    uint32_t line = p->scope->action_line;

    if (t.type != TOKEN_ERROR) {
        buf_lit(&b, "unexpected ");
        put_token(&b, t);
        buf_printf(&b, " in %s", context);
    } else {
        put_token(&b, t);
        if (line && line != t.line)
            buf_printf(&b, "%s started at %.*s:%u", str_ends(t.text, STRL(" action")) ? "" : " in action",
                       STR_ARG(p->src->name), line);
    }
    fail(p, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool
expect(struct parser *p, enum token_type type, const char *context, struct token *out)
{
    *out = next_non_space(p);
    return out->type == type || unexpected(p, *out, context);
}

/* --- nodes ----------------------------------------------------------------------------------------- */

static struct tnode *
node(struct parser *p, enum tnode_type type, uint32_t pos)
{
    struct tnode *n = ARENA_NEW(p->a, struct tnode);
    n->type = type;
    n->pos = pos;
    n->source = p->src;
    return n;
}

static void
add_child(struct parser *p, struct tnode *n, struct tnode *c)
{
    arena_grow(p->a, &n->child, &n->cap, n->n + 1, sizeof *n->child);
    n->child[n->n++] = c;
}

static void
add_name(struct parser *p, struct tnode *n, str name)
{
    arena_grow(p->a, &n->names, &n->names_cap, n->names_n + 1, sizeof *n->names);
    n->names[n->names_n++] = name;
}

static void
declare(struct parser *p, str name)
{
    struct scope *s = p->scope;
    arena_grow(p->a, &s->vars, &s->vars_cap, s->vars_n + 1, sizeof *s->vars);
    s->vars[s->vars_n++] = name;
}

/* --- terms ------------------------------------------------------------------------------------------- */

static bool parse_pipeline(struct parser *p, const char *context, enum token_type end, struct tnode **out);

static bool
unquote(struct parser *p, struct token t, str *out)
{
    struct err inner;
    str inside = STR(t.text.p + 1, t.text.n - 2);

    if (t.type == TOKEN_RAW_STRING) {
        /* As strconv.Unquote: without carriage returns. */
        char *s = ARENA_ARRAY(p->a, char, inside.n + 1);
        size_t n = 0;
        for (size_t i = 0; i < inside.n; i++)
            if (inside.p[i] != '\r')
                s[n++] = inside.p[i];
        *out = STR(s, n);
        return true;
    }
    return strings_unquote(inside, '"', p->a, out, &inner) || fail(p, "invalid syntax");
}

static bool
variable_known(const struct parser *p, str name)
{
    for (size_t i = 0; i < p->scope->vars_n; i++)
        if (str_eq(p->scope->vars[i], name))
            return true;
    return false;
}

static bool
parse_identifier(struct parser *p, struct token t, struct tnode **out)
{
    struct tnode *n = node(p, N_IDENT, t.pos);

    n->text = t.text;
    n->fn = template_function(t.text, p->set->where);
    *out = n;
    return n->fn || fail_quoted(p, "function ", t.text, " not defined");
}

static bool
parse_parens(struct parser *p, struct tnode **out)
{
    if (p->parens >= PARENS_MAX)
        return fail(p, "max expression depth exceeded");
    p->parens++;
    bool ok = parse_pipeline(p, "parenthesized pipeline", TOKEN_RIGHT_PAREN, out);
    p->parens--;
    return ok;
}

static bool
parse_number(struct parser *p, struct token t, struct tnode **out)
{
    struct err inner;

    *out = node(p, N_NUMBER, t.pos);
    return template_number(*out, t.text, t.type, p->a, &inner) || fail(p, "%s", inner.text);
}

/* *out NULL: there is no term here. */
static bool
parse_term(struct parser *p, struct tnode **out)
{
    struct token t = next_non_space(p);

    *out = NULL;
    switch (t.type) {
    case TOKEN_IDENTIFIER: return parse_identifier(p, t, out);
    case TOKEN_DOT: *out = node(p, N_DOT, t.pos); return true;
    case TOKEN_NIL: *out = node(p, N_NIL, t.pos); return true;
    case TOKEN_VARIABLE:
        *out = node(p, N_VARIABLE, t.pos);
        add_name(p, *out, t.text);
        return variable_known(p, t.text) || fail_quoted(p, "undefined variable ", t.text, "");
    case TOKEN_FIELD:
        *out = node(p, N_FIELD, t.pos);
        add_name(p, *out, str_from(t.text, 1));
        return true;
    case TOKEN_BOOL:
        *out = node(p, N_BOOL, t.pos);
        (*out)->b = t.text.n == 4;
        return true;
    case TOKEN_CHAR_CONSTANT:
    case TOKEN_COMPLEX:
    case TOKEN_NUMBER: return parse_number(p, t, out);
    case TOKEN_LEFT_PAREN: return parse_parens(p, out);
    case TOKEN_STRING:
    case TOKEN_RAW_STRING:
        *out = node(p, N_STRING, t.pos);
        (*out)->text = t.text;
        return unquote(p, t, &(*out)->value);
    default: back(p); return true;
    }
}

/* Fields after a term: they join a field or variable, else make a chain. */
static bool
parse_operand(struct parser *p, struct tnode **out)
{
    struct tnode *n;
    struct buf b = {0};

    if (!parse_term(p, &n))
        return false;
    *out = n;
    if (!n || peek(p).type != TOKEN_FIELD)
        return true;
    uint32_t pos = peek(p).pos;
    struct tnode *chain = n;
    if (n->type == N_FIELD || n->type == N_VARIABLE) {
        n->pos = pos;
    } else {
        chain = node(p, N_CHAIN, pos);
        chain->pipe = n;
    }
    while (peek(p).type == TOKEN_FIELD)
        add_name(p, chain, str_from(next(p).text, 1));
    *out = chain;
    switch (n->type) {
    case N_BOOL:
    case N_STRING:
    case N_NUMBER:
    case N_NIL:
    case N_DOT:
        template_put_node(&b, n);
        fail_quoted(p, "unexpected . after term ", buf_str(&b), "");
        buf_free(&b);
        return false;
    default: return true;
    }
}

static bool
parse_command(struct parser *p, struct tnode **out)
{
    struct tnode *cmd = node(p, N_COMMAND, peek_non_space(p).pos), *operand;

    for (;;) {
        peek_non_space(p);
        if (!parse_operand(p, &operand))
            return false;
        if (operand)
            add_child(p, cmd, operand);
        struct token t = next(p);
        if (t.type == TOKEN_SPACE)
            continue;
        if (t.type == TOKEN_RIGHT_DELIM || t.type == TOKEN_RIGHT_PAREN)
            back(p);
        else if (t.type != TOKEN_PIPE)
            return unexpected(p, t, "operand");
        break;
    }
    *out = cmd;
    return cmd->n || fail(p, "empty command");
}

/* --- pipelines ------------------------------------------------------------------------------------------ */

/* One "$x :=", "$x =" or "$x," ; *more when another variable is to follow. */
static bool
parse_declaration(struct parser *p, const char *context, struct tnode *pipe, bool *more)
{
    struct token v = peek_non_space(p);

    *more = false;
    if (v.type != TOKEN_VARIABLE)
        return true;
    next(p);
    struct token after = peek(p), t = peek_non_space(p);
    bool comma = t.type == TOKEN_CHAR && str_eq(t.text, STRL(","));
    if (t.type == TOKEN_ASSIGN || t.type == TOKEN_DECLARE || comma) {
        pipe->assign = t.type == TOKEN_ASSIGN;
        next_non_space(p);
        add_name(p, pipe, v.text);
        declare(p, v.text);
        if (!comma)
            return true;
        if (strcmp(context, "range") != 0 || pipe->names_n >= 2)
            return fail(p, "too many declarations in %s", context);
        enum token_type type = peek_non_space(p).type;
        *more = true;
        return type == TOKEN_VARIABLE || type == TOKEN_RIGHT_DELIM || type == TOKEN_RIGHT_PAREN ||
               fail(p, "range can only initialize variables");
    }
    /* An operand after all. */
    if (after.type == TOKEN_SPACE) {
        p->token[1] = after;
        p->token[2] = v;
        p->ahead = 3;
    } else {
        p->token[1] = v;
        p->ahead = 2;
    }
    return true;
}

static bool
check_pipeline(struct parser *p, const struct tnode *pipe, const char *context)
{
    if (pipe->n == 0)
        return fail(p, "missing value for %s", context);
    for (size_t i = 1; i < pipe->n; i++) {
        switch (pipe->child[i]->child[0]->type) {
        case N_BOOL:
        case N_DOT:
        case N_NIL:
        case N_NUMBER:
        case N_STRING: return fail(p, "non executable command in pipeline stage %zu", i + 1);
        default: break;
        }
    }
    return true;
}

static bool
starts_command(enum token_type t)
{
    switch (t) {
    case TOKEN_BOOL:
    case TOKEN_CHAR_CONSTANT:
    case TOKEN_COMPLEX:
    case TOKEN_DOT:
    case TOKEN_FIELD:
    case TOKEN_IDENTIFIER:
    case TOKEN_NUMBER:
    case TOKEN_NIL:
    case TOKEN_RAW_STRING:
    case TOKEN_STRING:
    case TOKEN_VARIABLE:
    case TOKEN_LEFT_PAREN: return true;
    default: return false;
    }
}

static bool
parse_pipeline(struct parser *p, const char *context, enum token_type end, struct tnode **out)
{
    struct tnode *pipe = node(p, N_PIPE, peek_non_space(p).pos), *cmd = NULL;
    bool more;

    *out = pipe;
    do {
        if (!parse_declaration(p, context, pipe, &more))
            return false;
    } while (more);
    for (;;) {
        struct token t = next_non_space(p);
        if (t.type == end)
            return check_pipeline(p, pipe, context);
        if (!starts_command(t.type))
            return unexpected(p, t, context);
        back(p);
        if (!parse_command(p, &cmd))
            return false;
        add_child(p, pipe, cmd);
    }
}

/* --- actions -------------------------------------------------------------------------------------------- */

static bool parse_text_or_action(struct parser *p, struct tnode **out);

/* Up to the end or else, which is *stop. */
static bool
parse_list(struct parser *p, struct tnode **out, struct tnode **stop)
{
    struct tnode *list = node(p, N_LIST, peek_non_space(p).pos), *n;

    *out = list;
    while (peek_non_space(p).type != TOKEN_EOF) {
        if (!parse_text_or_action(p, &n))
            return false;
        if (n->type == N_END || n->type == N_ELSE) {
            *stop = n;
            return true;
        }
        add_child(p, list, n);
    }
    return fail(p, "unexpected EOF");
}

static bool parse_control(struct parser *p, enum tnode_type type, struct tnode **out);

/* What follows {{else}}, which elseControl left pending if it was {{else if}}. */
static bool
parse_otherwise(struct parser *p, struct tnode *n, const struct tnode *at)
{
    enum token_type t = peek(p).type;
    struct tnode *inner, *stop;

    if ((n->type == N_IF && t == TOKEN_IF) || (n->type == N_WITH && t == TOKEN_WITH)) {
        next(p);
        n->otherwise = node(p, N_LIST, at->pos);
        if (!parse_control(p, n->type, &inner))
            return false;
        add_child(p, n->otherwise, inner);
        return true;
    }
    if (!parse_list(p, &n->otherwise, &stop))
        return false;
    return stop->type == N_END || fail(p, "expected end; found {{else}}");
}

static bool
parse_control(struct parser *p, enum tnode_type type, struct tnode **out)
{
    const char *context = type == N_IF ? "if" : type == N_WITH ? "with" : "range";
    struct tnode *n = node(p, type, 0), *stop;
    size_t vars = p->scope->vars_n;

    *out = n;
    if (p->blocks >= BLOCKS_MAX)
        return fail(p, "max nesting depth exceeded");
    p->blocks++;
    if (!parse_pipeline(p, context, TOKEN_RIGHT_DELIM, &n->pipe))
        return false;
    n->pos = n->pipe->pos;
    p->scope->ranges += type == N_RANGE;
    if (!parse_list(p, &n->body, &stop))
        return false;
    p->scope->ranges -= type == N_RANGE;
    if (stop->type == N_ELSE && !parse_otherwise(p, n, stop))
        return false;
    p->scope->vars_n = vars;
    p->blocks--;
    return true;
}

static bool
parse_loop_exit(struct parser *p, enum tnode_type type, struct token at, struct tnode **out)
{
    const char *word = type == N_BREAK ? "break" : "continue";
    struct token t = next_non_space(p);

    if (t.type != TOKEN_RIGHT_DELIM)
        return unexpected(p, t, type == N_BREAK ? "{{break}}" : "{{continue}}");
    if (p->scope->ranges == 0)
        return fail(p, "{{%s}} outside {{range}}", word);
    *out = node(p, type, at.pos);
    return true;
}

static bool
parse_else(struct parser *p, struct tnode **out)
{
    struct token t = peek_non_space(p);

    if (t.type != TOKEN_IF && t.type != TOKEN_WITH && !expect(p, TOKEN_RIGHT_DELIM, "else", &t))
        return false;
    *out = node(p, N_ELSE, t.pos);
    return true;
}

/* --- templates -------------------------------------------------------------------------------------------- */

static bool
is_empty(const struct tnode *n)
{
    if (n->type == N_TEXT) {
        for (size_t i = 0; i < n->text.n; i++)
            if (!strchr(" \t\r\n\v\f", n->text.p[i]) || !n->text.p[i])
                return false;
        return true;
    }
    if (n->type != N_LIST)
        return false;
    for (size_t i = 0; i < n->n; i++)
        if (!is_empty(n->child[i]))
            return false;
    return true;
}

/* Within a text a template may be defined once; an empty definition gives way. */
static bool
add_tree(struct parser *p, str name, struct tnode *root)
{
    struct ttree *t = ARENA_NEW(p->a, struct ttree);

    *t = (struct ttree){.name = name, .root = root};
    for (size_t i = 0; i < p->trees_n; i++) {
        if (!str_eq(p->tree[i]->name, name))
            continue;
        if (is_empty(p->tree[i]->root))
            p->tree[i] = t;
        else if (!is_empty(root))
            return fail_quoted(p, "template: multiple definition of template ", name, "");
        return true;
    }
    arena_grow(p->a, &p->tree, &p->trees_cap, p->trees_n + 1, sizeof *p->tree);
    p->tree[p->trees_n++] = t;
    return true;
}

/* The inside of {{define}} and {{block}}: variables of its own. */
static bool
parse_definition(struct parser *p, str name, const char *context)
{
    struct scope inner = {.up = p->scope, .name = name};
    struct tnode *root, *stop;

    if (p->blocks >= BLOCKS_MAX)
        return fail(p, "max nesting depth exceeded");
    p->blocks++;
    p->scope = &inner;
    declare(p, STRL("$"));
    bool ok = parse_list(p, &root, &stop);
    if (ok && stop->type != N_END)
        ok = fail(p, "unexpected {{else}} in %s", context);
    ok = ok && add_tree(p, name, root);
    p->scope = inner.up;
    p->blocks--;
    return ok;
}

static bool
parse_define(struct parser *p)
{
    const char *context = "define clause";
    struct token t = next_non_space(p), end;
    str name;

    if (t.type != TOKEN_STRING && t.type != TOKEN_RAW_STRING)
        return unexpected(p, t, context);
    return unquote(p, t, &name) && expect(p, TOKEN_RIGHT_DELIM, context, &end) && parse_definition(p, name, context);
}

static bool
parse_call(struct parser *p, bool block, struct tnode **out)
{
    const char *context = block ? "block clause" : "template clause";
    struct token t = next_non_space(p);
    struct tnode *n = node(p, N_TEMPLATE, t.pos);

    *out = n;
    if (t.type != TOKEN_STRING && t.type != TOKEN_RAW_STRING)
        return unexpected(p, t, context);
    if (!unquote(p, t, &n->text))
        return false;
    if (!block) {
        if (next_non_space(p).type == TOKEN_RIGHT_DELIM)
            return true;
        back(p);
    }
    if (!parse_pipeline(p, context, TOKEN_RIGHT_DELIM, &n->pipe))
        return false;
    return !block || parse_definition(p, n->text, context);
}

static bool
parse_action(struct parser *p, struct tnode **out)
{
    struct token t = next_non_space(p), end;

    switch (t.type) {
    case TOKEN_BLOCK: return parse_call(p, true, out);
    case TOKEN_TEMPLATE: return parse_call(p, false, out);
    case TOKEN_BREAK: return parse_loop_exit(p, N_BREAK, t, out);
    case TOKEN_CONTINUE: return parse_loop_exit(p, N_CONTINUE, t, out);
    case TOKEN_ELSE: return parse_else(p, out);
    case TOKEN_END: *out = node(p, N_END, t.pos); return expect(p, TOKEN_RIGHT_DELIM, "end", &end);
    case TOKEN_IF: return parse_control(p, N_IF, out);
    case TOKEN_RANGE: return parse_control(p, N_RANGE, out);
    case TOKEN_WITH: return parse_control(p, N_WITH, out);
    default: break;
    }
    back(p);
    *out = node(p, N_ACTION, peek(p).pos);
    return parse_pipeline(p, "command", TOKEN_RIGHT_DELIM, &(*out)->pipe);
}

static bool
parse_text_or_action(struct parser *p, struct tnode **out)
{
    struct token t = next_non_space(p);

    if (t.type == TOKEN_TEXT) {
        *out = node(p, N_TEXT, t.pos);
        (*out)->text = t.text;
        return true;
    }
    if (t.type != TOKEN_LEFT_DELIM)
        return unexpected(p, t, "input");
    p->scope->action_line = t.line;
    bool ok = parse_action(p, out);
    p->scope->action_line = 0;
    return ok;
}

static bool
parse_all(struct parser *p, str name)
{
    struct tnode *root = node(p, N_LIST, peek(p).pos), *n;

    while (peek(p).type != TOKEN_EOF) {
        if (peek(p).type == TOKEN_LEFT_DELIM) {
            struct token delim = next(p);
            if (next_non_space(p).type == TOKEN_DEFINE) {
                if (!parse_define(p))
                    return false;
                continue;
            }
            p->token[1] = delim;
            p->ahead = 2;
        }
        if (!parse_text_or_action(p, &n))
            return false;
        if (n->type == N_END || n->type == N_ELSE)
            return fail(p, "unexpected {{%s}}", n->type == N_END ? "end" : "else");
        add_child(p, root, n);
    }
    return add_tree(p, name, root);
}

/* A later text's definition replaces an earlier one's, unless it is empty. */
static void
merge(struct template_set *s, struct ttree *t)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!str_eq(s->tree[i]->name, t->name))
            continue;
        if (!is_empty(t->root))
            s->tree[i] = t;
        return;
    }
    arena_grow(s->arena, &s->tree, &s->cap, s->n + 1, sizeof *s->tree);
    s->tree[s->n++] = t;
}

bool
template_parse(struct template_set *s, str name, str text, struct err *e)
{
    struct tsource *src = ARENA_NEW(s->arena, struct tsource);
    struct parser p = {.set = s, .a = s->arena, .src = src, .e = e};
    struct scope top = {.name = name};

    if (text.n > LIMIT_TEMPLATE_TEXT_BYTES)
        return err_set(e, ERR_LIMIT, "template: %.*s: text of more than %u bytes", STR_ARG(name),
                       LIMIT_TEMPLATE_TEXT_BYTES);
    *src = (struct tsource){arena_str(s->arena, name), arena_str(s->arena, text)};
    template_lex_init(&p.lex, s->arena, src->text);
    p.scope = &top;
    declare(&p, STRL("$"));
    if (!parse_all(&p, src->name))
        return false;
    for (size_t i = 0; i < p.trees_n; i++)
        merge(s, p.tree[i]);
    return true;
}
