/*
 * auth/dmarc, auth/orgdomain, auth/dmarc_record: RFC 9989 by cases, from its
 * text and its examples (appendix B). Each with its answers in order, in
 * reverse, and each one timing out in turn.
 */
#include <stdio.h>

#include "auth/dmarc.h"
#include "mail/header.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

struct dmarc_case {
	const char *what;
	const char *zone;
	const char *header; /* fields; without a colon: From's address */
	const char *passed; /* "spf=DOMAIN", "dkim=DOMAIN"; "?spf=": in doubt */
	enum mail_verdict verdict;
	const char *policy, *disposition; /* "": there is none */
	size_t asked; /* questions in all; 0: not looked at */
};

#define PASS	  MAIL_VERDICT_PASS
#define FAIL	  MAIL_VERDICT_FAIL
#define NONE	  MAIL_VERDICT_NONE
#define TEMPERROR MAIL_VERDICT_TEMPERROR
#define PERMERROR MAIL_VERDICT_PERMERROR

#define REJECT \
	"_dmarc.example.com TXT v=DMARC1; p=reject\nexample.com A 192.0.2.1\n"
#define STRICT                                                         \
	"_dmarc.example.com TXT v=DMARC1; p=reject; adkim=s; aspf=s\n" \
	"example.com A 192.0.2.1\n"
#define BANK /* appendix B.4.3 */                                            \
	"_dmarc.bank.example TXT v=DMARC1; p=reject; sp=quarantine; psd=y\n" \
	"_dmarc.giant.bank.example TXT v=DMARC1; p=reject\n"
#define DEEP "a.b.c.d.e.f.g.h.i.j.k.example.com" /* appendix B.4.2 */
#define NP                                                         \
	"_dmarc.example.com TXT v=DMARC1; p=none; sp=quarantine; " \
	"np=reject\nthere.example.com TXT x\nexample.com A 192.0.2.1\n"

