#include "base/json.h"
#include "base/limits.h"
#include "tests/unit/unit.h"

#include <math.h>

START_TEST(test_write)
{
    struct buf b = {0};
    struct json j = json_to(&b);
    json_open_object(&j);
    json_key_lit(&j, "a");
    json_open_array(&j);
    json_i64(&j, -1);
    json_u64(&j, UINT64_MAX);
    json_bool(&j, true);
    json_bool(&j, false);
    json_null(&j);
    json_f64(&j, 0.1);
    json_f64(&j, 1e21);
    json_f64(&j, 1e-7);
    json_f64(&j, INFINITY);
    json_open_array(&j);
    json_close_array(&j);
    json_open_object(&j);
    json_close_object(&j);
    json_raw(&j);
    buf_lit(&b, "[7]");
    json_close_array(&j);
    json_key_lit(&j, "b<");
    json_str(&j, STRL("x<y"));
    json_key_lit(&j, "c");
    json_str_plain(&j, STRL("x<y"));
    json_close_object(&j);
    ck_lit(buf_str(&b), "{\"a\":[-1,18446744073709551615,true,false,null,0.1,1e+21,1e-07,null,"
                        "[],{},[7]],\"b\\u003c\":\"x\\u003cy\",\"c\":\"x<y\"}");
    buf_free(&b);
}
END_TEST

START_TEST(test_escape)
{
    static const struct {
        str in;
        const char *html, *plain;
    } cases[] = {
        {STRL(""), "\"\"", "\"\""},
        {STRL("a\"b\\c/"), "\"a\\\"b\\\\c/\"", "\"a\\\"b\\\\c/\""},
        {STRL("\n\r\t\b\f\0\x1f\x7f"), "\"\\n\\r\\t\\u0008\\u000c\\u0000\\u001f\x7f\"",
         "\"\\n\\r\\t\\u0008\\u000c\\u0000\\u001f\x7f\""},
        {STRL("<>&"), "\"\\u003c\\u003e\\u0026\"", "\"<>&\""},
        {STRL("\u00e9\u2028\u2029\u202a\U0001f600"), "\"\u00e9\\u2028\\u2029\u202a\U0001f600\"",
         "\"\u00e9\u2028\u2029\u202a\U0001f600\""},
        {STRL("a\xff\xc0\x80z"), "\"a\\ufffd\\ufffd\\ufffdz\"", "\"a\\ufffd\\ufffd\\ufffdz\""},
        {STRL("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"", "\"\\ufffd\\ufffd\\ufffd\""},
        {STRL("\xe2\x80"), "\"\\ufffd\\ufffd\"", "\"\\ufffd\\ufffd\""},
    };
    struct buf b = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&b);
        json_escape(&b, cases[i].in, true);
        ck_str(buf_str(&b), str_of(cases[i].html));
        buf_clear(&b);
        json_escape(&b, cases[i].in, false);
        ck_str(buf_str(&b), str_of(cases[i].plain));
    }
    buf_free(&b);
}
END_TEST

static struct json_doc *
parse(str text)
{
    struct json_doc *d = NULL;
    struct err e;
    if (!json_parse(text, &d, &e))
        ck_abort_msg("%s", e.text);
    return d;
}

START_TEST(test_read)
{
    struct json_doc *d = parse(STRL("{\"s\":\"a\\u0000\\u00e9\",\"i\":-7,\"r\":1.5,\"t\":true,"
                                    "\"f\":false,\"n\":null,\"a\":[1,[2]],\"o\":{\"k\":\"v\"},"
                                    "\"dup\":1,\"dup\":2,\"big\":18446744073709551616}"));
    const struct json_node *root = json_root(d);
    ck_assert_int_eq(json_type(root), JSON_OBJ);
    ck_assert_uint_eq(json_size(root), 10);
    ck_str(json_text(json_get(root, "s")), STRL("a\0\u00e9"));
    /* A number too large for 64 bits makes all of them reals; whole ones stay exact. */
    ck_assert_int_eq(json_int(json_get(root, "i")), -7);
    ck_assert_double_eq(json_number(json_get(root, "i")), -7);
    ck_assert_double_eq(json_number(json_get(root, "r")), 1.5);
    ck_assert_int_eq(json_int(json_get(root, "r")), 1);
    ck_assert_int_eq(json_type(json_get(root, "t")), JSON_TRUE);
    ck_assert_int_eq(json_type(json_get(root, "f")), JSON_FALSE);
    ck_assert_int_eq(json_type(json_get(root, "n")), JSON_NULL);
    const struct json_node *a = json_get(root, "a");
    ck_assert_int_eq(json_type(a), JSON_ARR);
    ck_assert_int_eq(json_int(json_at(json_at(a, 1), 0)), 2);
    ck_assert_ptr_null(json_at(a, 2));
    ck_lit(json_text(json_get(json_get(root, "o"), "k")), "v");
    ck_assert_int_eq(json_int(json_get(root, "dup")), 2);
    ck_assert_double_eq(json_number(json_get(root, "big")), 0x1p64);
    ck_assert_int_eq(json_int(json_get(root, "big")), 0);
    ck_assert_ptr_null(json_get(root, "none"));
    ck_assert_ptr_null(json_get(a, "none"));
    ck_assert_int_eq(json_type(NULL), JSON_NULL);
    ck_assert_uint_eq(json_text(NULL).n, 0);
    str key;
    const struct json_node *v;
    ck_assert(json_entry(root, 1, &key, &v));
    ck_lit(key, "i");
    ck_assert_ptr_eq(v, json_get(root, "i"));
    ck_assert(!json_entry(root, 10, &key, &v));
    json_doc_free(&d);
    ck_assert_ptr_null(d);
    json_doc_free(&d);
}
END_TEST

