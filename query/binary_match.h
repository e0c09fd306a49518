/* binary_match.h - who matches whom between two vectors; query/binary*.c only. */
#pragma once
#include <stdlib.h>

#include "query/binary_priv.h"

#define CHAIN_END UINT32_MAX

struct match {
    struct eval *ev;
    const struct expr *e;
    struct arena *arena;
    size_t steps;
    struct vec l, r;
    str *names;              /* of on() or ignoring(), sorted */
    size_t names_n;
    uint32_t *l_sig, *r_sig; /* signature of each row */
    size_t sigs;
    const struct vec *many, *one; /* &l and &r, or the other way round */
    const uint32_t *many_sig, *one_sig;
    bool has_fill_many, has_fill_one; /* what stands in for a missing row of that side */
    double fill_many, fill_one;
    uint8_t *matched;        /* [sig * steps + step]: pairs that count; with fill_many only */
};
struct chains {
    uint32_t *first, *next;
};

struct labels match_result_labels(const struct match *m, struct labels many, struct labels one);
/* The labels that count for matching. */
struct labels match_group_labels(const struct match *m, struct labels ls);

/* False, with Prometheus' words for the first step where it is so, if rows of one
 * signature meet in a way the operator does not allow. */
bool match_check(const struct match *m, struct err *err) MUST_USE;
