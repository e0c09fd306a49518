#include "base/mem.h"
#include "server/config/schema_types.h"

static const char *
go_name(const struct schema_field *f)
{
    return f->go != NULL ? f->go : f->type->go;
}

static void
put_secret(const struct schema_printer *p, str s)
{
    if (s.n == 0)
        yaml_out_plain(p->out, STRL("null"));
    else
        yaml_out_str(p->out, p->secrets ? s : STRL("<secret>"));
}

static bool
list_empty(const struct schema_field *f UNUSED, const void *v)
{
    return ((const struct config_list *)v)->n == 0;
}

static void
begin_list(const struct schema_printer *p, const struct schema_field *f)
{
    if (f->flags & SCHEMA_FLOW)
        yaml_out_flow_list(p->out);
    else
        yaml_out_list(p->out);
}

/* Blocks. */

static bool
read_block(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    return schema_read_block(r, n, f->sub, out);
}

static void
print_block(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    schema_print_block(p, f->sub, v);
}

static bool
block_empty(const struct schema_field *f, const void *v)
{
    return schema_block_empty(f->sub, v);
}

const struct schema_type schema_block = {NULL, 0, read_block, print_block, block_empty, NULL};
const struct schema_type schema_inline = {NULL, 0, read_block, print_block, block_empty, NULL};

static bool
read_ptr(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    void **to = out;
    *to = arena_zalloc(r->a, f->sub->size);
    return schema_read_block(r, n, f->sub, *to);
}

static void
print_ptr(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    const void *obj = *(const void *const *)v;
    if (obj == NULL)
        yaml_out_plain(p->out, STRL("null"));
    else
        schema_print_block(p, f->sub, obj);
}

static bool
ptr_empty(const struct schema_field *f UNUSED, const void *v)
{
    return *(const void *const *)v == NULL;
}

const struct schema_type schema_ptr = {NULL, sizeof(void *), read_ptr, print_ptr, ptr_empty, NULL};

/* A block whose keys stand among the parent's and that is there only if one of them is. */
const struct schema_type schema_inline_ptr = {
    NULL, sizeof(void *), read_ptr, print_ptr, ptr_empty, NULL};

static bool
read_list(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct config_list *to = out;
    if (n->type != YAML_LIST)
        return schema_bad_type(r, n, go_name(f));
    *to = (struct config_list){.v = arena_zalloc(r->a, n->n * f->sub->size), .set = true};
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        char *at = (char *)to->v + to->n * f->sub->size;
        schema_enter(r, STR_EMPTY, i);
        /* A null item is the zero block, which no default touches. */
        if (yaml_is_null(n->item[i]))
            to->n += !(f->flags & SCHEMA_SKIP_NULL);
        else if (schema_read_block(r, n->item[i], f->sub, at))
            to->n++;
        else
            memset(at, 0, f->sub->size); /* the next item's place */
        schema_leave(r);
    }
    return !r->failed;
}

static void
print_list(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    const struct config_list *list = v;
    begin_list(p, f);
    for (size_t i = 0; i < list->n; i++)
        schema_print_block(p, f->sub, (const char *)list->v + i * f->sub->size);
    yaml_out_end(p->out);
}

const struct schema_type schema_list = {
    "[]", sizeof(struct config_list), read_list, print_list, list_empty, NULL};

static bool
read_ptr_list(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
              void *out)
{
    struct config_list *to = out;
    if (n->type != YAML_LIST)
        return schema_bad_type(r, n, go_name(f));
    void **v = ARENA_ZARRAY(r->a, void *, n->n);
    *to = (struct config_list){.v = v, .set = true};
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        schema_enter(r, STR_EMPTY, i);
        v[to->n] = NULL;
        if (yaml_is_null(n->item[i]) || read_ptr(r, n->item[i], f, &v[to->n]))
            to->n++;
        schema_leave(r);
    }
    return !r->failed;
}

static void
print_ptr_list(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    const struct config_list *list = v;
    begin_list(p, f);
    for (size_t i = 0; i < list->n; i++)
        print_ptr(p, f, (void *const *)list->v + i);
    yaml_out_end(p->out);
}

const struct schema_type schema_ptr_list = {
    "[]*", sizeof(struct config_list), read_ptr_list, print_ptr_list, list_empty, NULL};

/* Lists of strings. */

