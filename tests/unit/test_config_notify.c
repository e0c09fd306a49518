#include "server/config/config_notify.h"

#include "server/config/am_matcher.h"
#include "tests/unit/config_util.h"

static struct config *
load_am(const char *text, struct err *e)
{
    struct buf b = {0};
    buf_lit(&b, "alerting:\n");
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        buf_printf(&b, "  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    struct config *c = load_text(buf_cstr(&b), NULL, e);
    buf_free(&b);
    return c;
}

static void
bad(const char *text, const char *words)
{
    struct err e;
    struct config *c = load_am(text, &e);
    ck_assert_msg(c == NULL, "%s\nis taken", text);
    ck_assert_msg(strcmp(e.text, words) == 0, "%s\nis refused with \"%s\", not \"%s\"", text, e.text,
                  words);
}

START_TEST(test_routes)
{
    struct err e;
    struct config *c = load_am("route:\n"
                               "  receiver: a\n"
                               "  group_by: [alertname, job]\n"
                               "  routes:\n"
                               "  - {receiver: b, match: {x: y}, match_re: {u: 'a|b'}, "
                               "matchers: ['c=\"d\", e!~f'], continue: true, repeat_interval: 1d}\n"
                               "  - {group_by: ['...'], mute_time_intervals: [t]}\n"
                               "receivers: [{name: a}, {name: b, webhook_configs: [{url: 'http://h'}]}]\n"
                               "time_intervals:\n"
                               "- name: t\n"
                               "  time_intervals:\n"
                               "  - times: [{start_time: '09:00', end_time: '24:00'}]\n"
                               "    weekdays: ['monday:friday', SUNDAY]\n"
                               "    days_of_month: ['1:5', '-3:-1']\n"
                               "    months: ['may:8', december]\n"
                               "    years: ['2020:2030']\n"
                               "    location: UTC\n",
                               &e);
    ck_assert_msg(c != NULL, "%s", e.text);
    const struct config_notify *n = c->alerting.notify;
    ck_assert_uint_eq(n->route->routes.n, 2);
    const struct config_route *b = n->route->routes.v[0];
    struct buf text = {0};
    am_matchers_put(&text, b->matchers.v, b->matchers.n);
    ck_assert_str_eq(buf_cstr(&text), "{c=\"d\",e!~\"f\",u=~\"^(?:a|b)$\",x=\"y\"}");
    buf_free(&text);
    ck_assert(b->continue_ && b->group_wait_ms == -1 && b->repeat_interval_ms == DAY_MS);
    ck_assert(n->route->routes.v[1]->group_by_all && n->route->group_by.n == 2);
    const struct config_receiver *rcv = config_notify_receiver(n, STRL("b"));
    ck_assert(rcv != NULL && rcv->n == 1 && rcv->v[0].kind == RECEIVER_WEBHOOK);
    ck_assert(rcv->v[0].send_resolved && rcv->v[0].http != NULL);
    const struct config_time_interval *t = config_notify_interval(n, STRL("t"));
    const struct config_time_spec *s = &t->specs.v[0];
    ck_assert_int_eq(s->times.v[0].end_minute, 1440);
    ck_assert(s->weekdays.v[0].begin == 1 && s->weekdays.v[0].end == 5 && s->weekdays.v[1].end == 0);
    ck_assert(s->days_of_month.v[1].begin == -3 && s->months.v[0].begin == 5 &&
              s->months.v[0].end == 8);
    config_unref(&c);
}
END_TEST

#define ROUTE "route: {receiver: a}\n"

static bool
no_template(str name, str text, struct err *e)
{
    return err_set(e, ERR_PARSE, "template: %.*s:1: in %.*s", STR_ARG(name), STR_ARG(text));
}

static void
template_bad(const char *receiver, const char *words)
{
    struct buf b = {0};
    struct config_opts o = {.check_template = no_template};
    struct config *c;
    struct err e;
    buf_printf(&b, "alerting: {route: {receiver: a}, receivers: [{name: a, %s}]}", receiver);
    ck_assert(!config_parse(buf_str(&b), "/etc/x", &o, &c, &e));
    ck_assert_str_eq(e.text, words);
    buf_free(&b);
}

/* Where Alertmanager looks at templates at load. */
START_TEST(test_templates)
{
    template_bad("webhook_configs: [{url: 'http://{{h'}]",
                 "invalid template syntax: template: :1: in http://{{h");
    template_bad("opsgenie_configs: [{api_key: k, responders: [{id: i, type: '{{t'}]}]",
                 "opsGenieConfig responder {i   {{t} type contains invalid template syntax: "
                 "template: :1: in {{t");
}
END_TEST

START_TEST(test_faults)
{
    bad("receivers: [{name: a}]\n", "no routes provided");
    bad("route: {receiver: b}\nreceivers: [{name: a}]\n", "undefined receiver \"b\" used in route");
    bad(ROUTE "receivers: [{name: a}, {name: a}]\n", "notification config name \"a\" is not unique");
    bad(ROUTE "receivers: [{name: a, slack_configs: [{channel: x}]}]\n",
        "no Slack API URL nor App token set either inline or in a file");
    bad(ROUTE "receivers: [{name: a, email_configs: [{to: x}]}]\n", "no global SMTP smarthost set");
    bad("route: {receiver: a, matchers: [x=y]}\nreceivers: [{name: a}]\n",
        "root route must not have any matchers");
    bad("route: {receiver: a, routes: [{matchers: ['a!b']}]}\nreceivers: [{name: a}]\n",
        "bad matcher format: a!b");
    bad(ROUTE "receivers: [{name: a}]\ntime_intervals: [{name: t, time_intervals: "
              "[{location: Nowhere/Land}]}]\n",
        "unknown time zone Nowhere/Land");
    bad(ROUTE "receivers: [{name: a, pagerduty_configs: [{}]}]\n",
        "missing service or routing key in PagerDuty config");
    bad(ROUTE "receivers: [{name: a, nosuch_configs: []}]\n",
        "yaml: unmarshal errors:\n  line 3: field nosuch_configs not found in type config.plain");
}
END_TEST

/* What a receiver does not say comes from global. */
START_TEST(test_global)
{
    struct err e;
    struct config *c = load_am("global: {smtp_smarthost: 'h:25', smtp_from: f, smtp_auth_password: p, "
                               "slack_api_url: 'http://s/', opsgenie_api_key: k, "
                               "opsgenie_api_url: 'http://o/x'}\n" ROUTE
                               "receivers:\n- name: a\n"
                               "  email_configs: [{to: t}]\n"
                               "  slack_configs: [{channel: x}]\n"
                               "  opsgenie_configs: [{}]\n"
                               "  pagerduty_configs: [{routing_key: r, details: {firing: mine}}]\n",
                               &e);
    ck_assert_msg(c != NULL, "%s", e.text);
    const struct config_receiver *r = &c->alerting.notify->receivers.v[0];
    ck_assert_uint_eq(r->n, 4);
    ck_assert(str_eq(r->email.v[0]->smarthost.port, STRL("25")));
    ck_assert(str_eq(r->email.v[0]->auth_password, STRL("p")));
    ck_assert_int_eq(r->email.v[0]->require_tls, CONFIG_TRUE);
    ck_assert(str_eq(r->slack.v[0]->api_url.text, STRL("http://s/")));
    ck_assert(str_eq(r->opsgenie.v[0]->api_url.text, STRL("http://o/x/")));
    ck_assert(str_eq(r->opsgenie.v[0]->api_key, STRL("k")));
    const struct config_any *d = &r->pagerduty.v[0]->details.value;
    ck_assert_uint_eq(d->n, 4);
    ck_assert(str_eq(d->keys[0], STRL("firing")) && str_eq(d->items[0].s, STRL("mine")));
    ck_assert(str_eq(r->pagerduty.v[0]->source, r->pagerduty.v[0]->client));
    str text = c->alerting.notify->text;
    ck_assert(memmem(text.p, text.n, "smtp_auth_password: <secret>", 28) != NULL);
    ck_assert(memmem(text.p, text.n, "slack_api_url: <secret>", 23) != NULL);
    config_unref(&c);
}
END_TEST

static void
matcher_reads(const char *text, const char *want)
{
    struct arena *a = arena_new();
    struct matcher *v;
    size_t n;
    struct err e;
    struct buf b = {0};
    if (am_matchers_parse(str_of(text), a, &v, &n, &e)) {
        am_matchers_put(&b, v, n);
        for (size_t i = 0; i < n; i++)
            matcher_fini(&v[i]);
    } else {
        buf_printf(&b, "! %s", e.text);
    }
    ck_assert_msg(strcmp(buf_cstr(&b), want) == 0, "%s: %s, not %s", text, buf_cstr(&b), want);
    buf_free(&b);
    arena_free(&a);
}

START_TEST(test_matchers)
{
    matcher_reads("", "{}");
    matcher_reads("{}", "{}");
    matcher_reads("foo=bar", "{foo=\"bar\"}");
    matcher_reads("{foo=\"bar\",}", "{foo=\"bar\"}");
    matcher_reads("foo=bar, baz!~\"a|b\"", "{foo=\"bar\",baz!~\"a|b\"}");
    matcher_reads("foo=", "{foo=\"\"}");
    matcher_reads("foo=a\\b", "{foo=\"a\\\\b\"}");
    matcher_reads("{\"a b\"=\"\\u00e9\"}", "{\"a b\"=\"é\"}");
    matcher_reads("é=é", "{é=\"é\"}");
    matcher_reads("a=\"b\\n\\\"\"", "{a=\"b\\n\\\"\"}");
    matcher_reads("{a=b", "{a=\"b\"}");
    matcher_reads("a==b", "{a=\"=b\"}");
    matcher_reads("a", "! bad matcher format: a");
    matcher_reads("a=~(", "! error parsing regexp: missing closing ): `^(?:()$`");
    matcher_reads("a=\"b\"c", "! matcher value contains unescaped double quote: \"b\"c");
}
END_TEST

/* Whatever is read prints as something that reads the same. */
START_TEST(test_matchers_random)
{
    static const char *const parts[] = {"a", "b1", "é", "=", "!=", "=~", "!~", "\"", "\\", ",",
                                        "{", "}", " ", "x y", "\\n", "\\\"", ":", ".*", "|"};
    unit_seed();
    for (int i = 0; i < 20000; i++) {
        struct arena *a = arena_new();
        struct buf text = {0}, once = {0}, twice = {0};
        struct matcher *v, *w;
        size_t n, m;
        struct err e;
        for (uint64_t k = rng_below(9); k > 0; k--)
            buf_put(&text, str_of(parts[rng_below(ARRAY_LEN(parts))]));
        if (am_matchers_parse(buf_str(&text), a, &v, &n, &e)) {
            bool named = true;
            for (size_t k = 0; k < n; k++)
                named &= v[k].name.n > 0;
            /* An empty name is read, but has no spelling of its own. */
            am_matchers_put(&once, v, named ? n : 0);
            if (!am_matchers_parse(buf_str(&once), a, &w, &m, &e))
                ck_abort_msg("%s prints %s: %s", buf_cstr(&text), buf_cstr(&once), e.text);
            am_matchers_put(&twice, w, m);
            ck_assert_msg(str_eq(buf_str(&once), buf_str(&twice)), "%s prints %s, then %s",
                          buf_cstr(&text), buf_cstr(&once), buf_cstr(&twice));
            for (size_t k = 0; k < n; k++)
                matcher_fini(&v[k]);
            for (size_t k = 0; k < m; k++)
                matcher_fini(&w[k]);
        }
        buf_free(&text);
        buf_free(&once);
        buf_free(&twice);
        arena_free(&a);
    }
}
END_TEST

START_TEST(test_conformance)
{
    char *dir = conformance_folder("alertmanager");
    struct io_entry *list;
    size_t n;
    struct err e;
    if (dir == NULL)
        return;
    ck_assert(io_list(dir, &list, &n, &e));
    for (size_t i = 0; i < n; i++) {
        struct config_notify_file f;
        struct config_place place = {.line = 0};
        struct config_opts o = {.place = &place};
        char *path = io_join(dir, list[i].name);
        bool want = strstr(list[i].name, "both") == NULL && strstr(list[i].name, "-no-") == NULL &&
                    strstr(list[i].name, "invalid") == NULL && strstr(list[i].name, "nil") == NULL;
        bool got = config_notify_load(path, &o, &f, &e);
        ck_assert_msg(got == want, "%s: %s", path, want ? e.text : "is taken");
        ck_assert(got || place.line > 0);
        if (got)
            config_notify_close(&f);
        mem_free(path);
    }
    io_list_free(&list, n);
    mem_free(dir);
}
END_TEST

UNIT_MAIN("config_notify", test_routes, test_templates, test_faults, test_global, test_matchers, test_matchers_random,
          test_conformance)
