/* Which rule signs, with what: maps, domains, macros, and why not. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dkim/signing_set.h"
#include "mail/header.h"
#include "proxy/message/sign_rule.h"
#include "proxy/settings/config.h"
#include "proxy/settings/sign_map.h"
#include "t/lib/unit.h"

#define BASE "[out]\nselector = s\nkeyfile = /keys/$domain/$selector.pem\n"

/* A configuration, with maps where their text is given. */
static struct proxy_config *
configure(const char *text, const char *sender_map, const char *listid_map)
{
	char paths[2][32] = {
	    "/tmp/signpost-map-XXXXXX", "/tmp/signpost-map-XXXXXX"};
	const char *maps[2] = {sender_map, listid_map};
	const char *names[2] = {"sender_map", "listid_map"};
	struct proxy_report report;
	struct proxy_config *config;
	struct strbuf all;
	int i, fd;

	strbuf_init(&all, 65536);
	strbuf_add_str(&all, text);
	for (i = 0; i < 2; i++) {
		if (maps[i] == NULL)
			continue;
		fd = mkstemp(paths[i]);
		assert_true(fd >= 0);
		assert_true(write(fd, maps[i], strlen(maps[i])) ==
		    (ssize_t)strlen(maps[i]));
		close(fd);
		strbuf_addf(&all, "%s = %s\n", names[i], paths[i]);
	}
	proxy_report_init(&report);
	config = proxy_config_parse("conf", strbuf_slice(&all), &report);
	if (config == NULL)
		fail_msg("%s", strbuf_text(&report.errors));
	for (i = 0; i < 2; i++)
		if (maps[i] != NULL)
			unlink(paths[i]);
	proxy_report_clear(&report);
	strbuf_clear(&all);
	return config;
}

/* "rule type:d:s[:i] ...; left out" or "- reason". */
static void
describe(
    const struct proxy_config *config, const char *header, struct strbuf *out)
{
	struct proxy_sign_choice choice;
	struct mail_header *parsed =
	    mail_header_parse(slice_str(header), 65536);
	const struct proxy_signing *s;
	size_t i;

	assert_non_null(parsed);
	proxy_sign_choice_init(&choice);
	proxy_sign_rule_choose(config, parsed, &choice);
	if (choice.status == PROXY_SIGN_UNSIGNABLE)
		strbuf_add_str(out, "unsignable ");
	if (choice.status == PROXY_SIGN)
		strbuf_add(out, strbuf_slice(&choice.rule));
	if (choice.status == PROXY_SIGN && choice.reason.n > 0)
		strbuf_add_char(out, ' ');
	strbuf_add(out, strbuf_slice(&choice.reason));
	if (choice.reason.n > 0)
		assert_true(slice_starts_nocase(strbuf_slice(&choice.reason),
		    slice_str(proxy_sign_unsigned_word(choice.why))));
	if (choice.from_fault.n > 0)
		strbuf_addf(out, " (%s)", strbuf_text(&choice.from_fault));
	for (i = 0; i < choice.count; i++) {
		s = &choice.list[i];
		strbuf_addf(out, " %s:", s->kind->name);
		strbuf_add(out, s->domain);
		strbuf_add_char(out, ':');
		strbuf_add(out, s->selector);
		if (s->identity.n > 0)
			strbuf_add_char(out, ':');
		strbuf_add(out, s->identity);
	}
	if (choice.left_out.n > 0 && choice.count > 0)
		strbuf_addf(out, " -%s", strbuf_text(&choice.left_out));
	proxy_sign_choice_clear(&choice);
	mail_header_free(parsed);
}

static void
expect(const struct proxy_config *config, const char *header, const char *want)
{
	struct strbuf got;

	strbuf_init(&got, 65536);
	describe(config, header, &got);
	if (!slice_equal(strbuf_slice(&got), slice_str(want)))
		fail_msg(
		    "%s got:  %s\nwant: %s", header, strbuf_text(&got), want);
	strbuf_clear(&got);
}

#define FROM(a) "From: " a "\r\n"

