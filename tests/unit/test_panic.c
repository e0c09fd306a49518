#include "base/panic.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void
fail_check(void)
{
    CHECK(1 + 1 == 3);
}

static void
fail_long(void)
{
    char text[8192];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    PANIC("%s", text);
}

static void
fail_magic(void)
{
    struct {
        unsigned magic;
    } thing = {.magic = 1};
    CHECK_MAGIC(&thing, 2u);
}

/* Runs f in a child and returns what it wrote to stderr; it must die of SIGABRT. */
static size_t
dying_words(void (*f)(void), char *out, size_t cap)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        f();
        _exit(0);
    }
    close(fds[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(fds[0], out + n, cap - n)) > 0;)
        n += (size_t)got;
    close(fds[0]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return n;
}

START_TEST(test_words)
{
    static char out[1 << 16];
    size_t n = dying_words(fail_check, out, sizeof(out));
    str first = STR(out, (size_t)str_find_char(STR(out, n), '\n', 0));
    ck_assert(str_starts(first, STRL("panic: ")));
    ck_assert(str_ends(first, STRL("fail_check: check failed: 1 + 1 == 3")));
    ck_assert_uint_gt(n, first.n + 1); /* a backtrace follows */
    n = dying_words(fail_long, out, sizeof(out));
    ck_assert_int_gt(str_find_char(STR(out, n), '\n', 0), 2000);
    dying_words(fail_magic, out, sizeof(out));
}
END_TEST

START_TEST(test_passes)
{
    int n = 1;
    CHECK(n == 1);
    DCHECK(n == 1);
}
END_TEST

UNIT_MAIN("panic", test_words, test_passes)
