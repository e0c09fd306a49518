#include "storage/head_file.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"

#include <stdatomic.h>
#include <stdio.h>

#define FILE_BYTES ((uint64_t)HEAD_FILE_PAGES * HEAD_PAGE_BYTES)
_Static_assert(FILE_BYTES >= CHUNK_BYTES_MAX, "the largest chunk fits one file");

struct segment { /* one file */
    atomic_uint refs;
    uint32_t number;
    struct io_file *file;
    struct io_map map;
};
struct page {
    atomic_uint refs;
    uint32_t number;
    uint32_t count;          /* pages it stands for: more than one if a chunk is that big */
    uint8_t *p;
    struct segment *segment; /* NULL: p is heap */
    int64_t maxt;            /* under the gate */
    uint32_t used;           /* bytes; under the gate */
    uint32_t written;        /* bytes on disk; the writer's */
};
struct head_map {
    atomic_uint refs;
    uint32_t first; /* number of v[0] */
    uint32_t n;
    struct page *v[]; /* NULL: never written, or lost */
};
struct head_file {
    char *dir; /* NULL: memory only */
    bool read_only;
    struct rwlock *gate;
    /* under the gate */
    struct head_map *map;
    struct page *open; /* borrowed from map; NULL: the next chunk starts a page */
    uint32_t next;     /* number of the next page */
    /* under mu */
    struct mutex mu;
    struct page **waiting;
    size_t waiting_n, waiting_cap;
    uint32_t purge_below; /* file number */
    /* under io */
    struct mutex io;
    struct segment **segments;
    size_t segments_n, segments_cap;
};

static uint32_t
page_file(uint32_t page)
{
    return (page - 1) / HEAD_FILE_PAGES + 1;
}

static void
segment_unref(struct segment *s)
{
    if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    io_map_close(&s->map);
    io_close(&s->file);
    mem_free(s);
}

static void
page_unref(struct page *p)
{
    if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    if (p->segment)
        segment_unref(p->segment);
    else
        mem_free(p->p);
    mem_free(p);
}

static struct head_map *
map_new(uint32_t first, uint32_t n)
{
    struct head_map *m = mem_alloc(sizeof(*m) + n * sizeof(struct page *));
    atomic_init(&m->refs, 1);
    m->first = first;
    m->n = n;
    for (uint32_t i = 0; i < n; i++)
        m->v[i] = NULL;
    return m;
}

void
head_map_unref(struct head_map **m)
{
    struct head_map *was = *m;
    *m = NULL;
    if (was == NULL || atomic_fetch_sub(&was->refs, 1) != 1)
        return;
    for (uint32_t i = 0; i < was->n; i++)
        page_unref(was->v[i]);
    mem_free(was);
}

struct head_map *
head_file_map(struct head_file *f)
{
    atomic_fetch_add(&f->map->refs, 1);
    return f->map;
}

/* Replaces the table by one of pages first…end-1 that shares what both have. */
static void
head_file_remap(struct head_file *f, uint32_t first, uint32_t end)
{
    struct head_map *old = f->map, *m = map_new(first, end - first);
    for (uint32_t i = 0; i < m->n; i++) {
        uint32_t number = first + i;
        if (number < old->first || number >= old->first + old->n)
            continue;
        m->v[i] = old->v[number - old->first];
        if (m->v[i])
            atomic_fetch_add(&m->v[i]->refs, 1);
    }
    f->map = m;
    head_map_unref(&old);
}

bool
head_file_open(struct head_file **out, const char *dir, bool read_only, struct rwlock *gate,
               struct err *e)
{
    if (dir && !read_only && !io_mkdir_all(dir, e))
        return false;
    struct head_file *f = MEM_NEW(struct head_file);
    f->dir = dir ? mem_cstr(str_of(dir)) : NULL;
    f->read_only = read_only;
    f->gate = gate;
    f->next = 1;
    f->map = map_new(1, 0);
    mutex_init(&f->mu, LOCK_LEAF);
    mutex_init(&f->io, LOCK_HEAD_FILE);
    *out = f;
    return true;
}

