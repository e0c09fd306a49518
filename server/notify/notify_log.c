#include "server/notify/notify_log.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sync.h"

#define FILE_MAGIC "NTXNLOG1"
#define MAGIC_BYTES 8
#define RECORD_HEADER 8
#define RECORD_BYTES_MAX (16u << 20)
#define REWRITE_BYTES_MIN (4u << 20)
#define FILE_BYTES_MAX (1ull << 30)

enum record_type { RECORD_ALERT = 1, RECORD_SENT = 2, RECORD_SILENCE = 3 };

struct notify_log {
    unsigned magic;
#define NOTIFY_LOG_MAGIC 0x73b1d5e8
    char *path;              /* fixed; NULL: nothing is kept */

    struct mutex queue_mu;   /* LOCK_INBOX */
    struct buf queue;        /* under queue_mu: records not yet written */
    bool replace;            /* under queue_mu: queue is to become the whole file */
    size_t live_bytes;       /* under queue_mu: size of the file after the last rewrite */

    struct mutex io_mu;      /* LOCK_COMPACT: one flush at a time; no other lock is taken inside but queue_mu */
    struct io_file *file;    /* under io_mu; NULL after a failure until the next rewrite */
    uint64_t end;            /* under io_mu */
};

/* --- records -------------------------------------------------------------------------- */

static size_t
record_begin(struct buf *b, enum record_type type)
{
    size_t at = b->n;

    buf_extend(b, RECORD_HEADER);
    enc_u8(b, (uint8_t)type);
    return at;
}

static void
record_end(struct buf *b, size_t at)
{
    uint32_t size = (uint32_t)(b->n - at - RECORD_HEADER);

    enc_u32_le_at(b, at + 4, size);
    enc_u32_le_at(b, at, crc32c(0, STR(b->p + at + 4, size + 4)));
}

static void
put_labels(struct buf *b, struct labels ls)
{
    enc_uvarint(b, ls.n);
    for (size_t i = 0; i < ls.n; i++) {
        enc_uvarint_str(b, ls.v[i].name);
        enc_uvarint_str(b, ls.v[i].value);
    }
}

static void
put_fingerprints(struct buf *b, const uint64_t *v, size_t n)
{
    enc_uvarint(b, n);
    for (size_t i = 0; i < n; i++)
        enc_u64_le(b, v[i]);
}

void
notify_log_put_alert(struct notify_log *l, const struct held_alert *a)
{
    if (!l->path)
        return;
    mutex_lock(&l->queue_mu);
    size_t at = record_begin(&l->queue, RECORD_ALERT);
    enc_u64_le(&l->queue, (uint64_t)a->starts_ms);
    enc_u64_le(&l->queue, (uint64_t)a->ends_ms);
    enc_u64_le(&l->queue, (uint64_t)a->updated_ms);
    enc_u8(&l->queue, a->timeout);
    enc_u32_le(&l->queue, (uint32_t)a->starts_offset_s);
    enc_u32_le(&l->queue, (uint32_t)a->ends_offset_s);
    enc_uvarint_str(&l->queue, a->url);
    put_labels(&l->queue, a->labels);
    put_labels(&l->queue, a->annotations);
    record_end(&l->queue, at);
    mutex_unlock(&l->queue_mu);
}

void
notify_log_put_sent(struct notify_log *l, const struct sent_entry *s)
{
    if (!l->path)
        return;
    mutex_lock(&l->queue_mu);
    size_t at = record_begin(&l->queue, RECORD_SENT);
    enc_uvarint_str(&l->queue, s->group_key);
    enc_uvarint_str(&l->queue, s->receiver);
    enc_uvarint_str(&l->queue, s->integration);
    enc_uvarint(&l->queue, s->index);
    enc_uvarint_str(&l->queue, s->memo);
    enc_u64_le(&l->queue, (uint64_t)s->sent_ms);
    enc_u64_le(&l->queue, (uint64_t)s->expires_ms);
    put_fingerprints(&l->queue, s->firing, s->firing_n);
    put_fingerprints(&l->queue, s->resolved, s->resolved_n);
    record_end(&l->queue, at);
    mutex_unlock(&l->queue_mu);
}

