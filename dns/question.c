/* Questions as values: the rules for names (RFC 1035 section 2.3.4) and the
 * names of reverse look-ups (RFC 1035 section 3.5, RFC 3596 section 2.5). */
#include <stdio.h>

#include "dns/question.h"

static bool
name_fits(struct slice name)
{
	struct slice label, rest = name;

	if (name.n == 0 || name.n > DNS_NAME_MAX)
		return false;
	while (slice_cut(&rest, '.', &label)) {
		if (label.n == 0 || label.n > DNS_LABEL_MAX)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if ((unsigned char)label.p[i] < 0x20 ||
			    label.p[i] == 0x7f)
				return false;
	}
	return true;
}

int
dns_question_set(
    struct dns_question *question, enum dns_type type, struct slice name)
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (!name_fits(name))
		return -1;
	/* Zeroed whole, so that equal questions are equal bytes. */
	memset(question, 0, sizeof(*question));
	question->type = type;
	for (size_t i = 0; i < name.n; i++)
		question->name[i] = ascii_lower(name.p[i]);
	return 0;
}

int
dns_question_set_reverse(struct dns_question *question, struct slice address)
{
	const unsigned char *octets = (const unsigned char *)address.p;

	if (address.n != 4 && address.n != 16)
		return -1;
	memset(question, 0, sizeof(*question));
	question->type = DNS_PTR;
	if (address.n == 4) {
		(void)snprintf(question->name, sizeof(question->name),
		    "%u.%u.%u.%u.in-addr.arpa", octets[3], octets[2], octets[1],
		    octets[0]);
	} else {
		static const char hex[] = "0123456789abcdef";
		char *to = question->name;

		for (size_t i = 16; i-- > 0;) {
			*to++ = hex[octets[i] & 0xf];
			*to++ = '.';
			*to++ = hex[octets[i] >> 4];
			*to++ = '.';
		}
		memcpy(to, "ip6.arpa", sizeof("ip6.arpa"));
	}
	return 0;
}

bool
dns_question_equal(const struct dns_question *a, const struct dns_question *b)
{
	return a->type == b->type && strcmp(a->name, b->name) == 0;
}

const char *
dns_type_name(enum dns_type type)
{
	static const char *const names[] = {
	    "A", "AAAA", "MX", "PTR", "TXT", "NS", "SOA"};

	return names[type];
}

const char *
dns_status_name(enum dns_status status)
{
	static const char *const names[] = {
	    "ok", "nodata", "nxdomain", "tempfail"};

	return names[status];
}
