/* The fields of one message; see header.h. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/xalloc.h"
#include "mail/mail_private.h"

enum {
	HEADER_BUCKETS = 1024,
	HEADER_NO_FIELD = UINT16_MAX,
	/* With more, it matters how many share a bucket. */
	HEADER_MANY = 64
};

_Static_assert(MAIL_HEADER_FIELDS_MAX <= UINT16_MAX, "an index has two octets");

#define HEADER_PRIME UINT64_C(0x7fffffff) /* 2^31 - 1 */

/* The fields of one name form a chain, lowest first, with those of other
 * names that share the bucket. */
struct mail_header {
	char *bytes;
	struct mail_field *fields;
	uint16_t *above; /* the next field up in the bucket */
	uint16_t lowest[HEADER_BUCKETS];
	size_t count, size;
	uint64_t point; /* what many names are hashed at; 0: they are few */
	enum mail_header_end ending;
};

/* RFC 5322 section 2.2. */
static bool
is_name_char(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

enum mail_header_line
mail_header_line(struct slice line, size_t *name)
{
	size_t n = 0, at;

	if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return MAIL_HEADER_LINE_FOLD;
	line = slice_first(line, MAIL_HEADER_NAME_MAX + 1);
	while (n < line.n && is_name_char(line.p[n]))
		n++;
	for (at = n; at < line.n; at++)
		if (line.p[at] != ' ' && line.p[at] != '\t')
			break;
	if (n == 0 || at == line.n || line.p[at] != ':')
		return MAIL_HEADER_LINE_OTHER;
	*name = n;
	return MAIL_HEADER_LINE_FIELD;
}

/* The names in use differ in length and three letters. */
static unsigned
bucket_of_few(struct slice name)
{
	unsigned hash = (unsigned)name.n;

	if (name.n == 0)
		return 0;
	hash = hash * 31 + (unsigned char)ascii_lower(name.p[0]);
	hash = hash * 31 + (unsigned char)ascii_lower(name.p[name.n / 2]);
	hash = hash * 31 + (unsigned char)ascii_lower(name.p[name.n - 1]);
	return hash % HEADER_BUCKETS;
}

/* Many: the name in lower case as a polynomial, at a point that no sender
 * knows, so that none can make them share a bucket. */
static unsigned
header_bucket_of(const struct mail_header *h, struct slice name)
{
	uint64_t hash = name.n;

	if (h->point == 0)
		return bucket_of_few(name);
	for (size_t i = 0; i < name.n; i++)
		hash =
		    (hash * h->point + (unsigned char)ascii_lower(name.p[i])) %
		    HEADER_PRIME;
	return (unsigned)(hash % HEADER_BUCKETS);
}

/* Without the kernel's randomness it is time that is lost. */
static uint64_t
choose_point(size_t fields)
{
	uint32_t random = 0;

	if (fields <= HEADER_MANY)
		return 0;
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return 1 + random % (HEADER_PRIME - 1);
}

static void
set_field(struct mail_header *h, size_t index, size_t from, size_t to)
{
	struct mail_field *field = &h->fields[index];
	struct slice raw = slice_from(h->bytes + from, to - from);
	size_t name = 0, colon;
	unsigned bucket;

	(void)mail_header_line(raw, &name);
	colon = slice_find(raw, ':');
	field->raw = raw;
	field->offset = from;
	field->name = slice_first(raw, name);
	/* The last two bytes are CRLF; see mail_reader_end(). */
	field->value = slice_from(raw.p + colon + 1, raw.n - colon - 3);
	bucket = header_bucket_of(h, field->name);
	h->above[index] = h->lowest[bucket];
	h->lowest[bucket] = (uint16_t)index;
}

const char *
mail_header_bytes(const struct mail_header *h)
{
	return h->bytes;
}

struct mail_header *
mail_header_take(struct strbuf *bytes, const struct mail_header_plan *plan)
{
	struct mail_header *h = xcalloc(1, sizeof(*h));

	h->fields = xcalloc(plan->count, sizeof(*h->fields));
	h->above = xcalloc(plan->count, sizeof(*h->above));
	h->bytes = strbuf_detach(bytes);
	h->count = plan->count;
	h->size = plan->size;
	h->ending = plan->ending;
	h->point = choose_point(plan->count);
	for (size_t i = 0; i < HEADER_BUCKETS; i++)
		h->lowest[i] = HEADER_NO_FIELD;
	for (size_t i = 0; i < h->count; i++)
		set_field(h, i, plan->starts[i],
		    i + 1 < h->count ? plan->starts[i + 1] : plan->size);
	return h;
}

void
mail_header_free(struct mail_header *h)
{
	if (h == NULL)
		return;
	free(h->bytes);
	free(h->fields);
	free(h->above);
	free(h);
}

size_t
mail_header_count(const struct mail_header *h)
{
	return h->count;
}

const struct mail_field *
mail_header_at(const struct mail_header *h, size_t index)
{
	return index < h->count ? &h->fields[index] : NULL;
}

const struct mail_field *
mail_header_find_up(
    const struct mail_header *h, struct slice name, size_t *below)
{
	size_t i = h->lowest[header_bucket_of(h, name)];

	/* Going on from a field of that name costs one step. */
	if (*below < h->count &&
	    slice_equal_nocase(h->fields[*below].name, name))
		i = h->above[*below];
	for (; i != HEADER_NO_FIELD; i = h->above[i])
		if (i < *below && slice_equal_nocase(h->fields[i].name, name)) {
			*below = i;
			return &h->fields[i];
		}
	*below = 0;
	return NULL;
}

const struct mail_field *
mail_header_last(const struct mail_header *h, struct slice name)
{
	size_t below = h->count;

	return mail_header_find_up(h, name, &below);
}

size_t
mail_header_count_of(const struct mail_header *h, struct slice name)
{
	size_t count = 0;

	for (size_t i = h->lowest[header_bucket_of(h, name)];
	     i != HEADER_NO_FIELD; i = h->above[i])
		count += slice_equal_nocase(h->fields[i].name, name);
	return count;
}

size_t
mail_header_size(const struct mail_header *h)
{
	return h->size;
}

enum mail_header_end
mail_header_ending(const struct mail_header *h)
{
	return h->ending;
}