static void
test_a_domain_signs_its_own_mail(void **state)
{
	struct proxy_config *c = configure(BASE
	    "domain = example.org, example.com, m\xc3\xbcller.example\n",
	    NULL, NULL);

	(void)state;
	expect(
	    c, FROM("a@example.org"), "domain:example.org dkim:example.org:s");
	expect(c, FROM("A Man <A@EXAMPLE.com>"),
	    "domain:example.com dkim:example.com:s");
	expect(c, FROM("a@deep.below.example.org"),
	    "domain:example.org dkim:example.org:s");
	expect(c, FROM("a@M\xc3\x9cLLER.example"),
	    "domain:xn--mller-kva.example dkim:xn--mller-kva.example:s");
	expect(c, FROM("a@xn--mller-kva.example"),
	    "domain:xn--mller-kva.example dkim:xn--mller-kva.example:s");
	expect(c, FROM("a@example.net"), "no-key-for-domain:example.net");
	expect(c, FROM("a@notexample.org"), "no-key-for-domain:notexample.org");
	expect(c, FROM("a@org"), "no-key-for-domain:org");
	expect(c, FROM("a@example.net, b@example.org"),
	    "no-key-for-domain:example.net");
	/* The author's domain, not the sender's. */
	expect(c, "Sender: x@example.net\r\n" FROM("a@example.org"),
	    "domain:example.org dkim:example.org:s");
	proxy_config_free(c);
}

/* Grammar or not: where whatever looks like an address is of one domain, that
 * domain wrote it; where two could be read, nobody did. */
static void
test_a_broken_from_of_one_domain_is_that_domains(void **state)
{
	static const char *const ours[] = {"a@example.org <a@example.org>",
	    "sales@example.org via Shop <a@example.org>",
	    "[Ticket 1] Acme <a@example.org>", "Acme; Support <a@example.org>",
	    "a@example.org b@example.org", "a@EXAMPLE.org <a@example.org>",
	    "<a@example.org> Acme", "Acme <a@example.org",
	    "Acme a@example.org>", "a@ example.org <a@example.org>",
	    "<a@example.org>>", "a@example.org, b@example.org;",
	    "undisclosed <x> <a@example.org>", "a@example.org (comment",
	    "\"A\" <a@example.org>."};
	static const char *const nobodys[] = {"a@example.org <b@evil.example>",
	    "b@evil.example <a@example.org>",
	    "a@example.org <b@sub.example.org>",
	    "a@example.org <b@example.org.evil.example>",
	    "a@example.org <b@example.orga>",
	    "[x] b@evil.example, a@example.org",
	    "\"b@evil.example\" <a@example.org> x",
	    "[x] (b@evil) <a@example.org>", "a@example.org b@",
	    "a@example.org @", "x <>", "[x] <example.org>",
	    "@example.org <@example.org>", "[a]@example.org <a@[127.0.0.1]>",
	    "a@example.org <b@example.org\xc3\xbc>"};
	struct proxy_config *c =
	    configure(BASE "domain = example.org\n", NULL, NULL);
	struct strbuf text, got;

	(void)state;
	strbuf_init(&text, 1000);
	strbuf_init(&got, 65536);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		strbuf_reset(&text);
		strbuf_reset(&got);
		strbuf_addf(&text, "From: %s\r\n", ours[i]);
		describe(c, strbuf_text(&text), &got);
		if (slice_search(strbuf_slice(&got),
			SLICE("domain:example.org (")) != 0 ||
		    slice_search(strbuf_slice(&got),
			SLICE(" dkim:example.org:s")) == got.n)
			fail_msg("%s: %s", ours[i], strbuf_text(&got));
	}
	for (size_t i = 0; i < sizeof(nobodys) / sizeof(nobodys[0]); i++) {
		strbuf_reset(&text);
		strbuf_addf(&text, "From: %s\r\n", nobodys[i]);
		expect(c, strbuf_text(&text), "unsignable bad-from");
	}
	strbuf_clear(&text);
	strbuf_clear(&got);
	proxy_config_free(c);
}

/* Of two local parts none is relied upon. */
static void
test_a_broken_from_names_an_address_where_it_names_but_one(void **state)
{
	struct proxy_config *c = configure(BASE "domain = example.org\n"
						"signature = dkim(i=$sender)\n",
	    "a@example.org dkim(s=own)\n", NULL);

	(void)state;
	expect(c, FROM("a@example.org <a@example.org>"),
	    "sender_map:a@example.org (unexpected-character-in-address-list) "
	    "dkim:example.org:own");
	expect(c, FROM("b@example.org <a@example.org>"),
	    "domain:example.org (unexpected-character-in-address-list) "
	    "dkim:example.org:s:@example.org");
	proxy_config_free(c);
}

