/* opendkim.conf and its data sets, to ours. */
#include "t/fuzz/migrate.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	fuzz_migrate(MIGRATE_OPENDKIM, bytes, n);
	return 0;
}
