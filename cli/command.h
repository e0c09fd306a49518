/* command.h - subcommands of the narthex binary (table: cli/command.def).
 *
 * A command gets the arguments after its words, argv[0] being the last of the words, and
 * returns the exit status: 0 fine, 1 the thing checked is not, 2 wrong usage, 3 lint.
 */
#pragma once

typedef int command_fn(int argc, char **argv);

#define COMMAND(words, fn, args, help) command_fn fn;
#include "cli/command.def"
#undef COMMAND

/* The server itself: what narthex does when its first argument is no command. */
int serve(int argc, char **argv);
