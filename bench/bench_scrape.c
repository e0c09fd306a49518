/* Nanoseconds per sample of a page whose lines are as expected: cache, value, append, commit.
 * Also the bytes of memory a cached line takes.  With an argument the database is in that
 * folder and has a WAL. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "server/scrape/page.h"

#define TARGETS 200
#define SERIES 2000
#define ROUNDS 30
#define T0 INT64_C(1700000000000)

struct fleet {
    struct config *c;
    struct job *j;
    struct tsdb *db;
    struct mutex mu;
    struct family_pool families;
    struct page_worker *w;
    struct target *t[TARGETS];
    struct buf body[TARGETS];
    uint32_t *value_at[TARGETS]; /* where in the body each value is: eight digits */
};

static void
make_page(struct fleet *f, size_t i)
{
    struct buf *b = &f->body[i];

    f->value_at[i] = MEM_ARRAY(uint32_t, SERIES);
    for (int k = 0; k < SERIES; k++) {
        if (k % 20 == 0)
            buf_printf(b, "# HELP http_requests_%d_total Requests served since the start.\n"
                          "# TYPE http_requests_%d_total counter\n", k / 20, k / 20);
        buf_printf(b, "http_requests_%d_total{method=\"GET\",handler=\"/api/v1/thing_%d\",code=\"%d\"} ", k / 20,
                   k % 20, 200 + k % 5);
        f->value_at[i][k] = (uint32_t)b->n;
        buf_printf(b, "%08d\n", 10000000 + (int)rng_below(1000000));
    }
}

static void
open_fleet(struct fleet *f, const char *dir)
{
    struct tsdb_opts o;
    struct err e;
    struct arena *a = arena_new();

    tsdb_opts_default(&o);
    o.dir = dir;
    bool ok = config_parse(STRL("scrape_configs: [{job_name: bench}]"), "/", &(struct config_opts){0}, &f->c, &e) &&
              job_new(&f->j, f->c, f->c->jobs[0], NULL, &e) && tsdb_open(&f->db, &o, &e);
    if (!ok) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    mutex_init(&f->mu, LOCK_SCRAPE_SHARD);
    f->families.mu = &f->mu;
    f->w = page_worker_new(&(struct page_worker_opts){.db = f->db, .families = &f->families});
    for (size_t i = 0; i < TARGETS; i++) {
        struct labels labels;
        const struct label own[] = {{STRL("__address__"), arena_printf(a, "host-%zu:9100", i)}};
        struct labels found = target_discovered(f->j->s, LABELS_EMPTY, (struct labels){own, 1}, a);
        if (!target_relabel(f->j->s, found, a, &labels, &e))
            exit(1);
        f->t[i] = target_new(labels, target_url(f->j->s, labels, a), i, f->j);
        make_page(f, i);
    }
    arena_free(&a);
}

static void
change_values(struct fleet *f, size_t i)
{
    for (int k = 0; k < SERIES; k++) {
        if (rng_below(3) == 0)
            continue; /* a third of all counters stand still */
        char *digit = f->body[i].p + f->value_at[i][k] + 7;
        for (unsigned carry = 1 + (unsigned)rng_below(9); carry; digit--) {
            unsigned v = (unsigned)(*digit - '0') + carry;
            *digit = (char)('0' + v % 10);
            carry = v / 10;
        }
    }
}

static double
round_ns(struct fleet *f, int64_t t, bool change)
{
    int64_t spent = 0;

    for (size_t i = 0; i < TARGETS; i++) {
        static struct page_result r;
        if (change)
            change_values(f, i);
        int64_t start = clock_mono_ns();
        const struct page p = {.t = t, .start_ns = start, .body = buf_str(&f->body[i]),
                               .content_type = STRL("text/plain"), .body_bytes = (int64_t)f->body[i].n};
        page_scrape(f->w, f->t[i], &p, &r);
        spent += clock_mono_ns() - start;
        if (!r.ok || r.added != SERIES) {
            fprintf(stderr, "scrape failed: %s\n", r.ok ? "samples are missing" : r.e.text);
            exit(1);
        }
    }
    return (double)spent / TARGETS / SERIES;
}

int
main(int argc, char **argv)
{
    static struct fleet f;
    double best = 1e9, sum = 0;

    rng_seed(1);
    open_fleet(&f, argc > 1 ? argv[1] : NULL);
    int64_t t = clock_now_ms() - 3600000;
    printf("scrape_first %.1f ns/sample\n", round_ns(&f, t, false));
    for (int i = 1; i <= ROUNDS; i++) {
        double ns = round_ns(&f, t + i * 15000, true);
        best = ns < best ? ns : best;
        sum += ns;
    }
    size_t lines = 0;
    for (size_t i = 0; i < TARGETS; i++)
        lines += f.t[i]->cache.cap * sizeof(struct cache_line) +
                 f.t[i]->cache.metadata.cap * sizeof(struct metadata_slot);
    printf("scrape_hot %.1f ns/sample (mean %.1f)\n", best, sum / ROUNDS);
    printf("scrape_cache %.1f bytes/series\n", (double)lines / TARGETS / SERIES);
    printf("resident %.1f bytes/series with pages of %.0f\n", (double)mem_resident_bytes() / TARGETS / SERIES,
           (double)f.body[0].n / SERIES);
    return 0;
}
