/*
 * Numbers in text; see number.h. strtol() takes white space, signs and other
 * bases, and tells of an overflow by errno; what stands in settings and in
 * protocols is digits, and more of them than fit is a fault of the text.
 */
#include "base/number.h"

int
number_parse(struct slice s, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit;

		if (!ascii_is_digit(s.p[i]))
			return -1;
		digit = (uint64_t)(s.p[i] - '0');
		if (digit > max || sum > (max - digit) / 10)
			return -1;
		sum = sum * 10 + digit;
	}
	*value = sum;
	return 0;
}

struct unit {
	char letter;
	uint64_t factor;
};

static int
parse_with_unit(
    struct slice s, const struct unit *units, uint64_t max, uint64_t *value)
{
	uint64_t factor = 1;

	for (; s.n > 0 && units->letter != '\0'; units++)
		if (ascii_lower(s.p[s.n - 1]) == units->letter) {
			factor = units->factor;
			s.n--;
			break;
		}
	if (number_parse(s, max / factor, value) != 0)
		return -1;
	*value *= factor;
	return 0;
}

int
number_parse_size(struct slice s, uint64_t max, uint64_t *bytes)
{
	static const struct unit units[] = {
	    {'k', 1U << 10}, {'m', 1U << 20}, {'g', 1U << 30}, {'\0', 0}};

	return parse_with_unit(s, units, max, bytes);
}

int
number_parse_time(struct slice s, uint64_t max, uint64_t *seconds)
{
	static const struct unit units[] = {
	    {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'\0', 0}};

	return parse_with_unit(s, units, max, seconds);
}

int
number_hex_digit(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