static void
test_what_has_no_author_is_unsignable(void **state)
{
	struct proxy_config *c =
	    configure(BASE "domain = example.org\n", NULL, NULL);

	(void)state;
	expect(c, "To: a@example.org\r\n", "unsignable no-from");
	expect(c, FROM("a@example.org") FROM("b@example.org"),
	    "unsignable two-from-fields");
	expect(c, FROM("<<>>"), "unsignable bad-from");
	expect(c, FROM(""), "unsignable bad-from");
	expect(c, FROM("nobody:;"), "unsignable bad-from");
	proxy_config_free(c);
}

static void
test_what_a_stranger_wrote_is_kept_as_it_came(void **state)
{
	struct proxy_config *c =
	    configure(BASE "domain = example.org\n", NULL, NULL);

	(void)state;
	expect(c, FROM("a@[x\"y]"), "no-key-for-domain:[x\"y]");
	proxy_config_free(c);
}

static void
test_sender_header_is_dkimproxys_choice(void **state)
{
	struct proxy_config *c = configure(
	    BASE "domain = example.org\nsender_header = sender\n", NULL, NULL);

	(void)state;
	expect(c, "Sender: x@example.org\r\n" FROM("a@example.net"),
	    "domain:example.org dkim:example.org:s");
	expect(
	    c, FROM("a@example.org"), "domain:example.org dkim:example.org:s");
	expect(c, "Sender: ,\r\n" FROM("a@example.org"),
	    "domain:example.org dkim:example.org:s");
	expect(c, "Sender: x@example.org\r\n", "unsignable no-from");
	proxy_config_free(c);
}

static void
test_sign_all_signs_all(void **state)
{
	struct proxy_config *c = configure(BASE
	    "domain = example.org, example.com\nsign_all = yes\n",
	    NULL, NULL);

	(void)state;
	expect(
	    c, FROM("a@example.com"), "domain:example.com dkim:example.com:s");
	expect(c, FROM("a@example.net"), "sign_all dkim:example.org:s");
	proxy_config_free(c);
	/* DKIMproxy's way: no domain, and d= in the signature. */
	c = configure(
	    BASE "signature = dkim(d=$senderdomain, i=$sender)\n", NULL, NULL);
	expect(c, FROM("Ann.B@example.net"),
	    "signature dkim:example.net:s:Ann.B@example.net");
	proxy_config_free(c);
}

static void
test_a_star_signs_what_has_a_key(void **state)
{
	struct proxy_config *c =
	    configure(BASE "domain = example.org, *\n", NULL, NULL);

	(void)state;
	expect(c, FROM("a@x.example.org"),
	    "domain:example.org dkim:example.org:s");
	expect(c, FROM("a@example.net"), "domain:* dkim:example.net:s");
	assert_true(c->signing.keys[0].parents);
	/* Never a path. */
	expect(c, FROM("a@[../../etc/passwd]"),
	    "no-key-for-domain:[../../etc/passwd]");
	proxy_config_free(c);
}

static void
test_domainkeys_only_below_its_domain(void **state)
{
	struct proxy_config *c = configure(BASE
	    "domain = example.org\nsignature = dkim\nsignature = domainkeys\n",
	    NULL, NULL);

	(void)state;
	expect(c, FROM("a@b.example.org"),
	    "domain:example.org dkim:example.org:s domainkeys:example.org:s");
	expect(c, "Sender: x@example.net\r\n" FROM("a@example.org"),
	    "domain:example.org dkim:example.org:s "
	    "-domainkeys:example.org:not-a-parent-of-sender");
	proxy_config_free(c);
	c = configure(
	    BASE "domain = example.org\nsignature = domainkeys\n", NULL, NULL);
	expect(c, "Sender: x@example.net\r\n" FROM("a@example.org"),
	    "domain:example.org "
	    "left-out:domainkeys:example.org:not-a-parent-of-sender");
	proxy_config_free(c);
}