static bool
read_strs(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct config_strs *to = out;
    const char *item_go = f->type == &schema_secrets ? "config.plain"
                          : f->go != NULL && strncmp(f->go, "[]", 2) == 0 ? f->go + 2 : "string";
    if (n->type != YAML_LIST)
        return schema_bad_type(r, n, go_name(f));
    *to = (struct config_strs){.v = ARENA_ZARRAY(r->a, str, n->n), .set = true};
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        schema_enter(r, STR_EMPTY, i);
        if (schema_read_text(r, n->item[i], item_go, &to->v[to->n]))
            to->n++;
        schema_leave(r);
    }
    return !r->failed;
}

static void
print_strs(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    const struct config_strs *s = v;
    begin_list(p, f);
    for (size_t i = 0; i < s->n; i++) {
        if (f->type == &schema_secrets)
            put_secret(p, s->v[i]);
        else
            yaml_out_str(p->out, s->v[i]);
    }
    yaml_out_end(p->out);
}

const struct schema_type schema_strs = {
    "[]string", sizeof(struct config_strs), read_strs, print_strs, list_empty, NULL};
const struct schema_type schema_secrets = {
    "[]config.Secret", sizeof(struct config_strs), read_strs, print_strs, list_empty, NULL};

static bool
read_label_names(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
                 void *out)
{
    const struct config_strs *names = out;
    if (!read_strs(r, n, f, out))
        return false;
    for (size_t i = 0; i < names->n; i++)
        if (names->v[i].n == 0)
            return schema_fail(r, i < n->n ? n->item[i] : n, "\"\" is not a valid label name");
    return true;
}

const struct schema_type schema_label_names = {
    "model.LabelNames", sizeof(struct config_strs), read_label_names, print_strs, list_empty, NULL};

/* Maps.  yaml.v2 sorts keys as people count: see key_cmp. */

static bool
is_letter(unsigned char c)
{
    return c >= 0x80 || (unsigned)(c | 0x20) - 'a' < 26u;
}

static bool
is_number(unsigned char c)
{
    return (unsigned)c - '0' < 10u;
}

/* Letters after everything else, runs of digits by value; as yaml.v2's keyList. */
static int
key_cmp(str a, str b)
{
    size_t n = MIN(a.n, b.n), i = 0;
    while (i < n && a.p[i] == b.p[i])
        i++;
    if (i == n)
        return (a.n > b.n) - (a.n < b.n);
    unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];
    if (is_letter(x) && is_letter(y))
        return x < y ? -1 : 1;
    if (is_letter(x) || is_letter(y))
        return is_letter(y) ? -1 : 1;
    uint64_t u = 0, v = 0;
    size_t ai = i, bi = i;
    /* A zero in the middle of a number counts as a digit of it, not as a leading one. */
    if (x == '0' || y == '0')
        for (size_t k = i; u == 0 && k-- > 0 && is_number((unsigned char)a.p[k]);)
            u = v = a.p[k] != '0';
    for (; ai < a.n && is_number((unsigned char)a.p[ai]); ai++)
        u = u * 10 + (uint64_t)(a.p[ai] - '0');
    for (; bi < b.n && is_number((unsigned char)b.p[bi]); bi++)
        v = v * 10 + (uint64_t)(b.p[bi] - '0');
    if (u != v)
        return u < v ? -1 : 1;
    if (ai != bi)
        return ai < bi ? -1 : 1;
    return x < y ? -1 : 1;
}

static bool
map_has(const struct config_map *m, str key)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->v[i].key, key))
            return true;
    return false;
}

static void
insert_pair(struct config_map *m, str key, str value)
{
    size_t at = m->n++;
    for (; at > 0 && key_cmp(m->v[at - 1].key, key) > 0; at--)
        m->v[at] = m->v[at - 1];
    m->v[at] = (struct config_pair){key, value};
}

/* A repeated key is noted after its value was read, and only if that was good. */
static bool
read_map(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct config_map *to = out;
    const char *item_go = strcmp(go_name(f), "model.LabelSet") == 0 ? "model.LabelValue" : "string";
    if (n->type != YAML_MAP)
        return schema_bad_type(r, n, go_name(f));
    if (!schema_sole_keys(r, n))
        return false;
    *to = (struct config_map){.v = ARENA_ZARRAY(r->a, struct config_pair, n->n), .set = true};
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        str key, value;
        if (!schema_read_text(r, n->key[i], "string", &key))
            continue;
        schema_enter(r, key, 0);
        bool good = schema_read_text(r, n->item[i], item_go, &value);
        schema_leave(r);
        if (good && yaml_repeats(n, i) && map_has(to, key))
            schema_repeated(r, n->item[i], config_quoted(r->a, key));
        else if (good)
            insert_pair(to, key, value);
    }
    return !r->failed;
}

