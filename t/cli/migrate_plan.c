/* cli/migrate_plan: theirs to ours, by arithmetic; files come from a table. */
#include "cli/migrate_plan.h"
#include "t/lib/unit.h"

/* Name, text, name, text, NULL. */
static int
read_table(
    void *ctx, const char *path, struct strbuf *text, struct strbuf *reason)
{
	for (const char *const *file = ctx; *file != NULL; file += 2)
		if (strcmp(file[0], path) == 0)
			return strbuf_add_str(text, file[1]);
	(void)strbuf_add_str(reason, "No such file or directory");
	return -1;
}

struct made {
	struct migrate_plan plan;
	struct migrate_files files;
	struct strbuf conf, map, report;
};

static void
make(struct made *m, enum migrate_program program, const char *conf,
    const char *const files[])
{
	m->files = (struct migrate_files){
	    read_table, (void *)(uintptr_t)(const void *)files};
	migrate_plan_init(&m->plan, program, &m->files);
	strbuf_init(&m->conf, 1000 * 1000);
	strbuf_init(&m->map, 1000 * 1000);
	strbuf_init(&m->report, 1000 * 1000);
	migrate_plan_read(&m->plan, "conf", slice_str(conf));
	migrate_plan_make(&m->plan);
	if (m->plan.errors.n > 0)
		return;
	if (migrate_plan_print_sender_map(&m->plan, &m->map))
		/* What stands above the entries is no matter here. */
		while (m->map.n > 0 && m->map.p[0] == '#')
			strbuf_consume(&m->map,
			    slice_find(strbuf_slice(&m->map), '\n') + 1);
	migrate_plan_print_conf(&m->plan,
	    m->map.n > 0 ? "/etc/signpost/sender_map" : m->plan.sender_map.path,
	    m->plan.listid_map.path, &m->conf);
	migrate_plan_print_report(&m->plan, &m->report);
}

static void
made_clear(struct made *m)
{
	migrate_plan_clear(&m->plan);
	strbuf_clear(&m->conf);
	strbuf_clear(&m->map);
	strbuf_clear(&m->report);
}

static void
assert_has(const struct strbuf *text, const char *what)
{
	if (what != NULL && strstr(strbuf_text(text), what) == NULL)
		fail_msg("no \"%s\" in:\n%s", what, strbuf_text(text));
}

#define NO_FILES ((const char *const[]){NULL})
#define TABLES                                            \
	"KeyTable /kt\nSigningTable refile:/st\nMode s\n" \
	"Canonicalization relaxed\n"
#define KEYS "k example.org:s:/k\nl %:t:/l/%.pem\n"

