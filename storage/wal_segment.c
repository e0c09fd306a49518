#include "storage/wal_segment.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/compress.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/rng.h"

#define SEGMENT_MAGIC "NRTXWAL1"
#define SEGMENT_FORMAT 1
#define RECORD_MAGIC 0xa5c3
#define RECORD_VERSION 1
#define TYPE_PACKED 0x80
#define PACK_MIN 64         /* below that lz4 gains nothing */
#define READ_STEP (1u << 20)

char *
wal_segment_path(const char *dir, uint32_t number)
{
    char name[16];
    snprintf(name, sizeof(name), "%08u", number);
    return io_join(dir, name);
}

static void
segment_header(const struct wal_segment *s, struct buf *out)
{
    buf_lit(out, SEGMENT_MAGIC);
    enc_u32_le(out, SEGMENT_FORMAT);
    enc_u32_le(out, s->number);
    enc_u64_le(out, s->salt);
    enc_u64_le(out, s->first_seq);
    enc_u64_le(out, (uint64_t)clock_now_ms());
    memset(buf_extend(out, 20), 0, 20);
    enc_u32_le(out, crc32c(0, STR(out->p, out->n)));
    CHECK(out->n == WAL_SEGMENT_HEADER);
}

/* Space is reserved and the header durable before the name appears, so that running out
 * of space shows here and not in the middle of a record. */
static bool
segment_make(struct wal_segment *s, const char *dir, const char *tmp, struct err *e)
{
    struct buf header = {0};
    segment_header(s, &header);
    bool ok = io_open(&s->file, tmp, IO_WRITE_CREATE, e) && io_truncate(s->file, 0, e) &&
              io_allocate(s->file, s->size, e) && io_pwrite(s->file, buf_str(&header), 0, e) &&
              io_sync(s->file, e);
    buf_free(&header);
    io_close(&s->file);
    ok = ok && io_rename(tmp, s->path, e) && io_sync_dir(dir, e) &&
         io_open(&s->file, s->path, IO_WRITE_EXISTING, e);
    if (!ok) {
        struct err ignored;
        if (io_exists(tmp) && !io_unlink(tmp, &ignored))
            return false; /* the next attempt writes over it */
    }
    return ok;
}

bool
wal_segment_create(struct wal_segment **out, const char *dir, uint32_t number, uint64_t first_seq,
                   uint64_t size, struct err *e)
{
    struct wal_segment *s = MEM_NEW(struct wal_segment);
    s->path = wal_segment_path(dir, number);
    s->number = number;
    s->first_seq = first_seq;
    s->last_seq = first_seq - 1;
    s->end = WAL_SEGMENT_HEADER;
    s->size = MAX(size, (uint64_t)WAL_SEGMENT_HEADER);
    rng_secret(&s->salt, sizeof(s->salt));
    char *tmp = io_join(dir, "segment.tmp");
    bool ok = segment_make(s, dir, tmp, e);
    mem_free(tmp);
    if (!ok) {
        wal_segment_free(&s);
        return false;
    }
    *out = s;
    return true;
}

void
wal_segment_seal(struct wal_segment *s)
{
    io_close(&s->file);
}

void
wal_segment_free(struct wal_segment **sp)
{
    struct wal_segment *s = *sp;
    *sp = NULL;
    if (s == NULL)
        return;
    io_close(&s->file);
    mem_free(s->path);
    mem_free(s);
}

static uint32_t
record_crc(uint32_t number, uint64_t salt, const char *header, str payload)
{
    char id[12];
    memcpy(id, &number, 4);
    memcpy(id + 4, &salt, 8);
    uint32_t crc = crc32c(0, STR(id, 12));
    crc = crc32c(crc, STR(header, WAL_RECORD_HEADER - 4));
    return crc32c(crc, payload);
}

void
wal_frame_put(struct buf *out, const struct wal_segment *s, uint64_t seq, enum wal_type type,
              str plain)
{
    CHECK(plain.n <= LIMIT_WAL_RECORD_BYTES);
    size_t start = out->n;
    buf_extend(out, WAL_RECORD_HEADER);
    bool packed = plain.n >= PACK_MIN;
    if (packed) {
        lz4_encode(plain, out);
        packed = out->n - start - WAL_RECORD_HEADER < plain.n;
    }
    if (!packed) {
        out->n = start + WAL_RECORD_HEADER;
        buf_put(out, plain);
    }
    size_t stored = out->n - start - WAL_RECORD_HEADER;
    struct buf h = {.p = out->p + start, .cap = WAL_RECORD_HEADER};
    enc_u16_le(&h, RECORD_MAGIC);
    enc_u8(&h, RECORD_VERSION);
    enc_u8(&h, (uint8_t)(type | (packed ? TYPE_PACKED : 0)));
    enc_u32_le(&h, (uint32_t)stored);
    enc_u64_le(&h, seq);
    enc_u32_le(&h, (uint32_t)plain.n);
    enc_u32_le(&h, record_crc(s->number, s->salt, h.p, STR(h.p + WAL_RECORD_HEADER, stored)));
}

void
wal_frames_reseal(struct buf *frames, const struct wal_segment *s)
{
    for (size_t at = 0; at < frames->n;) {
        char *p = frames->p + at;
        struct dec d = dec_of(STR(p + 4, 4));
        size_t stored = dec_u32_le(&d);
        str payload = STR(p + WAL_RECORD_HEADER, stored);
        enc_u32_le_at(frames, at + 20, record_crc(s->number, s->salt, p, payload));
        at += WAL_RECORD_HEADER + stored;
        CHECK(at <= frames->n);
    }
}

