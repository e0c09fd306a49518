#include "storage/recover.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/num.h"
#include "base/panic.h"
#include "storage/record.h"
#include "storage/wal_segment.h"

#define QUARANTINE_MAX (64u << 20) /* bytes copied per damaged range */

struct recovery {
    struct tsdb *db;
    struct recovered *out;
    uint64_t applied;       /* number of the last applied record */
    struct id_table alias;  /* from an id of the log (as hash) to the head's */
    uint32_t *alias_ids;
    size_t alias_n, alias_cap;
    struct buf plain;       /* of the record under way, parts joined */
    uint64_t plain_seq;
    struct arena *arena;
    uint64_t unknown;       /* samples of series whose definition is lost */
};

/* The slot of an id of the log; false if nobody knows it. */
static bool
find_slot(struct recovery *r, uint32_t id, uint32_t *slot)
{
    struct series_table *t = &r->db->head.series;
    if (series_word(t, id) == 0) {
        struct id_probe p = id_table_probe(&r->alias, id);
        id = id_table_next(&p);
        if (id == 0)
            return false;
    }
    *slot = series_slot(t, id);
    return true;
}

static void
on_series(void *arg, uint32_t id, struct labels ls)
{
    struct recovery *r = arg;
    struct series_table *t = &r->db->head.series;
    uint32_t slot;
    if (find_slot(r, id, &slot))
        return;
    uint32_t known = series_find(t, ls, (uint32_t)labels_hash(ls));
    if (known) {
        id_table_put(&r->alias, id, known);
        t->next_id = MAX(t->next_id, id + 1);
        return;
    }
    uint32_t *pairs = ARENA_ARRAY(r->arena, uint32_t, ls.n);
    for (size_t i = 0; i < ls.n; i++)
        pairs[i] = symbols_intern(&t->symbols, symbols_intern_name(&t->symbols, ls.v[i].name),
                                  ls.v[i].value);
    if (series_restore(t, id, pairs, ls.n, false))
        series_hot(t, series_slot(t, id))->flags |= SERIES_LOGGED;
}

static void
on_floats(void *arg, bool late, const struct record_floats *f)
{
    struct recovery *r = arg;
    struct head *h = &r->db->head;
    for (size_t i = 0; i < f->n; i++) {
        uint32_t slot;
        if (i + 8 < f->n && find_slot(r, f->ids[i + 8], &slot))
            __builtin_prefetch(series_hot(&h->series, slot), 1);
        if (find_slot(r, f->ids[i], &slot))
            head_replay_float(h, slot, late, f->st ? f->st[i] : 0, f->t[i], f->v[i]);
        else
            r->unknown++;
    }
}

static void
on_histogram(void *arg, bool late, uint32_t id, int64_t st, int64_t t, const struct histogram *hist)
{
    struct recovery *r = arg;
    uint32_t slot;
    if (find_slot(r, id, &slot))
        head_replay_histogram(&r->db->head, slot, late, st, t, hist);
    else
        r->unknown++;
}

static void
on_deleted(void *arg, uint32_t id, int64_t mint, int64_t maxt)
{
    struct recovery *r = arg;
    struct head *h = &r->db->head;
    uint32_t slot;
    if (!find_slot(r, id, &slot))
        return;
    struct series *s = series_hot(&h->series, slot);
    tombstones_add(h->tombstones, s->id, mint, maxt);
    s->flags |= SERIES_TOMBSTONED;
}

static void
on_exemplar(void *arg, uint32_t id, struct labels ls, int64_t t, double v)
{
    struct recovery *r = arg;
    struct series_table *table = &r->db->head.series;
    struct exemplar x = {.labels = ls, .value = v, .t = t};
    uint32_t slot;
    if (!find_slot(r, id, &slot))
        return;
    struct labels series = series_labels(table, series_cold(table, slot)->pairs,
                                         series_hot(table, slot)->labels_n, r->arena);
    (void)exemplar_ring_add(r->db->exemplars, series, &x);
}

static void
on_closed(void *arg, int64_t min_valid)
{
    struct head *h = &((struct recovery *)arg)->db->head;
    h->min_valid = MAX(h->min_valid, min_valid);
}

static const struct record_sink sink = {
    .series = on_series, .floats = on_floats, .histogram = on_histogram,
    .deleted = on_deleted, .exemplar = on_exemplar, .closed = on_closed};

static void
note_lost(struct recovery *r, uint64_t from, uint64_t to)
{
    r->out->lost_records += to - from + 1;
    LOG_ERROR("WAL records are lost", KV_I64("from", from), KV_I64("to", to));
}