void
notify_log_put_silence(struct notify_log *l, const struct silence *s)
{
    if (!l->path)
        return;
    mutex_lock(&l->queue_mu);
    size_t at = record_begin(&l->queue, RECORD_SILENCE);
    enc_uvarint_str(&l->queue, str_of(s->id));
    enc_u64_le(&l->queue, (uint64_t)s->starts_ms);
    enc_u64_le(&l->queue, (uint64_t)s->ends_ms);
    enc_u64_le(&l->queue, (uint64_t)s->updated_ms);
    enc_uvarint_str(&l->queue, s->created_by);
    enc_uvarint_str(&l->queue, s->comment);
    put_labels(&l->queue, s->annotations);
    enc_uvarint(&l->queue, s->n);
    for (size_t i = 0; i < s->n; i++) {
        enc_u8(&l->queue, (uint8_t)s->v[i].type);
        enc_uvarint_str(&l->queue, s->v[i].name);
        enc_uvarint_str(&l->queue, s->v[i].value);
    }
    record_end(&l->queue, at);
    mutex_unlock(&l->queue_mu);
}

/* --- reading --------------------------------------------------------------------------- */

static struct labels
read_labels(struct dec *d, struct arena *a)
{
    uint64_t n = dec_uvarint(d);

    if (n > dec_left(d)) { /* each takes two bytes at least */
        d->bad = true;
        return LABELS_EMPTY;
    }
    struct label *v = ARENA_ARRAY(a, struct label, n + 1);
    for (uint64_t i = 0; i < n; i++) {
        v[i].name = dec_uvarint_str(d);
        v[i].value = dec_uvarint_str(d);
    }
    return (struct labels){v, n};
}

static const uint64_t *
read_fingerprints(struct dec *d, struct arena *a, size_t *n)
{
    uint64_t count = dec_uvarint(d);

    *n = 0;
    if (count > dec_left(d) / 8) {
        d->bad = true;
        return NULL;
    }
    uint64_t *v = ARENA_ARRAY(a, uint64_t, count + 1);
    for (uint64_t i = 0; i < count; i++)
        v[i] = dec_u64_le(d);
    *n = count;
    return v;
}

static void
read_alert(struct dec *d, const struct notify_log_reader *r, struct arena *a)
{
    struct alert al = {.starts_ms = (int64_t)dec_u64_le(d)};

    al.ends_ms = (int64_t)dec_u64_le(d);
    int64_t updated_ms = (int64_t)dec_u64_le(d);
    al.timeout = dec_u8(d) & 1;
    al.starts_offset_s = (int)dec_u32_le(d);
    al.ends_offset_s = (int)dec_u32_le(d);
    al.generator_url = dec_uvarint_str(d);
    al.labels = read_labels(d, a);
    al.annotations = read_labels(d, a);
    if (dec_done(d))
        r->alert(r->arg, &al, updated_ms);
}

static void
read_sent(struct dec *d, const struct notify_log_reader *r, struct arena *a)
{
    struct sent_entry s = {.group_key = dec_uvarint_str(d)};

    s.receiver = dec_uvarint_str(d);
    s.integration = dec_uvarint_str(d);
    s.index = (unsigned)dec_uvarint(d);
    s.memo = dec_uvarint_str(d);
    s.sent_ms = (int64_t)dec_u64_le(d);
    s.expires_ms = (int64_t)dec_u64_le(d);
    s.firing = read_fingerprints(d, a, &s.firing_n);
    s.resolved = read_fingerprints(d, a, &s.resolved_n);
    if (dec_done(d))
        r->sent(r->arg, &s);
}

