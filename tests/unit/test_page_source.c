/* Entries of protobuf pages, and of text pages with histograms made native, against what
 * Prometheus' parsers made of them (tests/golden/page_source.txt).
 *
 * A case is "= FORMAT BASE64", where FORMAT is pb, om or text with +native, +nhcb and
 * +classic, and lines: T type, H help, U unit, C comment, S series (key, value's bits, time,
 * labels), N histogram (key, time, kind, reset hint, buckets, labels), X exemplar, then "."
 * or E with the error.  SKIP: the reference has no answer. */
#include "tests/unit/unit.h"

#include <inttypes.h>

#include "base/compress.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "model/sample.h"
#include "server/scrape/page_priv.h"

static void
put_labels(struct buf *out, const struct label *v, size_t n)
{
    struct label *s = MEM_ARRAY(struct label, n + 1);
    for (size_t i = 0; i < n; i++)
        s[i] = v[i];
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && str_cmp(s[k].name, s[k - 1].name) < 0; k--) {
            struct label t = s[k];
            s[k] = s[k - 1];
            s[k - 1] = t;
        }
    for (size_t i = 0; i < n; i++) {
        buf_byte(out, ' ');
        unicode_put_quoted(out, s[i].name);
        buf_byte(out, '=');
        unicode_put_quoted(out, s[i].value);
    }
    buf_byte(out, '\n');
    mem_free(s);
}

static void
put_time(struct buf *out, bool has, int64_t t)
{
    if (has)
        buf_i64(out, t);
    else
        buf_byte(out, '-');
}

static void
put_number(struct buf *out, double v)
{
    buf_printf(out, "%" PRIx64, f64_bits(v));
}

static void
put_side(struct buf *out, const struct histogram_span *spans, size_t spans_n, const double *v, size_t n)
{
    buf_byte(out, '/');
    for (size_t i = 0; i < spans_n; i++)
        buf_printf(out, "%d:%u,", spans[i].offset, spans[i].length);
    buf_byte(out, '=');
    for (size_t i = 0; i < n; i++) {
        put_number(out, v[i]);
        buf_byte(out, ',');
    }
}

/* schema, zero threshold and count, count, sum / spans = counts / … / bounds */
static void
put_histogram(struct buf *out, const struct histogram *h)
{
    const double head[] = {h->zero_threshold, h->zero_count, h->count, h->sum};

    buf_printf(out, "%d", h->schema);
    for (size_t i = 0; i < ARRAY_LEN(head); i++) {
        buf_byte(out, ',');
        put_number(out, head[i]);
    }
    put_side(out, h->pos_spans, h->pos_spans_n, h->pos, h->pos_n);
    put_side(out, h->neg_spans, h->neg_spans_n, h->neg, h->neg_n);
    buf_byte(out, '/');
    for (size_t i = 0; i < h->custom_n; i++) {
        put_number(out, h->custom[i]);
        buf_byte(out, ',');
    }
}

static void
put_sample(struct buf *out, struct page_source *src, const struct page_entry *x)
{
    size_t n;
    struct label *v = src->labels(src, &n);

    buf_byte(out, x->h ? 'N' : 'S');
    buf_byte(out, ' ');
    unicode_put_quoted(out, x->key);
    if (x->h) {
        struct buf text = {0};
        buf_byte(out, ' ');
        put_time(out, x->has_t, x->t);
        put_histogram(&text, x->h);
        buf_printf(out, " %s %d %s", x->h->integer ? "int" : "float", x->h->reset, buf_cstr(&text));
        buf_free(&text);
    } else {
        buf_printf(out, " %016" PRIx64 " ", f64_bits(x->v));
        put_time(out, x->has_t, x->t);
    }
    put_labels(out, v, n);
    for (size_t i = 0; i < x->exemplars_n; i++) {
        const struct page_exemplar *p = &x->exemplars[i];
        buf_printf(out, "X %016" PRIx64 " ", f64_bits(p->v));
        put_time(out, p->has_t, p->t);
        put_labels(out, p->labels.v, p->labels.n);
    }
}