static const struct dmarc_case cases[] = {
    /* Does it apply. */
    {"no record anywhere", "", "a@example.com", "spf=example.com", NONE, "", "",
	2},
    {"another TXT record is none", "_dmarc.example.com TXT v=spf1 -all\n",
	"a@example.com", "", NONE, "", "", 2},
    {"v= is case sensitive", "_dmarc.example.com TXT v=dmarc1; p=reject\n",
	"a@example.com", "", NONE, "", "", 0},
    {"v= must be first", "_dmarc.example.com TXT p=reject; v=DMARC1\n",
	"a@example.com", "", NONE, "", "", 0},
    {"v= must be that version", "_dmarc.example.com TXT v=DMARC10; p=none\n",
	"a@example.com", "", NONE, "", "", 0},
    {"white space around the equals sign",
	"_dmarc.example.com TXT v = DMARC1 ; p = reject ;\n", "a@example.com",
	"", FAIL, "reject", "reject", 0},
    {"two records are none",
	"_dmarc.example.com TXT v=DMARC1; p=reject\n"
	"_dmarc.example.com TXT v=DMARC1; p=none\n",
	"a@example.com", "", NONE, "", "", 0},
    {"a DMARC record beside another TXT record",
	"_dmarc.example.com TXT hello\n"
	"_dmarc.example.com TXT v=DMARC1; p=quarantine\n",
	"a@example.com", "", FAIL, "quarantine", "quarantine", 0},
    {"two at the subdomain: the organization's holds",
	REJECT "_dmarc.a.example.com TXT v=DMARC1; p=none\n"
	       "_dmarc.a.example.com TXT v=DMARC1; p=none\n",
	"x@a.example.com", "", FAIL, "reject", "reject", 3},
    {"a record without p= is p=none", "_dmarc.example.com TXT v=DMARC1\n",
	"a@example.com", "", FAIL, "none", "none", 0},
    {"p= in capitals", "_dmarc.example.com TXT v=DMARC1; P=REJECT\n",
	"a@example.com", "", FAIL, "reject", "reject", 0},
    {"the first of two p= counts",
	"_dmarc.example.com TXT v=DMARC1; p=reject; p=none\n", "a@example.com",
	"", FAIL, "reject", "reject", 0},
    {"a bad p= with rua= is p=none",
	"_dmarc.example.com TXT v=DMARC1; p=bad; rua=mailto:x@example.com\n",
	"a@example.com", "", FAIL, "none", "none", 0},
    {"a bad p= without rua= is no record that can be used",
	"_dmarc.example.com TXT v=DMARC1; p=bad\n", "a@example.com",
	"spf=example.com", PERMERROR, "", "", 0},
    {"a bad sp= with rua= makes all of it none",
	"_dmarc.example.com TXT v=DMARC1; p=reject; sp=bad; "
	"rua=bad,mailto:x@example.com!10m\n",
	"a@example.com", "", FAIL, "none", "none", 0},
    {"a bad np= and a bad rua=",
	"_dmarc.example.com TXT v=DMARC1; p=reject; np=bad; rua=nowhere\n",
	"a@example.com", "", PERMERROR, "", "", 0},
    {"unknown tags and pct, rf, ri are ignored",
	"_dmarc.example.com TXT v=DMARC1; x=y; pct=0; rf=afrf; ri=1; "
	"p=reject; ; =; foo\n",
	"a@example.com", "", FAIL, "reject", "reject", 0},
    {"From in U-labels",
	"_dmarc.xn--bcher-kva.example TXT v=DMARC1; p=reject\n",
	"a@b\xc3\xbc"
	"cher.example",
	"dkim=xn--bcher-kva.example", PASS, "reject", "none", 0},
    {"a signature in U-labels",
	"_dmarc.xn--bcher-kva.example TXT v=DMARC1; p=reject\n",
	"a@xn--bcher-kva.example",
	"dkim=b\xc3\xbc"
	"cher.example",
	PASS, "reject", "none", 0},
    {"a top-level domain as author", "_dmarc.com TXT v=DMARC1; p=reject\n",
	"a@com", "spf=com", PASS, "reject", "none", 1},

    /* Alignment: appendix B.1. */
    {"B.1.1 example 1: SPF, strict", STRICT, "sender@example.com",
	"spf=example.com", PASS, "reject", "none", 2},
    {"B.1.1 example 2: SPF, relaxed", REJECT, "sender@example.com",
	"spf=child.example.com", PASS, "reject", "none", 3},
    {"B.1.1 example 2 under strict", STRICT, "sender@example.com",
	"spf=child.example.com", FAIL, "reject", "reject", 2},
    {"B.1.1 example 3: no SPF alignment", REJECT, "sender@child.example.com",
	"spf=example.net", FAIL, "reject", "reject", 3},
    {"B.1.2 example 1: DKIM, strict", STRICT, "sender@example.com",
	"dkim=example.com", PASS, "reject", "none", 2},
    {"B.1.2 example 2: DKIM, relaxed", REJECT, "sender@child.example.com",
	"dkim=example.com", PASS, "reject", "none", 3},
    {"B.1.2 example 2 under strict", STRICT, "sender@child.example.com",
	"dkim=example.com", FAIL, "reject", "reject", 3},
    {"B.1.2 example 3: no DKIM alignment", REJECT, "sender@child.example.com",
	"dkim=example.net", FAIL, "reject", "reject", 3},
    {"siblings are aligned", REJECT, "sender@a.example.com",
	"dkim=b.example.com", PASS, "reject", "none", 4},
    {"case does not matter", REJECT, "sender@EXAMPLE.com", "dkim=Example.COM",
	PASS, "reject", "none", 2},
    {"a suffix is no parent", REJECT, "sender@example.com",
	"dkim=badexample.com", FAIL, "reject", "reject", 2},
    {"adkim=s leaves SPF relaxed",
	"_dmarc.example.com TXT v=DMARC1; p=reject; adkim=s\n", "a@example.com",
	"dkim=b.example.com spf=b.example.com", PASS, "reject", "none", 3},
    {"aspf=s leaves DKIM relaxed",
	"_dmarc.example.com TXT v=DMARC1; p=reject; aspf=s\n", "a@example.com",
	"dkim=b.example.com", PASS, "reject", "none", 3},
    {"aspf=s", "_dmarc.example.com TXT v=DMARC1; p=reject; aspf=s\n",
	"a@example.com", "spf=b.example.com", FAIL, "reject", "reject", 2},
    {"a bad adkim= is r",
	"_dmarc.example.com TXT v=DMARC1; p=reject; adkim=x\n", "a@example.com",
	"dkim=b.example.com", PASS, "reject", "none", 0},
    {"one of many signatures is enough", REJECT, "a@example.com",
	"dkim=a.example dkim=b.example dkim=example.com", PASS, "reject",
	"none", 2},
    {"identifiers that cannot align are not walked for", REJECT,
	"a@example.com",
	"spf=a.b.c.example.net dkim=x.y.z.example.org dkim=w.com", FAIL,
	"reject", "reject", 2},
    {"nothing passed", REJECT, "a@example.com", "", FAIL, "reject", "reject",
	2},

    /* Whose policy: p=, sp=, np=. */
    {"a subdomain with its own record",
	REJECT "_dmarc.a.example.com TXT v=DMARC1; p=none; sp=reject\n",
	"x@a.example.com", "", FAIL, "none", "none", 0},
    {"a subdomain without one: p= where there is no sp=",
	REJECT "a.example.com A 192.0.2.1\n", "x@a.example.com", "", FAIL,
	"reject", "reject", 0},
    {"a subdomain: sp=", "_dmarc.example.com TXT v=DMARC1; p=reject; sp=none\n",
	"x@a.example.com", "", FAIL, "none", "none", 3},
    {"sp= is not for the domain itself",
	"_dmarc.example.com TXT v=DMARC1; p=reject; sp=none\n", "x@example.com",
	"", FAIL, "reject", "reject", 2},
    {"np= for a name that is not there", NP, "x@gone.example.com", "", FAIL,
	"reject", "reject", 4},
    {"sp= for one that is", NP, "x@there.example.com", "", FAIL, "quarantine",
	"quarantine", 4},
    {"sp= for a CNAME to nowhere, which is there",
	NP "alias.example.com CNAME gone.example.net\n", "x@alias.example.com",
	"", FAIL, "quarantine", "quarantine", 4},
    {"np= is not for the domain itself", NP, "x@example.com", "", FAIL, "none",
	"none", 2},
    {"np= alone, a name that is there",
	"_dmarc.example.com TXT v=DMARC1; p=none; np=reject\n"
	"there.example.com TXT x\n",
	"x@there.example.com", "", FAIL, "none", "none", 0},
    {"np= alone, a name that is not",
	"_dmarc.example.com TXT v=DMARC1; p=none; np=reject\n",
	"x@gone.example.com", "", FAIL, "reject", "reject", 0},
    {"np= does not ask for what has its own record",
	NP "_dmarc.a.example.com TXT v=DMARC1; p=none\n", "x@a.example.com", "",
	FAIL, "none", "none", 3},
    {"the record between author and organization is not asked",
	REJECT "_dmarc.b.example.com TXT v=DMARC1; p=none\n",
	"x@a.b.example.com", "", FAIL, "reject", "reject", 4},

    /* t=. */
    {"t=y: reject becomes quarantine",
	"_dmarc.example.com TXT v=DMARC1; p=reject; t=y\n", "a@example.com", "",
	FAIL, "reject", "quarantine", 0},
    {"t=y: quarantine becomes none",
	"_dmarc.example.com TXT v=DMARC1; p=quarantine; t=y\n", "a@example.com",
	"", FAIL, "quarantine", "none", 0},
    {"t=y: none stays none", "_dmarc.example.com TXT v=DMARC1; p=none; t=y\n",
	"a@example.com", "", FAIL, "none", "none", 0},
    {"t=n", "_dmarc.example.com TXT v=DMARC1; p=reject; t=n\n", "a@example.com",
	"", FAIL, "reject", "reject", 0},
    {"t=y does not touch a pass",
	"_dmarc.example.com TXT v=DMARC1; p=reject; t=y\n", "a@example.com",
	"spf=example.com", PASS, "reject", "none", 0},

    /* The walk: section 4.10, appendix B.4. */
    {"B.4.1: simple",
	REJECT "_dmarc.signing.example.com TXT v=DMARC1; p=none\n",
	"a@example.com", "dkim=signing.example.com", PASS, "reject", "none", 3},
    {"B.4.2: deep, eight questions for the author", REJECT, "a@" DEEP, "", FAIL,
	"reject", "reject", 8},
    {"B.4.2: deep, DKIM aligned",
	REJECT "_dmarc.signing.example.com TXT v=DMARC1; p=none\n", "a@" DEEP,
	"spf=example.com dkim=signing.example.com", PASS, "reject", "none", 9},
    {"a deep name that the walk leaps over",
	"_dmarc.f.g.h.i.j.k.example.com TXT v=DMARC1; p=reject\n", "a@" DEEP,
	"", NONE, "", "", 8},
    {"eight labels: every one is asked",
	"_dmarc.b.c.d.e.f.example.com TXT v=DMARC1; p=reject\n",
	"x@a.b.c.d.e.f.example.com", "", FAIL, "reject", "reject", 8},
    {"nine labels: the second is leapt over",
	"_dmarc.z.a.b.c.d.e.example.com TXT v=DMARC1; p=reject\n",
	"x@y.z.a.b.c.d.e.example.com", "", NONE, "", "", 8},
    {"B.4.3: psd=y, SPF aligned", BANK, "a@giant.bank.example",
	"spf=mail.giant.bank.example dkim=mail.mega.bank.example", PASS,
	"reject", "none", 4},
    {"B.4.3: psd=y, DKIM of another bank", BANK, "a@giant.bank.example",
	"dkim=mail.mega.bank.example", FAIL, "reject", "reject", 3},
    {"a public suffix's policy for an organization without one", BANK,
	"a@mega.bank.example", "dkim=giant.bank.example", FAIL, "quarantine",
	"quarantine", 3},
    {"psd=y: the organization is one label below", BANK,
	"a@x.mega.bank.example", "dkim=y.mega.bank.example", PASS, "quarantine",
	"none", 5},
    {"mail of the public suffix itself", BANK, "a@bank.example",
	"dkim=bank.example", PASS, "reject", "none", 2},
    {"the public suffix does not speak for a bank", BANK,
	"a@giant.bank.example", "dkim=bank.example", FAIL, "reject", "reject",
	3},
    {"psd=n ends the walk",
	REJECT "_dmarc.mail.example.com TXT v=DMARC1; p=none; psd=n\n",
	"a@a.mail.example.com", "dkim=example.com", FAIL, "none", "none", 0},
    {"psd=n: within it all is aligned",
	REJECT "_dmarc.mail.example.com TXT v=DMARC1; p=none; psd=n\n",
	"a@a.mail.example.com", "dkim=b.mail.example.com", PASS, "none", "none",
	0},
    {"psd=n at the signature's domain sets it apart",
	REJECT "_dmarc.mail.example.com TXT v=DMARC1; p=none; psd=n\n",
	"a@example.com", "dkim=mail.example.com", FAIL, "reject", "reject", 0},
    {"4.10.2: the fewest labels win",
	"_dmarc.mail.example.com TXT v=DMARC1; p=none\n"
	"_dmarc.example.com TXT v=DMARC1; p=reject\n",
	"x@a.mail.example.com", "", FAIL, "reject", "reject", 4},
    {"4.10.2: psd=y at com", "_dmarc.com TXT v=DMARC1; p=reject; psd=y\n",
	"x@a.mail.example.com", "dkim=b.example.com", PASS, "reject", "none",
	0},
    {"11.8: an attacker below the organization",
	"_dmarc.mail.example.com TXT v=DMARC1; p=reject\n"
	"_dmarc.example.com TXT v=DMARC1; p=reject\n",
	"x@evil.example.com", "dkim=mail.example.com", PASS, "reject", "none",
	0},
    {"11.8: psd=n is the cure",
	"_dmarc.mail.example.com TXT v=DMARC1; p=reject; psd=n\n"
	"_dmarc.example.com TXT v=DMARC1; p=reject\n",
	"x@evil.example.com", "dkim=mail.example.com", FAIL, "reject", "reject",
	0},
    {"psd=u is as if it were not there",
	"_dmarc.mail.example.com TXT v=DMARC1; p=none; psd=u\n"
	"_dmarc.example.com TXT v=DMARC1; p=reject\n",
	"x@a.mail.example.com", "dkim=example.com", PASS, "reject", "none", 0},

    /* Errors of the DNS. */
    {"the author's record does not answer", "_dmarc.example.com TXT timeout\n",
	"a@example.com", "spf=example.com", TEMPERROR, "", "", 0},
    {"the organization's does not", "_dmarc.example.com TXT timeout\n",
	"a@a.example.com", "", TEMPERROR, "", "", 0},
    {"a parent that does not answer matters not to the same domain",
	REJECT "_dmarc.com TXT timeout\n", "a@example.com", "spf=example.com",
	PASS, "reject", "none", 0},
    {"but to another", REJECT "_dmarc.com TXT timeout\n", "a@example.com",
	"spf=b.example.com", TEMPERROR, "reject", "none", 0},
    {"nor to one of another top-level domain",
	REJECT "_dmarc.com TXT timeout\n", "a@example.com", "spf=example.net",
	FAIL, "reject", "reject", 0},
    {"behind psd=n nothing matters",
	"_dmarc.example.com TXT v=DMARC1; p=reject; psd=n\n"
	"_dmarc.com TXT timeout\n",
	"a@example.com", "spf=b.example.com", PASS, "reject", "none", 0},
    {"an identifier's walk fails", REJECT "_dmarc.b.example.com TXT timeout\n",
	"a@example.com", "spf=b.example.com", TEMPERROR, "reject", "none", 0},
    {"does the name exist: no answer",
	"_dmarc.example.com TXT v=DMARC1; p=none; np=reject\n"
	"a.example.com A timeout\n",
	"x@a.example.com", "", TEMPERROR, "", "", 0},
    {"SPF in doubt for the same domain", REJECT, "a@example.com",
	"?spf=example.com", TEMPERROR, "reject", "none", 0},
    {"DKIM in doubt within the organization", REJECT, "a@example.com",
	"?dkim=b.example.com", TEMPERROR, "reject", "none", 2},
    {"a doubt about another's does not matter", REJECT, "a@example.com",
	"?dkim=example.net", FAIL, "reject", "reject", 2},
    {"a doubt beside a pass does not matter", REJECT, "a@example.com",
	"?spf=example.com dkim=example.com", PASS, "reject", "none", 2},
    {"a doubt under strict alignment", STRICT, "a@example.com",
	"?spf=b.example.com", FAIL, "reject", "reject", 2},

    /* From. */
    {"no From", REJECT, "To: a@example.com\r\n", "spf=example.com", PERMERROR,
	"", "", 0},
    {"From without an address", REJECT, "From: x:;\r\n", "", PERMERROR, "", "",
	0},
    {"From that cannot be read", REJECT, "From: <a@example.com\r\n",
	"spf=example.com", PERMERROR, "", "", 0},
    {"From with an address literal", REJECT, "From: a@[192.0.2.1]\r\n", "",
	PERMERROR, "", "", 0},
    {"two addresses of one domain", REJECT,
	"From: a@example.com, b@example.com\r\n", "dkim=example.com", PASS,
	"reject", "none", 2},
    {"two domains, one of which passes", REJECT,
	"From: a@example.net, b@example.com\r\n", "dkim=example.net", FAIL,
	"reject", "reject", 0},
    {"two domains, both pass",
	REJECT "_dmarc.example.net TXT v=DMARC1; p=none\n",
	"From: a@example.net, b@example.com\r\n",
	"dkim=example.net spf=example.com", PASS, "", "", 0},
    {"two domains fail: the strictest policy",
	REJECT "_dmarc.example.net TXT v=DMARC1; p=quarantine\n",
	"From: a@example.net, b@example.com\r\n", "", FAIL, "reject", "reject",
	0},
    {"two From fields of one domain never pass", REJECT,
	"From: ceo@example.com\r\nFrom: news@example.com\r\n",
	"dkim=example.com spf=example.com", PERMERROR, "", "", 0},
    {"nor do two of the same address", REJECT,
	"From: a@example.com\r\nFrom: a@example.com\r\n", "dkim=example.com",
	PERMERROR, "", "", 0},
    {"nor do those of two domains that both pass",
	REJECT "_dmarc.example.net TXT v=DMARC1; p=none\n",
	"From: a@example.net\r\nFrom: b@example.com\r\n",
	"dkim=example.net dkim=example.com", PERMERROR, "", "", 0},
    {"two From fields of one domain that fails", REJECT,
	"From: ceo@example.com\r\nFrom: news@example.com\r\n", "", FAIL,
	"reject", "reject", 0},
    {"two From fields, one of which fails", REJECT,
	"From: a@example.net\r\nFrom: b@example.com\r\n", "dkim=example.net",
	FAIL, "reject", "reject", 0},
    {"a second From that cannot be read", REJECT,
	"From: a@example.com\r\nFrom: <b\r\n", "dkim=example.com", PERMERROR,
	"", "", 0},
    {"more than four domains", REJECT,
	"From: a@example.com, a@b.example, a@c.example, a@d.example, "
	"a@e.example\r\n",
	"dkim=example.com", PERMERROR, "", "", 0},
    {"more than four, one of which fails", REJECT,
	"From: a@example.com, a@b.example, a@c.example, a@d.example, "
	"a@e.example\r\n",
	"", FAIL, "reject", "reject", 0},
};

