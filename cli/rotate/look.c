/* What name servers and resolver give; see look.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/escape.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "cli/kit/authorities.h"
#include "cli/kit/flow.h"
#include "cli/rotate/look.h"
#include "dkim/key.h"
#include "dkim/record.h"
#include "proxy/message/resolving.h"

enum {
	LINKS_MAX = 8, /* names that aliases of one key lead to, it included */
	TEXT_MAX = 4096,
	SHOWN_MAX = 120 /* octets of a record that people are shown */
};

/* What one name server gives at one name. */
enum said_kind {
	SAID_NOTHING_YET,
	SAID_RIGHT,
	SAID_OTHER,
	SAID_ALIAS,
	SAID_UNHEARD,
	SAID_LEFT_OUT
};

struct said {
	enum said_kind kind;
	uint32_t ttl;
	size_t target; /* of an alias: the number of a link */
	int error;
	bool refuses;
	char *text; /* of what else it gives; NULL: nothing */
};

/* What a link comes to. */
struct verdict {
	bool others, unheard;
	uint32_t ttl;
};

struct link {
	struct dns_question question;
	struct cli_placed placed;
	struct said said[CLI_HOSTS_MAX];
	bool judged;
	struct verdict verdict;
};

struct subject {
	struct rotate_look *look;
	struct rotate_want want;
	char *octets;
	struct link *links[LINKS_MAX];
	size_t link_count, asked; /* of them, asked already */
	bool resolver_asked;
	struct rotate_shown shown;
	struct strbuf lacking, silent;
};

struct rotate_look {
	struct cli_resolver *resolver;
	struct cli_authorities *authorities;
	const struct rotate_without *without;
	struct subject **list;
	size_t count, room;
};

struct rotate_look *
rotate_look_new(
    struct cli_resolver *resolver, const struct rotate_without *without)
{
	struct rotate_look *look = xcalloc(1, sizeof(*look));

	look->resolver = resolver;
	look->authorities = cli_authorities_new(resolver);
	look->without = without;
	return look;
}

static void
free_subject(struct subject *s)
{
	for (size_t i = 0; i < s->link_count; i++) {
		for (size_t k = 0; k < CLI_HOSTS_MAX; k++)
			free(s->links[i]->said[k].text);
		free(s->links[i]);
	}
	strbuf_clear(&s->lacking);
	strbuf_clear(&s->silent);
	free(s->octets);
	free(s);
}

void
rotate_look_free(struct rotate_look *look)
{
	if (look == NULL)
		return;
	for (size_t i = 0; i < look->count; i++)
		free_subject(look->list[i]);
	free(look->list);
	cli_authorities_free(look->authorities);
	free(look);
}

/* The number of the link with that name, a new one where need be; LINKS_MAX
 * where there are too many, or it is no name. */
static size_t
add_link(struct subject *s, struct slice name)
{
	struct dns_question question;
	struct link *link;

	if (dns_question_set(&question, DNS_TXT, name) != 0)
		return LINKS_MAX;
	for (size_t i = 0; i < s->link_count; i++)
		if (dns_question_equal(&s->links[i]->question, &question))
			return i;
	if (s->link_count == LINKS_MAX)
		return LINKS_MAX;
	link = xcalloc(1, sizeof(*link));
	link->question = question;
	cli_placed_init(&link->placed, name);
	s->links[s->link_count] = link;
	return s->link_count++;
}

size_t
rotate_look_add(
    struct rotate_look *look, struct slice name, const struct rotate_want *want)
{
	struct subject *s = xcalloc(1, sizeof(*s));

	if (look->count == look->room) {
		look->room = look->room == 0 ? 16 : 2 * look->room;
		look->list =
		    xreallocarray(look->list, look->room, sizeof(*look->list));
	}
	look->list[look->count] = s;
	s->look = look;
	s->want = *want;
	s->octets = xslicedup(want->octets);
	s->want.octets = slice_from(s->octets, want->octets.n);
	strbuf_init(&s->lacking, TEXT_MAX);
	strbuf_init(&s->silent, TEXT_MAX);
	(void)add_link(s, name);
	return look->count++;
}

/* --- is it what is wanted --- */

/* Is that text a record of this key? */
static bool
is_of_key(struct slice text, const struct rotate_want *want,
    struct dkim_record *record)
{
	enum mail_reason ignored;
	struct strbuf octets;
	bool same;

	if (dkim_record_parse(text, record, &ignored) != 0)
		return false;
	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	same = base64_decode(record->key, &octets) >= 0 &&
	    slice_equal(strbuf_slice(&octets), want->octets);
	strbuf_clear(&octets);
	return same;
}

