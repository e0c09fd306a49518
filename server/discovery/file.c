/* file.c - file_sd: JSON and YAML files, read anew when anything happens in their folders
 * and at each refresh interval.  A file that cannot be read keeps its last groups. */
#include <strings.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "server/discovery/discovery_priv.h"

#define META STRL("__meta_filepath")

static bool
read_file(struct sd_result *r, const char *path, struct err *e)
{
    struct buf text = {0};
    const char *dot = strrchr(path, '.');
    bool json = dot && strcasecmp(dot, ".json") == 0;
    str where = str_of(path);

    bool ok = io_read_file(path, LIMIT_SD_BODY_BYTES, &text, e) &&
              (json ? sd_result_json(r, buf_str(&text), where, META, e)
                    : sd_result_yaml(r, buf_str(&text), where, META, e));
    buf_free(&text);
    return ok;
}

static void
read_pattern(struct provider *p, struct sd_result *r, const char *pattern)
{
    char **paths;
    size_t n;
    struct err e;

    if (!io_glob(pattern, &paths, &n, &e)) {
        LOG_ERROR("Error expanding glob", KV("discovery", "file"), KV("glob", pattern), KV_ERR(&e));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (read_file(r, paths[i], &e))
            continue;
        METRIC_INC(SD_FILE_READ_ERRORS_TOTAL);
        LOG_ERROR("Error reading file", KV("discovery", "file"), KV("path", paths[i]), KV_ERR(&e));
        if (p->result)
            sd_result_copy_file(r, p->result, str_of(paths[i]));
    }
    io_glob_free(&paths, n);
}

static void
file_refresh(struct provider *p)
{
    const struct config_sd_file *f = p->sd->file;
    int64_t start = clock_mono_ns();
    struct sd_result *r = sd_result_new();

    p->next_ms = clock_mono_ms() + f->refresh_interval_ms;
    for (size_t i = 0; i < f->files.n; i++) {
        char *pattern = mem_cstr(f->files.v[i]);
        /* The folder first: what changes while we read is seen as a change. */
        discovery_watch(p->d, p, pattern);
        read_pattern(p, r, pattern);
        mem_free(pattern);
    }
    metric_observe(metric_one(METRIC_SD_FILE_SCAN_DURATION_SECONDS), (double)(clock_mono_ns() - start) * 1e-9);
    provider_answer(p, r);
}

static bool
file_start(struct provider *p, struct err *e)
{
    (void)e;
    file_refresh(p);
    return true;
}

static void
file_stop(struct provider *p)
{
    discovery_unwatch(p->d, p);
}

const struct sd_mechanism sd_file = {file_start, file_refresh, file_stop};
