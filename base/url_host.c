/* url_host.c - addresses of the form host:port, as Go's package net reads them. */
#include <arpa/inet.h>

#include "base/url.h"

static ptrdiff_t
last_colon(str s)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == ':')
            return (ptrdiff_t)i - 1;
    return -1;
}

bool
url_split_host_port(str s, str *host, str *port)
{
    ptrdiff_t colon = last_colon(s);
    size_t open_from = 0, close_from = 0;

    if (colon < 0)
        return false;
    if (s.p[0] == '[') {
        ptrdiff_t end = str_find_char(s, ']', 0);
        if (end < 0 || end + 1 != colon)
            return false;
        *host = STR(s.p + 1, (size_t)end - 1);
        open_from = 1;
        close_from = (size_t)end + 1;
    } else {
        *host = STR(s.p, (size_t)colon);
        if (str_find_char(*host, ':', 0) >= 0)
            return false;
    }
    if (str_find_char(s, '[', open_from) >= 0 || str_find_char(s, ']', close_from) >= 0)
        return false;
    *port = str_from(s, (size_t)colon + 1);
    return true;
}

bool
url_is_ip(str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr any;

    if (s.n == 0 || s.n >= sizeof text || memchr(s.p, '\0', s.n))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}
