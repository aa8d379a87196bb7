/* The report a person reads; see summary.h. */
#include "auth/summary.h"
#include "auth/address.h"
#include "auth/advice.h"
#include "base/escape.h"
#include "mail/address.h"
#include "mail/idn.h"

enum {
	VALUE_MAX = 200,
	RECORD_MAX = 600,
	DETAILS_MAX = 24,
	NAME_MAX_OCTETS = 100
};

/* In the order that reflectors have them. */
static const struct {
	enum auth_method method;
	const char *name;
} checks[] = {
    {AUTH_SPF, "SPF"},
    {AUTH_DOMAINKEYS, "DomainKeys"},
    {AUTH_DKIM, "DKIM"},
    {AUTH_SENDERID, "Sender-ID"},
    {AUTH_DMARC, "DMARC"},
    {AUTH_ARC, "ARC"},
    {AUTH_IPREV, "iprev"},
};

#define CHECKS (sizeof(checks) / sizeof(checks[0]))

/* Of several signatures one that passes says it for all, else the first;
 * of SPF's two it is MAIL FROM's. */
static const struct auth_result *
decisive(const struct auth_results *results, enum auth_method method)
{
	if (method == AUTH_DKIM || method == AUTH_DOMAINKEYS)
		for (size_t i = 0; i < results->count; i++)
			if (results->list[i].method == method &&
			    results->list[i].verdict == MAIL_VERDICT_PASS)
				return &results->list[i];
	return auth_results_find(results, method);
}

static void
add_text(struct slice value, size_t most, struct strbuf *out)
{
	(void)escape_log(slice_first(value, most), out);
	if (value.n > most)
		(void)strbuf_add_str(out, "...");
}

/* "  name: value", left out where it is empty. */
static void
line(const char *name, struct slice value, struct strbuf *out)
{
	if (value.n == 0)
		return;
	(void)strbuf_addf(out, "  %-12s", name);
	add_text(value, VALUE_MAX, out);
	(void)strbuf_add_char(out, '\n');
}

static void
add_record(const struct auth_result *r, struct strbuf *out)
{
	if (r->record.n == 0)
		return;
	(void)strbuf_add_str(out, "  Record:     ");
	add_text(r->record, RECORD_MAX, out);
	if (r->record_name.n > 0) {
		(void)strbuf_addf(out, "\n              at %s",
		    r->method == AUTH_DMARC ? "_dmarc." : "");
		add_text(r->record_name, VALUE_MAX, out);
	}
	(void)strbuf_add_char(out, '\n');
}

static void
add_signature(const struct auth_result *r, struct strbuf *out)
{
	if (r->selector.n == 0)
		return;
	(void)strbuf_add_str(out, "  Key:        ");
	add_text(r->selector, VALUE_MAX, out);
	(void)strbuf_add_str(out, "._domainkey.");
	add_text(r->domain, VALUE_MAX, out);
	if (r->bits > 0)
		(void)strbuf_addf(out, ", %u bits", r->bits);
	if (r->testing)
		(void)strbuf_add_str(out, ", testing (t=y)");
	(void)strbuf_add_char(out, '\n');
	line("Algorithm:", r->algorithm, out);
}

static void
add_dmarc(const struct auth_result *r, struct strbuf *out)
{
	if (r->method != AUTH_DMARC || r->policy == NULL)
		return;
	(void)strbuf_addf(out,
	    "  Policy:     %s%s%s\n  Aligned:    DKIM %s, SPF %s\n", r->policy,
	    r->disposition == NULL ? "" : ", here: ",
	    r->disposition == NULL ? "" : r->disposition,
	    r->dkim_aligned ? "yes" : "no", r->spf_aligned ? "yes" : "no");
}

static void
add_details(const struct auth_summary *about, const char *name,
    const struct auth_result *r, struct strbuf *out)
{
	(void)strbuf_addf(out, "\n%s: %s", name, mail_verdict_word(r->verdict));
	if (r->reason != NULL && r->reason[0] != '\0') {
		(void)strbuf_add_str(out, " (");
		add_text(slice_str(r->reason), VALUE_MAX, out);
		(void)strbuf_add_char(out, ')');
	}
	(void)strbuf_add_char(out, '\n');
	line(r->method == AUTH_IPREV ? "Name:" : "Domain:", r->domain, out);
	line("Identity:", r->identity, out);
	line("Matched:", slice_str(r->mechanism), out);
	line("It says:", r->explanation, out);
	add_record(r, out);
	add_signature(r, out);
	add_dmarc(r, out);
	auth_advice_print(r, about->client, out);
}

static void
add_envelope(const struct auth_summary *about, struct strbuf *out)
{
	(void)strbuf_add_str(out,
	    "\n----------------------------------------------------------\n"
	    "Details\n\n");
	line("Client:", about->client, out);
	line("HELO:", about->helo, out);
	line("MAIL FROM:", about->mail_from, out);
}

/* A name that holds no other words, or nothing. */
static struct slice
plain_name(struct slice name)
{
	return name.n <= NAME_MAX_OCTETS && mail_idn_is_ascii_name(name)
	    ? name
	    : slice_from(NULL, 0);
}

static struct slice
plain_address(struct slice text)
{
	struct auth_address address;

	return auth_address_parse(text, &address) == 0 ? text
						       : slice_from(NULL, 0);
}

static void
add_short_form(const struct auth_summary *about, struct strbuf *out)
{
	(void)strbuf_add_char(out, '\n');
	line("Client:", plain_address(about->client), out);
	line("HELO:", plain_name(about->helo), out);
	line("MAIL FROM:", plain_name(mail_address_domain(about->mail_from)),
	    out);
	(void)strbuf_add_str(out,
	    "\nThis is the short form, since anybody could have named you as\n"
	    "the sender: neither SPF nor a DKIM signature of the sender's\n"
	    "domain that covers To has passed.\n");
}

static void
add_all_details(const struct auth_summary *about, struct strbuf *out)
{
	const struct auth_results *results = about->results;
	size_t shown = 0;

	add_envelope(about, out);
	for (size_t i = 0; i < CHECKS; i++)
		for (size_t k = 0; k < results->count; k++)
			if (results->list[k].method == checks[i].method &&
			    shown++ < DETAILS_MAX)
				add_details(about, checks[i].name,
				    &results->list[k], out);
	if (shown > DETAILS_MAX)
		(void)strbuf_addf(
		    out, "\n%zu more are not shown\n", shown - DETAILS_MAX);
}

int
auth_summary_print(const struct auth_summary *about, struct strbuf *out)
{
	const struct auth_results *results = about->results;

	(void)strbuf_add_str(out, "Summary of Results\n\n");
	for (size_t i = 0; i < CHECKS; i++) {
		const struct auth_result *r =
		    decisive(results, checks[i].method);

		(void)strbuf_addf(out, "%s check: %s\n", checks[i].name,
		    r == NULL ? "not checked" : mail_verdict_word(r->verdict));
	}
	if (about->spam.n > 0) {
		(void)strbuf_add_str(out, "SpamAssassin check: ");
		add_text(about->spam, VALUE_MAX, out);
		(void)strbuf_add_char(out, '\n');
	}
	if (about->stranger)
		add_short_form(about, out);
	else
		add_all_details(about, out);
	return out->full ? -1 : 0;
}
