#include "base/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/compress.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/unicode.h"

struct yaml_doc {
    unsigned magic;
#define YAML_DOC_MAGIC 0x7a3100d5
    struct arena *arena;
    struct yaml_node *root;
};

/* What reading needs to know of a node beside the node. */
struct built {
    struct yaml_node node; /* first: nodes are these */
    size_t expanded;       /* nodes below and with it, aliases counted each time */
    bool open;             /* its end is not read yet */
};

struct anchor {
    str name;
    struct built *node;
};

struct reader {
    yaml_parser_t lib;
    yaml_parser_t ahead; /* v3 only: the same text, scanned further than it is parsed */
    size_t ahead_tokens;
    bool ahead_failed;
    yaml_event_t event; /* the one being looked at */
    struct arena *arena;
    bool v2;
    int depth;
    struct anchor *anchors;
    size_t anchors_n, anchors_cap;
    struct err *e; /* borrowed */
};

static struct built *read_node(struct reader *r);

/* Both Go packages count lines from what libyaml reports, and both differ from it and
 * from each other in which mark they take. */
static bool
fail_lib(struct reader *r, const yaml_parser_t *lib)
{
    size_t problem = lib->problem_mark.line, context = lib->context_mark.line;
    bool scanner = lib->error == YAML_SCANNER_ERROR;
    size_t line = 0;
    if (r->v2)
        line = problem ? problem + scanner : context;
    else
        line = context ? context + scanner : problem ? problem + scanner : 0;
    const char *why = lib->problem ? lib->problem : "unknown problem parsing YAML content";
    if (line == 0)
        return err_set(r->e, ERR_PARSE, "yaml: %s", why);
    return err_set(r->e, ERR_PARSE, "yaml: line %zu: %s", line, why);
}

/* yaml.v3 holds two tokens in hand beyond the one it parses, to place comments.  So it
 * meets a scanner's error ("mapping values are not allowed in this context") before the
 * parser's that libyaml would report ("did not find expected key"). */
static bool
scan_ahead(struct reader *r, bool parsed)
{
    size_t need = r->lib.tokens_parsed + 2 + (!parsed || r->lib.token_available);
    while (r->ahead_tokens < need) {
        yaml_token_t token;
        if (r->ahead_failed || !yaml_parser_scan(&r->ahead, &token)) {
            /* libyaml looks one token further where a key may begin; an error there is
             * not yet met. */
            bool beyond = r->ahead.tokens.head != r->ahead.tokens.tail;
            r->ahead_failed = true;
            if (beyond && r->ahead_tokens + 1 == need)
                return true;
            return fail_lib(r, &r->ahead);
        }
        bool end = token.type == YAML_STREAM_END_TOKEN || token.type == YAML_NO_TOKEN;
        yaml_token_delete(&token);
        r->ahead_tokens = end ? SIZE_MAX : r->ahead_tokens + 1;
    }
    return true;
}

static bool
next(struct reader *r)
{
    yaml_event_delete(&r->event);
    bool parsed = yaml_parser_parse(&r->lib, &r->event);
    if (!parsed)
        memset(&r->event, 0, sizeof(r->event));
    if (!r->v2 && !scan_ahead(r, parsed))
        return false;
    return parsed || fail_lib(r, &r->lib);
}

static str
short_tag(struct reader *r, const yaml_char_t *tag)
{
    str s = str_of((const char *)tag);
    str own = STRL("tag:yaml.org,2002:");
    if (str_eq(s, STRL("!")))
        return STR_EMPTY;
    if (str_starts(s, own))
        return arena_printf(r->arena, "!!%.*s", STR_ARG(str_from(s, own.n)));
    return arena_str(r->arena, s);
}

static struct built *
node_new(struct reader *r, enum yaml_type type, const yaml_char_t *tag)
{
    struct built *b = ARENA_NEW(r->arena, struct built);
    b->node.type = type;
    b->node.line = (int)r->event.start_mark.line + 1;
    b->node.column = (int)r->event.start_mark.column + 1;
    b->node.v2 = r->v2;
    b->node.tag = short_tag(r, tag);
    b->expanded = 1;
    return b;
}

