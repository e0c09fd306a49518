#include "query/journal.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/panic.h"

enum { SLOT_BYTES = 1000 };

struct journal {
    unsigned magic;
#define JOURNAL_MAGIC 0x90a2a15e
    struct io_file *file;
    size_t slots;
};

static void
log_unfinished(const char *path, size_t bytes)
{
    struct buf raw = {0}, text = {0};
    struct err e;
    if (io_exists(path) && !io_read_file(path, MAX(bytes, (size_t)(1 << 20)), &raw, &e))
        LOG_ERROR("Failed to read query log file", KV_ERR(&e));
    for (size_t i = 0; i < raw.n; i++)
        if (raw.p[i] != 0)
            buf_byte(&text, raw.p[i]);
    if (text.n > 1) {
        text.p[text.n - 1] = ']';
        LOG_INFO("These queries didn't finish in the last run:", KV_STR("queries", buf_str(&text)));
    }
    buf_free(&raw);
    buf_free(&text);
}

bool
journal_open(struct journal **out, const char *dir, size_t slots, struct err *e)
{
    if (!io_mkdir_all(dir, e))
        return false;
    char *path = io_join(dir, "queries.active");
    struct journal *j = MEM_NEW(struct journal);
    j->magic = JOURNAL_MAGIC;
    j->slots = slots;
    uint64_t bytes = 1 + (uint64_t)slots * SLOT_BYTES;
    log_unfinished(path, bytes);
    bool ok = io_open(&j->file, path, IO_WRITE_CREATE, e) && io_truncate(j->file, 0, e) &&
              io_allocate(j->file, bytes, e) && io_pwrite(j->file, STRL("["), 0, e);
    mem_free(path);
    if (!ok) {
        journal_close(&j);
        return false;
    }
    *out = j;
    return true;
}

void
journal_close(struct journal **j_ptr)
{
    struct journal *j = *j_ptr;
    if (j == NULL)
        return;
    CHECK_MAGIC(j, JOURNAL_MAGIC);
    io_close(&j->file);
    j->magic = 0;
    mem_free(j);
    *j_ptr = NULL;
}

static void
write_slot(struct journal *j, size_t slot, const char *bytes)
{
    struct err ignored;
    CHECK(slot < j->slots);
    if (!io_pwrite(j->file, STR(bytes, SLOT_BYTES), 1 + (uint64_t)slot * SLOT_BYTES, &ignored))
        return;
}

static void
put_entry(struct buf *b, str query, int64_t now_s)
{
    struct json j = json_to(b);
    buf_clear(b);
    json_open_object(&j);
    json_key_lit(&j, "query");
    json_str(&j, query);
    json_key_lit(&j, "timestamp_sec");
    json_i64(&j, now_s);
    json_close_object(&j);
}

void
journal_enter(struct journal *j, size_t slot, str query)
{
    CHECK_MAGIC(j, JOURNAL_MAGIC);
    char bytes[SLOT_BYTES] = {0};
    struct buf entry = {0};
    int64_t now_s = clock_now_ms() / 1000;
    put_entry(&entry, query, now_s);
    while (entry.n > SLOT_BYTES - 1) { /* escapes make the text longer than the query */
        size_t over = entry.n - (SLOT_BYTES - 1);
        query.n -= MIN(query.n, MAX(over / 6, (size_t)1));
        while (query.n > 0 && ((uint8_t)query.p[query.n] & 0xc0) == 0x80)
            query.n--;
        put_entry(&entry, query, now_s);
    }
    memcpy(bytes, entry.p, entry.n);
    bytes[SLOT_BYTES - 1] = ',';
    write_slot(j, slot, bytes);
    buf_free(&entry);
}

void
journal_leave(struct journal *j, size_t slot)
{
    CHECK_MAGIC(j, JOURNAL_MAGIC);
    const char zeros[SLOT_BYTES] = {0};
    write_slot(j, slot, zeros);
}
