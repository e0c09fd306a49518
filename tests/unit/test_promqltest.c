/* The runner of promqltest scripts: right expectations pass, wrong ones fail, broken
 * scripts are told so; and all scripts of tests/promql and of the conformance folder. */
#include "query/promqltest.h"

#include "base/io.h"
#include "base/mem.h"
#include "tests/unit/unit.h"

#define LOAD "load 5m\n" \
             "  a{x=\"1\"} 1 2 3\n" \
             "  a{x=\"2\"} 10+10x2\n" \
             "  b 1 NaN stale\n" \
             "  h {{schema:0 count:3 sum:6 buckets:[1 2]}}x3\n" \
             "  g {{count:1 counter_reset_hint:gauge}}\n\n"

static void
check(const char *text, size_t passed, size_t failed, const char *message)
{
    struct buf script = {0}, out = {0};
    struct promqltest_count count = {0};
    buf_lit(&script, LOAD);
    buf_put(&script, str_of(text));
    promqltest_run(buf_str(&script), "t", &out, &count);
    if (count.passed != passed || count.failed != failed ||
        (message && (!out.n || !memmem(out.p, out.n, message, strlen(message)))))
        ck_abort_msg("%s\n%zu passed, %zu failed: %.*s\nwant %zu, %zu: %s", text, count.passed,
                     count.failed, STR_ARG(buf_str(&out)), passed, failed, message ? message : "");
    buf_free(&script);
    buf_free(&out);
}

START_TEST(test_right)
{
    check("eval instant at 5m a\n  a{x=\"2\"} 20\n  a{x=\"1\"} 2\n", 1, 0, NULL);
    check("eval instant 1 + 2\n  3\n", 1, 0, NULL);
    check("eval instant at 1s 0x10 + 1\n  0x11\n", 1, 0, NULL);
    check("eval instant at 0 \"é\\n\"\n  expect string \"é\\n\"\n", 1, 0, NULL);
    check("eval range from 0 to 10m step 5m a * 2\n  {x=\"1\"} 2 4 6\n  {x=\"2\"} 20+20x2\n", 1, 0, NULL);
    check("eval instant at 10m a[11m]\n  expect range vector from 0 to 10m step 5m\n"
          "  a{x=\"1\"} 1 2 3\n  a{x=\"2\"} 10 20 30\n", 1, 0, NULL);
    check("eval instant at 5m sort_desc(a)\n  expect ordered\n  a{x=\"2\"} 20\n  a{x=\"1\"} 2\n", 1, 0,
          NULL);
    check("eval_ordered instant at 5m sort(a)\n  a{x=\"1\"} 2\n  a{x=\"2\"} 20\n", 1, 0, NULL);
    check("eval instant at 5m b\n  b NaN\n\neval instant at 10m b\n", 2, 0, NULL);
    check("eval instant at 0 h\n  h {{count:3 sum:6 buckets:[1 2]}}\n", 1, 0, NULL);
    check("eval instant at 5m quantile(2, a)\n  expect warn\n  expect no_info\n  {} Inf\n", 1, 0, NULL);
    check("eval instant at 5m quantile(2, a)\n"
          "  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)\n"
          "  {} Inf\n", 1, 0, NULL);
    check("eval_warn instant at 5m quantile(2, a)\n  {} Inf\n", 1, 0, NULL);
    check("eval instant at 5m a + on() a\n  expect fail regex:found duplicate series\n", 1, 0, NULL);
    check("eval_fail instant at 5m a + on() a\n  expected_fail_regexp duplicate.*match group\n", 1, 0,
          NULL);
    check("clear\n\neval instant at 5m a\n", 1, 0, NULL);
}
END_TEST

START_TEST(test_wrong)
{
    check("eval instant at 5m a\n  a{x=\"2\"} 20\n", 0, 1, "t:8: a: not expected in the result: a{x=\"1\"}");
    check("eval instant at 5m a{x=\"1\"}\n  a{x=\"1\"} 2\n  c 1\n", 0, 1, "missing in the result: c");
    check("eval instant at 5m a{x=\"1\"}\n  a{x=\"1\"} 2.00001\n", 0, 1, "a{x=\"1\"}: expected 2.00001, got 2");
    check("eval instant at 5m a{x=\"1\"}\n  2\n", 0, 1, "expected a scalar, got a vector");
    check("eval instant at 5m 2\n  a 2\n", 0, 1, "expected series, got a scalar");
    check("eval instant at 5m 2\n  3\n", 0, 1, "expected 3, got 2");
    check("eval instant at 5m b\n  b 1\n", 0, 1, "expected 1, got NaN");
    check("eval instant at 0 \"x\"\n  expect string \"y\"\n", 0, 1, "expected string \"y\" but got \"x\"");
    check("eval instant at 5m sort(a)\n  expect ordered\n  a{x=\"2\"} 20\n  a{x=\"1\"} 2\n", 0, 1,
          "not at its position");
    check("eval range from 0 to 10m step 5m a{x=\"1\"}\n  a{x=\"1\"} 1 2 4\n", 0, 1,
          "a{x=\"1\"} at 600000 ms: expected 4, got 3");
    check("eval range from 0 to 10m step 5m a{x=\"1\"}\n  a{x=\"1\"} 1 2\n", 0, 1, "more samples");
    check("eval range from 0 to 10m step 5m a{x=\"1\"}\n  a{x=\"1\"} 1 2 3 4\n", 0, 1, "more points");
    check("eval range from 0 to 10m step 5m b\n  b 1 NaN 1\n", 0, 1, "no sample at 600000 ms");
    check("eval instant at 0 h\n  h {{count:3 sum:6 buckets:[2 1]}}\n", 0, 1, "expected {{count:3");
    check("eval instant at 0 h\n  h {{count:3 sum:6 offset:1 buckets:[1 2]}}\n", 0, 1, "expected {{count:3");
    check("eval instant at 0 h\n  h 3\n", 0, 1, "expected 3, got {{");
    check("eval instant at 0 a{x=\"1\"}\n  a{x=\"1\"} {{count:1}}\n", 0, 1, "got 1");
    check("eval instant at 0 g\n  g {{count:1 counter_reset_hint:not_reset}}\n", 0, 1, "got {{count:1");
    check("eval instant at 5m a{x=\"1\"}\n  expect warn\n  a{x=\"1\"} 2\n", 0, 1, "expected warn annotation");
    check("eval instant at 5m quantile(2, a)\n  expect no_warn\n  {} Inf\n", 0, 1, "unexpected annotation");
    check("eval instant at 5m quantile(2, a)\n  expect warn msg: other\n  {} Inf\n", 0, 1,
          "expected warn annotation \"other\"");
    check("eval instant at 5m a{x=\"1\"}\n  expect fail\n  a{x=\"1\"} 2\n", 0, 1, "expected an error but got none");
    check("eval instant at 5m a + on() a\n  {} 2\n", 0, 1, "error evaluating query: found duplicate");
    check("eval instant at 5m a + on() a\n  expect fail msg: other\n", 0, 1, "expected error \"other\"");
    check("load 5m\n  a{x=\"1\"} 7\n\neval instant at 0 1\n  1\n", 1, 1, "load: 0 duplicate, 1 out-of-order");
}
END_TEST

