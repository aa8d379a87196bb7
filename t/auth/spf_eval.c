/*
 * SPF for scripts: zones and questions on standard input, one line of
 * results a question. Lines are tab-separated; fields hold no tab.
 *
 *	zone				a new, empty zone begins
 *	record	NAME TYPE value		a line of it (t/lib/zone.h)
 *	spf	ADDRESS	HELO	MAILFROM	check_host() as RFC 7208
 *						section 2 has it called
 *
 * A result: verdict, explanation, mechanism, reason, number of questions.
 */
#include <stdio.h>
#include <stdlib.h>

#include "auth/spf.h"
#include "base/escape.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

enum { LINE_SIZE_MAX = 1 << 20, ZONE_TEXT_MAX = 16 << 20 };

static bool
spf_ask(void *state, struct dns_question *question)
{
	return auth_spf_ask(state, question);
}

static void
spf_answer(void *state, const struct dns_question *question,
    const struct dns_answer *answer)
{
	auth_spf_answer(state, question, answer);
}

static const struct zone_subject subject = {spf_ask, spf_answer};

static void
print_escaped(struct slice text)
{
	struct strbuf out;

	strbuf_init(&out, LINE_SIZE_MAX);
	(void)escape_log(text, &out);
	printf("\t%s", strbuf_text(&out));
	strbuf_clear(&out);
}

static void
evaluate(struct zone *zone, struct slice line)
{
	struct auth_spf_identity identity = {
	    .receiver = SLICE("receiver.example"), .now = 1000000000};
	struct auth_spf_finding finding;
	struct auth_spf *spf;
	struct slice at;
	size_t asked;

	(void)slice_cut(&line, '\t', &identity.address);
	(void)slice_cut(&line, '\t', &identity.helo);
	(void)slice_cut(&line, '\t', &identity.sender);
	at = slice_after(
	    identity.sender, slice_find_last(identity.sender, '@') + 1);
	identity.domain = identity.sender.n == 0 ? identity.helo : at;
	spf = auth_spf_new(&identity, AUTH_SPF_V1);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	asked = zone_run(zone, &subject, spf);
	if (!auth_spf_done(spf))
		abort();
	finding = auth_spf_finding(spf);
	printf("%s", mail_verdict_word(finding.verdict));
	print_escaped(finding.explanation);
	print_escaped(slice_str(finding.mechanism));
	print_escaped(slice_str(finding.reason));
	printf("\t%zu\n", asked);
	auth_spf_free(spf);
}

static void
take_line(struct strbuf *text, struct zone **zone, struct slice line)
{
	struct slice verb;

	(void)slice_cut(&line, '\t', &verb);
	if (slice_equal(verb, SLICE("zone"))) {
		zone_free(*zone);
		*zone = NULL;
		strbuf_reset(text);
	} else if (slice_equal(verb, SLICE("record"))) {
		(void)strbuf_add(text, line);
		(void)strbuf_add_char(text, '\n');
	} else if (slice_equal(verb, SLICE("spf"))) {
		if (*zone == NULL)
			*zone = zone_new(strbuf_text(text));
		evaluate(*zone, line);
	} else {
		abort();
	}
}

int
main(void)
{
	char *line = malloc(LINE_SIZE_MAX);
	struct zone *zone = NULL;
	struct strbuf text;

	strbuf_init(&text, ZONE_TEXT_MAX);
	while (line != NULL && fgets(line, LINE_SIZE_MAX, stdin) != NULL)
		take_line(&text, &zone,
		    slice_first(slice_str(line), strcspn(line, "\n")));
	zone_free(zone);
	strbuf_clear(&text);
	free(line);
	return fflush(stdout) == 0 ? 0 : 1;
}