static void
test_identities_have_macros(void **state)
{
	struct proxy_config *c = configure(BASE
	    "domain = example.org\n"
	    "signature = dkim(i=$sender), dkim(i=@$senderdomain), "
	    "dkim(i=$$x@$key), dkim(i=list@$keydomain), dkim(i=a@other.org)\n",
	    NULL, NULL);

	(void)state;
	expect(c, FROM("\"A B\"@W.example.org"),
	    "domain:example.org dkim:example.org:s:\"A B\"@w.example.org "
	    "dkim:example.org:s:@w.example.org "
	    "dkim:example.org:s:$x@example.org "
	    "dkim:example.org:s:list@example.org dkim:example.org:s "
	    "-identity:example.org:not-in-the-domain");
	proxy_config_free(c);
}

static void
test_sender_map_as_in_dkimproxy(void **state)
{
	static const char map[] =
	    "# a comment\n"
	    "; another\n"
	    "\n"
	    "jason@long.name\tdkim(d=example.com)\n"
	    "long.name  dkim(key=/keys/long,s=long), domainkeys\n"
	    "WIDGET.example  domainkeys(c=simple)\r\n"
	    "a.my.example     dkim(selector=key1)\n"
	    "my.example       dkim( s = key2 , method = simple )\n"
	    "nobody@my.example \n"
	    "macro.example    dkim(d=$senderdomain,i=$sender)\n"
	    "b\xc3\xbc"
	    "cher.example dkim(a=rsa-sha1)\n"
	    "keyonly.example\n"
	    " indented.example dkim\n"
	    "twice.example dkim(s=first)\n"
	    "twice.example dkim(s=last)\n"
	    ".               dkim(d=isp.example)\n";
	struct proxy_config *c = configure(BASE, map, NULL);

	(void)state;
	expect(c, FROM("Jason@Long.Name"),
	    "sender_map:jason@long.name dkim:example.com:s");
	expect(c, FROM("jason+list@long.name"),
	    "sender_map:jason@long.name dkim:example.com:s");
	expect(c, FROM("joe+x@long.name"),
	    "sender_map:long.name dkim:long.name:long domainkeys:long.name:s");
	expect(c, FROM("x@sub.long.name"),
	    "sender_map:long.name dkim:long.name:long domainkeys:long.name:s");
	expect(c, FROM("x@widget.example"),
	    "sender_map:widget.example domainkeys:widget.example:s");
	expect(c, FROM("x@a.my.example"),
	    "sender_map:a.my.example dkim:a.my.example:key1");
	expect(c, FROM("x@b.my.example"),
	    "sender_map:my.example dkim:my.example:key2");
	expect(c, FROM("nobody@my.example"),
	    "sender_map:nobody@my.example map-says-none");
	expect(c, FROM("U@v.macro.example"),
	    "sender_map:macro.example "
	    "dkim:v.macro.example:s:U@v.macro.example");
	expect(c,
	    FROM("x@b\xc3\xbc"
		 "cher.example"),
	    "sender_map:xn--bcher-kva.example dkim:xn--bcher-kva.example:s");
	expect(c, FROM("x@twice.example"),
	    "sender_map:twice.example dkim:twice.example:last");
	expect(c, FROM("x@keyonly.example"), "sender_map:. dkim:isp.example:s");
	expect(
	    c, FROM("x@indented.example"), "sender_map:. dkim:isp.example:s");
	expect(c, FROM("x@example.net"), "sender_map:. dkim:isp.example:s");
	proxy_config_free(c);
}

