#include "base/regex_syntax_priv.h"

#include "base/limits.h"
#include "base/panic.h"
#include "base/unicode.h"

/* Go gives up at 128 MiB of instructions of 40 bytes. */
#define SIZE_MAX_INSTRUCTIONS (128.0 * 1024 * 1024 / 40)

bool
regex_syntax_fail(struct regex_parser *p, const char *what, str expr)
{
    if (!p->failed)
        err_set(p->e, ERR_PARSE, "error parsing regexp: %s: `%.*s`", what, STR_ARG(expr));
    p->failed = true;
    return false;
}

/* The text from `from` up to where the parser stands now. */
str
regex_syntax_since(const struct regex_parser *p, str from)
{
    return STR(from.p, from.n - p->rest.n);
}

bool
regex_syntax_rune(struct regex_parser *p, str *rest, uint32_t *rune)
{
    size_t n;
    *rune = utf8_decode(*rest, &n);
    if (*rune == RUNE_ERROR && n == 1)
        return regex_syntax_fail(p, "invalid UTF-8", *rest);
    *rest = str_from(*rest, n);
    return true;
}

static bool
check_utf8(struct regex_parser *p, str s)
{
    uint32_t rune;
    while (s.n > 0)
        if (!regex_syntax_rune(p, &s, &rune))
            return false;
    return true;
}

bool
regex_syntax_check_utf8(struct regex_parser *p, str s)
{
    return check_utf8(p, s);
}

static void
push_raw(struct regex_parser *p, struct regex_node *n)
{
    if (p->n == p->cap)
        arena_grow(p->arena, &p->stack, &p->cap, p->n + 1, sizeof(*p->stack));
    p->stack[p->n++] = n;
}

static bool
check_limits(struct regex_parser *p, const struct regex_node *n)
{
    if (n->size > SIZE_MAX_INSTRUCTIONS)
        return regex_syntax_fail(p, "expression too large", p->whole);
    if (n->height > LIMIT_REGEX_DEPTH || n->depth > LIMIT_REGEX_DEPTH)
        return regex_syntax_fail(p, "expression nests too deeply", p->whole);
    return true;
}

bool
regex_syntax_push(struct regex_parser *p, struct regex_node *n)
{
    push_raw(p, n);
    return check_limits(p, n);
}

struct regex_node *
regex_syntax_node(struct regex_parser *p, enum regex_op op)
{
    struct regex_node *n = ARENA_NEW(p->arena, struct regex_node);
    n->op = op;
    n->height = n->depth = 1;
    n->size = 1;
    n->class.arena = p->arena;
    return n;
}

static void
literal_append(struct regex_parser *p, struct regex_node *n, str text)
{
    if (n->text_n + text.n > n->text_cap)
        arena_grow(p->arena, &n->text, &n->text_cap, n->text_n + text.n, 1);
    memcpy(n->text + n->text_n, text.p, text.n);
    n->text_n += text.n;
}

/* Runs of literals are one node; a repeat takes the last rune off again. */
bool
regex_syntax_literal(struct regex_parser *p, uint32_t rune)
{
    char bytes[4];
    struct buf encoded = {.p = bytes, .cap = sizeof(bytes)};
    bool fold = p->flags & REGEX_SYNTAX_FOLD;
    struct regex_node *top = p->n > 0 ? p->stack[p->n - 1] : NULL;
    utf8_put(&encoded, rune);
    if (top != NULL && top->op == RE_LITERAL && top->fold == fold && !top->closed) {
        literal_append(p, top, buf_str(&encoded));
        top->size++;
        return check_limits(p, top);
    }
    struct regex_node *n = regex_syntax_node(p, RE_LITERAL);
    n->fold = fold;
    literal_append(p, n, buf_str(&encoded));
    return regex_syntax_push(p, n);
}

static struct regex_node *
split_last_rune(struct regex_parser *p, struct regex_node *n)
{
    size_t at = n->text_n - 1;
    while (at > 0 && ((unsigned char)n->text[at] & 0xC0) == 0x80)
        at--;
    if (at == 0)
        return n;
    struct regex_node *last = regex_syntax_node(p, RE_LITERAL);
    last->fold = n->fold;
    literal_append(p, last, STR(n->text + at, n->text_n - at));
    n->text_n = at;
    n->size--;
    push_raw(p, last);
    return last;
}

