/* Numbers in text: decimal, sizes, times. No locale, no sign, no overflow. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdint.h>

#include "base/slice.h"

/* All of the slice must be the number. 0; -1 where it is not one, or is
 * more than `max`. */
int number_parse(struct slice, uint64_t max, uint64_t *value);

/* A hexadecimal digit's value, whatever its case; -1: it is none. */
int number_hex_digit(char);

/* With an optional k, M or G (powers of 1024), in bytes. */
int number_parse_size(struct slice, uint64_t max, uint64_t *bytes);

/* With an optional s, m, h or d, in seconds. */
int number_parse_time(struct slice, uint64_t max, uint64_t *seconds);

#endif
