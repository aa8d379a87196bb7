/* Where a report may go; see rua.h. */
#include <stdlib.h>
#include <string.h>

#include "auth/dmarc_record.h"
#include "auth/orgdomain.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "mail/address.h"
#include "mail/idn.h"
#include "mail/token.h"
#include "record/rua.h"

struct destination {
	char address[RECORD_RUA_ADDRESS_MAX + 1];
	struct slice host; /* a view into it, lower case */
	enum record_rua_status status;
	bool asked; /* whether its host wants them */
};

enum {
	LISTED_MAX = RECORD_RUA_MAX + 1, /* the last: there are more */
	LOCAL_MAX = 64			 /* RFC 5321 section 4.5.3.1.1 */
};

struct record_rua {
	struct auth_orgdomain *orgs;
	char *domain;
	struct destination list[LISTED_MAX];
	size_t count;
};

/* RFC 3986 section 2.1. */
static int
decode_percent(struct slice text, struct strbuf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%' && text.n - i > 2 &&
		    number_hex_digit(text.p[i + 1]) >= 0 &&
		    number_hex_digit(text.p[i + 2]) >= 0) {
			c = (char)(number_hex_digit(text.p[i + 1]) << 4 |
			    number_hex_digit(text.p[i + 2]));
			i += 2;
		}
		strbuf_add_char(out, c);
	}
	return out->full ? -1 : 0;
}

/* RFC 5322's dot-atom: with any other local part a relay might read another
 * domain than the one that was asked whether it wants reports. */
static bool
is_dot_atom(struct slice local)
{
	struct slice rest = local, atom;

	if (local.n == 0 || local.n > LOCAL_MAX)
		return false;
	while (slice_cut(&rest, '.', &atom)) {
		if (atom.n == 0)
			return false;
		for (size_t i = 0; i < atom.n; i++)
			if (!mail_token_is_atext(atom.p[i]) ||
			    (unsigned char)atom.p[i] > 0x7f)
				return false;
	}
	return true;
}

/* Its host in A-labels. */
static int
spell_address(struct slice address, struct strbuf *out)
{
	size_t at = slice_find_last(address, '@');

	if (at >= address.n || !is_dot_atom(slice_first(address, at)))
		return -1;
	strbuf_add(out, slice_first(address, at + 1));
	return mail_idn_to_ascii(slice_after(address, at + 1), out);
}

/* "mailto:local@host", with "!10m" behind it as RFC 7489 had it. */
static int
parse_uri(struct slice uri, struct destination *to)
{
	static const struct slice scheme = SLICE_INIT("mailto:");
	struct strbuf decoded, address;
	int result = -1;

	uri = slice_trim(uri);
	if (!slice_starts_nocase(uri, scheme))
		return -1;
	uri = slice_after(uri, scheme.n);
	uri = slice_first(uri, slice_find(uri, '?'));
	uri = slice_first(uri, slice_find(uri, '!'));
	strbuf_init(&decoded, RECORD_RUA_ADDRESS_MAX);
	strbuf_init(&address, RECORD_RUA_ADDRESS_MAX);
	if (decode_percent(uri, &decoded) == 0 &&
	    spell_address(strbuf_slice(&decoded), &address) == 0) {
		memcpy(to->address, address.p, address.n + 1);
		to->host = mail_address_domain(slice_str(to->address));
		result = 0;
	}
	strbuf_clear(&decoded);
	strbuf_clear(&address);
	return result;
}

/* Two that the hosts have sent to one, too. */
static void
leave_out_twins(struct record_rua *r)
{
	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < i; k++)
			if (r->list[k].status != RECORD_RUA_NO_ADDRESS &&
			    strcmp(r->list[i].address, r->list[k].address) == 0)
				r->list[i].status = RECORD_RUA_AGAIN;
}

struct record_rua *
record_rua_new(struct slice domain, struct slice rua)
{
	struct record_rua *r = xcalloc(1, sizeof(*r));
	struct slice rest = rua, uri;

	r->domain = xslicedup(domain);
	r->orgs = auth_orgdomain_new();
	(void)auth_orgdomain_walk(r->orgs, slice_str(r->domain));
	while (r->count < LISTED_MAX && slice_cut(&rest, ',', &uri))
		if (slice_trim(uri).n > 0) {
			struct destination *to = &r->list[r->count++];

			if (parse_uri(uri, to) != 0 ||
			    auth_orgdomain_walk(r->orgs, to->host) != 0) {
				/* As it is, for who is told that it is no
				 * address. */
				uri = slice_first(
				    slice_trim(uri), RECORD_RUA_ADDRESS_MAX);
				memcpy(to->address, uri.p, uri.n);
				to->address[uri.n] = '\0';
				to->status = RECORD_RUA_NO_ADDRESS;
			} else if (r->count > RECORD_RUA_MAX) {
				to->status = RECORD_RUA_TOO_MANY;
			}
		}
	leave_out_twins(r);
	return r;
}

