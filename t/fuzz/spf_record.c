/*
 * An SPF record and what lies behind it. The input is lines; the first is
 * the record, each question is answered from the next ones in turn. Nothing
 * may hang, and the look-ups stay within RFC 7208's bounds.
 */
#include <stdint.h>
#include <stdlib.h>

#include "auth/spf.h"
#include "t/fuzz/replay.h"

/* One TXT for each term that looks up, its explanation; ten mx of ten
 * hosts each, and the client's names. */
enum { QUESTIONS_MAX = 150 };

static struct slice
next_line(struct slice *rest)
{
	struct slice line = {"", 0};

	(void)slice_cut(rest, '\n', &line);
	return line.n == 0 ? SLICE("") : line;
}

static void
answer_one(struct auth_spf *spf, const struct dns_question *question,
    struct slice *rest)
{
	struct dns_record record = {.value = next_line(rest)};
	struct dns_answer answer = {
	    .status = DNS_OK, .count = 1, .records = &record};

	if (record.value.n == 0)
		answer = (struct dns_answer){.status = DNS_NXDOMAIN};
	else if (record.value.p[0] == '!')
		answer = (struct dns_answer){.status = DNS_TEMPFAIL};
	auth_spf_answer(spf, question, &answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct auth_spf_identity identity = {
	    .address = SLICE_INIT("192.0.2.1"),
	    .domain = SLICE_INIT("x.example"),
	    .sender = SLICE_INIT("a.b-c@x.example"),
	    .helo = SLICE_INIT("h.example"),
	};
	struct slice rest = slice_from((const char *)bytes, n);
	struct auth_spf *spf =
	    auth_spf_new(&identity, n % 3 == 0 ? AUTH_SPF_PRA : AUTH_SPF_V1);
	struct dns_question question;
	size_t asked = 0;

	while (auth_spf_ask(spf, &question)) {
		if (++asked > QUESTIONS_MAX)
			abort();
		answer_one(spf, &question, &rest);
	}
	if (!auth_spf_done(spf) ||
	    auth_spf_finding(spf).lookups > AUTH_SPF_LOOKUPS_MAX + 1)
		abort();
	auth_spf_free(spf);
	return 0;
}
