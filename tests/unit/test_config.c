#include "server/config/config.h"

#include "tests/unit/config_util.h"

static const char standard[] =
    "global:\n"
    "  scrape_interval: 1m\n"
    "  scrape_timeout: 10s\n"
    "  evaluation_interval: 1m\n"
    "  metric_name_validation_scheme: utf8\n"
    "  metric_name_escaping_scheme: allow-utf-8\n"
    "  scrape_native_histograms: false\n"
    "  extra_scrape_metrics: false\n"
    "runtime:\n"
    "  gogc: 75\n"
    "storage:\n"
    "  tsdb:\n"
    "    outofordertimewindow: 0\n"
    "    retention:\n"
    "      time: 15d\n"
    "otlp:\n"
    "  translation_strategy: UnderscoreEscapingWithSuffixes\n"
    "  label_name_underscore_sanitization: true\n"
    "  label_name_preserve_multiple_underscores: true\n";

START_TEST(test_defaults)
{
    struct config *c = load_good("");
    ck_assert_msg(str_eq(c->text, str_of(standard)), "%.*s", STR_ARG(c->text));
    ck_assert_int_eq(c->global.scrape_interval_ms, 60000);
    ck_assert_int_eq(c->storage.tsdb->retention->time_ms, 15 * DAY_MS);
    ck_assert(c->alerting.notify == NULL && c->jobs_n == 0);
    config_unref(&c);

    c = load_good("scrape_configs:\n- job_name: a\n  static_configs: [{targets: [x, y], labels: {l: v}}]\n");
    ck_assert_uint_eq(c->jobs_n, 1);
    const struct config_scrape *s = c->jobs[0];
    ck_assert(s->honor_timestamps && s->enable_compression && s->http.follow_redirects);
    ck_assert_uint_eq(s->protocols_n, 4);
    ck_assert_int_eq(s->protocols[0], PROTOCOL_OPENMETRICS_TEXT_1_0_0);
    ck_assert_int_eq(s->escaping, ESCAPING_ALLOW_UTF8);
    ck_assert_uint_eq(s->discovery.n, 1);
    ck_assert_int_eq(s->discovery.v[0].kind, SD_STATIC);
    ck_assert(str_eq(s->discovery.v[0].statics.v[0]->targets.v[1], STRL("y")));
    config_unref(&c);
}
END_TEST