static void
read_silence(struct dec *d, const struct notify_log_reader *r, struct arena *a)
{
    str id = dec_uvarint_str(d);
    struct silence parts = {.starts_ms = (int64_t)dec_u64_le(d)}, *s;
    struct err e = ERR_INIT;

    parts.ends_ms = (int64_t)dec_u64_le(d);
    parts.updated_ms = (int64_t)dec_u64_le(d);
    parts.created_by = dec_uvarint_str(d);
    parts.comment = dec_uvarint_str(d);
    parts.annotations = read_labels(d, a);
    uint64_t n = dec_uvarint(d);
    if (n > dec_left(d) || id.n != SILENCE_ID_BYTES)
        return;
    parts.v = ARENA_ZARRAY(a, struct matcher, n + 1);
    for (parts.n = 0; parts.n < n; parts.n++) {
        struct matcher *m = &parts.v[parts.n];
        m->type = (enum matcher_type)(dec_u8(d) & 3);
        m->name = dec_uvarint_str(d);
        m->value = dec_uvarint_str(d);
    }
    if (!dec_done(d))
        return;
    if (silence_new(&s, &parts, id, &e))
        r->silence(r->arg, s);
    else
        LOG_WARN("A silence in the notification log is not valid", KV_STR("id", id), KV_ERR(&e));
}

static void
read_record(struct dec *d, const struct notify_log_reader *r, struct arena *a)
{
    switch (dec_u8(d)) {
    case RECORD_ALERT: read_alert(d, r, a); break;
    case RECORD_SENT: read_sent(d, r, a); break;
    case RECORD_SILENCE: read_silence(d, r, a); break;
    default: break; /* of a newer version */
    }
}

/* Hands out all whole records; returns where they end. */
static size_t
read_all(str image, const struct notify_log_reader *r)
{
    struct arena *a = arena_new();
    size_t end = MAGIC_BYTES;

    while (end + RECORD_HEADER <= image.n) {
        struct dec d = dec_of(str_from(image, end));
        uint32_t crc = dec_u32_le(&d);
        uint32_t size = dec_u32_le(&d);
        if (size == 0 || size > RECORD_BYTES_MAX || size > dec_left(&d) ||
            crc != crc32c(0, STR(image.p + end + 4, size + 4)))
            break;
        struct dec body = dec_of(STR(d.p, size));
        read_record(&body, r, a);
        arena_clear(a);
        end += RECORD_HEADER + size;
    }
    arena_free(&a);
    return end;
}

/* A file that is no log of ours is set aside, not overwritten. */
static bool
set_aside(const char *path, struct err *e)
{
    struct buf to = {0};

    buf_printf(&to, "%s.damaged", path);
    LOG_ERROR("Notification log is damaged and set aside", KV("path", path));
    bool ok = io_rename(path, buf_cstr(&to), e);
    buf_free(&to);
    return ok;
}

static bool
load(struct notify_log *l, const struct notify_log_reader *r, struct err *e)
{
    struct buf image = {0};
    size_t end = 0;

    if (io_exists(l->path)) {
        if (!io_read_file(l->path, FILE_BYTES_MAX, &image, e)) {
            buf_free(&image);
            return false;
        }
        if (image.n >= MAGIC_BYTES && memcmp(image.p, FILE_MAGIC, MAGIC_BYTES) == 0)
            end = read_all(buf_str(&image), r);
        else if (image.n > 0 && !set_aside(l->path, e)) {
            buf_free(&image);
            return false;
        }
    }
    if (end > 0 && end < image.n)
        LOG_WARN("Notification log had a torn end", KV_I64("dropped_bytes", image.n - end));
    bool fresh = end == 0;
    buf_free(&image);
    if (fresh && !io_replace(l->path, STRL(FILE_MAGIC), e))
        return false;
    l->end = fresh ? MAGIC_BYTES : end;
    l->live_bytes = l->end;
    return io_open(&l->file, l->path, IO_WRITE_EXISTING, e) && io_truncate(l->file, l->end, e);
}

