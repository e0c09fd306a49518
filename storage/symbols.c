#include "storage/symbols.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/panic.h"

void
symbols_init(struct symbols *s)
{
    /* Zero pages of the kernel until touched. */
    *s = (struct symbols){.pairs = MEM_ARRAY(struct label_pair *, SYMBOLS_PAGES),
                          .names = MEM_ARRAY(struct label_name *, SYMBOLS_PAGES)};
    id_table_init(&s->pair_table);
    id_table_init(&s->name_table);
}

void
symbols_fini(struct symbols *s)
{
    for (uint32_t i = 1; i <= s->pairs_n; i++) {
        struct label_pair *p = symbols_pair(s, i);
        posting_list_free(&p->series);
        mem_free(p->value);
    }
    for (uint32_t i = 1; i <= s->names_n; i++) {
        struct label_name *n = symbols_name(s, i);
        mem_free((char *)n->text.p);
        mem_free(n->pairs);
    }
    for (size_t i = 0; i < SYMBOLS_PAGES && s->pairs[i]; i++)
        mem_free(s->pairs[i]);
    for (size_t i = 0; i < SYMBOLS_PAGES && s->names[i]; i++)
        mem_free(s->names[i]);
    mem_free(s->limbo);
    mem_free(s->free_pairs);
    mem_free(s->free_names);
    id_table_fini(&s->pair_table);
    id_table_fini(&s->name_table);
    mem_free(s->pairs);
    mem_free(s->names);
    *s = (struct symbols){0};
}

static uint32_t
symbols_hash_name(str name)
{
    return (uint32_t)hash64(name);
}

static uint32_t
symbols_hash_pair(uint32_t name, str value)
{
    return (uint32_t)hash_mix(hash64(value), name);
}

uint32_t
symbols_find_name(const struct symbols *s, str name)
{
    uint32_t id;
    struct id_probe p = id_table_probe(&s->name_table, symbols_hash_name(name));
    while ((id = id_table_next(&p)) != 0)
        if (str_eq(symbols_name(s, id)->text, name))
            return id;
    return 0;
}

static bool
symbols_pair_is(const struct symbols *s, uint32_t id, uint32_t name, str value)
{
    const struct label_pair *p = symbols_pair(s, id);
    return p->name == name && p->value_n == value.n && memcmp(p->value, value.p, value.n) == 0;
}

uint32_t
symbols_find(const struct symbols *s, uint32_t name, str value)
{
    uint32_t id;
    struct id_probe p = id_table_probe(&s->pair_table, symbols_hash_pair(name, value));
    while ((id = id_table_next(&p)) != 0)
        if (symbols_pair_is(s, id, name, value))
            return id;
    return 0;
}

static char *
symbols_text(struct symbols *s, str text)
{
    CHECK(text.n > 0);
    s->text_bytes += text.n;
    return memcpy(mem_alloc(text.n), text.p, text.n);
}

uint32_t
symbols_intern_name(struct symbols *s, str name)
{
    uint32_t id = symbols_find_name(s, name);
    if (id)
        return id;
    id = s->free_names_n ? s->free_names[--s->free_names_n] : ++s->names_n;
    CHECK(id / SYMBOLS_PAGE < SYMBOLS_PAGES);
    if (s->names[id / SYMBOLS_PAGE] == NULL)
        s->names[id / SYMBOLS_PAGE] = MEM_ARRAY(struct label_name, SYMBOLS_PAGE);
    *symbols_name(s, id) = (struct label_name){.text = STR(symbols_text(s, name), name.n)};
    id_table_put(&s->name_table, symbols_hash_name(name), id);
    return id;
}

static void
symbols_name_add(struct label_name *n, uint32_t pair)
{
    if (n->n == n->cap) {
        n->cap += n->cap < 4 ? 1 : n->cap / 4;
        n->pairs = mem_realloc(n->pairs, n->cap * sizeof(uint32_t));
    }
    n->pairs[n->n++] = pair;
}