static void
test_listid_map_comes_first(void **state)
{
	static const char lists[] =
	    "kernel.org                   dkim(c=relaxed)\n"
	    "xorg-devel.lists.x.org       dkim(c=relaxed)\n"
	    "dev.spamassassin.apache.org  dkim(c=relaxed,d=apache.org)\n";
	static const char senders[] = "kernel.org dkim(s=sender)\n";
	struct proxy_config *c =
	    configure(BASE "domain = x.org\n", senders, lists);

	(void)state;
	expect(c,
	    "List-Id: <linux-kernel.vger.kernel.org>\r\n" FROM("a@kernel.org"),
	    "listid_map:kernel.org dkim:kernel.org:s");
	/* Matched whole: without the list's own name. */
	expect(c,
	    "List-Id: Devel list\r\n <XORG-devel.lists.x.org>\r\n" FROM(
		"a@b.example"),
	    "listid_map:xorg-devel.lists.x.org dkim:lists.x.org:s");
	expect(c,
	    "List-Id: dev.spamassassin.apache.org\r\n" FROM("a@b.example"),
	    "listid_map:dev.spamassassin.apache.org dkim:apache.org:s");
	/* Not there: the sender map, then the domains. */
	expect(c, "List-Id: <other.example>\r\n" FROM("a@kernel.org"),
	    "sender_map:kernel.org dkim:kernel.org:sender");
	expect(
	    c, "List-Id: <>\r\n" FROM("a@x.org"), "domain:x.org dkim:x.org:s");
	expect(c, "List-Id: >x<\r\n" FROM("a@x.example"),
	    "no-key-for-domain:x.example");
	/* What a phrase or a comment holds is no list-id. */
	expect(c,
	    "List-Id: \"L <kernel.org>\" "
	    "<dev.spamassassin.apache.org>\r\n" FROM("a@b.example"),
	    "listid_map:dev.spamassassin.apache.org dkim:apache.org:s");
	expect(c,
	    "List-Id: (c <kernel.org> \\) (d)) x\r\n <no.example>\r\n" FROM(
		"a@b.example"),
	    "no-key-for-domain:b.example");
	expect(c,
	    "List-Id: (of kernel.org) kernel.org (c)\r\n" FROM("a@b.example"),
	    "listid_map:kernel.org dkim:org:s");
	expect(c, "List-Id: \"L <x> <kernel.org>\r\n" FROM("a@b.example"),
	    "no-key-for-domain:b.example");
	proxy_config_free(c);
}

static const struct {
	const char *map, *error;
} bad_maps[] = {
    {"a.example dkim(\n", ":1: no ) at the end of \"dkim(\""},
    {"#\na.example dkim(q=1)\n", ":2: unknown option \"q\""},
    {"a.example dkim, pgp\n", ":1: a signature is dkim or domainkeys"},
    {"a.example dkim domainkeys\n", ":1: a signature is dkim or domainkeys"},
    {"a.example dkim(a=rsa)\n", ":1: unknown algorithm \"rsa\""},
    {"a.example dkim(d=a b)\n", ":1: d= is no domain: \"a b\""},
    {"a.example dkim(i=$whom)\n", ":1: unknown macro $whom"},
    {"a.example dkim(i=me)\n", ":1: i= has no @: \"me\""},
    {"a.example dkim(key=a.pem)\n", ":1: a key file needs an absolute path"},
    {"a.example dkim(s=)\n", ":1: no value for option \"s\""},
    {"a.example dkim(s)\n", ":1: no NAME=VALUE: \"s\""},
    {"a.example dkim()x\n", ":1: no ) at the end"},
    {"a.example dkim(dkim())\n", ":1: parentheses within"},
    {". dkim\n", ":1: no domain: it needs d="},
    {"a.example none, dkim\n", ":1: a signature is dkim or domainkeys"},
    {"*.example.org dkim\n",
	":1: the key \"*.example.org\" can never match: write example.org,"},
    {".example.org dkim\n",
	":1: the key \".example.org\" can never match: write example.org,"},
    {"@example.org dkim\n",
	":1: the key \"@example.org\" can never match: write *@example.org,"},
    {"example.org. dkim\n",
	":1: the key \"example.org.\" can never match: write example.org,"},
    {"a@example.org. dkim\n",
	":1: the key \"a@example.org.\" can never match: write example.org,"},
    {"/^a@.*$/ dkim\n",
	":1: the key \"/^a@.*$/\" can never match: there are no patterns"},
    {"a*@example.org dkim\n",
	":1: the key \"a*@example.org\" can never match: there are no"},
    {"\"a\"@example.org dkim\n",
	":1: the key \"\"a\"@example.org\" can never match: write it "
	"without quotes"},
    {"<a@example.org> dkim\n",
	":1: the key \"<a@example.org>\" can never "
	"match: write the address without its <>"},
    {"mailto:a@b.example dkim\n",
	":1: the key \"mailto:a@b.example\" can never match: write "
	"a@b.example"},
    {"- dkim\n", ":1: the key \"-\" can never match: write . for every"},
    {"* dkim\n", ":1: the key \"*\" can never match: write . for every"},
    {"a@ dkim\n", ":1: the key \"a@\" can never match: write the domain"},
    {"exa_mple.org dkim\n",
	":1: the key \"exa_mple.org\" can never match: a domain has letters"},
    {"example.org: dkim\n",
	":1: the key \"example.org:\" can never match: a domain has letters"},
    {"\xe2\x98\x83.example dkim\n",
	":1: the key \"\\xe2\\x98\\x83.example\" can never match: IDNA does "
	"not know it as a domain name"},
    {"a dkim,dkim,dkim,dkim,dkim,dkim,dkim,dkim,dkim\n",
	":1: more than 8 signatures"},
};

