#include "cli/args.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/io.h"

int
args_fail(const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    fprintf(stderr, "narthex: error: %s, try --help\n", buf_cstr(&b));
    buf_free(&b);
    return 1;
}

static void
print_help(const struct args *a)
{
    printf("usage: narthex %s\n\nFlags:\n", a->usage);
    for (size_t i = 0; i < a->flags_n; i++) {
        const struct arg_flag *f = &a->flags[i];
        printf("  %s--%s%s%s\n      %s\n", f->short_name ? "" : "    ",
               f->type == ARG_BOOL ? "[no-]" : "", f->name,
               f->type == ARG_BOOL ? "" : f->type == ARG_LIST ? "=VALUE ..." : "=VALUE",
               f->help ? f->help : "");
    }
}

static const struct arg_flag *
find_flag(const struct args *a, str name)
{
    for (size_t i = 0; i < a->flags_n; i++)
        if (str_eq(name, str_of(a->flags[i].name)))
            return &a->flags[i];
    return NULL;
}

static void
set_flag(const struct arg_flag *f, const char *value, bool on)
{
    struct arg_list *list = f->value;
    switch (f->type) {
    case ARG_BOOL:
        *(bool *)f->value = on;
        break;
    case ARG_STR:
        *(const char **)f->value = value;
        break;
    case ARG_LIST:
        if (list->n < ARG_LIST_MAX)
            list->v[list->n++] = value;
        break;
    }
}

static bool
stop(struct args *a, int status)
{
    a->status = status;
    return false;
}

/* "--name", "--name=value"; *next is taken, and set NULL, if it is the value. */
static bool
take_long(struct args *a, const char *text, const char **next)
{
    str arg = str_of(text);
    ptrdiff_t eq = str_find_char(arg, '=', 0);
    str name = eq < 0 ? arg : STR(arg.p, (size_t)eq);
    const struct arg_flag *f = find_flag(a, name);
    bool on = true;
    if (str_eq(name, STRL("help"))) {
        print_help(a);
        return stop(a, 0);
    }
    if (f == NULL && str_starts(name, STRL("no-"))) {
        f = find_flag(a, str_from(name, 3));
        on = false;
    }
    if (f == NULL || (!on && f->type != ARG_BOOL))
        return stop(a, args_fail("unknown long flag '--%.*s'", STR_ARG(name)));
    const char *value = eq < 0 ? NULL : text + eq + 1;
    if (f->type == ARG_BOOL && value != NULL)
        return stop(a, args_fail("unexpected %s", value));
    if (f->type != ARG_BOOL && value == NULL) {
        value = *next;
        *next = NULL;
        if (value == NULL)
            return stop(a, args_fail("expected argument for flag '--%.*s'", STR_ARG(name)));
    }
    set_flag(f, value, on);
    return true;
}

static bool
take_short(struct args *a, const char *text, const char **next)
{
    if (text[0] == 'h') {
        print_help(a);
        return stop(a, 0);
    }
    for (size_t i = 0; i < a->flags_n; i++) {
        const struct arg_flag *f = &a->flags[i];
        if (f->short_name != text[0])
            continue;
        const char *value = text[1] != '\0' ? text + 1 : *next;
        if (f->type != ARG_BOOL && text[1] == '\0')
            *next = NULL;
        if (f->type != ARG_BOOL && value == NULL)
            return stop(a, args_fail("expected argument for flag '-%c'", text[0]));
        set_flag(f, value, true);
        return true;
    }
    return stop(a, args_fail("unknown short flag '-%c'", text[0]));
}

bool
args_parse(struct args *a, int argc, char **argv)
{
    bool flags_over = false;
    a->plain = (const char **)argv;
    a->plain_n = 0;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        const char *before = next;
        if (flags_over || text[0] != '-' || text[1] == '\0') {
            a->plain[a->plain_n++] = text;
        } else if (strcmp(text, "--") == 0) {
            flags_over = true;
        } else if (text[1] == '-' ? !take_long(a, text + 2, &next) : !take_short(a, text + 1, &next)) {
            return false;
        }
        if (before != NULL && next == NULL)
            i++;
    }
    return true;
}

bool
args_files_exist(const struct args *a)
{
    for (size_t i = 0; i < a->plain_n; i++) {
        if (!io_exists(a->plain[i])) {
            args_fail("path '%s' does not exist", a->plain[i]);
            return false;
        }
        struct io_entry *list;
        size_t n;
        struct err e;
        if (io_list(a->plain[i], &list, &n, &e)) {
            const char *slash = strrchr(a->plain[i], '/');
            io_list_free(&list, n);
            args_fail("'%s' is a directory", slash ? slash + 1 : a->plain[i]);
            return false;
        }
    }
    return true;
}
