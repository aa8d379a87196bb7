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

/* Much of what is shown was written by whoever sent the message. */
static void
add_summary_text(struct slice value, size_t most, struct strbuf *out)
{
	escape_log(slice_first(value, most), out);
	if (value.n > most)
		strbuf_add_str(out, "...");
}

/* "  name: value", left out where it is empty. */
static void
line(const char *name, struct slice value, struct strbuf *out)
{
	if (value.n == 0)
		return;
	strbuf_addf(out, "  %-12s", name);
	add_summary_text(value, VALUE_MAX, out);
	strbuf_add_char(out, '\n');
}

static void
add_details(const struct auth_summary *about, const char *name,
    const struct auth_result *r, struct strbuf *out)
{
	strbuf_addf(out, "\n%s: %s", name, mail_verdict_word(r->verdict));
	if (r->reason != NULL && r->reason[0] != '\0') {
		strbuf_add_str(out, " (");
		add_summary_text(slice_str(r->reason), VALUE_MAX, out);
		strbuf_add_char(out, ')');
	}
	strbuf_add_char(out, '\n');
	/* Historic checks are of interest only where they ask for something. */
	if ((r->method == AUTH_DOMAINKEYS || r->method == AUTH_SENDERID) &&
	    auth_advice_find(about, r) == NULL)
		return;
	line(r->method == AUTH_IPREV ? "Name:" : "Domain:", r->domain, out);
	line("Identity:", r->identity, out);
	line("Matched:", slice_str(r->mechanism), out);
	line("It says:", r->explanation, out);
	if (r->record.n != 0) {
		strbuf_add_str(out, "  Record:     ");
		add_summary_text(r->record, RECORD_MAX, out);
		if (r->record_name.n > 0) {
			strbuf_addf(out, "\n              at %s",
			    r->method == AUTH_DMARC ? "_dmarc." : "");
			add_summary_text(r->record_name, VALUE_MAX, out);
		}
		strbuf_add_char(out, '\n');
	}
	if (r->selector.n != 0) {
		strbuf_add_str(out, "  Key:        ");
		add_summary_text(r->selector, VALUE_MAX, out);
		strbuf_add_str(out, "._domainkey.");
		add_summary_text(r->domain, VALUE_MAX, out);
		if (r->bits > 0)
			strbuf_addf(out, ", %u bits", r->bits);
		if (r->testing)
			strbuf_add_str(out, ", testing (t=y)");
		strbuf_add_char(out, '\n');
		line("Algorithm:", r->algorithm, out);
	}
	if (r->method == AUTH_DMARC && r->policy != NULL) {
		/* What the policy asks for, and what comes of it. */
		strbuf_addf(out, "  Policy:     p=%s", r->policy);
		if (r->verdict == MAIL_VERDICT_PASS)
			strbuf_add_str(out, "; not applied, since it passed");
		else if (r->disposition != NULL)
			strbuf_addf(
			    out, "; for this message: %s", r->disposition);
		strbuf_add_char(out, '\n');
		strbuf_addf(out, "  Aligned:    DKIM %s, SPF %s\n",
		    r->dkim_aligned ? "yes" : "no",
		    r->spf_aligned ? "yes" : "no");
	}
	auth_advice_print(about, r, out);
	auth_advice_remark(about, r, out);
}

/* --- what is shown of all, and in which order --- */

/* Where there is something to do, what failed besides, the rest. */
enum { TO_DO, FAILED, FINE, RANKS };

static unsigned
rank_of(const struct auth_summary *about, const struct auth_result *r)
{
	if (auth_advice_find(about, r) != NULL)
		return TO_DO;
	/* "none" is no failure: most domains have no ARC chain. */
	return r->verdict == MAIL_VERDICT_PASS ||
		r->verdict == MAIL_VERDICT_NONE
	    ? FINE
	    : FAILED;
}

typedef void add_fn(const struct auth_summary *, const char *name,
    const struct auth_result *, struct strbuf *out);

/* Those of one rank, check by check; how many they are. */
static size_t
add_rank(const struct auth_summary *about, unsigned rank, size_t most,
    add_fn *add, struct strbuf *out)
{
	const struct auth_results *results = about->results;
	size_t count = 0;

	for (size_t i = 0; i < CHECKS; i++)
		for (size_t k = 0; k < results->count; k++)
			if (results->list[k].method == checks[i].method &&
			    rank_of(about, &results->list[k]) == rank &&
			    count++ < most)
				add(about, checks[i].name, &results->list[k],
				    out);
	return count;
}

/* --- the short form --- */

bool
auth_summary_is_name(struct slice name)
{
	return name.n <= NAME_MAX_OCTETS && mail_idn_is_ascii_name(name);
}

bool
auth_summary_is_address(struct slice text)
{
	struct auth_address address;

	return auth_address_parse(text, &address) == 0;
}

/* As a whole or, where it is too long, neither it nor what follows. The short
 * form goes to somebody who has proven nothing, perhaps to a person who never
 * wrote to us: nothing in it may be of the sender's choosing. */