/* "blue.example.com._report._dmarc.red.example.net"; -1 where it is too long
 * for the DNS. */
static int
permission(const struct record_rua *r, const struct destination *to,
    struct dns_question *question)
{
	struct strbuf name;
	int result;

	strbuf_init(&name, 512);
	strbuf_addf(&name, "%s._report._dmarc.", r->domain);
	strbuf_add(&name, to->host);
	result = dns_question_set(question, DNS_TXT, strbuf_slice(&name));
	strbuf_clear(&name);
	return result;
}

/* Whose is the host? True where its own word is needed and it can be asked
 * for it. */
static bool
needs_permission(struct record_rua *r, struct destination *to)
{
	struct slice ours, theirs;
	enum auth_orgdomain_status a =
	    auth_orgdomain_find(r->orgs, slice_str(r->domain), &ours);
	enum auth_orgdomain_status b =
	    auth_orgdomain_find(r->orgs, to->host, &theirs);

	if (a == AUTH_ORGDOMAIN_FAILED || b == AUTH_ORGDOMAIN_FAILED) {
		to->status = RECORD_RUA_LATER;
		return false;
	}
	if (a == AUTH_ORGDOMAIN_WAIT || b == AUTH_ORGDOMAIN_WAIT)
		return false;
	if (slice_equal_nocase(ours, theirs)) {
		to->status = RECORD_RUA_APPROVED;
		return false;
	}
	return true;
}

bool
record_rua_ask(struct record_rua *r, struct dns_question *question)
{
	if (auth_orgdomain_ask(r->orgs, question))
		return true;
	for (size_t i = 0; i < r->count; i++) {
		struct destination *to = &r->list[i];

		if (to->status != RECORD_RUA_ASKING || to->asked ||
		    !needs_permission(r, to))
			continue;
		to->asked = true;
		if (permission(r, to, question) == 0)
			return true;
		to->status = RECORD_RUA_UNWANTED;
	}
	return false;
}

/* A record may send the reports to another address of the same host. */
static bool
takes_override(struct destination *to, struct slice text)
{
	struct auth_dmarc_record record;
	struct destination other = {.status = RECORD_RUA_APPROVED};
	struct slice rest, uri;

	auth_dmarc_record_parse(text, &record);
	rest = record.rua;
	if (rest.n == 0 || !slice_cut(&rest, ',', &uri))
		return true;
	if (parse_uri(uri, &other) != 0 ||
	    !slice_equal_nocase(other.host, to->host))
		return false;
	memcpy(to->address, other.address, sizeof(to->address));
	to->host = slice_str(
	    to->address + (other.host.p - (const char *)other.address));
	return true;
}

static void
settle_destination(struct destination *to, const struct dns_answer *answer)
{
	to->status = answer->status == DNS_TEMPFAIL ? RECORD_RUA_LATER
						    : RECORD_RUA_UNWANTED;
	for (size_t i = 0; i < answer->count; i++) {
		struct slice text = answer->records[i].value;

		if (!auth_dmarc_record_is(text))
			continue;
		to->status = takes_override(to, text) ? RECORD_RUA_APPROVED
						      : RECORD_RUA_UNWANTED;
		return;
	}
}

void
record_rua_answer(struct record_rua *r, const struct dns_question *question,
    const struct dns_answer *answer)
{
	auth_orgdomain_answer(r->orgs, question, answer);
	for (size_t i = 0; i < r->count; i++) {
		struct destination *to = &r->list[i];
		struct dns_question asked;

		if (to->status == RECORD_RUA_ASKING && to->asked &&
		    permission(r, to, &asked) == 0 &&
		    dns_question_equal(&asked, question))
			settle_destination(to, answer);
	}
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].status == RECORD_RUA_ASKING && !r->list[i].asked)
			(void)needs_permission(r, &r->list[i]);
	leave_out_twins(r);
}

const char *
record_rua_reason(enum record_rua_status status)
{
	static const char *const reasons[] = {
	    [RECORD_RUA_ASKING] = "",
	    [RECORD_RUA_APPROVED] = "",
	    [RECORD_RUA_NO_ADDRESS] = "no mail address",
	    [RECORD_RUA_UNWANTED] =
		"the DNS of its host does not say that it wants it",
	    [RECORD_RUA_AGAIN] = "it gets one copy already",
	    [RECORD_RUA_TOO_MANY] = "rua= names too many addresses",
	    [RECORD_RUA_LATER] = "the DNS does not answer whether it wants it",
	};

	return reasons[status];
}

size_t
record_rua_count(const struct record_rua *r)
{
	return r->count;
}

enum record_rua_status
record_rua_at(const struct record_rua *r, size_t index, struct slice *address)
{
	*address = slice_str(r->list[index].address);
	return r->list[index].status;
}

void
record_rua_free(struct record_rua *r)
{
	if (r == NULL)
		return;
	auth_orgdomain_free(r->orgs);
	free(r->domain);
	free(r);
}
