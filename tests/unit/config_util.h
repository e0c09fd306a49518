/* config_util.h - what the configuration's tests share: loading text, folders of files. */
#pragma once
#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "server/config/config.h"
#include "tests/unit/unit.h"

#define DAY_MS (INT64_C(86400) * 1000)

static inline struct config *
load_text(const char *text, struct config_place *place, struct err *e)
{
    struct config_opts o = {.retention_ms = 15 * DAY_MS, .place = place};
    struct config *c;
    return config_parse(str_of(text), "/etc/x", &o, &c, e) ? c : NULL;
}

static inline struct config *
load_good(const char *text)
{
    struct err e;
    struct config *c = load_text(text, NULL, &e);
    if (c == NULL)
        ck_abort_msg("%s\nis refused: %s", text, e.text);
    return c;
}

/* The text is refused with these words, and the place (line, key) is named. */
static inline void
refused(const char *text, const char *words, int line, const char *key)
{
    struct err e;
    struct config_place place = {.line = 0};
    struct config *c = load_text(text, &place, &e);
    if (c != NULL)
        ck_abort_msg("%s\nis taken", text);
    if (strcmp(e.text, words) != 0)
        ck_abort_msg("%s\nis refused with \"%s\", not \"%s\"", text, e.text, words);
    if (key != NULL && (place.line != line || strcmp(place.key, key) != 0))
        ck_abort_msg("%s\nplace %d %s, not %d %s", text, place.line, place.key, line, key);
}

/* The path of a conformance folder, or NULL (said) where there is none. */
static inline char *
conformance_folder(const char *name)
{
    const char *given = getenv("NARTHEX_CONFORMANCE"), *top = getenv("srcdir");
    char *beside = io_join(top ? top : ".", "../shared/conformance");
    char *dir = io_join(given ? given : beside, name);
    mem_free(beside);
    if (!io_exists(dir)) {
        printf("skipped: no %s\n", dir);
        mem_free(dir);
        return NULL;
    }
    return dir;
}

/* A fresh folder under the build's, removed by the caller. */
static inline char *
temp_folder(void)
{
    char path[] = "test-config-XXXXXX";
    ck_assert(mkdtemp(path) != NULL);
    return mem_cstr(str_of(path));
}

static inline char *
write_file(const char *dir, const char *name, const char *text)
{
    struct err e;
    char *path = io_join(dir, name);
    ck_assert_msg(io_replace(path, str_of(text), &e), "%s", e.text);
    return path;
}