/* What is printed loads again, and prints the same: nothing is lost or added. */
START_TEST(test_prints_what_it_reads)
{
    static const char all[] =
        "global: {scrape_interval: 15s, external_labels: {a10: x, a9: y, b: '1'}, sample_limit: 5, "
        "body_size_limit: 1536MB}\n"
        "rule_files: [r.yml]\n"
        "alerting:\n"
        "  alert_relabel_configs: [{action: labeldrop, regex: replica}]\n"
        "  alertmanagers: [{static_configs: [{targets: [am]}], basic_auth: {username: u, password: p}}]\n"
        "scrape_configs:\n"
        "- job_name: \"1:30\"\n"
        "  params: {m: [a, b]}\n"
        "  bearer_token: t\n"
        "  http_headers: {X-A: {values: [b], secrets: [s]}}\n"
        "  relabel_configs: [{source_labels: [a], regex: '(.*)', target_label: b}]\n"
        "  file_sd_configs: [{files: [a.json]}]\n"
        "  dns_sd_configs: [{names: [n], type: a, port: 1}]\n"
        "  kubernetes_sd_configs: [{role: pod, selectors: [{role: pod, label: 'a in (b,c), !d'}]}]\n"
        "  consul_sd_configs: [{token: x}]\n"
        "  docker_sd_configs: [{host: 'unix:///d'}]\n"
        "remote_write: [{url: 'http://u:p@h/w', name: n, sigv4: {region: r}}]\n"
        "remote_read: [{url: 'http://h/r', required_matchers: {a: b}}]\n"
        "storage: {tsdb: {out_of_order_time_window: 1h, retention: {size: 1GB, percentage: 12.5}}, "
        "exemplars: {max_exemplars: 7}}\n"
        "tracing: {endpoint: 'h:1', sampling_fraction: 0.5}\n"
        "otlp: {promote_resource_attributes: [a, ' b ']}\n";
    struct config *c = load_good(all);
    struct err e;
    struct config *again = NULL;
    struct config_opts o = {.retention_ms = 15 * DAY_MS};
    ck_assert_msg(config_parse(c->text, "/etc/x", &o, &again, &e), "%s\n%.*s", e.text,
                  STR_ARG(c->text));
    ck_assert_msg(str_eq(c->text, again->text), "%.*s\nbecame\n%.*s", STR_ARG(c->text),
                  STR_ARG(again->text));
    ck_assert(memmem(c->text.p, c->text.n, "password: <secret>", 18) != NULL);
    ck_assert(memmem(c->text.p, c->text.n, "http://u:xxxxx@h/w", 18) != NULL);
    ck_assert(memmem(c->text.p, c->text.n, "credentials: <secret>", 21) != NULL);
    ck_assert(memmem(c->text.p, c->text.n, "job_name: \"1:30\"", 16) != NULL);
    ck_assert(memmem(c->text.p, c->text.n, "a9: \"y\"\n    a10: x", 18) != NULL);
    ck_assert(memmem(c->text.p, c->text.n, "body_size_limit: 1GiB512MiB", 27) != NULL);
    ck_assert(str_eq(c->jobs[0]->http.authorization->credentials, STRL("t")));
    ck_assert(str_eq(c->remote_write.v[0]->url.text, STRL("http://u:p@h/w")));
    ck_assert(str_eq(c->rule_files.v[0], STRL("/etc/x/r.yml")));
    config_unref(&again);
    config_unref(&c);
}
END_TEST

START_TEST(test_faults)
{
    refused("global: {nosuch: 1}\n",
            "yaml: unmarshal errors:\n  line 1: field nosuch not found in type config.plain", 1,
            "global.nosuch");
    refused("global:\n  scrape_interval: 1m\n  scrape_interval: 2m\n",
            "yaml: unmarshal errors:\n  line 3: field scrape_interval already set in type config.plain",
            3, "global.scrape_interval");
    refused("global: {sample_limit: 'abcdefghijkl', label_limit: -1}\n",
            "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `abcdefg...` into uint\n"
            "  line 1: cannot unmarshal !!int `-1` into uint",
            1, "global.sample_limit");
    /* A failure is the only thing said, wherever it stands. */
    refused("global: {nosuch: 1}\nscrape_configs:\n- job_name: a\n  scrape_interval: 5\n",
            "not a valid duration string: \"5\"", 4, "scrape_configs[0].scrape_interval");
    refused("scrape_configs:\n- job_name: a\n- job_name: a\n",
            "found multiple scrape configs with job name \"a\"", 3, "scrape_configs[1]");
    refused("scrape_configs: [null]\n", "empty or null scrape config section", 1,
            "scrape_configs[0]");
    refused("scrape_configs: [{job_name: ''}]\n", "job_name is empty", 1, "scrape_configs[0]");
    refused("rule_files: ['*/a.yml']\n", "invalid rule file path \"*/a.yml\"", 1, "");
    refused("scrape_configs:\n- job_name: a\n  ec2_sd_configs: [{region: x}]\n",
            "ec2_sd_configs: narthex has no service discovery for ec2: have an adapter write the "
            "targets to a file for file_sd_configs, or serve them for http_sd_configs",
            3, "scrape_configs[0].ec2_sd_configs");
    refused("scrape_configs:\n- job_name: a\n  ec2_sd_configs: [{regoin: x}]\n",
            "yaml: unmarshal errors:\n  line 3: field regoin not found in type plain", 3,
            "scrape_configs[0].ec2_sd_configs[0]");
    refused("scrape_configs:\n- job_name: a\n  relabel_configs: [{action: keep, regex: '('}]\n",
            "error parsing regexp: missing closing ): `^(?s:()$`", 3,
            "scrape_configs[0].relabel_configs[0].regex");
    refused("alerting: {config_file: a.yml, route: {receiver: a}, receivers: [{name: a}]}\n",
            "at most one of config_file & an inline notification configuration (route, receivers, …) "
            "must be configured",
            1, "alerting");
}
END_TEST

