/* A letter put to the DKIM verifier; see letter_check.h. */
#include "t/lib/letter_check.h"
#include "dkim/body_hashes.h"
#include "t/lib/unit.h"

static bool
ask(void *state, struct dns_question *question)
{
	return dkim_verifier_ask(state, question);
}

static void
answer(void *state, const struct dns_question *question,
    const struct dns_answer *what)
{
	dkim_verifier_answer(state, question, what);
}

const struct zone_subject letter_check_subject = {ask, answer};

void
letter_check_init(struct letter_check *c, const struct letter *l,
    const char *zone, const struct dkim_rules *rules, int64_t now)
{
	c->hashes = dkim_body_hashes_new();
	c->verifier = dkim_verifier_new(rules, l->header, c->hashes, now);
	c->zone = zone_new(zone);
	zone_begin(c->zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	dkim_body_hashes_write(c->hashes, l->body);
	c->asked = zone_run(c->zone, &letter_check_subject, c->verifier);
	dkim_body_hashes_end(c->hashes);
	dkim_verifier_end(c->verifier);
	assert_true(dkim_verifier_done(c->verifier));
}

void
letter_check_clear(struct letter_check *c)
{
	dkim_verifier_free(c->verifier);
	dkim_body_hashes_free(c->hashes);
	zone_free(c->zone);
}

void
letter_check_verdict_at(const struct letter_check *c, size_t index,
    enum mail_verdict verdict, const char *file, int line)
{
	struct dkim_finding finding = dkim_verifier_finding(c->verifier, index);

	if (finding.verdict == verdict)
		return;
	print_error("signature %zu: %s (%s), wanted %s\n", index,
	    mail_verdict_word(finding.verdict),
	    mail_reason_text(finding.reason), mail_verdict_word(verdict));
	_fail(file, line);
}