/* Applies a record, if its number has not been seen. */
static void
apply_record(struct recovery *r, const struct wal_record *rec)
{
    struct err e;
    if (rec->seq <= r->applied || (rec->type != WAL_BATCH && rec->type != WAL_BATCH_PART))
        return;
    if (rec->seq != r->plain_seq)
        buf_clear(&r->plain); /* the rest of that one was lost */
    r->plain_seq = rec->seq;
    if (!wal_record_plain(rec, &r->plain, &e)) {
        LOG_ERROR("WAL record does not unpack", KV_I64("record", rec->seq), KV_ERR(&e));
        return;
    }
    if (rec->type == WAL_BATCH_PART)
        return;
    if (rec->seq > r->applied + 1)
        note_lost(r, r->applied + 1, rec->seq - 1);
    if (!record_decode(buf_str(&r->plain), &sink, r, r->arena, &e)) {
        LOG_ERROR("WAL record cannot be read", KV_I64("record", rec->seq), KV_ERR(&e));
        r->out->lost_records++;
    }
    buf_clear(&r->plain);
    arena_clear(r->arena);
    r->applied = rec->seq;
    r->out->replayed_records++;
    r->out->replayed_bytes += rec->end - rec->at;
    if (r->db->head.file && head_file_waiting(r->db->head.file) > 32 &&
        !head_file_write(r->db->head.file, false, &e))
        LOG_WARN("Writing head chunks failed", KV_ERR(&e));
}

/* A copy of damaged bytes, for somebody to look at. */
static void
quarantine_range(struct recovery *r, const struct wal_reader *reader)
{
    char name[64];
    struct err e;
    char *dir = io_join(r->db->dir, "quarantine");
    uint64_t n = MIN(reader->bad_to - reader->bad_from, (uint64_t)QUARANTINE_MAX);
    snprintf(name, sizeof(name), "wal-%08u-%llu", reader->number,
             (unsigned long long)reader->bad_from);
    char *path = io_join(dir, name);
    if (!io_mkdir_all(dir, &e) ||
        !io_replace(path, STR(reader->image.p + reader->bad_from, n), &e))
        LOG_WARN("Keeping a copy of damaged WAL bytes failed", KV_ERR(&e));
    mem_free(path);
    mem_free(dir);
}

struct segment_file {
    uint32_t number;
    char *path;
    uint64_t size;
    uint64_t first_seq; /* UINT64_MAX if the header is damaged */
};

static void
note_segment(struct recovered *out, const struct segment_file *f, uint64_t last_seq)
{
    out->segments = mem_realloc(out->segments, (out->segments_n + 1) * sizeof(*out->segments));
    out->segments[out->segments_n++] =
        (struct recover_segment){.number = f->number, .last_seq = last_seq, .bytes = f->size};
}

static bool
replay_segment(struct recovery *r, const struct segment_file *f, const struct checkpoint_info *from,
               struct err *e)
{
    struct wal_reader reader;
    struct wal_record rec;
    enum wal_read got;
    uint64_t last_seq = 0;
    if (!wal_reader_open(&reader, f->path, e)) {
        if (e->kind != ERR_CORRUPT)
            return false;
        LOG_ERROR("WAL segment is damaged", KV_ERR(e));
        r->out->damaged_ranges++;
        return true;
    }
    if (from->place.segment == f->number)
        (void)wal_reader_seek(&reader, from->place.at, from->place.seq);
    buf_clear(&r->plain);
    while ((got = wal_reader_next(&reader, &rec)) < WAL_READ_END) {
        if (got == WAL_READ_RECORD) {
            apply_record(r, &rec);
            last_seq = MAX(last_seq, rec.seq);
            continue;
        }
        LOG_WARN("WAL segment has damaged bytes", KV("segment", f->path),
                 KV_I64("from", reader.bad_from), KV_I64("to", reader.bad_to));
        r->out->damaged_ranges++;
        METRIC_INC(TSDB_WAL_CORRUPTIONS_TOTAL);
        quarantine_range(r, &reader);
    }
    *e = reader.why;
    wal_reader_close(&reader);
    note_segment(r->out, f, last_seq);
    return got != WAL_READ_FAILED;
}

/* The segments there are, ascending, with their first numbers. */
static bool
list_segments(const char *dir, struct segment_file **out, size_t *n, struct err *e)
{
    struct io_entry *list = NULL;
    size_t entries = 0;
    *n = 0;
    if (!io_list(dir, &list, &entries, e))
        return false;
    bool ok = true;
    *out = MEM_ARRAY(struct segment_file, entries + 1);
    for (size_t i = 0; i < entries && ok; i++) {
        uint64_t number;
        struct wal_reader reader;
        if (strlen(list[i].name) != 8 || !num_parse_u64(str_of(list[i].name), &number))
            continue;
        struct segment_file *f = &(*out)[(*n)++];
        *f = (struct segment_file){.number = (uint32_t)number, .first_seq = UINT64_MAX,
                                   .path = io_join(dir, list[i].name), .size = list[i].size};
        if (wal_reader_open(&reader, f->path, e)) {
            f->first_seq = reader.first_seq;
            wal_reader_close(&reader);
        } else if (e->kind != ERR_CORRUPT) {
            ok = false;
        }
    }
    io_list_free(&list, entries);
    return ok;
}