/* Copies of the innermost thing, over all nested repeats, are bounded. */
static bool
repeat_is_valid(const struct regex_node *n, int left)
{
    if (n->op == RE_REPEAT && n->counted) {
        int m = n->max;
        if (m == 0)
            return true;
        if (m < 0)
            m = n->min;
        if (m > left)
            return false;
        if (m > 0)
            left /= m;
    }
    for (size_t i = 0; i < n->n; i++)
        if (!repeat_is_valid(n->sub[i], left))
            return false;
    return true;
}

static double
repeat_size(const struct regex_node *n)
{
    double sub = n->sub[0]->size;
    double size;
    if (n->max < 0)
        size = n->min == 0 ? 2 + sub : n->counted ? 1 + n->min * sub : 1 + sub;
    else if (!n->counted)
        size = 1 + sub;
    else
        size = n->max * sub + (n->max - n->min);
    return MAX(size, 1);
}

/* op_text starts at the operator; p->rest stands after it. */
static bool
repeat(struct regex_parser *p, struct regex_node *r, str op_text)
{
    r->lazy = p->flags & REGEX_SYNTAX_LAZY;
    if (p->rest.n > 0 && p->rest.p[0] == '?') {
        p->rest = str_from(p->rest, 1);
        r->lazy = !r->lazy;
    }
    if (p->last_repeat.n > 0)
        return regex_syntax_fail(p, "invalid nested repetition operator",
                                 regex_syntax_since(p, p->last_repeat));
    struct regex_node *top = p->n > 0 ? p->stack[p->n - 1] : NULL;
    if (top == NULL || top->op >= RE_LEFT_PAREN)
        return regex_syntax_fail(p, "missing argument to repetition operator",
                                 regex_syntax_since(p, op_text));
    if (top->op == RE_LITERAL && !top->closed)
        top = split_last_rune(p, top);
    r->sub = ARENA_ARRAY(p->arena, struct regex_node *, 1);
    r->sub[0] = top;
    r->n = 1;
    r->height = top->height + 1;
    r->depth = top->depth + 1;
    r->size = repeat_size(r);
    p->stack[p->n - 1] = r;
    if (!check_limits(p, r))
        return false;
    if (r->counted && (r->min >= 2 || r->max >= 2) && !repeat_is_valid(r, LIMIT_REGEX_REPEAT))
        return regex_syntax_fail(p, "invalid repeat count", regex_syntax_since(p, op_text));
    return true;
}

static bool
repeat_simple(struct regex_parser *p, char c)
{
    str op_text = p->rest;
    struct regex_node *r = regex_syntax_node(p, RE_REPEAT);
    r->min = c == '+';
    r->max = c == '?' ? 1 : -1;
    p->rest = str_from(p->rest, 1);
    bool ok = repeat(p, r, op_text);
    p->repeat_here = op_text;
    return ok;
}

#define NO_END (-1)
#define ABSURD (-2)

/* Digits without a leading zero; ABSURD past what an int should hold. */
static bool
read_int(str *s, int *out)
{
    size_t n = 0;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    if (n == 0 || (n > 1 && s->p[0] == '0'))
        return false;
    int v = 0;
    for (size_t i = 0; i < n && v != ABSURD; i++)
        v = v >= 100000000 ? ABSURD : v * 10 + (s->p[i] - '0');
    *s = str_from(*s, n);
    *out = v;
    return true;
}

/* {n}, {n,} or {n,m}; anything else is a literal brace. */
static bool
read_braces(str *s, int *min, int *max)
{
    str t = str_from(*s, 1);
    if (!read_int(&t, min) || t.n == 0)
        return false;
    *max = *min;
    if (t.p[0] == ',') {
        t = str_from(t, 1);
        *max = NO_END;
        if (t.n > 0 && t.p[0] != '}' && !read_int(&t, max))
            return false;
    }
    if (t.n == 0 || t.p[0] != '}')
        return false;
    *s = str_from(t, 1);
    return true;
}

