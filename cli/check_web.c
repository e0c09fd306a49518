/* check web-config: files of TLS settings and users. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/command.h"
#include "web/auth.h"

int
command_check_web(int argc, char **argv)
{
    struct args args = {.usage = "check web-config FILE..."};
    if (!args_parse(&args, argc, argv))
        return args.status;
    if (args.plain_n == 0)
        return args_fail("required argument 'web-config-files' not provided");
    if (!args_files_exist(&args))
        return 1;
    bool failed = false;
    for (size_t i = 0; i < args.plain_n; i++) {
        struct auth *auth = NULL;
        struct err e;
        if (auth_load(&auth, args.plain[i], &e)) {
            fprintf(stderr, "%s SUCCESS\n", args.plain[i]);
        } else {
            fprintf(stderr, "%s FAILED: %s\n", args.plain[i], e.text);
            failed = true;
        }
        auth_free(&auth);
    }
    return failed;
}
