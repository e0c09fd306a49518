/* template.h - Go's text/template with the functions of Prometheus and Alertmanager.
 *
 * Parsing and execution follow text/template exactly: the whole language (actions,
 * pipelines, variables, if/else/with/range/break/continue, define/template/block, trim
 * markers, comments), its builtins, printf verbs, error words, missingkey=zero.  Data is
 * a tree of struct tvalue; methods of the fixed Alertmanager types (SortedPairs, Names,
 * Values, Remove, Firing, Resolved) are functions on tagged maps.
 *
 * LIFETIME.  A parsed template is immutable and may run on many threads; a run's values
 * and output live in the arena given.  Depth and output are bounded (base/limits.h).
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/histogram.h"
#include "model/labels.h"

struct tvalue; /* see template_value.h for making and reading values */

struct template_set; /* named templates: a file's defines, or one inline text */
bool template_set_new(struct template_set **out, str name, str text, bool html, struct err *e) MUST_USE;
/* Adds another text's definitions (Alertmanager's `templates:` files). */
bool template_set_add(struct template_set *s, str name, str text, struct err *e) MUST_USE;
void template_set_free(struct template_set **s);

/* What functions may need from outside. */
struct template_env {
    /* `query` runs an instant query; fills a list of {Labels, Value}. May be NULL. */
    bool (*query)(void *arg, str expr, struct arena *a, struct tvalue *out, struct err *e);
    void *query_arg;
    str external_url, path_prefix;
    int64_t now_ms;
};
bool template_run(const struct template_set *s, const struct template_env *env,
                  const struct tvalue *data, struct arena *a, struct buf *out, struct err *e) MUST_USE;
/* Runs a text that may call the set's templates; escaped for HTML or not, whatever the set
 * is.  An empty text gives nothing.  On failure out has what was rendered until then. */
bool template_run_text(const struct template_set *s, str text, const struct template_env *env,
                       const struct tvalue *data, struct arena *a, struct buf *out, struct err *e) MUST_USE;
bool template_run_html(const struct template_set *s, str text, const struct template_env *env,
                       const struct tvalue *data, struct arena *a, struct buf *out, struct err *e) MUST_USE;

/* Rule labels and annotations: $labels, $value, $externalLabels, $externalURL defined.
 * Never fails: on error the text is "<error expanding template: …>" and e says why. */
struct template_alert {
    str name;                       /* of the alert, for error texts: __alert_NAME */
    struct labels labels;           /* with __name__ */
    struct labels external_labels;
    double value;
    const struct histogram *histogram; /* the value if not NULL */
};
bool template_expand_alert(str text, const struct template_alert *d, const struct template_env *env,
                           struct arena *a, str *out, struct err *e);
/* Load-time check of a text with Go's own functions alone. */
bool template_check_text(str name, str text, struct err *e) MUST_USE;
/* Load-time check of a rule's template; name: the alert's. */
bool template_check_alert(str name, str text, struct err *e) MUST_USE;
