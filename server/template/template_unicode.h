/* template_unicode.h - unicode.IsLetter and IsDigit. */
#pragma once
#include "base/base.h"

bool template_is_letter(uint32_t rune);
bool template_is_digit(uint32_t rune);