void
head_file_close(struct head_file **fp)
{
    struct head_file *f = *fp;
    *fp = NULL;
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->waiting_n; i++)
        page_unref(f->waiting[i]);
    head_map_unref(&f->map);
    for (size_t i = 0; i < f->segments_n; i++)
        segment_unref(f->segments[i]);
    mutex_fini(&f->mu);
    mutex_fini(&f->io);
    mem_free(f->waiting);
    mem_free(f->segments);
    mem_free(f->dir);
    mem_free(f);
}

/* The page under construction is complete. */
static void
head_file_finish_page(struct head_file *f)
{
    struct page *p = f->open;
    f->open = NULL;
    if (p == NULL || f->dir == NULL || f->read_only)
        return;
    atomic_fetch_add(&p->refs, 1);
    mutex_lock(&f->mu);
    mem_grow(&f->waiting, &f->waiting_cap, f->waiting_n + 1, sizeof(*f->waiting));
    f->waiting[f->waiting_n++] = p;
    mutex_unlock(&f->mu);
}

static void
head_file_start_page(struct head_file *f, size_t need)
{
    uint32_t count = (uint32_t)((need + HEAD_PAGE_BYTES - 1) / HEAD_PAGE_BYTES);
    uint32_t number = f->next;
    if (page_file(number) != page_file(number + count - 1))
        number = page_file(number) * HEAD_FILE_PAGES + 1;
    struct page *p = MEM_NEW(struct page);
    atomic_init(&p->refs, 1);
    p->number = number;
    p->count = count;
    p->p = mem_alloc((size_t)count * HEAD_PAGE_BYTES);
    p->maxt = INT64_MIN;
    f->next = number + count;
    head_file_remap(f, f->map->n ? f->map->first : number, f->next);
    f->map->v[number - f->map->first] = p;
    f->open = p;
}

uint8_t *
head_file_reserve(struct head_file *f, const struct head_chunk *c, uint64_t *ref)
{
    size_t need = HEAD_CHUNK_HEADER + c->data.n;
    CHECK(need <= FILE_BYTES && c->data.n < 1u << 24 && c->maxt - c->mint <= UINT32_MAX);
    if (f->open && f->open->used + need > (size_t)f->open->count * HEAD_PAGE_BYTES)
        head_file_finish_page(f);
    if (f->open == NULL)
        head_file_start_page(f, need);
    struct page *p = f->open;
    *ref = (uint64_t)p->number << HEAD_PAGE_BITS | p->used;
    struct buf b = {.p = (char *)p->p + p->used, .cap = HEAD_CHUNK_HEADER};
    enc_u32_le(&b, 0);
    enc_u32_le(&b, (uint32_t)c->data.n | (uint32_t)c->encoding << 24);
    enc_u32_le(&b, c->series);
    enc_u32_le(&b, (uint32_t)(c->maxt - c->mint));
    enc_u64_le(&b, (uint64_t)c->mint);
    enc_u64_le(&b, c->prev);
    p->used += (uint32_t)need;
    p->maxt = MAX(p->maxt, c->maxt);
    return p->p + (uint32_t)*ref % HEAD_PAGE_BYTES + HEAD_CHUNK_HEADER;
}

void
head_file_seal(struct head_file *f, uint64_t ref)
{
    struct page *p = f->open;
    CHECK(p && ref >> HEAD_PAGE_BITS == p->number);
    uint8_t *at = p->p + (uint32_t)ref % HEAD_PAGE_BYTES;
    size_t size = at[4] | (size_t)at[5] << 8 | (size_t)at[6] << 16;
    struct buf b = {.p = (char *)at, .cap = 4};
    enc_u32_le(&b, crc32c(0, STR(at + 4, HEAD_CHUNK_HEADER - 4 + size)));
    if (p->count > 1)
        head_file_finish_page(f);
}

uint64_t
head_file_end_ref(struct head_file *f)
{
    if (f->open)
        return ((uint64_t)f->open->number << HEAD_PAGE_BITS) + f->open->used;
    return (uint64_t)f->next << HEAD_PAGE_BITS;
}