START_TEST(test_environment)
{
    ck_assert_int_eq(setenv("NARTHEX_T_A", "val", 1), 0);
    ck_assert_int_eq(unsetenv("NARTHEX_T_B"), 0);
    struct config *c = load_good("global: {external_labels: {a: '$NARTHEX_T_A-${NARTHEX_T_A}x', "
                                 "b: '${NARTHEX_T_B}', c: '$$x', d: '$', e: '$/', f: '${'}}\n");
    static const char *const want[] = {"val-valx", "", "$x", "$", "$/", ""};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        ck_assert_msg(str_eq(c->global.external_labels.v[i].value, str_of(want[i])), "%zu: %.*s", i,
                      STR_ARG(c->global.external_labels.v[i].value));
    config_unref(&c);
}
END_TEST

START_TEST(test_identity)
{
    struct config *a = load_good("scrape_configs: [{job_name: j, basic_auth: {password: x}}]\n");
    struct config *b = load_good("scrape_configs: [{job_name: j, basic_auth: {password: y}}]\n");
    struct config *c = load_good("scrape_configs: [{job_name: j, scrape_interval: 7s, "
                                 "scrape_timeout: 7s, basic_auth: {password: x}}]\n");
    ck_assert(str_eq(a->text, b->text));
    ck_assert(!str_eq(a->jobs[0]->identity, b->jobs[0]->identity));
    ck_assert(!str_eq(a->jobs[0]->identity, c->jobs[0]->identity));
    ck_assert(str_eq(a->jobs[0]->cache_identity, c->jobs[0]->cache_identity));
    struct config *held = config_ref(a);
    config_unref(&a);
    ck_assert(a == NULL && str_eq(held->jobs[0]->job_name, STRL("j")));
    config_unref(&held);
    config_unref(&b);
    config_unref(&c);
}
END_TEST

START_TEST(test_files)
{
    char *dir = temp_folder();
    char *main_path = write_file(dir, "prometheus.yml",
                                 "scrape_config_files: ['jobs/*.yml']\nrule_files: ['r*.yml']\n"
                                 "alerting: {config_file: am.yml}\nscrape_configs: [{job_name: a}]\n");
    struct err e;
    struct config_place place = {.line = 0};
    struct config_opts o = {.place = &place};
    struct config *c;
    char *jobs = io_join(dir, "jobs");
    ck_assert(io_mkdir_all(jobs, &e));
    mem_free(write_file(jobs, "1.yml", "scrape_configs:\n- job_name: b\n  bearer_token_file: t\n"));
    mem_free(write_file(dir, "r1.yml", ""));
    mem_free(write_file(dir, "am.yml", "route: {receiver: x}\nreceivers: [{name: x}]\n"));

    ck_assert_msg(config_load(main_path, &o, &c, &e), "%s", e.text);
    ck_assert_uint_eq(c->jobs_n, 2);
    ck_assert(str_ends(c->jobs[1]->http.authorization->credentials_file, STRL("/jobs/t")));
    ck_assert(c->alerting.notify != NULL && c->alerting.written == NULL);
    struct arena *a = arena_new();
    str *paths;
    size_t n;
    ck_assert(config_rule_paths(c, a, &paths, &n, &e) && n == 1);
    ck_assert(config_watch_paths(c, a, &paths, &n, &e) && n == 4);
    arena_free(&a);
    config_unref(&c);

    mem_free(write_file(jobs, "2.yml", "scrape_configs:\n- job_name: a\n"));
    ck_assert(!config_load(main_path, &o, &c, &e));
    ck_assert(place.elsewhere && str_ends(str_of(place.file), STRL("2.yml")));
    ck_assert(str_ends(err_str(&e), STRL("first found in main config file")));
    o.main_only = true;
    ck_assert(config_load(main_path, &o, &c, &e));
    config_unref(&c);
    ck_assert(!config_load("nosuch/x.yml", &o, &c, &e));
    ck_assert_str_eq(e.text, "open nosuch/x.yml: no such file or directory");

    ck_assert(io_remove_tree(dir, &e));
    mem_free(jobs);
    mem_free(main_path);
    mem_free(dir);
}
END_TEST

