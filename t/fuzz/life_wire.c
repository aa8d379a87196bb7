/*
 * What comes to the master as if from a process: whole and octet by octet it is
 * heard the same; no call is told of twice, and never more than the bound; and
 * a word that a process of ours makes is told of behind anything.
 */
#include <stdint.h>
#include <string.h>

#include "proxy/process/life_wire.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

struct heard {
	bool ready;
	unsigned count;
	int calls[PROXY_LIFE_CALLS_MAX];
};

static void
take_call(void *ctx, int call)
{
	struct heard *heard = ctx;

	must(heard->count < PROXY_LIFE_CALLS_MAX);
	must(call >= 0 && call <= 0xffff);
	for (unsigned i = 0; i < heard->count; i++)
		must(heard->calls[i] != call);
	heard->calls[heard->count++] = call;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice octets = slice_from((const char *)bytes, n);
	struct proxy_life whole = {0}, cut = {0};
	struct heard a = {0}, b = {0};
	unsigned char word[PROXY_LIFE_REFUSED_SIZE];
	int call = n > 1 ? bytes[0] << 8 | bytes[1] : 0;
	bool told = false;

	a.ready = proxy_life_hear(&whole, octets, take_call, &a);
	for (size_t i = 0; i < n; i++)
		if (proxy_life_hear(&cut,
			slice_first(slice_after(octets, i), 1), take_call, &b))
			b.ready = true;
	must(memcmp(&a, &b, sizeof(a)) == 0);
	must(whole.n < PROXY_LIFE_REFUSED_SIZE && whole.n == cut.n);
	/* What is left of a word takes what comes next for its end. */
	whole.n = 0;
	proxy_life_refused(call, word);
	must(!proxy_life_hear(&whole,
	    slice_from((const char *)word, sizeof(word)), take_call, &a));
	for (unsigned i = 0; i < a.count; i++)
		told = told || a.calls[i] == call;
	must(told || a.count == PROXY_LIFE_CALLS_MAX);
	return 0;
}
