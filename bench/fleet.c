#include "bench/fleet.h"

#include "base/num.h"
#include "base/panic.h"

enum kind { BUSY_COUNTER, SLOW_COUNTER, GAUGE, CONSTANT };

static void
add(struct fleet *f, enum kind kind, const char *name, const char *const *pairs)
{
    struct labels_builder b;

    CHECK(f->n < FLEET_SERIES_MAX);
    labels_builder_init(&b, f->arena, LABELS_EMPTY);
    labels_builder_set(&b, LABEL_NAME, arena_str(f->arena, str_of(name)));
    for (; pairs[0]; pairs += 2)
        labels_builder_set(&b, str_of(pairs[0]), arena_str(f->arena, str_of(pairs[1])));
    f->kind[f->n] = (uint8_t)kind;
    f->labels[f->n++] = labels_builder_done(&b);
}

static const char *
text(struct fleet *f, const char *fmt, int i)
{
    struct buf b = {0};
    buf_printf(&b, "%s%d", fmt, i);
    const char *s = arena_cstr(f->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

static void
add_host(struct fleet *f)
{
    static const char *const modes[] = {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"};
    static const char *const disk[] = {"node_disk_read_bytes_total", "node_disk_written_bytes_total",
                                       "node_disk_io_time_seconds_total", "node_disk_reads_completed_total"};
    static const char *const net[] = {"node_network_receive_bytes_total", "node_network_transmit_bytes_total",
                                      "node_network_receive_packets_total", "node_network_transmit_drop_total"};

    for (int cpu = 0; cpu < 16; cpu++)
        for (size_t m = 0; m < ARRAY_LEN(modes); m++)
            add(f, m == 0 || m > 5 ? BUSY_COUNTER : CONSTANT, "node_cpu_seconds_total",
                (const char *[]){"cpu", text(f, "", cpu), "mode", modes[m], NULL});
    for (int d = 0; d < 4; d++)
        for (size_t k = 0; k < ARRAY_LEN(disk); k++)
            add(f, SLOW_COUNTER, disk[k], (const char *[]){"device", text(f, "nvme", d), NULL});
    for (int d = 0; d < 6; d++)
        for (size_t k = 0; k < ARRAY_LEN(net); k++)
            add(f, k == 3 ? CONSTANT : BUSY_COUNTER, net[k], (const char *[]){"device", text(f, "eth", d), NULL});
    for (int i = 0; i < 48; i++)
        add(f, i % 3 ? GAUGE : CONSTANT, text(f, "node_memory_bytes_", i), (const char *[]){NULL});
}

static void
add_requests(struct fleet *f)
{
    static const char *const bounds[] = {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"};
    static const char *const codes[] = {"200", "404", "500"};

    for (int route = 0; route < 12; route++) {
        for (size_t c = 0; c < ARRAY_LEN(codes); c++)
            add(f, c == 0 ? BUSY_COUNTER : SLOW_COUNTER, "http_requests_total",
                (const char *[]){"route", text(f, "/api/v1/resource", route), "method", "GET", "code", codes[c], NULL});
        for (size_t b = 0; b < ARRAY_LEN(bounds); b++)
            add(f, BUSY_COUNTER, "http_request_duration_seconds_bucket",
                (const char *[]){"route", text(f, "/api/v1/resource", route), "method", "GET", "le", bounds[b], NULL});
        add(f, BUSY_COUNTER, "http_request_duration_seconds_count",
            (const char *[]){"route", text(f, "/api/v1/resource", route), "method", "GET", NULL});
        add(f, BUSY_COUNTER, "http_request_duration_seconds_sum",
            (const char *[]){"route", text(f, "/api/v1/resource", route), "method", "GET", NULL});
    }
}

void
fleet_init(struct fleet *f)
{
    f->n = 0;
    f->arena = arena_new();
    add_host(f);
    add_requests(f);
}

static uint64_t
mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

double
fleet_value(const struct fleet *f, size_t target, size_t i, uint64_t k)
{
    uint64_t seed = mix(target * 7919 + i);
    uint64_t step = mix(seed + k);

    switch ((enum kind)f->kind[i]) {
    case BUSY_COUNTER: /* grows by about the same each step */
        return (double)(k * (50 + seed % 200) + step % 50);
    case SLOW_COUNTER: /* stands still, then jumps */
        return (double)((k / (2 + seed % 6)) * (1 + seed % 9));
    case GAUGE: /* two decimals, wandering */
        return (double)(100000 + seed % 50000 + step % 2000) / 100;
    case CONSTANT:
        return (double)(seed % 1000);
    }
    return 0;
}

void
fleet_page(const struct fleet *f, size_t target, uint64_t k, struct buf *out)
{
    char number[NUM_TEXT_MAX];
    str last = STR_EMPTY;

    for (size_t i = 0; i < f->n; i++) {
        str name = labels_get(f->labels[i], LABEL_NAME);
        if (!str_eq(name, last))
            buf_printf(out, "# HELP %.*s A series of the fleet.\n# TYPE %.*s %s\n", STR_ARG(name), STR_ARG(name),
                       f->kind[i] == GAUGE || str_starts(name, STRL("node_memory")) ? "gauge" : "counter");
        last = name;
        buf_put(out, name);
        for (size_t l = 0, written = 0; l < f->labels[i].n; l++) {
            if (str_eq(f->labels[i].v[l].name, LABEL_NAME))
                continue;
            buf_printf(out, "%s%.*s=\"%.*s\"", written++ ? "," : "{", STR_ARG(f->labels[i].v[l].name),
                       STR_ARG(f->labels[i].v[l].value));
        }
        if (f->labels[i].n > 1)
            buf_byte(out, '}');
        buf_byte(out, ' ');
        buf_put(out, STR(number, num_format_g(fleet_value(f, target, i, k), number)));
        buf_byte(out, '\n');
    }
}
