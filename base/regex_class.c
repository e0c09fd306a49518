#include "base/regex_class.h"

#include <stdlib.h>

#include "base/panic.h"

#define RUNE_MAX 0x10FFFFu

struct stride_range {
    uint32_t lo, hi, stride;
};
static const struct stride_range all_ranges[] = {
#define R(lo, hi) {lo, hi, 1},
#define S(lo, hi, stride) {lo, hi, stride},
#include "base/regex_unicode.def"
#undef R
#undef S
};

struct table {
    const char *name;
    unsigned at, n;
};
static const struct table tables[] = {
#define T(name, at, n) {name, at, n},
#include "base/regex_unicode.def"
#undef T
};
static const struct table folded_tables[] = {
#define D(name, at, n) {name, at, n},
#include "base/regex_unicode.def"
#undef D
};
static const struct {
    const char *name, *category;
} aliases[] = {
#define A(name, category) {name, category},
#include "base/regex_unicode.def"
#undef A
};
static const struct {
    uint32_t lo, hi;
    int32_t delta;
} folds[] = {
#define F(lo, hi, delta) {lo, hi, delta},
#include "base/regex_unicode.def"
#undef F
};

uint32_t
regex_fold_next(uint32_t rune)
{
    if (rune < 'A')
        return rune;
    size_t lo = 0, hi = ARRAY_LEN(folds);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rune > folds[mid].hi)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == ARRAY_LEN(folds) || rune < folds[lo].lo)
        return rune;
    if (folds[lo].delta == 0)
        return (rune - folds[lo].lo) % 2 == 0 ? rune + 1 : rune - 1;
    return (uint32_t)((int32_t)rune + folds[lo].delta);
}

void
regex_class_add(struct regex_class *c, uint32_t lo, uint32_t hi)
{
    CHECK(lo <= hi);
    /* Extends one of the last two ranges where it can, as folding adds to two alphabets
     * in turns. */
    for (size_t back = 1; back <= 2 && back <= c->n; back++) {
        struct regex_range *r = &c->range[c->n - back];
        if (lo > r->hi + 1 || r->lo > hi + 1)
            continue;
        r->lo = MIN(r->lo, lo);
        r->hi = MAX(r->hi, hi);
        return;
    }
    if (c->n == c->cap)
        arena_grow(c->arena, &c->range, &c->cap, c->n + 1, sizeof(*c->range));
    c->range[c->n++] = (struct regex_range){lo, hi};
}

void
regex_class_add_folded(struct regex_class *c, uint32_t lo, uint32_t hi)
{
    const uint32_t first = folds[0].lo, last = folds[ARRAY_LEN(folds) - 1].hi;
    regex_class_add(c, lo, hi);
    if (lo <= first && hi >= last)
        return;
    for (uint32_t r = MAX(lo, first); r <= MIN(hi, last); r++)
        for (uint32_t f = regex_fold_next(r); f != r; f = regex_fold_next(f))
            regex_class_add(c, f, f);
}

void
regex_class_add_class(struct regex_class *c, const struct regex_class *from, bool fold)
{
    for (size_t i = 0; i < from->n; i++) {
        if (fold)
            regex_class_add_folded(c, from->range[i].lo, from->range[i].hi);
        else
            regex_class_add(c, from->range[i].lo, from->range[i].hi);
    }
}

static int
range_cmp(const void *a, const void *b)
{
    const struct regex_range *x = a, *y = b;
    return x->lo != y->lo ? (x->lo < y->lo ? -1 : 1) : (x->hi > y->hi) - (x->hi < y->hi);
}

void
regex_class_clean(struct regex_class *c)
{
    if (c->n < 2)
        return;
    qsort(c->range, c->n, sizeof(*c->range), range_cmp);
    size_t w = 0;
    for (size_t i = 1; i < c->n; i++) {
        if (c->range[i].lo <= c->range[w].hi + 1)
            c->range[w].hi = MAX(c->range[w].hi, c->range[i].hi);
        else
            c->range[++w] = c->range[i];
    }
    c->n = w + 1;
}

