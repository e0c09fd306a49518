#include "model/matcher.h"

#include "base/panic.h"
#include "model/labels.h"

bool
matcher_init(struct matcher *m, enum matcher_type type, str name, str value, struct err *e)
{
    *m = (struct matcher){.type = type, .name = name, .value = value};
    if (type == MATCH_RE || type == MATCH_NRE)
        return regex_compile(value, REGEX_ANCHORED, &m->re, e);
    return true;
}

void
matcher_fini(struct matcher *m)
{
    regex_free(&m->re);
}

bool
matcher_matches(const struct matcher *m, str value)
{
    switch (m->type) {
    case MATCH_EQ:
        return str_eq(m->value, value);
    case MATCH_NE:
        return !str_eq(m->value, value);
    case MATCH_RE:
        return regex_match(m->re, value);
    case MATCH_NRE:
        return !regex_match(m->re, value);
    }
    UNREACHABLE();
}

bool
matcher_matches_empty(const struct matcher *m)
{
    return matcher_matches(m, STR_EMPTY);
}

const char *
matcher_type_text(enum matcher_type type)
{
    static const char *const text[] = {"=", "!=", "=~", "!~"};
    CHECK((size_t)type < ARRAY_LEN(text));
    return text[type];
}

void
matcher_put(struct buf *out, const struct matcher *m)
{
    if (label_name_legacy_valid(m->name))
        buf_put(out, m->name);
    else
        labels_put_quoted(out, m->name);
    buf_put(out, str_of(matcher_type_text(m->type)));
    labels_put_quoted(out, m->value);
}
