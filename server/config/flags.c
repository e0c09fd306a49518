#include "server/config/flags.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "base/url.h"
#include "model/labels.h"
#include "server/config/schema_types.h"

enum flag_type { TYPE_STR, TYPE_BOOL, TYPE_DURATION, TYPE_INT, TYPE_FLOAT, TYPE_BYTES, TYPE_LIST };
enum flag_mode { MODE_ANY, MODE_SERVER, MODE_AGENT, MODE_ANY_HIDDEN, MODE_SERVER_HIDDEN, MODE_AGENT_HIDDEN };

static const struct flag_row {
    const char *name;
    enum flag_type type;
    const char *def;
    enum flag_mode mode;
    const char *note, *help;
} table[] = {
#define FLAG(id, name, type, def, mode, note, help) {name, TYPE_##type, def, MODE_##mode, note, help},
#include "server/config/flags.def"
#undef FLAG
};

/* Names that --enable-feature takes; those that have become the default are no-ops. */
static const char *const features[] = {
    "concurrent-rule-eval", "created-timestamp-zero-ingestion", "delayed-compaction",
    "exemplar-storage", "extra-scrape-metrics", "histograms-st-encoding",
    "memory-snapshot-on-shutdown", "metadata-wal-records", "old-ui", "otlp-deltatocumulative",
    "otlp-native-delta-ingestion", "promql-binop-fill-modifiers", "promql-delayed-name-removal",
    "promql-duration-expr", "promql-experimental-functions", "promql-extended-range-selectors",
    "promql-per-step-stats", "search-api", "st-storage", "st-synthesis", "type-and-unit-labels",
    "use-start-timestamps", "use-uncached-io", "xor2-encoding", "native-histograms",
    "ooo-native-histograms", "auto-reload-config", "promql-at-modifier", "promql-negative-offset",
    "agent", "remote-write-receiver", "new-service-discovery-manager", "no-default-scrape-port",
    "auto-gomaxprocs", "auto-gomemlimit", "expand-external-labels", "utf8-names", "fast-startup",
};

struct value {
    bool given;
    unsigned order; /* among those of the command line, from 1 */
    char **list;  /* owned; one element unless LIST */
    size_t n, cap;
    int64_t i;    /* DURATION (ms), INT, BOOL */
    uint64_t u;   /* BYTES */
    double f;
};

struct flags {
    unsigned magic;
#define FLAGS_MAGIC 0x0f1a6573
    struct value v[FLAG_COUNT];
    bool help, version;
    unsigned given; /* on the command line */
};

static void
value_clear(struct value *v)
{
    for (size_t i = 0; i < v->n; i++)
        mem_free(v->list[i]);
    v->n = 0;
}

static void
value_add(struct value *v, str text)
{
    mem_grow(&v->list, &v->cap, v->n + 1, sizeof *v->list);
    v->list[v->n++] = mem_cstr(text);
}

/* Flags that take one of a few words.  Columns: flag, words, what is said of another one
 * (in its place %s, where the sentence has it). */
#define ENUM_WORDS(words) words, "enum value must be one of " words ", got '%s'"
static const struct {
    enum flag id;
    const char *words, *refusal;
} choices[] = {
    {FLAG_LOG_LEVEL, "debug,info,warn,error", "unrecognized log level %s"},
    {FLAG_LOG_FORMAT, "logfmt,json", "unrecognized log format %s"},
    {FLAG_STORAGE_TSDB_WAL_COMPRESSION_TYPE, ENUM_WORDS("snappy,zstd")},
    {FLAG_STORAGE_AGENT_WAL_COMPRESSION_TYPE, ENUM_WORDS("snappy,zstd")},
    {FLAG_STORAGE_WAL_SYNC, ENUM_WORDS("always,interval,os")},
    {FLAG_WEB_REMOTE_WRITE_RECEIVER_ACCEPTED_PROTOBUF_MESSAGES,
     "prometheus.WriteRequest,io.prometheus.write.v2.Request",
     "unknown type for remote write protobuf message %s, supported: prometheus.WriteRequest, "
     "io.prometheus.write.v2.Request"},
};

static bool
is_one_of(const char *words, str s)
{
    for (str rest = str_of(words); rest.n > 0;) {
        ptrdiff_t comma = str_find_char(rest, ',', 0);
        str word = comma < 0 ? rest : STR(rest.p, (size_t)comma);
        if (word.n == s.n && strncasecmp(word.p, s.p, s.n) == 0)
            return true;
        rest = comma < 0 ? STR_EMPTY : str_from(rest, (size_t)comma + 1);
    }
    return false;
}