static bool
repeat_counted(struct regex_parser *p)
{
    str op_text = p->rest, t = p->rest;
    int min, max;
    if (!read_braces(&t, &min, &max)) {
        p->rest = str_from(p->rest, 1);
        return regex_syntax_literal(p, '{');
    }
    p->rest = t;
    bool backwards = max != NO_END && min > max;
    if (min == ABSURD || max == ABSURD || min > LIMIT_REGEX_REPEAT || max > LIMIT_REGEX_REPEAT ||
        backwards)
        return regex_syntax_fail(p, "invalid repeat count", regex_syntax_since(p, op_text));
    struct regex_node *r = regex_syntax_node(p, RE_REPEAT);
    r->counted = true;
    r->min = min;
    r->max = max;
    bool ok = repeat(p, r, op_text);
    p->repeat_here = op_text;
    return ok;
}

/* Makes one node of what stands above the last paren or bar. */
static bool
collapse(struct regex_parser *p, enum regex_op op, struct regex_node **out)
{
    size_t from = p->n;
    while (from > 0 && p->stack[from - 1]->op < RE_LEFT_PAREN)
        from--;
    size_t n = p->n - from;
    if (n == 1) {
        *out = p->stack[--p->n];
        (*out)->closed = true;
        return true;
    }
    struct regex_node *c = regex_syntax_node(p, n == 0 ? RE_EMPTY : op);
    c->n = n;
    c->sub = ARENA_ARRAY(p->arena, struct regex_node *, n);
    c->size = op == RE_ALTERNATE && n > 0 ? (double)n - 1 : 0;
    for (size_t i = 0; i < n; i++) {
        c->sub[i] = p->stack[from + i];
        c->height = MAX(c->height, c->sub[i]->height + (c->sub[i]->op != op));
        c->depth = MAX(c->depth, c->sub[i]->depth + 1);
        c->size += c->sub[i]->size;
    }
    c->size = MAX(c->size, 1);
    p->n = from;
    *out = c;
    return check_limits(p, c);
}

/* The stack holds, from each open paren up: finished alternatives, a bar, the pieces of
 * the current alternative. */
static bool
vertical_bar(struct regex_parser *p)
{
    struct regex_node *done;
    if (!collapse(p, RE_CONCAT, &done))
        return false;
    if (p->n > 0 && p->stack[p->n - 1]->op == RE_VERTICAL_BAR) {
        struct regex_node *bar = p->stack[p->n - 1];
        p->stack[p->n - 1] = done;
        push_raw(p, bar);
        return true;
    }
    push_raw(p, done);
    push_raw(p, regex_syntax_node(p, RE_VERTICAL_BAR));
    return true;
}

static bool
alternation(struct regex_parser *p, struct regex_node **out)
{
    if (!vertical_bar(p))
        return false;
    p->n--; /* the bar */
    return collapse(p, RE_ALTERNATE, out);
}

static bool
right_paren(struct regex_parser *p)
{
    struct regex_node *inner;
    if (!alternation(p, &inner))
        return false;
    if (p->n == 0 || p->stack[p->n - 1]->op != RE_LEFT_PAREN)
        return regex_syntax_fail(p, "unexpected )", p->whole);
    struct regex_node *paren = p->stack[--p->n];
    p->flags = paren->flags;
    p->rest = str_from(p->rest, 1);
    if (paren->group == 0)
        return regex_syntax_push(p, inner);
    paren->op = RE_CAPTURE;
    paren->sub = ARENA_ARRAY(p->arena, struct regex_node *, 1);
    paren->sub[0] = inner;
    paren->n = 1;
    paren->height = inner->height + 1;
    paren->depth = inner->depth + 1;
    paren->size = inner->size + 2;
    return regex_syntax_push(p, paren);
}

static bool
push_op(struct regex_parser *p, enum regex_op op, size_t bytes)
{
    p->rest = str_from(p->rest, bytes);
    return regex_syntax_push(p, regex_syntax_node(p, op));
}

/* \Q…\E and the escapes that are not one rune or class; *done tells whether one was. */
static bool
escape_op(struct regex_parser *p, bool *done)
{
    *done = true;
    switch (p->rest.n > 1 ? p->rest.p[1] : '\0') {
    case 'A':
        return push_op(p, RE_BEGIN_TEXT, 2);
    case 'z':
        return push_op(p, RE_END_TEXT, 2);
    case 'b':
        return push_op(p, RE_WORD_BOUNDARY, 2);
    case 'B':
        return push_op(p, RE_NO_WORD_BOUNDARY, 2);
    case 'C':
        return regex_syntax_fail(p, "invalid escape sequence", STR(p->rest.p, 2));
    case 'Q':
        break;
    default:
        *done = false;
        return true;
    }
    str text = str_from(p->rest, 2);
    const char *end = memmem(text.p, text.n, "\\E", 2);
    str quoted = end ? STR(text.p, (size_t)(end - text.p)) : text;
    p->rest = str_from(text, quoted.n + (end ? 2 : 0));
    while (quoted.n > 0) {
        uint32_t rune;
        if (!regex_syntax_rune(p, &quoted, &rune) || !regex_syntax_literal(p, rune))
            return false;
    }
    return true;
}

