#include "server/config/schema.h"

#include "base/mem.h"
#include "base/panic.h"
#include "server/config/schema_types.h"

void
schema_reader_init(struct schema_reader *r, struct arena *a, struct err *e)
{
    memset(r, 0, sizeof *r);
    r->a = a;
    r->e = e;
}

void
schema_reader_discard(struct schema_reader *r)
{
    for (size_t i = 0; i < r->regexes_n; i++)
        regex_free(&r->regexes[i]);
    r->regexes_n = 0;
    buf_free(&r->problem_text);
}

void
schema_own_regex(struct schema_reader *r, struct regex *re)
{
    arena_grow(r->a, &r->regexes, &r->regexes_cap, r->regexes_n + 1, sizeof *r->regexes);
    r->regexes[r->regexes_n++] = re;
}

void
schema_enter(struct schema_reader *r, str key, size_t index)
{
    if (r->depth < SCHEMA_DEPTH_MAX) {
        r->path[r->depth].key = key;
        r->path[r->depth].index = index;
    }
    r->depth++;
}

void
schema_leave(struct schema_reader *r)
{
    CHECK(r->depth > 0);
    r->depth--;
}

/* Keeps the first fault's place: the one a person should look at first. */
static void
note_place(struct schema_reader *r, const struct yaml_node *n)
{
    if (r->place.line != 0)
        return;
    struct buf b = {0};
    for (size_t i = 0; i < MIN(r->depth, SCHEMA_DEPTH_MAX); i++) {
        if (r->path[i].key.n == 0)
            buf_printf(&b, "[%zu]", r->path[i].index);
        else
            buf_printf(&b, "%s%.*s", b.n ? "." : "", STR_ARG(r->path[i].key));
    }
    size_t len = MIN(b.n, sizeof r->place.key - 1);
    if (len > 0)
        memcpy(r->place.key, b.p, len);
    r->place.key[len] = '\0';
    r->place.line = n != NULL && n->line > 0 ? n->line : 1;
    buf_free(&b);
}

bool
schema_fail(struct schema_reader *r, const struct yaml_node *n, const char *fmt, ...)
{
    if (r->failed)
        return false;
    r->failed = true;
    r->place.line = 0; /* problems noted before are not reported */
    note_place(r, n);
    va_list ap;
    va_start(ap, fmt);
    err_vset(r->e, ERR_CONFIG, fmt, ap);
    va_end(ap);
    return false;
}

bool
schema_fail_err(struct schema_reader *r, const struct yaml_node *n, const struct err *e)
{
    return schema_fail(r, n, "%s", e->text);
}

static void PRINTF_LIKE(3, 4)
note_problem(struct schema_reader *r, const struct yaml_node *n, const char *fmt, ...)
{
    note_place(r, n);
    r->problems++;
    if (r->problem_text.n > ERR_TEXT_MAX)
        return;
    buf_printf(&r->problem_text, "\n  line %d: ", n->line);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&r->problem_text, fmt, ap);
    va_end(ap);
}

/* yaml.v3 does not look into a map with a key twice; yaml.v2 does. */
bool
schema_sole_keys(struct schema_reader *r, const struct yaml_node *map)
{
    size_t n = map->v2 ? 0 : yaml_duplicates(map, false, &r->problem_text);
    if (n > 0)
        note_place(r, map);
    r->problems += n;
    return n == 0;
}

bool
schema_bad_type(struct schema_reader *r, const struct yaml_node *n, const char *go)
{
    str tag = yaml_resolved_tag(n);
    if (n->type == YAML_MAP && !schema_sole_keys(r, n))
        return false;
    if (n->type == YAML_LIST || n->type == YAML_MAP)
        note_problem(r, n, "cannot unmarshal %.*s into %s", STR_ARG(tag), go);
    else if (n->text.n > 10)
        note_problem(r, n, "cannot unmarshal %.*s `%.*s...` into %s", STR_ARG(tag), 7, n->text.p, go);
    else
        note_problem(r, n, "cannot unmarshal %.*s `%.*s` into %s", STR_ARG(tag), STR_ARG(n->text), go);
    return false;
}

void
schema_unknown_key(struct schema_reader *r, const struct yaml_node *n, str key, const char *go)
{
    note_problem(r, n, "field %.*s not found in type %s", STR_ARG(key), go);
}

bool
schema_repeated(struct schema_reader *r, const struct yaml_node *n, str key)
{
    note_problem(r, n, "key %.*s already set in map", STR_ARG(key));
    return false;
}

bool
schema_read_text(struct schema_reader *r, const struct yaml_node *n, const char *go, str *out)
{
    if (r->failed)
        return false;
    *out = STR_EMPTY;
    if (yaml_is_null(n))
        return true;
    if (n->type != YAML_SCALAR)
        return schema_bad_type(r, n, go);
    if (n->text.n > 0)
        *out = arena_str(r->a, n->text);
    return true;
}

static void
set_null(const struct schema_field *f, void *out)
{
    if (f->type->set_null != NULL)
        f->type->set_null(out);
    else
        memset(out, 0, f->type->size ? f->type->size : f->sub->size);
}