static void
put_meta(struct buf *out, const struct page_entry *x)
{
    static const char letters[] = {[METADATA_TYPE] = 'T', [METADATA_HELP] = 'H', [METADATA_UNIT] = 'U'};

    buf_byte(out, letters[x->meta.what]);
    buf_byte(out, ' ');
    unicode_put_quoted(out, x->meta.family);
    buf_byte(out, ' ');
    if (x->meta.what == METADATA_TYPE)
        buf_put(out, str_of(metric_kind_name(x->meta.kind)));
    else
        unicode_put_quoted(out, x->meta.text);
    buf_byte(out, '\n');
}

static void
dump(struct page_source *src, struct buf *out)
{
    struct page_entry x = {0};
    struct err e;

    for (;;)
        switch (src->next(src, &x, &e)) {
        case PAGE_END:
            buf_lit(out, ".\n");
            return;
        case PAGE_ERROR:
            buf_lit(out, "E ");
            unicode_put_quoted(out, err_str(&e));
            buf_byte(out, '\n');
            return;
        case PAGE_SAMPLE:
            put_sample(out, src, &x);
            break;
        case PAGE_META:
            put_meta(out, &x);
            break;
        case PAGE_COMMENT:
            break;
        }
}

static unsigned
check_case(const char *head, str want)
{
    static struct expo x;
    static struct target t;
    struct buf page = {0}, got = {0};
    struct arena *a = arena_new(), *kept = arena_new();
    struct text_source text;
    struct nhcb_source *nhcb = NULL;
    struct page_source *src;
    const char *blank = strchr(head, ' ');
    str code = str_of(blank + 1);

    while (code.n && code.p[code.n - 1] == '\n')
        code.n--;
    ck_assert(base64_decode(code, &page));
    str exact = mem_str(buf_str(&page));
    t.native = memmem(head, (size_t)(blank - head), "+native", 7);
    t.nhcb = memmem(head, (size_t)(blank - head), "+nhcb", 5);
    t.classic = memmem(head, (size_t)(blank - head), "+classic", 8);
    if (strncmp(head, "pb", 2) == 0) {
        src = proto_source_new(exact, &t, a, kept);
    } else {
        expo_init(&x, exact, strncmp(head, "om", 2) == 0 ? EXPO_OPENMETRICS : EXPO_TEXT);
        text_source_init(&text, &x, a);
        src = &text.base;
        if (t.nhcb) {
            nhcb = nhcb_source_new(&text, t.classic, a, kept);
            src = nhcb_source(nhcb);
        }
    }
    dump(src, &got);
    if (nhcb)
        nhcb_source_fini(nhcb);
    unsigned bad = !str_eq(buf_str(&got), want) && memmem(want.p, want.n, "SKIP\n", 5) == NULL;
    if (bad)
        fprintf(stderr, "%s  got\n%.*s  want\n%.*s", head, STR_ARG(buf_str(&got)), STR_ARG(want));
    mem_free((void *)(uintptr_t)exact.p);
    buf_free(&page);
    buf_free(&got);
    arena_free(&a);
    arena_free(&kept);
    return bad;
}

START_TEST(test_golden)
{
    FILE *f = unit_golden("page_source.txt");
    char *line = NULL, *head = NULL;
    size_t cap = 0;
    struct buf want = {0};
    unsigned cases = 0, bad = 0;

    for (;;) {
        ssize_t n = getline(&line, &cap, f);
        if ((n <= 0 || line[0] == '=') && head) {
            cases++;
            bad += check_case(head, buf_str(&want));
            free(head);
            head = NULL;
        }
        if (n <= 0)
            break;
        if (line[0] == '=') {
            buf_clear(&want);
            head = strdup(line + 2);
        } else if (line[0] != 'C') {
            buf_put(&want, STR(line, n));
        }
    }
    free(line);
    fclose(f);
    buf_free(&want);
    ck_assert_msg(bad == 0, "%u of %u pages differ", bad, cases);
    ck_assert_uint_gt(cases, 400);
}
END_TEST

UNIT_MAIN("page_source", test_golden)
