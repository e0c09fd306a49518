/* The reader: jansson parses, and its tree is copied once into nodes that can be indexed
 * and that live in one arena. */
#include "base/json.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/unicode.h"

/* jansson's names for the kinds of value are ours too; in here they get its own name. */
#define json_type jansson_type
#define json_null jansson_null
#define JSON_REAL JANSSON_REAL
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef json_type
#undef json_null
#undef JSON_REAL
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

struct json_node {
    enum json_type type;
    size_t n; /* children, or bytes of the string */
    union {
        int64_t integer;
        double real;
        const char *text;
        struct json_node *items; /* of an array or object */
    };
    str *keys; /* of an object */
};

struct json_doc {
    unsigned magic;
#define JSON_DOC_MAGIC 0x15d0c0deu
    struct arena *arena;
    struct json_node root;
};

static bool copy_node(struct json_doc *d, const json_t *from, struct json_node *to, int depth);

static bool
copy_array(struct json_doc *d, const json_t *from, struct json_node *to, int depth)
{
    to->type = JSON_ARR;
    to->n = json_array_size(from);
    to->items = ARENA_ARRAY(d->arena, struct json_node, to->n);
    for (size_t i = 0; i < to->n; i++)
        if (!copy_node(d, json_array_get(from, i), &to->items[i], depth + 1))
            return false;
    return true;
}

static bool
copy_object(struct json_doc *d, const json_t *from, struct json_node *to, int depth)
{
    to->type = JSON_OBJ;
    to->n = json_object_size(from);
    to->items = ARENA_ARRAY(d->arena, struct json_node, to->n);
    to->keys = ARENA_ARRAY(d->arena, str, to->n);
    json_t *object = (json_t *)(uintptr_t)from; /* jansson iterates over non-const only */
    void *it = json_object_iter(object);
    for (size_t i = 0; i < to->n; i++, it = json_object_iter_next(object, it)) {
        CHECK(it != NULL);
        to->keys[i] = arena_str(d->arena, str_of(json_object_iter_key(it)));
        if (!copy_node(d, json_object_iter_value(it), &to->items[i], depth + 1))
            return false;
    }
    return true;
}

/* False if nested too deeply. */
static bool
copy_node(struct json_doc *d, const json_t *from, struct json_node *to, int depth)
{
    *to = (struct json_node){.type = JSON_NULL};
    if (depth > LIMIT_JSON_DEPTH)
        return false;
    switch (json_typeof(from)) {
    case JSON_OBJECT:
        return copy_object(d, from, to, depth);
    case JSON_ARRAY:
        return copy_array(d, from, to, depth);
    case JSON_STRING:
        to->type = JSON_STR;
        to->n = json_string_length(from);
        to->text = arena_cstr(d->arena, STR(json_string_value(from), to->n));
        break;
    case JSON_INTEGER:
        to->type = JSON_INT;
        to->integer = json_integer_value(from);
        break;
    case JANSSON_REAL:
        to->type = JSON_REAL;
        to->real = json_real_value(from);
        break;
    case JANSSON_TRUE:
        to->type = JSON_TRUE;
        break;
    case JANSSON_FALSE:
        to->type = JSON_FALSE;
        break;
    case JANSSON_NULL:
        break;
    }
    return true;
}

static json_t *
load(str text, json_error_t *why)
{
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *tree = json_loadb(text.p ? text.p : "", text.n, flags, why);
    /* A whole number beyond 64 bits is still a number. */
    if (tree == NULL && json_error_code(why) == json_error_numeric_overflow)
        tree = json_loadb(text.p, text.n, flags | JSON_DECODE_INT_AS_REAL, why);
    return tree;
}

/* As Go, bytes that are not UTF-8 read as U+FFFD: a container's label may hold anything. */
static json_t *
load_repaired(str text, json_error_t *why)
{
    struct buf repaired = {0};
    while (text.n > 0) {
        size_t len;
        utf8_put(&repaired, utf8_decode(text, &len));
        text = str_from(text, len);
    }
    json_t *tree = load(buf_str(&repaired), why);
    buf_free(&repaired);
    return tree;
}

bool
json_parse(str text, struct json_doc **out, struct err *e)
{
    if (text.n > LIMIT_JSON_BYTES)
        return err_set(e, ERR_LIMIT, "JSON document larger than %u bytes", LIMIT_JSON_BYTES);
    json_error_t why;
    json_t *tree = utf8_valid(text) ? load(text, &why) : load_repaired(text, &why);
    if (tree == NULL)
        return err_set_at(e, ERR_PARSE, why.position, "invalid JSON at line %d column %d: %s",
                          why.line, why.column, why.text);
    struct json_doc *d = MEM_NEW(struct json_doc);
    d->magic = JSON_DOC_MAGIC;
    d->arena = arena_new();
    bool ok = copy_node(d, tree, &d->root, 1);
    json_decref(tree);
    if (!ok) {
        json_doc_free(&d);
        return err_set(e, ERR_LIMIT, "JSON nested deeper than %d levels", LIMIT_JSON_DEPTH);
    }
    *out = d;
    return true;
}

void
json_doc_free(struct json_doc **dp)
{
    struct json_doc *d = *dp;
    if (d == NULL)
        return;
    CHECK_MAGIC(d, JSON_DOC_MAGIC);
    arena_free(&d->arena);
    d->magic = 0;
    mem_free(d);
    *dp = NULL;
}

const struct json_node *
json_root(const struct json_doc *d)
{
    CHECK_MAGIC(d, JSON_DOC_MAGIC);
    return &d->root;
}

enum json_type
json_type(const struct json_node *n)
{
    return n ? n->type : JSON_NULL;
}

size_t
json_size(const struct json_node *n)
{
    return n && (n->type == JSON_ARR || n->type == JSON_OBJ) ? n->n : 0;
}

const struct json_node *
json_at(const struct json_node *n, size_t i)
{
    return n && n->type == JSON_ARR && i < n->n ? &n->items[i] : NULL;
}

const struct json_node *
json_get(const struct json_node *n, const char *key)
{
    if (n == NULL || n->type != JSON_OBJ)
        return NULL;
    str want = str_of(key);
    for (size_t i = 0; i < n->n; i++)
        if (str_eq(n->keys[i], want))
            return &n->items[i];
    return NULL;
}

bool
json_entry(const struct json_node *n, size_t i, str *key, const struct json_node **value)
{
    if (n == NULL || n->type != JSON_OBJ || i >= n->n)
        return false;
    *key = n->keys[i];
    *value = &n->items[i];
    return true;
}

str
json_text(const struct json_node *n)
{
    return n && n->type == JSON_STR ? STR(n->text, n->n) : STR_EMPTY;
}

double
json_number(const struct json_node *n)
{
    if (n == NULL)
        return 0;
    return n->type == JSON_INT ? (double)n->integer : n->type == JSON_REAL ? n->real : 0;
}

int64_t
json_int(const struct json_node *n)
{
    if (n == NULL)
        return 0;
    if (n->type == JSON_INT)
        return n->integer;
    /* 2^63 itself does not fit. */
    bool fits = n->type == JSON_REAL && n->real >= -0x1p63 && n->real < 0x1p63;
    return fits ? (int64_t)n->real : 0;
}
