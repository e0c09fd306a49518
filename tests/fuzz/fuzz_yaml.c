#include "tests/fuzz/fuzz.h"

#include "base/panic.h"
#include "base/yaml.h"

/* Writes the tree again; aliases are written out. */
static void
write_node(struct yaml_out *o, const struct yaml_node *n)
{
    if (n->type == YAML_SCALAR)
        yaml_out_str(o, n->text);
    if (n->type == YAML_NULL_NODE)
        yaml_out_plain(o, STRL("null"));
    if (n->type == YAML_LIST)
        yaml_out_list(o);
    if (n->type == YAML_MAP)
        yaml_out_map(o);
    for (size_t i = 0; i < n->n; i++) {
        if (n->type == YAML_MAP)
            write_node(o, n->key[i]);
        write_node(o, n->item[i]);
    }
    if (n->type == YAML_LIST || n->type == YAML_MAP)
        yaml_out_end(o);
}

static bool
has_break(str s)
{
    return memmem(s.p, s.n, "\xe2\x80", 2) != NULL || memmem(s.p, s.n, "\xc2\x85", 2) != NULL ||
           memmem(s.p, s.n, "\xef\xbb\xbf", 3) != NULL || memchr(s.p, '\r', s.n) != NULL;
}

static size_t
count_nodes(const struct yaml_node *n)
{
    size_t total = 1;
    for (size_t i = 0; i < n->n && total < 10000; i++)
        total += (n->type == YAML_MAP ? count_nodes(n->key[i]) : 0) + count_nodes(n->item[i]);
    return total;
}

/* What is written reads as a tree of the same shape.  (Odd line breaks inside scalars are
 * folded by libyaml's writer, so those are left out.) */
static void
round_trip(const struct yaml_node *root, str text)
{
    struct buf out = {0};
    struct yaml_doc *again = NULL;
    struct err e;
    size_t nodes = count_nodes(root);
    if (nodes > 1000 || has_break(text))
        return;
    struct yaml_out *o = yaml_out_new(&out);
    write_node(o, root);
    yaml_out_free(&o);
    if (yaml_parse_v2(buf_str(&out), &again, &e))
        CHECK(count_nodes(yaml_root(again)) <= nodes);
    yaml_free(&again);
    buf_free(&out);
}

static void
read_values(const struct yaml_node *n)
{
    bool b;
    int64_t i;
    uint64_t u;
    double f;
    (void)yaml_bool(n, &b);
    (void)yaml_int(n, &i);
    (void)yaml_uint(n, &u);
    (void)yaml_float(n, &f);
    CHECK(yaml_resolved_tag(n).n > 0);
    CHECK(n->line >= 1 && n->column >= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str text = STR(data, n);
    struct yaml_doc *d = NULL;
    struct err e;
    if (yaml_parse(text, &d, &e)) {
        const struct yaml_node *root = yaml_root(d);
        read_values(root);
        for (size_t i = 0; i < root->n; i++)
            read_values(root->item[i]);
        round_trip(root, text);
    } else {
        CHECK(str_starts(err_str(&e), STRL("yaml: ")));
    }
    yaml_free(&d);
    if (yaml_parse_v2(text, &d, &e))
        yaml_free(&d);
    return 0;
}

bool
fuzz_seed(struct buf *out, unsigned i)
{
    static const char *const seeds[] = {
        "global: {scrape_interval: 15s, labels: {a: \"b\", 'c': d}}\nlist: [1, 0x1F, 1e3, ~, "
        "yes]\n",
        "groups:\n- name: a\n  rules:\n  - alert: X\n    expr: |\n      up == 0\n    labels: &l\n"
        "      severity: page\n  - alert: Y\n    labels:\n      <<: *l\n      t: >-\n        b\n   "
        "     c\n",
        "a: &a {x: 1}\nb: {<<: [*a, {y: 2}], z: !!int 3}\n? k\n: - v\n  - !!binary aGk=\n...\n",
        "\"q\\u00e9\\x41\\n\": 'it''s'\n# c\n--- \nsecond: doc\n",
    };
    if (i >= ARRAY_LEN(seeds))
        return false;
    buf_put(out, str_of(seeds[i]));
    return true;
}
