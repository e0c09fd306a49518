/* mime.h - texts as mail carries them (RFC 2047, RFC 2045). */
#pragma once
#include "base/buf.h"

/* A header's value: as it is if it is printable ASCII, else as encoded words of at most 75
 * characters ("=?utf-8?q?...?="), one a line.  No line break gets through. */
void mime_put_word(struct buf *out, str s);
/* A body: lines of at most 76 characters, CRLF line ends. */
void mime_put_quoted_printable(struct buf *out, str s);
