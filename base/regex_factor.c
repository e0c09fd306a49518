#include "base/regex_priv.h"

#include "base/panic.h"

/* ABC|ABD|AEF becomes A(?:B(?:C|D)|EF).  Lists of ten thousand host names then cost an
 * engine a handful of branches at each character, not ten thousand at the first.  Only
 * neighbours are joined, so the order of attempts stays. */

static struct regex_node *
node_copy(struct arena *a, const struct regex_node *n)
{
    struct regex_node *c = ARENA_NEW(a, struct regex_node);
    *c = *n;
    return c;
}

static struct regex_node *
literal_of(struct regex_node *n)
{
    if (n->op == RE_CONCAT && n->n > 0)
        n = n->sub[0];
    return n->op == RE_LITERAL ? n : NULL;
}

/* Bytes both begin with, ending at a rune. */
static size_t
common_bytes(const char *p, size_t n, const struct regex_node *other)
{
    size_t same = 0;
    while (same < n && same < other->text_n && p[same] == other->text[same])
        same++;
    while (same > 0 &&
           ((same < n && ((unsigned char)p[same] & 0xC0) == 0x80) ||
            (same < other->text_n && ((unsigned char)other->text[same] & 0xC0) == 0x80)))
        same--;
    return same;
}

/* n without the first bytes of its leading literal.  Nodes may be shared; they are
 * copied, never changed. */
static struct regex_node *
without_prefix(struct arena *a, struct regex_node *n, size_t bytes)
{
    struct regex_node *lit = literal_of(n), *rest = node_copy(a, lit);
    rest->text += bytes;
    rest->text_n -= bytes;
    if (rest->text_n == 0)
        rest->op = RE_EMPTY;
    if (n->op == RE_LITERAL)
        return rest;
    struct regex_node *c = node_copy(a, n);
    c->sub = ARENA_ARRAY(a, struct regex_node *, n->n);
    memcpy(c->sub, n->sub, n->n * sizeof(*c->sub));
    c->sub[0] = rest;
    if (rest->op == RE_EMPTY) {
        c->sub++;
        c->n--;
    }
    return c->n == 1 ? c->sub[0] : c;
}

static struct regex_node *
factored(struct arena *a, struct regex_node *const *run, size_t n, size_t bytes)
{
    struct regex_node *rest = ARENA_NEW(a, struct regex_node);
    rest->op = RE_ALTERNATE;
    rest->n = n;
    rest->sub = ARENA_ARRAY(a, struct regex_node *, n);
    for (size_t i = 0; i < n; i++)
        rest->sub[i] = without_prefix(a, run[i], bytes);
    struct regex_node *prefix = node_copy(a, literal_of(run[0]));
    prefix->text_n = bytes;
    struct regex_node *both = ARENA_NEW(a, struct regex_node);
    both->op = RE_CONCAT;
    both->n = 2;
    both->sub = ARENA_ARRAY(a, struct regex_node *, 2);
    both->sub[0] = prefix;
    both->sub[1] = regex_factor(rest, a);
    return both;
}

/* How many alternatives from run[0] share a prefix, and how long it is. */
static size_t
run_length(struct regex_node *const *run, size_t n, size_t *bytes)
{
    const struct regex_node *first = literal_of(run[0]);
    size_t len = 1;
    *bytes = first ? first->text_n : 0;
    while (first != NULL && len < n) {
        const struct regex_node *lit = literal_of(run[len]);
        if (lit == NULL || lit->fold != first->fold)
            break;
        size_t same = common_bytes(first->text, *bytes, lit);
        if (same == 0)
            break;
        *bytes = same;
        len++;
    }
    return len;
}

struct regex_node *
regex_factor(struct regex_node *n, struct arena *a)
{
    for (size_t i = 0; i < n->n; i++)
        n->sub[i] = regex_factor(n->sub[i], a);
    if (n->op != RE_ALTERNATE)
        return n;
    size_t kept = 0;
    for (size_t i = 0; i < n->n;) {
        size_t bytes;
        size_t len = run_length(n->sub + i, n->n - i, &bytes);
        n->sub[kept++] = len == 1 ? n->sub[i] : factored(a, n->sub + i, len, bytes);
        i += len;
    }
    n->n = kept;
    return kept == 1 ? n->sub[0] : n;
}
