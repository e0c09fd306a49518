#include "base/err.h"
#include "base/panic.h"
#include "tests/unit/unit.h"

#include <errno.h>

START_TEST(test_set_and_prefix)
{
    struct err e;
    memset(&e, 0xa5, sizeof(e));
    ck_assert(!err_set(&e, ERR_LIMIT, "over %d", 7));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    ck_assert_int_eq(e.pos, -1);
    ck_assert(!err_prefix(&e, "job %s: ", "a"));
    ck_lit(err_str(&e), "job a: over 7");
    ck_assert(!err_set_at(&e, ERR_PARSE, 12, "bad"));
    ck_assert_int_eq(e.pos, 12);
    err_prefix(&e, "x: ");
    ck_assert_int_eq(e.pos, 12);
    err_clear(&e);
    ck_assert_int_eq(e.kind, ERR_NONE);
    ck_assert_uint_eq(err_str(&e).n, 0);
}
END_TEST

START_TEST(test_errno)
{
    struct err e;
    err_errno(&e, ENOENT, "%s", "/x");
    ck_assert_int_eq(e.kind, ERR_IO);
    ck_lit(err_str(&e), "/x: No such file or directory");
    err_errno(&e, ENOSPC, "/x");
    ck_assert_int_eq(e.kind, ERR_NO_SPACE);
    err_errno(&e, EDQUOT, "/x");
    ck_assert_int_eq(e.kind, ERR_NO_SPACE);
}
END_TEST

/* Text that is too long is cut, never overrun. */
START_TEST(test_cut)
{
    struct err e;
    char long_text[2 * ERR_TEXT_MAX];
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    err_set(&e, ERR_IO, "%s", long_text);
    ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
    err_prefix(&e, "words: ");
    ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
    ck_assert(str_starts(err_str(&e), STRL("words: aaa")));
    err_prefix(&e, "%s", long_text);
    ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
    err_errno(&e, ENOENT, "%s", long_text);
    ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
}
END_TEST

START_TEST(test_names)
{
    ck_assert_str_eq(err_kind_name(ERR_BAD_DATA), "bad_data");
    ck_assert_str_eq(err_kind_name(ERR_INTERNAL), "internal");
}
END_TEST

UNIT_MAIN("err", test_set_and_prefix, test_errno, test_cut, test_names)