uint32_t
symbols_intern(struct symbols *s, uint32_t name, str value)
{
    uint32_t id = symbols_find(s, name, value);
    if (id)
        return id;
    id = s->free_pairs_n ? s->free_pairs[--s->free_pairs_n] : ++s->pairs_n;
    CHECK(id / SYMBOLS_PAGE < SYMBOLS_PAGES);
    if (s->pairs[id / SYMBOLS_PAGE] == NULL)
        s->pairs[id / SYMBOLS_PAGE] = MEM_ARRAY(struct label_pair, SYMBOLS_PAGE);
    *symbols_pair(s, id) = (struct label_pair){
        .name = name, .value_n = (uint32_t)value.n, .value = symbols_text(s, value)};
    id_table_put(&s->pair_table, symbols_hash_pair(name, value), id);
    symbols_name_add(symbols_name(s, name), id);
    return id;
}

size_t
symbols_pairs_live(const struct symbols *s)
{
    return s->pair_table.n;
}

/* A pair that can no longer be found waits in the limbo with this in its postings. */
#define PAIR_DEAD UINT32_MAX

static bool
symbols_pair_dead(const struct label_pair *p)
{
    return p->series.n == 0 && p->series.cap == 0 && p->series.one == PAIR_DEAD;
}

static void
symbols_limbo_add(struct symbols *s, struct symbols_limbo l)
{
    mem_grow(&s->limbo, &s->limbo_cap, s->limbo_n + 1, sizeof(*s->limbo));
    s->limbo[s->limbo_n++] = l;
}

static void
symbols_drop_pair(struct symbols *s, uint32_t id, uint64_t stamp)
{
    struct label_pair *p = symbols_pair(s, id);
    str value = STR(p->value, p->value_n);
    id_table_del(&s->pair_table, symbols_hash_pair(p->name, value), id);
    posting_list_free(&p->series);
    p->series.one = PAIR_DEAD;
    symbols_limbo_add(s, (struct symbols_limbo){.stamp = stamp, .pair = id});
}

/* Drops dead pairs from the name's list, and the name when none is left. */
static void
symbols_filter_name(struct symbols *s, uint32_t id, uint64_t stamp)
{
    struct label_name *n = symbols_name(s, id);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->n; i++)
        if (!symbols_pair_dead(symbols_pair(s, n->pairs[i])))
            n->pairs[kept++] = n->pairs[i];
    n->n = kept;
    if (kept > 0)
        return;
    id_table_del(&s->name_table, symbols_hash_name(n->text), id);
    mem_free(n->pairs);
    n->pairs = NULL;
    n->cap = 0;
    symbols_limbo_add(s, (struct symbols_limbo){.stamp = stamp, .name = id});
}

void
symbols_prune(struct symbols *s, const uint32_t *pairs, size_t n, uint64_t stamp)
{
    struct arena *a = arena_new();
    struct ids names = {.v = ARENA_ARRAY(a, uint32_t, n)};
    for (size_t i = 0; i < n; i++) {
        struct label_pair *p = symbols_pair(s, pairs[i]);
        if (p->series.n > 0 || symbols_pair_dead(p))
            continue;
        symbols_drop_pair(s, pairs[i], stamp);
        names.v[names.n++] = p->name;
    }
    ids_sort(a, &names);
    for (size_t i = 0; i < names.n; i++)
        symbols_filter_name(s, names.v[i], stamp);
    arena_free(&a);
}

static void
symbols_free_pair(struct symbols *s, uint32_t id)
{
    struct label_pair *p = symbols_pair(s, id);
    s->text_bytes -= p->value_n;
    mem_free(p->value);
    *p = (struct label_pair){0};
    mem_grow(&s->free_pairs, &s->free_pairs_cap, s->free_pairs_n + 1, sizeof(uint32_t));
    s->free_pairs[s->free_pairs_n++] = id;
}

static void
symbols_free_name(struct symbols *s, uint32_t id)
{
    struct label_name *n = symbols_name(s, id);
    s->text_bytes -= n->text.n;
    mem_free((char *)n->text.p);
    *n = (struct label_name){0};
    mem_grow(&s->free_names, &s->free_names_cap, s->free_names_n + 1, sizeof(uint32_t));
    s->free_names[s->free_names_n++] = id;
}

void
symbols_sweep(struct symbols *s, struct pins *pins)
{
    size_t done = 0;
    for (; done < s->limbo_n && pins_passed(pins, s->limbo[done].stamp); done++) {
        if (s->limbo[done].pair)
            symbols_free_pair(s, s->limbo[done].pair);
        else
            symbols_free_name(s, s->limbo[done].name);
    }
    if (done == 0)
        return;
    s->limbo_n -= done;
    memmove(s->limbo, s->limbo + done, s->limbo_n * sizeof(*s->limbo));
}
