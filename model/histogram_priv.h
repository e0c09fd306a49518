/* histogram_priv.h - what the files model/histogram*.c share; nobody else includes it.
 *
 * A SIDE is the positive or negative half of a histogram with explicit indexes: entries
 * (index, count) in ascending index, with Kahan compensations beside the counts if `c` is
 * set.  All arithmetic happens on sides, linear in their lengths; spans are made again at
 * the end.  Capacity grows in the arena and is reused, so that a running sum over
 * histograms of one layout allocates once.
 */
#pragma once
#include "model/histogram.h"
#include "model/kahan.h"

struct histogram_side {
    struct arena *a;
    size_t n, cap;
    int32_t *i;
    double *v;
    double *c; /* compensations; NULL: none are kept */
};

bool histogram_custom_equal(const struct histogram *a, const struct histogram *b);
/* The same buckets in the same order, none of them inside the zero bucket: counts can be
 * compared or added as arrays. */
bool histogram_same_layout(const struct histogram *a, const struct histogram *b);
double *histogram_custom_copy(struct arena *a, const struct histogram *h);

/* How spans are made: entries with a count (or, if keep_empty, all), gaps up to max_empty
 * filled with empty buckets. */
struct histogram_side_put {
    int max_empty;
    bool keep_empty;
};

/* Upper bound of bucket i (absolute values on the negative side); custom bounds reach
 * from index -1 (-Inf) to custom_n (+Inf). */
double histogram_bound(int schema, int32_t i);
double histogram_bound_of(const struct histogram *h, int32_t i);
/* Index of bucket i after merging `shift` schemas down. */
static inline int32_t
histogram_index_shift(int32_t i, int shift)
{
    return (int32_t)((((int64_t)i - 1) >> MIN(shift, 62)) + 1); /* up to 61: schemas -9 to 52 exist */
}

/* Walks spans and counts of one half upward; invalid histograms end early. */
struct histogram_iter {
    const struct histogram_span *spans;
    const double *counts;
    size_t spans_n, counts_n;
    size_t span, bucket;
    uint32_t in_span;
    int32_t i;
    double count;
};
void histogram_iter_init(struct histogram_iter *it, const struct histogram *h, bool positive);
bool histogram_iter_next(struct histogram_iter *it);
/* The same from the top; positions start behind the last bucket. */
void histogram_iter_init_back(struct histogram_iter *it, const struct histogram *h, bool positive);
bool histogram_iter_back(struct histogram_iter *it);

/* All buckets: negative, zero, positive; or from the top. */
struct histogram_walk {
    const struct histogram *h;
    struct histogram_iter first, second;
    bool reverse;
    int state;
    struct histogram_bucket b;
};
void histogram_walk_init(struct histogram_walk *w, const struct histogram *h, bool reverse);
bool histogram_walk_next(struct histogram_walk *w);
struct histogram_bucket histogram_bucket_at(const struct histogram *h,
                                            const struct histogram_iter *it, bool positive);
struct histogram_bucket histogram_bucket_zero(const struct histogram *h);
/* How far v lies in bucket b, 0 to 1, linearly or on a logarithmic scale. */
double histogram_bucket_fraction(const struct histogram_bucket *b, double v, bool linear);

/* What a histogram has around zero. */
struct histogram_zero {
    int schema;
    double threshold;
    struct kahan zero;
    const struct histogram_side *pos, *neg;
};
/* The zero count with the larger threshold *threshold, which moves out to the far bound of
 * a populated bucket that it cuts. */
struct kahan histogram_zero_widen(const struct histogram_zero *z, double *threshold);

/* A histogram in its working form. */
struct histogram_work {
    int schema;
    enum histogram_reset reset;
    double zero_threshold;
    struct kahan zero, count, sum;
    double *custom;
    size_t custom_n;
    struct histogram_side pos, neg;
};
/* A compensated work keeps c terms; a plain one leaves them 0. */
void histogram_work_load(struct histogram_work *w, struct arena *a, const struct histogram *h,
                         bool compensated);
/* Adds or subtracts; on HISTOGRAM_INCOMPATIBLE w is unchanged.  `scratch` is two sides for
 * y's halves, reused from call to call. */
enum histogram_fit histogram_work_add(struct histogram_work *w, const struct histogram *y,
                                      bool subtract, struct histogram_side scratch[2],
                                      bool *collision);
/* Adds the compensations to the values and makes the histogram. */
struct histogram *histogram_work_store(const struct histogram_work *w, struct arena *a,
                                       struct histogram_side_put how);

void histogram_side_init(struct histogram_side *s, struct arena *a, bool compensated);
void histogram_side_reserve(struct histogram_side *s, size_t n);
/* Loads one half, merged `shift` schemas down (counts of merged buckets are added, with
 * compensation if the side keeps it). */
void histogram_side_load(struct histogram_side *s, const struct histogram *h, bool positive,
                         int shift);
/* Makes spans and counts of h's half. */
void histogram_side_store(const struct histogram_side *s, struct arena *a, struct histogram *h,
                          bool positive, struct histogram_side_put how);
