/* Discovery: static lists, files that change, URLs, and what a reload keeps. */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/config/config.h"
#include "server/discovery/discovery.h"
#include "tests/unit/http_server.h"

static char dir[64];

static void
write_file(const char *name, const char *text)
{
    char path[256];
    struct err e;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    ck_assert(io_replace(path, str_of(text), &e));
}

static struct config *
load(const char *yaml)
{
    struct config *c;
    struct err e;
    if (!config_parse(str_of(yaml), dir, &(struct config_opts){0}, &c, &e))
        ck_abort_msg("%s", e.text);
    return c;
}

static void
apply(struct discovery *d, struct config *c)
{
    struct discovery_section v[8];
    for (size_t i = 0; i < c->jobs_n; i++)
        v[i] = (struct discovery_section){c->jobs[i]->job_name, &c->jobs[i]->discovery};
    discovery_apply(d, c, v, c->jobs_n);
}

/* "address{labels} address{labels}" of a section; "-" if there is none. */
static void
put_targets(struct discovery *d, const char *key, struct buf *out)
{
    struct target_set *s = discovery_get(d, str_of(key));
    if (!s) {
        buf_byte(out, '-');
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->groups[i]->targets_n; k++) {
            buf_put(out, out->n ? STRL(" ") : STR_EMPTY);
            buf_put(out, labels_get(s->groups[i]->targets[k], STRL("__address__")));
            str x = labels_get(s->groups[i]->labels, STRL("x"));
            if (x.n)
                buf_printf(out, "{%.*s}", STR_ARG(x));
        }
    target_set_unref(&s);
}

static void
ck_targets(struct discovery *d, const char *key, const char *want)
{
    struct buf b = {0};
    /* What comes over files and HTTP takes a moment. */
    for (int i = 0; i < 300; i++) {
        buf_clear(&b);
        put_targets(d, key, &b);
        if (str_eq(buf_str(&b), str_of(want)))
            break;
        clock_sleep_ms(10);
    }
    ck_str(buf_str(&b), str_of(want));
    buf_free(&b);
}

