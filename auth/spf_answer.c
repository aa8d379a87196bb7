/* What one answer leaves behind in the machine: a record chosen, names, or
 * that an address is the client's. Answers are not kept. */
#include <stdlib.h>

#include "auth/spf_private.h"
#include "base/xalloc.h"

const struct auth_spf_term *
spf_term(const struct auth_spf *spf)
{
	const struct spf_frame *frame = &spf->frames[spf->depth - 1];

	return &frame->record.terms[frame->next - 1];
}

static void
keep_text(struct auth_spf *spf, struct slice text)
{
	free(spf->text);
	spf->text = xslicedup(text);
	spf->text_length = text.n;
}

static void
choose_record(struct auth_spf *spf, const struct dns_answer *answer, bool v2)
{
	spf->records = 0;
	for (size_t i = 0; i < answer->count; i++) {
		struct slice text = answer->records[i].value;
		bool wanted = !v2
		    ? auth_spf_record_is_v1(text)
		    : auth_spf_record_is_v2(text,
			  spf->version == AUTH_SPF_MFROM ? SLICE("mfrom")
							 : SLICE("pra"));

		if (wanted && spf->records++ == 0)
			keep_text(spf, text);
	}
}

static void
take_addresses(struct auth_spf *spf, struct spf_query *query,
    const struct dns_answer *answer)
{
	size_t length = spf->macro.address_length;
	unsigned bits;
	bool v4 = spf->macro.address_length == 4;

	if (spf->state == SPF_PTR_HOSTS)
		bits = v4 ? 32 : 128;
	else
		bits = v4 ? spf_term(spf)->prefix4 : spf_term(spf)->prefix6;
	for (size_t i = 0; i < answer->count; i++) {
		struct slice address = answer->records[i].value;

		if (address.n == length &&
		    auth_address_matches((const unsigned char *)address.p,
			spf->macro.address, bits))
			query->match = true;
	}
}

void
spf_answer_take(struct auth_spf *spf, struct spf_query *query,
    const struct dns_answer *answer)
{
	query->answered = true;
	if (answer->status == DNS_TEMPFAIL)
		spf->failed = true;
	if (answer->status == DNS_NXDOMAIN && !answer->alias)
		spf->missing = true;
	if (answer->status != DNS_OK || answer->count == 0)
		return;
	spf->present = true;
	switch (spf->state) {
	case SPF_RECORD:
		/* RFC 7208 section 4.5; RFC 4406 section 4.4: spf2.0 before
		 * v=spf1. */
		spf->records = 0;
		if (spf->version != AUTH_SPF_V1)
			choose_record(spf, answer, true);
		if (spf->records == 0)
			choose_record(spf, answer, false);
		break;
	case SPF_EXPLAIN:
		/* Section 6.2: exactly one string of TXT, or none. */
		spf->records = answer->count;
		if (answer->count == 1)
			keep_text(spf, answer->records[0].value);
		break;
	case SPF_MX:
	case SPF_PTR:
		for (size_t i = 0; i < answer->count; i++) {
			struct slice name = answer->records[i].value;
			struct dns_question checked;

			spf->name_total++;
			if (spf->name_count != AUTH_SPF_NAMES_MAX &&
			    dns_question_set(&checked, DNS_A, name) == 0)
				memcpy(spf->names[spf->name_count++],
				    checked.name, SPF_NAME_SIZE);
		}
		break;
	case SPF_ADDRESS:
	case SPF_MX_HOSTS:
	case SPF_PTR_HOSTS:
		take_addresses(spf, query, answer);
		break;
	case SPF_TERM:
	case SPF_FAIL:
	case SPF_DONE:
		break;
	}
}