enum head_map_result
head_map_get(const struct head_map *m, uint64_t ref, struct head_chunk *out)
{
    uint64_t number = ref >> HEAD_PAGE_BITS;
    if (number < m->first || number - m->first >= m->n || m->v[number - m->first] == NULL)
        return HEAD_MAP_GONE;
    const struct page *p = m->v[number - m->first];
    size_t offset = ref % HEAD_PAGE_BYTES, room = (size_t)p->count * HEAD_PAGE_BYTES - offset;
    if (room < HEAD_CHUNK_HEADER)
        return HEAD_MAP_CORRUPT;
    struct dec d = dec_of(STR(p->p + offset, HEAD_CHUNK_HEADER));
    uint32_t crc = dec_u32_le(&d), size = dec_u32_le(&d);
    out->encoding = (enum chunk_encoding)(size >> 24);
    size &= 0xffffff;
    out->series = dec_u32_le(&d);
    uint32_t span = dec_u32_le(&d);
    out->mint = (int64_t)dec_u64_le(&d);
    out->prev = dec_u64_le(&d);
    if (size > room - HEAD_CHUNK_HEADER || out->prev >= ref ||
        crc != crc32c(0, STR(p->p + offset + 4, HEAD_CHUNK_HEADER - 4 + size)) ||
        __builtin_add_overflow(out->mint, (int64_t)span, &out->maxt))
        return HEAD_MAP_CORRUPT;
    out->data = STR(p->p + offset + HEAD_CHUNK_HEADER, size);
    return HEAD_MAP_OK;
}

void
head_file_truncate(struct head_file *f, int64_t mint, uint64_t keep_ref)
{
    uint32_t first = f->map->first, end = first + f->map->n;
    for (; first < end; first++) {
        const struct page *p = f->map->v[first - f->map->first];
        if (p && (p == f->open || p->maxt >= mint))
            break;
        if (keep_ref && first >= keep_ref >> HEAD_PAGE_BITS)
            break;
    }
    if (first == f->map->first)
        return;
    head_file_remap(f, first, end);
    if (f->dir == NULL)
        return;
    mutex_lock(&f->mu);
    f->purge_below = page_file(MIN(first, f->next));
    mutex_unlock(&f->mu);
}

void
head_file_range(struct head_file *f, uint32_t *first, uint32_t *end)
{
    *first = f->map->n ? f->map->first : f->next;
    *end = f->next; /* numbers never repeat, also when no page is left */
}

int64_t
head_file_page_maxt(struct head_file *f, uint32_t page)
{
    uint32_t at = page - f->map->first;
    return page >= f->map->first && at < f->map->n && f->map->v[at] ? f->map->v[at]->maxt
                                                                   : INT64_MIN;
}

void
head_file_set_page_maxt(struct head_file *f, uint32_t page, int64_t maxt)
{
    uint32_t at = page - f->map->first;
    if (page >= f->map->first && at < f->map->n && f->map->v[at])
        f->map->v[at]->maxt = maxt;
}

size_t
head_file_waiting(struct head_file *f)
{
    mutex_lock(&f->mu);
    size_t n = f->waiting_n;
    mutex_unlock(&f->mu);
    return n;
}

uint64_t
head_file_bytes(struct head_file *f)
{
    rwlock_read(f->gate);
    uint64_t pages = f->map->n;
    rwlock_unlock(f->gate);
    return f->dir ? pages * HEAD_PAGE_BYTES : 0;
}

static char *
head_file_path(const struct head_file *f, uint32_t number)
{
    char name[16];
    snprintf(name, sizeof(name), "%08u", number);
    return io_join(f->dir, name);
}

static void
head_file_add_segment(struct head_file *f, struct segment *s)
{
    mem_grow(&f->segments, &f->segments_cap, f->segments_n + 1, sizeof(*f->segments));
    f->segments[f->segments_n++] = s;
}

/* The file of this number, made if need be: its full size, so that all of it can be mapped,
 * but without blocks for what is not written yet. */