static bool
check_choice(const struct value *v, enum flag id, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        for (size_t k = 0; choices[i].id == id && k < v->n; k++) {
            if (is_one_of(choices[i].words, str_of(v->list[k])))
                continue;
            const char *mark = strstr(choices[i].refusal, "%s");
            return err_set(e, ERR_BAD_DATA, "%.*s%s%s", (int)(mark - choices[i].refusal),
                           choices[i].refusal, v->list[k], mark + 2);
        }
    }
    return true;
}

/* Numbers, whole ones too, are read as floats: 5e7 is one, and 1.5 counts as 1. */
static bool
parse_number(str text, double *out, struct err *e)
{
    if (num_parse_go(text, out))
        return true;
    struct buf q = {0};
    labels_put_quoted(&q, text);
    err_set(e, ERR_BAD_DATA, "strconv.ParseFloat: parsing %s: invalid syntax", buf_cstr(&q));
    buf_free(&q);
    return false;
}

static bool
parse_typed(struct value *v, enum flag id, str text, struct err *e)
{
    switch (table[id].type) {
    case TYPE_STR:
    case TYPE_LIST:
        return check_choice(v, id, e);
    case TYPE_BOOL:
        if (!str_eq(text, STRL("true")) && !str_eq(text, STRL("false")))
            return err_set(e, ERR_BAD_DATA, "unexpected %.*s", STR_ARG(text));
        v->i = str_eq(text, STRL("true"));
        return true;
    case TYPE_DURATION:
        return num_parse_duration_ms(text, &v->i, e);
    case TYPE_INT:
        if (!parse_number(text, &v->f, e))
            return false;
        v->i = v->f >= 0x1p63 ? INT64_MAX : v->f <= -0x1p63 ? INT64_MIN : (int64_t)v->f;
        return true;
    case TYPE_FLOAT:
        return parse_number(text, &v->f, e);
    case TYPE_BYTES:
        return num_parse_size(text, &v->u, e);
    }
    UNREACHABLE();
}

/* LIST flags also take several values separated by commas. */
static void
add_items(struct value *v, str text)
{
    for (size_t at = 0; at <= text.n;) {
        ptrdiff_t comma = str_find_char(text, ',', at);
        size_t end = comma < 0 ? text.n : (size_t)comma;
        if (end > at)
            value_add(v, STR(text.p + at, end - at));
        at = end + 1;
    }
}

/* Sets a flag from one source; `fresh` says that this source has not set it before. */
static bool
set_flag(struct flags *f, enum flag id, str text, bool fresh, struct err *e)
{
    struct value *v = &f->v[id];

    if (table[id].type != TYPE_LIST || fresh)
        value_clear(v);
    if (table[id].type == TYPE_LIST)
        add_items(v, text);
    else
        value_add(v, text);
    return parse_typed(v, id, text, e);
}

static bool
set_defaults(struct flags *f, struct err *e)
{
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (table[i].def[0] && !set_flag(f, (enum flag)i, str_of(table[i].def), true, e))
            return false;
    return true;
}

static bool
set_from_environment(struct flags *f, struct err *e)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        struct buf name = {0};
        buf_lit(&name, "NARTHEX_");
        for (const char *c = table[i].name; *c; c++)
            buf_byte(&name, *c == '.' || *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c);
        const char *text = getenv(buf_cstr(&name));
        bool ok = !text || set_flag(f, (enum flag)i, str_of(text), true, e);
        if (text)
            f->v[i].given = true;
        if (!ok)
            err_prefix(e, "environment variable %s: ", buf_cstr(&name));
        buf_free(&name);
        if (!ok)
            return false;
    }
    return true;
}