static bool
is_wanted(const struct dns_answer *answer, const struct rotate_want *want)
{
	struct dkim_record record;

	if (want->kind == ROTATE_WANT_FREE || want->kind == ROTATE_WANT_EMPTY)
		return answer->status == DNS_NXDOMAIN;
	if (want->kind == ROTATE_WANT_NO_TXT)
		return answer->status != DNS_OK;
	/* RFC 6376 section 3.6.2.2: of several records a verifier may take any
	 * one. */
	if (want->kind == ROTATE_WANT_RECORD)
		return answer->status == DNS_OK && answer->count == 1 &&
		    is_of_key(answer->records[0].value, want, &record) &&
		    dkim_record_refuses(&record, want->algorithm) ==
		    MAIL_REASON_NONE;
	for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++)
		if (is_of_key(answer->records[i].value, want, &record))
			return false;
	return true;
}

/* --- asking the servers --- */

static bool
is_without(const struct rotate_look *look, const struct cli_host *host)
{
	for (size_t i = 0; i < look->without->count; i++) {
		struct slice left_out = slice_str(look->without->list[i]);

		if (left_out.n > 0 && left_out.p[left_out.n - 1] == '.')
			left_out.n--;
		if (slice_equal_nocase(left_out, slice_str(host->name)))
			return true;
		for (size_t k = 0; k < host->address_count; k++)
			if (slice_equal_nocase(left_out,
				slice_str(look->authorities
					      ->addresses[host->addresses[k]]
					      .text)))
				return true;
	}
	return false;
}

/* The kernel has no way there, for the whole family: this machine has no IPv6,
 * which is no fault of the server's. */
static bool
has_no_route(const struct rotate_look *look, const struct cli_host *host)
{
	for (size_t i = 0; i < host->address_count; i++) {
		int error =
		    look->authorities->addresses[host->addresses[i]].error;

		if (error != ENETUNREACH && error != EADDRNOTAVAIL &&
		    error != EAFNOSUPPORT)
			return false;
	}
	return host->address_count > 0;
}

struct errand {
	struct subject *subject;
	size_t link, host;
};

/* A fixed name that is delegated as a zone of its own has an SOA from the first
 * day on. */
static bool
is_bare_zone(const struct subject *s, const struct link *link,
    const struct dns_answer *answer)
{
	return s->want.kind == ROTATE_WANT_EMPTY &&
	    answer->status == DNS_NODATA &&
	    slice_equal_nocase(slice_str(link->question.name),
		slice_str(
		    s->look->authorities->zones[link->placed.zone]->name));
}

static void
note_result(void *ctx, const struct dns_direct_result *result)
{
	struct errand *e = ctx;
	struct subject *s = e->subject;
	struct link *link = s->links[e->link];
	struct said *said = &link->said[e->host];
	const struct dns_answer *answer = result->answer;
	const struct cli_authority_zone *zone =
	    s->look->authorities->zones[link->placed.zone];

	switch (result->kind) {
	case DNS_DIRECT_ANSWER:
		said->ttl = result->ttl;
		said->kind =
		    is_wanted(answer, &s->want) || is_bare_zone(s, link, answer)
		    ? SAID_RIGHT
		    : SAID_OTHER;
		if (said->kind == SAID_OTHER && answer->status == DNS_OK)
			said->text = xslicedup(answer->records[0].value);
		break;
	case DNS_DIRECT_ALIAS:
		said->ttl = result->ttl;
		said->text = xstrdup(result->target);
		said->target = add_link(s, slice_str(result->target));
		said->kind =
		    said->target == LINKS_MAX ? SAID_OTHER : SAID_ALIAS;
		break;
	case DNS_DIRECT_NOT_ITS:
	case DNS_DIRECT_FAILED:
		said->kind = SAID_UNHEARD;
		said->refuses = true;
		break;
	case DNS_DIRECT_UNREACHABLE:
		said->error = result->error;
		said->kind = has_no_route(s->look, &zone->hosts[e->host])
		    ? SAID_LEFT_OUT
		    : SAID_UNHEARD;
		break;
	}
	free(e);
}

