/* checkpoint_priv.h - blocks and series records, shared by writing and loading.
 *
 * A SERIES block holds, per series, little-endian:
 *   u32 id | u16 labels | u8 encoding | u8 flags | u32 pair * labels
 *   i64 newest t | u64 newest value | i64 mint
 *   u64 sealed | u32 sealed chunks                       references: head_file.h
 *   if encoding: i64 open mint | i64 next_at | u32 size | bytes
 *     XOR: the appender's state (i64 delta, u16 bits, u16 samples, u8 leading, u8 trailing)
 *     and its raw bytes; others: the finished chunk, from which the state is rebuilt
 *   u8 late: 0 none, 1: u64 sealed | u32 sealed chunks | i64 mint | i64 maxt | u32 n |
 *     (i64 t, i64 st, u8 kind 0: f64, 1: histogram (record.h))*
 */
#pragma once
#include "storage/checkpoint.h"

#define CHECKPOINT_MAGIC "NRTXCKP1"
#define CHECKPOINT_BLOCK_HEADER 13u
#define CHECKPOINT_BLOCK_BYTES (1u << 20) /* aimed at */
#define CHECKPOINT_BLOCK_MAX (1u << 30)

enum checkpoint_kind {
    CHECKPOINT_PAIRS = 1,
    CHECKPOINT_SERIES,
    CHECKPOINT_TOMBSTONES,
    CHECKPOINT_EXEMPLARS,
    CHECKPOINT_STATE,
    CHECKPOINT_END,
    CHECKPOINT_SIZES,
};