START_TEST(test_read_scalars)
{
    struct json_doc *d = parse(STRL(" 9223372036854775807 "));
    ck_assert_int_eq(json_type(json_root(d)), JSON_INT);
    ck_assert_int_eq(json_int(json_root(d)), INT64_MAX);
    json_doc_free(&d);
    d = parse(STRL("\"a\xff\""));
    ck_str(json_text(json_root(d)), STRL("a\ufffd"));
    json_doc_free(&d);
    d = parse(STRL("null"));
    ck_assert_int_eq(json_type(json_root(d)), JSON_NULL);
    json_doc_free(&d);
}
END_TEST

START_TEST(test_read_errors)
{
    struct json_doc *d = NULL;
    struct err e = ERR_INIT;
    ck_assert(!json_parse(STR_EMPTY, &d, &e));
    ck_assert(!json_parse(STRL("{\"a\":\n 1,}"), &d, &e));
    ck_assert_int_eq(e.kind, ERR_PARSE);
    ck_assert(str_starts(err_str(&e), STRL("invalid JSON at line 2 column ")));
    ck_assert_int_gt(e.pos, 0);
    ck_assert(!json_parse(STRL("[1] x"), &d, &e));
    ck_assert(!json_parse(STRL("1e999"), &d, &e));
    ck_assert(!json_parse(STRL("\xff"), &d, &e));
    ck_assert_ptr_null(d);
}
END_TEST

static bool
parse_nested(size_t depth, struct err *e)
{
    struct buf b = {0};
    struct json_doc *d = NULL;
    for (size_t i = 0; i < depth; i++)
        buf_byte(&b, '[');
    for (size_t i = 0; i < depth; i++)
        buf_byte(&b, ']');
    bool ok = json_parse(buf_str(&b), &d, e);
    json_doc_free(&d);
    buf_free(&b);
    return ok;
}

START_TEST(test_read_depth)
{
    struct err e = ERR_INIT;
    ck_assert(parse_nested(LIMIT_JSON_DEPTH, &e));
    ck_assert(!parse_nested(LIMIT_JSON_DEPTH + 1, &e));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    ck_assert(!parse_nested(1000000, &e));
}
END_TEST

/* Any text written is read back the same. */
START_TEST(test_round_trip)
{
    unit_seed();
    struct buf b = {0}, text = {0};
    for (int i = 0; i < 3000; i++) {
        buf_clear(&b);
        buf_clear(&text);
        for (uint64_t k = rng_below(20); k > 0; k--) {
            static const str pieces[] = {STRL("\u00e9"), STRL("\U0001f600"), STRL("\u2028")};
            if (rng_below(4) == 0)
                buf_put(&text, pieces[rng_below(ARRAY_LEN(pieces))]);
            else
                buf_byte(&text, (char)rng_below(128));
        }
        json_escape(&b, buf_str(&text), rng_below(2));
        struct json_doc *d = parse(buf_str(&b));
        ck_str(json_text(json_root(d)), buf_str(&text));
        json_doc_free(&d);
    }
    buf_free(&b);
    buf_free(&text);
}
END_TEST

UNIT_MAIN("json", test_write, test_escape, test_read, test_read_scalars, test_read_errors,
          test_read_depth, test_round_trip)