/* Levenshtein distance, for the nearest name. */
static size_t
distance(str a, str b)
{
    size_t row[128];

    if (b.n + 1 > ARRAY_LEN(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.n];
}

static bool
unknown_flag(str name, struct err *e)
{
    size_t best = SIZE_MAX, at = 0;

    for (size_t i = 0; i < FLAG_COUNT; i++) {
        size_t d = distance(name, str_of(table[i].name));
        if (d < best) {
            best = d;
            at = i;
        }
    }
    if (best > MAX(name.n / 2, (size_t)3))
        return err_set(e, ERR_BAD_DATA, "unknown long flag '--%.*s'", STR_ARG(name));
    return err_set(e, ERR_BAD_DATA, "unknown long flag '--%.*s' (the nearest is --%s)", STR_ARG(name),
                   table[at].name);
}

static int
find_flag(str name)
{
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (str_eq(name, str_of(table[i].name)))
            return (int)i;
    return -1;
}

/* One "--…" argument; *next is the following one, consumed by setting it NULL. */
static bool
parse_argument(struct flags *f, str arg, const char **next, bool *seen, struct err *e)
{
    ptrdiff_t eq = str_find_char(arg, '=', 0);
    str name = eq < 0 ? arg : STR(arg.p, (size_t)eq);
    str value = eq < 0 ? STR_EMPTY : str_from(arg, (size_t)eq + 1);
    int id = find_flag(name);
    bool negated = id < 0 && str_starts(name, STRL("no-"));

    if (str_eq(name, STRL("help")) || str_eq(name, STRL("help-long")))
        return f->help = true;
    if (str_eq(name, STRL("version")))
        return f->version = true;
    if (negated)
        id = find_flag(str_from(name, 3));
    if (id < 0 || (negated && table[id].type != TYPE_BOOL))
        return unknown_flag(name, e);
    if (table[id].type == TYPE_BOOL && eq < 0) {
        value = negated ? STRL("false") : STRL("true");
    } else if (eq < 0) {
        if (!*next)
            return err_set(e, ERR_BAD_DATA, "expected argument for flag '--%.*s'", STR_ARG(name));
        value = str_of(*next);
        *next = NULL;
    }
    bool fresh = !seen[id];
    if (!fresh && table[id].type != TYPE_LIST)
        return err_set(e, ERR_BAD_DATA, "flag '%s' cannot be repeated", table[id].name);
    seen[id] = true;
    f->v[id].given = true;
    f->v[id].order = ++f->given;
    return set_flag(f, (enum flag)id, value, fresh, e);
}

static bool
set_from_arguments(struct flags *f, int argc, char **argv, struct err *e)
{
    bool seen[FLAG_COUNT] = {false};

    for (int i = 1; i < argc; i++) {
        str arg = str_of(argv[i]);
        if (str_eq(arg, STRL("-h"))) {
            f->help = true;
            continue;
        }
        if (arg.n > 1 && arg.p[0] == '-' && arg.p[1] != '-')
            return err_set(e, ERR_BAD_DATA, "unknown short flag '-%c'", arg.p[1]);
        if (!str_starts(arg, STRL("--")))
            return err_set(e, ERR_BAD_DATA, "unexpected %.*s", STR_ARG(arg));
        if (arg.n == 2)
            return i + 1 == argc || err_set(e, ERR_BAD_DATA, "unexpected %s", argv[i + 1]);
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        const char *before = next;
        if (!parse_argument(f, str_from(arg, 2), &next, seen, e))
            return false;
        if (before && !next)
            i++;
    }
    return true;
}

static bool
other_mode(const struct flags *f, size_t i)
{
    enum flag_mode m = table[i].mode;
    bool server_only = m == MODE_SERVER || m == MODE_SERVER_HIDDEN;
    bool agent_only = m == MODE_AGENT || m == MODE_AGENT_HIDDEN;
    return f->v[i].given && (f->v[FLAG_AGENT].i ? server_only : agent_only);
}

/* Names the flags of the other mode in the order in which they were given. */
static bool
check_mode(const struct flags *f, struct err *e)
{
    struct buf list = {0};
    for (unsigned order = 0; order <= f->given; order++)
        for (size_t i = 0; i < FLAG_COUNT; i++)
            if (f->v[i].order == order && other_mode(f, i))
                buf_printf(&list, "%s\"--%s\"", list.n ? " " : "", table[i].name);
    bool ok = list.n == 0;
    if (!ok)
        err_set(e, ERR_UNAVAILABLE, "The following flag(s) can %s mode: [%s]",
                f->v[FLAG_AGENT].i ? "not be used in agent" : "only be used in agent",
                buf_cstr(&list));
    buf_free(&list);
    return ok;
}

bool
flags_parse(struct flags **out, int argc, char **argv, struct err *e)
{
    struct flags *f = MEM_NEW(struct flags);

    f->magic = FLAGS_MAGIC;
    bool ok = set_defaults(f, e) && set_from_environment(f, e) && set_from_arguments(f, argc, argv, e) &&
              check_mode(f, e);
    if (!ok) {
        flags_free(&f);
        return false;
    }
    *out = f;
    return true;
}

void
flags_free(struct flags **out)
{
    struct flags *f = *out;

    if (!f)
        return;
    CHECK_MAGIC(f, FLAGS_MAGIC);
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        value_clear(&f->v[i]);
        mem_free(f->v[i].list);
    }
    f->magic = 0;
    mem_free(f);
    *out = NULL;
}

