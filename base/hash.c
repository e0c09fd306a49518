#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"

#include "base/panic.h"
#include "base/rng.h"

#include <openssl/evp.h>

#define CRC_POLYNOMIAL 0x82f63b78u /* Castagnoli, bits reversed */

/* Random for the life of the process, so that nobody outside can aim at a bucket.
 * Filled before main: no test on the way to a hash, no race. */
static uint8_t secret[XXH3_SECRET_SIZE_MIN + 56];
static uint32_t crc_table[8][256];
static bool crc_hardware;

/* Slicing by eight: table k advances a byte by k further zero bytes. */
static void
crc_table_fill(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c >> 1 ^ (c & 1 ? CRC_POLYNOMIAL : 0);
        crc_table[0][i] = c;
    }
    for (unsigned i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++) {
            uint32_t c = crc_table[k - 1][i];
            crc_table[k][i] = c >> 8 ^ crc_table[0][c & 0xff];
        }
}

__attribute__((constructor)) static void
hash_setup(void)
{
    rng_secret(secret, sizeof(secret));
#if defined(__x86_64__)
    __builtin_cpu_init();
    crc_hardware = __builtin_cpu_supports("sse4.2");
#endif
    crc_table_fill();
}

uint64_t
hash64(str s)
{
    return XXH3_64bits_withSecret(s.p, s.n, secret, sizeof(secret));
}

uint64_t
hash64_stable(str s)
{
    return XXH64(s.p, s.n, 0);
}

/* Multiply and fold: every bit of both reaches every bit of the result. */
uint64_t
hash_mix(uint64_t a, uint64_t b)
{
    a ^= UINT64_C(0xa0761d6478bd642f);
    b ^= UINT64_C(0xe7037ed1a0b428db);
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

uint64_t
hash_fnv64a(str s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * UINT64_C(1099511628211);
    return h;
}

static uint32_t
crc_software(uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        v ^= crc;
        crc = 0;
        for (int k = 0; k < 8; k++, v >>= 8)
            crc ^= crc_table[7 - k][v & 0xff];
    }
    for (; n > 0; p++, n--)
        crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 0xff];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
    uint64_t c = crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        c = __builtin_ia32_crc32di(c, v);
    }
    uint32_t c32 = (uint32_t)c;
    for (; n > 0; p++, n--)
        c32 = __builtin_ia32_crc32qi(c32, *p);
    return c32;
}
#endif

uint32_t
crc32c(uint32_t seed, str s)
{
    const uint8_t *p = (const uint8_t *)s.p;
#if defined(__x86_64__)
    if (LIKELY(crc_hardware))
        return ~crc_sse42(~seed, p, s.n);
#endif
    return ~crc_software(~seed, p, s.n);
}

static void
digest(const EVP_MD *md, str s, uint8_t *out, unsigned want)
{
    unsigned n = 0;
    CHECK(EVP_Digest(s.p, s.n, out, &n, md, NULL) == 1);
    CHECK(n == want);
}

void
hash_md5(str s, uint8_t out[16])
{
    digest(EVP_md5(), s, out, 16);
}

void
hash_sha256(str s, uint8_t out[32])
{
    digest(EVP_sha256(), s, out, 32);
}

void
hash_sha1(str s, uint8_t out[20])
{
    digest(EVP_sha1(), s, out, 20);
}

void
hash_hex(const uint8_t *in, size_t n, char *out)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[in[i] >> 4];
        out[2 * i + 1] = hex[in[i] & 15];
    }
    out[2 * n] = '\0';
}
