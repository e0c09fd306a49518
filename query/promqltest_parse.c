/* promqltest_parse.c - eval commands and what they expect. */
#include "query/promqltest_priv.h"

#include "base/num.h"

static void
add_expectation(struct script *s, struct eval_case *c, struct expectation x)
{
    arena_grow(s->arena, &c->expects, &c->expects_cap, c->expects_n + 1, sizeof c->expects[0]);
    c->expects[c->expects_n++] = x;
}

bool
eval_case_expects(const struct eval_case *c, enum expect_kind kind)
{
    for (size_t i = 0; i < c->expects_n; i++) {
        if (c->expects[i].kind == kind)
            return true;
    }
    return false;
}

void
eval_case_free(struct eval_case *c)
{
    for (size_t i = 0; i < c->expects_n; i++)
        regex_free(&c->expects[i].re);
}

static bool
parse_kind(str word, enum expect_kind *out)
{
    static const char *const words[EXPECT_KINDS] = {"ordered", "fail", "warn", "no_warn", "info",
                                                    "no_info"};
    for (int i = 0; i < EXPECT_KINDS; i++) {
        if (str_eq(word, str_of(words[i]))) {
            *out = (enum expect_kind)i;
            return true;
        }
    }
    return false;
}

/* The pattern is owned by the case once it is added. */
static bool
compile(struct script *s, str pattern, struct regex **out)
{
    struct err e;
    if (regex_compile(pattern, REGEX_SEARCH, out, &e))
        return true;
    script_malformed(s, s->next, "invalid regex %.*s: %s", STR_ARG(pattern), e.text);
    return false;
}

static void
check_expectations(struct script *s, const struct eval_case *c)
{
    size_t fails = 0;
    for (size_t i = 0; i < c->expects_n; i++)
        fails += c->expects[i].kind == EXPECT_FAIL;
    if (eval_case_expects(c, EXPECT_INFO) && eval_case_expects(c, EXPECT_NO_INFO))
        script_malformed(s, s->next, "invalid expect lines, info and no_info cannot be used together");
    if (eval_case_expects(c, EXPECT_WARN) && eval_case_expects(c, EXPECT_NO_WARN))
        script_malformed(s, s->next, "invalid expect lines, warn and no_warn cannot be used together");
    if (fails > 1)
        script_malformed(s, s->next, "invalid expect lines, multiple expect fail lines are not allowed");
}

/* expect <kind> [msg:<text> | regex:<pattern>] */
static void
parse_expect(struct script *s, struct eval_case *c, str line)
{
    struct expectation x = {0};
    script_word(&line);
    str kind = script_word(&line);
    bool good = parse_kind(kind, &x.kind);
    x.any = line.n == 0;
    if (str_starts(line, STRL("msg:"))) {
        x.message = script_trim(str_from(line, 4));
        good = good && line.n > 4;
    } else if (str_starts(line, STRL("regex:"))) {
        good = good && line.n > 6 && compile(s, script_trim(str_from(line, 6)), &x.re);
    } else if (line.n > 0) {
        good = false;
    }
    if (!good) {
        script_malformed(s, s->next,
                         "invalid expect statement, must match `expect <type> <match_type>: <string>` format");
        regex_free(&x.re);
        return;
    }
    add_expectation(s, c, x);
    check_expectations(s, c);
}

static bool
parse_time(struct script *s, str text, const char *what, int64_t *ms)
{
    struct err e;
    if (num_parse_duration_ms(text, ms, &e))
        return true;
    script_malformed(s, s->next, "invalid %s definition \"%.*s\": %s", what, STR_ARG(text), e.text);
    return false;
}

/* from <time> to <time> step <duration>; cut off the line. */
static bool
parse_span(struct script *s, str *line, struct eval_case *c)
{
    static const char *const words[] = {"from", "to", "step"};
    str values[3];
    for (int i = 0; i < 3; i++) {
        if (!str_eq(script_word(line), str_of(words[i]))) {
            script_malformed(s, s->next, "must be from <time> to <time> step <duration>");
            return false;
        }
        values[i] = script_word(line);
    }
    if (!parse_time(s, values[0], "start timestamp", &c->start) ||
        !parse_time(s, values[1], "end timestamp", &c->end) ||
        !parse_time(s, values[2], "step", &c->step))
        return false;
    if (c->end < c->start) {
        script_malformed(s, s->next,
                         "invalid test definition, end timestamp (%.*s) is before start timestamp (%.*s)",
                         STR_ARG(values[1]), STR_ARG(values[0]));
        return false;
    }
    return true;
}

static void
parse_expect_string(struct script *s, struct eval_case *c, str quoted)
{
    static const struct parse_opts none = {0};
    struct expr *e;
    struct err bad;
    if (!parse_expr(quoted, &none, s->arena, &e, &bad) || e->type != EXPR_STRING) {
        script_malformed(s, s->next,
                         "expected string literal not valid - check that the string is correctly quoted");
        return;
    }
    c->has_string = true;
    c->string = e->u.string;
}

