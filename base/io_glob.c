#include "base/io.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"

/* Patterns are those of Go's path/filepath, which configuration files are written for:
 * * and ? stop at a slash but match a leading dot, [a-z] and [^a-z] are classes, a
 * backslash takes the next character literally. */

struct paths {
    char **list;
    size_t n;
    size_t cap;
};

static void
paths_add(struct paths *p, char *path)
{
    mem_grow(&p->list, &p->cap, p->n + 1, sizeof(char *));
    p->list[p->n++] = path;
}

/* One class character at *p, stepping over a backslash; false where the class is cut. */
static bool
class_char(const char **p, unsigned char *out)
{
    if (**p == '\0' || **p == '-' || **p == ']')
        return false;
    if (**p == '\\' && *++*p == '\0')
        return false;
    *out = (unsigned char)*(*p)++;
    return **p != '\0';
}

/* *p stands after '['; leaves it after ']'. */
static bool
class_match(const char **p, unsigned char c, bool *hit)
{
    bool negated = **p == '^';
    if (negated)
        ++*p;
    *hit = false;
    for (bool first = true;; first = false) {
        if (**p == ']' && !first)
            break;
        unsigned char lo, hi;
        if (!class_char(p, &lo))
            return false;
        hi = lo;
        if (**p == '-') {
            ++*p;
            if (!class_char(p, &hi))
                return false;
        }
        *hit |= lo <= c && c <= hi;
    }
    ++*p;
    *hit ^= negated;
    return true;
}

/* 1 match, 0 none, -1 bad pattern.  One component: neither side holds a slash. */
static int
name_match(const char *p, const char *s)
{
    for (; *p != '\0' && *p != '*'; s++) {
        bool hit = false;
        if (*p == '[') {
            p++;
            if (!class_match(&p, (unsigned char)*s, &hit))
                return -1;
        } else if (*p == '?') {
            hit = true;
            p++;
        } else {
            if (*p == '\\' && *++p == '\0')
                return -1;
            hit = *p++ == *s;
        }
        if (*s == '\0' || !hit)
            return 0;
    }
    if (*p == '\0')
        return *s == '\0';
    while (*p == '*')
        p++;
    for (;; s++) {
        int rc = name_match(p, s);
        if (rc != 0 || *s == '\0')
            return rc;
    }
}

/* The whole pattern is judged, whether or not a name gets that far. */
static bool
pattern_valid(const char *p)
{
    bool hit;
    while (*p != '\0') {
        if (*p == '[') {
            p++;
            if (!class_match(&p, 0, &hit))
                return false;
        } else if (*p++ == '\\' && *p++ == '\0') {
            return false;
        }
    }
    return true;
}

static bool
has_magic(const char *s)
{
    return strpbrk(s, "*?[\\") != NULL;
}

static bool glob_into(struct paths *out, const char *pattern, struct err *e);

static bool
glob_dir(struct paths *out, const char *dir, const char *pattern)
{
    struct io_entry *list = NULL;
    size_t n = 0;
    struct err ignored;
    /* As in Go, an unreadable directory just holds no matches. */
    if (!io_list(dir[0] ? dir : ".", &list, &n, &ignored))
        return true;
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        int rc = name_match(pattern, list[i].name);
        if (rc > 0)
            paths_add(out, io_join(dir, list[i].name));
        ok = rc >= 0;
    }
    io_list_free(&list, n);
    return ok;
}

static bool
bad_pattern(struct err *e)
{
    return err_set(e, ERR_BAD_DATA, "syntax error in pattern");
}

static bool
glob_magic(struct paths *out, const char *pattern, struct err *e)
{
    const char *slash = strrchr(pattern, '/');
    const char *name = slash ? slash + 1 : pattern;
    str dir = STR(pattern, (size_t)(name - pattern));
    while (dir.n > 1 && dir.p[dir.n - 1] == '/')
        dir.n--;
    char *dir_text = mem_cstr(dir);
    struct paths dirs = {0};
    bool ok = true;
    if (has_magic(dir_text))
        ok = glob_into(&dirs, dir_text, e);
    else
        paths_add(&dirs, mem_cstr(dir));
    for (size_t i = 0; i < dirs.n && ok; i++)
        ok = glob_dir(out, dirs.list[i], name) || bad_pattern(e);
    io_glob_free(&dirs.list, dirs.n);
    mem_free(dir_text);
    return ok;
}

static bool
glob_into(struct paths *out, const char *pattern, struct err *e)
{
    if (has_magic(pattern))
        return glob_magic(out, pattern, e);
    if (io_exists(pattern))
        paths_add(out, mem_cstr(str_of(pattern)));
    return true;
}

bool
io_glob(const char *pattern, char ***out, size_t *n, struct err *e)
{
    struct paths found = {0};
    if (!pattern_valid(pattern))
        return bad_pattern(e);
    if (!glob_into(&found, pattern, e)) {
        io_glob_free(&found.list, found.n);
        return false;
    }
    *out = found.list;
    *n = found.n;
    return true;
}

void
io_glob_free(char ***paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free((*paths)[i]);
    mem_free(*paths);
    *paths = NULL;
}
