/*
 * The reverse name and its way back; see iprev.h. A name that the client's
 * address leads to proves nothing, for whoever owns the address writes it;
 * only when that name leads back to the address did the name's owner agree. So
 * there are two rounds of questions, the second one for each name of the
 * first, and names over the bound are not asked: a hostile reverse zone may
 * have thousands.
 */
#include <stdlib.h>

#include "auth/address.h"
#include "auth/iprev.h"
#include "base/xalloc.h"

struct forward {
	struct dns_question question;
	bool asked, answered, failed, match;
};

struct auth_iprev {
	struct auth_address address;
	struct dns_question reverse;
	bool asked, answered;
	bool done;
	size_t count;
	struct forward names[AUTH_IPREV_NAMES_MAX];
	enum mail_verdict verdict;
	enum mail_reason reason;
	const char *name;
};

struct auth_iprev *
auth_iprev_new(struct slice text)
{
	struct auth_address address;
	struct auth_iprev *iprev;

	if (auth_address_parse(text, &address) != 0)
		return NULL;
	iprev = xcalloc(1, sizeof(*iprev));
	iprev->address = address;
	iprev->name = "";
	(void)dns_question_set_reverse(&iprev->reverse,
	    slice_from((const char *)address.octets, address.length));
	return iprev;
}

bool
auth_iprev_ask(struct auth_iprev *iprev, struct dns_question *question)
{
	if (!iprev->asked) {
		iprev->asked = true;
		*question = iprev->reverse;
		return true;
	}
	for (size_t i = 0; i < iprev->count; i++) {
		if (iprev->names[i].asked)
			continue;
		iprev->names[i].asked = true;
		*question = iprev->names[i].question;
		return true;
	}
	return false;
}

static void
conclude_iprev(struct auth_iprev *iprev, enum mail_verdict verdict,
    enum mail_reason reason)
{
	iprev->done = true;
	iprev->verdict = verdict;
	iprev->reason = reason;
}

static void
judge_names(struct auth_iprev *iprev)
{
	bool failed = false;

	for (size_t i = 0; i < iprev->count; i++)
		if (!iprev->names[i].answered)
			return;
	for (size_t i = 0; i < iprev->count; i++) {
		if (iprev->names[i].match && iprev->name[0] == '\0')
			iprev->name = iprev->names[i].question.name;
		failed = failed || iprev->names[i].failed;
	}
	if (iprev->name[0] != '\0')
		conclude_iprev(iprev, MAIL_VERDICT_PASS, MAIL_REASON_NONE);
	else if (failed)
		conclude_iprev(iprev, MAIL_VERDICT_TEMPERROR,
		    MAIL_REASON_IPREV_FORWARD_UNREACHABLE);
	else
		conclude_iprev(
		    iprev, MAIL_VERDICT_FAIL, MAIL_REASON_IPREV_NO_WAY_BACK);
}

void
auth_iprev_answer(struct auth_iprev *iprev, const struct dns_question *question,
    const struct dns_answer *answer)
{
	if (iprev->done || !iprev->asked)
		return;
	if (!iprev->answered && dns_question_equal(&iprev->reverse, question)) {
		enum dns_type type =
		    iprev->address.length == 4 ? DNS_A : DNS_AAAA;

		/* Section 2.7.3's words. */
		iprev->answered = true;
		for (size_t i = 0; i < answer->count; i++) {
			if (iprev->count == AUTH_IPREV_NAMES_MAX)
				break;
			if (dns_question_set(
				&iprev->names[iprev->count].question, type,
				answer->records[i].value) == 0)
				iprev->count++;
		}
		if (iprev->count <= 0) {
			if (answer->status == DNS_TEMPFAIL)
				conclude_iprev(iprev, MAIL_VERDICT_TEMPERROR,
				    MAIL_REASON_IPREV_UNREACHABLE);
			else
				conclude_iprev(iprev, MAIL_VERDICT_PERMERROR,
				    MAIL_REASON_IPREV_NO_NAME);
		}
		return;
	}
	for (size_t i = 0; i < iprev->count; i++) {
		struct forward *name = &iprev->names[i];

		if (!name->asked || name->answered ||
		    !dns_question_equal(&name->question, question))
			continue;
		name->answered = true;
		name->failed = answer->status == DNS_TEMPFAIL;
		for (size_t k = 0; k < answer->count; k++) {
			struct slice address = answer->records[k].value;

			if (address.n == iprev->address.length &&
			    memcmp(address.p, iprev->address.octets,
				address.n) == 0)
				name->match = true;
		}
	}
	if (iprev->answered)
		judge_names(iprev);
}

bool
auth_iprev_done(const struct auth_iprev *iprev)
{
	return iprev->done;
}

enum mail_verdict
auth_iprev_verdict(const struct auth_iprev *iprev)
{
	return iprev->verdict;
}

struct slice
auth_iprev_name(const struct auth_iprev *iprev)
{
	return slice_str(iprev->name);
}

enum mail_reason
auth_iprev_reason(const struct auth_iprev *iprev)
{
	return iprev->reason;
}

void
auth_iprev_free(struct auth_iprev *iprev)
{
	free(iprev);
}