static void
ask_link(struct subject *s, size_t number)
{
	struct cli_authorities *authorities = s->look->authorities;
	struct link *link = s->links[number];
	struct cli_authority_order order = {
	    .zone = link->placed.zone,
	    .question = &link->question,
	    .link = true,
	    .any_address = true,
	};

	if (order.zone == SIZE_MAX)
		return;
	for (; order.host < authorities->zones[order.zone]->host_count;
	     order.host++) {
		struct errand *e;

		if (is_without(s->look,
			&authorities->zones[order.zone]->hosts[order.host])) {
			link->said[order.host].kind = SAID_LEFT_OUT;
			continue;
		}
		e = xcalloc(1, sizeof(*e));
		*e = (struct errand){s, number, order.host};
		cli_authorities_ask(authorities, &order, note_result, e);
	}
}

/* A round: the links that the last one has found. False where there is none. */
static bool
ask_round(struct rotate_look *look)
{
	struct cli_placed **placed =
	    xcalloc(look->count * LINKS_MAX + 1, sizeof(*placed));
	size_t n = 0;

	for (size_t i = 0; i < look->count; i++)
		for (size_t k = look->list[i]->asked;
		     k < look->list[i]->link_count &&
		     !look->list[i]->want.resolver_only;
		     k++)
			placed[n++] = &look->list[i]->links[k]->placed;
	cli_authorities_find(look->authorities, placed, n);
	free(placed);
	for (size_t i = 0; n > 0 && i < look->count; i++) {
		struct subject *s = look->list[i];
		/* Those that are found meanwhile are of the next round. */
		size_t end = s->want.resolver_only ? 0 : s->link_count;

		for (; s->asked < end; s->asked++)
			ask_link(s, s->asked);
	}
	cli_authorities_wait(look->authorities);
	return n > 0;
}

/* --- asking the resolver --- */

static bool
ask_resolver(void *subject, struct dns_question *question)
{
	struct subject *s = subject;

	if (s->resolver_asked || s->link_count == 0)
		return false;
	s->resolver_asked = true;
	*question = s->links[0]->question;
	return true;
}

static void
answer_resolver(void *subject, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct subject *s = subject;

	(void)question;
	s->shown.alias |= answer->alias;
	if (answer->status == DNS_TEMPFAIL)
		s->shown.resolved = ROTATE_RESOLVED_NONE;
	else
		s->shown.resolved = is_wanted(answer, &s->want)
		    ? ROTATE_RESOLVED_RIGHT
		    : ROTATE_RESOLVED_OTHER;
	s->shown.sight.confirmed = s->shown.resolved == ROTATE_RESOLVED_RIGHT;
}

static void
finish_resolver(void *ctx, void *subject)
{
	(void)ctx;
	(void)subject;
}

/* --- what it comes to --- */