bool
flags_wants_help(const struct flags *f)
{
    return f->help;
}

bool
flags_wants_version(const struct flags *f)
{
    return f->version;
}

static const struct value *
typed(const struct flags *f, enum flag id, enum flag_type type)
{
    CHECK_MAGIC(f, FLAGS_MAGIC);
    CHECK(id < FLAG_COUNT && table[id].type == type);
    return &f->v[id];
}

const char *
flags_str(const struct flags *f, enum flag id)
{
    const struct value *v = typed(f, id, TYPE_STR);
    return v->n ? v->list[0] : "";
}

bool
flags_bool(const struct flags *f, enum flag id)
{
    return typed(f, id, TYPE_BOOL)->i;
}

int64_t
flags_duration_ms(const struct flags *f, enum flag id)
{
    return typed(f, id, TYPE_DURATION)->i;
}

int64_t
flags_int(const struct flags *f, enum flag id)
{
    return typed(f, id, TYPE_INT)->i;
}

double
flags_float(const struct flags *f, enum flag id)
{
    return typed(f, id, TYPE_FLOAT)->f;
}

uint64_t
flags_bytes(const struct flags *f, enum flag id)
{
    return typed(f, id, TYPE_BYTES)->u;
}

size_t
flags_list(const struct flags *f, enum flag id, const char *const **out)
{
    const struct value *v = typed(f, id, TYPE_LIST);
    *out = (const char *const *)v->list;
    return v->n;
}

bool
flags_given(const struct flags *f, enum flag id)
{
    CHECK_MAGIC(f, FLAGS_MAGIC);
    return f->v[id].given;
}

bool
flags_feature(const struct flags *f, const char *name)
{
    const char *const *v;
    size_t n = flags_list(f, FLAG_ENABLE_FEATURE, &v);

    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i], name) == 0)
            return true;
    return false;
}

void
flags_log_notes(const struct flags *f)
{
    const char *const *v;
    size_t n = flags_list(f, FLAG_ENABLE_FEATURE, &v);

    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (f->v[i].given && table[i].note[0])
            LOG_WARN("Flag has another meaning here", KV("flag", table[i].name), KV("note", table[i].note));
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(features); k++)
            known = known || strcmp(features[k], v[i]) == 0;
        if (!known)
            LOG_WARN("Unknown option for --enable-feature", KV("option", v[i]));
    }
}

/* What stands where nothing was given, as status/flags of Prometheus shows it. */
static void
put_derived(struct buf *out, const struct flags *f, enum flag id)
{
    const struct value *time = &f->v[FLAG_STORAGE_TSDB_RETENTION_TIME];
    const struct value *size = &f->v[FLAG_STORAGE_TSDB_RETENTION_SIZE];
    bool standard = time->n == 0 && size->n == 0;
    int64_t retention_ms = standard ? INT64_C(15) * 86400000 : time->i;
    if (id == FLAG_STORAGE_TSDB_RETENTION_TIME)
        num_put_duration_ms(out, retention_ms);
    else if (id == FLAG_STORAGE_TSDB_MAX_BLOCK_DURATION)
        /* A tenth of the retention, at most a month. */
        num_put_duration_ms(out, retention_ms ? MIN(retention_ms / 10, INT64_C(31) * 86400000)
                                              : INT64_C(31) * 86400000);
    else if (table[id].type == TYPE_DURATION)
        buf_lit(out, "0s");
    else if (table[id].type == TYPE_BYTES)
        buf_lit(out, "0B");
}

/* The prefix that is in force: the flag's, or the external URL's path. */
static void
put_route_prefix(struct buf *out, const struct flags *f)
{
    struct arena *a = arena_new();
    struct url u;
    struct err e;
    str prefix = str_of(flags_str(f, FLAG_WEB_ROUTE_PREFIX));
    if (prefix.n == 0 && url_parse(str_of(flags_str(f, FLAG_WEB_EXTERNAL_URL)), a, &u, &e))
        prefix = u.path;
    while (str_starts(prefix, STRL("/")))
        prefix = str_from(prefix, 1);
    while (str_ends(prefix, STRL("/")))
        prefix.n--;
    buf_byte(out, '/');
    buf_put(out, prefix);
    arena_free(&a);
}