/* *@ is the domain alone, `none` nothing; a U-label is its A-label. */
static void
test_new_keys_and_values(void **state)
{
	struct proxy_config *c =
	    configure(BASE "domain = example.org\nsignature = dkim\n",
		"*@example.org dkim(s=exact)\n"
		"b@example.org none\n"
		"example.org dkim(s=below)\n"
		"quiet.example NONE\n"
		"*@b\xc3\xbc"
		"cher.example dkim\n",
		"odd_list.example.org none\n");

	(void)state;
	expect(c, FROM("a@example.org"),
	    "sender_map:*@example.org dkim:example.org:exact");
	expect(c, FROM("b+x@example.org"),
	    "sender_map:b@example.org map-says-none");
	expect(c, FROM("a@sub.example.org"),
	    "sender_map:example.org dkim:example.org:below");
	expect(c, FROM("a@sub.quiet.example"),
	    "sender_map:quiet.example map-says-none");
	expect(c, FROM("a@xn--bcher-kva.example"),
	    "sender_map:*@xn--bcher-kva.example dkim:xn--bcher-kva.example:s");
	expect(c, "List-Id: <odd_list.example.org>\r\n" FROM("a@example.org"),
	    "listid_map:odd_list.example.org map-says-none");
	proxy_config_free(c);
}

static void
test_a_list_id_is_no_address(void **state)
{
	static const char *const never[] = {"*@example.org", "*.example.org",
	    "a*.example.org", "example.org.", "/x/", "\"a\".example.org",
	    "a.exa_mple.org"};
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 1000);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_int_equal(proxy_sign_map_key_check(
				     slice_str(never[i]), true, &reason),
		    -1);
		assert_true(reason.n > 0);
		strbuf_reset(&reason);
	}
	assert_int_equal(
	    proxy_sign_map_key_check(SLICE("a_b+c.example.org"), true, &reason),
	    0);
	strbuf_clear(&reason);
}

static void
test_a_bad_map_is_refused_with_its_line(void **state)
{
	struct proxy_sign_defaults defaults = {
	    "s", "/keys/s", false, NULL, false};
	struct proxy_report report;
	struct proxy_key_rule *rules;
	struct proxy_sign_map *map;
	struct strbuf want;
	size_t i, count;

	(void)state;
	for (i = 0; i < sizeof(bad_maps) / sizeof(bad_maps[0]); i++) {
		defaults.keys = proxy_key_table_new();
		proxy_report_init(&report);
		strbuf_init(&want, 4096);
		strbuf_addf(&want, "map%s", bad_maps[i].error);
		map = proxy_sign_map_parse(
		    "map", slice_str(bad_maps[i].map), &defaults, &report);
		if (!slice_starts_nocase(
			strbuf_slice(&report.errors), strbuf_slice(&want)))
			fail_msg("%s says: %s\nwant: %s", bad_maps[i].map,
			    strbuf_text(&report.errors), strbuf_text(&want));
		proxy_sign_map_free(map);
		proxy_report_clear(&report);
		strbuf_clear(&want);
		rules = proxy_key_table_detach(defaults.keys, &count);
		proxy_key_rules_free(rules, count);
	}
}

