/* main.c - picks the subcommand; without one, the server runs. */
#include <signal.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/version.h"
#include "cli/command.h"
#include "server/config/flags.h"

static const struct {
    const char *words;
    command_fn *run;
    const char *args, *help;
} commands[] = {
#define COMMAND(words, fn, args, help) {words, fn, args, help},
#include "cli/command.def"
#undef COMMAND
};

static void
print(const struct buf *b)
{
    fwrite(b->p, 1, b->n, stdout);
}

int
command_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("usage: narthex [<flags>]            run the server (narthex --help for its flags)\n"
           "       narthex <command> [<args>]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %s %s\n      %s\n", commands[i].words, commands[i].args, commands[i].help);
    return 0;
}

int
command_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("narthex, version " NARTHEX_VERSION " (answers as Prometheus " PROMETHEUS_VERSION ")\n");
    return 0;
}

int
command_docs_flags(int argc, char **argv)
{
    struct buf b = {0};
    (void)argc, (void)argv;

    flags_put_markdown(&b);
    print(&b);
    buf_free(&b);
    return 0;
}

/* How many arguments the words of a row take, or 0 if they do not match. */
static int
words_matched(const char *words, int argc, char **argv)
{
    str rest = str_of(words);
    int n = 0;

    while (rest.n) {
        ptrdiff_t space = str_find_char(rest, ' ', 0);
        str word = space < 0 ? rest : STR(rest.p, (size_t)space);
        if (n >= argc || !str_eq(word, str_of(argv[n])))
            return 0;
        n++;
        rest = space < 0 ? STR_EMPTY : str_from(rest, (size_t)space + 1);
    }
    return n;
}

int
main(int argc, char **argv)
{
    int best = 0;
    size_t at = 0;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || argv[1][0] == '-')
        return serve(argc, argv);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        int n = words_matched(commands[i].words, argc - 1, argv + 1);
        if (n > best) {
            best = n;
            at = i;
        }
    }
    if (best)
        return commands[at].run(argc - best, argv + best);
    fprintf(stderr, "narthex: unknown command \"%s\"; narthex help lists the commands\n", argv[1]);
    return 2;
}
