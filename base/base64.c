#include "base/compress.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(str in, struct buf *out)
{
    const uint8_t *p = (const uint8_t *)in.p;
    size_t n = in.n;
    char *to = buf_extend(out, (n + 2) / 3 * 4);
    for (; n >= 3; p += 3, n -= 3, to += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        to[0] = alphabet[v >> 18];
        to[1] = alphabet[v >> 12 & 63];
        to[2] = alphabet[v >> 6 & 63];
        to[3] = alphabet[v & 63];
    }
    if (n == 0)
        return;
    uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
    to[0] = alphabet[v >> 18];
    to[1] = alphabet[v >> 12 & 63];
    to[2] = n == 2 ? alphabet[v >> 6 & 63] : '=';
    to[3] = '=';
}

static int
sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* As Go's StdEncoding: padding is required, line ends are skipped. */
bool
base64_decode(str in, struct buf *out)
{
    size_t start = out->n;
    uint32_t acc = 0;
    unsigned have = 0, pads = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '\n' || c == '\r')
            continue;
        int v = sextet(c);
        bool pad = c == '=' && have + pads >= 2;
        if ((v < 0 && !pad) || (v >= 0 && pads > 0) || (pad && have + pads >= 4))
            goto fail;
        pads += pad;
        have += !pad;
        acc = acc << 6 | (pad ? 0 : (uint32_t)v);
        if (have + pads < 4)
            continue;
        for (unsigned k = 0; k < 3 - pads; k++)
            buf_byte(out, (char)(acc >> (16 - 8 * k)));
        acc = 0;
        have = 0;
        if (pads > 0)
            pads = 4; /* the end: nothing but line ends may follow */
    }
    if (have == 0 && (pads == 0 || pads == 4))
        return true;
fail:
    out->n = start;
    return false;
}