static void
on_changed(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

static struct discovery *
start(_Atomic int *changes)
{
    struct discovery *d;
    struct err e;
    ck_assert(discovery_new(&d, &(struct discovery_opts){.name = "test", .changed = on_changed, .arg = changes,
                                                         .update_interval_ms = 50}, &e));
    return d;
}

static void
setup(void)
{
    strcpy(dir, "/tmp/narthex-sd-XXXXXX");
    ck_assert(mkdtemp(dir));
    log_setup(LOG_LEVEL_ERROR + 1, LOG_FORMAT_LOGFMT);
}

static void
teardown(void)
{
    struct err e;
    ck_assert(io_remove_tree(dir, &e));
}

START_TEST(test_static_and_reload)
{
    _Atomic int changes = 0;
    setup();
    struct discovery *d = start(&changes);
    struct config *c = load("scrape_configs:\n"
                            "- job_name: a\n  static_configs: [{targets: [h:1, h:2], labels: {x: y}}, {targets: [h:3]}]\n"
                            "- job_name: b\n");
    apply(d, c);
    ck_targets(d, "a", "h:1{y} h:2{y} h:3");
    ck_targets(d, "b", "");
    ck_targets(d, "c", "-");
    struct target_set *before = discovery_get(d, STRL("a"));
    config_unref(&c);
    c = load("scrape_configs:\n"
             "- job_name: a\n  static_configs: [{targets: [h:1, h:2], labels: {x: y}}, {targets: [h:3]}]\n"
             "- job_name: c\n  static_configs: [{targets: [h:9]}]\n");
    apply(d, c);
    struct target_set *after = discovery_get(d, STRL("a"));
    ck_assert_msg(before == after, "an unchanged section has a new set");
    target_set_unref(&before);
    target_set_unref(&after);
    ck_targets(d, "b", "-");
    ck_targets(d, "c", "h:9");
    config_unref(&c);
    discovery_free(&d);
    teardown();
}
END_TEST

START_TEST(test_files)
{
    _Atomic int changes = 0;
    setup();
    struct discovery *d = start(&changes);
    write_file("a.json", "[{\"targets\": [\"h:1\"], \"LABELS\": {\"x\": \"j\"}}]");
    struct config *c = load("scrape_configs:\n- job_name: a\n  file_sd_configs: [{files: ['*.json', '*.yml']}]\n"
                            "- job_name: b\n  file_sd_configs: [{files: ['*.json', '*.yml']}]\n");
    apply(d, c);
    ck_targets(d, "a", "h:1{j}");
    ck_targets(d, "b", "h:1{j}");
    ck_assert_int_eq(atomic_load(&changes), 0);
    write_file("b.yml", "- targets: ['h:2', h:3]\n- targets: [h:4]\n  labels: {x: 5}\n");
    ck_targets(d, "a", "h:1{j} h:2 h:3 h:4{5}");
    ck_assert_int_gt(atomic_load(&changes), 0);
    /* A broken file keeps what it had, the others go on. */
    write_file("b.yml", "- targets: ['h:2', h:3]\n  nonsense: 1\n");
    write_file("a.json", "[{\"targets\": [\"h:7\"]}]");
    ck_targets(d, "a", "h:7 h:2 h:3 h:4{5}");
    write_file("a.json", "[null]");
    write_file("b.yml", "[]");
    ck_targets(d, "a", "h:7");
    char path[256];
    snprintf(path, sizeof path, "%s/a.json", dir);
    ck_assert(unlink(path) == 0);
    ck_targets(d, "b", "");
    config_unref(&c);
    discovery_free(&d);
    teardown();
}
END_TEST

static _Atomic int http_mode;

static void
answer(void *arg, str head, struct buf *out)
{
    (void)arg;
    ck_assert(memmem(head.p, head.n, "X-Prometheus-Refresh-Interval-Seconds: 0.1\r\n", 44));
    switch (atomic_load(&http_mode)) {
    case 0: http_server_ok(out, "application/json; charset=utf-8", "[{\"targets\":[\"h:1\"],\"labels\":{\"x\":\"1\"}}]"); break;
    case 1: http_server_ok(out, "text/html", "[]"); break;
    case 2: http_server_ok(out, "application/json", "[{\"targets\":[\"h:1\"],\"other\":1}]"); break;
    case 3: buf_lit(out, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"); break;
    case 4: http_server_ok(out, "application/json", "[{\"targets\":[\"h:2\"]}]"); break;
    }
}

START_TEST(test_http)
{
    _Atomic int changes = 0;
    struct http_server server;
    char yaml[512];
    setup();
    http_server_start(&server, answer, NULL);
    struct discovery *d = start(&changes);
    snprintf(yaml, sizeof yaml, "scrape_configs:\n- job_name: a\n  http_sd_configs: [{url: 'http://127.0.0.1:%d/sd', "
             "refresh_interval: 100ms}]\n  static_configs: [{targets: [h:9]}]\n", server.port);
    struct config *c = load(yaml);
    apply(d, c);
    ck_targets(d, "a", "h:1{1} h:9");
    for (int mode = 1; mode < 4; mode++) {
        unsigned before = atomic_load(&server.requests);
        atomic_store(&http_mode, mode);
        for (int i = 0; i < 300 && atomic_load(&server.requests) < before + 2; i++)
            clock_sleep_ms(10);
        ck_targets(d, "a", "h:1{1} h:9");
    }
    /* The same over a reload: the provider goes on, and its targets stay. */
    config_unref(&c);
    c = load(yaml);
    apply(d, c);
    ck_targets(d, "a", "h:1{1} h:9");
    atomic_store(&http_mode, 4);
    ck_targets(d, "a", "h:2 h:9");
    /* A new URL that does not answer: the old targets stay for a while. */
    config_unref(&c);
    snprintf(yaml, sizeof yaml, "scrape_configs:\n- job_name: a\n  http_sd_configs: [{url: 'http://127.0.0.1:%d/other', "
             "refresh_interval: 100ms}]\n", server.port);
    atomic_store(&http_mode, 0);
    c = load(yaml);
    struct target_set *old = discovery_get(d, STRL("a"));
    apply(d, c);
    struct target_set *now = discovery_get(d, STRL("a"));
    ck_assert(old->n == 2 && (now == old || now->n == 1));
    target_set_unref(&old);
    target_set_unref(&now);
    ck_targets(d, "a", "h:1{1}");
    config_unref(&c);
    discovery_free(&d);
    http_server_stop(&server);
    teardown();
}
END_TEST

UNIT_MAIN("discovery", test_static_and_reload, test_files, test_http)