void
regex_class_negate(struct regex_class *c)
{
    struct regex_class out = {.arena = c->arena};
    uint32_t next = 0;
    regex_class_clean(c);
    for (size_t i = 0; i < c->n; i++) {
        if (next < c->range[i].lo)
            regex_class_add(&out, next, c->range[i].lo - 1);
        next = c->range[i].hi + 1;
    }
    if (next <= RUNE_MAX)
        regex_class_add(&out, next, RUNE_MAX);
    *c = out;
}

bool
regex_class_has(const struct regex_class *c, uint32_t rune)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rune > c->range[mid].hi)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < c->n && rune >= c->range[lo].lo;
}

/* Go compares table names without spaces, hyphens and underscores, the first letter in
 * upper and the rest in lower case. */
static bool
canonical_name(str name, char *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c == ' ' || c == '-' || c == '_')
            continue;
        if (n + 1 >= max || c == '\0')
            return false;
        if (n == 0 && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (n > 0 && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        out[n++] = c;
    }
    out[n] = '\0';
    return n > 0;
}

static void
add_table(struct regex_class *c, const struct table *t)
{
    for (unsigned i = t->at; i < t->at + t->n; i++) {
        const struct stride_range *r = &all_ranges[i];
        if (r->stride == 1)
            regex_class_add(c, r->lo, r->hi);
        for (uint32_t rune = r->lo; r->stride > 1 && rune <= r->hi; rune += r->stride)
            regex_class_add(c, rune, rune);
    }
}

/* A category letter stands for all the categories that begin with it; LC for the cased
 * letters.  Scripts have longer names. */
static bool
in_group(const char *table, const char *group)
{
    if (strlen(table) != 2)
        return false;
    if (strcmp(group, "LC") == 0)
        return table[0] == 'L' && strchr("ult", table[1]) != NULL;
    return group[1] == '\0' && table[0] == group[0];
}

static bool
add_by_name(struct regex_class *c, const char *name, const struct table *t, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(t[i].name, name) != 0)
            continue;
        add_table(c, &t[i]);
        found = true;
    }
    return found;
}

static void
add_unassigned(struct regex_class *c)
{
    struct regex_class assigned = {.arena = c->arena};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        if (strlen(tables[i].name) == 2)
            add_table(&assigned, &tables[i]);
    regex_class_negate(&assigned);
    regex_class_add_class(c, &assigned, false);
}

static bool
add_plain(struct regex_class *c, const char *name)
{
    bool found = add_by_name(c, name, tables, ARRAY_LEN(tables));
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (!in_group(tables[i].name, name))
            continue;
        add_table(c, &tables[i]);
        found = true;
    }
    if (strcmp(name, "C") == 0 || strcmp(name, "Cn") == 0) {
        add_unassigned(c);
        found = true;
    }
    return found;
}

bool
regex_class_add_unicode(struct regex_class *c, str name, bool fold)
{
    char canon[64];
    if (!canonical_name(name, canon, sizeof(canon)))
        return false;
    const char *key = strcmp(canon, "Lc") == 0 ? "LC" : canon;
    if (strcmp(key, "Any") == 0) {
        regex_class_add(c, 0, RUNE_MAX);
        return true;
    }
    if (strcmp(key, "Ascii") == 0) {
        (fold ? regex_class_add_folded : regex_class_add)(c, 0, 0x7F);
        regex_class_clean(c);
        return true;
    }
    if (strcmp(key, "Assigned") == 0) {
        struct regex_class all = {.arena = c->arena};
        add_unassigned(&all);
        regex_class_negate(&all);
        regex_class_add_class(c, &all, false);
        return true;
    }
    bool found = add_plain(c, key);
    for (size_t i = 0; !found && i < ARRAY_LEN(aliases); i++) {
        if (strcmp(aliases[i].name, key) != 0)
            continue;
        key = aliases[i].category;
        found = add_plain(c, key);
    }
    if (found && fold)
        (void)add_by_name(c, key, folded_tables, ARRAY_LEN(folded_tables));
    if (found)
        regex_class_clean(c);
    return found;
}