static bool
ask(void *dmarc, struct dns_question *question)
{
	return auth_dmarc_ask(dmarc, question);
}

static void
answer(void *dmarc, const struct dns_question *question,
    const struct dns_answer *given)
{
	auth_dmarc_answer(dmarc, question, given);
}

static const struct zone_subject subject = {ask, answer};

static struct mail_header *
make_header(const char *text)
{
	char fields[400];

	if (strchr(text, ':') != NULL)
		snprintf(fields, sizeof(fields), "%s\r\n", text);
	else
		snprintf(fields, sizeof(fields), "From: %s\r\n\r\n", text);
	return mail_header_parse(slice_str(fields), 1 << 20);
}

static void
tell(struct auth_dmarc *dmarc, const char *passed)
{
	struct slice word, rest = slice_str(passed);

	while (rest.n > 0 && slice_cut(&rest, ' ', &word)) {
		bool doubt = word.p[0] == '?';
		enum auth_dmarc_kind kind =
		    word.p[doubt] == 's' ? AUTH_DMARC_SPF : AUTH_DMARC_DKIM;

		auth_dmarc_identifier(dmarc, kind, !doubt,
		    slice_after(word, slice_find(word, '=') + 1));
	}
	auth_dmarc_end(dmarc);
}

static void
check_policy(const struct dmarc_case *c, struct auth_dmarc_finding finding)
{
	if (c->policy[0] != '\0') {
		assert_non_null(finding.policy);
		assert_string_equal(finding.policy, c->policy);
		assert_string_equal(finding.disposition, c->disposition);
	}
	if (c->verdict == MAIL_VERDICT_PASS) {
		assert_true(finding.dkim_aligned || finding.spf_aligned);
	} else {
		assert_true(finding.reason[0] != '\0');
	}
}

