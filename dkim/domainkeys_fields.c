/*
 * Which fields a DomainKey-Signature covers, and in which order: those below
 * it, all of them or those that h= names (RFC 4870 sections 3.3 and 3.4.2).
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/domainkeys_private.h"
#include "dkim/signature.h"
#include "mail/header.h"

static size_t
all_below(const struct mail_header *header, size_t index,
    const struct mail_field **fields)
{
	const struct mail_field *field;
	size_t count = 0;

	while ((field = mail_header_at(header, ++index)) != NULL)
		fields[count++] = field;
	return count;
}

size_t
dkim_domainkeys_as_they_stand(struct slice names,
    const struct mail_header *header, size_t index,
    const struct mail_field **fields)
{
	size_t total = mail_header_count(header), count = 0;
	bool *marked;
	struct slice name;

	if (names.p == NULL)
		return all_below(header, index, fields);
	marked = xcalloc(total + 1, sizeof(*marked));
	while (slice_cut(&names, ':', &name)) {
		size_t at = mail_header_count(header);

		/* Marks all fields of that name that are below `index`. */
		while (mail_header_find_up(header, slice_trim(name), &at) !=
			NULL &&
		    at > index && !marked[at])
			marked[at] = true;
	}
	for (size_t i = index + 1; i < total; i++)
		if (marked[i])
			fields[count++] = mail_header_at(header, i);
	free(marked);
	return count;
}

/* For the lowest field of each name: how often h= has it, what is taken. */
struct uses {
	size_t named, taken;
};

/* The lowest field of that name; as many as there are where none has it. */
static size_t
lowest(const struct mail_header *header, struct slice name)
{
	size_t at = mail_header_count(header);

	if (mail_header_find_up(header, name, &at) == NULL)
		return mail_header_count(header);
	return at;
}

/* Takes the next name off the end of the list. */
static bool
cut_last(struct slice *names, struct slice *name)
{
	size_t colon;

	if (names->p == NULL)
		return false;
	colon = slice_find_last(*names, ':');
	if (colon == names->n) {
		*name = slice_trim(*names);
		*names = slice_from(NULL, 0);
	} else {
		*name = slice_trim(slice_after(*names, colon + 1));
		*names = slice_first(*names, colon);
	}
	return true;
}

/*
 * From the end of h= up: a name that stands there again further left takes
 * the lowest of its fields that is left, the leftmost one takes the rest.
 */
size_t
dkim_domainkeys_by_name(struct slice names, const struct mail_header *header,
    size_t index, const struct mail_field **fields)
{
	size_t total = mail_header_count(header), count = 0, at;
	struct slice name, rest = names;
	struct uses *uses;

	if (names.p == NULL)
		return all_below(header, index, fields);
	uses = xcalloc(total + 1, sizeof(*uses));
	for (size_t i = 0; i <= total; i++)
		uses[i].taken = total;
	while (slice_cut(&rest, ':', &name))
		uses[lowest(header, slice_trim(name))].named++;
	while (cut_last(&names, &name)) {
		at = lowest(header, name);
		if (at == total)
			continue;
		uses[at].named--;
		while (uses[at].taken > index && /* else all are taken */
		    mail_header_find_up(header, name, &uses[at].taken) !=
			NULL &&
		    uses[at].taken > index) {
			fields[count++] =
			    mail_header_at(header, uses[at].taken);
			if (uses[at].named > 0)
				break;
		}
	}
	free(uses);
	for (size_t i = 0; i < count / 2; i++) {
		const struct mail_field *field = fields[i];

		fields[i] = fields[count - 1 - i];
		fields[count - 1 - i] = field;
	}
	return count;
}
