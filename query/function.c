#include "query/function.h"

#include "base/arena.h"
#include "query/fn_histogram.h"
#include "query/fn_label.h"
#include "query/fn_math.h"
#include "query/fn_over_time.h"
#include "query/fn_rate.h"
#include "query/fn_time.h"

#include <stdlib.h>

#define ARGS0() NULL, 0
#define ARGS1(a) (const enum value_type[]){VALUE_##a}, 1
#define ARGS2(a, b) (const enum value_type[]){VALUE_##a, VALUE_##b}, 2
#define ARGS3(a, b, c) (const enum value_type[]){VALUE_##a, VALUE_##b, VALUE_##c}, 3
#define ARGS4(a, b, c, d) (const enum value_type[]){VALUE_##a, VALUE_##b, VALUE_##c, VALUE_##d}, 4
#define ARGS5(a, b, c, d, e) \
    (const enum value_type[]){VALUE_##a, VALUE_##b, VALUE_##c, VALUE_##d, VALUE_##e}, 5
/* One of the three slots is filled, by the kind. */
#define CODE_RANGE(f) f, NULL, NULL
#define CODE_ROW(f) NULL, f, NULL
#define CODE_WHOLE(f) NULL, NULL, f

static const struct function functions[] = {
#define FUNCTION(name, kind, code, returns, variadic, flags, args) \
    {#name, FN_##kind, CODE_##kind(code), VALUE_##returns, args, variadic, flags},
#include "query/function.def"
#undef FUNCTION
};

static int
compare(const void *key, const void *function)
{
    const str *name = key;
    return str_cmp(*name, str_of(((const struct function *)function)->name));
}

const struct function *
function_find(str name)
{
    return bsearch(&name, functions, ARRAY_LEN(functions), sizeof functions[0], compare);
}

const struct function *
function_all(size_t *n)
{
    *n = ARRAY_LEN(functions);
    return functions;
}