static void
print_map(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_map *m = v;
    yaml_out_map(p->out);
    for (size_t i = 0; i < m->n; i++) {
        yaml_out_str(p->out, m->v[i].key);
        yaml_out_str(p->out, m->v[i].value);
    }
    yaml_out_end(p->out);
}

const struct schema_type schema_map = {
    "map[string]string", sizeof(struct config_map), read_map, print_map, list_empty, NULL};

static bool
multimap_has(const struct config_multimap *m, str key)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->v[i].key, key))
            return true;
    return false;
}

static void
insert_multi(struct config_multimap *m, struct config_multi one)
{
    size_t at = m->n++;
    for (; at > 0 && key_cmp(m->v[at - 1].key, one.key) > 0; at--)
        m->v[at] = m->v[at - 1];
    m->v[at] = one;
}

static bool
read_multimap(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
              void *out)
{
    struct config_multimap *to = out;
    const struct schema_field item = {
        .type = f->type == &schema_secret_multimap ? &schema_secrets : &schema_strs};
    if (n->type != YAML_MAP)
        return schema_bad_type(r, n, go_name(f));
    *to = (struct config_multimap){.v = ARENA_ZARRAY(r->a, struct config_multi, n->n), .set = true};
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        struct config_multi m = {0};
        if (!schema_read_text(r, n->key[i], "string", &m.key))
            continue;
        schema_enter(r, m.key, 0);
        bool good = schema_read_value(r, n->item[i], &item, &m.values);
        schema_leave(r);
        if (good && yaml_repeats(n, i) && multimap_has(to, m.key))
            schema_repeated(r, n->item[i], config_quoted(r->a, m.key));
        else if (good)
            insert_multi(to, m);
    }
    return !r->failed;
}

static void
print_multimap(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    const struct config_multimap *m = v;
    const struct schema_field item = {
        .type = f->type == &schema_secret_multimap ? &schema_secrets : &schema_strs};
    yaml_out_map(p->out);
    for (size_t i = 0; i < m->n; i++) {
        yaml_out_str(p->out, m->v[i].key);
        print_strs(p, &item, &m->v[i].values);
    }
    yaml_out_end(p->out);
}

const struct schema_type schema_multimap = {
    "url.Values", sizeof(struct config_multimap), read_multimap, print_multimap, list_empty, NULL};
const struct schema_type schema_secret_multimap = {
    "config.ProxyHeader", sizeof(struct config_multimap), read_multimap, print_multimap, list_empty,
    NULL};

/* Label sets. */

static bool
read_labels(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct config_map m = {0};
    if (!read_map(r, n, f, &m))
        return false;
    for (size_t i = 0; f->go == NULL && i < m.n; i++)
        if (m.v[i].key.n == 0)
            return schema_fail(r, n, "\"\" is not a valid label name");
    struct label *v = ARENA_ZARRAY(r->a, struct label, m.n);
    for (size_t i = 0; i < m.n; i++) {
        size_t at = i;
        for (; at > 0 && str_cmp(v[at - 1].name, m.v[i].key) > 0; at--)
            v[at] = v[at - 1];
        v[at] = (struct label){m.v[i].key, m.v[i].value};
    }
    *(struct labels *)out = (struct labels){v, m.n};
    return true;
}

static void
print_labels(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    const struct labels *ls = v;
    struct config_map m = {.v = MEM_ARRAY(struct config_pair, ls->n + 1)};
    for (size_t i = 0; i < ls->n; i++)
        insert_pair(&m, ls->v[i].name, ls->v[i].value);
    print_map(p, f, &m);
    mem_free(m.v);
}

static bool
labels_empty(const struct schema_field *f UNUSED, const void *v)
{
    return ((const struct labels *)v)->n == 0;
}

const struct schema_type schema_labels = {
    "model.LabelSet", sizeof(struct labels), read_labels, print_labels, labels_empty, NULL};