static struct segment *
head_file_segment(struct head_file *f, uint32_t number, struct err *e)
{
    for (size_t i = 0; i < f->segments_n; i++)
        if (f->segments[i]->number == number)
            return f->segments[i];
    struct segment *s = MEM_NEW(struct segment);
    atomic_init(&s->refs, 1);
    s->number = number;
    char *path = head_file_path(f, number);
    bool ok = io_open(&s->file, path, IO_WRITE_CREATE, e) &&
              io_truncate(s->file, FILE_BYTES, e) && io_map_open(&s->map, path, e);
    mem_free(path);
    if (!ok) {
        segment_unref(s);
        return NULL;
    }
    head_file_add_segment(f, s);
    return s;
}

static size_t
page_offset(uint32_t number)
{
    return (size_t)((number - 1) % HEAD_FILE_PAGES) * HEAD_PAGE_BYTES;
}

/* Writes bytes written…used of a page. */
static bool
head_file_write_page(struct head_file *f, struct page *p, uint32_t used, struct segment **segment,
                     struct err *e)
{
    *segment = head_file_segment(f, page_file(p->number), e);
    if (*segment == NULL)
        return false;
    if (used > p->written &&
        !io_pwrite((*segment)->file, STR(p->p + p->written, used - p->written),
                   page_offset(p->number) + p->written, e))
        return false;
    p->written = used;
    return true;
}

/* Puts a mapped twin of a written page into the table; REQUIRES the gate, exclusive, and
 * a table that nobody else has. */
static void
head_file_swap_page(struct head_file *f, struct page *heap, struct segment *s)
{
    if (heap->number < f->map->first)
        return; /* truncated meanwhile */
    struct page *p = MEM_NEW(struct page);
    atomic_init(&p->refs, 1);
    p->number = heap->number;
    p->count = heap->count;
    p->p = (uint8_t *)(uintptr_t)s->map.p + page_offset(heap->number);
    p->maxt = heap->maxt;
    p->used = p->written = heap->used;
    p->segment = s;
    atomic_fetch_add(&s->refs, 1);
    struct page **at = &f->map->v[heap->number - f->map->first];
    CHECK(*at == heap);
    *at = p;
    page_unref(heap);
}

#define WRITE_BATCH 32u /* pages for one new table */

/* Writes and maps up to WRITE_BATCH waiting pages. */
static bool
head_file_write_some(struct head_file *f, bool *more, struct err *e)
{
    struct page *pages[WRITE_BATCH];
    struct segment *segments[WRITE_BATCH];
    mutex_lock(&f->mu);
    size_t n = MIN(f->waiting_n, (size_t)WRITE_BATCH), done = 0;
    if (n)
        memcpy(pages, f->waiting, n * sizeof(*pages));
    *more = f->waiting_n > n;
    mutex_unlock(&f->mu);
    bool ok = true;
    while (done < n && (ok = head_file_write_page(f, pages[done], pages[done]->used,
                                                  &segments[done], e)))
        done++;
    if (done == 0)
        return ok;
    rwlock_write(f->gate);
    head_file_remap(f, f->map->first, f->map->first + f->map->n);
    for (size_t i = 0; i < done; i++)
        head_file_swap_page(f, pages[i], segments[i]);
    rwlock_unlock(f->gate);
    mutex_lock(&f->mu);
    f->waiting_n -= done;
    memmove(f->waiting, f->waiting + done, f->waiting_n * sizeof(*f->waiting));
    mutex_unlock(&f->mu);
    for (size_t i = 0; i < done; i++)
        page_unref(pages[i]);
    return ok;
}

/* Writes what the page under construction has so far. */
static bool
head_file_write_open(struct head_file *f, struct err *e)
{
    rwlock_read(f->gate);
    struct page *p = f->open;
    uint32_t used = p ? p->used : 0;
    if (p)
        atomic_fetch_add(&p->refs, 1);
    rwlock_unlock(f->gate);
    struct segment *s;
    bool ok = p == NULL || head_file_write_page(f, p, used, &s, e);
    page_unref(p);
    return ok;
}

bool
head_file_write(struct head_file *f, bool all, struct err *e)
{
    bool ok = true;
    mutex_lock(&f->io);
    for (bool more = true; more && ok;)
        ok = head_file_write_some(f, &more, e);
    if (ok && all)
        ok = head_file_write_open(f, e);
    mutex_unlock(&f->io);
    return ok;
}

