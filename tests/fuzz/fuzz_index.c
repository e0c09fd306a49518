/* The index of a block.  Checksums would stop nearly every mutation at the door, so
 * they are made right first: whatever they guard must be read without harm anyway. */
#include "tests/fuzz/fuzz.h"

#include "base/hash.h"
#include "base/panic.h"
#include "storage/block_index.h"
#include "storage/index_write.h"

static void
fix_section(struct buf *b, uint64_t at)
{
    if (at > b->n || b->n - at < 8)
        return;
    struct dec d = dec_of(STR(b->p + at, b->n - at));
    uint32_t n = dec_u32_be(&d);
    if (n <= b->n - at - 8)
        enc_u32_be_at(b, at + 4 + n, crc32c(0, STR(b->p + at + 4, n)));
}

static void
fix_series(struct buf *b, uint64_t at)
{
    struct dec d = dec_of(STR(b->p + at, b->n - at));
    str entry = dec_uvarint_str(&d);
    if (!d.bad && dec_left(&d) >= 4)
        enc_u32_be_at(b, (size_t)((const char *)d.p - b->p), crc32c(0, entry));
}

static void
fix_checksums(struct buf *b)
{
    if (b->n < INDEX_TOC_BYTES)
        return;
    size_t toc = b->n - INDEX_TOC_BYTES;
    struct dec d = dec_of(STR(b->p + toc, INDEX_TOC_BYTES));
    uint64_t symbols = dec_u64_be(&d), series = dec_u64_be(&d), labels = dec_u64_be(&d);
    dec_skip(&d, 8);
    uint64_t postings = dec_u64_be(&d), table = dec_u64_be(&d);
    fix_section(b, symbols);
    for (uint64_t at = series; at < MIN(labels, b->n); at += INDEX_SERIES_ALIGN)
        fix_series(b, at);
    for (uint64_t at = postings, i = 0; at < MIN(table, b->n) && i < 1000; i++) {
        fix_section(b, at);
        struct dec len = dec_of(STR(b->p + at, b->n - at));
        at += 8 + (uint64_t)dec_u32_be(&len);
    }
    fix_section(b, table);
    enc_u32_be_at(b, b->n - 4, crc32c(0, STR(b->p + toc, INDEX_TOC_BYTES - 4)));
}

static void
read_series(const struct block_index *x, uint32_t ref)
{
    struct err e;
    struct index_entry entry;
    if (!index_entry(x, ref, &entry, &e))
        return;
    struct label l;
    for (size_t i = 0; i < entry.labels_n && index_entry_label(x, &entry.labels, &l, &e); i++)
        CHECK(l.name.n + l.value.n <= x->file.n * 2);
    struct block_chunk c = {.ref = 0};
    for (size_t i = 0; i < entry.chunks_n && index_entry_chunk(&entry.chunks, i == 0, &c, &e); i++)
        CHECK(c.mint <= c.maxt);
}

static void
read_all(const struct block_index *x)
{
    struct err e;
    for (size_t i = 0; i < x->names_n; i++) {
        struct index_values v = index_values(x, &x->names[i], STRL("b"));
        str value;
        uint64_t offset, found;
        struct index_list list;
        while (index_values_next(&v, &value, &offset)) {
            CHECK(index_value(x, x->names[i].name, value, &found) && found == offset);
            if (index_list(x, offset, &list, &e))
                for (size_t k = 0; k < list.n; k++)
                    read_series(x, index_ref(&list, k));
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf b = {0};
    struct err e;
    struct block_index x;
    buf_put(&b, STR(data, n));
    fix_checksums(&b);
    if (index_open(&x, buf_str(&b), &e))
        read_all(&x);
    else
        CHECK(e.kind == ERR_CORRUPT);
    index_close(&x);
    buf_free(&b);
    return 0;
}

/* A real index of some series; which ones depends on i. */
bool
fuzz_seed(struct buf *out, unsigned i)
{
    if (i >= 3)
        return false;
    char dir[] = "/tmp/narthex-fuzz-XXXXXX";
    struct err e;
    struct index_writer *w;
    struct arena *a = arena_new();
    CHECK(mkdtemp(dir) != NULL && index_writer_open(&w, dir, 100, &e));
    for (unsigned s = 0; s < 4 + 40 * i; s++) {
        struct label l[] = {{STRL("__name__"), STRL("up")},
                            {STRL("a"), arena_printf(a, "%03u", s)},
                            {STRL("b"), arena_printf(a, "%u", s % 3)}};
        struct block_chunk c[] = {{.mint = s, .maxt = s + 10, .ref = 8 + s},
                                  {.mint = s + 11, .maxt = s + 12, .ref = 99 + s}};
        CHECK(index_writer_add(w, (struct labels){l, 2 + s % 2}, c, 1 + s % 2, &e));
    }
    CHECK(index_writer_finish(w, &e));
    index_writer_close(&w);
    char *path = io_join(dir, "index");
    CHECK(io_read_file(path, 1 << 20, out, &e) && io_remove_tree(dir, &e));
    mem_free(path);
    arena_free(&a);
    return true;
}