/* Loads the file up to `end`; false if it ends before, or cannot be read (r->failed). */
static bool
reader_have(struct wal_reader *r, uint64_t end)
{
    while (r->image.n < end && !r->whole) {
        size_t want = MAX((size_t)READ_STEP, (size_t)(end - r->image.n)), got = 0;
        char *to = buf_extend(&r->image, want);
        if (!io_pread(r->file, to, want, r->image.n - want, &got, &r->why)) {
            r->failed = true;
            got = 0;
        }
        r->image.n -= want - got;
        r->whole = got < want;
    }
    return r->image.n >= end;
}

bool
wal_reader_open(struct wal_reader *r, const char *path, struct err *e)
{
    *r = (struct wal_reader){.at = WAL_SEGMENT_HEADER};
    if (!io_open(&r->file, path, IO_READ, e))
        return false;
    bool have = reader_have(r, WAL_SEGMENT_HEADER);
    if (r->failed) {
        *e = r->why;
        wal_reader_close(r);
        return false;
    }
    struct dec d = dec_of(STR(r->image.p, have ? WAL_SEGMENT_HEADER : 0));
    bool ok = str_eq(dec_bytes(&d, 8), STRL(SEGMENT_MAGIC));
    uint32_t format = dec_u32_le(&d);
    r->number = dec_u32_le(&d);
    r->salt = dec_u64_le(&d);
    r->first_seq = dec_u64_le(&d);
    dec_skip(&d, 28);
    uint32_t crc = dec_u32_le(&d);
    ok = ok && !d.bad && crc == crc32c(0, STR(r->image.p, WAL_SEGMENT_HEADER - 4));
    if (ok && format == SEGMENT_FORMAT)
        return true;
    wal_reader_close(r);
    return err_set(e, ERR_CORRUPT, "%s: %s", path,
                   ok ? "segment of a newer format" : "segment header is damaged");
}

void
wal_reader_close(struct wal_reader *r)
{
    io_close(&r->file);
    buf_free(&r->image);
}

/* True if a whole, valid record starts at `at`. */
static bool
reader_record(struct wal_reader *r, uint64_t at, struct wal_record *out)
{
    if (!reader_have(r, at + WAL_RECORD_HEADER))
        return false;
    struct dec d = dec_of(STR(r->image.p + at, WAL_RECORD_HEADER));
    bool ok = dec_u16_le(&d) == RECORD_MAGIC;
    ok = ok && dec_u8(&d) == RECORD_VERSION;
    if (!ok)
        return false;
    uint8_t type = dec_u8(&d);
    uint32_t stored = dec_u32_le(&d);
    *out = (struct wal_record){.at = at, .type = type & ~TYPE_PACKED, .packed = type & TYPE_PACKED};
    out->seq = dec_u64_le(&d);
    out->plain_size = dec_u32_le(&d);
    uint32_t crc = dec_u32_le(&d);
    out->end = at + WAL_RECORD_HEADER + stored;
    if (stored > LIMIT_WAL_RECORD_BYTES || out->plain_size > LIMIT_WAL_RECORD_BYTES ||
        !reader_have(r, out->end))
        return false;
    out->payload = STR(r->image.p + at + WAL_RECORD_HEADER, stored);
    return crc == record_crc(r->number, r->salt, r->image.p + at, out->payload);
}

/* True if only zeros follow, as far as one looks: a hole that damage left between records
 * is smaller than that, and reading all of a preallocated file would take too long. */
static bool
reader_at_end(struct wal_reader *r, uint64_t at)
{
    reader_have(r, at + READ_STEP);
    for (uint64_t i = at; i < MIN(at + READ_STEP, r->image.n); i++)
        if (r->image.p[i] != 0)
            return false;
    return true;
}

/* The bad range reaches to the next valid record, or to the last byte that is not zero. */
static void
reader_skip_damage(struct wal_reader *r)
{
    struct wal_record rec;
    r->bad_from = r->at;
    r->bad_to = r->at + 1;
    for (uint64_t at = r->at + 1; reader_have(r, at + 1); at++) {
        if (r->image.p[at] != 0)
            r->bad_to = at + 1;
        if ((uint8_t)r->image.p[at] == (RECORD_MAGIC & 0xff) && reader_record(r, at, &rec)) {
            r->bad_to = at;
            break;
        }
    }
    r->at = r->bad_to;
}

enum wal_read
wal_reader_next(struct wal_reader *r, struct wal_record *out)
{
    if (reader_record(r, r->at, out)) {
        r->at = out->end;
        return WAL_READ_RECORD;
    }
    bool end = reader_at_end(r, r->at);
    if (!end)
        reader_skip_damage(r);
    if (r->failed)
        return WAL_READ_FAILED;
    return end ? WAL_READ_END : WAL_READ_DAMAGE;
}

bool
wal_reader_seek(struct wal_reader *r, uint64_t at, uint64_t seq)
{
    struct wal_record rec;
    if (at < WAL_SEGMENT_HEADER || !reader_record(r, at, &rec) || rec.seq != seq)
        return false;
    r->at = at;
    return true;
}

bool
wal_record_plain(const struct wal_record *rec, struct buf *out, struct err *e)
{
    if (rec->packed)
        return lz4_decode(rec->payload, rec->plain_size, out, e);
    buf_put(out, rec->payload);
    return true;
}
