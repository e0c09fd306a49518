#include "server/notify/silence.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/rng.h"
#include "base/unicode.h"
#include "server/config/am_matcher.h"

/* --- one silence ---------------------------------------------------------------------------- */

const char *
silence_state_name(enum silence_state state)
{
    static const char *const names[] = {"active", "pending", "expired"};
    return names[state];
}

static str
quoted(struct arena *a, str s)
{
    struct buf b = {0};

    unicode_put_quoted(&b, s);
    str out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return out;
}

/* The bare pattern must compile, and tells whether it finds an empty text (unanchored, as
 * Alertmanager asks). */
static bool
check_matcher(const struct matcher *m, struct arena *a, bool *matches_empty, struct err *e)
{
    struct regex *re;
    struct err why;

    *matches_empty = m->type == MATCH_EQ && m->value.n == 0;
    if (m->name.n == 0 || !utf8_valid(m->name))
        return err_set(e, ERR_BAD_DATA, "invalid label name %.*s", STR_ARG(quoted(a, m->name)));
    if (m->type == MATCH_EQ || m->type == MATCH_NE)
        return utf8_valid(m->value) ||
               err_set(e, ERR_BAD_DATA, "invalid label value %.*s", STR_ARG(quoted(a, m->value)));
    if (!regex_compile(m->value, REGEX_SEARCH, &re, &why))
        return err_set(e, ERR_BAD_DATA, "invalid regular expression %.*s: %s", STR_ARG(quoted(a, m->value)), why.text);
    *matches_empty = m->type == MATCH_RE && regex_match(re, STR_EMPTY);
    regex_free(&re);
    return true;
}

static bool
copy_matchers(struct silence *s, const struct silence *parts, struct err *e)
{
    bool all_match_empty = true;

    if (parts->n == 0)
        return err_set(e, ERR_BAD_DATA, "invalid silence: matcher set 0 is empty");
    s->v = ARENA_ARRAY(s->arena, struct matcher, parts->n);
    for (size_t i = 0; i < parts->n; i++) {
        const struct matcher *m = &parts->v[i];
        bool empty;
        if (!check_matcher(m, s->arena, &empty, e) ||
            !am_matcher_init(&s->v[i], m->type, arena_str(s->arena, m->name), arena_str(s->arena, m->value), s->arena, e))
            return err_prefix(e, "invalid silence: invalid label matcher %zu in set 0: ", i);
        s->n++;
        all_match_empty &= empty;
    }
    if (all_match_empty)
        return err_set(e, ERR_BAD_DATA,
                       "invalid silence: matcher set 0: at least one matcher must not match the empty string");
    return true;
}

bool
silence_new(struct silence **out, const struct silence *parts, str id, struct err *e)
{
    struct silence *s = MEM_NEW(struct silence);

    s->refs = 1;
    s->arena = arena_new();
    CHECK(id.n <= SILENCE_ID_BYTES);
    if (id.n)
        memcpy(s->id, id.p, id.n);
    s->starts_ms = parts->starts_ms;
    s->ends_ms = parts->ends_ms;
    s->updated_ms = parts->updated_ms;
    s->created_by = arena_str(s->arena, parts->created_by);
    s->comment = arena_str(s->arena, parts->comment);
    s->annotations = labels_copy(s->arena, parts->annotations);
    if (!copy_matchers(s, parts, e)) {
        silence_unref(&s);
        return false;
    }
    *out = s;
    return true;
}

struct silence *
silence_ref(struct silence *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void
silence_unref(struct silence **out)
{
    struct silence *s = *out;

    *out = NULL;
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    for (size_t i = 0; i < s->n; i++)
        matcher_fini(&s->v[i]);
    arena_free(&s->arena);
    mem_free(s);
}

bool
silence_matches(const struct silence *s, struct labels ls)
{
    for (size_t i = 0; i < s->n; i++)
        if (!matcher_matches(&s->v[i], labels_get(ls, s->v[i].name)))
            return false;
    return true;
}

/* --- the table --------------------------------------------------------------------------------- */

static struct silence **
find_slot(const struct silences *t, str id)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(str_of(t->v[i]->id), id))
            return &t->v[i];
    return NULL;
}

