#include "base/regex_priv.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/unicode.h"

enum kind {
    KIND_ENGINE,
    KIND_GLOBS,
    KIND_SET,        /* found in a hash table */
    KIND_SET_FOLDED, /* the same after folding */
};

struct regex {
    unsigned magic;
#define REGEX_MAGIC 0x4e6e7a19
    /* fixed after compile */
    enum regex_flags flags;
    enum kind kind;
    str pattern;
    struct arena *arena; /* of what follows */
    struct regex_found found;
    struct regex_shape shape;
    str *set;
    size_t set_n;
    uint32_t *slot; /* of the set: index + 1, 0 for none */
    size_t slots;   /* a power of two */
    size_t groups;
    str *names;
    bool captures_by_vm;
    /* atomic; made when first needed */
    _Atomic(struct regex_engine *) engine;
    _Atomic bool no_engine;
    _Atomic(struct regex_vm *) vm;
    _Atomic unsigned refs;
};

static bool
parse(str pattern, enum regex_flags flags, struct arena *a, struct regex_tree *out, struct err *e)
{
    if (flags == REGEX_RELABEL) {
        struct buf whole = {0};
        buf_lit(&whole, "^(?s:");
        buf_put(&whole, pattern);
        buf_lit(&whole, ")$");
        bool ok = regex_parse(buf_str(&whole), 0, a, out, e);
        buf_free(&whole);
        return ok;
    }
    return regex_parse(pattern, flags == REGEX_ANCHORED ? REGEX_SYNTAX_DOT_NL : 0, a, out, e);
}

static int
cmp_strs(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

static void
set_index(struct regex *r)
{
    r->slots = 16;
    while (r->slots < r->set_n * 2)
        r->slots *= 2;
    r->slot = ARENA_ZARRAY(r->arena, uint32_t, r->slots);
    for (size_t i = 0; i < r->set_n; i++) {
        size_t at = (size_t)hash64(r->set[i]) & (r->slots - 1);
        while (r->slot[at] != 0)
            at = (at + 1) & (r->slots - 1);
        r->slot[at] = (uint32_t)i + 1;
    }
}

static bool
set_has(const struct regex *r, str s)
{
    if (r->set_n <= 4) {
        for (size_t i = 0; i < r->set_n; i++)
            if (str_eq(r->set[i], s))
                return true;
        return false;
    }
    for (size_t at = (size_t)hash64(s) & (r->slots - 1); r->slot[at] != 0;
         at = (at + 1) & (r->slots - 1))
        if (str_eq(r->set[r->slot[at] - 1], s))
            return true;
    return false;
}

/* Sorted and without repeats: the set is also what postings are looked up by. */
static void
set_build(struct regex *r)
{
    const struct regex_found *f = &r->found;
    r->set = ARENA_ARRAY(r->arena, str, f->globs);
    for (size_t i = 0; i < f->globs; i++)
        r->set[i] = f->glob[i].n > 0 ? f->glob[i].piece[0].text : STR_EMPTY;
    qsort(r->set, f->globs, sizeof(str), cmp_strs);
    for (size_t i = 0; i < f->globs; i++)
        if (i == 0 || !str_eq(r->set[i], r->set[r->set_n - 1]))
            r->set[r->set_n++] = r->set[i];
    set_index(r);
}

static bool
only_texts(const struct regex_found *f)
{
    for (size_t i = 0; i < f->globs; i++)
        if (f->glob[i].n > 1 || (f->glob[i].n == 1 && f->glob[i].piece[0].gap))
            return false;
    return true;
}

static str
common_prefix(const struct regex_found *f)
{
    str prefix = f->glob[0].n > 0 ? f->glob[0].piece[0].text : STR_EMPTY;
    for (size_t i = 1; i < f->globs; i++) {
        str text = f->glob[i].n > 0 ? f->glob[i].piece[0].text : STR_EMPTY;
        size_t same = 0;
        while (same < prefix.n && same < text.n && prefix.p[same] == text.p[same])
            same++;
        prefix.n = same;
    }
    return prefix;
}

static void
shape_build(struct regex *r)
{
    const struct regex_found *f = &r->found;
    r->kind = f->globs == 0 ? KIND_ENGINE : KIND_GLOBS;
    r->shape.prefix = f->prefix;
    if (f->globs == 0)
        return;
    if (only_texts(f)) {
        set_build(r);
        r->kind = f->folded ? KIND_SET_FOLDED : KIND_SET;
    }
    if (r->kind == KIND_SET) {
        r->shape.set = r->set;
        r->shape.set_n = r->set_n;
    }
    r->shape.prefix = f->folded ? STR_EMPTY : common_prefix(f);
    for (size_t i = 0; r->kind == KIND_GLOBS && i < f->globs; i++) {
        const struct regex_glob *g = &f->glob[i];
        bool gap = g->n == 1 && g->piece[0].gap;
        r->shape.any |= gap && g->piece[0].min == 0;
        r->shape.any_non_empty |= gap && g->piece[0].min == 1 && f->globs == 1;
    }
}

bool
regex_compile(str pattern, enum regex_flags flags, struct regex **out, struct err *e)
{
    struct regex_tree tree;
    struct arena *scratch = arena_new();
    CHECK(flags == REGEX_ANCHORED || flags == REGEX_SEARCH || flags == REGEX_RELABEL);
    if (!parse(pattern, flags, scratch, &tree, e)) {
        arena_free(&scratch);
        return false;
    }
    struct regex *r = MEM_NEW(struct regex);
    r->magic = REGEX_MAGIC;
    r->flags = flags;
    r->arena = arena_new();
    r->pattern = arena_str(r->arena, pattern);
    r->groups = (size_t)tree.groups + 1;
    r->names = ARENA_ARRAY(r->arena, str, r->groups);
    for (size_t i = 0; i < r->groups; i++)
        r->names[i] = tree.names[i].n > 0 ? arena_str(r->arena, tree.names[i]) : STR_EMPTY;
    r->captures_by_vm = regex_repeats_nothing(tree.root);
    atomic_init(&r->refs, 1);
    regex_analyse(tree.root, flags != REGEX_ANCHORED, r->arena, &r->found);
    shape_build(r);
    arena_free(&scratch);
    *out = r;
    return true;
}

struct regex *
regex_ref(struct regex *r)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void
regex_free(struct regex **r_ptr)
{
    struct regex *r = *r_ptr;
    *r_ptr = NULL;
    if (r == NULL)
        return;
    CHECK_MAGIC(r, REGEX_MAGIC);
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    struct regex_engine *en = atomic_load(&r->engine);
    struct regex_vm *vm = atomic_load(&r->vm);
    regex_engine_free(&en);
    regex_vm_free(&vm);
    arena_free(&r->arena);
    r->magic = 0;
    mem_free(r);
}

str
regex_pattern(const struct regex *r)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    return r->pattern;
}