bool
schema_read_value(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
                  void *out)
{
    if (r->failed)
        return false;
    if (yaml_is_null(n)) {
        set_null(f, out);
        return true;
    }
    return f->type->read(r, n, f, out);
}

/* The block behind an inline pointer, made if the key is one of its; else NULL. */
static void *
inline_block(struct schema_reader *r, const struct schema *s, str key, void *at, size_t *id)
{
    void **to = at;
    for (size_t i = 0; i < s->fields_n; i++) {
        if (!str_eq(key, str_of(s->fields[i].key)))
            continue;
        if (*to == NULL) {
            *to = arena_zalloc(r->a, s->size);
            if (s->defaults != NULL)
                memcpy(*to, s->defaults, s->size);
        }
        return *to;
    }
    *id += s->fields_n;
    return NULL;
}

/* Finds a key among a block's own and its inline blocks' rows.  *id counts rows in
 * printing order, so that a repeated key is seen whatever block it is in. */
static const struct schema_field *
find_field(struct schema_reader *r, const struct schema *s, str key, void *obj, void **member,
           size_t *id)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct schema_field *f = &s->fields[i];
        void *at = (char *)obj + f->offset;
        if (f->key[0] == '\0') {
            if (f->type == &schema_inline_ptr && !(at = inline_block(r, f->sub, key, at, id)))
                continue;
            const struct schema_field *hit = find_field(r, f->sub, key, at, member, id);
            if (hit != NULL)
                return hit;
            continue;
        }
        if (str_eq(key, str_of(f->key))) {
            *member = at;
            return f;
        }
        ++*id;
    }
    return NULL;
}

static void
read_pairs(struct schema_reader *r, const struct yaml_node *n, const struct schema *s, void *obj)
{
    uint64_t seen[4] = {0};
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        str key;
        if (!schema_read_text(r, n->key[i], "string", &key))
            continue;
        void *member = NULL;
        size_t id = 0;
        const struct schema_field *f = find_field(r, s, key, obj, &member, &id);
        schema_enter(r, key, 0);
        if (f == NULL && !r->lenient) {
            schema_unknown_key(r, n->key[i], key, s->go);
        } else if (f != NULL) {
            CHECK(id < sizeof seen * 8);
            if (seen[id / 64] >> (id % 64) & 1)
                note_problem(r, n->key[i], "field %.*s already set in type %s", STR_ARG(key), s->go);
            else
                schema_read_value(r, n->item[i], f, member);
            seen[id / 64] |= UINT64_C(1) << (id % 64);
        }
        schema_leave(r);
    }
}

bool
schema_read_block(struct schema_reader *r, const struct yaml_node *n, const struct schema *s,
                  void *obj)
{
    if (r->failed)
        return false;
    size_t problems = r->problems;
    if (s->defaults != NULL)
        memcpy(obj, s->defaults, s->size);
    if (s->init != NULL)
        s->init(r, obj);
    if (n->type != YAML_MAP)
        return schema_bad_type(r, n, s->go);
    if (schema_sole_keys(r, n))
        read_pairs(r, n, s, obj);
    if (r->failed || (s->check != NULL && r->problems > problems))
        return false;
    return s->check == NULL || s->check(r, n, obj);
}

bool
schema_read_doc(struct schema_reader *r, const struct yaml_node *root, const struct schema *s,
                void *obj)
{
    if (!yaml_is_null(root))
        (void)schema_read_block(r, root, s, obj);
    if (!r->failed && r->problems > 0)
        err_set(r->e, ERR_CONFIG, "yaml: unmarshal errors:%.*s", STR_ARG(buf_str(&r->problem_text)));
    buf_free(&r->problem_text);
    return !r->failed && r->problems == 0;
}

bool
schema_block_empty(const struct schema *s, const void *obj)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct schema_field *f = &s->fields[i];
        const void *at = (const char *)obj + f->offset;
        if (!f->type->is_empty(f, at))
            return false;
    }
    return true;
}

static void
print_fields(const struct schema_printer *p, const struct schema *s, const void *obj)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct schema_field *f = &s->fields[i];
        const void *at = (const char *)obj + f->offset;
        if (f->type == &schema_inline_ptr)
            at = *(const void *const *)at;
        if (f->key[0] == '\0') {
            if (at != NULL)
                print_fields(p, f->sub, at);
            continue;
        }
        if ((f->flags & SCHEMA_HIDDEN) || ((f->flags & SCHEMA_OMITEMPTY) && f->type->is_empty(f, at)))
            continue;
        yaml_out_key(p->out, f->key);
        f->type->print(p, f, at);
    }
}

void
schema_print_block(const struct schema_printer *p, const struct schema *s, const void *obj)
{
    yaml_out_map(p->out);
    print_fields(p, s, obj);
    yaml_out_end(p->out);
}

void
schema_print_doc(const struct schema *s, const void *obj, bool secrets, struct buf *out)
{
    struct schema_printer p = {.out = yaml_out_new(out), .secrets = secrets};
    schema_print_block(&p, s, obj);
    yaml_out_free(&p.out);
}