static void
test_opendkims_tables_become_a_sender_map(void **state)
{
	static const struct {
		const char *conf, *keys, *signing, *map;
	} cases[] = {
	    {TABLES, KEYS, "*@example.org k\n",
		"*@example.org\tdkim(d=example.org, s=s, key=/k, "
		"c=relaxed/simple)\n"},
	    /* Below a domain is not the domain. */
	    {TABLES, KEYS, "*@*.example.org k\n",
		"example.org\tdkim(d=example.org, s=s, key=/k, "
		"c=relaxed/simple)\n"
		"*@example.org\tnone\n"},
	    /* The first that matches; later ones that never do are no entry. */
	    {TABLES, KEYS, "* k\n*@example.com l\na@b.example l\n",
		".\tdkim(d=example.org, s=s, key=/k, c=relaxed/simple)\n"},
	    /* % is the sender's domain, where that is known. */
	    {TABLES, KEYS, "*@one.example l:@%\n* l\n",
		".\tdkim(d=$senderdomain, s=t, key=/l/$domain.pem, "
		"c=relaxed/simple)\n"
		"*@one.example\tdkim(d=one.example, s=t, i=@one.example, "
		"key=/l/one.example.pem, c=relaxed/simple)\n"},
	    /* An i= outside of d= is left out, as OpenDKIM does. */
	    {TABLES, KEYS, "*@other.example k:@%\n",
		"*@other.example\tdkim(d=example.org, s=s, key=/k, "
		"c=relaxed/simple)\n"},
	    {TABLES "MultipleSignatures yes\n", KEYS,
		"*@example.org k\n*@example.org l\nboss@example.org l\n",
		"*@example.org\tdkim(d=example.org, s=s, key=/k, "
		"c=relaxed/simple), dkim(d=example.org, s=t, "
		"key=/l/example.org.pem, c=relaxed/simple)\n"
		"boss@example.org\tdkim(d=example.org, s=s, key=/k, "
		"c=relaxed/simple), dkim(d=example.org, s=t, "
		"key=/l/example.org.pem, c=relaxed/simple), "
		"dkim(d=example.org, s=t, key=/l/example.org.pem, "
		"c=relaxed/simple)\n"},
	    /* A key that is named by the domain. */
	    {TABLES, "a.example a.example:s:/a\nk._x.b %:s:/b\n",
		"*@a.* %\n* %\n",
		"*@a.example\tdkim(d=a.example, s=s, key=/a, "
		"c=relaxed/simple)\n"},
	    {"KeyTable file:/kt\nSigningTable /st\nMode s\n"
	     "Canonicalization simple/relaxed\nSignatureAlgorithm rsa-sha256\n",
		KEYS, "A@example.org k\nexample.org l\n.example.org k\n* l\n",
		".\tdkim(d=$senderdomain, s=t, key=/l/$domain.pem, "
		"c=simple/relaxed)\n"
		"example.org\tdkim(d=example.org, s=s, key=/k, "
		"c=simple/relaxed)\n"
		"*@example.org\tdkim(d=example.org, s=t, "
		"key=/l/example.org.pem, c=simple/relaxed)\n"
		"a@example.org\tdkim(d=example.org, s=s, key=/k, "
		"c=simple/relaxed)\n"},
	    {TABLES "ExemptDomains example.org\n", KEYS, "* k\n",
		".\tdkim(d=example.org, s=s, key=/k, c=relaxed/simple)\n"
		"*@example.org\tnone\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const files[] = {
		    "/kt", cases[i].keys, "/st", cases[i].signing, NULL};
		struct made m;

		make(&m, MIGRATE_OPENDKIM, cases[i].conf, files);
		assert_string_equal(strbuf_text(&m.plan.errors), "");
		assert_string_equal(strbuf_text(&m.map), cases[i].map);
		made_clear(&m);
	}
}

