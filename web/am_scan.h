/* am_scan.h - the first JSON value of a text, checked as Go's encoding/json does.
 *
 * What is wrong is said in Go's words, since clients' users search for them; what follows
 * the value is not looked at, as by json.Decoder.  Escapes of lone surrogates, which Go
 * reads as U+FFFD, are written so in the copy.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Copies the value to out.  False: e says why; with kind NOT_FOUND there is nothing but
 * space. */
bool am_scan(str text, struct buf *out, struct err *e) MUST_USE;
