/* template_parse.c - text/template's grammar, by recursive descent.
 *
 *   text    = { TEXT | "{{" action "}}" }
 *   action  = pipeline | "if" pipeline … | "range" … | "with" … | "define" STRING …
 *           | "template" STRING [pipeline] | "block" STRING pipeline … | "break" | "continue"
 *   pipeline= [ $x { "," $y } (":=" | "=") ] command { "|" command }
 *   command = operand { operand }
 *   operand = term { "." name }
 */
#include <stdlib.h>

#include "base/num.h"
#include "base/panic.h"
#include "base/unicode.h"
#include "model/strings.h"
#include "server/template/template_priv.h"

#define DEPTH_MAX 500

struct parser {
    struct template_set *set;
    struct arena *a;
    const struct tsource *src;
    size_t at;
    bool in_action, trim_next;
    unsigned where, range_depth, depth;
    str *vars;
    size_t vars_n, vars_cap;
    struct err *e;
};

static int
line_of(const struct parser *p, size_t pos)
{
    int line = 1;
    for (size_t i = 0; i < pos && i < p->src->text.n; i++)
        line += p->src->text.p[i] == '\n';
    return line;
}

static bool
fail(struct parser *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool
fail(struct parser *p, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;

    buf_printf(&b, "template: %.*s:%d: ", STR_ARG(p->src->name), line_of(p, p->at));
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    err_set_at(p->e, ERR_PARSE, (int64_t)p->at, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static struct tnode *
node(struct parser *p, enum tnode_type type, size_t pos)
{
    struct tnode *n = ARENA_NEW(p->a, struct tnode);
    n->type = type;
    n->pos = pos;
    n->end = p->at;
    return n;
}

static void
add_child(struct parser *p, struct tnode *n, struct tnode *c)
{
    arena_grow(p->a, &n->child, &n->cap, n->n + 1, sizeof *n->child);
    n->child[n->n++] = c;
    n->end = c->end;
}

static void
add_name(struct parser *p, struct tnode *n, str name)
{
    arena_grow(p->a, &n->names, &n->names_cap, n->names_n + 1, sizeof *n->names);
    n->names[n->names_n++] = name;
    n->end = p->at;
}

static str
rest(const struct parser *p)
{
    return str_from(p->src->text, p->at);
}

static bool
looking_at(const struct parser *p, const char *s)
{
    return str_starts(rest(p), str_of(s));
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_space(struct parser *p)
{
    while (p->at < p->src->text.n && is_space(p->src->text.p[p->at]))
        p->at++;
}

/* "}}" or " -}}"; consumes it. */
static bool
at_action_end(struct parser *p)
{
    size_t before = p->at;

    skip_space(p);
    if (looking_at(p, "-}}") && p->at > before) {
        p->at += 3;
        p->trim_next = true;
        return true;
    }
    if (looking_at(p, "}}")) {
        p->at += 2;
        return true;
    }
    p->at = before;
    return false;
}

static bool
is_name_char(uint32_t r)
{
    return r == '_' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || r >= 0x80;
}

static str
read_name(struct parser *p)
{
    size_t start = p->at;

    while (p->at < p->src->text.n && is_name_char((unsigned char)p->src->text.p[p->at]))
        p->at++;
    return STR(p->src->text.p + start, p->at - start);
}

/* The next word without consuming it. */
static str
peek_word(struct parser *p)
{
    size_t before = p->at;

    skip_space(p);
    str w = read_name(p);
    p->at = before;
    return w;
}

static bool
take_word(struct parser *p, const char *word)
{
    if (!str_eq(peek_word(p), str_of(word)))
        return false;
    skip_space(p);
    p->at += strlen(word);
    return true;
}

static bool parse_pipeline(struct parser *p, struct tnode **out, const char *context);

/* --- literals ------------------------------------------------------------------------------ */

static bool
parse_string(struct parser *p, str *out)
{
    str s = rest(p);
    size_t end = 1;
    char quote = s.p[0];

    while (end < s.n && s.p[end] != quote && (quote == '`' || s.p[end] != '\n'))
        end += quote != '`' && s.p[end] == '\\' ? 2 : 1;
    if (end >= s.n || s.p[end] != quote)
        return fail(p, quote == '`' ? "unterminated raw quoted string" : "unterminated quoted string");
    str body = STR(s.p + 1, end - 1);
    p->at += end + 1;
    if (quote == '`') {
        *out = body;
        return true;
    }
    struct err inner;
    if (!strings_unquote(body, quote, p->a, out, &inner))
        return fail(p, "invalid syntax");
    return true;
}

static struct tnode *
parse_char(struct parser *p)
{
    size_t pos = p->at;
    str s = rest(p), text;
    size_t end = 1;
    struct err inner;

    while (end < s.n && s.p[end] != '\'' && s.p[end] != '\n')
        end += s.p[end] == '\\' ? 2 : 1;
    if (end >= s.n || s.p[end] != '\'') {
        fail(p, "unterminated character constant");
        return NULL;
    }
    p->at += end + 1;
    if (!strings_unquote(STR(s.p + 1, end - 1), '\'', p->a, &text, &inner) || text.n == 0) {
        fail(p, "malformed character constant: %.*s", (int)(end + 1), s.p);
        return NULL;
    }
    size_t len;
    struct tnode *n = node(p, N_NUMBER, pos);
    n->is_int = n->is_float = true;
    n->i = utf8_decode(text, &len);
    n->f = (double)n->i;
    return n;
}

static struct tnode *
parse_number(struct parser *p)
{
    size_t pos = p->at;

    if (p->src->text.p[p->at] == '+' || p->src->text.p[p->at] == '-')
        p->at++;
    while (p->at < p->src->text.n) {
        char c = p->src->text.p[p->at];
        bool sign = (c == '+' || c == '-') && strchr("eEpP", p->src->text.p[p->at - 1]);
        if (!is_name_char((unsigned char)c) && c != '.' && !sign)
            break;
        p->at++;
    }
    str text = STR(p->src->text.p + pos, p->at - pos);
    struct tnode *n = node(p, N_NUMBER, pos);
    n->is_int = strings_parse_go_int(text, &n->i);
    n->is_float = num_parse_go(text, &n->f);
    if (n->is_int) {
        n->f = (double)n->i;
        n->is_float = true;
    } else if (n->is_float && n->f == (double)(int64_t)n->f && n->f > -9e18 && n->f < 9e18) {
        n->is_int = true; /* 1e3 is good as an int too */
        n->i = (int64_t)n->f;
    }
    if (!n->is_int && !n->is_float) {
        p->at = pos;
        fail(p, "bad number syntax: \"%.*s\"", STR_ARG(text));
        return NULL;
    }
    /* An untyped number is an int if it is written as one. */
    n->b = strings_parse_go_int(text, &n->i);
    return n;
}

/* --- operands ------------------------------------------------------------------------------- */

static bool
variable_known(const struct parser *p, str name)
{
    for (size_t i = p->vars_n; i > 0; i--)
        if (str_eq(p->vars[i - 1], name))
            return true;
    return false;
}

static struct tnode *
parse_variable(struct parser *p)
{
    size_t pos = p->at++;
    read_name(p);
    str name = STR(p->src->text.p + pos, p->at - pos);

    if (!variable_known(p, name)) {
        fail(p, "undefined variable \"%.*s\"", STR_ARG(name));
        return NULL;
    }
    struct tnode *n = node(p, N_VARIABLE, pos);
    add_name(p, n, name);
    return n;
}

static struct tnode *
parse_identifier(struct parser *p)
{
    size_t pos = p->at;
    str name = read_name(p);
    struct tnode *n = node(p, N_IDENT, pos);

    n->text = name;
    if (str_eq(name, STRL("true")) || str_eq(name, STRL("false"))) {
        n->type = N_BOOL;
        n->b = name.n == 4;
    } else if (str_eq(name, STRL("nil"))) {
        n->type = N_NIL;
    } else {
        n->fn = template_function(name, p->where);
        if (!n->fn) {
            fail(p, "function \"%.*s\" not defined", STR_ARG(name));
            return NULL;
        }
    }
    return n;
}

static struct tnode *
parse_parens(struct parser *p)
{
    struct tnode *inner;
    size_t pos = p->at++;

    if (++p->depth > DEPTH_MAX) {
        fail(p, "max expression depth exceeded");
        return NULL;
    }
    if (!parse_pipeline(p, &inner, "parenthesized pipeline"))
        return NULL;
    p->depth--;
    skip_space(p);
    if (!looking_at(p, ")")) {
        fail(p, "unclosed left paren");
        return NULL;
    }
    p->at++;
    inner->pos = pos;
    inner->end = p->at;
    return inner;
}

static struct tnode *
parse_term(struct parser *p)
{
    char c = rest(p).n ? rest(p).p[0] : '\0';
    char next = rest(p).n > 1 ? rest(p).p[1] : '\0';
    size_t pos = p->at;

    if (c == '"' || c == '`') {
        str s;
        if (!parse_string(p, &s))
            return NULL;
        struct tnode *n = node(p, N_STRING, pos);
        n->text = s;
        return n;
    }
    if (c == '\'')
        return parse_char(p);
    if ((c >= '0' && c <= '9') || ((c == '+' || c == '-' || c == '.') && next >= '0' && next <= '9'))
        return parse_number(p);
    if (c == '$')
        return parse_variable(p);
    if (c == '(')
        return parse_parens(p);
    if (c == '.') {
        p->at++;
        str name = read_name(p);
        struct tnode *n = node(p, name.n ? N_FIELD : N_DOT, pos);
        if (name.n)
            add_name(p, n, name);
        return n;
    }
    if (is_name_char((unsigned char)c) && c)
        return parse_identifier(p);
    return NULL; /* no term here; e is not set */
}

/* Fields chained to a term: .a.b on a variable or field joins it, else makes a chain. */
static struct tnode *
parse_operand(struct parser *p)
{
    size_t pos = p->at;
    struct tnode *n = parse_term(p);

    while (n && looking_at(p, ".") && rest(p).n > 1 && is_name_char((unsigned char)rest(p).p[1])) {
        if (n->type == N_BOOL || n->type == N_STRING || n->type == N_NUMBER || n->type == N_NIL || n->type == N_DOT) {
            fail(p, "unexpected . after term \"%.*s\"", (int)(p->at - pos), p->src->text.p + pos);
            return NULL;
        }
        p->at++;
        str name = read_name(p);
        if (n->type != N_FIELD && n->type != N_VARIABLE && n->type != N_CHAIN) {
            struct tnode *chain = node(p, N_CHAIN, pos);
            chain->pipe = n;
            n = chain;
        }
        add_name(p, n, name);
    }
    return n;
}

static bool
parse_command(struct parser *p, struct tnode **out)
{
    struct tnode *cmd = node(p, N_COMMAND, p->at);

    for (;;) {
        size_t before = p->at;
        skip_space(p);
        if (cmd->n && p->at == before) /* operands are separated by blanks */
            break;
        if (cmd->n == 0)
            cmd->pos = p->at;
        p->e->kind = ERR_NONE;
        struct tnode *n = parse_operand(p);
        if (!n && p->e->kind != ERR_NONE)
            return false;
        if (!n)
            break;
        add_child(p, cmd, n);
    }
    if (cmd->n == 0)
        return fail(p, "empty command");
    *out = cmd;
    return true;
}

/* $x := , $i, $v := , $x = : leaves p->at alone when there is no declaration. */
static void
parse_declaration(struct parser *p, struct tnode *pipe, bool two)
{
    size_t before = p->at;
    str names[2];
    size_t n = 0;

    for (;;) {
        skip_space(p);
        if (!looking_at(p, "$"))
            break;
        size_t pos = p->at++;
        read_name(p);
        names[n++] = STR(p->src->text.p + pos, p->at - pos);
        skip_space(p);
        if (n == 2 || !two || !looking_at(p, ","))
            break;
        p->at++;
    }
    bool declares = looking_at(p, ":="), assigns = looking_at(p, "=");
    if (n == 0 || (!declares && !assigns)) {
        p->at = before;
        return;
    }
    p->at += declares ? 2 : 1;
    pipe->assign = assigns;
    for (size_t i = 0; i < n; i++) {
        add_name(p, pipe, names[i]);
        arena_grow(p->a, &p->vars, &p->vars_cap, p->vars_n + 1, sizeof *p->vars);
        p->vars[p->vars_n++] = names[i];
    }
}

static bool
parse_pipeline(struct parser *p, struct tnode **out, const char *context)
{
    skip_space(p);
    struct tnode *pipe = node(p, N_PIPE, p->at);

    parse_declaration(p, pipe, strcmp(context, "range") == 0);
    skip_space(p);
    if (looking_at(p, "}}") || looking_at(p, "-}}") || looking_at(p, ")"))
        return fail(p, "missing value for %s", context);
    for (;;) {
        struct tnode *cmd;
        if (!parse_command(p, &cmd))
            return false;
        if (pipe->n && (cmd->child[0]->type == N_BOOL || cmd->child[0]->type == N_DOT || cmd->child[0]->type == N_NIL ||
                        cmd->child[0]->type == N_NUMBER || cmd->child[0]->type == N_STRING))
            return fail(p, "non executable command in pipeline stage %zu", pipe->n + 1);
        add_child(p, pipe, cmd);
        size_t before = p->at;
        skip_space(p);
        if (!looking_at(p, "|")) {
            p->at = before;
            break;
        }
        p->at++;
    }
    *out = pipe;
    return true;
}

/* --- structure ------------------------------------------------------------------------------- */

enum stop { STOP_EOF, STOP_END, STOP_ELSE };

static bool parse_list(struct parser *p, struct tnode **out, enum stop *stop);

static bool
expect_end(struct parser *p, const char *context)
{
    if (at_action_end(p))
        return true;
    skip_space(p);
    if (p->at >= p->src->text.n)
        return fail(p, "unclosed action");
    char c = rest(p).p[0];
    return fail(p, "unexpected \"%c\" in %s", c, context);
}

static bool
parse_control(struct parser *p, enum tnode_type type, const char *context, size_t pos, struct tnode **out)
{
    struct tnode *n = node(p, type, pos);
    size_t vars = p->vars_n;
    enum stop stop;

    if (!parse_pipeline(p, &n->pipe, context) || !expect_end(p, context))
        return false;
    p->range_depth += type == N_RANGE;
    if (++p->depth > DEPTH_MAX)
        return fail(p, "nested too deeply");
    bool ok = parse_list(p, &n->body, &stop);
    p->range_depth -= type == N_RANGE;
    if (!ok)
        return false;
    if (stop == STOP_ELSE) {
        /* {{else if x}} is {{else}}{{if x}} with the ends shared; so is {{else with x}}. */
        size_t at = p->at;
        if (type == N_IF && take_word(p, "if")) {
            n->otherwise = node(p, N_LIST, at);
            struct tnode *inner;
            if (!parse_control(p, N_IF, "if", at, &inner))
                return false;
            add_child(p, n->otherwise, inner);
            stop = STOP_END;
        } else if (type == N_WITH && take_word(p, "with")) {
            n->otherwise = node(p, N_LIST, at);
            struct tnode *inner;
            if (!parse_control(p, N_WITH, "with", at, &inner))
                return false;
            add_child(p, n->otherwise, inner);
            stop = STOP_END;
        } else if (!expect_end(p, "else") || !parse_list(p, &n->otherwise, &stop)) {
            return false;
        }
        if (stop == STOP_ELSE)
            return fail(p, "expected end; found {{else}}");
    }
    if (stop != STOP_END)
        return fail(p, "unexpected EOF");
    p->depth--;
    p->vars_n = vars;
    *out = n;
    return true;
}

static bool
parse_name_string(struct parser *p, const char *context, str *out)
{
    skip_space(p);
    if (!looking_at(p, "\"") && !looking_at(p, "`"))
        return fail(p, "unexpected \"%.*s\" in %s", (int)MIN(rest(p).n, (size_t)1), rest(p).p, context);
    return parse_string(p, out);
}

static void
add_tree(struct parser *p, str name, struct tnode *root)
{
    struct ttree *t = ARENA_NEW(p->a, struct ttree);

    *t = (struct ttree){.name = name, .root = root, .source = p->src};
    for (size_t i = 0; i < p->set->n; i++) {
        if (str_eq(p->set->tree[i]->name, name)) {
            p->set->tree[i] = t; /* a later definition replaces an earlier one */
            return;
        }
    }
    arena_grow(p->a, &p->set->tree, &p->set->cap, p->set->n + 1, sizeof *p->set->tree);
    p->set->tree[p->set->n++] = t;
}

/* {{define "x"}} … {{end}} and the definition half of {{block}}. */
static bool
parse_definition(struct parser *p, str name, const char *context)
{
    struct tnode *body;
    enum stop stop;
    size_t vars = p->vars_n;
    unsigned ranges = p->range_depth;
    str dollar = STRL("$");

    if (!expect_end(p, context))
        return false;
    arena_grow(p->a, &p->vars, &p->vars_cap, p->vars_n + 1, sizeof *p->vars);
    p->vars[p->vars_n++] = dollar;
    p->range_depth = 0;
    if (!parse_list(p, &body, &stop))
        return false;
    if (stop != STOP_END)
        return fail(p, "unexpected %s in %s", stop == STOP_ELSE ? "{{else}}" : "EOF", context);
    p->vars_n = vars;
    p->range_depth = ranges;
    add_tree(p, name, body);
    return true;
}

static bool
parse_template_call(struct parser *p, size_t pos, bool block, struct tnode **out)
{
    const char *context = block ? "block clause" : "template clause";
    struct tnode *n = node(p, N_TEMPLATE, pos);

    if (!parse_name_string(p, context, &n->text))
        return false;
    *out = n;
    if (!block && at_action_end(p))
        return true;
    if (!parse_pipeline(p, &n->pipe, context))
        return false;
    return block ? parse_definition(p, n->text, context) : expect_end(p, context);
}

static bool
parse_loop_exit(struct parser *p, enum tnode_type type, size_t pos, struct tnode **out)
{
    const char *word = type == N_BREAK ? "break" : "continue";

    if (p->range_depth == 0)
        return fail(p, "{{%s}} outside {{range}}", word);
    if (!at_action_end(p))
        return fail(p, "unexpected %s in {{%s}}", "operand", word);
    *out = node(p, type, pos);
    return true;
}

/* One action after "{{"; *out NULL for definitions and comments; *stop for end and else. */
static bool
parse_action(struct parser *p, struct tnode **out, bool *stopped, enum stop *stop)
{
    size_t pos = p->at;

    *out = NULL;
    *stopped = false;
    if (take_word(p, "if"))
        return parse_control(p, N_IF, "if", pos, out);
    if (take_word(p, "with"))
        return parse_control(p, N_WITH, "with", pos, out);
    if (take_word(p, "range"))
        return parse_control(p, N_RANGE, "range", pos, out);
    if (take_word(p, "template"))
        return parse_template_call(p, pos, false, out);
    if (take_word(p, "block"))
        return parse_template_call(p, pos, true, out);
    if (take_word(p, "break"))
        return parse_loop_exit(p, N_BREAK, pos, out);
    if (take_word(p, "continue"))
        return parse_loop_exit(p, N_CONTINUE, pos, out);
    if (take_word(p, "define")) {
        str name;
        return parse_name_string(p, "define clause", &name) && parse_definition(p, name, "define clause");
    }
    if (take_word(p, "end")) {
        *stopped = true;
        *stop = STOP_END;
        return expect_end(p, "end");
    }
    if (take_word(p, "else")) {
        *stopped = true;
        *stop = STOP_ELSE;
        return true;
    }
    struct tnode *n = node(p, N_ACTION, pos);
    *out = n;
    return parse_pipeline(p, &n->pipe, "command") && expect_end(p, "operand");
}

static bool
skip_comment(struct parser *p, bool *was)
{
    size_t before = p->at;

    skip_space(p);
    *was = looking_at(p, "/*");
    if (!*was) {
        p->at = before;
        return true;
    }
    const char *end = memmem(rest(p).p, rest(p).n, "*/", 2);
    if (!end)
        return fail(p, "unclosed comment");
    p->at = (size_t)(end + 2 - p->src->text.p);
    return at_action_end(p) || fail(p, "comment ends before closing delimiter");
}

/* Text up to the next action, trimmed as the markers on both sides say. */
static void
parse_text(struct parser *p, struct tnode *list)
{
    str s = rest(p);
    const char *open = memmem(s.p ? s.p : "", s.n, "{{", 2);
    size_t n = open ? (size_t)(open - s.p) : s.n;
    size_t pos = p->at;
    str text = STR(s.p, n);

    p->at += n;
    while (p->trim_next && text.n && is_space(text.p[0]))
        text = str_from(text, 1);
    p->trim_next = false;
    bool trim_right = open && s.n > n + 3 && s.p[n + 2] == '-' && is_space(s.p[n + 3]);
    while (trim_right && text.n && is_space(text.p[text.n - 1]))
        text.n--;
    if (text.n == 0)
        return;
    struct tnode *t = node(p, N_TEXT, pos);
    t->text = text;
    add_child(p, list, t);
}

static bool
parse_list(struct parser *p, struct tnode **out, enum stop *stop)
{
    struct tnode *list = node(p, N_LIST, p->at);

    *out = list;
    for (;;) {
        parse_text(p, list);
        if (p->at >= p->src->text.n) {
            *stop = STOP_EOF;
            return true;
        }
        p->at += 2;
        if (rest(p).n > 1 && rest(p).p[0] == '-' && is_space(rest(p).p[1]))
            p->at++;
        bool comment, stopped;
        struct tnode *n;
        if (!skip_comment(p, &comment))
            return false;
        if (comment)
            continue;
        if (!parse_action(p, &n, &stopped, stop))
            return false;
        if (stopped)
            return true;
        if (n)
            add_child(p, list, n);
    }
}

bool
template_parse(struct template_set *s, str name, str text, unsigned where, struct err *e)
{
    struct tsource *src = ARENA_NEW(s->arena, struct tsource);
    *src = (struct tsource){arena_str(s->arena, name), arena_str(s->arena, text)};
    struct err quiet = ERR_INIT;
    struct parser p = {.set = s, .a = s->arena, .src = src, .where = where, .e = &quiet};
    struct tnode *root;
    enum stop stop;

    arena_grow(p.a, &p.vars, &p.vars_cap, 1, sizeof *p.vars);
    p.vars[p.vars_n++] = STRL("$");
    if (!parse_list(&p, &root, &stop) || (stop != STOP_EOF && !fail(&p, "unexpected {{%s}}", stop == STOP_END ? "end" : "else"))) {
        *e = quiet;
        return false;
    }
    add_tree(&p, src->name, root);
    return true;
}