static void
test_what_the_map_cannot_say_is_named(void **state)
{
	static const struct {
		const char *conf, *keys, *signing, *todo, *differs;
	} cases[] = {
	    {TABLES, KEYS, "bounce-*@example.org k\n",
		"/st:1: bounce-*@example.org: our map has no patterns", NULL},
	    {TABLES, KEYS, "*@example.org k\nann@* k\n",
		"/st:2: ann@*: our map has no patterns", NULL},
	    {TABLES, KEYS, "[0-9]@example.org k\n",
		"/st:1: [0-9]@example.org: is an expression", NULL},
	    {"KeyTable /kt\nSigningTable /st\nMode s\n", KEYS,
		"ann@.example.org k\n", "/st:1: ann@.example.org: our map",
		NULL},
	    {"KeyTable /kt\nSigningTable /st\nMode s\n", KEYS,
		"not_a_domain.example k\nexample.org k\n",
		"/st:1: not_a_domain.example: is no address or domain", NULL},
	    {TABLES, KEYS, "*example.org k\n", NULL,
		"/st:1: *example.org: matched every domain that ends so"},
	    {TABLES, KEYS, " *@example.org k\n* k\n", NULL,
		"/st:1: : the line begins with white space"},
	    {TABLES, KEYS, "example.org k\n* k\n", NULL,
		"/st:1: example.org: has neither @ nor *"},
	    {TABLES, KEYS, "a@example.org k\n", NULL,
		"mail of a+EXTENSION, and so"},
	    {TABLES, KEYS, "* %\n", NULL, "OpenDKIM deferred the message"},
	    {"KeyTable ldap://x\nSigningTable /st\nMode sv\n", KEYS, "a k\n",
		"conf:1: KeyTable: a data set of type `ldap'", NULL},
	    {"KeyTable /kt\nSigningTable dsn:mysql://x\n", KEYS, "",
		"conf:2: SigningTable: a data set of type `dsn'", NULL},
	    {"KeyTable /kt.db\nSigningTable /st\n", KEYS, "* k\n",
		"conf:1: KeyTable: a data set of type `db'", NULL},
	    {TABLES "DontSignMailTo a@b\n", KEYS, "* k\n",
		"conf:5: DontSignMailTo: whose mail is signed", NULL},
	    {TABLES "SignHeaders From,List-*\n", KEYS, "* k\n",
		"conf:5: SignHeaders: List-*: fields are named", NULL},
	    {TABLES "SenderHeaders Resent-From,From\n", KEYS, "* k\n",
		"conf:5: SenderHeaders: whose mail it is", NULL},
	    {"Mode v\nOn-BadSignature discard\n", "", "",
		"conf:2: On-BadSignature: mail is refused", NULL},
	    {"Mode v\nInternalHosts 10.0.0.0/8,*.example.org\n", "", "",
		"*.example.org: there are no patterns of hosts", NULL},
	    {"Mode v\nInternalHosts 10.0.0.1/8\n", "", "", NULL,
		"10.0.0.1/8 is no network"},
	    {TABLES "LDAPBindPassword secret\n", KEYS, "* k\n",
		"conf:5: LDAPBindPassword: there is no LDAP", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const files[] = {
		    "/kt", cases[i].keys, "/st", cases[i].signing, NULL};
		struct made m;

		make(&m, MIGRATE_OPENDKIM, cases[i].conf, files);
		assert_has(&m.plan.todo, cases[i].todo);
		assert_has(&m.plan.differs, cases[i].differs);
		if (cases[i].todo == NULL)
			assert_string_equal(strbuf_text(&m.plan.todo), "");
		assert_null(strstr(strbuf_text(&m.report), "secret"));
		made_clear(&m);
	}
}

static void
test_what_they_would_not_take_is_an_error(void **state)
{
	static const struct {
		enum migrate_program program;
		const char *conf, *errors;
	} cases[] = {
	    {MIGRATE_OPENDKIM, "Syslog yes\n\nNoSuchOption 1 # x\n",
		"conf:3: OpenDKIM has no option \"NoSuchOption\"\n"},
	    {MIGRATE_OPENDKIM, "Domain\n",
		"conf:1: no value behind "
		"\"Domain\"\n"},
	    {MIGRATE_OPENDKIM, "SubDomains maybe\n",
		"conf:1: neither yes nor no: \"maybe\"\n"},
	    {MIGRATE_OPENDKIM, "SignatureTTL week\n",
		"conf:1: no number: \"week\"\n"},
	    {MIGRATE_OPENDKIM, "Include /nowhere\n",
		"conf:1: No such file or directory \"/nowhere\"\n"},
	    {MIGRATE_OPENDKIM, "Include /round\n",
		"/round:1: files include each other too deep: \"/round\"\n"},
	    {MIGRATE_OPENDKIM, "Include /wrong\n",
		"/wrong:2: OpenDKIM has no option \"Foo\"\n"},
	    {MIGRATE_OPENDKIM, "Domain a.example\nSelector s\n",
		"conf:1: Domain: without KeyFile and Selector OpenDKIM would "
		"not start\n"},
	    {MIGRATE_OPENDKIM, "Domain a.example\nSelector s\nKeyFile a.pem\n",
		"conf:3: KeyFile: OpenDKIM looked for it where it was "
		"started; write the whole path\n"},
	    {MIGRATE_OPENDKIM, "Domain a.example\nSelector auto\nKeyFile /a\n",
		"conf:2: Selector: here this word says that a file names the "
		"selector"},
	    {MIGRATE_DKIMPROXY,
		"listen 127.0.0.1:1\nrelay 127.0.0.1:2\ndomain a.example\n"
		"selector Auto\nkeyfile /a\n",
		"conf:4: selector: here this word says that a file names the "
		"selector"},
	    {MIGRATE_OPENDKIM,
		"KeyTable /nowhere\nSigningTable /empty\nMode s\n",
		"conf:1: KeyTable: No such file or directory: /nowhere\n"},
	    {MIGRATE_OPENDKIM,
		"KeyTable /keys\nSigningTable refile:/signs\nMode s\n",
		"/signs:1: *@example.org: the KeyTable has no such key\n"
		"/keys:1: k: is no DOMAIN:SELECTOR:KEY; OpenDKIM deferred "
		"mail by it\n"},
	    {MIGRATE_DKIMPROXY, "listen 127.0.0.1:1\nfoo bar\n",
		"conf:2: DKIMproxy has no option \"foo\"\n"},
	    {MIGRATE_DKIMPROXY, "listen 127.0.0.1:1\nMode s\n",
		"conf:2: DKIMproxy has no option \"Mode\"; it is one of "
		"OpenDKIM's: signpost migrate opendkim\n"},
	    {MIGRATE_OPENDKIM, "relay 127.0.0.1:2\n",
		"conf:1: OpenDKIM has no option \"relay\"; it is one of "
		"DKIMproxy's: signpost migrate dkimproxy\n"},
	    {MIGRATE_DKIMPROXY, "listen 127.0.0.1:1\n= bar\n",
		"conf:2: no option in this line \"= bar\"\n"},
	    {MIGRATE_DKIMPROXY,
		"listen 127.0.0.1:1\nrelay mail.example:2\n"
		"hostname a.example\n",
		"conf:2: relay: mail.example:2: "},
	    {MIGRATE_DKIMPROXY, "hostname a.example\n",
		"conf: there is no `listen'\nconf: there is no `relay'\n"},
	    {MIGRATE_DKIMPROXY,
		"listen 127.0.0.1:1\nrelay 127.0.0.1:2\ndomain a.example\n"
		"selector s\nkeyfile a.pem\n",
		"conf:5: keyfile: DKIMproxy looked for it where it was "
		"started"},
	    {MIGRATE_DKIMPROXY,
		"listen 127.0.0.1:1\nrelay 127.0.0.1:2\nselector s\n"
		"keyfile /a\nsender_map /map\n",
		"/map:2: b.example: unknown option \"x\"\n"},
	};
	static const char *const files[] = {"/round", "Include /round\n",
	    "/wrong", "Syslog yes\nFoo 1\n", "/empty", "", "/keys",
	    "k example.org\n", "/signs", "*@example.org l\n*@b.example k\n",
	    "/map", "a.example dkim\nb.example dkim(x=y)\n", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m;

		make(&m, cases[i].program, cases[i].conf, files);
		assert_has(&m.plan.errors, cases[i].errors);
		made_clear(&m);
	}
}

static void
test_opendkims_settings_have_a_line_here(void **state)
{
	static const char *const by_domain[] = {NULL};
	static const struct {
		const char *conf, *lines, *map;
	} cases[] = {
	    {"Domain a.example\nSelector s\nKeyFile /a\nMode s\n",
		"\n[out]\nlisten = milter:unix:/var/spool/postfix/signpost/out "
		"group=postfix\non_error = tempfail\n"
		"sign_for = authenticated, local, 127.0.0.1\n"
		"sender_map = /etc/signpost/sender_map\n",
		"*@a.example\tdkim(d=a.example, s=s, key=/a, "
		"c=simple/simple)\n"},
	    {"Domain a.example\nSelector s\nKeyFile /a\nSubDomains yes\n",
		"\n[in]\n",
		"a.example\tdkim(d=a.example, s=s, i=@a.example, key=/a, "
		"c=simple/simple)\n"
		"*@a.example\tdkim(d=a.example, s=s, key=/a, "
		"c=simple/simple)\n"},
	    {"Domain *\nSelector s\nKeyFile /a\nSignatureTTL 3600\n",
		"ttl = 3600\n",
		".\tdkim(d=$senderdomain, s=s, key=/a, c=simple/simple)\n"},
	    {"BaseDirectory /b\nDomain a.example\nSelector s\nKeyFile a\n",
		"[out]",
		"*@a.example\tdkim(d=a.example, s=s, key=/b/a, "
		"c=simple/simple)\n"},
	    {"Domain a.example\nSelector s\nKeyFile /a\n"
	     "OversignHeaders From\n",
		"[out]", NULL},
	    {"Domain a.example\nSelector s\nKeyFile /a\n"
	     "SignHeaders From, To,Subject\nOversignHeaders From,To\n",
		"headers = From, To, Subject, +From, +To\n", NULL},
	    {"Domain a.example\nSelector s\nKeyFile /a\n"
	     "SignHeaders *,+X-Shop,-Cc\nOmitHeaders *,+Date\n",
		"headers = default, X-Shop, -Cc, -Date\n", NULL},
	    {"Domain a.example\nSelector s\nKeyFile /a\n"
	     "SenderHeaders Sender,From\nStrictHeaders yes\n"
	     "On-SignatureError accept\nMaximumHeaders 131072\n",
		"sender_header = sender\nmax_header_size = 131072\n"
		"on_error = pass\nunsignable = reject\n",
		NULL},
	    {"Mode v\nAuthservID mx.example\nRemoveARFrom a.example\n"
	     "On-NoSignature r\nOn-BadSignature reject\nOn-DNSError a\n"
	     "MaximumSignaturesToVerify 5\nNameservers 127.0.0.1,::1\n"
	     "DNSTimeout 7\nInternalHosts 127.0.0.1, [10.0.0.0]/8,"
	     "host.example\nPeerList 192.0.2.1\n",
		"\n[in]\nlisten = milter:unix:/var/spool/postfix/signpost/in "
		"group=postfix\n"
		"authserv_id = mx.example, a.example\ncheck = dkim\n"
		"reject = dkim-required\non_dns_error = pass\n"
		"on_error = tempfail\nmax_signatures = 5\n"
		"trusted = 127.0.0.0/8, ::1, 10.0.0.0/8, 192.0.2.1\n"
		"\n[dns]\nnameserver = 127.0.0.1,::1\ntimeout = 7\n",
		NULL},
	    {"Mode v\nOn-Default reject\nOn-NoSignature accept\n"
	     "On-DNSError t\nDNSTimeout 0\n",
		"reject = dkim\non_dns_error = tempfail\non_error = "
		"tempfail\n",
		NULL},
	    /* Of equal ones the last counts. */
	    {"Mode sv\nDomain a.example\nSelector s\nKeyFile /a\nMode v\n",
		"[in]", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m;

		make(&m, MIGRATE_OPENDKIM, cases[i].conf, by_domain);
		assert_string_equal(strbuf_text(&m.plan.errors), "");
		assert_has(&m.conf, cases[i].lines);
		if (cases[i].map != NULL)
			assert_string_equal(strbuf_text(&m.map), cases[i].map);
		made_clear(&m);
	}
}

/* InternalHosts and PeerList, and what is left of them. */
static void
test_exceptions_are_cut_out_of_networks(void **state)
{
	static const struct {
		const char *lists, *sign_for, *todo;
	} cases[] = {
	    {"", "authenticated, local, 127.0.0.1", ""},
	    {"InternalHosts 10.0.0.0/8,2001:db8::/32\n",
		"authenticated, 10.0.0.0/8, 2001:db8::/32", ""},
	    {"InternalHosts localhost,10.0.0.0/8\n",
		"authenticated, local, 127.0.0.1, ::1, 10.0.0.0/8", ""},
	    {"InternalHosts 10.0.0.0/30,!10.0.0.1\n",
		"authenticated, 10.0.0.0, 10.0.0.2/31", ""},
	    {"InternalHosts 127.0.0.1,!127.0.0.1,10.0.0.0/9\n",
		"authenticated, local, 127.0.0.1, 10.0.0.0/9", ""},
	    {"InternalHosts 127.0.0.0/8,!127.0.0.1,!127.128.0.0/9,"
	     "!127.64.0.0/10,!127.32.0.0/11,!127.16.0.0/12,!127.8.0.0/13,"
	     "!127.4.0.0/14,!127.2.0.0/15,!127.1.0.0/16,!127.0.0.0/24\n",
		"authenticated, 127.0.1.0/24, 127.0.2.0/23, 127.0.4.0/22, "
		"127.0.8.0/21, 127.0.16.0/20, 127.0.32.0/19, 127.0.64.0/18, "
		"127.0.128.0/17",
		""},
	    /* An exception of an exception; and peers, which are neither
	     * signed nor checked. */
	    {"InternalHosts 10.0.0.0/29,!10.0.0.4/30,10.0.0.6\n"
	     "PeerList 10.0.0.0/31,192.0.2.1\n",
		"authenticated, 10.0.0.2/31, 10.0.0.6", ""},
	    {"InternalHosts 10.0.0.1,2001:db8::/32,!2001:db8::/33\n",
		"authenticated, 10.0.0.1, 2001:db8:8000::/33", ""},
	    {"InternalHosts 10.0.0.0/24,10.0.0.0/24,10.0.0.8,!10.0.1.0/24\n",
		"authenticated, 10.0.0.0/24", ""},
	    {"InternalHosts mx.example,.lan.example,10.0.0.1\n",
		"authenticated, 10.0.0.1",
		"conf:5: InternalHosts: mx.example: `sign_for' of [out] has "
		"networks, no names of hosts: where a client of that name does "
		"not log in, its address belongs there\n"
		"conf:5: InternalHosts: .lan.example: `sign_for' of"},
	};
	static const char *const none[] = {NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m;
		struct strbuf conf, want;

		strbuf_init(&conf, 10000);
		strbuf_init(&want, 10000);
		strbuf_addf(&conf,
		    "Domain a.example\nSelector s\nKeyFile /a\nMode s\n%s",
		    cases[i].lists);
		strbuf_addf(&want, "\nsign_for = %s\n", cases[i].sign_for);
		make(&m, MIGRATE_OPENDKIM, strbuf_text(&conf), none);
		assert_string_equal(strbuf_text(&m.plan.errors), "");
		assert_has(&m.conf, strbuf_text(&want));
		if (cases[i].todo[0] == '\0')
			assert_string_equal(strbuf_text(&m.plan.todo), "");
		else
			assert_has(&m.plan.todo, cases[i].todo);
		made_clear(&m);
		strbuf_clear(&conf);
		strbuf_clear(&want);
	}
}

#define PROXY "listen 127.0.0.1:1\nrelay = localhost:2\n"
#define KEY   "selector s\nkeyfile /k\n"

static void
test_dkimproxys_settings_have_a_line_here(void **state)
{
	static const struct {
		const char *conf, *lines, *absent;
	} cases[] = {
	    {PROXY KEY "domain a.example\n",
		"\n[out]\nlisten = 127.0.0.1:1\nrelay = 127.0.0.1:2\n"
		"selector = s\nkeyfile = /k\ndomain = a.example\n"
		"sign_all = yes\nsignature = dkim\nsender_header = sender\n"
		"on_error = pass\n",
		"[in]"},
	    {PROXY KEY "domain a.example,b.example\nreject_error\n",
		"domain = a.example, b.example\nsignature = dkim\n"
		"sender_header = sender\non_error = tempfail\n",
		"sign_all"},
	    {PROXY KEY "domain a.example\nmethod simple\n"
		       "signature dkim(a=rsa-sha256)\nsignature "
		       "domainkeys(c=nofws)\n",
		"signature = dkim(c=simple, a=rsa-sha256)\n"
		"signature = domainkeys(c=nofws)\n",
		NULL},
	    /* Its maps alone, without a signature. */
	    {PROXY KEY "domain a.example\nsender_map /map\n",
		"sender_map = /map\n", "domain ="},
	    {"host 127.0.0.1\nport 3\nrelay_host 127.0.0.2\n"
	     "hostname mx.example # ours\n",
		"\n[in]\nlisten = 127.0.0.1:3\nrelay = 127.0.0.2:25\n"
		"authserv_id = mx.example\ncheck = dkim, domainkeys\n"
		"on_dns_error = pass\non_error = pass\n",
		"[out]"},
	};
	static const char *const files[] = {"/map", "a.example dkim\n", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m;

		make(&m, MIGRATE_DKIMPROXY, cases[i].conf, files);
		assert_string_equal(strbuf_text(&m.plan.errors), "");
		assert_has(&m.conf, cases[i].lines);
		if (cases[i].absent != NULL)
			assert_null(
			    strstr(strbuf_text(&m.conf), cases[i].absent));
		made_clear(&m);
	}
}

static void
test_a_map_of_dkimproxys_is_kept_or_written_anew(void **state)
{
	static const struct {
		const char *method, *map, *want; /* NULL: kept */
	} cases[] = {
	    {"", "# a\na.example  dkim(c=relaxed), domainkeys\n.\tdkim(d=b)\n",
		NULL},
	    {"",
		"a.example dkim\n*@b.example dkim\nC.example dkim\n"
		".d.example dkim\n\n; e\n",
		"a.example\tdkim\n\n; e\n"},
	    {"", "a.example dkim\n b.example dkim\nc.example\n",
		"a.example\tdkim\n"},
	    {"method simple\n", "a.example dkim(a=rsa-sha256), domainkeys\n",
		"a.example\tdkim(c=simple, a=rsa-sha256), "
		"domainkeys(c=simple)\n"},
	    {"method relaxed\ndomainkeys_method nofws\n",
		"a.example dkim, domainkeys\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const files[] = {"/map", cases[i].map, NULL};
		struct strbuf conf;
		struct made m;

		strbuf_init(&conf, 10000);
		(void)strbuf_addf(
		    &conf, PROXY KEY "sender_map /map\n%s", cases[i].method);
		make(&m, MIGRATE_DKIMPROXY, strbuf_text(&conf), files);
		assert_string_equal(strbuf_text(&m.plan.errors), "");
		assert_int_equal(
		    m.plan.sender_map.rewritten, cases[i].want != NULL);
		assert_string_equal(strbuf_text(&m.map),
		    cases[i].want == NULL ? "" : cases[i].want);
		made_clear(&m);
		strbuf_clear(&conf);
	}
}

/* Where a key goes elsewhere, all that names it does. */
static void
test_a_key_that_moved_is_named_where_it_is(void **state)
{
	static const char *const files[] = {
	    "/map", "a.example dkim(key=/m/a.pem, s=x)\n", NULL};
	struct made m;

	(void)state;
	make(&m, MIGRATE_DKIMPROXY,
	    PROXY "selector s\nkeyfile /k\nsender_map /map\n"
		  "signature dkim(d=b.example, key=/k)\n",
	    files);
	assert_string_equal(strbuf_text(&m.plan.errors), "");
	assert_int_equal(m.plan.keys.count, 2);
	for (size_t i = 0; i < m.plan.keys.count; i++)
		m.plan.keys.list[i].use = migrate_pool_printf(
		    &m.plan.pool, "/new%s", m.plan.keys.list[i].path);
	strbuf_reset(&m.conf);
	migrate_plan_print_conf(&m.plan, NULL, NULL, &m.conf);
	assert_has(&m.conf, "keyfile = /new/k\n");
	assert_has(&m.conf, "signature = dkim(d=b.example, key=/new/k)\n");
	strbuf_reset(&m.map);
	assert_true(migrate_plan_print_sender_map(&m.plan, &m.map));
	assert_string_equal(
	    strbuf_text(&m.map), "a.example dkim(key=/new/m/a.pem, s=x)\n");
	made_clear(&m);
}

static void
test_the_more_precise_host_counts(void **state)
{
	static const struct {
		const char *address;
		bool in;
	} cases[] = {{"10.1.2.3", false}, {"10.1.2.4", true},
	    {"10.9.0.1", true}, {"127.0.0.1", true}, {"::1", true},
	    {"192.0.2.1", false}, {"2001:db8::1", true}};
	struct made m;

	(void)state;
	make(&m, MIGRATE_OPENDKIM,
	    "Mode v\nInternalHosts 10.0.0.0/8,!10.1.2.3,localhost,"
	    "host.example,2001:db8::/32\n",
	    NO_FILES);
	assert_string_equal(strbuf_text(&m.plan.errors), "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(migrate_hosts_contain(&m.plan.internal,
				cases[i].address) == cases[i].in);
	made_clear(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_opendkims_tables_become_a_sender_map),
	    cmocka_unit_test(test_what_the_map_cannot_say_is_named),
	    cmocka_unit_test(test_what_they_would_not_take_is_an_error),
	    cmocka_unit_test(test_opendkims_settings_have_a_line_here),
	    cmocka_unit_test(test_exceptions_are_cut_out_of_networks),
	    cmocka_unit_test(test_dkimproxys_settings_have_a_line_here),
	    cmocka_unit_test(test_a_map_of_dkimproxys_is_kept_or_written_anew),
	    cmocka_unit_test(test_a_key_that_moved_is_named_where_it_is),
	    cmocka_unit_test(test_the_more_precise_host_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
