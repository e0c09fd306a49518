/* relabel.h - relabelling rules (reference/prometheus.md 2.4).
 *
 * A rule is built once from the configuration (defaults filled, regex compiled,
 * checked with Prometheus' words) and then immutable.
 */
#pragma once
#include "base/err.h"
#include "base/regex.h"
#include "model/labels.h"

enum relabel_action {
    RELABEL_REPLACE, RELABEL_KEEP, RELABEL_DROP, RELABEL_KEEPEQUAL, RELABEL_DROPEQUAL,
    RELABEL_HASHMOD, RELABEL_LABELMAP, RELABEL_LABELDROP, RELABEL_LABELKEEP,
    RELABEL_LOWERCASE, RELABEL_UPPERCASE,
};
struct relabel {
    enum relabel_action action;
    str *source; /* label names; non-NULL if given at all, even empty */
    size_t source_n;
    str separator; /* ";" */
    str target;
    str replacement; /* "$1" */
    uint64_t modulus;
    struct regex *regex; /* never NULL; "(.*)" by default */
    bool regex_default;  /* left at the default */
    bool legacy_names;   /* metric_name_validation_scheme: legacy */
};
/* The action's name in any case; or "unknown relabel action …". */
bool relabel_action_parse(str text, enum relabel_action *out, struct err *e) MUST_USE;
const char *relabel_action_text(enum relabel_action action);
/* Checks a filled rule as Prometheus' Config.Validate does. */
bool relabel_validate(const struct relabel *r, struct err *e) MUST_USE;
/* Applies the rules in order; false = the target or sample is dropped. */
bool relabel_apply(const struct relabel *rules, size_t n, struct labels_builder *b);
