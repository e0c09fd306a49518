/* exposition.c - the grammar of both text formats over the tokens of exposition_lex.c. */
#include "server/scrape/exposition.h"

#include <math.h>

#include "base/num.h"
#include "base/panic.h"
#include "base/unicode.h"
#include "model/sample.h"
#include "server/scrape/exposition_priv.h"

static const struct {
    const char *name;
    bool text; /* known to the text format too */
} kinds[] = {
    [KIND_UNKNOWN] = {"unknown", false},   [KIND_COUNTER] = {"counter", true},
    [KIND_GAUGE] = {"gauge", true},        [KIND_HISTOGRAM] = {"histogram", true},
    [KIND_GAUGEHISTOGRAM] = {"gaugehistogram", false}, [KIND_SUMMARY] = {"summary", true},
    [KIND_INFO] = {"info", false},         [KIND_STATESET] = {"stateset", false},
};

const char *
metric_kind_name(enum metric_kind k)
{
    return kinds[k].name;
}

void
expo_init(struct expo *x, str page, enum expo_format format)
{
    x->page = page;
    x->format = format;
    x->at = 0;
    x->state = STATE_INIT;
    x->start = x->token = 0;
    x->kind = KIND_UNKNOWN;
    x->unit = STR_EMPTY;
    x->labels_n = x->exemplar_n = 0;
    x->has_t = x->has_exemplar = false;
}

/* --- errors ---------------------------------------------------------------------- */

static const char *
token_name(enum expo_token t)
{
    static const char *const names[] = {
        [TOKEN_INVALID] = "INVALID",       [TOKEN_EOF] = "EOF",
        [TOKEN_LINEBREAK] = "LINEBREAK",   [TOKEN_HELP] = "HELP",
        [TOKEN_TYPE] = "TYPE",             [TOKEN_UNIT] = "UNIT",
        [TOKEN_EOF_WORD] = "EOFWORD",      [TOKEN_TEXT] = "TEXT",
        [TOKEN_COMMENT] = "COMMENT",       [TOKEN_METRIC_NAME] = "MNAME",
        [TOKEN_QUOTED] = "QSTRING",        [TOKEN_BRACE_OPEN] = "BOPEN",
        [TOKEN_BRACE_CLOSE] = "BCLOSE",    [TOKEN_LABEL_NAME] = "LNAME",
        [TOKEN_LABEL_VALUE] = "LVALUE",    [TOKEN_COMMA] = "COMMA",
        [TOKEN_EQUAL] = "EQUAL",           [TOKEN_TIMESTAMP] = "TIMESTAMP",
        [TOKEN_VALUE] = "VALUE",           [TOKEN_WHITESPACE] = "WHITESPACE",
    };
    return names[t];
}

/* The start of a text, quoted, for a message that is cut there anyway. */
static void
put_quoted_start(struct buf *b, str s)
{
    unicode_put_quoted(b, STR(s.p, MIN(s.n, (size_t)ERR_TEXT_MAX)));
}

/* page[from, to) quoted; a text page ends with a newline even where it has none. */
static void
put_quoted_part(struct buf *b, const struct expo *x, size_t from, size_t to)
{
    struct buf part = {0};

    to = MIN(to, from + ERR_TEXT_MAX); /* the rest would be cut anyway */
    buf_put(&part, STR(x->page.p + from, MIN(to, x->page.n) - from));
    if (x->format == EXPO_TEXT && to > x->page.n)
        buf_byte(&part, '\n');
    unicode_put_quoted(b, buf_str(&part));
    buf_free(&part);
}

