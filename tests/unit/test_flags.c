#include "server/config/flags.h"

#include "base/io.h"
#include "base/mem.h"
#include "tests/unit/unit.h"

static char **
split(char *line, int *argc)
{
    static char *argv[32];
    *argc = 0;
    argv[(*argc)++] = (char *)"narthex";
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
        argv[(*argc)++] = word;
    return argv;
}

static struct flags *
parse(const char *line, struct err *e)
{
    char copy[512];
    int argc;
    struct flags *f;
    snprintf(copy, sizeof copy, "%s", line);
    char **argv = split(copy, &argc);
    return flags_parse(&f, argc, argv, e) ? f : NULL;
}

static void
bad(const char *line, enum err_kind kind, const char *words)
{
    struct err e;
    struct flags *f = parse(line, &e);
    ck_assert_msg(f == NULL, "%s is taken", line);
    ck_assert_msg(strcmp(e.text, words) == 0, "%s: %s, not %s", line, e.text, words);
    ck_assert_int_eq(e.kind, kind);
}

START_TEST(test_refusals)
{
    bad("--nosuch-flag-at-all", ERR_BAD_DATA, "unknown long flag '--nosuch-flag-at-all'");
    bad("--config.fil=x", ERR_BAD_DATA,
        "unknown long flag '--config.fil' (the nearest is --config.file)");
    bad("-x", ERR_BAD_DATA, "unknown short flag '-x'");
    bad("foo", ERR_BAD_DATA, "unexpected foo");
    bad("-- foo", ERR_BAD_DATA, "unexpected foo");
    bad("--config.file", ERR_BAD_DATA, "expected argument for flag '--config.file'");
    bad("--config.file=a --config.file=b", ERR_BAD_DATA, "flag 'config.file' cannot be repeated");
    bad("--query.timeout 5", ERR_BAD_DATA, "not a valid duration string: \"5\"");
    bad("--query.max-concurrency=x", ERR_BAD_DATA, "strconv.ParseFloat: parsing \"x\": invalid syntax");
    bad("--storage.tsdb.retention.size=5", ERR_BAD_DATA, "units: unknown unit  in 5");
    bad("--log.level=x", ERR_BAD_DATA, "unrecognized log level x");
    bad("--storage.tsdb.wal-compression-type=x", ERR_BAD_DATA,
        "enum value must be one of snappy,zstd, got 'x'");
    bad("--no-query.timeout", ERR_BAD_DATA,
        "unknown long flag '--no-query.timeout' (the nearest is --query.timeout)");
    bad("--storage.agent.path=x", ERR_UNAVAILABLE,
        "The following flag(s) can only be used in agent mode: [\"--storage.agent.path\"]");
    bad("--agent --query.timeout=5s --storage.tsdb.path=x", ERR_UNAVAILABLE,
        "The following flag(s) can not be used in agent mode: [\"--query.timeout\" "
        "\"--storage.tsdb.path\"]");
}
END_TEST

START_TEST(test_values)
{
    struct err e;
    struct flags *f = parse("--query.timeout 90s --no-auto-gomaxprocs --web.enable-lifecycle "
                            "--web.listen-address=a --web.listen-address=b --query.max-samples=5e3 "
                            "--storage.tsdb.wal-segment-size=20MB --enable-feature=x,y "
                            "--enable-feature=z --query.max-concurrency=1.5",
                            &e);
    const char *const *v;
    ck_assert_msg(f != NULL, "%s", e.text);
    ck_assert_int_eq(flags_duration_ms(f, FLAG_QUERY_TIMEOUT), 90000);
    ck_assert(!flags_bool(f, FLAG_AUTO_GOMAXPROCS) && flags_bool(f, FLAG_WEB_ENABLE_LIFECYCLE));
    ck_assert_uint_eq(flags_list(f, FLAG_WEB_LISTEN_ADDRESS, &v), 2);
    ck_assert_str_eq(v[1], "b");
    ck_assert_int_eq(flags_int(f, FLAG_QUERY_MAX_SAMPLES), 5000);
    ck_assert_int_eq(flags_int(f, FLAG_QUERY_MAX_CONCURRENCY), 1);
    ck_assert_uint_eq(flags_bytes(f, FLAG_STORAGE_TSDB_WAL_SEGMENT_SIZE), 20u << 20);
    ck_assert(flags_feature(f, "y") && flags_feature(f, "z") && !flags_feature(f, "x,y"));
    ck_assert(flags_given(f, FLAG_QUERY_TIMEOUT) && !flags_given(f, FLAG_CONFIG_FILE));
    ck_assert_str_eq(flags_str(f, FLAG_CONFIG_FILE), "prometheus.yml");
    flags_free(&f);
}
END_TEST

