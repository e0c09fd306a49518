#include "storage/block_chunks.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/mem.h"

static bool
segment_header(str file, const char *name, struct err *e)
{
    struct dec d = dec_of(file);
    uint32_t magic = dec_u32_be(&d);
    unsigned version = dec_u8(&d);
    if (file.n < CHUNKS_HEADER_BYTES)
        return err_set(e, ERR_CORRUPT, "chunk segment %s is too short", name);
    if (magic != CHUNKS_MAGIC)
        return err_set(e, ERR_CORRUPT, "chunk segment %s: invalid magic number %x", name, magic);
    if (version != CHUNKS_VERSION)
        return err_set(e, ERR_CORRUPT, "chunk segment %s: invalid chunk format version %u", name,
                       version);
    return true;
}

static bool
is_number(const char *name)
{
    return name[0] != 0 && name[strspn(name, "0123456789")] == 0;
}

struct header_check {
    str file;
    const char *name;
    struct err *e;
    bool good;
};

static void
check_header(void *arg)
{
    struct header_check *h = arg;
    h->good = segment_header(h->file, h->name, h->e);
}

static bool
add_segment(struct block_chunks *c, const char *dir, const char *name, struct err *e)
{
    char *path = io_join(dir, name);
    struct io_map m;
    bool good = io_map_open(&m, path, e);
    mem_free(path);
    if (!good)
        return false;
    c->maps[c->n++] = m;
    c->bytes += m.n;
    struct header_check h = {.file = STR(m.p, m.n), .name = name, .e = e};
    if (!io_map_guard_run(check_header, &h))
        return err_set(e, ERR_IO, "chunk segment %s shrank while it was read", name);
    return h.good;
}

bool
chunks_open(struct block_chunks *c, const char *dir, struct err *e)
{
    *c = (struct block_chunks){.n = 0};
    char *sub = io_join(dir, "chunks");
    struct io_entry *list = NULL;
    size_t n = 0;
    bool good = !io_exists(sub) || io_list(sub, &list, &n, e);
    c->maps = MEM_ARRAY(struct io_map, MAX(n, 1));
    for (size_t i = 0; i < n && good; i++)
        if (!list[i].is_dir && is_number(list[i].name))
            good = add_segment(c, sub, list[i].name, e);
    io_list_free(&list, n);
    mem_free(sub);
    if (!good)
        chunks_close(c);
    return good;
}

void
chunks_close(struct block_chunks *c)
{
    for (size_t i = 0; i < c->n; i++)
        io_map_close(&c->maps[i]);
    mem_free(c->maps);
    *c = (struct block_chunks){.n = 0};
}

/* A cursor on the chunk's bytes behind its length. */
static struct dec
chunk_at(const struct block_chunks *c, uint64_t ref, uint64_t *len)
{
    uint64_t segment = ref >> 32, at = ref & UINT32_MAX;
    struct dec d = {.bad = true};
    if (segment >= c->n || at < CHUNKS_HEADER_BYTES || at >= c->maps[segment].n)
        return d;
    d = dec_of(STR(c->maps[segment].p + at, c->maps[segment].n - at));
    *len = dec_uvarint(&d);
    return d;
}

bool
chunks_get(const struct block_chunks *c, uint64_t ref, enum chunk_encoding *encoding, str *data,
           struct err *e)
{
    uint64_t len = 0;
    struct dec d = chunk_at(c, ref, &len);
    if (d.bad)
        return err_set(e, ERR_CORRUPT, "no chunk at %llx", (unsigned long long)ref);
    if (len > CHUNK_BYTES_MAX)
        return err_set(e, ERR_CORRUPT, "chunk at %llx claims %llu bytes", (unsigned long long)ref,
                       (unsigned long long)len);
    str body = dec_bytes(&d, len + 1);
    uint32_t crc = dec_u32_be(&d);
    if (d.bad)
        return err_set(e, ERR_CORRUPT, "chunk at %llx is cut off", (unsigned long long)ref);
    if (crc32c(0, body) != crc)
        return err_set(e, ERR_CORRUPT, "checksum of chunk at %llx does not match",
                       (unsigned long long)ref);
    *encoding = (enum chunk_encoding)(uint8_t)body.p[0];
    *data = str_from(body, 1);
    return true;
}

unsigned
chunks_samples(const struct block_chunks *c, uint64_t ref)
{
    uint64_t len = 0;
    struct dec d = chunk_at(c, ref, &len);
    enum chunk_encoding encoding = (enum chunk_encoding)dec_u8(&d);
    str data = dec_bytes(&d, MIN(len, 2));
    return d.bad ? 0 : chunk_samples(encoding, data);
}
