/* bench_load.c - puts load on a server, cheaply: pages to scrape, or remote write.
 *
 *   bench_load serve PORT PAGES     answers /t/N/metrics of any N on 127.0.0.1:PORT until
 *                                   stdin ends; PAGES steps are rendered beforehand
 *   bench_load write URL TARGETS STEPS STEP_MS START_MS
 *                                   remote-writes STEPS samples of every series of TARGETS
 *                                   hosts, oldest first, 5,000 samples a request
 *
 * Prints the number of series, samples and seconds.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compress.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "base/pb.h"
#include "bench/fleet.h"
#include "server/net/http_client.h"

#define SAMPLES_PER_REQUEST 5000
#define PAGE_TARGETS 8 /* different pages; targets share them by number */

static struct fleet fleet;

/* --- pages ------------------------------------------------------------------------------ */

static struct {
    struct MHD_Response **v; /* [step * PAGE_TARGETS + target] */
    size_t steps;
    int64_t start_ms;
} pages;

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
           const char *data, size_t *data_n, void **con)
{
    (void)cls, (void)method, (void)version, (void)data, (void)data_n;
    if (!*con) {
        *con = c;
        return MHD_YES;
    }
    size_t target = strncmp(url, "/t/", 3) == 0 ? (size_t)strtoul(url + 3, NULL, 10) : 0;
    size_t step = (size_t)((clock_mono_ms() - pages.start_ms) / 1000) % pages.steps;
    return MHD_queue_response(c, 200, pages.v[step * PAGE_TARGETS + target % PAGE_TARGETS]);
}

static int
run_pages(unsigned port, size_t steps)
{
    pages.steps = steps;
    pages.v = MEM_ARRAY(struct MHD_Response *, steps * PAGE_TARGETS);
    for (size_t k = 0; k < steps; k++) {
        for (size_t t = 0; t < PAGE_TARGETS; t++) {
            struct buf b = {0};
            fleet_page(&fleet, t, k, &b);
            struct MHD_Response *r = MHD_create_response_from_buffer(b.n, b.p, MHD_RESPMEM_PERSISTENT);
            MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
            pages.v[k * PAGE_TARGETS + t] = r;
        }
    }
    pages.start_ms = clock_mono_ms();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t)port, NULL, NULL, on_request, NULL,
                                            MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_CONNECTION_LIMIT, 20000u, MHD_OPTION_END);
    if (!d) {
        fprintf(stderr, "bench_load: cannot listen on 127.0.0.1:%u\n", port);
        return 1;
    }
    printf("series %zu\nready\n", fleet.n);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    MHD_stop_daemon(d);
    return 0;
}

/* --- remote write -------------------------------------------------------------------------- */

struct writer {
    struct http_client *client;
    const char *url;
    struct buf body, packed;
    size_t samples, total;
};

static void
put_label(struct buf *b, str name, str value)
{
    size_t at = pb_begin(b, 1);
    pb_put_bytes(b, 1, name);
    pb_put_bytes(b, 2, value);
    pb_end(b, at);
}

static bool
flush(struct writer *w)
{
    struct http_header headers[] = {{STRL("Content-Type"), STRL("application/x-protobuf")},
                                    {STRL("Content-Encoding"), STRL("snappy")},
                                    {STRL("X-Prometheus-Remote-Write-Version"), STRL("0.1.0")}};
    struct http_response got = {0};
    struct err e = ERR_INIT;

    if (w->samples == 0)
        return true;
    buf_clear(&w->packed);
    snappy_encode(buf_str(&w->body), &w->packed);
    struct http_request r = {.method = "POST", .url = w->url, .headers = headers, .headers_n = 3,
                             .body = buf_str(&w->packed), .timeout_ms = 120000, .body_max = 1u << 20};
    bool ok = http_do(w->client, &r, &got, &e);
    if (!ok || got.status / 100 != 2) {
        fprintf(stderr, "bench_load: %s: %d %s\n", w->url, got.status, ok ? buf_cstr(&got.body) : e.text);
        return false;
    }
    http_response_fini(&got);
    w->total += w->samples;
    w->samples = 0;
    buf_clear(&w->body);
    return true;
}

static void
put_series(struct writer *w, size_t target, size_t i, uint64_t k, int64_t t)
{
    char instance[32];
    size_t at = pb_begin(&w->body, 1);
    struct labels ls = fleet.labels[i];
    bool done = false;

    snprintf(instance, sizeof instance, "host-%05zu:9100", target);
    for (size_t l = 0; l < ls.n; l++) { /* sorted, with instance and job in their places */
        if (!done && str_cmp(STRL("instance"), ls.v[l].name) < 0) {
            put_label(&w->body, STRL("instance"), str_of(instance));
            put_label(&w->body, STRL("job"), STRL("fleet"));
            done = true;
        }
        put_label(&w->body, ls.v[l].name, ls.v[l].value);
    }
    if (!done) {
        put_label(&w->body, STRL("instance"), str_of(instance));
        put_label(&w->body, STRL("job"), STRL("fleet"));
    }
    size_t sample = pb_begin(&w->body, 2);
    pb_put_f64(&w->body, 1, fleet_value(&fleet, target, i, k));
    pb_put_u64(&w->body, 2, (uint64_t)t);
    pb_end(&w->body, sample);
    pb_end(&w->body, at);
    w->samples++;
}

static int
run_write(const char *url, size_t targets, uint64_t steps, int64_t step_ms, int64_t start_ms)
{
    struct writer w = {.url = url};
    struct err e = ERR_INIT;
    int64_t began = clock_mono_ns();

    if (!http_client_new(&w.client, NULL, &e))
        return 1;
    for (uint64_t k = 0; k < steps; k++) {
        for (size_t t = 0; t < targets; t++) {
            for (size_t i = 0; i < fleet.n; i++) {
                put_series(&w, t, i, k, start_ms + (int64_t)k * step_ms);
                if (w.samples == SAMPLES_PER_REQUEST && !flush(&w))
                    return 1;
            }
        }
    }
    if (!flush(&w))
        return 1;
    printf("series %zu\nsamples %zu\nseconds %.3f\n", targets * fleet.n, w.total, (double)(clock_mono_ns() - began) / 1e9);
    return 0;
}

int
main(int argc, char **argv)
{
    fleet_init(&fleet);
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        return run_pages((unsigned)strtoul(argv[2], NULL, 10), (size_t)strtoul(argv[3], NULL, 10));
    if (argc == 7 && strcmp(argv[1], "write") == 0)
        return run_write(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), strtol(argv[5], NULL, 10),
                         strtol(argv[6], NULL, 10));
    fprintf(stderr, "usage: bench_load serve PORT PAGES | write URL TARGETS STEPS STEP_MS START_MS\n");
    return 2;
}