bool
regex_tree_of(const struct regex *r, struct arena *a, struct regex_tree *out, struct err *e)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    return parse(r->pattern, r->flags, a, out, e);
}

enum regex_flags
regex_flags_of(const struct regex *r)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    return r->flags;
}

/* Engines are made when first needed: most patterns never are, and the tree is cheaper
 * to read again than to keep.  Two threads may make one each; the first stays. */
static struct regex_tree
parse_again(const struct regex *r, struct arena *a)
{
    struct regex_tree tree;
    struct err e;
    CHECK(regex_tree_of(r, a, &tree, &e));
    tree.root = regex_factor(tree.root, a);
    return tree;
}

static const struct regex_engine *
engine_get(const struct regex *cr)
{
    struct regex *r = (struct regex *)cr; /* the caches are atomic */
    struct regex_engine *en = atomic_load_explicit(&r->engine, memory_order_acquire), *had = NULL;
    if (en != NULL || atomic_load_explicit(&r->no_engine, memory_order_relaxed))
        return en;
    struct arena *a = arena_new();
    struct regex_tree tree = parse_again(r, a);
    en = regex_engine_new(tree.root, r->flags == REGEX_ANCHORED);
    arena_free(&a);
    if (en == NULL)
        atomic_store(&r->no_engine, true);
    else if (!atomic_compare_exchange_strong(&r->engine, &had, en)) {
        regex_engine_free(&en);
        en = had;
    }
    return en;
}

