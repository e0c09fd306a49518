#include "base/num_text.h"

#include <charconv>
#include <cstdlib>

extern "C" void
num_text_shortest(double v, struct num_digits *out)
{
    char text[32];
    auto r = std::to_chars(text, text + sizeof(text), v, std::chars_format::scientific);
    /* "d", or "d.ddd", then "e±NN" or "e±NNN". */
    const char *e = r.ptr - 4;
    if (*e != 'e')
        e--;
    out->d[0] = text[0];
    int n = 1;
    for (const char *p = text + 2; p < e; p++)
        out->d[n++] = *p;
    while (n > 1 && out->d[n - 1] == '0')
        n--;
    int exp = 0;
    for (const char *p = e + 2; p < r.ptr; p++)
        exp = exp * 10 + (*p - '0');
    out->n = n;
    out->point = (e[1] == '-' ? -exp : exp) + 1;
}

static size_t
text_length(std::to_chars_result r, const char *out)
{
    if (r.ec != std::errc())
        std::abort();
    return static_cast<size_t>(r.ptr - out);
}

extern "C" size_t
num_text_scientific(double v, int precision, char *out, size_t cap)
{
    return text_length(
        std::to_chars(out, out + cap, v, std::chars_format::scientific, precision), out);
}

extern "C" size_t
num_text_fixed(double v, int precision, char *out, size_t cap)
{
    return text_length(std::to_chars(out, out + cap, v, std::chars_format::fixed, precision),
                       out);
}

extern "C" bool
num_text_parse(const char *p, size_t n, double *out)
{
    auto r = std::from_chars(p, p + n, *out, std::chars_format::general);
    return r.ec == std::errc();
}
