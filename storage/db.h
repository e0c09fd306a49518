/* db.h - the inside of struct tsdb, for tsdb.c, append.c and select.c.
 *
 * LISTS THAT READERS SHARE.  The blocks are an immutable, refcounted list; a view takes a
 * reference under the gate.  Whoever changes the list builds a new one and swaps it under
 * the gate, exclusively, in the same moment in which the head moves its min_valid: so a
 * sample is seen in the head or in its block, never in neither.
 */
#pragma once
#include "storage/append.h"
#include "storage/block.h"
#include "storage/head.h"
#include "storage/tsdb.h"

struct block_list {
    atomic_uint refs;
    size_t n;
    struct block *v[]; /* one reference each; ascending mint */
};

struct tsdb {
    unsigned magic;
#define TSDB_MAGIC 0x75db1e57u
    struct tsdb_opts opts;     /* under the gate, where tsdb_reconfigure may change it */
    char *dir;                 /* NULL: memory only */
    struct head head;
    struct block_list *blocks; /* under the gate */
    atomic_bool memory_full;   /* near memory_limit_bytes */
};

struct block_list *block_list_new(size_t n);
struct block_list *block_list_ref(struct block_list *l);
void block_list_unref(struct block_list **l);