static void
anchor_add(struct reader *r, const yaml_char_t *name, struct built *b)
{
    if (name == NULL)
        return;
    mem_grow(&r->anchors, &r->anchors_cap, r->anchors_n + 1, sizeof(*r->anchors));
    str copy = arena_str(r->arena, str_of((const char *)name));
    r->anchors[r->anchors_n++] = (struct anchor){copy, b};
}

static struct built *
read_alias(struct reader *r)
{
    str name = str_of((const char *)r->event.data.alias.anchor);
    for (size_t i = r->anchors_n; i-- > 0;) {
        if (!str_eq(r->anchors[i].name, name))
            continue;
        if (!r->anchors[i].node->open)
            return r->anchors[i].node;
        err_set(r->e, ERR_PARSE, "yaml: anchor '%.*s' value contains itself", STR_ARG(name));
        return NULL;
    }
    err_set(r->e, ERR_PARSE, "yaml: unknown anchor '%.*s' referenced", STR_ARG(name));
    return NULL;
}

static struct built *
read_scalar(struct reader *r)
{
    struct built *b = node_new(r, YAML_SCALAR, r->event.data.scalar.tag);
    b->node.quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    b->node.text =
        arena_str(r->arena, STR(r->event.data.scalar.value, r->event.data.scalar.length));
    anchor_add(r, r->event.data.scalar.anchor, b);
    return b;
}

/* Children are gathered on the heap and copied once their number is known. */
struct children {
    struct yaml_node **p;
    size_t n, cap;
};

static bool
read_child(struct reader *r, struct built *parent, struct children *c)
{
    struct built *b = read_node(r);
    if (b == NULL)
        return false;
    parent->expanded += b->expanded;
    if (parent->expanded > LIMIT_YAML_NODES)
        return err_set(r->e, ERR_LIMIT, "yaml: document contains excessive aliasing");
    mem_grow(&c->p, &c->cap, c->n + 1, sizeof(*c->p));
    c->p[c->n++] = &b->node;
    return true;
}

static struct built *
read_list(struct reader *r)
{
    struct built *b = node_new(r, YAML_LIST, r->event.data.sequence_start.tag);
    struct children c = {0};
    bool ok = true;
    b->open = true;
    anchor_add(r, r->event.data.sequence_start.anchor, b);
    while ((ok = next(r)) && r->event.type != YAML_SEQUENCE_END_EVENT &&
           (ok = read_child(r, b, &c)))
        ;
    b->node.n = c.n;
    b->node.item = ARENA_ARRAY(r->arena, struct yaml_node *, c.n);
    if (c.n > 0)
        memcpy(b->node.item, c.p, c.n * sizeof(*c.p));
    b->open = false;
    mem_free(c.p);
    return ok ? b : NULL;
}

static bool
is_merge(const struct yaml_node *key)
{
    if (key->type != YAML_SCALAR || !str_eq(key->text, STRL("<<")))
        return false;
    return str_eq(key->tag, STRL("!!merge")) || (key->tag.n == 0 && !key->quoted);
}

/* Keys already in a map under construction, so that merging n pairs is not n². */
struct key_set {
    const struct yaml_node **slot;
    size_t slots;
};

static bool
key_same(const struct yaml_node *a, const struct yaml_node *b)
{
    return a->type == b->type && str_eq(a->text, b->text);
}

static bool
key_set_add(struct key_set *s, const struct yaml_node *key)
{
    size_t i = (size_t)hash64(key->text) & (s->slots - 1);
    while (s->slot[i] != NULL && !key_same(s->slot[i], key))
        i = (i + 1) & (s->slots - 1);
    bool fresh = s->slot[i] == NULL;
    if (fresh)
        s->slot[i] = key;
    return fresh;
}

static struct key_set
key_set_new(size_t keys)
{
    size_t slots = 16;
    while (slots < keys * 2)
        slots *= 2;
    return (struct key_set){MEM_ARRAY(const struct yaml_node *, slots), slots};
}

