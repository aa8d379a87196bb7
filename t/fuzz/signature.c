/* DKIM-Signature and ARC-Message-Signature, and DKIM-Quoted-Printable. */
#include "dkim/signature.h"
#include "dkim/quoted.h"
#include "t/fuzz/replay.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice value = slice_from((const char *)data, size);
	struct dkim_signature signature;
	struct dkim_fault fault;

	dkim_signature_init(&signature);
	if (dkim_signature_parse(value, &signature, &fault) == 0)
		(void)dkim_signature_check_time(
		    &signature, 1700000000, 300, &fault);
	dkim_signature_clear(&signature);
	dkim_signature_init(&signature);
	(void)dkim_signature_parse_arc(value, &signature, &fault);
	dkim_signature_clear(&signature);
	return 0;
}
