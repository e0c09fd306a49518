#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex_priv.h"

#include <pcre2.h>
#include <pthread.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"

/* Backtracking is stopped after about this many steps times the length of the input;
 * the linear simulation then starts over, so the limit only has to be past what sane
 * patterns need. */
#define STEPS_MAX (8u << 20)
#define MATCH_LIMIT_MIN 1000u
#define JIT_STACK_MIN (32u << 10)
#define JIT_STACK_MAX (512u << 10)
#define SCRATCH_PAIRS 32

struct regex_engine {
    unsigned magic;
#define REGEX_ENGINE_MAGIC 0x5e9c0de1
    pcre2_code *code;
};

/* PCRE2's working memory, one a thread. */
struct scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void
scratch_free(void *p)
{
    struct scratch *s = (struct scratch *)p;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    pcre2_jit_stack_free(s->stack);
    mem_free(s);
}

static void
scratch_key_init(void)
{
    CHECK(pthread_key_create(&scratch_key, scratch_free) == 0);
}

static struct scratch *
scratch_get(void)
{
    CHECK(pthread_once(&scratch_once, scratch_key_init) == 0);
    struct scratch *s = (struct scratch *)pthread_getspecific(scratch_key);
    if (s != NULL)
        return s;
    s = MEM_NEW(struct scratch);
    s->data = pcre2_match_data_create(SCRATCH_PAIRS, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    CHECK(s->data != NULL && s->context != NULL);
    if (s->stack != NULL)
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    CHECK(pthread_setspecific(scratch_key, s) == 0);
    return s;
}

static pcre2_compile_context *compile_context; /* fixed after compile_init */
static pthread_once_t compile_once = PTHREAD_ONCE_INIT;

/* PCRE2 allows 250 parentheses in each other, RE2 four times that. */
static void
compile_init(void)
{
    compile_context = pcre2_compile_context_create(NULL);
    CHECK(compile_context != NULL);
    pcre2_set_parens_nest_limit(compile_context, 4 * LIMIT_REGEX_DEPTH);
}

static pcre2_code *
compile(str text, uint32_t more)
{
    uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    PCRE2_SPTR pattern = (PCRE2_SPTR)(text.n ? text.p : "");
    int code;
    PCRE2_SIZE at;
    CHECK(pthread_once(&compile_once, compile_init) == 0);
    return pcre2_compile(pattern, text.n, options | more, &code, &at, compile_context);
}

/* PCRE2 10.42's JIT looks for where a match may begin and skips too far in patterns such
 * as (?:.|\b).*[ab]; anchored ones have nothing to look for. */
static pcre2_code *
compile_sound(str text)
{
    pcre2_code *code = compile(text, 0);
    uint32_t options = 0;
    if (code == NULL || pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options) != 0 ||
        (options & PCRE2_ANCHORED))
        return code;
    pcre2_code_free(code);
    return compile(text, PCRE2_NO_START_OPTIMIZE);
}

struct regex_engine *
regex_engine_new(const struct regex_node *root, bool anchored)
{
    struct buf text = {0};
    if (anchored)
        buf_lit(&text, "\\A(?:");
    regex_translate(root, &text);
    if (anchored)
        buf_lit(&text, ")\\z");
    pcre2_code *compiled = compile_sound(buf_str(&text));
    buf_free(&text);
    if (compiled == NULL)
        return NULL;
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    struct regex_engine *en = MEM_NEW(struct regex_engine);
    en->magic = REGEX_ENGINE_MAGIC;
    en->code = compiled;
    return en;
}

void
regex_engine_free(struct regex_engine **en_ptr)
{
    struct regex_engine *en = *en_ptr;
    if (en == NULL)
        return;
    CHECK_MAGIC(en, REGEX_ENGINE_MAGIC);
    pcre2_code_free(en->code);
    en->magic = 0;
    mem_free(en);
    *en_ptr = NULL;
}

static void
copy_offsets(pcre2_match_data *data, size_t *at, size_t groups)
{
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(data);
    size_t have = pcre2_get_ovector_count(data);
    for (size_t i = 0; i < groups * 2; i++)
        at[i] = i < have * 2 && found[i] != PCRE2_UNSET ? found[i] : SIZE_MAX;
}

enum regex_verdict
regex_engine_run(const struct regex_engine *en, str s, size_t from, size_t *at, size_t groups)
{
    CHECK_MAGIC(en, REGEX_ENGINE_MAGIC);
    struct scratch *sc = scratch_get();
    pcre2_match_data *data = sc->data;
    if (at != NULL && groups > SCRATCH_PAIRS)
        data = pcre2_match_data_create((uint32_t)groups, NULL);
    CHECK(data != NULL);
    uint32_t limit = (uint32_t)MAX(STEPS_MAX / (s.n + 16), (size_t)MATCH_LIMIT_MIN);
    pcre2_set_match_limit(sc->context, limit);
    PCRE2_SPTR subject = (PCRE2_SPTR)(s.n ? s.p : "");
    int rc = pcre2_match(en->code, subject, s.n, from, PCRE2_NO_UTF_CHECK, data, sc->context);
    enum regex_verdict verdict = rc >= 0 ? REGEX_YES : REGEX_NO;
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        verdict = REGEX_GAVE_UP;
    if (verdict == REGEX_YES && at != NULL)
        copy_offsets(data, at, groups);
    if (data != sc->data)
        pcre2_match_data_free(data);
    return verdict;
}