bool
expo_unexpected(const struct expo *x, const char *what, enum expo_token got, struct err *e)
{
    struct buf b = {0};

    buf_printf(&b, "%s, got ", what);
    put_quoted_part(&b, x, MIN(x->token, x->page.n), x->at + 1);
    buf_printf(&b, " (\"%s\") while parsing: ", token_name(got));
    put_quoted_part(&b, x, x->start, x->at + 1);
    err_set(e, ERR_PARSE, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

bool
expo_while_parsing(const struct expo *x, struct err *e)
{
    struct buf b = {0};

    put_quoted_part(&b, x, x->start, x->at);
    struct err inner = *e;
    err_set(e, ERR_PARSE, "%s while parsing: %.*s", inner.text, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

bool
expo_read_float(const struct expo *x, str s, double *out, struct err *e)
{
    double v = 0;

    if (num_parse_sample(s, &v)) {
        *out = isnan(v) ? f64_from_bits(NORMAL_NAN_BITS) : v;
        return true;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == 'p' || s.p[i] == 'P' || s.p[i] == '_') {
            err_set(e, ERR_PARSE, "unsupported character in float");
            return expo_while_parsing(x, e);
        }
    struct buf b = {0};
    put_quoted_start(&b, s);
    err_set(e, ERR_PARSE, "strconv.ParseFloat: parsing %.*s: %s", STR_ARG(buf_str(&b)),
            isinf(v) ? "value out of range" : "invalid syntax");
    buf_free(&b);
    return expo_while_parsing(x, e);
}

/* --- labels ---------------------------------------------------------------------- */

struct label_sink {
    struct expo_label *v;
    size_t *n;
    str *name; /* where a lone quoted string goes; NULL in exemplars */
};

static str
unquote(str s)
{
    return s.n >= 2 && s.p[0] == '"' ? STR(s.p + 1, s.n - 2) : s;
}

static bool
read_label_value(struct expo *x, str name, struct label_sink *sink, struct err *e)
{
    enum expo_token t = expo_lex(x);

    if (t != TOKEN_LABEL_VALUE)
        return expo_unexpected(x, "expected label value", t, e);
    str value = expo_token_text(x);
    if (!utf8_valid(value)) {
        struct buf b = {0};
        put_quoted_start(&b, value);
        err_set(e, ERR_PARSE, "invalid UTF-8 label value: %.*s", STR_ARG(buf_str(&b)));
        buf_free(&b);
        return false;
    }
    if (*sink->n == EXPO_LABELS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d labels on one line", EXPO_LABELS_MAX);
    sink->v[(*sink->n)++] = (struct expo_label){unquote(name), unquote(value)};
    return true;
}

/* A quoted string that no '=' follows is the metric's name. */
static bool
set_name(struct expo *x, str quoted, enum expo_token next, struct label_sink *sink, struct err *e)
{
    if (!sink->name)
        return expo_unexpected(x, "expected label name", next, e);
    if (sink->name->p) {
        err_set(e, ERR_PARSE, "metric name already set");
        return expo_while_parsing(x, e);
    }
    *sink->name = unquote(quoted);
    return true;
}

/* What stands between the braces, the closing one included.  OpenMetrics wants commas;
 * text takes labels that only blanks separate. */
static bool
read_labels(struct expo *x, struct label_sink *sink, struct err *e)
{
    enum expo_token t = expo_lex(x);

    for (;;) {
        if (t == TOKEN_BRACE_CLOSE)
            return true;
        if (t != TOKEN_LABEL_NAME && t != TOKEN_QUOTED)
            return expo_unexpected(x, "expected label name", t, e);
        str name = expo_token_text(x);
        bool quoted = t == TOKEN_QUOTED;
        t = expo_lex(x);
        if (quoted && (t == TOKEN_COMMA || t == TOKEN_BRACE_CLOSE)) {
            if (!set_name(x, name, t, sink, e))
                return false;
            if (t == TOKEN_COMMA)
                t = expo_lex(x);
            continue;
        }
        if (t != TOKEN_EQUAL)
            return expo_unexpected(x, "expected equal", t, e);
        if (!read_label_value(x, name, sink, e))
            return false;
        t = expo_lex(x);
        if (t == TOKEN_COMMA)
            t = expo_lex(x);
        else if (x->format == EXPO_OPENMETRICS && t != TOKEN_BRACE_CLOSE)
            return expo_unexpected(x, "expected comma or brace close", t, e);
    }
}

/* --- what follows a series --------------------------------------------------------- */

static bool
read_text_tail(struct expo *x, enum expo_token t, struct err *e)
{
    if (t != TOKEN_VALUE)
        return expo_unexpected(x, "expected value after metric", t, e);
    if (!expo_read_float(x, expo_token_text(x), &x->v, e))
        return false;
    t = expo_lex(x);
    if (t == TOKEN_LINEBREAK)
        return true;
    if (t != TOKEN_TIMESTAMP)
        return expo_unexpected(x, "expected timestamp or new record", t, e);
    x->has_t = true;
    if (!num_parse_i64(expo_token_text(x), &x->t)) {
        struct buf b = {0};
        put_quoted_start(&b, expo_token_text(x));
        err_set(e, ERR_PARSE, "strconv.ParseInt: parsing %.*s: value out of range", STR_ARG(buf_str(&b)));
        buf_free(&b);
        return expo_while_parsing(x, e);
    }
    t = expo_lex(x);
    return t == TOKEN_LINEBREAK || expo_unexpected(x, "expected next entry after timestamp", t, e);
}

/* int64(seconds * 1000) as Go converts it. */
static int64_t
seconds_to_ms(double s)
{
    double ms = s * 1000;
    return ms >= -9223372036854775808.0 && ms < 9223372036854775808.0 ? (int64_t)ms : INT64_MIN;
}

static bool
read_om_timestamp(struct expo *x, const char *what, int64_t *out, struct err *e)
{
    double s;

    if (!expo_read_float(x, str_from(expo_token_text(x), 1), &s, e))
        return false;
    if (isnan(s) || isinf(s))
        return err_set(e, ERR_PARSE, "invalid %stimestamp %s", what,
                       isnan(s) ? "NaN" : s > 0 ? "+Inf" : "-Inf");
    *out = seconds_to_ms(s);
    return true;
}

static bool
no_eof(struct err *e)
{
    return err_set(e, ERR_PARSE, "data does not end with # EOF");
}

static bool
read_om_value(struct expo *x, enum expo_token t, const char *after, double *out, struct err *e)
{
    if (t != TOKEN_VALUE) {
        char what[64];
        struct buf b = {0};
        buf_printf(&b, "expected value after %s", after);
        memcpy(what, buf_cstr(&b), MIN(b.n + 1, sizeof what));
        buf_free(&b);
        return expo_unexpected(x, what, t, e);
    }
    return expo_read_float(x, str_from(expo_token_text(x), 1), out, e);
}

static bool
read_exemplar(struct expo *x, struct err *e)
{
    struct label_sink sink = {.v = x->exemplar, .n = &x->exemplar_n};

    if (!read_labels(x, &sink, e) || !read_om_value(x, expo_lex(x), "exemplar labels", &x->exemplar_v, e))
        return false;
    x->has_exemplar = true;
    enum expo_token t = expo_lex(x);
    if (t == TOKEN_EOF)
        return no_eof(e);
    if (t == TOKEN_LINEBREAK)
        return true;
    if (t != TOKEN_TIMESTAMP)
        return expo_unexpected(x, "expected timestamp or comment", t, e);
    x->exemplar_has_t = true;
    if (!read_om_timestamp(x, "exemplar ", &x->exemplar_t, e))
        return false;
    t = expo_lex(x);
    return t == TOKEN_LINEBREAK || expo_unexpected(x, "expected next entry after exemplar timestamp", t, e);
}

static bool
read_om_tail(struct expo *x, enum expo_token t, struct err *e)
{
    if (!read_om_value(x, t, "metric", &x->v, e))
        return false;
    t = expo_lex(x);
    if (t == TOKEN_EOF)
        return no_eof(e);
    if (t == TOKEN_COMMENT)
        return read_exemplar(x, e);
    if (t != TOKEN_TIMESTAMP)
        return true; /* the end of the line; anything else fails as the next entry */
    x->has_t = true;
    if (!read_om_timestamp(x, "", &x->t, e))
        return false;
    t = expo_lex(x);
    if (t == TOKEN_COMMENT)
        return read_exemplar(x, e);
    return t == TOKEN_LINEBREAK || expo_unexpected(x, "expected next entry after timestamp", t, e);
}

static enum expo_entry
read_tail(struct expo *x, enum expo_token t, struct err *e)
{
    bool ok = x->format == EXPO_TEXT ? read_text_tail(x, t, e) : read_om_tail(x, t, e);
    return ok ? EXPO_SERIES : EXPO_ERROR;
}

/* --- entries --------------------------------------------------------------------- */

static bool
read_kind(struct expo *x, struct err *e)
{
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        if (!str_eq(x->text, str_of(kinds[k].name)) || (x->format == EXPO_TEXT && !kinds[k].text))
            continue;
        x->kind = (enum metric_kind)k;
        return true;
    }
    if (x->format == EXPO_TEXT && str_eq(x->text, STRL("untyped"))) {
        x->kind = KIND_UNKNOWN;
        return true;
    }
    struct buf b = {0};
    put_quoted_start(&b, x->text);
    err_set(e, ERR_PARSE, "invalid metric type %.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool
check_help(struct expo *x, struct err *e)
{
    if (utf8_valid(x->text))
        return true;
    struct buf b = {0};
    put_quoted_start(&b, x->text);
    err_set(e, ERR_PARSE, "help text %.*s is not a valid utf8 string", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool
check_unit(struct expo *x, struct err *e)
{
    str family = x->family, unit = x->text;

    x->unit = unit;
    if (unit.n == 0 || (str_ends(family, unit) && family.n > unit.n && family.p[family.n - unit.n - 1] == '_'))
        return true;
    struct buf b = {0};
    buf_lit(&b, "unit ");
    put_quoted_start(&b, unit);
    buf_lit(&b, " not a suffix of metric ");
    put_quoted_start(&b, family);
    err_set(e, ERR_PARSE, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

/* The text after a family's name: one character is swallowed, whatever it is, and in
 * OpenMetrics the token holds the newline as well. */
static bool
read_meta_text(struct expo *x, enum expo_token what, struct err *e)
{
    enum expo_token t = expo_lex(x);

    if (t != TOKEN_TEXT)
        return err_set(e, ERR_PARSE, "expected text in %s", token_name(what));
    str s = expo_token_text(x);
    if (x->format == EXPO_TEXT) {
        x->text = s.n > 1 ? str_from(s, 1) : STR_EMPTY;
        return true;
    }
    x->text = s.n > 1 ? STR(s.p + 1, s.n - 2) : STR_EMPTY;
    return true;
}

static bool
end_meta_line(struct expo *x, const char *what, struct err *e)
{
    if (x->format != EXPO_TEXT || x->at >= x->page.n)
        return true; /* the token held the newline, or the page ends here */
    enum expo_token t = expo_lex(x);
    return t == TOKEN_LINEBREAK || expo_unexpected(x, what, t, e);
}

static enum expo_entry
read_meta(struct expo *x, enum expo_token what, struct err *e)
{
    enum expo_token t = expo_lex(x);

    if (t != TOKEN_METRIC_NAME) {
        static const char *const texts[] = {
            [TOKEN_HELP] = "expected metric name after HELP",
            [TOKEN_TYPE] = "expected metric name after TYPE",
            [TOKEN_UNIT] = "expected metric name after UNIT",
        };
        expo_unexpected(x, texts[what], t, e);
        return EXPO_ERROR;
    }
    x->family = unquote(expo_token_text(x));
    if (!read_meta_text(x, what, e))
        return EXPO_ERROR;
    bool ok = what == TOKEN_TYPE ? read_kind(x, e) : what == TOKEN_HELP ? check_help(x, e) : check_unit(x, e);
    if (!ok || !end_meta_line(x, "linebreak expected after metadata", e))
        return EXPO_ERROR;
    return what == TOKEN_TYPE ? EXPO_TYPE : what == TOKEN_HELP ? EXPO_HELP : EXPO_UNIT;
}

/* t is the first token of the series: a name or an opening brace. */
static enum expo_entry
read_series(struct expo *x, enum expo_token t, struct err *e)
{
    struct label_sink sink = {.v = x->labels, .n = &x->labels_n, .name = &x->name};

    x->name = STR_EMPTY;
    if (t == TOKEN_METRIC_NAME) {
        /* From the start of the entry: in text, leading blanks belong to the name. */
        x->name = STR(x->page.p + x->start, x->at - x->start);
        x->series = x->name;
        t = expo_lex(x);
    }
    if (t == TOKEN_BRACE_OPEN) {
        if (!read_labels(x, &sink, e))
            return EXPO_ERROR;
        x->series = STR(x->page.p + x->start, x->at - x->start);
        t = expo_lex(x);
    }
    if (!x->name.p) {
        err_set(e, ERR_PARSE, "metric name not set");
        expo_while_parsing(x, e);
        return EXPO_ERROR;
    }
    return read_tail(x, t, e);
}

static void
begin_entry(struct expo *x)
{
    x->start = x->at;
    x->labels_n = x->exemplar_n = 0;
    x->has_t = x->has_exemplar = x->exemplar_has_t = false;
}

static enum expo_entry
end_of_openmetrics(struct expo *x, enum expo_token t, struct err *e)
{
    if (t == TOKEN_EOF)
        no_eof(e);
    else if (expo_lex(x) != TOKEN_EOF)
        err_set(e, ERR_PARSE, "unexpected data after # EOF");
    else
        return EXPO_END;
    return EXPO_ERROR;
}

enum expo_entry
expo_next(struct expo *x, struct err *e)
{
    for (;;) {
        begin_entry(x);
        enum expo_token t = expo_lex(x);
        switch (t) {
        case TOKEN_EOF:
        case TOKEN_EOF_WORD:
            return x->format == EXPO_TEXT ? EXPO_END : end_of_openmetrics(x, t, e);
        case TOKEN_LINEBREAK:
            if (x->format == EXPO_TEXT)
                continue; /* blank lines mean nothing */
            break;
        case TOKEN_HELP:
        case TOKEN_TYPE:
        case TOKEN_UNIT:
            return read_meta(x, t, e);
        case TOKEN_COMMENT:
            if (x->format == EXPO_OPENMETRICS)
                break; /* an exemplar without its sample */
            x->text = expo_token_text(x);
            return end_meta_line(x, "linebreak expected after comment", e) ? EXPO_COMMENT : EXPO_ERROR;
        case TOKEN_METRIC_NAME:
        case TOKEN_BRACE_OPEN:
            return read_series(x, t, e);
        default:
            break;
        }
        expo_unexpected(x, "expected a valid start token", t, e);
        return EXPO_ERROR;
    }
}

size_t
expo_plain_value(str s, double *v)
{
    size_t n = 0;

    while (n < s.n && s.p[n] > ' ')
        n++;
    if (n == 0 || n >= s.n || s.p[n] != '\n' || !num_parse_sample(STR(s.p, n), v))
        return 0;
    if (UNLIKELY(isnan(*v)))
        *v = f64_from_bits(NORMAL_NAN_BITS);
    return n + 1;
}

void
expo_skip(struct expo *x, size_t line_bytes)
{
    DCHECK(x->at + line_bytes <= x->page.n);
    x->at += line_bytes;
    x->state = STATE_INIT;
}

/* --- values as they are meant ------------------------------------------------------ */

/* \\ and \n, and \" where quotes is set; other escapes stay as they are. */
static str
undo_escapes(str s, bool quotes, struct arena *a)
{
    if (str_find_char(s, '\\', 0) < 0)
        return s;
    char *p = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '\0';
        if (c == '\\' && (next == '\\' || next == 'n' || (quotes && next == '"'))) {
            c = next == 'n' ? '\n' : next;
            i++;
        }
        p[n++] = c;
    }
    return STR(p, n);
}

static str
normal_bound(const struct expo *x, str name, str value, struct arena *a)
{
    char text[NUM_TEXT_MAX];
    double v;
    bool bound = (x->kind == KIND_HISTOGRAM && str_eq(name, STRL("le"))) ||
                 (x->kind == KIND_SUMMARY && str_eq(name, STRL("quantile")));

    if (!bound || !num_parse_go(value, &v))
        return value;
    return arena_str(a, STR(text, num_format_om(v, text)));
}

struct label *
expo_labels(const struct expo *x, struct arena *a, size_t *n)
{
    struct label *v = ARENA_ARRAY(a, struct label, x->labels_n + 1);

    v[0] = (struct label){LABEL_NAME, undo_escapes(x->name, true, a)};
    for (size_t i = 0; i < x->labels_n; i++) {
        str name = undo_escapes(x->labels[i].name, true, a);
        str value = undo_escapes(x->labels[i].value, true, a);
        v[i + 1] = (struct label){name, normal_bound(x, name, value, a)};
    }
    *n = x->labels_n + 1;
    return v;
}

str
expo_help(const struct expo *x, struct arena *a)
{
    return undo_escapes(x->text, x->format == EXPO_OPENMETRICS, a);
}