static void
parse_expected_series(struct script *s, struct eval_case *c, str line, size_t pos)
{
    struct expected_series x = {.pos = pos};
    struct err e;
    if (!parse_series_line(line, s->arena, &x.labels, &x.v, &x.n, &e)) {
        script_malformed(s, s->next, "%s", e.text);
        return;
    }
    if (x.n > 1 && !c->range && !c->range_vector)
        script_malformed(s, s->next,
                         "expecting multiple values in instant evaluation not allowed. consider using "
                         "'expect range vector' directive to enable a range vector result for an "
                         "instant query");
    for (size_t i = 0; i < c->series_n; i++) {
        if (labels_eq(c->series[i].labels, x.labels)) {
            c->series[i] = x;
            return;
        }
    }
    arena_grow(s->arena, &c->series, &c->series_cap, c->series_n + 1, sizeof c->series[0]);
    c->series[c->series_n++] = x;
}

/* A bare number, as PromQL and Go write them. */
static bool
parse_scalar(struct script *s, str line, double *out)
{
    static const struct parse_opts none = {0};
    struct expr *e;
    struct err bad;
    if (num_parse_go(line, out))
        return true;
    if (!parse_expr(line, &none, s->arena, &e, &bad))
        return false;
    if (e->type == EXPR_NUMBER && !e->u.number.is_duration) {
        *out = e->u.number.v;
        return true;
    }
    parse_free_regexes(e);
    return false;
}

/* The older lines after eval_fail; true if the line is one (it ends the block). */
static bool
parse_expected_fail(struct script *s, struct eval_case *c, str line)
{
    struct expectation *x = NULL;
    str message = STRL("expected_fail_message"), pattern = STRL("expected_fail_regexp");
    for (size_t i = 0; i < c->expects_n && !x; i++)
        x = c->expects[i].kind == EXPECT_FAIL ? &c->expects[i] : NULL;
    if (!x)
        return false;
    if (str_starts(line, message)) {
        x->any = false;
        x->message = script_trim(str_from(line, message.n));
        return true;
    }
    if (str_starts(line, pattern)) {
        x->any = !compile(s, script_trim(str_from(line, pattern.n)), &x->re);
        return true;
    }
    return false;
}

/* The lines under an eval command. */
static void
parse_expectations(struct script *s, struct eval_case *c)
{
    str line;
    size_t pos = 1;
    while (script_line(s, &line)) {
        str rest = line;
        if (parse_expected_fail(s, c, line))
            return;
        if (str_starts(line, STRL("expect range vector"))) {
            rest = str_from(line, strlen("expect range vector"));
            c->range_vector = parse_span(s, &rest, c);
            c->at = c->end;
        } else if (str_starts(line, STRL("expect string"))) {
            parse_expect_string(s, c, script_trim(str_from(line, strlen("expect string"))));
        } else if (str_eq(script_word(&rest), STRL("expect"))) {
            parse_expect(s, c, line);
            continue;
        } else if (parse_scalar(s, line, &c->scalar_value)) {
            c->scalar = true;
            return;
        } else {
            parse_expected_series(s, c, line, pos);
        }
        pos++;
    }
}

/* eval_<kind>, the older way */
static bool
parse_command(struct script *s, struct eval_case *c, str command)
{
    enum expect_kind kind;
    if (command.n == strlen("eval"))
        return true;
    if (!str_starts(command, STRL("eval_")) || !parse_kind(str_from(command, 5), &kind) ||
        kind == EXPECT_NO_INFO || kind == EXPECT_NO_WARN)
        return false;
    add_expectation(s, c, (struct expectation){.kind = kind, .any = true});
    return true;
}

static void
check_expression(struct script *s, const struct eval_case *c, str line)
{
    struct parse_opts all = {true, true, true};
    struct expr *e;
    struct err bad;
    if (parse_expr(c->expr, &all, s->arena, &e, &bad))
        parse_free_regexes(e);
    else
        script_malformed(s, s->next, "%s in %.*s", bad.text, STR_ARG(line));
}

bool
script_parse_eval(struct script *s, str line, struct eval_case *c)
{
    str rest = line;
    str command = script_word(&rest), kind = script_word(&rest), after = rest;
    c->range = str_eq(kind, STRL("range"));
    if (!parse_command(s, c, command) || !(c->range || str_eq(kind, STRL("instant")))) {
        script_malformed(s, s->next,
                         "invalid evaluation command. Must be either 'eval[_fail|_warn|_ordered|_info] "
                         "instant [at <offset:duration>] <query>' or 'eval[_fail|_warn|_info] range from "
                         "<from> to <to> step <step> <query>'");
        return false;
    }
    if (c->range) {
        parse_span(s, &rest, c);
    } else if (str_eq(script_word(&after), STRL("at"))) {
        parse_time(s, script_word(&after), "timestamp", &c->at);
        rest = after;
    }
    c->expr = rest;
    if (!s->stop)
        check_expression(s, c, line);
    if (!s->stop)
        parse_expectations(s, c);
    return !s->stop;
}
