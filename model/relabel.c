#include "model/relabel.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/panic.h"
#include "base/unicode.h"

static const char *const action_text[] = {
    [RELABEL_REPLACE] = "replace",     [RELABEL_KEEP] = "keep",
    [RELABEL_DROP] = "drop",           [RELABEL_KEEPEQUAL] = "keepequal",
    [RELABEL_DROPEQUAL] = "dropequal", [RELABEL_HASHMOD] = "hashmod",
    [RELABEL_LABELMAP] = "labelmap",   [RELABEL_LABELDROP] = "labeldrop",
    [RELABEL_LABELKEEP] = "labelkeep", [RELABEL_LOWERCASE] = "lowercase",
    [RELABEL_UPPERCASE] = "uppercase",
};

const char *
relabel_action_text(enum relabel_action action)
{
    CHECK((size_t)action < ARRAY_LEN(action_text));
    return action_text[action];
}

static bool
quoted_error(struct err *e, const char *before, str value, const char *after)
{
    struct buf b = {0};
    unicode_put_quoted(&b, value);
    err_set(e, ERR_CONFIG, "%s%.*s%s", before, STR_ARG(buf_str(&b)), after);
    buf_free(&b);
    return false;
}

bool
relabel_action_parse(str text, enum relabel_action *out, struct err *e)
{
    struct buf lower = {0};
    bool found = false;

    unicode_put_lower(&lower, text);
    for (size_t i = 0; i < ARRAY_LEN(action_text) && !found; i++) {
        found = str_eq(buf_str(&lower), str_of(action_text[i]));
        if (found)
            *out = (enum relabel_action)i;
    }
    buf_free(&lower);
    return found || quoted_error(e, "unknown relabel action ", text, "");
}

static bool
name_valid(const struct relabel *r, str name)
{
    return r->legacy_names ? label_name_legacy_valid(name) : name.n > 0 && utf8_valid(name);
}

static bool
has_variable(str template)
{
    return str_find_char(template, '$', 0) >= 0;
}

static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Length of the variable $name or ${name} at the start of s, 0 if it is none. */
static size_t
variable_len(str s)
{
    bool braces = s.n > 1 && s.p[1] == '{';
    size_t start = braces ? 2 : 1, i = start;

    while (i < s.n && is_word(s.p[i]))
        i++;
    if (i == start || (braces && (i == s.n || s.p[i] != '}')))
        return 0;
    return braces ? i + 1 : i;
}

/* A label name that may hold variables.  UTF-8 names may hold '$' and braces anyway. */
static bool
template_valid(const struct relabel *r, str t)
{
    if (!r->legacy_names)
        return name_valid(r, t);
    for (size_t i = 0; i < t.n;) {
        if (t.p[i] == '$') {
            size_t len = variable_len(str_from(t, i));
            if (len == 0)
                return false;
            i += len;
        } else if (is_word(t.p[i]) && !(i == 0 && t.p[i] >= '0' && t.p[i] <= '9')) {
            i++;
        } else {
            return false;
        }
    }
    return t.n > 0;
}

static bool
needs_target(enum relabel_action a)
{
    return a == RELABEL_REPLACE || a == RELABEL_HASHMOD || a == RELABEL_LOWERCASE ||
           a == RELABEL_UPPERCASE || a == RELABEL_KEEPEQUAL || a == RELABEL_DROPEQUAL;
}

static bool
check_names(const struct relabel *r, const char *action, struct err *e)
{
    bool target_ok = true;
    char after[80];

    if (r->action == RELABEL_REPLACE)
        target_ok =
            has_variable(r->target) ? template_valid(r, r->target) : name_valid(r, r->target);
    else if (needs_target(r->action) && r->action != RELABEL_HASHMOD)
        target_ok = name_valid(r, r->target);
    snprintf(after, sizeof(after), " is invalid 'target_label' for %s action", action);
    if (!target_ok)
        return quoted_error(e, "", r->target, after);
    if (needs_target(r->action) && r->action != RELABEL_REPLACE && r->action != RELABEL_HASHMOD &&
        !str_eq(r->replacement, STRL("$1")))
        return err_set(e, ERR_CONFIG, "'replacement' can not be set for %s action", action);
    if (r->action == RELABEL_LABELMAP && !template_valid(r, r->replacement))
        return quoted_error(e, "", r->replacement, " is invalid 'replacement' for labelmap action");
    if (r->action == RELABEL_HASHMOD && !name_valid(r, r->target))
        return quoted_error(e, "", r->target, after);
    return true;
}

static bool
check_only(const struct relabel *r, const char *action, struct err *e)
{
    bool defaults =
        r->modulus == 0 && str_eq(r->separator, STRL(";")) && str_eq(r->replacement, STRL("$1"));

    if ((r->action == RELABEL_DROPEQUAL || r->action == RELABEL_KEEPEQUAL) &&
        (!defaults || !r->regex_default))
        return err_set(e, ERR_CONFIG,
                       "%s action requires only 'source_labels' and `target_label`, and no other "
                       "fields",
                       action);
    if ((r->action == RELABEL_LABELDROP || r->action == RELABEL_LABELKEEP) &&
        (!defaults || r->source != NULL || r->target.n > 0))
        return err_set(e, ERR_CONFIG, "%s action requires only 'regex', and no other fields",
                       action);
    return true;
}