bool
notify_log_open(struct notify_log **out, const char *dir, const struct notify_log_reader *r, struct err *e)
{
    struct notify_log *l = MEM_NEW(struct notify_log);

    l->magic = NOTIFY_LOG_MAGIC;
    mutex_init(&l->queue_mu, LOCK_INBOX);
    mutex_init(&l->io_mu, LOCK_COMPACT);
    *out = l;
    if (!dir)
        return true;
    l->path = io_join(dir, "log");
    if (io_mkdir_all(dir, e) && load(l, r, e))
        return true;
    notify_log_close(out);
    return false;
}

void
notify_log_close(struct notify_log **out)
{
    struct notify_log *l = *out;
    struct err e = ERR_INIT;

    if (!l)
        return;
    CHECK_MAGIC(l, NOTIFY_LOG_MAGIC);
    if (l->file && !notify_log_flush(l, &e))
        LOG_ERROR("Writing the notification log failed", KV_ERR(&e));
    io_close(&l->file);
    buf_free(&l->queue);
    mem_free(l->path);
    mutex_fini(&l->queue_mu);
    mutex_fini(&l->io_mu);
    l->magic = 0;
    mem_free(l);
    *out = NULL;
}

/* --- writing ------------------------------------------------------------------------------ */

static bool
replace_file(struct notify_log *l, str records, struct err *e)
{
    struct buf whole = {0};

    buf_lit(&whole, FILE_MAGIC);
    buf_put(&whole, records);
    io_close(&l->file);
    bool ok = io_replace(l->path, buf_str(&whole), e) && io_open(&l->file, l->path, IO_WRITE_EXISTING, e);
    l->end = whole.n;
    buf_free(&whole);
    return ok;
}

static bool
append_records(struct notify_log *l, str records, struct err *e)
{
    if (!l->file && !io_open(&l->file, l->path, IO_WRITE_EXISTING, e))
        return false;
    /* A failed write may have left a torn record: the next one starts over it. */
    if (!io_pwrite(l->file, records, l->end, e) || !io_datasync(l->file, e)) {
        io_close(&l->file); /* after a failed sync the descriptor is not to be believed */
        return false;
    }
    l->end += records.n;
    return true;
}

bool
notify_log_flush(struct notify_log *l, struct err *e)
{
    CHECK_MAGIC(l, NOTIFY_LOG_MAGIC);
    if (!l->path)
        return true;
    mutex_lock(&l->io_mu);
    mutex_lock(&l->queue_mu);
    struct buf records = l->queue;
    bool replace = l->replace;
    l->queue = (struct buf){0};
    l->replace = false;
    mutex_unlock(&l->queue_mu);

    bool ok = records.n == 0 && !replace;
    if (!ok)
        ok = replace ? replace_file(l, buf_str(&records), e) : append_records(l, buf_str(&records), e);

    mutex_lock(&l->queue_mu);
    if (!ok) { /* what came meanwhile goes behind */
        buf_put(&records, buf_str(&l->queue));
        struct buf newer = l->queue;
        l->queue = records;
        records = newer;
        l->replace |= replace;
    } else if (replace) {
        l->live_bytes = l->end;
    }
    mutex_unlock(&l->queue_mu);
    mutex_unlock(&l->io_mu);
    buf_free(&records);
    return ok;
}

bool
notify_log_wants_rewrite(struct notify_log *l)
{
    if (!l->path)
        return false;
    mutex_lock(&l->io_mu);
    uint64_t end = l->end;
    mutex_unlock(&l->io_mu);
    mutex_lock(&l->queue_mu);
    bool wants = !l->replace && end > REWRITE_BYTES_MIN && end > 2 * l->live_bytes;
    mutex_unlock(&l->queue_mu);
    return wants;
}

void
notify_log_rewrite(struct notify_log *l)
{
    mutex_lock(&l->queue_mu);
    buf_clear(&l->queue);
    l->replace = true;
    mutex_unlock(&l->queue_mu);
}