static void
add_block(const struct auth_summary *about, const char *name,
    const struct auth_result *r, struct strbuf *out)
{
	struct strbuf block;

	strbuf_init(&block, AUTH_SUMMARY_MAX);
	strbuf_addf(&block, "\n%s: %s\n", name, mail_verdict_word(r->verdict));
	auth_advice_print(about, r, &block);
	strbuf_add(out, strbuf_slice(&block));
	strbuf_clear(&block);
}

static void
add_remarks(const struct auth_summary *about, const char *name,
    const struct auth_result *r, struct strbuf *out)
{
	struct strbuf remarks, block;

	strbuf_init(&remarks, AUTH_SUMMARY_MAX);
	strbuf_init(&block, AUTH_SUMMARY_MAX);
	auth_advice_remark(about, r, &remarks);
	strbuf_addf(&block, "\n%s: %s\n", name, mail_verdict_word(r->verdict));
	strbuf_add(&block, strbuf_slice(&remarks));
	if (remarks.n > 0)
		strbuf_add(out, strbuf_slice(&block));
	strbuf_clear(&remarks);
	strbuf_clear(&block);
}

static void
add_blocks(const struct auth_summary *about, struct strbuf *out)
{
	static const char rest[] = "\n(The rest does not fit in here.)\n";
	struct strbuf blocks;

	/* Room is kept for the line that says that something was left out. */
	strbuf_init(&blocks,
	    out->cap - out->n > sizeof(rest) ? out->cap - out->n - sizeof(rest)
					     : 0);
	auth_advice_remark_helo(about, &blocks);
	for (unsigned rank = TO_DO; rank < RANKS; rank++)
		(void)add_rank(about, rank, DETAILS_MAX,
		    rank == TO_DO ? add_block : add_remarks, &blocks);
	strbuf_add(out, strbuf_slice(&blocks));
	if (blocks.full)
		strbuf_add_str(out, rest);
	strbuf_clear(&blocks);
}

/* --- the lines on top --- */

static void
add_closing(const struct auth_summary *about, struct strbuf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < about->results->count; i++)
		count += rank_of(about, &about->results->list[i]) == TO_DO;
	if (count == 0)
		strbuf_add_str(out, "\nnothing to do\n");
	else
		strbuf_addf(
		    out, "\n%zu thing%s to do\n", count, count == 1 ? "" : "s");
}

int
auth_summary_print(const struct auth_summary *about, struct strbuf *out)
{
	strbuf_add_str(out, "Summary of Results\n\n");
	for (size_t i = 0; i < CHECKS; i++) {
		const struct auth_result *r =
		    decisive(about->results, checks[i].method);

		strbuf_addf(out, "%s check: %s\n", checks[i].name,
		    r == NULL ? "not checked" : mail_verdict_word(r->verdict));
	}
	if (about->spam.n > 0) {
		strbuf_add_str(out, "SpamAssassin check: ");
		add_summary_text(about->spam, VALUE_MAX, out);
		strbuf_add_char(out, '\n');
	}
	add_closing(about, out);
	if (about->stranger) {
		struct slice domain = mail_address_domain(about->mail_from);

		strbuf_add_str(out,
		    "\nThis is the short form, for nothing proves that the "
		    "sender is\n"
		    "you: neither SPF nor a DKIM signature of the sender's "
		    "domain that\n"
		    "covers To has passed.\n\n");
		/* What is no address, or no name, could be words of whoever
		 * sent it. */
		if (auth_summary_is_address(about->client))
			line("Client:", about->client, out);
		if (auth_summary_is_name(about->helo))
			line("HELO:", about->helo, out);
		if (auth_summary_is_name(domain))
			line("MAIL FROM:", domain, out);
		add_blocks(about, out);
	} else {
		size_t room = DETAILS_MAX, left_out = 0, count;

		strbuf_add_str(out,
		    "\n--------------------------------------------------------"
		    "--\n"
		    "Details\n\n");
		line("Client:", about->client, out);
		if (about->own)
			strbuf_add_str(out,
			    "  Client:     none: it came from this host "
			    "itself, so SPF,\n"
			    "              Sender-ID and iprev have nothing to "
			    "check\n");
		line("HELO:", about->helo, out);
		if (about->mail_from.p != NULL) {
			strbuf_add_str(out, "  MAIL FROM:  <");
			add_summary_text(about->mail_from, VALUE_MAX, out);
			strbuf_add_str(out, ">\n");
		}
		auth_advice_remark_helo(about, out);
		for (unsigned rank = TO_DO; rank < RANKS; rank++) {
			count = add_rank(about, rank, room, add_details, out);
			left_out += count > room ? count - room : 0;
			room -= count > room ? room : count;
		}
		if (left_out > 0)
			strbuf_addf(
			    out, "\n%zu more are not shown\n", left_out);
		if (about->rules.n > 0) {
			strbuf_add_str(out, "\nSpamAssassin: ");
			add_summary_text(about->spam, VALUE_MAX, out);
			strbuf_add_char(out, '\n');
			strbuf_add_str(out, "  Rules:");
			auth_advice_wrap(about->rules, out);
		}
	}
	return out->full ? -1 : 0;
}
