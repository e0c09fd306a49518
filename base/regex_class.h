/* regex_class.h - sets of runes: the character classes of patterns.
 *
 * A class is gathered with the _add functions in any order and then closed by
 * regex_class_clean, after which its ranges are sorted, disjoint and not adjacent.
 * Memory is the arena's.
 */
#pragma once
#include "base/arena.h"
#include "base/base.h"

struct regex_range {
    uint32_t lo, hi;
};
struct regex_class {
    struct arena *arena; /* borrowed */
    struct regex_range *range;
    size_t n, cap;
};

void regex_class_add(struct regex_class *c, uint32_t lo, uint32_t hi);
/* With every rune that is the same letter as one of lo..hi. */
void regex_class_add_folded(struct regex_class *c, uint32_t lo, uint32_t hi);
void regex_class_add_class(struct regex_class *c, const struct regex_class *from, bool fold);
/* \p{name}, by Go's rules of spelling; false if there is no such table.  Positive only:
 * the caller negates.  Clean afterwards. */
bool regex_class_add_unicode(struct regex_class *c, str name, bool fold);
void regex_class_clean(struct regex_class *c);
void regex_class_negate(struct regex_class *c);                   /* cleans first */
bool regex_class_has(const struct regex_class *c, uint32_t rune); /* clean ones only */

/* unicode.SimpleFold: the next rune in the ring of those that are the same letter. */
uint32_t regex_fold_next(uint32_t rune);