struct pairs {
    struct yaml_node **key, **item;
    size_t n;
};

static void
merge_map(struct pairs *p, struct key_set *seen, const struct yaml_node *from)
{
    for (size_t i = 0; i < from->n; i++) {
        if (!key_set_add(seen, from->key[i]))
            continue;
        p->key[p->n] = from->key[i];
        p->item[p->n++] = from->item[i];
    }
}

/* Counts what a merge value may bring; false if it is not a map or a list of maps. */
static bool
merge_size(const struct yaml_node *from, size_t *n)
{
    if (from->type == YAML_MAP) {
        *n += from->n;
        return true;
    }
    if (from->type != YAML_LIST)
        return false;
    for (size_t i = 0; i < from->n; i++) {
        if (from->item[i]->type != YAML_MAP)
            return false;
        *n += from->item[i]->n;
    }
    return true;
}

static bool
apply_merges(struct reader *r, struct yaml_node *map)
{
    size_t most = 0;
    const struct yaml_node *from = NULL;
    for (size_t i = 0; i < map->n; i++) {
        if (!is_merge(map->key[i])) {
            most++;
            continue;
        }
        from = map->item[i]; /* Go takes the last of several */
    }
    if (from == NULL)
        return true;
    if (!merge_size(from, &most))
        return err_set(r->e, ERR_PARSE,
                       "yaml: map merge requires map or sequence of maps as the value");
    struct key_set seen = key_set_new(most);
    struct pairs p = {ARENA_ARRAY(r->arena, struct yaml_node *, most),
                      ARENA_ARRAY(r->arena, struct yaml_node *, most), 0};
    for (size_t i = 0; i < map->n; i++) {
        if (is_merge(map->key[i]))
            continue;
        (void)key_set_add(&seen, map->key[i]);
        p.key[p.n] = map->key[i];
        p.item[p.n++] = map->item[i];
    }
    if (from->type == YAML_MAP)
        merge_map(&p, &seen, from);
    for (size_t i = 0; from->type == YAML_LIST && i < from->n; i++)
        merge_map(&p, &seen, from->item[i]);
    mem_free(seen.slot);
    map->n = p.n;
    map->key = p.key;
    map->item = p.item;
    return true;
}

static void
split_pairs(struct reader *r, struct yaml_node *map, const struct children *c)
{
    map->n = c->n / 2;
    map->key = ARENA_ARRAY(r->arena, struct yaml_node *, map->n);
    map->item = ARENA_ARRAY(r->arena, struct yaml_node *, map->n);
    for (size_t i = 0; i < map->n; i++) {
        map->key[i] = c->p[i * 2];
        map->item[i] = c->p[i * 2 + 1];
    }
}

static struct built *
read_map(struct reader *r)
{
    struct built *b = node_new(r, YAML_MAP, r->event.data.mapping_start.tag);
    struct children c = {0};
    bool ok = true;
    b->open = true;
    anchor_add(r, r->event.data.mapping_start.anchor, b);
    while ((ok = next(r)) && r->event.type != YAML_MAPPING_END_EVENT && (ok = read_child(r, b, &c)))
        ;
    if (ok)
        split_pairs(r, &b->node, &c);
    b->open = false;
    mem_free(c.p);
    return ok ? b : NULL;
}

/* Reads the node whose first event is at hand. */
static struct built *
read_node(struct reader *r)
{
    struct built *b = NULL;
    if (r->depth >= LIMIT_YAML_DEPTH) {
        err_set(r->e, ERR_LIMIT, "yaml: exceeded max depth of %d", LIMIT_YAML_DEPTH);
        return NULL;
    }
    r->depth++;
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        b = read_scalar(r);
        break;
    case YAML_ALIAS_EVENT:
        b = read_alias(r);
        break;
    case YAML_SEQUENCE_START_EVENT:
        b = read_list(r);
        break;
    case YAML_MAPPING_START_EVENT:
        b = read_map(r);
        break;
    default:
        UNREACHABLE();
    }
    r->depth--;
    return b;
}

