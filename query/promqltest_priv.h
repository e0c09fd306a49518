/* promqltest_priv.h - what the files of the script runner share.
 * For query/promqltest*.c only. */
#pragma once
#include "base/arena.h"
#include "base/regex.h"
#include "query/engine.h"
#include "query/promqltest.h"

enum expect_kind {
    EXPECT_ORDERED, EXPECT_FAIL, EXPECT_WARN, EXPECT_NO_WARN, EXPECT_INFO, EXPECT_NO_INFO,
    EXPECT_KINDS,
};
struct expectation {
    enum expect_kind kind;
    bool any;         /* no text was given */
    str message;      /* exact, or … */
    struct regex *re; /* … a pattern found anywhere */
};
struct expected_series {
    struct labels labels;
    struct series_value *v;
    size_t n;
    size_t pos; /* counted from 1 */
    bool seen;
};

struct eval_case {
    size_t line;
    str expr;
    bool range;
    int64_t start, end, step;
    int64_t at;             /* of an instant query */
    bool range_vector;      /* start, end, step are those of the expected samples */
    bool has_string;
    str string;
    bool scalar;
    double scalar_value;
    struct expected_series *series;
    size_t series_n, series_cap;
    struct expectation *expects;
    size_t expects_n, expects_cap;
};

struct script {
    const char *name;
    struct arena *arena;    /* of the whole script */
    str *lines;             /* trimmed; comments empty */
    size_t lines_n;
    size_t next;            /* the line to read */
    struct tsdb *db;
    struct engine *engine;
    struct buf *out;
    struct promqltest_count *count;
    bool stop;              /* the script is malformed */
};

/* "name:line: …" with line from 1. */
void script_fail(struct script *s, size_t line, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As script_fail; ends the script. */
void script_malformed(struct script *s, size_t line, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The next line of the block, or false at its end. */
bool script_line(struct script *s, str *line);
/* Cuts the first word (after spaces) off *line. */
str script_word(str *line);
str script_trim(str s);

/* promqltest_load.c: both read the rest of the block that starts at line s->next - 1. */
void script_load(struct script *s, str step, bool with_nhcb);
/* promqltest_parse.c */
bool script_parse_eval(struct script *s, str line, struct eval_case *c);
void eval_case_free(struct eval_case *c);
/* promqltest_eval.c */
void script_eval(struct script *s, struct eval_case *c);
/* promqltest_compare.c: false with a message in e. */
bool compare_value(struct eval_case *c, const struct value *v, struct arena *a, struct err *e);
/* The middle of three steps of a range query against the instant expectations. */
bool compare_middle(struct eval_case *c, const struct value *v, bool scalar, struct arena *a,
                    struct err *e);
bool compare_annotations(const struct eval_case *c, const struct query *q, struct err *e);
/* Whether a failed query failed as it should. */
bool compare_failure(const struct eval_case *c, const struct err *actual, struct err *e);
bool eval_case_expects(const struct eval_case *c, enum expect_kind kind);
