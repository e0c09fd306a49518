#include "storage/file_out.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/panic.h"

#define FILE_BUFFER_BYTES (1u << 20)

bool
file_out_open(struct file_out *o, const char *path, struct err *e)
{
    *o = (struct file_out){.at = 0};
    return io_open(&o->f, path, IO_WRITE_NEW, e);
}

static void
flush(struct file_out *o)
{
    if (!o->failed && o->b.n > 0)
        o->failed = !io_pwrite(o->f, buf_str(&o->b), o->at, &o->why);
    o->at += o->b.n;
    buf_clear(&o->b);
}

void
file_out_put(struct file_out *o, str s)
{
    o->crc = crc32c(o->crc, s);
    if (o->b.n + s.n > FILE_BUFFER_BYTES)
        flush(o);
    buf_put(&o->b, s);
}

void
file_out_u32_be(struct file_out *o, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    file_out_put(o, STR(bytes, 4));
}

void
file_out_uvarint(struct file_out *o, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    file_out_put(o, STR(bytes, n));
}

void
file_out_pad(struct file_out *o, unsigned align)
{
    static const char zeros[16];
    CHECK(align <= sizeof zeros);
    size_t over = file_out_pos(o) % align;
    if (over)
        file_out_put(o, STR(zeros, align - over));
}

void
file_out_crc_end(struct file_out *o)
{
    file_out_u32_be(o, o->crc);
}

bool
file_out_end(struct file_out *o, bool sync, struct err *e)
{
    flush(o);
    if (!o->failed && sync)
        o->failed = !io_sync(o->f, &o->why);
    if (o->failed)
        *e = o->why;
    return !o->failed;
}

void
file_out_close(struct file_out *o)
{
    buf_free(&o->b);
    if (o->f != NULL)
        io_close(&o->f);
}

void
file_in_init(struct file_in *i, struct io_file *f, uint64_t end)
{
    *i = (struct file_in){.f = f, .end = end};
}

bool
file_in_peek(struct file_in *i, size_t want, str *out, struct err *e)
{
    size_t have = i->b.n - i->used;
    if (have < want && i->at < i->end) {
        if (have)
            memmove(i->b.p, i->b.p + i->used, have);
        i->b.n = have;
        i->used = 0;
        size_t more = (size_t)MIN(i->end - i->at, MAX(want - have, FILE_BUFFER_BYTES)), got = 0;
        char *to = buf_extend(&i->b, more);
        if (!io_pread(i->f, to, more, i->at, &got, e))
            return false;
        if (got < more)
            return err_set(e, ERR_IO, "%s: shorter than it was written", i->f->path);
        i->at += got;
    }
    *out = STR(i->b.p + i->used, i->b.n - i->used);
    return true;
}

void
file_in_skip(struct file_in *i, size_t n)
{
    CHECK(n <= i->b.n - i->used);
    i->used += n;
}

void
file_in_fini(struct file_in *i)
{
    buf_free(&i->b);
}
