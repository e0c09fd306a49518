/* tsdb_list.c - narthex tsdb list: the blocks of a data folder, oldest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/args.h"
#include "cli/command.h"
#include "storage/block.h"

#define DEFAULT_FOLDER "data/"
/* promtool's table: no column is narrower, and two spaces part them. */
#define COLUMN_MIN 13
#define COLUMN_GAP 2
#define NS_PER_MS 1000000

enum column_no { ULID, MINT, MAXT, DURATION, SAMPLES, CHUNKS, SERIES, SIZE, COLUMNS };

/* One line of the table; the texts are owned. */
struct row {
    struct buf cell[COLUMNS];
};

static void
put_time(struct buf *b, int64_t ms, bool human)
{
    if (!human) {
        buf_printf(b, "%lld", (long long)ms);
        return;
    }
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[64];
    gmtime_r(&s, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S +0000 UTC", &tm);
    buf_put(b, str_of(text));
}

/* Human: every unit by itself, as in "2MiB17KiB512B". */
static void
put_bytes(struct buf *b, uint64_t bytes, bool human)
{
    static const char *const units[] = {"EiB", "PiB", "TiB", "GiB", "MiB", "KiB", "B"};

    if (!human || bytes == 0) {
        buf_printf(b, human ? "%lluB" : "%llu", (unsigned long long)bytes);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        unsigned long long n = bytes >> (10 * (ARRAY_LEN(units) - 1 - i)) & 1023;
        if (n > 0)
            buf_printf(b, "%llu%s", n, units[i]);
    }
}

static void
row_of_block(struct row *r, struct block *b, bool human)
{
    const struct block_meta *m = block_meta(b);

    buf_put(&r->cell[ULID], str_of(m->ulid));
    put_time(&r->cell[MINT], m->mint, human);
    put_time(&r->cell[MAXT], m->maxt, human);
    num_put_go_duration(&r->cell[DURATION], (m->maxt - m->mint) * NS_PER_MS);
    buf_printf(&r->cell[SAMPLES], "%llu", (unsigned long long)m->samples);
    buf_printf(&r->cell[CHUNKS], "%llu", (unsigned long long)m->chunks);
    buf_printf(&r->cell[SERIES], "%llu", (unsigned long long)m->series);
    put_bytes(&r->cell[SIZE], block_size_bytes(b), human);
}

static void
row_of_titles(struct row *r)
{
    static const char *const titles[COLUMNS] = {"BLOCK ULID",  "MIN TIME",   "MAX TIME",
                                                "DURATION",    "NUM SAMPLES", "NUM CHUNKS",
                                                "NUM SERIES", "SIZE"};
    for (size_t c = 0; c < COLUMNS; c++)
        buf_put(&r->cell[c], str_of(titles[c]));
}

static void
print_rows(struct row *rows, size_t n)
{
    int width[COLUMNS] = {0};

    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < SIZE; c++)
            width[c] = MAX(width[c], MAX(COLUMN_MIN, (int)rows[i].cell[c].n + COLUMN_GAP));
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < COLUMNS; c++)
            printf("%-*s%s", width[c], buf_cstr(&rows[i].cell[c]), c == SIZE ? "\n" : "");
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < COLUMNS; c++)
            buf_free(&rows[i].cell[c]);
}

static int
by_mint(const void *x, const void *y)
{
    const struct block_meta *a = block_meta(*(struct block *const *)x),
                            *b = block_meta(*(struct block *const *)y);
    if (a->mint != b->mint)
        return a->mint < b->mint ? -1 : 1;
    return strcmp(a->ulid, b->ulid);
}

/* Opens the blocks of a folder, oldest first; false, said, if one cannot be read.  The
 * others are given all the same. */
static bool
open_blocks(const char *dir, const struct io_entry *entries, size_t entries_n, struct block **v,
            size_t *n)
{
    bool ok = true;

    *n = 0;
    for (size_t i = 0; i < entries_n; i++) {
        if (!entries[i].is_dir || !ulid_valid(str_of(entries[i].name)))
            continue;
        char *path = io_join(dir, entries[i].name);
        struct err e;
        if (block_open(&v[*n], path, &e)) {
            (*n)++;
        } else {
            fprintf(stderr, "narthex: %s\n", e.text);
            ok = false;
        }
        mem_free(path);
    }
    qsort(v, *n, sizeof(struct block *), by_mint);
    return ok;
}

static bool
list_folder(const char *dir, bool human, struct err *e)
{
    struct io_entry *entries = NULL;
    size_t entries_n = 0, n;

    if (!io_list(dir, &entries, &entries_n, e))
        return false;
    struct block **blocks = MEM_ARRAY(struct block *, entries_n + 1);
    bool ok = open_blocks(dir, entries, entries_n, blocks, &n);
    struct row *rows = mem_zalloc((n + 1) * sizeof(*rows));

    row_of_titles(&rows[0]);
    for (size_t i = 0; i < n; i++) {
        row_of_block(&rows[i + 1], blocks[i], human);
        block_unref(&blocks[i]);
    }
    print_rows(rows, n + 1);
    mem_free(rows);
    mem_free(blocks);
    io_list_free(&entries, entries_n);
    if (!ok)
        err_set(e, ERR_CORRUPT, "%s has blocks that cannot be read", dir);
    return ok;
}

int
command_tsdb_list(int argc, char **argv)
{
    bool human = false;
    const struct arg_flag flags[] = {
        {"human-readable", 'r', ARG_BOOL, &human, "Print human readable values."},
    };
    struct args a = {.flags = flags,
                     .flags_n = ARRAY_LEN(flags),
                     .usage = "tsdb list [<flags>] [<db path>]"};
    struct err e;

    if (!args_parse(&a, argc, argv))
        return a.status;
    if (a.plain_n > 1)
        return args_fail("unexpected %s", a.plain[1]);
    if (!list_folder(a.plain_n ? a.plain[0] : DEFAULT_FOLDER, human, &e)) {
        fprintf(stderr, "narthex: %s\n", e.text);
        return 1;
    }
    return 0;
}
