/* A tombstones file, its checksum made right. */
#include "tests/fuzz/fuzz.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/panic.h"
#include "storage/tombstone.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf b = {0}, again = {0};
    struct tombstones *t, *same;
    struct err e;
    buf_put(&b, STR(data, n));
    if (n >= 9)
        enc_u32_be_at(&b, n - 4, crc32c(0, STR(b.p + 5, n - 9)));
    if (tombstones_decode(buf_str(&b), &t, &e)) {
        tombstones_encode(t, &again);
        CHECK(tombstones_decode(buf_str(&again), &same, &e));
        CHECK(tombstones_count(t) == tombstones_count(same));
        tombstones_free(&t);
        tombstones_free(&same);
    }
    buf_free(&b);
    buf_free(&again);
    return 0;
}

bool
fuzz_seed(struct buf *out, unsigned i)
{
    struct tombstones *t = tombstones_new();
    for (unsigned k = 0; k < 3 * i; k++)
        tombstones_add(t, k % 5, 10 * k, 10 * k + i);
    tombstones_encode(t, out);
    tombstones_free(&t);
    return i < 4;
}