/* The stream's start, then a document or the end. */
static struct yaml_node *
read_document(struct reader *r)
{
    if (!next(r) || !next(r))
        return NULL;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return &node_new(r, YAML_NULL_NODE, NULL)->node;
    CHECK(r->event.type == YAML_DOCUMENT_START_EVENT);
    /* libyaml has come to know %YAML 1.2; Go's packages have not. */
    const yaml_version_directive_t *v = r->event.data.document_start.version_directive;
    if (v != NULL && (v->major != 1 || v->minor != 1)) {
        err_set(r->e, ERR_PARSE, "yaml: found incompatible YAML document");
        return NULL;
    }
    if (!next(r))
        return NULL;
    struct built *b = read_node(r);
    if (b == NULL || !next(r))
        return NULL;
    CHECK(r->event.type == YAML_DOCUMENT_END_EVENT);
    return &b->node;
}

/* An explicit tag of YAML's own must fit the text. */
static bool
check_tag(struct reader *r, struct yaml_node *n)
{
    struct buf bytes = {0};
    if (str_eq(n->tag, STRL("!!binary"))) {
        n->tag = STRL("!!str"); /* once, however often it is referred to */
        bool ok = base64_decode(n->text, &bytes);
        n->text = arena_str(r->arena, buf_str(&bytes));
        buf_free(&bytes);
        return ok || err_set(r->e, ERR_PARSE, "yaml: !!binary value contains invalid base64 data");
    }
    struct yaml_node plain = *n;
    plain.tag = STR_EMPTY;
    plain.quoted = false;
    str found = yaml_resolved_tag(&plain);
    bool number = str_eq(found, STRL("!!int")) && str_eq(n->tag, STRL("!!float"));
    bool checked = false;
    for (const char *const *t =
             (const char *const[]){"!!bool", "!!int", "!!float", "!!null", "!!timestamp", NULL};
         *t != NULL; t++)
        checked |= str_eq(n->tag, str_of(*t));
    if (!checked || number || str_eq(found, n->tag))
        return true;
    return err_set(r->e, ERR_PARSE, "yaml: cannot decode %.*s `%.*s` as a %.*s", STR_ARG(found),
                   STR_ARG(n->text), STR_ARG(n->tag));
}

static bool
walk_tags(struct reader *r, struct yaml_node *n)
{
    if (n->type == YAML_SCALAR && n->tag.n > 0 && !check_tag(r, n))
        return false;
    for (size_t i = 0; i < n->n; i++)
        if ((n->type == YAML_MAP && !walk_tags(r, n->key[i])) || !walk_tags(r, n->item[i]))
            return false;
    return true;
}

/* One line for each pair of equal keys, the earlier key of the pair first. */
static size_t
list_duplicates(const struct yaml_node *map, struct buf *out)
{
    struct key_set seen = key_set_new(map->n);
    bool any = false;
    size_t lines = 0;
    for (size_t i = 0; i < map->n; i++)
        any |= !key_set_add(&seen, map->key[i]);
    mem_free(seen.slot);
    for (size_t i = 0; any && i < map->n; i++) {
        for (size_t j = i + 1; j < map->n && out->n < ERR_TEXT_MAX; j++) {
            const struct yaml_node *a = map->key[i], *b = map->key[j];
            if (!key_same(a, b))
                continue;
            buf_printf(out, "\n  line %d: mapping key ", b->line);
            unicode_put_quoted(out, b->text);
            buf_printf(out, " already defined at line %d", a->line);
            lines++;
        }
    }
    return lines;
}

/* In the order in which Go decodes: a map with duplicates is not looked into. */
size_t
yaml_duplicates(const struct yaml_node *n, bool deep, struct buf *out)
{
    size_t lines = n->type == YAML_MAP ? list_duplicates(n, out) : 0;
    if (!deep || lines > 0 || out->n >= ERR_TEXT_MAX)
        return lines;
    for (size_t i = 0; i < n->n; i++) {
        if (n->type == YAML_MAP)
            lines += yaml_duplicates(n->key[i], true, out);
        lines += yaml_duplicates(n->item[i], true, out);
    }
    return lines;
}

