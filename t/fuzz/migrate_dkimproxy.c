/* dkimproxy_out.conf, dkimproxy_in.conf and DKIMproxy's maps, to ours. */
#include "t/fuzz/migrate.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	fuzz_migrate(MIGRATE_DKIMPROXY, bytes, n);
	return 0;
}
