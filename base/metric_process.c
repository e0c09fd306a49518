#include "base/metric.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

/* Fields of /proc/self/stat after the command's closing parenthesis, counted from the
 * state, which is field 3. */
static double
stat_field(const char *text, int field)
{
    const char *p = strrchr(text, ')');
    for (int i = 2; p != NULL && i < field; i++)
        p = strchr(p + 1, ' ');
    return p ? strtod(p, NULL) : 0;
}

static double
boot_time_seconds(void)
{
    struct buf text = {0};
    struct err e;
    double boot = 0;
    if (io_read_file("/proc/stat", 16u << 20, &text, &e)) {
        const char *line = strstr(buf_cstr(&text), "\nbtime ");
        boot = line ? strtod(line + 7, NULL) : 0;
    }
    buf_free(&text);
    return boot;
}

static unsigned
open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL)
        return 0;
    unsigned n = 0;
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n - 1; /* the one that lists them */
}

static void
collect(void *arg UNUSED)
{
    struct buf text = {0};
    struct err e;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    if (io_read_file("/proc/self/stat", 65536, &text, &e)) {
        const char *stat = buf_cstr(&text);
        METRIC_SET(PROCESS_CPU_SECONDS_TOTAL,
                   (stat_field(stat, 14) + stat_field(stat, 15)) / ticks);
        METRIC_SET(PROCESS_VIRTUAL_MEMORY_BYTES, stat_field(stat, 23));
        METRIC_SET(PROCESS_RESIDENT_MEMORY_BYTES,
                   stat_field(stat, 24) * (double)sysconf(_SC_PAGESIZE));
        METRIC_SET(PROCESS_START_TIME_SECONDS, boot_time_seconds() + stat_field(stat, 22) / ticks);
    }
    buf_free(&text);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        METRIC_SET(PROCESS_MAX_FDS, (double)limit.rlim_cur);
    bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    METRIC_SET(PROCESS_VIRTUAL_MEMORY_MAX_BYTES, limited ? (double)limit.rlim_cur : -1);
    METRIC_SET(PROCESS_OPEN_FDS, open_descriptors());
}

void
metric_collect_process(void)
{
    metric_collector(collect, NULL);
}
