/* gzip_fault.h - why a gzip body cannot be decompressed, in the words of Go's compress/gzip
 * and compress/flate.
 *
 * Decompression itself is base/compress; this walks the bytes of one that failed and only
 * finds the place: "gzip: invalid header", "gzip: invalid checksum", "unexpected EOF",
 * "flate: corrupt input before offset 39" (bytes of the deflate stream read by then, one at
 * a time and no more than needed, as there). */
#pragma once
#include "base/err.h"

void gzip_fault(str body, struct err *e);