/* A segment holds nothing new if the next one starts at or below the first number wanted. */
static bool
segment_is_old(const struct segment_file *f, size_t i, size_t n, uint64_t seq)
{
    return i + 1 < n && f[i + 1].first_seq != UINT64_MAX && f[i + 1].first_seq <= seq;
}

static bool
replay_log(struct recovery *r, const char *dir, const struct checkpoint_info *from, struct err *e)
{
    struct segment_file *files = NULL;
    size_t n = 0;
    bool ok = list_segments(dir, &files, &n, e);
    /* Without a checkpoint the log may start anywhere: what is before it was let go. */
    uint64_t start = from->seq;
    for (size_t i = 0; i < n && start == 0; i++)
        if (files[i].first_seq != UINT64_MAX)
            start = files[i].first_seq;
    start = MAX(start, 1u);
    r->applied = start - 1;
    for (size_t i = 0; i < n && ok; i++) {
        r->out->next_segment = files[i].number + 1;
        if (segment_is_old(files, i, n, start))
            note_segment(r->out, &files[i], files[i + 1].first_seq - 1);
        else
            ok = replay_segment(r, &files[i], from, e);
    }
    for (size_t i = 0; i < n; i++)
        mem_free(files[i].path);
    mem_free(files);
    return ok;
}

static void
quarantine_file(struct tsdb *db, const char *path)
{
    struct err e;
    char *dir = io_join(db->dir, "quarantine");
    const char *slash = strrchr(path, '/');
    char *to = io_join(dir, slash ? slash + 1 : path);
    if (!io_mkdir_all(dir, &e) || !io_rename(path, to, &e))
        LOG_WARN("Moving a damaged file to quarantine failed", KV_ERR(&e));
    mem_free(to);
    mem_free(dir);
}

static bool
load_newest_checkpoint(struct recovery *r, struct checkpoint_info *info, struct err *e)
{
    struct tsdb *db = r->db;
    uint64_t *seqs = NULL;
    size_t n = 0;
    if (!checkpoint_list(db->head_dir, &seqs, &n, e))
        return false;
    bool ok = true, loaded = false;
    *info = (struct checkpoint_info){0};
    for (size_t i = n; i-- > 0 && ok && !loaded;) {
        char *path = checkpoint_path(db->head_dir, seqs[i]);
        loaded = checkpoint_load(db, path, info, e);
        if (!loaded && e->kind != ERR_CORRUPT) {
            ok = false;
        } else if (!loaded) {
            LOG_ERROR("Checkpoint is damaged, taking the one before", KV_ERR(e));
            METRIC_INC(TSDB_WAL_CORRUPTIONS_TOTAL);
            r->out->damaged_ranges++;
            quarantine_file(db, path);
            *info = (struct checkpoint_info){0};
            ok = tsdb_head_renew(db, e);
        }
        mem_free(path);
    }
    mem_free(seqs);
    return ok && (loaded || head_file_resume(db->head.file, 1, 1, e));
}

bool
recover_run(struct tsdb *db, struct recovered *out, struct err *e)
{
    struct recovery r = {.db = db, .out = out, .arena = arena_new()};
    struct checkpoint_info from;
    int64_t start = clock_mono_ns();
    *out = (struct recovered){.next_segment = 1};
    id_table_init(&r.alias);
    char *wal_dir = io_join(db->head_dir, "wal");
    bool ok = io_mkdir_all(wal_dir, e) && load_newest_checkpoint(&r, &from, e) &&
              replay_log(&r, wal_dir, &from, e);
    out->next_seq = r.applied + 1;
    if (ok)
        LOG_INFO("Head recovered", KV_I64("series", db->head.series.live),
                 KV_I64("checkpoint_series", from.series),
                 KV_I64("replayed_records", out->replayed_records),
                 KV_I64("lost_records", out->lost_records),
                 KV_I64("samples_without_series", r.unknown),
                 KV_F64("seconds", (double)(clock_mono_ns() - start) / 1e9));
    mem_free(wal_dir);
    id_table_fini(&r.alias);
    buf_free(&r.plain);
    arena_free(&r.arena);
    return ok;
}

void
recovered_fini(struct recovered *r)
{
    mem_free(r->segments);
    *r = (struct recovered){0};
}
