/* PromQL expressions, selectors and series lines. */
#include "tests/fuzz/fuzz.h"

#include "base/arena.h"
#include "base/panic.h"
#include "query/parse.h"
#include "query/print.h"

static const struct parse_opts all = {true, true, true};

static void
print_all(struct arena *a, const struct expr *e)
{
    struct buf line = {0}, pretty = {0}, tree = {0};
    struct json j = json_to(&tree);
    struct expr *again;
    struct err bad;
    print_expr(&line, e);
    print_pretty(&pretty, e);
    print_json(&j, e);
    CHECK(line.n > 0 && pretty.n > 0 && tree.n > 0);
    if (parse_expr(buf_str(&line), &all, a, &again, &bad))
        parse_free_regexes(again);
    buf_free(&line);
    buf_free(&pretty);
    buf_free(&tree);
}

static void
fuzz_expr(struct arena *a, str text)
{
    struct expr *e;
    struct err bad;
    if (!parse_expr(text, &all, a, &e, &bad)) {
        CHECK(bad.kind == ERR_PARSE && bad.pos >= 0 && bad.pos <= (int64_t)text.n);
        return;
    }
    CHECK(e->start <= e->end && e->end <= text.n);
    print_all(a, e);
    parse_free_regexes(e);
}

static void
fuzz_series(struct arena *a, str text)
{
    struct matcher *m;
    struct labels labels;
    struct series_value *v;
    size_t n;
    struct err bad;
    if (parse_selector(text, &all, a, &m, &n, &bad)) {
        for (size_t i = 0; i < n; i++)
            matcher_fini(&m[i]);
    }
    if (parse_metric(text, a, &labels, &bad))
        CHECK(labels.n <= text.n);
    /* Repetitions are bounded, but a bound of millions makes the fuzzer slow. */
    for (size_t i = 0; i + 4 < text.n; i++) {
        if (text.p[i] == 'x' && text.p[i + 4] >= '0' && text.p[i + 4] <= '9')
            return;
    }
    if (parse_series_line(text, a, &labels, &v, &n, &bad))
        CHECK(n == 0 || v != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    fuzz_expr(a, STR(data, n));
    fuzz_series(a, STR(data, n));
    arena_free(&a);
    return 0;
}

bool
fuzz_seed(struct buf *out, unsigned i)
{
    static const char *const seeds[] = {
        "sum by (a, \"b.c\") (rate(foo{x=~\"a|b\",y!=\"\"}[5m] offset -1m)) / on(a) group_left(c) bar @ 3",
        "topk(3, -foo{\"name\"} ^ 2) >= bool 0x1F or quantile_over_time(0.9, a[1h30m:step()*2] @ end())",
        "histogram_quantile(0.9, rate(h[max_of(5m, range()/2)] anchored)) </ 1e-3 and fill offset (1m+-2s)",
        "a + ignoring(x) group_right() fill_left(-1) fill_right(Inf) b # comment\n unless `raw`",
        "label_replace(up, 'a\\n\\x41', \"\\u00e9\\101\", 'c', '(.*)') smoothed",
        "foo{a=\"b\", 'c'=\"d\"} 1+2x3 _ _x2 -1-0.5x2 stale NaN 1x5",
        "h {{schema:-53 sum:1.5 count:4 z_bucket:1 z_bucket_w:0.1 buckets:[1 -2 inf] offset:-3 "
        "custom_values:[5 10] counter_reset_hint:gauge n_buckets:[1] n_offset:2}}x2 {{}}+{{count:1}}x3",
    };
    if (i >= ARRAY_LEN(seeds))
        return false;
    buf_put(out, str_of(seeds[i]));
    return true;
}
