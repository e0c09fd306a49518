#include "server/scrape/failure_log.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"

struct failure_log {
    unsigned magic;
#define FAILURE_LOG_MAGIC 0x37e1c50a
    _Atomic unsigned refs; /* jobs, and the scraper while it makes them */
    struct io_file *file;
    _Atomic uint64_t end;  /* where the next line goes */
};

bool
failure_log_open(struct failure_log **out, const char *path, struct err *e)
{
    struct io_file *f;
    uint64_t size;

    if (!io_open(&f, path, IO_WRITE_CREATE, e))
        return err_prefix(e, "can't create json log file: ");
    if (!io_size(f, &size, e)) {
        io_close(&f);
        return false;
    }
    struct failure_log *l = MEM_NEW(struct failure_log);
    l->magic = FAILURE_LOG_MAGIC;
    atomic_init(&l->refs, 1);
    atomic_init(&l->end, size);
    l->file = f;
    *out = l;
    return true;
}

struct failure_log *
failure_log_ref(struct failure_log *l)
{
    CHECK_MAGIC(l, FAILURE_LOG_MAGIC);
    atomic_fetch_add(&l->refs, 1);
    return l;
}

void
failure_log_unref(struct failure_log **out)
{
    struct failure_log *l = *out;

    *out = NULL;
    if (!l)
        return;
    CHECK_MAGIC(l, FAILURE_LOG_MAGIC);
    if (atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    io_close(&l->file);
    l->magic = 0;
    mem_free(l);
}

static void
put_time(struct buf *out)
{
    int64_t now = clock_now_ns();

    num_put_rfc3339(out, now / 1000000000, (int32_t)(now % 1000000000));
}

void
failure_log_write(struct failure_log *l, str job, const char *url, const struct err *why)
{
    static struct log_limit limit;
    struct buf line = {0}, now = {0};
    struct json j = json_to(&line);
    struct err e;

    if (!l)
        return;
    put_time(&now);
    json_open_object(&j);
    json_key_lit(&j, "time");
    json_str(&j, buf_str(&now));
    json_key_lit(&j, "level");
    json_str(&j, STRL("ERROR"));
    json_key_lit(&j, "msg");
    json_str(&j, err_str(why));
    json_key_lit(&j, "job_name");
    json_str(&j, job);
    json_key_lit(&j, "target");
    json_str(&j, str_of(url));
    json_close_object(&j);
    buf_byte(&line, '\n');
    uint64_t at = atomic_fetch_add(&l->end, line.n);
    if (!io_pwrite(l->file, buf_str(&line), at, &e) && log_limit_pass(&limit, 60000))
        LOG_ERROR("Writing the scrape failure log failed", KV_ERR(&e));
    buf_free(&line);
    buf_free(&now);
}
