/* head_block.h - a range of the head as a block, and letting go of it.
 *
 * head_block_write runs beside commits and queries: it takes the gate (shared) for a
 * hundred series at a time.  In-order chunks never cross a block boundary, so they are
 * copied as they are; only where something was deleted are samples decoded and encoded
 * again.  Nothing can still arrive in the range: half a block range before the newest
 * sample is closed (head.h), and the range lies before that.
 *
 * Late samples go into blocks of their own (late_blocks_write), marked out-of-order, one
 * a block range; what arrives meanwhile stays in the head for the next time.
 *
 * Then, in this order: the blocks are in the list (blocks_reload_and_close), the head is
 * truncated, a checkpoint is written, series without samples are collected.
 */
#pragma once
#include "storage/db.h"

struct head_block {
    const char *dir;    /* where the block goes */
    int64_t mint, maxt; /* maxt exclusive */
    bool late;          /* late samples too (a snapshot) */
    /* out */
    char ulid[ULID_TEXT + 1]; /* "" if there was nothing */
    uint32_t *ids;      /* owned; series with chunks in the block … */
    uint32_t *moved;    /* … and how many of their sealed chunks */
    size_t n;
};
/* REQUIRES maintain. */
bool head_block_write(struct tsdb *db, struct head_block *b, struct err *e) MUST_USE;
void head_block_fini(struct head_block *b);

/* Writes all late samples there are now into blocks and then lets go of them (after
 * blocks_reload).  REQUIRES maintain. */
bool late_blocks_compact(struct tsdb *db, struct err *e) MUST_USE;

/* Drops what lies before min_valid from open chunks, chunk files and tombstones; b is the
 * block that took it, or NULL.  REQUIRES maintain. */
void head_truncate(struct tsdb *db, const struct head_block *b);
/* Marks series without samples; they are collected by a later call, when nobody can hold
 * their ids any more.  REQUIRES maintain. */
void head_mark(struct tsdb *db);
/* Collects what was marked, if it may; true if nothing is left to collect. */
bool head_collect(struct tsdb *db);
