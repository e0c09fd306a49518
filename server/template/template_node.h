/* template_node.h - numbers of templates. */
#pragma once
#include "server/template/template_lex.h"
#include "server/template/template_priv.h"

/* What a numeric or character constant can be: fills n; false with text/template's words. */
bool template_number(struct tnode *n, str text, enum token_type type, struct arena *a, struct err *e) MUST_USE;