START_TEST(test_environment)
{
    struct err e;
    setenv("NARTHEX_QUERY_TIMEOUT", "7s", 1);
    setenv("NARTHEX_WEB_LISTEN_ADDRESS", "c", 1);
    struct flags *f = parse("--web.listen-address=d", &e);
    const char *const *v;
    ck_assert_int_eq(flags_duration_ms(f, FLAG_QUERY_TIMEOUT), 7000);
    ck_assert_uint_eq(flags_list(f, FLAG_WEB_LISTEN_ADDRESS, &v), 1);
    ck_assert_str_eq(v[0], "d");
    flags_free(&f);
    setenv("NARTHEX_QUERY_TIMEOUT", "x", 1);
    bad("", ERR_BAD_DATA,
        "environment variable NARTHEX_QUERY_TIMEOUT: not a valid duration string: \"x\"");
    unsetenv("NARTHEX_QUERY_TIMEOUT");
    unsetenv("NARTHEX_WEB_LISTEN_ADDRESS");
}
END_TEST

static str
view_of(const struct flag_view *v, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(v[i].name, str_of(name)))
            return v[i].value;
    return STR_EMPTY;
}

/* The spellings of Prometheus' status/flags. */
START_TEST(test_view)
{
    static const char *const want[][2] = {
        {"query.timeout", "1m30s"},
        {"storage.tsdb.wal-segment-size", "20MiB"},
        {"storage.tsdb.retention.time", "15d"},
        {"storage.tsdb.retention.size", "0B"},
        {"storage.tsdb.max-block-duration", "1d12h"},
        {"storage.agent.wal-truncate-frequency", "0s"},
        {"storage.remote.read-sample-limit", "50000000"},
        {"auto-gomemlimit.ratio", "0.9"},
        {"web.route-prefix", "/p/q"},
        {"web.listen-address", "0.0.0.0:9090"},
    };
    struct err e;
    struct flags *f = parse("--query.timeout=90s --storage.tsdb.wal-segment-size=20MB "
                            "--web.external-url=http://h/p/q/",
                            &e);
    struct arena *a = arena_new();
    struct flag_view *v;
    size_t n = flags_view(f, a, &v);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        str got = view_of(v, n, want[i][0]);
        ck_assert_msg(str_eq(got, str_of(want[i][1])), "%s: %.*s", want[i][0], STR_ARG(got));
    }
    for (size_t i = 1; i < n; i++)
        ck_assert_int_lt(str_cmp(v[i - 1].name, v[i].name), 0);
    arena_free(&a);
    flags_free(&f);
}
END_TEST

/* docs/flags.md is what the table says; `narthex docs flags` makes it. */
START_TEST(test_document)
{
    const char *top = getenv("srcdir");
    char *path = io_join(top ? top : ".", "docs/flags.md");
    struct buf file = {0}, made = {0};
    struct err e;
    flags_put_markdown(&made);
    ck_assert_msg(io_read_file(path, 1 << 20, &file, &e), "%s", e.text);
    ck_assert_msg(str_eq(buf_str(&file), buf_str(&made)), "%s is not of this table: narthex docs flags > docs/flags.md", path);
    buf_free(&file);
    buf_free(&made);
    mem_free(path);
}
END_TEST

UNIT_MAIN("flags", test_refusals, test_values, test_environment, test_view, test_document)
