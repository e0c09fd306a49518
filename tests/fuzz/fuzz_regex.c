#include "tests/fuzz/fuzz.h"

#include "base/panic.h"
#include "base/regex_priv.h"
#include "base/unicode.h"

/* The input is a mode, a pattern, a newline and a text.  The fast path, PCRE2 and our
 * own simulation must agree. */

static void
compare(const struct regex *r, str text)
{
    struct arena *a = arena_new();
    struct regex_tree tree;
    struct err e;
    bool anchored = regex_flags_of(r) == REGEX_ANCHORED;
    CHECK(regex_tree_of(r, a, &tree, &e));
    bool hit = regex_match(r, text);
    if (tree.root->size < 20000) {
        struct regex_vm *vm = regex_vm_new(&tree, anchored);
        CHECK(regex_vm_run(vm, text, 0, NULL, 0) == hit);
        regex_vm_free(&vm);
    }
    struct regex_engine *en = regex_engine_new(tree.root, anchored);
    if (en != NULL && utf8_valid(text))
        CHECK(regex_engine_run(en, text, 0, NULL, 0) != (hit ? REGEX_NO : REGEX_YES));
    regex_engine_free(&en);
    arena_free(&a);
}

static void
replace(const struct regex *r, str text)
{
    struct buf out = {0};
    str groups[4];
    size_t n = regex_capture(r, text, 0, groups, ARRAY_LEN(groups));
    CHECK((n > 0) == regex_match(r, text));
    regex_replace_all(r, text, STRL("<$1$0>"), &out);
    buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum regex_flags modes[] = {REGEX_ANCHORED, REGEX_SEARCH, REGEX_RELABEL};
    struct regex *r = NULL;
    struct err e;
    if (n == 0)
        return 0;
    str rest = str_from(STR(data, n), 1);
    ptrdiff_t line = str_find_char(rest, '\n', 0);
    str pattern = line < 0 ? rest : STR(rest.p, (size_t)line);
    str text = line < 0 ? rest : str_from(rest, (size_t)line + 1);
    if (!regex_compile(pattern, modes[data[0] % 3], &r, &e)) {
        CHECK(str_starts(err_str(&e), STRL("error parsing regexp: ")));
        return 0;
    }
    compare(r, text);
    replace(r, text);
    regex_free(&r);
    return 0;
}

bool
fuzz_seed(struct buf *out, unsigned i)
{
    static const char *const seeds[] = {
        "0foo|ba[rz]+|(?i)qu.x\nbarz",
        "1(?P<n>\\w+)-(\\d{2,4}?)\\b\nabc-123",
        "2([^:]+)(?::\\d+)?;(.*)\nhost:80;x",
        "0[[:^alpha:]\\pL\\p{Greek}]*?(?s:.)$\n\xce\xb2\xff.",
        "1(?m)^(a*)*|(?:)|\\Qx.y\\E{0,3}\\z\naa\nx.y",
    };
    if (i >= ARRAY_LEN(seeds))
        return false;
    buf_put(out, str_of(seeds[i]));
    return true;
}
