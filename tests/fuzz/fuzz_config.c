/* prometheus.yml, alertmanager.yml and rule files: YAML through the tables. */
#include "tests/fuzz/fuzz.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/panic.h"
#include "server/config/config.h"
#include "server/config/rule_file.h"

static void
fuzz_main_file(str text)
{
    struct config_opts o = {.main_only = true};
    struct config *c;
    struct err e;
    if (!config_parse(text, "/d", &o, &c, &e)) {
        CHECK(e.text[0] != '\0');
        return;
    }
    CHECK(c->text.n > 0 && c->global.scrape_interval_ms > 0);
    config_unref(&c);
}

/* The same text as the inline notification configuration. */
static void
fuzz_notify(str text)
{
    struct buf b = {0};
    buf_lit(&b, "alerting:\n");
    for (size_t i = 0; i < text.n;) {
        ptrdiff_t end = str_find_char(text, '\n', i);
        size_t n = (end < 0 ? text.n : (size_t)end) - i;
        buf_lit(&b, "  ");
        buf_put(&b, STR(text.p + i, n));
        buf_byte(&b, '\n');
        i += n + 1;
    }
    fuzz_main_file(buf_str(&b));
    buf_free(&b);
}

static void
fuzz_rules(str text)
{
    struct arena *a = arena_new();
    struct rule_file *f = NULL;
    struct rule_errors errors;
    if (rule_file_parse("f", text, NULL, a, &f, &errors))
        CHECK(errors.n == 0);
    else
        CHECK(errors.n > 0);
    rule_file_free(&f);
    arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool quiet;
    str text = STR(data, n);
    if (!quiet)
        log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    quiet = true;
    fuzz_main_file(text);
    fuzz_notify(text);
    fuzz_rules(text);
    return 0;
}

static const char *const seeds[] = {
    "global: {scrape_interval: 15s, external_labels: {a: $b}}\nscrape_configs:\n- job_name: a\n"
    "  static_configs: [{targets: [a]}]\n  relabel_configs: [{source_labels: [a], regex: x.*, "
    "target_label: b}]\n  authorization: {credentials: c}\n  kubernetes_sd_configs: [{role: pod, "
    "selectors: [{role: pod, label: 'a in (b)'}]}]\n",
    "remote_write:\n- &a {url: http://h, queue_config: {capacity: 5}}\n- <<: *a\n  name: b\n"
    "storage: {tsdb: {retention: {size: 1GB}}}\notlp: {promote_resource_attributes: [a]}\n",
    "route: {receiver: a, group_by: ['...'], routes: [{matchers: ['a=\"b\"'], match_re: {c: d}}]}\n"
    "receivers: [{name: a, webhook_configs: [{url: 'http://h', payload: {a: [1, {b: c}]}}], "
    "slack_configs: [{api_url: 'http://s'}]}]\ninhibit_rules: [{source_matchers: [a=b], equal: [c]}]\n"
    "time_intervals: [{name: t, time_intervals: [{times: [{start_time: '09:00', end_time: '10:00'}], "
    "weekdays: ['monday:friday'], days_of_month: ['-5:-1']}]}]\n",
    "groups:\n- name: g\n  interval: 1m\n  rules:\n  - {record: a, expr: sum(b), labels: {c: d}}\n"
    "  - {alert: A, expr: up == 0, for: 5m, annotations: {s: '{{ $value }}'}}\n",
};

bool
fuzz_seed(struct buf *out, unsigned i)
{
    if (i >= ARRAY_LEN(seeds))
        return false;
    buf_put(out, str_of(seeds[i]));
    return true;
}