/* A time-out may only make a result a temporary error. */
static void
check_once(struct zone *zone, size_t timeout, void *arg)
{
	const struct dmarc_case *c = arg;
	struct mail_header *header = make_header(c->header);
	struct auth_dmarc *dmarc = auth_dmarc_new(header);
	struct auth_dmarc_finding finding;
	size_t asked;

	mail_header_free(header);
	tell(dmarc, c->passed);
	asked = zone_run(zone, &subject, dmarc);
	assert_true(auth_dmarc_done(dmarc));
	finding = auth_dmarc_finding(dmarc);
	if (finding.verdict != c->verdict &&
	    (timeout == ZONE_NO_TIMEOUT || finding.verdict != TEMPERROR)) {
		print_error("%s: %s (%s), time-out at %zd\n", c->what,
		    mail_verdict_word(finding.verdict), finding.reason,
		    (ssize_t)timeout);
		fail();
	}
	if (timeout == ZONE_NO_TIMEOUT) {
		check_policy(c, finding);
		if (c->asked > 0 && asked != c->asked)
			print_error("%s:\n", c->what);
		if (c->asked > 0)
			assert_int_equal(asked, c->asked);
	}
	auth_dmarc_free(dmarc);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zone *zone = zone_new(cases[i].zone);
		struct dmarc_case c = cases[i];

		zone_every_way(zone, check_once, &c);
		zone_free(zone);
	}
}

