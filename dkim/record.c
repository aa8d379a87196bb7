/* Key records: RFC 6376 section 3.6.1, RFC 8463 section 4, RFC 4870 3.2.3. */
#include "dkim/record.h"

#include "base/base64.h"
#include "dkim/key.h"
#include "mail/taglist.h"

static int
bad_record(enum mail_reason *reason, enum mail_reason why)
{
	*reason = why;
	return -1;
}

/* Is the word in a list between colons? */
static bool
lists(struct slice list, struct slice word)
{
	struct slice item;

	while (slice_cut(&list, ':', &item))
		if (slice_equal_nocase(slice_trim(item), word))
			return true;
	return false;
}

static int
read_p_tag(const struct mail_taglist *tags, struct dkim_record *record,
    enum mail_reason *reason)
{
	struct slice type = mail_taglist_value(tags, SLICE("k"));
	const struct mail_tag *key = mail_taglist_find(tags, SLICE("p"));

	if (key == NULL)
		return bad_record(reason, MAIL_REASON_KEY_RECORD_NO_KEY);
	record->key = key->value;
	record->revoked = key->value.n == 0;
	if (type.p == NULL || slice_equal_nocase(type, SLICE("rsa")))
		record->key_type = DKIM_KEY_RSA;
	else if (slice_equal_nocase(type, SLICE("ed25519")))
		record->key_type = DKIM_KEY_ED25519;
	else
		return bad_record(reason, MAIL_REASON_KEY_TYPE_UNKNOWN);
	return 0;
}

static void
read_flags(const struct mail_taglist *tags, struct dkim_record *record)
{
	struct slice flags = mail_taglist_value(tags, SLICE("t"));

	record->testing = lists(flags, SLICE("y"));
	record->strict = lists(flags, SLICE("s"));
}

static int
parse_tags(
    struct slice text, struct mail_taglist *tags, enum mail_reason *reason)
{
	if (text.n > DKIM_RECORD_MAX)
		return bad_record(reason, MAIL_REASON_KEY_RECORD_LONG);
	if (mail_taglist_parse(text, tags, NULL) < 0)
		return bad_record(reason, MAIL_REASON_KEY_RECORD_MALFORMED);
	return 0;
}

int
dkim_record_parse(
    struct slice text, struct dkim_record *record, enum mail_reason *reason)
{
	struct mail_taglist tags;
	const struct mail_tag *version;
	struct slice hashes, services;

	*record = (struct dkim_record){0};
	if (parse_tags(text, &tags, reason) < 0)
		return -1;
	/* v= may be left out, but where it is it must come first. */
	version = mail_taglist_find(&tags, SLICE("v"));
	if (version != NULL &&
	    (version != &tags.tags[0] ||
		!slice_equal(version->value, SLICE("DKIM1"))))
		return bad_record(reason, MAIL_REASON_KEY_RECORD_VERSION);
	read_flags(&tags, record);
	hashes = mail_taglist_value(&tags, SLICE("h"));
	services = mail_taglist_value(&tags, SLICE("s"));
	record->has_hashes = hashes.p != NULL;
	record->sha1 = hashes.p == NULL || lists(hashes, SLICE("sha1"));
	record->sha256 = hashes.p == NULL || lists(hashes, SLICE("sha256"));
	record->email = services.p == NULL || lists(services, SLICE("*")) ||
	    lists(services, SLICE("email"));
	return read_p_tag(&tags, record, reason);
}

int
dkim_record_parse_domainkeys(
    struct slice text, struct dkim_record *record, enum mail_reason *reason)
{
	struct mail_taglist tags;
	struct slice granularity;

	*record = (struct dkim_record){.sha1 = true, .email = true};
	if (parse_tags(text, &tags, reason) < 0)
		return -1;
	read_flags(&tags, record);
	granularity = mail_taglist_value(&tags, SLICE("g"));
	record->has_granularity = granularity.n > 0;
	record->granularity = granularity;
	return read_p_tag(&tags, record, reason);
}

enum mail_reason
dkim_record_refuses(
    const struct dkim_record *record, enum dkim_algorithm algorithm)
{
	bool hash_allowed = dkim_algorithm_digest(algorithm) == DKIM_SHA256
	    ? record->sha256
	    : record->sha1;

	if (record->revoked)
		return MAIL_REASON_KEY_REVOKED;
	if (record->key_type != dkim_algorithm_key_type(algorithm))
		return MAIL_REASON_KEY_TYPE_DIFFERS;
	if (!hash_allowed)
		return MAIL_REASON_KEY_HASH_REFUSED;
	if (!record->email)
		return MAIL_REASON_KEY_SERVICE_REFUSED;
	return MAIL_REASON_NONE;
}

struct dkim_public_key *
dkim_record_public_key(
    const struct dkim_record *record, enum mail_reason *reason)
{
	struct dkim_public_key *key = NULL;
	struct strbuf octets;

	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	if (base64_decode(record->key, &octets) < 0)
		*reason = octets.full ? MAIL_REASON_KEY_LONG
				      : MAIL_REASON_KEY_NOT_BASE64;
	else
		key = dkim_public_key_parse(
		    record->key_type, strbuf_slice(&octets), reason);
	strbuf_clear(&octets);
	return key;
}
