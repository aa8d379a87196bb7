/* record/kept: a datagram from a worker that may have been taken over. What
 * is parsed and printed again is parsed to the same. */
#include <stdlib.h>

#include "record/kept.h"
#include "t/fuzz/replay.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct record_kept kept, again;
	struct strbuf printed;

	if (record_kept_parse(slice_from((const char *)bytes, n), &kept) != 0 ||
	    kept.count == 0)
		return 0;
	strbuf_init(&printed, n + 16);
	for (size_t i = 0; i < kept.count; i++)
		if (record_kept_add(&printed, kept.members[i].tag,
			kept.members[i].value) != 0)
			abort();
	if (record_kept_parse(strbuf_slice(&printed), &again) != 0 ||
	    again.count != kept.count)
		abort();
	for (size_t i = 0; i < kept.count; i++)
		if (again.members[i].tag != kept.members[i].tag ||
		    !slice_equal(again.members[i].value, kept.members[i].value))
			abort();
	strbuf_clear(&printed);
	/* Each by its tag: as many as there are, the first one first. */
	for (enum record_tag tag = (enum record_tag)1; tag < RECORD_TAGS;
	     tag++) {
		size_t at = 0, count = 0;
		struct slice value;

		while (record_kept_next(&kept, tag, &at, &value))
			if (count++ == 0 &&
			    record_kept_get(&kept, tag).p != value.p)
				abort();
		if (count == 0 && record_kept_get(&kept, tag).p != NULL)
			abort();
		if (count > kept.count)
			abort();
	}
	return 0;
}