/* Passing identifiers deep below the author's organization: the most
 * questions one author domain can make. */
static void
test_the_most_questions_are_bounded(void **state)
{
	struct zone *zone = zone_new(REJECT);
	struct mail_header *header = make_header("a@" DEEP);
	struct auth_dmarc *dmarc = auth_dmarc_new(header);

	(void)state;
	mail_header_free(header);
	for (int i = 0; i < 20; i++) {
		char domain[100];

		snprintf(domain, sizeof(domain),
		    "x.s%d.t%d.u%d.v%d.w%d.example.com", i, i, i, i, i);
		auth_dmarc_identifier(
		    dmarc, AUTH_DMARC_DKIM, true, slice_str(domain));
	}
	auth_dmarc_end(dmarc);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	assert_in_range(
	    zone_run(zone, &subject, dmarc), 8 + 11, AUTH_ORGDOMAIN_NAMES_MAX);
	assert_true(auth_dmarc_done(dmarc));
	assert_int_equal(auth_dmarc_finding(dmarc).verdict, PASS);
	auth_dmarc_free(dmarc);
	zone_free(zone);
}

/* A list's signatures do not push the author's out, alike or different. */
static void
test_no_signature_hides_another(void **state)
{
	struct zone *zone = zone_new(REJECT);

	(void)state;
	for (int different = 0; different < 2; different++) {
		struct mail_header *header = make_header("a@example.com");
		struct auth_dmarc *dmarc = auth_dmarc_new(header);
		int count = different ? DKIM_VERIFIER_SIGNATURES_MOST - 1 : 200;

		mail_header_free(header);
		auth_dmarc_identifier(
		    dmarc, AUTH_DMARC_SPF, true, SLICE("list.example"));
		for (int i = 0; i < count; i++) {
			char domain[50];

			snprintf(domain, sizeof(domain), "l%d.example",
			    different ? i : 0);
			auth_dmarc_identifier(
			    dmarc, AUTH_DMARC_DKIM, true, slice_str(domain));
		}
		tell(dmarc, "dkim=example.com");
		zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
		assert_int_equal(zone_run(zone, &subject, dmarc), 2);
		assert_int_equal(auth_dmarc_finding(dmarc).verdict, PASS);
		auth_dmarc_free(dmarc);
	}
	zone_free(zone);
}

