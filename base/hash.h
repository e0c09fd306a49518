/* hash.h - hashes and checksums.
 *
 * hash64 is XXH3 keyed by a per-process random secret: for tables, never stored.
 * hash64_stable is XXH64 with seed 0: for what must be equal over restarts.
 * crc32c is Castagnoli (as Go's hash/crc32.Castagnoli), hardware when present.
 */
#pragma once
#include "base/base.h"

uint64_t hash64(str s);
uint64_t hash64_stable(str s);
uint64_t hash_mix(uint64_t a, uint64_t b);
uint64_t hash_fnv64a(str s);
uint32_t crc32c(uint32_t seed, str s); /* seed 0 starts; feed the result to go on */
void hash_md5(str s, uint8_t out[16]);
void hash_sha256(str s, uint8_t out[32]);
void hash_sha1(str s, uint8_t out[20]);
/* Lower-case hex of n bytes into out[2n+1]. */
void hash_hex(const uint8_t *in, size_t n, char *out);
