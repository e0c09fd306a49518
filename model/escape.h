/* escape.h - names that older readers can bear: the "values" escaping of UTF-8 names.
 *
 * U__ + the name, where '_' is "__" and any other character that a legacy name may not
 * hold is "_HEX_" of its code point (Prometheus' ValueEncodingEscaping).
 */
#pragma once
#include "base/arena.h"
#include "base/base.h"

/* The name a U__ form stands for; what is not a valid form comes back as it is. */
str escape_undo_values(struct arena *a, str name);
