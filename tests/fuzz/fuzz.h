/* fuzz.h - each fuzz target is LLVMFuzzerTestOneInput and this main.
 *
 * Built with --with-sanitizer=fuzzer the fuzzer brings its own main; else the program
 * replays the files and folders it is given, and without arguments a built-in round of
 * mutated seeds, so that `make check` runs every target for a moment.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
/* Appends the i-th seed; false: there are no more. */
bool fuzz_seed(struct buf *out, unsigned i);

#ifndef FUZZ_WITH_ENGINE
#define FUZZ_ROUNDS 2000 /* per seed; a moment's work */
#define FUZZ_FILE_MAX (64u << 20)

/* The input in memory of its exact size, so that a sanitizer sees a byte too far. */
static void
fuzz_one(str s)
{
    uint8_t *copy = mem_alloc(s.n);
    if (s.n)
        memcpy(copy, s.p, s.n);
    LLVMFuzzerTestOneInput(copy, s.n);
    mem_free(copy);
}

static void
fuzz_mutate(struct buf *b)
{
    for (uint64_t k = 1 + rng_below(4); k > 0 && b->n > 0; k--) {
        size_t at = (size_t)rng_below(b->n);
        switch (rng_below(5)) {
        case 0:
            b->p[at] = (char)(b->p[at] ^ 1 << rng_below(8));
            break;
        case 1:
            b->p[at] = (char)rng_next();
            break;
        case 2:
            b->n = at;
            break;
        case 3:
            memmove(b->p + at, b->p + at + 1, b->n - at - 1);
            b->n--;
            break;
        default:
            buf_byte(b, (char)rng_next());
            memmove(b->p + at + 1, b->p + at, b->n - at - 1);
        }
    }
}

static void
fuzz_replay(const char *path)
{
    struct io_entry *list;
    size_t n;
    struct err e;
    if (io_list(path, &list, &n, &e)) {
        for (size_t i = 0; i < n; i++) {
            char *sub = io_join(path, list[i].name);
            fuzz_replay(sub);
            mem_free(sub);
        }
        io_list_free(&list, n);
        return;
    }
    struct buf b = {0};
    if (io_read_file(path, FUZZ_FILE_MAX, &b, &e))
        fuzz_one(buf_str(&b));
    else
        fprintf(stderr, "%s\n", e.text);
    buf_free(&b);
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        fuzz_replay(argv[i]);
    if (argc > 1)
        return 0;
    struct buf seed = {0}, b = {0};
    rng_seed(1);
    for (unsigned i = 0; buf_clear(&seed), fuzz_seed(&seed, i); i++) {
        fuzz_one(buf_str(&seed));
        for (int round = 0; round < FUZZ_ROUNDS; round++) {
            buf_clear(&b);
            buf_put(&b, buf_str(&seed));
            fuzz_mutate(&b);
            fuzz_one(buf_str(&b));
        }
    }
    buf_free(&seed);
    buf_free(&b);
    return 0;
}
#endif
