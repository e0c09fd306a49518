/* args.h - the arguments of a subcommand, as Prometheus' tools take them.
 *
 * --name=value, --name value, --name and --no-name for booleans, -x for a short name;
 * flags and plain arguments may be mixed, and "--" ends the flags.
 *
 *     bool fatal = false;
 *     const char *lint = "duplicate-rules";
 *     const struct arg_flag flags[] = {
 *         {"lint-fatal", 0, ARG_BOOL, &fatal}, {"lint", 0, ARG_STR, &lint},
 *     };
 *     struct args a = {.flags = flags, .flags_n = ARRAY_LEN(flags), .usage = "check rules …"};
 *     if (!args_parse(&a, argc, argv))
 *         return a.status;
 */
#pragma once
#include "base/base.h"

enum arg_type { ARG_BOOL, ARG_STR, ARG_LIST };

/* A repeatable flag's values; a zeroed one is empty. */
#define ARG_LIST_MAX 256
struct arg_list {
    const char *v[ARG_LIST_MAX];
    size_t n;
};

struct arg_flag {
    const char *name;
    char short_name;   /* 0: none */
    enum arg_type type;
    void *value;       /* bool *, const char **, struct arg_list * */
    const char *help;
};

struct args {
    const struct arg_flag *flags;
    size_t flags_n;
    const char *usage;   /* words and arguments, for --help */
    const char **plain;  /* the arguments that are no flags; argv is reordered */
    size_t plain_n;
    int status;          /* what to exit with when args_parse returns false */
};

/* argv[0] is the command's last word.  Prints the error, or the help asked for, itself. */
bool args_parse(struct args *a, int argc, char **argv);
/* "narthex: error: …, try --help"; returns 1. */
int args_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* False, said, if one of the plain arguments names no file. */
bool args_files_exist(const struct args *a);
