#include "base/metric_priv.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"

struct page {
    struct buf *out;
    bool om; /* OpenMetrics */
};

static const char *const type_names[] = {"counter", "gauge", "histogram", "summary"};

static void
put_escaped(struct buf *out, str s, bool quotes)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\n')
            buf_lit(out, "\\n");
        else if (c == '\\' || (quotes && c == '"'))
            buf_printf(out, "\\%c", c);
        else
            buf_byte(out, c);
    }
}

static void
put_value(struct page *p, double v)
{
    char text[NUM_TEXT_MAX];
    size_t n = p->om ? num_format_om(v, text) : num_format(v, 'g', -1, text);
    buf_put(p->out, STR(text, n));
}

static void
put_label(struct page *p, bool *open, str name, str value)
{
    buf_byte(p->out, *open ? ',' : '{');
    *open = true;
    buf_put(p->out, name);
    buf_lit(p->out, "=\"");
    put_escaped(p->out, value, true);
    buf_byte(p->out, '"');
}

/* name+suffix{labels, extra="number"}; extra last, where client_golang puts le. */
static void
put_series(struct page *p, const struct metric_child *c, const char *suffix, const char *extra,
           double number)
{
    const struct metric_meta *mt = metric_meta_of(c->family);
    buf_put(p->out, str_of(metric_families[c->family].name));
    buf_put(p->out, str_of(suffix));
    bool open = false;
    for (size_t i = 0; i < mt->labels; i++)
        put_label(p, &open, mt->label[mt->order[i]], c->values[mt->order[i]]);
    if (extra != NULL) {
        char text[NUM_TEXT_MAX];
        size_t n = p->om ? num_format_om(number, text) : num_format(number, 'g', -1, text);
        put_label(p, &open, str_of(extra), STR(text, n));
    }
    if (open)
        buf_byte(p->out, '}');
    buf_byte(p->out, ' ');
}

static void
put_count(struct page *p, const struct metric_child *c, const char *suffix, uint64_t count)
{
    put_series(p, c, suffix, NULL, 0);
    /* Counts are whole numbers in both formats, but text writes floats' spelling. */
    if (p->om)
        buf_u64(p->out, count);
    else
        put_value(p, (double)count);
    buf_byte(p->out, '\n');
}

static void
put_sum(struct page *p, const struct metric_child *c)
{
    put_series(p, c, "_sum", NULL, 0);
    put_value(p, metric_value(c));
    buf_byte(p->out, '\n');
}

static void
put_histogram(struct page *p, const struct metric_child *c)
{
    const struct metric_meta *mt = metric_meta_of(c->family);
    uint64_t seen = 0;
    for (size_t i = 0; i <= mt->points; i++) {
        seen += atomic_load_explicit(&c->bucket[i], memory_order_relaxed);
        double bound = i < mt->points ? mt->point[i] : __builtin_inf();
        put_series(p, c, "_bucket", "le", bound);
        if (p->om)
            buf_u64(p->out, seen);
        else
            put_value(p, (double)seen);
        buf_byte(p->out, '\n');
    }
    put_sum(p, c);
    put_count(p, c, "_count", seen);
}

static void
put_summary(struct page *p, struct metric_child *c)
{
    const struct metric_meta *mt = metric_meta_of(c->family);
    int64_t now_ms = clock_mono_ms();
    mutex_lock(&c->mu);
    for (size_t i = 0; i < mt->points; i++) {
        put_series(p, c, "", "quantile", mt->point[i]);
        put_value(p, sketch_quantile(c, mt->point[i], now_ms));
        buf_byte(p->out, '\n');
    }
    put_sum(p, c);
    put_count(p, c, "_count", c->count);
    mutex_unlock(&c->mu);
}

static void
put_child(struct page *p, struct metric_child *c)
{
    switch (metric_families[c->family].type) {
    case METRIC_TYPE_HISTOGRAM:
        put_histogram(p, c);
        return;
    case METRIC_TYPE_SUMMARY:
        put_summary(p, c);
        return;
    case METRIC_TYPE_COUNTER:
    case METRIC_TYPE_GAUGE:
        put_series(p, c, "", NULL, 0);
        put_value(p, metric_value(c));
        buf_byte(p->out, '\n');
        return;
    }
    UNREACHABLE();
}

/* OpenMetrics names a counter's family without its _total; a counter that does not end
 * so is of unknown type there. */
static void
put_head(struct page *p, const struct metric_family *f)
{
    str name = str_of(f->name);
    const char *type = type_names[f->type];
    if (p->om && f->type == METRIC_TYPE_COUNTER) {
        if (str_ends(name, STRL("_total")))
            name.n -= strlen("_total");
        else
            type = "unknown";
    }
    buf_printf(p->out, "# HELP %.*s ", STR_ARG(name));
    put_escaped(p->out, str_of(f->help), p->om);
    buf_printf(p->out, "\n# TYPE %.*s %s\n", STR_ARG(name), type);
}

static void
expose(struct page *p)
{
    metric_collect();
    metric_lock();
    for (int m = 0; m < METRIC_COUNT; m++) {
        size_t n = 0;
        struct metric_child **list = metric_sorted((enum metric)m, &n);
        if (n > 0)
            put_head(p, &metric_families[m]);
        for (size_t i = 0; i < n; i++)
            put_child(p, list[i]);
        mem_free(list);
    }
    metric_unlock();
}

void
metric_expose_text(struct buf *out)
{
    expose(&(struct page){.out = out});
}

void
metric_expose_openmetrics(struct buf *out)
{
    expose(&(struct page){.out = out, .om = true});
    buf_lit(out, "# EOF\n");
}
