/* The table is added to with each change of a default, and never cut. */
#include "cli/changes.h"
#include "base/number.h"
#include "cli/settings_edit.h"

enum { NUMBERS = 3 };

static const struct cli_change changes[] = {
    {"0.1.0", "in", "trusted", false,
	"is loopback where XFORWARD, PROXY or a milter told the address; it "
	"was none"},
    {"0.1.0", "in", "remove_fields", false,
	"takes BIMI-Location and BIMI-Indicator out; nothing was"},
    {"0.1.0", "in", "partial_body", false,
	"is policy: a signature that leaves octets of the body out does not "
	"count for DMARC; it did"},
    {"0.1.0", "out", "allow", true,
	"is for the client that a PROXY header names; the balancer itself "
	"belongs in proxies"},
};

static bool
read_numbers(struct slice version, uint64_t numbers[NUMBERS])
{
	struct slice rest, piece;
	size_t n = 0;

	for (size_t i = 0; i < NUMBERS; i++)
		numbers[i] = 0;
	/* Without the revision of a package. */
	rest = slice_first(version,
	    slice_find(slice_first(version, slice_find(version, '-')), '~'));
	while (slice_cut(&rest, '.', &piece))
		if (n == NUMBERS ||
		    number_parse(piece, UINT32_MAX, &numbers[n++]) != 0)
			return false;
	return n > 0;
}

bool
cli_version_is(struct slice version)
{
	uint64_t numbers[NUMBERS];

	return read_numbers(version, numbers);
}

int
cli_version_compare(struct slice a, struct slice b)
{
	uint64_t left[NUMBERS], right[NUMBERS];

	(void)read_numbers(a, left);
	(void)read_numbers(b, right);
	for (size_t i = 0; i < NUMBERS; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

void
cli_changes_since(struct slice version, struct slice text,
    void (*found)(void *ctx, const struct cli_change *), void *ctx)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct cli_change *change = &changes[i];
		struct slice value;
		bool set = cli_settings_get(text, slice_str(change->section),
		    slice_str(change->name), &value);

		if (set == change->meaning &&
		    cli_version_compare(slice_str(change->version), version) >
			0)
			found(ctx, change);
	}
}
