/* symbols.h - the head's dictionary of label names and label pairs.
 *
 * A series is an array of pair ids, 4 bytes a label: each distinct (name, value) is kept
 * once, together with the posting list of the series that have it.  So looking up a
 * pair and looking up its postings is one probe, {instance="x"} touches one entry, and
 * a regular expression walks the values of its name and nothing else.
 *
 *   name 7 "job" ── pairs [12, 40, 41]
 *   pair 40      ── name 7, "node", postings [3, 9, 10, 11 …]
 *
 * Interning whole pairs and not single strings costs the text again where two names have
 * the same value (instance and exported_instance), and saves half of every series and
 * one indirection on every lookup.
 *
 * MEMORY.  Entries never move (pages, not one array), so text handed out stays put until
 * symbols_sweep has let go of it: pairs whose postings became empty can no longer be
 * found at once, but text and id are reused only when no pin (storage/pin.h) is that old.
 *
 * THREADS.  The head's index lock guards everything but the text of a pair that a pin
 * keeps, which is immutable and may be read without it (symbols_label).
 */
#pragma once
#include "base/base.h"
#include "model/labels.h"
#include "storage/id_table.h"
#include "storage/pin.h"
#include "storage/postings.h"

struct label_pair {
    uint32_t name;    /* id of its name; 0: free */
    uint32_t value_n;
    char *value;      /* owned; never empty */
    struct posting_list series;
};
struct label_name {
    str text;         /* owned; p NULL: free */
    uint32_t *pairs;  /* its pairs, in no order */
    uint32_t n, cap;
    uint64_t series;  /* series with this name: the sum of its pairs' postings */
};

#define SYMBOLS_PAGE 1024u
#define SYMBOLS_PAGES (1u << 18) /* 2^28 pairs */

struct symbols_limbo {
    uint64_t stamp;
    uint32_t pair, name; /* one of them */
};
struct symbols {
    struct label_pair **pairs; /* SYMBOLS_PAGES pages */
    struct label_name **names;
    uint32_t pairs_n, names_n; /* highest id handed out */
    uint32_t *free_pairs, *free_names;
    size_t free_pairs_n, free_pairs_cap, free_names_n, free_names_cap;
    struct id_table pair_table, name_table;
    struct symbols_limbo *limbo;
    size_t limbo_n, limbo_cap;
    size_t text_bytes;
};

void symbols_init(struct symbols *s);
void symbols_fini(struct symbols *s);

static inline struct label_pair *
symbols_pair(const struct symbols *s, uint32_t id)
{
    return &s->pairs[id / SYMBOLS_PAGE][id % SYMBOLS_PAGE];
}
static inline struct label_name *
symbols_name(const struct symbols *s, uint32_t id)
{
    return &s->names[id / SYMBOLS_PAGE][id % SYMBOLS_PAGE];
}
static inline struct label
symbols_label(const struct symbols *s, uint32_t pair)
{
    const struct label_pair *p = symbols_pair(s, pair);
    return (struct label){.name = symbols_name(s, p->name)->text,
                          .value = STR(p->value, p->value_n)};
}

/* Whether n more pairs and names can be numbered. */
static inline bool
symbols_have_room(const struct symbols *s, size_t n)
{
    size_t max = (size_t)SYMBOLS_PAGE * SYMBOLS_PAGES - 1;
    return s->pairs_n + n < max && s->names_n + n < max;
}
/* 0 if unknown. */
uint32_t symbols_find_name(const struct symbols *s, str name);
uint32_t symbols_find(const struct symbols *s, uint32_t name, str value);
uint32_t symbols_intern_name(struct symbols *s, str name);
uint32_t symbols_intern(struct symbols *s, uint32_t name, str value);
/* Pairs in use. */
size_t symbols_pairs_live(const struct symbols *s);

/* Takes out the pairs among these whose postings are empty (and names without pairs),
 * stamped for symbols_sweep. */
void symbols_prune(struct symbols *s, const uint32_t *pairs, size_t n, uint64_t stamp);
/* Frees what was taken out before the oldest pin. */
void symbols_sweep(struct symbols *s, struct pins *pins);