static bool
check_duplicates(const struct yaml_node *root, struct err *e)
{
    struct buf lines = {0};
    (void)yaml_duplicates(root, true, &lines);
    bool clean = lines.n == 0;
    if (!clean)
        err_set(e, ERR_PARSE, "yaml: unmarshal errors:%.*s", STR_ARG(buf_str(&lines)));
    buf_free(&lines);
    return clean;
}

/* After the check for duplicates, which must see the keys as written.  Depth first: what
 * is merged has had its own merges applied.  A shared map is done once, because then no
 * merge key is left in it. */
static bool
walk_merges(struct reader *r, struct yaml_node *n)
{
    for (size_t i = 0; i < n->n; i++) {
        if (n->type == YAML_MAP && !walk_merges(r, n->key[i]))
            return false;
        if (!walk_merges(r, n->item[i]))
            return false;
    }
    return n->type != YAML_MAP || apply_merges(r, n);
}

static bool
parse(str text, bool v2, bool strict, struct yaml_doc **out, struct err *e)
{
    if (text.n > LIMIT_YAML_BYTES)
        return err_set(e, ERR_LIMIT, "yaml: larger than %u bytes", LIMIT_YAML_BYTES);
    struct yaml_doc *d = MEM_NEW(struct yaml_doc);
    struct reader r = {.v2 = v2, .e = e};
    d->magic = YAML_DOC_MAGIC;
    d->arena = r.arena = arena_new();
    const unsigned char *bytes = (const unsigned char *)(text.n ? text.p : "");
    CHECK(yaml_parser_initialize(&r.lib));
    CHECK(yaml_parser_initialize(&r.ahead));
    yaml_parser_set_input_string(&r.lib, bytes, text.n);
    yaml_parser_set_input_string(&r.ahead, bytes, text.n);
    d->root = read_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.lib);
    yaml_parser_delete(&r.ahead);
    mem_free(r.anchors);
    bool ok = d->root != NULL && walk_tags(&r, d->root) && (!strict || check_duplicates(d->root, e)) &&
              walk_merges(&r, d->root);
    if (!ok) {
        yaml_free(&d);
        return false;
    }
    *out = d;
    return true;
}

bool
yaml_parse(str text, struct yaml_doc **out, struct err *e)
{
    return parse(text, false, true, out, e);
}

bool
yaml_parse_loose(str text, struct yaml_doc **out, struct err *e)
{
    return parse(text, false, false, out, e);
}

bool
yaml_parse_v2(str text, struct yaml_doc **out, struct err *e)
{
    return parse(text, true, false, out, e);
}

void
yaml_free(struct yaml_doc **d_ptr)
{
    struct yaml_doc *d = *d_ptr;
    if (d == NULL)
        return;
    CHECK_MAGIC(d, YAML_DOC_MAGIC);
    arena_free(&d->arena);
    d->magic = 0;
    mem_free(d);
    *d_ptr = NULL;
}

const struct yaml_node *
yaml_root(const struct yaml_doc *d)
{
    CHECK_MAGIC(d, YAML_DOC_MAGIC);
    return d->root;
}

const struct yaml_node *
yaml_get(const struct yaml_node *map, const char *key)
{
    if (map == NULL || map->type != YAML_MAP)
        return NULL;
    str want = str_of(key);
    for (size_t i = 0; i < map->n; i++)
        if (map->key[i]->type == YAML_SCALAR && str_eq(map->key[i]->text, want))
            return map->item[i];
    return NULL;
}

bool
yaml_repeats(const struct yaml_node *map, size_t i)
{
    CHECK(map->type == YAML_MAP);
    CHECK(i < map->n);
    for (size_t j = 0; j < i; j++)
        if (key_same(map->key[i], map->key[j]))
            return true;
    return false;
}
