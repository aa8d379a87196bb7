/* One record a message; see kept.h. */
#include "record/kept.h"

static const struct slice head = SLICE_INIT("SP1");

enum { MEMBER_HEAD = 4, VALUE_MAX = (1 << 24) - 1 };

int
record_kept_add(struct strbuf *to, enum record_tag tag, struct slice value)
{
	char member[MEMBER_HEAD] = {(char)tag, (char)(value.n >> 16),
	    (char)(value.n >> 8), (char)value.n};

	if (value.n > VALUE_MAX)
		return -1;
	if (to->n == 0)
		strbuf_add(to, head);
	strbuf_add(to, slice_from(member, sizeof(member)));
	return strbuf_add(to, value);
}

/* Takes one member off the front. */
static int
take_member(struct slice *rest, struct record_kept *kept)
{
	unsigned char tag = (unsigned char)rest->p[0];
	size_t n;
	struct slice at;

	if (rest->n < MEMBER_HEAD)
		return -1;
	at = *rest;
	n = (size_t)(unsigned char)at.p[1] << 16 |
	    (size_t)(unsigned char)at.p[2] << 8 | (unsigned char)at.p[3];
	if (n > rest->n - MEMBER_HEAD)
		return -1;
	if (tag > 0 && tag < RECORD_TAGS) {
		if (kept->count == RECORD_KEPT_MEMBERS_MAX)
			return -1;
		kept->members[kept->count++] = (struct record_member){
		    (enum record_tag)tag, slice_from(rest->p + 4, n)};
	}
	*rest = slice_after(*rest, MEMBER_HEAD + n);
	return 0;
}

int
record_kept_parse(struct slice datagram, struct record_kept *kept)
{
	struct slice rest = slice_after(datagram, head.n);

	kept->count = 0;
	if (!slice_equal(slice_first(datagram, head.n), head) || rest.n == 0)
		return -1;
	while (rest.n > 0)
		if (take_member(&rest, kept) != 0)
			return -1;
	return 0;
}

bool
record_kept_next(const struct record_kept *kept, enum record_tag tag,
    size_t *at, struct slice *value)
{
	for (; *at < kept->count; ++*at)
		if (kept->members[*at].tag == tag) {
			*value = kept->members[(*at)++].value;
			return true;
		}
	return false;
}

struct slice
record_kept_get(const struct record_kept *kept, enum record_tag tag)
{
	struct slice value = {NULL, 0};
	size_t at = 0;

	(void)record_kept_next(kept, tag, &at, &value);
	return value;
}
