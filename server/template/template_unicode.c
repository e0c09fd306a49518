#include "server/template/template_unicode.h"

#include <pthread.h>

#include "base/panic.h"
#include "base/regex_class.h"

/* Made once and kept: a page or two. */
static struct regex_class letters, digits;

static void
init_classes(void)
{
    struct arena *a = arena_new();

    letters.arena = digits.arena = a;
    CHECK(regex_class_add_unicode(&letters, STRL("L"), false));
    CHECK(regex_class_add_unicode(&digits, STRL("Nd"), false));
    regex_class_clean(&letters);
    regex_class_clean(&digits);
}

static bool
is_in(const struct regex_class *c, uint32_t rune)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init_classes);
    return regex_class_has(c, rune);
}

bool
template_is_letter(uint32_t rune)
{
    if (rune < 0x80)
        return (rune | 0x20) >= 'a' && (rune | 0x20) <= 'z';
    return is_in(&letters, rune);
}

bool
template_is_digit(uint32_t rune)
{
    if (rune < 0x80)
        return rune >= '0' && rune <= '9';
    return is_in(&digits, rune);
}
