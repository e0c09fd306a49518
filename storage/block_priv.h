/* block_priv.h - between the files that read a block; included by storage/block_*.c only. */
#pragma once
#include "base/io.h"
#include "base/sync.h"
#include "storage/block.h"
#include "storage/block_chunks.h"
#include "storage/block_index.h"

#include <stdatomic.h>

struct block {
    unsigned magic;
#define BLOCK_MAGIC 0x7b10c4e2
    atomic_uint refs;
    /* fixed after open */
    char *dir;
    struct io_map index_map;
    struct block_index index;
    struct block_chunks chunks;
    uint64_t files_bytes; /* without tombstones and meta.json */
    /* changed by the one caller of block_delete and block_mark */
    struct block_meta meta;
    /* atomic: how many; 0 spares readers the lock */
    _Atomic uint64_t stones_n;
    /* under mu */
    struct mutex mu;
    struct tombstones *stones;
};

/* Runs fn under the map guard and puts the block's name before its error. */
struct block_call {
    struct block *b;
    struct err *e;
    bool good; /* set by fn */
};
bool block_guarded(struct block_call *c, void (*fn)(void *call)) MUST_USE;

/* The functions below read the map: run them guarded. */
bool block_match(struct block *b, const struct matcher *m, size_t n, struct arena *a,
                 uint32_t **out, size_t *out_n, struct err *e);
