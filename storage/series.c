#include "storage/series.h"

#include "base/mem.h"

#define INDEX_PAGES (1u << 18) /* times SERIES_INDEX_PAGE: every 32-bit id */
_Static_assert((uint64_t)INDEX_PAGES * SERIES_INDEX_PAGE == 1ull << 32, "all ids have a page");

/* Stands in for index pages whose ids are all gone. */
static _Atomic(uint32_t) index_page_empty[SERIES_INDEX_PAGE];

void
series_table_init(struct series_table *t)
{
    *t = (struct series_table){.next_id = 1};
    symbols_init(&t->symbols);
    id_table_init(&t->by_labels);
    t->index = (_Atomic(_Atomic(uint32_t) *) *)MEM_ARRAY(void *, INDEX_PAGES);
    t->index_live = MEM_ARRAY(uint32_t, INDEX_PAGES);
    t->pages = MEM_ARRAY(struct series_page *, SERIES_SLOT_PAGES);
}

/* Frees the pages that lead from ids to slots. */
static void
series_drop_index(struct series_table *t)
{
    for (size_t i = 0; i <= (t->next_id - 1) / SERIES_INDEX_PAGE; i++) {
        _Atomic(uint32_t) *page = atomic_load(&t->index[i]);
        if (page != index_page_empty)
            mem_free((void *)page);
        atomic_store(&t->index[i], NULL);
        t->index_live[i] = 0;
    }
}

void
series_table_fini(struct series_table *t)
{
    for (uint32_t slot = 0; slot < t->slots_n; slot++)
        if (series_hot(t, slot)->id)
            mem_free(series_cold(t, slot)->pairs);
    for (size_t i = 0; i < SERIES_SLOT_PAGES && t->pages[i]; i++)
        mem_free(t->pages[i]);
    series_drop_index(t);
    for (size_t i = 0; i < t->limbo_n; i++)
        mem_free(t->limbo[i].memory);
    mem_free(t->limbo);
    mem_free(t->free_slots);
    mem_free(t->pages);
    mem_free(t->index_live);
    mem_free((void *)t->index);
    posting_list_free(&t->all);
    id_table_fini(&t->by_labels);
    symbols_fini(&t->symbols);
}

bool
series_revive(struct series_table *t, uint32_t id)
{
    uint32_t word = series_word(t, id);
    while (UNLIKELY(word & SERIES_DOOMED)) {
        _Atomic(uint32_t) *page = atomic_load(&t->index[id / SERIES_INDEX_PAGE]);
        if (atomic_compare_exchange_strong(&page[id % SERIES_INDEX_PAGE], &word,
                                           word & ~SERIES_DOOMED))
            return true;
    }
    return word != 0;
}

static bool
series_has_labels(const struct series_table *t, uint32_t slot, struct labels ls)
{
    if (series_hot(t, slot)->labels_n != ls.n)
        return false;
    const uint32_t *pairs = series_cold(t, slot)->pairs;
    for (size_t i = 0; i < ls.n; i++) {
        struct label have = symbols_label(&t->symbols, pairs[i]);
        if (!str_eq(have.value, ls.v[i].value) || !str_eq(have.name, ls.v[i].name))
            return false;
    }
    return true;
}

uint32_t
series_find(const struct series_table *t, struct labels ls, uint32_t hash)
{
    uint32_t id;
    struct id_probe p = id_table_probe(&t->by_labels, hash);
    while ((id = id_table_next(&p)) != 0)
        if (series_has_labels(t, series_slot(t, id), ls))
            return id;
    return 0;
}

/* Each loop touches what the one before asked for: slot of the table, word of the index,
 * record, pairs, text.  The first id with this hash is nearly always the one; if it is not,
 * series_find goes on by itself. */
void
series_find_many(const struct series_table *t, const struct labels *ls, const uint32_t *hashes,
                 size_t n, uint32_t *ids)
{
    uint32_t slots[SERIES_FIND_MANY];
    CHECK(n <= SERIES_FIND_MANY);
    for (size_t i = 0; i < n; i++)
        id_table_prefetch(&t->by_labels, hashes[i]);
    for (size_t i = 0; i < n; i++) {
        struct id_probe p = id_table_probe(&t->by_labels, hashes[i]);
        ids[i] = id_table_next(&p);
        _Atomic(uint32_t) *page = atomic_load_explicit(&t->index[ids[i] / SERIES_INDEX_PAGE],
                                                       memory_order_relaxed);
        if (ids[i])
            __builtin_prefetch((const void *)&page[ids[i] % SERIES_INDEX_PAGE]);
    }
    for (size_t i = 0; i < n; i++) {
        slots[i] = ids[i] ? series_slot(t, ids[i]) : 0;
        if (ids[i])
            __builtin_prefetch(series_cold(t, slots[i]));
        if (ids[i])
            __builtin_prefetch(series_hot(t, slots[i]));
    }
    for (size_t i = 0; i < n; i++)
        if (ids[i])
            __builtin_prefetch(series_cold(t, slots[i])->pairs);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; ids[i] && k < series_hot(t, slots[i])->labels_n; k++)
            __builtin_prefetch(symbols_pair(&t->symbols, series_cold(t, slots[i])->pairs[k]));
    for (size_t i = 0; i < n; i++)
        if (ids[i] && !series_has_labels(t, slots[i], ls[i]))
            ids[i] = series_find(t, ls[i], hashes[i]);
}