/* The same domain of another kind, or in doubt, is another identifier. */
static void
test_equal_domains_of_another_kind_are_kept(void **state)
{
	struct zone *zone = zone_new(REJECT);
	struct mail_header *header = make_header("a@example.com");
	struct auth_dmarc *dmarc = auth_dmarc_new(header);

	(void)state;
	mail_header_free(header);
	tell(dmarc, "?dkim=example.com dkim=example.com spf=example.com");
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	(void)zone_run(zone, &subject, dmarc);
	assert_int_equal(auth_dmarc_finding(dmarc).verdict, PASS);
	assert_true(auth_dmarc_finding(dmarc).dkim_aligned);
	assert_true(auth_dmarc_finding(dmarc).spf_aligned);
	auth_dmarc_free(dmarc);
	zone_free(zone);
}

/* What both passed: the aggregate report wants to know. */
static void
test_both_alignments_are_told(void **state)
{
	struct zone *zone = zone_new(REJECT);
	struct mail_header *header = make_header("a@example.com");
	struct auth_dmarc *dmarc = auth_dmarc_new(header);
	struct auth_dmarc_finding finding;

	(void)state;
	mail_header_free(header);
	tell(dmarc, "spf=example.com dkim=b.example.com");
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	(void)zone_run(zone, &subject, dmarc);
	finding = auth_dmarc_finding(dmarc);
	assert_true(finding.spf_aligned);
	assert_true(finding.dkim_aligned);
	assert_slice_equal(finding.record_name, SLICE("example.com"));
	assert_slice_equal(finding.record, SLICE("v=DMARC1; p=reject"));
	assert_slice_equal(finding.domain, SLICE("example.com"));
	auth_dmarc_free(dmarc);
	zone_free(zone);
}