static void
put_value(struct buf *out, const struct flags *f, enum flag id)
{
    const struct value *v = &f->v[id];
    if (id == FLAG_WEB_ROUTE_PREFIX) {
        put_route_prefix(out, f);
        return;
    }
    if (v->n == 0) {
        put_derived(out, f, id);
        return;
    }
    switch (table[id].type) {
    case TYPE_DURATION:
        num_put_duration_ms(out, v->i);
        return;
    case TYPE_BYTES:
        config_put_bytes(out, (int64_t)MIN(v->u, (uint64_t)INT64_MAX));
        return;
    case TYPE_INT:
        buf_i64(out, v->i);
        return;
    default:
        for (size_t k = 0; k < v->n; k++) {
            if (k)
                buf_byte(out, ',');
            buf_put(out, str_of(v->list[k]));
        }
    }
}

static int
compare_views(const void *a, const void *b)
{
    return str_cmp(((const struct flag_view *)a)->name, ((const struct flag_view *)b)->name);
}

size_t
flags_view(const struct flags *f, struct arena *a, struct flag_view **out)
{
    struct flag_view *v = ARENA_ARRAY(a, struct flag_view, FLAG_COUNT);

    for (size_t i = 0; i < FLAG_COUNT; i++) {
        struct buf b = {0};
        put_value(&b, f, (enum flag)i);
        v[i] = (struct flag_view){str_of(table[i].name), arena_str(a, buf_str(&b))};
        buf_free(&b);
    }
    qsort(v, FLAG_COUNT, sizeof *v, compare_views);
    *out = v;
    return FLAG_COUNT;
}

static bool
is_hidden(enum flag_mode m)
{
    return m >= MODE_ANY_HIDDEN;
}

static const char *
mode_text(enum flag_mode m)
{
    return m == MODE_SERVER ? " Use with server mode only." : m == MODE_AGENT ? " Use with agent mode only." : "";
}

/* Help text from column 33, broken at 80. */
static void
put_wrapped(struct buf *out, str text, size_t column)
{
    size_t at = column;

    for (size_t i = 0; i < text.n;) {
        ptrdiff_t space = str_find_char(text, ' ', i);
        size_t end = space < 0 ? text.n : (size_t)space;
        if (at > 33 && at + 1 + (end - i) > 80) {
            buf_byte(out, '\n');
            at = 0;
        }
        if (at < 33) {
            for (; at < 33; at++)
                buf_byte(out, ' ');
        } else if (at > 33) {
            buf_byte(out, ' ');
            at++;
        }
        buf_put(out, STR(text.p + i, end - i));
        at += end - i;
        i = end + 1;
    }
    buf_byte(out, '\n');
}

void
flags_put_help(struct buf *out)
{
    buf_lit(out, "usage: narthex [<flags>]\n       narthex <command> [<args>]   (see narthex help)\n\n"
                 "A Prometheus-compatible metrics server\n\nFlags:\n"
                 "  -h, --help                     Show this help.\n"
                 "      --version                  Show the version.\n");
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        const struct flag_row *r = &table[i];
        if (is_hidden(r->mode))
            continue;
        size_t start = out->n;
        buf_printf(out, "      --%s%s", r->type == TYPE_BOOL ? "[no-]" : "", r->name);
        if (r->type != TYPE_BOOL)
            buf_printf(out, "=%s%s", r->def[0] ? r->def : "\"\"", r->type == TYPE_LIST ? " ..." : "");
        size_t column = out->n - start;
        if (column >= 32) {
            buf_byte(out, '\n');
            column = 0;
        }
        struct buf text = {0};
        buf_printf(&text, "%s%s%s%s%s", r->help, mode_text(r->mode), r->note[0] ? " (Here: " : "", r->note,
                   r->note[0] ? ".)" : "");
        put_wrapped(out, buf_str(&text), column);
        buf_free(&text);
    }
}

void
flags_put_markdown(struct buf *out)
{
    static const char *const types[] = {"text", "boolean", "duration", "number", "number", "size", "list"};

    buf_lit(out, "# Flags\n\nMade from `server/config/flags.def`; every flag can also be set by an environment variable:\n"
                 "`NARTHEX_` and the flag's name in capitals, with `_` for `.` and `-`.\n\n"
                 "| flag | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        const struct flag_row *r = &table[i];
        buf_printf(out, "| `--%s` | %s | %s%s%s | %s%s%s%s%s |\n", r->name, types[r->type], r->def[0] ? "`" : "",
                   r->def, r->def[0] ? "`" : "", r->help, mode_text(r->mode), r->note[0] ? " *Here: " : "", r->note,
                   r->note[0] ? ".*" : "");
    }
}
