/* test_promql.c - narthex test promql: runs promqltest scripts. */
#include <stdio.h>

#include "base/io.h"
#include "base/limits.h"
#include "cli/command.h"
#include "query/promqltest.h"

static bool
run_file(const char *path, struct promqltest_count *count)
{
    struct buf script = {0}, out = {0};
    struct err e;
    bool read = io_read_file(path, LIMIT_TEST_SCRIPT_BYTES, &script, &e);

    if (read)
        promqltest_run(buf_str(&script), path, &out, count);
    else
        fprintf(stderr, "narthex: %s\n", e.text);
    if (out.n > 0)
        fwrite(out.p, 1, out.n, stdout);
    buf_free(&script);
    buf_free(&out);
    return read;
}

int
command_test_promql(int argc, char **argv)
{
    struct promqltest_count count = {0};
    bool read = true;

    if (argc < 2) {
        fprintf(stderr, "narthex: test promql needs at least one FILE\n");
        return 2;
    }
    for (int i = 1; i < argc; i++)
        read = run_file(argv[i], &count) && read;
    printf("%zu passed, %zu failed\n", count.passed, count.failed);
    return read && count.failed == 0 ? 0 : 1;
}