static bool
series_take_slot(struct series_table *t, uint32_t *slot)
{
    if (t->free_slots_n) {
        *slot = t->free_slots[--t->free_slots_n];
        return true;
    }
    if (t->slots_n == SERIES_SLOT_PAGE * SERIES_SLOT_PAGES)
        return false;
    *slot = t->slots_n++;
    uint32_t page = *slot / SERIES_SLOT_PAGE;
    if (t->pages[page] == NULL) {
        /* Zero pages of the kernel until touched; a small head touches few. */
        t->pages[page] = MEM_NEW(struct series_page);
        if (page > 0)
            mem_huge(t->pages[page], sizeof(struct series_page));
    }
    return true;
}

static void
series_publish(struct series_table *t, uint32_t id, uint32_t slot)
{
    size_t at = id / SERIES_INDEX_PAGE;
    _Atomic(uint32_t) *page = atomic_load(&t->index[at]);
    if (page == NULL || page == index_page_empty) {
        page = (_Atomic(uint32_t) *)MEM_ARRAY(uint32_t, SERIES_INDEX_PAGE);
        atomic_store_explicit(&t->index[at], page, memory_order_release);
    }
    t->index_live[at]++;
    atomic_store(&page[id % SERIES_INDEX_PAGE], slot + 1);
}

/* Takes over pairs. */
static uint32_t
series_add(struct series_table *t, uint32_t id, uint32_t *pairs, size_t n, uint32_t hash)
{
    uint32_t slot;
    if (id == UINT32_MAX || !series_take_slot(t, &slot)) {
        mem_free(pairs);
        return 0;
    }
    *series_hot(t, slot) = (struct series){.id = id, .labels_n = (uint16_t)n};
    *series_cold(t, slot) = (struct series_cold){
        .pairs = pairs, .hash = hash, .mint = INT64_MAX, .open_mint = INT64_MAX};
    for (size_t i = 0; i < n; i++) {
        struct label_pair *p = symbols_pair(&t->symbols, pairs[i]);
        posting_list_add(&p->series, id);
        symbols_name(&t->symbols, p->name)->series++;
    }
    posting_list_add(&t->all, id);
    t->next_id = MAX(t->next_id, id + 1);
    t->live++;
    t->created++;
    series_publish(t, id, slot);
    return id;
}

uint32_t
series_create(struct series_table *t, struct labels ls, uint32_t hash)
{
    CHECK(ls.n <= UINT16_MAX);
    if (!symbols_have_room(&t->symbols, ls.n))
        return 0;
    uint32_t *pairs = mem_alloc(MAX(ls.n, 1u) * sizeof(uint32_t));
    for (size_t i = 0; i < ls.n; i++) {
        uint32_t name = symbols_intern_name(&t->symbols, ls.v[i].name);
        pairs[i] = symbols_intern(&t->symbols, name, ls.v[i].value);
    }
    uint32_t id = series_add(t, t->next_id, pairs, ls.n, hash);
    if (id)
        id_table_put(&t->by_labels, hash, id);
    return id;
}

uint32_t
series_restore(struct series_table *t, uint32_t id, const uint32_t *pairs, size_t n, bool later)
{
    CHECK(n <= UINT16_MAX && series_word(t, id) == 0);
    uint32_t *own = mem_alloc(MAX(n, 1u) * sizeof(uint32_t));
    struct label *v = mem_alloc(MAX(n, 1u) * sizeof(struct label));
    for (size_t i = 0; i < n; i++) {
        own[i] = pairs[i];
        v[i] = symbols_label(&t->symbols, pairs[i]);
    }
    uint32_t hash = (uint32_t)labels_hash((struct labels){.v = v, .n = n});
    mem_free(v);
    id = series_add(t, id, own, n, hash);
    if (id && !later)
        id_table_put(&t->by_labels, hash, id);
    return id;
}

void
series_index_restored(struct series_table *t)
{
    struct ids all = posting_list_ids(&t->all);
    id_table_reserve(&t->by_labels, all.n);
    for (size_t i = 0; i < all.n; i++) {
        if (i + 16 < all.n)
            id_table_prefetch(&t->by_labels,
                              series_cold(t, series_slot(t, all.v[i + 16]))->hash);
        id_table_put(&t->by_labels, series_cold(t, series_slot(t, all.v[i]))->hash, all.v[i]);
    }
}

struct labels
series_labels(const struct series_table *t, const uint32_t *pairs, size_t n, struct arena *a)
{
    struct label *v = ARENA_ARRAY(a, struct label, n);
    for (size_t i = 0; i < n; i++)
        v[i] = symbols_label(&t->symbols, pairs[i]);
    return (struct labels){.v = v, .n = n};
}