struct silence *
silences_find(const struct silences *t, str id)
{
    struct silence **slot = find_slot(t, id);
    return slot ? *slot : NULL;
}

void
silences_load(struct silences *t, struct silence *s)
{
    struct silence **slot = find_slot(t, str_of(s->id));

    if (slot) {
        silence_unref(slot);
        *slot = s;
        return;
    }
    mem_grow(&t->v, &t->cap, t->n + 1, sizeof(struct silence *));
    t->v[t->n++] = s;
}

static bool
same_matchers(const struct silence *a, const struct silence *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].type != b->v[i].type || !str_eq(a->v[i].name, b->v[i].name) ||
            !str_eq(a->v[i].value, b->v[i].value))
            return false;
    return true;
}

/* May the silence become like this without making its history a lie? */
static bool
can_update(const struct silence *before, const struct silence *after, int64_t now_ms)
{
    if (!same_matchers(before, after))
        return false;
    switch (silence_state(before, now_ms)) {
    case SILENCE_ACTIVE: return before->starts_ms / 1000 == after->starts_ms / 1000 && after->ends_ms >= now_ms;
    case SILENCE_PENDING: return after->starts_ms >= now_ms;
    case SILENCE_EXPIRED: break;
    }
    return false;
}

/* A random UUID, version 4. */
static void
new_id(char out[SILENCE_ID_BYTES + 1])
{
    uint8_t b[16];
    char *p = out;

    rng_secret(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = "0123456789abcdef"[b[i] >> 4];
        *p++ = "0123456789abcdef"[b[i] & 15];
    }
    *p = '\0';
}

static struct silence *
ended_copy(const struct silence *s, int64_t now_ms)
{
    struct silence *c;
    struct err e;
    bool ok = silence_new(&c, s, str_of(s->id), &e);

    CHECK(ok); /* it was good before */
    c->starts_ms = MIN(c->starts_ms, now_ms);
    c->ends_ms = c->updated_ms = now_ms;
    return c;
}

bool
silences_expire(struct silences *t, str id, int64_t now_ms, struct silence **out)
{
    const struct silence *s = silences_find(t, id);

    *out = NULL;
    if (!s)
        return false;
    if (silence_state(s, now_ms) == SILENCE_EXPIRED)
        return true;
    *out = ended_copy(s, now_ms);
    silences_load(t, *out);
    return true;
}

bool
silences_set(struct silences *t, struct silence *s, int64_t now_ms, struct silence **expired, struct err *e)
{
    const struct silence *before = silences_find(t, str_of(s->id));

    *expired = NULL;
    if (s->id[0] && !before)
        return err_set(e, ERR_NOT_FOUND, "silence not found");
    s->updated_ms = now_ms;
    if (!before || !can_update(before, s, now_ms)) {
        if (t->n >= LIMIT_NOTIFY_SILENCES)
            return err_set(e, ERR_LIMIT, "exceeded maximum number of silences: %zu (limit: %d)", t->n,
                           LIMIT_NOTIFY_SILENCES);
        if (before)
            (void)!silences_expire(t, str_of(s->id), now_ms, expired);
        new_id(s->id);
        s->starts_ms = MAX(s->starts_ms, now_ms);
    }
    silences_load(t, silence_ref(s));
    return true;
}

size_t
silences_muting(const struct silences *t, struct labels ls, int64_t now_ms, const struct silence **out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n && n < max; i++)
        if (silence_state(t->v[i], now_ms) == SILENCE_ACTIVE && silence_matches(t->v[i], ls))
            out[n++] = t->v[i];
    return n;
}

void
silences_sweep(struct silences *t, int64_t now_ms)
{
    for (size_t i = 0; i < t->n;) {
        if (t->v[i]->ends_ms > now_ms - LIMIT_SILENCE_KEEP_MS) {
            i++;
            continue;
        }
        silence_unref(&t->v[i]);
        t->v[i] = t->v[--t->n];
    }
}

void
silences_fini(struct silences *t)
{
    for (size_t i = 0; i < t->n; i++)
        silence_unref(&t->v[i]);
    mem_free(t->v);
    *t = (struct silences){0};
}