static bool
escape(struct regex_parser *p)
{
    bool done;
    if (!escape_op(p, &done) || done)
        return !p->failed;
    struct regex_node *n = regex_syntax_node(p, RE_CLASS);
    if (!regex_syntax_class_escape(p, &p->rest, &n->class, &done))
        return false;
    if (done) {
        regex_class_clean(&n->class);
        return regex_syntax_push(p, n);
    }
    uint32_t rune;
    return regex_syntax_escape(p, &p->rest, &rune) && regex_syntax_literal(p, rune);
}

static bool
bracket(struct regex_parser *p)
{
    struct regex_node *n = regex_syntax_node(p, RE_CLASS);
    return regex_syntax_bracket(p, &n->class) && regex_syntax_push(p, n);
}

static bool
left_paren(struct regex_parser *p)
{
    if (p->rest.n >= 2 && p->rest.p[1] == '?')
        return regex_syntax_perl_group(p);
    p->rest = str_from(p->rest, 1);
    return regex_syntax_open(p, ++p->groups, STR_EMPTY);
}

bool
regex_syntax_open(struct regex_parser *p, int group, str name)
{
    struct regex_node *n = regex_syntax_node(p, RE_LEFT_PAREN);
    n->group = group;
    n->name = name.n ? arena_str(p->arena, name) : STR_EMPTY;
    n->flags = p->flags;
    if (group > 0) {
        size_t cap = p->names_cap;
        if ((size_t)group >= cap)
            arena_grow(p->arena, &p->names, &p->names_cap, (size_t)group + 1, sizeof(str));
        p->names[group] = n->name;
    }
    return regex_syntax_push(p, n);
}

static bool
step(struct regex_parser *p)
{
    bool multi_line = p->flags & REGEX_SYNTAX_MULTI_LINE;
    uint32_t rune;
    char c = p->rest.p[0];
    switch (c) {
    case '(':
        return left_paren(p);
    case '|':
        p->rest = str_from(p->rest, 1);
        return vertical_bar(p);
    case ')':
        return right_paren(p);
    case '^':
        return push_op(p, multi_line ? RE_BEGIN_LINE : RE_BEGIN_TEXT, 1);
    case '$':
        return push_op(p, multi_line ? RE_END_LINE : RE_END_TEXT, 1);
    case '.':
        return push_op(p, p->flags & REGEX_SYNTAX_DOT_NL ? RE_ANY : RE_ANY_NOT_NL, 1);
    case '[':
        return bracket(p);
    case '*':
    case '+':
    case '?':
        return repeat_simple(p, c);
    case '{':
        return repeat_counted(p);
    case '\\':
        return escape(p);
    default:
        return regex_syntax_rune(p, &p->rest, &rune) && regex_syntax_literal(p, rune);
    }
}

bool
regex_parse(str pattern, unsigned flags, struct arena *a, struct regex_tree *out, struct err *e)
{
    struct regex_parser p = {.arena = a, .e = e, .whole = pattern, .rest = pattern, .flags = flags};
    if (pattern.n > LIMIT_REGEX_BYTES)
        return err_set(e, ERR_LIMIT, "regular expression is longer than %u bytes",
                       LIMIT_REGEX_BYTES);
    arena_grow(a, &p.names, &p.names_cap, 8, sizeof(str));
    p.names[0] = STR_EMPTY;
    while (p.rest.n > 0) {
        p.repeat_here = STR_EMPTY;
        if (!step(&p))
            return false;
        p.last_repeat = p.repeat_here;
    }
    struct regex_node *root;
    if (!alternation(&p, &root))
        return false;
    if (p.n != 0)
        return regex_syntax_fail(&p, "missing closing )", pattern);
    *out = (struct regex_tree){.root = root, .groups = p.groups, .names = p.names};
    return true;
}
