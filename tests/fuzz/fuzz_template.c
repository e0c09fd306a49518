/* Templates of rules and of notifications, the latter escaped for HTML, too. */
#include "tests/fuzz/fuzz.h"

#include "base/panic.h"
#include "server/template/template_value.h"

static bool
query(void *arg, str expr, struct arena *a, struct tvalue *out, struct err *e)
{
    static const struct label l[] = {{{"job", 3}, {"j", 1}}};
    static const struct labels ls[] = {{l, 1}, {l, 1}};
    static const double v[] = {1, 2.5};
    (void)arg;

    if (expr.n == 0)
        return err_set(e, ERR_EXEC, "no query");
    template_value_vector(a, ls, v, NULL, MIN(expr.n, (size_t)2), out);
    return true;
}

static const struct template_env env = {.query = query, .external_url = {"http://h/", 9}, .now_ms = 1760058000123};

static void
run_notification(str text, bool html)
{
    static const struct label l[] = {{{"alertname", 9}, {"A<b>", 4}}, {{"x", 1}, {"1", 1}}};
    struct template_notified alert = {.labels = {l, 2}, .starts_ms = 1760058000123, .url = STRL("http://p/")};
    struct template_notification d = {.receiver = STRL("r"), .route_labels = {l, 2}, .alerts = &alert, .n = 1};
    struct arena *a = arena_new();
    struct template_set *s;
    struct buf out = {0};
    struct err e = ERR_INIT;

    CHECK(template_set_new(&s, STR_EMPTY, STRL("{{define \"t\"}}[{{.}}]{{end}}"), false, &e));
    struct tvalue data = template_value_notification(a, &d);
    bool ok = html ? template_run_html(s, text, &env, &data, a, &out, &e)
                   : template_run_text(s, text, &env, &data, a, &out, &e);
    CHECK(ok || e.kind != ERR_NONE);
    template_set_free(&s);
    buf_free(&out);
    arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct label l[] = {{{"a", 1}, {"x", 1}}, {{"instance", 8}, {"h.d:80", 6}}};
    str text = STR(data, n);
    struct arena *a = arena_new();
    struct template_alert alert = {.name = STRL("F"), .labels = {l, 2}, .value = 1234.5};
    struct err e = ERR_INIT;
    str out;

    /* Numbers of many digits make long texts and loops: bounded, but slow to fuzz. */
    for (size_t i = 0; i + 5 < n; i++) {
        size_t digits = 0;
        while (i + digits < n && data[i + digits] >= '0' && data[i + digits] <= '9')
            digits++;
        if (digits > 5) {
            arena_free(&a);
            return 0;
        }
    }
    template_expand_alert(text, &alert, &env, a, &out, &e);
    if (!template_check_alert(STRL("F"), text, &e))
        CHECK(e.kind != ERR_NONE);
    arena_free(&a);
    run_notification(text, false);
    run_notification(text, true);
    return 0;
}

bool
fuzz_seed(struct buf *out, unsigned i)
{
    static const char *const seeds[] = {
        "{{ $labels.a }} {{ .Value | humanize }} {{ printf \"%+5.2f|%-8q|%#v|%[1]*d\" $value \"x\" $labels 3 }}",
        "{{ range $k, $v := $labels }}{{ if eq $v \"x\" }}{{ continue }}{{ else }}{{ break }}{{ end }}{{ end }}",
        "{{ with query \"up\" }}{{ . | first | value | humanizeDuration }}{{ (index . 0).Labels.job }}{{ end }}",
        "{{ define \"r\" }}{{ slice . 1 2 }}{{ end }}{{ template \"r\" \"abc\" }}{{- /* c */ -}} {{ 'a' }}{{ 1+2i }}",
        "{{ (toTime 1760058000).Format \"Mon Jan _2 15:04:05.000 MST 2006\" }}{{ toDuration 1.5 }}{{ args 1 nil }}",
        "<a href=\"{{ .ExternalURL }}?x={{ .Status }}\" title='{{ .Receiver }}' on={{ 1 }}>{{ .Alerts }}</a>"
        "<script>var x = {{ .CommonLabels }}, y = \"{{ .Status }}\"</script><!-- {{ 1 }} --><title>{{ \"<\" }}</title>",
        "{{ range .Alerts }}{{ .StartsAt | tz \"UTC\" | date \"2006-01-02T15:04:05Z07:00\" }}{{ toJson .Labels }}{{ end }}"
        "{{ join \",\" .CommonLabels.Names }}{{ mustToDate \"2006-01-02 MST\" \"2024-02-29 GMT+3\" }}{{ routeLabels \"x\" }}",
        "{{ base64decode \"YQ==\" }}{{ dict \"a\" (list 1 2.5) }}{{ append (list) 1 }}{{ title \"o'neil ΑΣ ß\" }}"
        "{{ urlUnescape \"a%20\" }}{{ reReplaceAll \"(a+)\" \"$1\" \"baa\" }}{{ html \"<\" | js | urlquery }}",
    };

    if (i >= sizeof seeds / sizeof *seeds)
        return false;
    buf_put(out, str_of(seeds[i]));
    return true;
}