static void add_text(struct strbuf *to, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
add_text(struct strbuf *to, const char *fmt, ...)
{
	va_list args;

	if (to->n > 0)
		strbuf_add_str(to, "; ");
	va_start(args, fmt);
	strbuf_addv(to, fmt, args);
	va_end(args);
}

/* What a server gives instead, for people. */
static void
tell_other(struct subject *s, const struct link *link, const char *host,
    const struct said *said)
{
	struct strbuf shown;

	strbuf_init(&shown, TEXT_MAX);
	if (said->text != NULL)
		escape_text(
		    slice_first(slice_str(said->text), SHOWN_MAX), &shown);
	if (said->text == NULL && s->want.kind >= ROTATE_WANT_FREE)
		add_text(&s->lacking,
		    "%s has something else than TXT at %s, or below it", host,
		    link->question.name);
	else if (said->text == NULL)
		add_text(&s->lacking, "%s does not have %s", host,
		    link->question.name);
	else if (s->want.kind == ROTATE_WANT_RECORD)
		add_text(&s->lacking, "%s has something else at %s: %s", host,
		    link->question.name, strbuf_text(&shown));
	else
		add_text(
		    &s->lacking, "%s still has %s", host, link->question.name);
	if (s->shown.other == NULL)
		s->shown.other = said->text == NULL ? "" : said->text;
	strbuf_clear(&shown);
}

static const struct verdict *judge(struct subject *, size_t link);

static void
add_other(struct verdict *verdict, uint32_t ttl)
{
	verdict->others = true;
	if (ttl > verdict->ttl)
		verdict->ttl = ttl;
}

static void
judge_alias(struct subject *s, struct link *link, const struct said *said)
{
	const struct verdict *behind = judge(s, said->target);

	link->verdict.unheard |= behind->unheard;
	if (behind->ttl > link->verdict.ttl)
		link->verdict.ttl = behind->ttl;
	/* Whoever keeps this alias is led there for as long, whatever becomes
	 * of it. */
	if (behind->others)
		add_other(&link->verdict, said->ttl);
}

static void
judge_host(struct subject *s, struct link *link, const struct cli_host *host,
    const struct said *said)
{
	struct strbuf name;

	strbuf_init(&name, TEXT_MAX);
	cli_authorities_print_host(s->look->authorities, host, &name);
	switch (said->kind) {
	case SAID_LEFT_OUT:
		break;
	case SAID_RIGHT:
		/* That nothing is there may be kept as well. */
		if (s->want.kind >= ROTATE_WANT_NO_TXT &&
		    said->ttl > link->verdict.ttl)
			link->verdict.ttl = said->ttl;
		break;
	case SAID_ALIAS:
		s->shown.alias |= link == s->links[0];
		if (s->want.kind == ROTATE_WANT_FREE) {
			add_other(&link->verdict, said->ttl);
			tell_other(s, link, strbuf_text(&name), said);
		} else {
			judge_alias(s, link, said);
		}
		break;
	case SAID_OTHER:
		add_other(&link->verdict, said->ttl);
		tell_other(s, link, strbuf_text(&name), said);
		break;
	case SAID_NOTHING_YET:
	case SAID_UNHEARD:
		link->verdict.unheard = true;
		if (said->refuses)
			add_text(&s->silent, "%s does not serve the zone",
			    strbuf_text(&name));
		else if (host->address_count == 0)
			add_text(&s->silent, "%s has no address",
			    strbuf_text(&name));
		else
			add_text(&s->silent, "%s gives no answer: %s",
			    strbuf_text(&name),
			    proxy_resolving_reason(said->error));
		break;
	}
	strbuf_clear(&name);
}

/* A name server that leads round in a circle gives nothing: what is judged
 * already, or is being judged, adds no more. */
static const struct verdict *
judge(struct subject *s, size_t number)
{
	struct link *link = s->links[number];
	const struct cli_authority_zone *zone;
	size_t left_out = 0;

	if (link->judged)
		return &link->verdict;
	link->judged = true;
	/* Until it is known better, for one who comes round in a circle. */
	link->verdict.others = true;
	if (link->placed.zone == SIZE_MAX) {
		link->verdict = (struct verdict){.unheard = true};
		add_text(&s->silent, "which zone %s is in cannot be found",
		    link->question.name);
		return &link->verdict;
	}
	zone = s->look->authorities->zones[link->placed.zone];
	for (size_t i = 0; i < zone->host_count; i++)
		left_out += link->said[i].kind == SAID_LEFT_OUT;
	if (left_out == zone->host_count) {
		link->verdict = (struct verdict){.unheard = true};
		add_text(&s->silent,
		    "no name server of %s can be asked from here",
		    zone->name[0] == '\0' ? "." : zone->name);
		return &link->verdict;
	}
	link->verdict.others = false;
	for (size_t i = 0; i < zone->host_count; i++)
		judge_host(s, link, &zone->hosts[i], &link->said[i]);
	return &link->verdict;
}

/* As the first server of each zone has it: where they do not agree the key
 * waits in any case. In a circle it is somewhere. */
static const char *
end_of(const struct subject *s)
{
	size_t at = 0;

	for (size_t step = 0; step < LINKS_MAX; step++) {
		const struct link *link = s->links[at];
		size_t host = 0;

		while (
		    host < CLI_HOSTS_MAX && link->said[host].kind != SAID_ALIAS)
			host++;
		if (host == CLI_HOSTS_MAX)
			break;
		at = link->said[host].target;
	}
	return s->links[at]->question.name;
}

static void
judge_subject(struct subject *s)
{
	if (s->link_count > 0 && !s->want.resolver_only) {
		const struct verdict *verdict = judge(s, 0);

		s->shown.end = end_of(s);
		s->shown.sight.others = verdict->others;
		s->shown.sight.ttl = verdict->ttl;
		s->shown.sight.unheard = verdict->unheard;
	}
	s->shown.lacking = strbuf_text(&s->lacking);
	s->shown.silent = strbuf_text(&s->silent);
}

void
rotate_look_run(struct rotate_look *look)
{
	static const struct cli_flow_ops resolvers = {
	    {ask_resolver, answer_resolver}, finish_resolver, 1};
	struct cli_flow *flow;

	while (ask_round(look))
		continue;
	flow = cli_flow_new(look->resolver, &resolvers, NULL);
	for (size_t i = 0; i < look->count; i++)
		cli_flow_add(flow, look->list[i]);
	cli_flow_end(flow);
	for (size_t i = 0; i < look->count; i++)
		judge_subject(look->list[i]);
}

const struct rotate_shown *
rotate_look_at(const struct rotate_look *look, size_t number)
{
	return &look->list[number]->shown;
}
