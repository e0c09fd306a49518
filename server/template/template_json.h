/* template_json.h - encoding/json.Marshal of templates' values. */
#pragma once
#include "server/template/template_priv.h"

bool template_to_json(struct buf *out, const struct tvalue *v, struct err *e) MUST_USE;
