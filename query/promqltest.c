#include "query/promqltest_priv.h"

#include "base/panic.h"

static void
report(struct script *s, size_t line, const char *fmt, va_list ap)
{
    buf_printf(s->out, "%s:%zu: ", s->name, line);
    buf_vprintf(s->out, fmt, ap);
    buf_byte(s->out, '\n');
    s->count->failed++;
}

void
script_fail(struct script *s, size_t line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(s, line, fmt, ap);
    va_end(ap);
}

void
script_malformed(struct script *s, size_t line, const char *fmt, ...)
{
    va_list ap;
    if (s->stop)
        return;
    va_start(ap, fmt);
    report(s, line, fmt, ap);
    va_end(ap);
    s->stop = true;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

str
script_trim(str s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s = str_from(s, 1);
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

str
script_word(str *line)
{
    *line = script_trim(*line);
    size_t n = 0;
    while (n < line->n && !is_space(line->p[n]))
        n++;
    str word = STR(line->p, n);
    *line = script_trim(str_from(*line, n));
    return word;
}

bool
script_line(struct script *s, str *line)
{
    if (s->stop || s->next == s->lines_n || s->lines[s->next].n == 0)
        return false;
    *line = s->lines[s->next++];
    return true;
}

static void
split_lines(struct script *s, str text)
{
    size_t cap = 0;
    while (text.n > 0) {
        ptrdiff_t end = str_find_char(text, '\n', 0);
        size_t n = end < 0 ? text.n : (size_t)end;
        str line = script_trim(STR(text.p, n));
        if (line.n > 0 && line.p[0] == '#')
            line = STR_EMPTY;
        arena_grow(s->arena, &s->lines, &cap, s->lines_n + 1, sizeof s->lines[0]);
        s->lines[s->lines_n++] = line;
        text = str_from(text, n + 1);
    }
}

static void
close_database(struct script *s)
{
    if (s->engine)
        engine_free(&s->engine);
    if (s->db)
        tsdb_close(&s->db);
}

/* An empty database and an engine for it. */
static void
clear(struct script *s)
{
    struct tsdb_opts db;
    struct engine_opts o;
    struct err e;
    close_database(s);
    tsdb_opts_default(&db);
    db.dir = NULL;
    db.store_start_times = true;
    db.xor2 = true;
    engine_opts_default(&o);
    o.timeout_ms = 100000;
    o.max_samples = 10000;
    o.lookback_ms = 5 * 60 * 1000;
    o.subquery_step_ms = 60 * 1000;
    o.workers = 1;
    o.parse = (struct parse_opts){true, true, true};
    o.delayed_name_removal = true;
    o.use_start_times = true;
    o.journal_dir = NULL;
    if (!tsdb_open(&s->db, &db, &e) || !engine_new(&s->engine, s->db, &o, &e))
        script_malformed(s, s->next, "%s", e.text);
}

static bool
is_word(str word, const char *name)
{
    return str_eq(word, str_of(name));
}

static str
lower(struct script *s, str word)
{
    str copy = arena_str(s->arena, word);
    for (size_t i = 0; i < copy.n; i++) {
        char c = word.p[i];
        ((char *)copy.p)[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    return copy;
}

static void
run_command(struct script *s, str line)
{
    size_t number = s->next;
    str rest = line, word = lower(s, script_word(&rest));
    struct eval_case c = {0};
    if (is_word(word, "clear")) {
        clear(s);
    } else if (is_word(word, "load") || is_word(word, "load_with_nhcb")) {
        script_load(s, rest, is_word(word, "load_with_nhcb"));
    } else if (str_starts(word, STRL("eval"))) {
        c.line = number;
        if (script_parse_eval(s, line, &c))
            script_eval(s, &c);
        eval_case_free(&c);
    } else if (str_starts(word, STRL("load"))) {
        script_malformed(s, number, "invalid load command. (load[_with_nhcb] <step:duration>)");
    } else {
        script_malformed(s, number, "invalid command \"%.*s\"", STR_ARG(line));
    }
}

void
promqltest_run(str text, const char *name, struct buf *out, struct promqltest_count *count)
{
    struct script s = {.name = name, .arena = arena_new(), .out = out, .count = count};
    split_lines(&s, text);
    clear(&s);
    while (!s.stop && s.next < s.lines_n) {
        str line = s.lines[s.next++];
        if (line.n > 0)
            run_command(&s, line);
    }
    close_database(&s);
    arena_free(&s.arena);
}