static void
test_what_dkimproxy_passes_over_is_said(void **state)
{
	struct proxy_sign_defaults defaults = {
	    "s", "/keys/s", false, NULL, false};
	struct proxy_report report;
	struct proxy_sign_map *map;
	size_t count;
	struct proxy_key_rule *rules;

	(void)state;
	defaults.keys = proxy_key_table_new();
	proxy_report_init(&report);
	map = proxy_sign_map_parse("map",
	    SLICE("a.example\n b.example dkim\nc.example dkim(a=rsa-sha1)\n"
		  "d.example dkim(a=rsa-sha1)\nd.example dkim(c=nowsp)\n"),
	    &defaults, &report);
	assert_int_equal(report.errors.n, 0);
	assert_string_equal(strbuf_text(&report.warnings),
	    "map:1: a key with nothing behind it is no entry: write "
	    "signatures there, or `none'\n"
	    "map:2: a line that begins with white space is no entry\n"
	    "map:3: rsa-sha1 is forbidden for DKIM (RFC 8301); rsa-sha256 is "
	    "used instead, here and below\n"
	    "map:5: this key stands above already; the last one counts\n"
	    "map:5: nowsp never became part of DKIM; relaxed/relaxed is used "
	    "instead, here and below\n");
	assert_int_equal(proxy_sign_map_count(map), 2);
	proxy_sign_map_free(map);
	proxy_report_clear(&report);
	rules = proxy_key_table_detach(defaults.keys, &count);
	assert_int_equal(count, 1); /* equal rules are one */
	proxy_key_rules_free(rules, count);
}

/* The processor's seconds that a map of so many entries takes. */
static double
load_map(unsigned entries)
{
	struct proxy_sign_defaults defaults = {
	    "s", "/keys/$domain", false, NULL, false};
	struct strbuf text;
	struct proxy_report report;
	struct proxy_sign_map *map;
	const struct proxy_sign_entry *entry;
	struct proxy_key_rule *rules;
	char last[64];
	size_t count;
	clock_t took;

	strbuf_init(&text, 64 << 20);
	for (unsigned i = 0; i < entries; i++)
		strbuf_addf(&text,
		    "d%06u.example dkim(c=relaxed,s=t), domainkeys\n", i);
	assert_false(text.full);
	(void)snprintf(last, sizeof(last), "a@b.d%06u.example", entries - 1);
	defaults.keys = proxy_key_table_new();
	proxy_report_init(&report);
	took = clock();
	map = proxy_sign_map_parse(
	    "map", strbuf_slice(&text), &defaults, &report);
	took = clock() - took;
	assert_int_equal(report.errors.n, 0);
	assert_int_equal(proxy_sign_map_count(map), entries);
	entry = proxy_sign_map_find(map, slice_str(last));
	assert_non_null(entry);
	assert_slice_equal(entry->key, slice_str(last + 4));
	assert_null(proxy_sign_map_find(map, SLICE("a@d999999.example")));
	proxy_sign_map_free(map);
	proxy_report_clear(&report);
	strbuf_clear(&text);
	rules = proxy_key_table_detach(defaults.keys, &count);
	proxy_key_rules_free(rules, count);
	return (double)took / CLOCKS_PER_SEC;
}

/* Linear: 200,000 entries in half a second; in proportion under sanitizers. */
static void
test_a_large_map_loads_at_once(void **state)
{
	double few = load_map(20000), many = load_map(200000);

	(void)state;
	print_message("20000 entries: %.3f s, 200000: %.3f s\n", few, many);
	assert_true(many < 40 * few);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_domain_signs_its_own_mail),
	    cmocka_unit_test(test_a_broken_from_of_one_domain_is_that_domains),
	    cmocka_unit_test(
		test_a_broken_from_names_an_address_where_it_names_but_one),
	    cmocka_unit_test(test_what_has_no_author_is_unsignable),
	    cmocka_unit_test(test_what_a_stranger_wrote_is_kept_as_it_came),
	    cmocka_unit_test(test_sender_header_is_dkimproxys_choice),
	    cmocka_unit_test(test_sign_all_signs_all),
	    cmocka_unit_test(test_a_star_signs_what_has_a_key),
	    cmocka_unit_test(test_domainkeys_only_below_its_domain),
	    cmocka_unit_test(test_identities_have_macros),
	    cmocka_unit_test(test_sender_map_as_in_dkimproxy),
	    cmocka_unit_test(test_listid_map_comes_first),
	    cmocka_unit_test(test_new_keys_and_values),
	    cmocka_unit_test(test_a_list_id_is_no_address),
	    cmocka_unit_test(test_a_bad_map_is_refused_with_its_line),
	    cmocka_unit_test(test_what_dkimproxy_passes_over_is_said),
	    cmocka_unit_test(test_a_large_map_loads_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