/* Answers for nobody, answers before the questions, an end that never
 * comes: nothing is decided. */
static void
test_it_waits_for_the_end(void **state)
{
	struct zone *zone = zone_new(REJECT);
	struct mail_header *header = make_header("a@example.com");
	struct auth_dmarc *dmarc = auth_dmarc_new(header);
	struct dns_question question;
	struct dns_answer nothing = {.status = DNS_NXDOMAIN};

	(void)state;
	mail_header_free(header);
	assert_int_equal(
	    dns_question_set(&question, DNS_TXT, SLICE("_dmarc.example.com")),
	    0);
	auth_dmarc_answer(dmarc, &question, &nothing);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	assert_int_equal(zone_run(zone, &subject, dmarc), 2);
	assert_false(auth_dmarc_done(dmarc));
	auth_dmarc_end(dmarc);
	assert_true(auth_dmarc_done(dmarc));
	assert_int_equal(auth_dmarc_finding(dmarc).verdict, FAIL);
	auth_dmarc_free(dmarc);
	zone_free(zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_the_most_questions_are_bounded),
	    cmocka_unit_test(test_no_signature_hides_another),
	    cmocka_unit_test(test_equal_domains_of_another_kind_are_kept),
	    cmocka_unit_test(test_both_alignments_are_told),
	    cmocka_unit_test(test_it_waits_for_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