struct ids
series_renumber(struct series_table *t)
{
    struct ids all = posting_list_ids(&t->all);
    struct ids old = {.v = MEM_ARRAY(uint32_t, all.n + 1), .n = all.n};
    uint32_t *slots = MEM_ARRAY(uint32_t, all.n + 1);
    for (uint32_t i = 0; i < all.n; i++) {
        /* For the moment the index leads from the old id to the new. */
        _Atomic(uint32_t) *page = atomic_load(&t->index[all.v[i] / SERIES_INDEX_PAGE]);
        old.v[i] = all.v[i];
        slots[i] = series_slot(t, all.v[i]);
        atomic_store(&page[all.v[i] % SERIES_INDEX_PAGE], i + 1);
    }
    for (uint32_t i = 1; i <= t->symbols.pairs_n; i++) {
        struct ids ids = posting_list_ids(&symbols_pair(&t->symbols, i)->series);
        for (size_t k = 0; k < ids.n; k++)
            ids.v[k] = series_word(t, ids.v[k]);
    }
    series_drop_index(t);
    id_table_fini(&t->by_labels);
    id_table_init(&t->by_labels);
    t->next_id = (uint32_t)all.n + 1;
    for (uint32_t i = 0; i < all.n; i++) {
        all.v[i] = i + 1;
        series_hot(t, slots[i])->id = i + 1;
        series_publish(t, i + 1, slots[i]);
    }
    series_index_restored(t);
    mem_free(slots);
    return old;
}

void
series_doom(struct series_table *t, uint32_t id)
{
    _Atomic(uint32_t) *page = atomic_load(&t->index[id / SERIES_INDEX_PAGE]);
    atomic_fetch_or(&page[id % SERIES_INDEX_PAGE], SERIES_DOOMED);
}

static void
series_limbo_add(struct series_table *t, uint64_t stamp, void *memory)
{
    mem_grow(&t->limbo, &t->limbo_cap, t->limbo_n + 1, sizeof(*t->limbo));
    t->limbo[t->limbo_n++] = (struct series_limbo){.stamp = stamp, .memory = memory};
}

/* Takes the id out of the index if it is still doomed. */
static bool
series_unpublish(struct series_table *t, uint32_t id, uint64_t stamp)
{
    size_t at = id / SERIES_INDEX_PAGE;
    _Atomic(uint32_t) *page = atomic_load(&t->index[at]);
    uint32_t word = atomic_load(&page[id % SERIES_INDEX_PAGE]);
    if (!(word & SERIES_DOOMED) ||
        !atomic_compare_exchange_strong(&page[id % SERIES_INDEX_PAGE], &word, 0))
        return false;
    /* The newest page goes on being filled. */
    if (--t->index_live[at] == 0 && at < (t->next_id - 1) / SERIES_INDEX_PAGE) {
        atomic_store(&t->index[at], index_page_empty);
        series_limbo_add(t, stamp, (void *)page);
    }
    return true;
}

static bool
series_gone(const void *arg, uint32_t id)
{
    return series_word(arg, id) == 0;
}

size_t
series_reap(struct series_table *t, struct ids ids, uint64_t stamp, uint32_t *slots)
{
    struct arena *a = arena_new();
    struct ids pairs = {0};
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < ids.n; i++) {
        uint32_t slot = series_slot(t, ids.v[i]);
        if (!series_unpublish(t, ids.v[i], stamp))
            continue;
        struct series *s = series_hot(t, slot);
        struct series_cold *c = series_cold(t, slot);
        id_table_del(&t->by_labels, c->hash, s->id);
        arena_grow(a, &pairs.v, &cap, pairs.n + s->labels_n, sizeof(uint32_t));
        for (size_t k = 0; k < s->labels_n; k++) {
            pairs.v[pairs.n++] = c->pairs[k];
            symbols_name(&t->symbols, symbols_pair(&t->symbols, c->pairs[k])->name)->series--;
        }
        series_limbo_add(t, stamp, c->pairs);
        c->pairs = NULL;
        s->id = 0;
        t->live--;
        slots[n++] = slot;
    }
    ids_sort(a, &pairs);
    for (size_t i = 0; i < pairs.n; i++)
        posting_list_prune(&symbols_pair(&t->symbols, pairs.v[i])->series, series_gone, t);
    posting_list_prune(&t->all, series_gone, t);
    symbols_prune(&t->symbols, pairs.v, pairs.n, stamp);
    arena_free(&a);
    return n;
}

void
series_free_slots(struct series_table *t, const uint32_t *slots, size_t n)
{
    mem_grow(&t->free_slots, &t->free_slots_cap, t->free_slots_n + n, sizeof(uint32_t));
    for (size_t i = 0; i < n; i++)
        t->free_slots[t->free_slots_n++] = slots[i];
}

void
series_sweep(struct series_table *t, struct pins *pins)
{
    size_t done = 0;
    for (; done < t->limbo_n && pins_passed(pins, t->limbo[done].stamp); done++)
        mem_free(t->limbo[done].memory);
    t->limbo_n -= done;
    if (done)
        memmove(t->limbo, t->limbo + done, t->limbo_n * sizeof(*t->limbo));
    symbols_sweep(&t->symbols, pins);
}
