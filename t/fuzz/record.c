/* Key records, and the keys in them. */
#include "dkim/record.h"
#include "base/base64.h"
#include "dkim/key.h"
#include "t/fuzz/replay.h"

static void
use(const struct dkim_record *record)
{
	struct dkim_public_key *key;
	struct strbuf octets;
	enum mail_reason reason;

	(void)dkim_record_refuses(record, DKIM_RSA_SHA256);
	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	if (base64_decode(record->key, &octets) == 0) {
		key = dkim_public_key_parse(
		    record->key_type, strbuf_slice(&octets), &reason);
		dkim_public_key_free(key);
	}
	strbuf_clear(&octets);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_from((const char *)data, size);
	struct dkim_record record;
	enum mail_reason reason;

	if (dkim_record_parse(text, &record, &reason) == 0)
		use(&record);
	if (dkim_record_parse_domainkeys(text, &record, &reason) == 0)
		use(&record);
	return 0;
}