START_TEST(test_malformed)
{
    check("foo\n", 0, 1, "t:8: invalid command \"foo\"");
    check("loads 5m\n", 0, 1, "invalid load command");
    check("load 5 m\n", 0, 1, "invalid step definition \"5 m\"");
    check("load 5m\n  a{ 1\n", 0, 1, "t:9: 1:4: parse error: unexpected");
    check("load 5m\n  a@st -1m\n  b 1\n", 0, 1, "t:9: @st metric does not match");
    check("load 5m\n  a@st -1mx2\n  a 1\n", 0, 1, "@st line has 3 values but sample line has 1");
    check("load 5m\n  a@st -1m\n", 0, 1, "@st line has no following sample line");
    check("load 5m\n  a@st 1m+x\n  a 1\n", 0, 1, "invalid ST item \"1m+x\"");
    check("eval instant at x a\n", 0, 1, "invalid timestamp definition \"x\"");
    check("eval sometime at 1m a\n", 0, 1, "invalid evaluation command");
    check("eval_maybe instant at 1m a\n", 0, 1, "invalid evaluation command");
    check("eval range from 5m to 1m step 1m a\n", 0, 1, "end timestamp (1m) is before start timestamp (5m)");
    check("eval instant at 5m sum(\n  1\n", 0, 1, "1:5: parse error: unclosed left parenthesis");
    check("eval instant at 5m a\n  expect nothing\n", 0, 1, "invalid expect statement");
    check("eval instant at 5m a\n  expect warn regex:(\n", 0, 1, "invalid regex (");
    check("eval instant at 5m a\n  expect warn\n  expect no_warn\n", 0, 1, "cannot be used together");
    check("eval instant at 5m a\n  expect fail\n  expect fail\n", 0, 1, "multiple expect fail lines");
    check("eval instant at 5m a\n  expect string foo\n", 0, 1, "expected string literal not valid");
    check("eval instant at 5m a\n  a{x=\"1\"} 1 2\n", 0, 1, "expecting multiple values");
}
END_TEST

START_TEST(test_start_times)
{
    check("load 1m\n  c_total@st -1m -30s+30sx1\n  c_total 5 6 7\n\n"
          "eval range from 0 to 2m step 1m start_timestamp(c_total)\n  {} -60 30 120\n", 1, 0, NULL);
}
END_TEST

static void
run_folder(const char *dir)
{
    struct io_entry *list;
    size_t n;
    struct err e;
    struct promqltest_count count = {0};
    struct buf out = {0};
    ck_assert(io_list(dir, &list, &n, &e));
    for (size_t i = 0; i < n; i++) {
        struct buf script = {0};
        char *path = io_join(dir, list[i].name);
        if (str_ends(str_of(path), STRL(".test"))) {
            ck_assert(io_read_file(path, 64 << 20, &script, &e));
            promqltest_run(buf_str(&script), path, &out, &count);
        }
        buf_free(&script);
        mem_free(path);
    }
    io_list_free(&list, n);
    printf("%s: %zu passed, %zu failed\n", dir, count.passed, count.failed);
    if (count.failed > 0 || count.passed == 0)
        ck_abort_msg("%.*s", STR_ARG(buf_str(&out)));
    buf_free(&out);
}

static const char *
source_dir(void)
{
    const char *dir = getenv("srcdir");
    return dir ? dir : ".";
}

START_TEST(test_own_scripts)
{
    char *dir = io_join(source_dir(), "tests/promql");
    run_folder(dir);
    mem_free(dir);
}
END_TEST

START_TEST(test_conformance)
{
    const char *given = getenv("NARTHEX_CONFORMANCE");
    char *beside = io_join(source_dir(), "../shared/conformance");
    char *dir = io_join(given ? given : beside, "promql");
    if (io_exists(dir))
        run_folder(dir);
    else
        printf("skipped: no %s\n", dir);
    mem_free(beside);
    mem_free(dir);
}
END_TEST

UNIT_MAIN("promqltest", test_right, test_wrong, test_malformed, test_start_times, test_own_scripts,
          test_conformance)
