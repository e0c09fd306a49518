/* ast.h - PromQL expressions as a tree.
 *
 * Nodes live in the arena of the parse; positions are byte offsets [start, end) into
 * the query text.  The parser fills the tree; query/check checks it (types, arity,
 * Prometheus' error words); query/plan resolves duration expressions, start()/end(),
 * and wraps what does not depend on the step in EXPR_STEP_INVARIANT.
 * Evaluation never changes the tree.
 */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "model/matcher.h"

enum value_type { VALUE_NONE, VALUE_SCALAR, VALUE_VECTOR, VALUE_MATRIX, VALUE_STRING };
const char *value_type_text(enum value_type t); /* "instant vector", … as in messages */
const char *value_type_name(enum value_type t); /* "vector", … as in resultType */

enum expr_type {
    EXPR_NUMBER, EXPR_STRING, EXPR_SELECTOR, EXPR_MATRIX, EXPR_SUBQUERY, EXPR_UNARY,
    EXPR_BINARY, EXPR_AGGREGATE, EXPR_CALL, EXPR_PAREN, EXPR_STEP_INVARIANT, EXPR_DURATION,
};
enum binop {
    BIN_ADD, BIN_SUB, BIN_MUL, BIN_DIV, BIN_MOD, BIN_POW, BIN_ATAN2,
    BIN_EQ, BIN_NE, BIN_LT, BIN_GT, BIN_LE, BIN_GE, BIN_TRIM_UPPER /* </ */, BIN_TRIM_LOWER /* >/ */,
    BIN_AND, BIN_OR, BIN_UNLESS,
};
enum aggregation {
    AGG_SUM, AGG_AVG, AGG_COUNT, AGG_MIN, AGG_MAX, AGG_GROUP, AGG_STDDEV, AGG_STDVAR,
    AGG_TOPK, AGG_BOTTOMK, AGG_COUNT_VALUES, AGG_QUANTILE, AGG_LIMITK, AGG_LIMIT_RATIO,
};
enum match_card { CARD_ONE_TO_ONE, CARD_MANY_TO_ONE, CARD_ONE_TO_MANY, CARD_MANY_TO_MANY };
enum at_kind { AT_NONE, AT_TIME, AT_START, AT_END };

/* Duration expressions ([5m*2], offset step()*3): own small tree. */
enum duration_op {
    DUR_LITERAL, DUR_ADD, DUR_SUB, DUR_MUL, DUR_DIV, DUR_MOD, DUR_POW, DUR_NEG, DUR_POS,
    DUR_STEP, DUR_RANGE, DUR_MIN, DUR_MAX, DUR_PAREN,
};

struct expr {
    enum expr_type type;
    enum value_type value; /* what it yields; set by the parser */
    uint32_t start, end;
    uint32_t depth; /* height of the tree below, at most LIMIT_QUERY_DEPTH */
    union {
        struct {
            double v;
            bool is_duration; /* written as 5m */
        } number;
        str string; /* unescaped */
        struct {
            str name; /* metric name outside the braces, or empty */
            struct matcher *m; /* incl. __name__; in source order */
            size_t n;
            int64_t offset_ms;          /* effective after plan */
            int64_t offset_ns;          /* as written; 0 with offset_expr */
            struct expr *offset_expr;   /* EXPR_DURATION or NULL */
            enum at_kind at;
            int64_t at_ms;              /* for AT_TIME */
            bool anchored, smoothed;
            size_t id;                  /* index of its selection; set by plan */
            bool stats_only;            /* of histograms only count and sum matter; by plan */
        } selector;
        struct {
            struct expr *selector;
            int64_t range_ms;
            struct expr *range_expr; /* EXPR_DURATION or NULL */
        } matrix;
        struct {
            struct expr *e;
            int64_t range_ms, step_ms; /* step 0: the default */
            bool has_step;             /* written, if only as a fraction of 1 ms */
            struct expr *range_expr, *step_expr;
            int64_t offset_ms, offset_ns; /* as in a selector */
            struct expr *offset_expr;
            enum at_kind at;
            int64_t at_ms;
        } subquery;
        struct {
            bool negate;
            struct expr *e;
        } unary;
        struct {
            enum binop op;
            struct expr *l, *r;
            bool return_bool;
            enum match_card card; /* matching is set only between two vectors */
            bool on;           /* on(...) rather than ignoring(...) */
            bool has_matching; /* on/ignoring was written */
            str *labels;
            size_t labels_n;
            str *include;      /* group_left(...) */
            size_t include_n;
            bool fill_left_set, fill_right_set;
            double fill_left, fill_right;
            uint32_t op_start, op_end;
        } binary;
        struct {
            enum aggregation op;
            struct expr *e, *param;
            bool without;
            str *grouping;
            size_t grouping_n;
        } aggregate;
        struct {
            const struct function *fn; /* query/function.h */
            struct expr **args;
            size_t n;
        } call;
        struct expr *inner; /* EXPR_PAREN, EXPR_STEP_INVARIANT */
        struct {
            enum duration_op op;
            struct expr *l, *r;
            double seconds; /* DUR_LITERAL */
            bool is_duration; /* literal written as 5m, not 300 */
        } duration;
    } u;
};