static const struct regex_vm *
vm_get(const struct regex *cr)
{
    struct regex *r = (struct regex *)cr;
    struct regex_vm *vm = atomic_load_explicit(&r->vm, memory_order_acquire), *had = NULL;
    if (vm != NULL)
        return vm;
    struct arena *a = arena_new();
    struct regex_tree tree = parse_again(r, a);
    vm = regex_vm_new(&tree, r->flags == REGEX_ANCHORED);
    arena_free(&a);
    if (!atomic_compare_exchange_strong(&r->vm, &had, vm)) {
        regex_vm_free(&vm);
        vm = had;
    }
    return vm;
}

/* Bad bytes as U+FFFD; PCRE2 only takes valid text. */
static void
put_valid(struct buf *out, str s)
{
    while (s.n > 0) {
        size_t size;
        utf8_put(out, utf8_decode(s, &size));
        s = str_from(s, size);
    }
}

static bool
engine_match(const struct regex *r, str s)
{
    struct buf valid = {0};
    const struct regex_engine *en = engine_get(r);
    if (!str_starts(s, r->found.prefix) || !str_ends(s, r->found.suffix))
        return false;
    enum regex_verdict verdict = REGEX_GAVE_UP;
    if (en != NULL && utf8_valid(s)) {
        verdict = regex_engine_run(en, s, 0, NULL, 0);
    } else if (en != NULL) {
        put_valid(&valid, s);
        verdict = regex_engine_run(en, buf_str(&valid), 0, NULL, 0);
        buf_free(&valid);
    }
    if (verdict == REGEX_GAVE_UP)
        return regex_vm_run(vm_get(r), s, 0, NULL, 0);
    return verdict == REGEX_YES;
}

static bool
folded_match(const struct regex *r, str s)
{
    struct buf folded = {0};
    regex_fold_text(s, &folded);
    bool hit = set_has(r, buf_str(&folded));
    buf_free(&folded);
    return hit;
}

bool
regex_match(const struct regex *r, str s)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    switch (r->kind) {
    case KIND_SET:
        return set_has(r, s);
    case KIND_SET_FOLDED:
        return folded_match(r, s);
    case KIND_GLOBS:
        for (size_t i = 0; i < r->found.globs; i++)
            if (regex_glob_match(&r->found.glob[i], s))
                return true;
        return false;
    case KIND_ENGINE:
        return engine_match(r, s);
    }
    UNREACHABLE();
}

static bool
capture_offsets(const struct regex *r, str s, size_t from, size_t *at)
{
    if (!r->captures_by_vm && utf8_valid(s)) {
        const struct regex_engine *en = engine_get(r);
        enum regex_verdict verdict = REGEX_GAVE_UP;
        if (en != NULL)
            verdict = regex_engine_run(en, s, from, at, r->groups);
        if (verdict != REGEX_GAVE_UP)
            return verdict == REGEX_YES;
    }
    return regex_vm_run(vm_get(r), s, from, at, r->groups);
}

size_t
regex_capture(const struct regex *r, str s, size_t from, str *groups, size_t max)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    CHECK(from <= s.n);
    size_t few[32];
    size_t *at = r->groups * 2 <= ARRAY_LEN(few) ? few : MEM_ARRAY(size_t, r->groups * 2);
    bool hit = capture_offsets(r, s, from, at);
    for (size_t i = 0; hit && i < max && i < r->groups; i++) {
        bool set = at[2 * i] != SIZE_MAX && at[2 * i + 1] != SIZE_MAX;
        const char *base = s.p ? s.p : "";
        groups[i] = set ? STR(base + at[2 * i], at[2 * i + 1] - at[2 * i]) : STR_EMPTY;
    }
    if (at != few)
        mem_free(at);
    return hit ? r->groups : 0;
}

size_t
regex_group_count(const struct regex *r)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    return r->groups - 1;
}

int
regex_group_index(const struct regex *r, str name)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    for (size_t i = 1; name.n > 0 && i < r->groups; i++)
        if (str_eq(r->names[i], name))
            return (int)i;
    return -1;
}

const struct regex_shape *
regex_shape(const struct regex *r)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    return &r->shape;
}

str
regex_group_name(const struct regex *r, size_t i)
{
    CHECK_MAGIC(r, REGEX_MAGIC);
    CHECK(i < r->groups);
    return r->names[i];
}