START_TEST(test_agent)
{
    struct config_opts o = {.agent = true};
    struct config *c;
    struct err e;
    ck_assert(!config_parse(STRL("rule_files: [a]\n"), "", &o, &c, &e));
    ck_assert_str_eq(e.text, "field rule_files is not allowed in agent mode");
    ck_assert(config_parse(STRL("remote_write: [{url: 'http://h'}]\n"), "", &o, &c, &e));
    ck_assert_uint_eq(c->remote_write.v[0]->label.n, 6);
    config_unref(&c);
}
END_TEST

/* Random damage to a good file: taken or refused, never worse. */
START_TEST(test_damage)
{
    static const char good[] =
        "global: {scrape_interval: 15s, external_labels: {a: b}}\n"
        "scrape_configs:\n- job_name: a\n  scheme: https\n  static_configs:\n  - targets: [a, b]\n"
        "  relabel_configs:\n  - {source_labels: [a], regex: x(.*), target_label: b}\n"
        "remote_write:\n- url: http://h\n  queue_config: {capacity: 5}\n";
    unit_seed();
    for (int i = 0; i < 2000; i++) {
        char text[sizeof good];
        struct err e;
        memcpy(text, good, sizeof good);
        for (uint64_t k = 1 + rng_below(3); k > 0; k--)
            text[rng_below(sizeof good - 1)] = ":-[]{}, \n'\"x1&*!|"[rng_below(17)];
        struct config *c = load_text(text, NULL, &e);
        config_unref(&c);
    }
}
END_TEST

START_TEST(test_conformance)
{
    char *dir = conformance_folder("config");
    struct io_entry *list;
    size_t n, good = 0, bad = 0;
    struct err e;
    if (dir == NULL)
        return;
    ck_assert(io_list(dir, &list, &n, &e));
    for (size_t i = 0; i < n; i++) {
        struct config_place place = {.line = 0};
        struct config_opts o = {.agent = strncmp(list[i].name, "agent", 5) == 0, .place = &place};
        struct config *c = NULL;
        char *path = io_join(dir, list[i].name);
        bool want = strstr(list[i].name, ".good.") != NULL;
        bool file = want || strstr(list[i].name, ".bad.") != NULL;
        if (file && config_load(path, &o, &c, &e) != want &&
            !(want && strstr(e.text, "narthex has no service discovery for") != NULL))
            ck_abort_msg("%s: %s", path, want ? e.text : "is taken");
        if (file && !want)
            ck_assert_msg(place.line > 0 || strstr(e.text, "yaml: ") != NULL ||
                              strstr(e.text, "found multiple") != NULL,
                          "%s: %s", path, e.text);
        good += file && want;
        bad += file && !want;
        config_unref(&c);
        mem_free(path);
    }
    printf("%s: %zu good, %zu bad\n", dir, good, bad);
    io_list_free(&list, n);
    mem_free(dir);
}
END_TEST

UNIT_MAIN("config", test_defaults, test_prints_what_it_reads, test_faults, test_environment,
          test_identity, test_files, test_agent, test_damage, test_conformance)