bool
head_file_sync(struct head_file *f, struct err *e)
{
    bool ok = true;
    mutex_lock(&f->io);
    for (size_t i = 0; i < f->segments_n && ok; i++)
        ok = io_datasync(f->segments[i]->file, e);
    if (ok && f->dir)
        ok = io_sync_dir(f->dir, e);
    mutex_unlock(&f->io);
    return ok;
}

void
head_file_purge(struct head_file *f)
{
    mutex_lock(&f->mu);
    uint32_t below = f->purge_below;
    mutex_unlock(&f->mu);
    mutex_lock(&f->io);
    size_t kept = 0;
    for (size_t i = 0; i < f->segments_n; i++) {
        struct segment *s = f->segments[i];
        struct err e;
        char *path = head_file_path(f, s->number);
        if (s->number >= below || !io_unlink(path, &e)) {
            f->segments[kept++] = s;
        } else {
            segment_unref(s);
        }
        mem_free(path);
    }
    f->segments_n = kept;
    mutex_unlock(&f->io);
}

/* Maps one existing file; a file that is missing or short yields no segment. */
static bool
head_file_resume_file(struct head_file *f, uint32_t number, struct err *e)
{
    struct segment *s = MEM_NEW(struct segment);
    atomic_init(&s->refs, 1);
    s->number = number;
    char *path = head_file_path(f, number);
    bool there = io_exists(path);
    bool ok = !there || (io_open(&s->file, path, f->read_only ? IO_READ : IO_WRITE_EXISTING, e) &&
                         io_map_open(&s->map, path, e));
    if (ok && s->map.n == FILE_BYTES) {
        head_file_add_segment(f, s);
    } else {
        if (ok)
            LOG_ERROR("Head chunk file is lost", KV("file", path));
        segment_unref(s);
    }
    mem_free(path);
    return ok;
}

/* Removes files outside the pages that count: they are from after the checkpoint or from
 * before the truncation. */
static void
head_file_remove_others(struct head_file *f, uint32_t first_file, uint32_t last_file)
{
    struct io_entry *list = NULL;
    size_t n = 0;
    struct err e;
    if (!io_list(f->dir, &list, &n, &e))
        return;
    for (size_t i = 0; i < n; i++) {
        uint64_t number;
        if (strlen(list[i].name) != 8 || !num_parse_u64(str_of(list[i].name), &number) ||
            (number >= first_file && number <= last_file))
            continue;
        char *path = io_join(f->dir, list[i].name);
        if (!io_unlink(path, &e))
            LOG_WARN("Removing an old head chunk file failed", KV_ERR(&e));
        mem_free(path);
    }
    io_list_free(&list, n);
}

static void
head_file_resume_page(struct head_file *f, uint32_t number)
{
    for (size_t i = 0; i < f->segments_n; i++) {
        struct segment *s = f->segments[i];
        if (s->number != page_file(number))
            continue;
        struct page *p = MEM_NEW(struct page);
        atomic_init(&p->refs, 1);
        atomic_fetch_add(&s->refs, 1);
        p->number = number;
        /* A big chunk runs over its page; it is bounded by its file. */
        p->count = HEAD_FILE_PAGES - (number - 1) % HEAD_FILE_PAGES;
        p->p = (uint8_t *)(uintptr_t)s->map.p + page_offset(number);
        p->segment = s;
        p->maxt = INT64_MAX; /* until head_file_set_page_maxt */
        f->map->v[number - f->map->first] = p;
    }
}

bool
head_file_resume(struct head_file *f, uint32_t first, uint32_t end, struct err *e)
{
    CHECK(f->map->n == 0 && f->next == 1 && first >= 1 && first <= end);
    f->next = end;
    if (f->dir == NULL)
        return true;
    bool any = first < end;
    if (!f->read_only)
        head_file_remove_others(f, any ? page_file(first) : 1, any ? page_file(end - 1) : 0);
    bool ok = true;
    for (uint32_t k = page_file(first); any && ok && k <= page_file(end - 1); k++)
        ok = head_file_resume_file(f, k, e);
    head_file_remap(f, first, end);
    for (uint32_t i = first; i < end; i++)
        head_file_resume_page(f, i);
    return ok;
}
