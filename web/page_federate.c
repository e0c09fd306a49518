/* page_federate.c - /federate: the newest sample of each series that matches, as a page
 * to scrape (reference/prometheus.md 7.4).
 *
 * Series come sorted by name, always untyped and with their timestamps; stale ones and
 * native histograms are left out, since the text format has no words for them. */
#include "base/clock.h"
#include "base/num.h"
#include "query/parse.h"
#include "server/config/config.h"
#include "storage/select.h"
#include "web/api_priv.h"
#include "web/route.h"

#define FEDERATE_TEXT "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

struct federation {
    struct web *w;
    struct req *req;
    struct buf *out;
    struct labels external;
    int64_t mint, maxt;
    str last_name;
    struct arena *scratch;
};

/* What a legacy name may not hold becomes '_'. */
static void
put_name(struct buf *out, str name, bool colon)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
                     (c >= '0' && c <= '9' && i > 0);
        /* the bytes of one character give one '_' */
        if (plain)
            buf_byte(out, c);
        else if (((unsigned char)c & 0xc0) != 0x80)
            buf_byte(out, '_');
    }
}

static void
put_value(struct buf *out, str v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\\' || v.p[i] == '"' || v.p[i] == '\n')
            buf_byte(out, '\\');
        buf_byte(out, v.p[i] == '\n' ? 'n' : v.p[i]);
    }
}

static void
put_label(struct buf *out, bool *any, str name, str value)
{
    buf_byte(out, *any ? ',' : '{');
    *any = true;
    put_name(out, name, false);
    buf_lit(out, "=\"");
    put_value(out, value);
    buf_byte(out, '"');
}

/* Its own labels, then the external ones it lacks; instance is always there. */
static void
put_labels(struct federation *f, struct labels ls)
{
    bool any = false;

    for (size_t i = 0; i < ls.n; i++)
        if (!str_eq(ls.v[i].name, LABEL_NAME))
            put_label(f->out, &any, ls.v[i].name, ls.v[i].value);
    bool instance = labels_has(ls, STRL("instance")) || labels_has(f->external, STRL("instance"));
    for (size_t i = 0; i < f->external.n; i++) {
        if (!instance && str_cmp(STRL("instance"), f->external.v[i].name) < 0) {
            put_label(f->out, &any, STRL("instance"), STR_EMPTY);
            instance = true;
        }
        if (!labels_has(ls, f->external.v[i].name))
            put_label(f->out, &any, f->external.v[i].name, f->external.v[i].value);
    }
    if (!instance)
        put_label(f->out, &any, STRL("instance"), STR_EMPTY);
    if (any)
        buf_byte(f->out, '}');
}

static void
put_sample(struct federation *f, struct labels ls, double v, int64_t t)
{
    char text[NUM_TEXT_MAX];
    str name = labels_get(ls, LABEL_NAME);

    if (name.n == 0)
        return;
    if (!str_eq(name, f->last_name)) {
        buf_lit(f->out, "# TYPE ");
        put_name(f->out, name, true);
        buf_lit(f->out, " untyped\n");
        f->last_name = name;
    }
    put_name(f->out, name, true);
    put_labels(f, ls);
    buf_byte(f->out, ' ');
    buf_put(f->out, STR(text, num_format_g(v, text)));
    buf_printf(f->out, " %lld\n", (long long)t);
}

static bool
put_series(struct federation *f, const struct view *v, size_t set, const struct selected *s, struct err *e)
{
    struct column c;

    if (!view_read(v, set, s, f->mint, f->maxt, f->scratch, &c, e))
        return false;
    size_t last = c.n - 1;
    if (c.n > 0 && !(c.h && c.h[last]) && !value_is_stale(c.v[last]))
        put_sample(f, s->labels, c.v[last], c.t[last]);
    arena_clear(f->scratch);
    return true;
}

/* All selections as one sorted list without repetition. */
static bool
put_all(struct federation *f, const struct view *v, size_t sets, struct err *e)
{
    size_t *at = ARENA_ZARRAY(f->req->arena, size_t, sets + 1);
    struct labels last = LABELS_EMPTY;
    bool any = false;

    for (;;) {
        const struct selected *best = NULL;
        size_t from = 0;
        for (size_t i = 0; i < sets; i++) {
            struct selection s = view_selection(v, i);
            if (at[i] < s.n && (!best || labels_cmp(s.v[at[i]].labels, best->labels) < 0)) {
                best = &s.v[at[i]];
                from = i;
            }
        }
        if (!best)
            return true;
        at[from]++;
        if (any && labels_eq(best->labels, last))
            continue;
        any = true;
        last = best->labels;
        if (!put_series(f, v, from, best, e))
            return false;
    }
}

static bool
federate(struct federation *f, struct matcher_set *sets, size_t n, struct err *e)
{
    struct selection_spec *specs = ARENA_ARRAY(f->req->arena, struct selection_spec, n + 1);
    struct view *v = NULL;

    for (size_t i = 0; i < n; i++)
        specs[i] = (struct selection_spec){sets[i].m, sets[i].n, f->mint, f->maxt};
    bool ok = n == 0 || (view_open(&v, f->w->layers.db, specs, n, 0, e) && put_all(f, v, n, e));
    view_close(&v);
    return ok;
}

void
page_federate(struct web *w, struct req *req, struct resp *resp)
{
    struct engine_opts o = engine_options(w->layers.engine);
    struct api a = {.w = w, .req = req, .resp = resp, .arena = req->arena};
    struct err e = ERR_INIT;
    struct matcher_set *sets;
    struct config *c = w->opts.config(w->opts.arg);
    struct federation f = {.w = w, .req = req, .out = &resp->body, .maxt = clock_now_ms(), .scratch = arena_new()};
    size_t n;

    f.mint = f.maxt - o.lookback_ms;
    f.external = c ? c->global.external_labels : LABELS_EMPTY;
    resp->content_type = FEDERATE_TEXT;
    if (!api_match(&a, &sets, &n, &e)) {
        resp_text(resp, 400, arena_printf(req->arena, "%s\n", e.text));
    } else {
        if (!federate(&f, sets, n, &e)) {
            buf_clear(&resp->body);
            resp_text(resp, 500, arena_printf(req->arena, "%s\n", e.text));
        }
        api_match_free(sets, n);
    }
    arena_free(&f.scratch);
    config_unref(&c);
}