bool
relabel_validate(const struct relabel *r, struct err *e)
{
    const char *action = relabel_action_text(r->action);

    if (r->modulus == 0 && r->action == RELABEL_HASHMOD)
        return err_set(e, ERR_CONFIG,
                       "relabel configuration for hashmod requires non-zero modulus");
    if (needs_target(r->action) && r->target.n == 0)
        return err_set(e, ERR_CONFIG,
                       "relabel configuration for %s action requires 'target_label' value", action);
    return check_names(r, action, e) && check_only(r, action, e);
}

static str
buf_give(struct buf *b, struct arena *a)
{
    str s = arena_str(a, buf_str(b));
    buf_free(b);
    return s;
}

/* The source labels' values joined; one value alone is borrowed. */
static str
source_value(const struct relabel *r, struct labels_builder *b)
{
    if (r->source_n == 0)
        return STR_EMPTY;
    if (r->source_n == 1)
        return labels_builder_get(b, r->source[0]);
    struct buf joined = {0};
    for (size_t i = 0; i < r->source_n; i++) {
        if (i > 0)
            buf_put(&joined, r->separator);
        buf_put(&joined, labels_builder_get(b, r->source[i]));
    }
    return buf_give(&joined, b->a);
}

static str
expand(const struct relabel *r, str template, const str *groups, size_t n, struct arena *a)
{
    if (!has_variable(template))
        return template;
    struct buf out = {0};
    regex_expand(r->regex, template, groups, n, &out);
    return buf_give(&out, a);
}

static void
apply_replace(const struct relabel *r, str value, struct labels_builder *b)
{
    if (value.n == 0 && r->regex_default && !has_variable(r->target) &&
        !has_variable(r->replacement)) {
        labels_builder_set(b, r->target, r->replacement);
        return;
    }
    size_t max = regex_group_count(r->regex) + 1;
    str *groups = ARENA_ARRAY(b->a, str, max);
    size_t n = regex_capture(r->regex, value, 0, groups, max);
    if (n == 0)
        return;
    str target = expand(r, r->target, groups, n, b->a);
    if (name_valid(r, target))
        labels_builder_set(b, target, expand(r, r->replacement, groups, n, b->a));
}

static void
apply_hashmod(const struct relabel *r, str value, struct labels_builder *b)
{
    uint8_t md5[16];
    uint64_t h = 0;

    hash_md5(value, md5);
    for (size_t i = 8; i < 16; i++)
        h = h << 8 | md5[i];
    labels_builder_set(b, r->target,
                       arena_printf(b->a, "%llu", (unsigned long long)(h % r->modulus)));
}

static void
apply_case(const struct relabel *r, str value, struct labels_builder *b)
{
    struct buf out = {0};
    if (r->action == RELABEL_LOWERCASE)
        unicode_put_lower(&out, value);
    else
        unicode_put_upper(&out, value);
    labels_builder_set(b, r->target, buf_give(&out, b->a));
}

/* Rules over names see the set as it was before the rule. */
static void
apply_to_names(const struct relabel *r, struct labels_builder *b)
{
    size_t n = b->n;
    struct label *before = ARENA_ARRAY(b->a, struct label, n);

    if (n > 0)
        memcpy(before, b->v, n * sizeof(before[0]));
    for (size_t i = 0; i < n; i++) {
        bool match = regex_match(r->regex, before[i].name);
        if (match && r->action == RELABEL_LABELMAP) {
            struct buf name = {0};
            regex_replace_all(r->regex, before[i].name, r->replacement, &name);
            labels_builder_set(b, buf_give(&name, b->a), before[i].value);
        } else if (match == (r->action == RELABEL_LABELDROP) && r->action != RELABEL_LABELMAP) {
            labels_builder_del(b, before[i].name);
        }
    }
}

static bool
apply_one(const struct relabel *r, struct labels_builder *b)
{
    str value = source_value(r, b);

    switch (r->action) {
    case RELABEL_DROP:
        return !regex_match(r->regex, value);
    case RELABEL_KEEP:
        return regex_match(r->regex, value);
    case RELABEL_DROPEQUAL:
        return !str_eq(labels_builder_get(b, r->target), value);
    case RELABEL_KEEPEQUAL:
        return str_eq(labels_builder_get(b, r->target), value);
    case RELABEL_REPLACE:
        apply_replace(r, value, b);
        return true;
    case RELABEL_HASHMOD:
        apply_hashmod(r, value, b);
        return true;
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE:
        apply_case(r, value, b);
        return true;
    case RELABEL_LABELMAP:
    case RELABEL_LABELDROP:
    case RELABEL_LABELKEEP:
        apply_to_names(r, b);
        return true;
    }
    UNREACHABLE();
}

bool
relabel_apply(const struct relabel *rules, size_t n, struct labels_builder *b)
{
    for (size_t i = 0; i < n; i++)
        if (!apply_one(&rules[i], b))
            return false;
    return true;
}
