/* Settings: what is read, what is refused and with which file:line. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/evaluation.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dkim/signing_set.h"
#include "dkim/verifier.h"
#include "dns/resolver.h"
#include "proxy/settings/config.h"
#include "proxy/settings/dkimproxy.h"
#include "proxy/settings/index.h"
#include "record/spamd.h"
#include "smtp/relay.h"
#include "smtp/server.h"
#include "t/lib/unit.h"

/* Of a name: fifty octets. */
#define LABEL "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvw."
#define OUT   "[out]\ndomain = example.org\nselector = s\nkeyfile = /k\n"
#define AUTO  "[out]\ndomain = example.org\nselector = auto\n"

static struct proxy_config *
parse(const char *text, struct proxy_report *report)
{
	proxy_report_init(report);
	return proxy_config_parse("conf", slice_str(text), report);
}

static struct proxy_config *
must_parse(const char *text)
{
	struct proxy_report report;
	struct proxy_config *config = parse(text, &report);

	if (config == NULL)
		fail_msg("%s", strbuf_text(&report.errors));
	proxy_report_clear(&report);
	return config;
}

/* The sample of the design, comments behind values among it. */
static void
test_reads_the_sample(void **state)
{
	static const char text[] =
	    "[signpost]                ; the daemon\n"
	    "user = signpost           ; drop to it; `[in] user = x` is\n"
	    "workers = auto\n"
	    "log = stderr              ; or json\n"
	    "[out]\n"
	    "listen = 127.0.0.1:10027  ; also [::1]:PORT, unix:/path\n"
	    "listen = [::1]:10027 proxy, unix:/run/signpost/out\n"
	    "   unix:/run/x mode=0666  proxy group=postfix\n"
	    "   milter:unix:/run/m group=postfix\n"
	    "sign_for = local, 192.0.2.0/24\n"
	    "relay = 127.0.0.1:10028\n"
	    "allow = 127.0.0.0/8, ::1\n"
	    "domain = example.org, example.com\n"
	    "   ; a comment between the lines of a list\n"
	    "   B\xc3\xbc"
	    "cher.example,\n"
	    "   example.org\n"
	    "selector = mail2026\n"
	    "keyfile = /etc/signpost/keys/$domain/$selector.pem\n"
	    "signature = dkim(c=relaxed/relaxed, a=rsa-sha256)\n"
	    "signature = domainkeys(c=nofws)     ; one line a signature\n"
	    "on_error = pass\n"
	    "spool_max = 2G\n"
	    "ttl = 7d\n"
	    "[in]\n"
	    "listen = 127.0.0.1:10025\n"
	    "relay = 127.0.0.1:10026\n"
	    "trusted = 10.0.0.0/8\n"
	    "check = dkim, spf\n"
	    "reject = dkim-required\n"
	    "[dns]\n"
	    "nameserver = 127.0.0.1, 127.0.0.1:5353\n"
	    "timeout = 5\n";
	struct proxy_config *c = must_parse(text);

	(void)state;
	assert_string_equal(c->fronts[0].user, "signpost");
	assert_string_equal(c->fronts[1].user, "signpost-in");
	assert_int_equal(c->workers, 0);
	assert_int_equal(c->log, LOGGING_STDERR);
	assert_true(c->fronts[0].enabled);
	assert_int_equal(c->fronts[0].listen.count, 5);
	assert_int_equal(c->fronts[0].listen.list[0].kind, PROXY_LISTEN_SMTP);
	assert_int_equal(c->fronts[0].listen.list[4].kind, PROXY_LISTEN_MILTER);
	assert_true(proxy_front_speaks(&c->fronts[0], PROXY_LISTEN_SMTP));
	assert_true(proxy_front_speaks(&c->fronts[0], PROXY_LISTEN_MILTER));
	assert_false(proxy_front_speaks(&c->fronts[1], PROXY_LISTEN_MILTER));
	assert_int_equal(c->signing.sign_for.origins, PROXY_ORIGIN_LOCAL);
	assert_int_equal(c->signing.sign_for.networks.count, 1);
	assert_int_equal(c->fronts[0].listen.list[2].rights.mode, 0);
	assert_string_equal(c->fronts[0].listen.list[2].rights.group, "");
	assert_true(c->fronts[0].listen.list[3].proxy_protocol);
	assert_int_equal(c->fronts[0].listen.list[3].rights.mode, 0666);
	assert_string_equal(
	    c->fronts[0].listen.list[3].rights.group, "postfix");
	assert_false(c->fronts[0].listen.list[0].proxy_protocol);
	assert_true(c->fronts[0].listen.list[1].proxy_protocol);
	assert_int_equal(c->fronts[0].allow.count, 2);
	assert_int_equal(c->signing.domains.count, 3);
	assert_string_equal(
	    c->signing.domains.list[2], "xn--bcher-kva.example");
	assert_int_equal(c->signing.signatures.count, 2);
	assert_int_equal(
	    c->signing.signatures.list[0].body_canon, DKIM_CANON_RELAXED);
	assert_int_equal(
	    c->signing.signatures.list[1].kind, &dkim_kind_domainkeys);
	assert_int_equal(c->signing.on_error, PROXY_ON_ERROR_PASS);
	assert_int_equal(c->signing.ttl, 7 * 86400);
	assert_true(c->fronts[0].spool_max == (uint64_t)2 << 30);
	assert_int_equal(c->checking.check, PROXY_CHECK_DKIM | PROXY_CHECK_SPF);
	assert_int_equal(
	    c->checking.reject, PROXY_REJECT_DKIM | PROXY_REJECT_DKIM_REQUIRED);
	assert_int_equal(c->dns.nameservers.count, 2);
	assert_int_equal(c->signing.key_count, 1);
	proxy_config_free(c);
}

/* Rooms that have a default of their own, for whoever gives them none, and
 * the settings' table have the same. */
static void
test_has_one_default_in_one_place(void **state)
{
	struct proxy_config *c = must_parse(OUT "[in]\nallow =\n");
	const struct proxy_front *f = &c->fronts[0];

	(void)state;
	assert_int_equal(f->idle_timeout * 1000, SMTP_SERVER_IDLE_MS);
	assert_int_equal(
	    f->proxy_header_timeout * 1000, SMTP_SERVER_PROXY_HEADER_MS);
	assert_int_equal(f->max_recipients, SMTP_SERVER_RECIPIENTS_MAX);
	assert_int_equal(f->max_errors, SMTP_SERVER_ERRORS_MAX);
	assert_int_equal(f->connect_timeout * 1000, SMTP_RELAY_CONNECT_MS);
	assert_int_equal(f->command_timeout * 1000, SMTP_RELAY_COMMAND_MS);
	assert_int_equal(f->write_timeout * 1000, SMTP_RELAY_WRITE_MS);
	assert_int_equal(f->dot_timeout * 1000, SMTP_RELAY_DOT_MS);
	assert_int_equal(f->spool_memory, PROXY_SPOOL_MEMORY_MARK);
	assert_int_equal(
	    c->checking.max_signatures, DKIM_VERIFIER_SIGNATURES_MAX);
	assert_int_equal(c->checking.max_body_hashes, DKIM_VERIFIER_HASHES_MAX);
	assert_int_equal(
	    c->checking.max_questions, AUTH_EVALUATION_QUESTIONS_MAX);
	assert_int_equal(c->checking.deadline * 1000, PROXY_ASKING_DEADLINE_MS);
	assert_int_equal(c->dns.timeout * 1000, DNS_TIMEOUT_MS);
	assert_int_equal(c->dns.cache_size, DNS_CACHE_BYTES);
	assert_int_equal(c->reflector.spamd_timeout * 1000, RECORD_SPAMD_MS);
	proxy_config_free(c);
}

static void
test_fills_in_what_is_left_out(void **state)
{
	struct proxy_config *c = must_parse(OUT "[in]\nallow =\n");

	(void)state;
	assert_int_equal(c->drain_timeout, 300);
	assert_int_equal(c->stop_timeout, 30);
	assert_int_equal(c->watchdog, 60);
	assert_int_equal(c->fronts[0].allow.count, 2);
	assert_int_equal(c->fronts[1].allow.count, 0); /* said to be empty */
	assert_int_equal(c->fronts[0].max_header_size, 512 << 10);
	assert_int_equal(c->fronts[0].line_length, 998);
	assert_int_equal(c->checking.trusted.count, 2); /* loopback */
	assert_int_equal(c->fronts[0].dot_timeout, 600);
	assert_int_equal(c->fronts[0].spool_memory, 64 << 10);
	assert_string_equal(c->fronts[0].spool_dir, "/var/lib/signpost/spool");
	assert_string_equal(
	    c->fronts[1].spool_dir, "/var/lib/signpost/spool-in");
	assert_int_equal(c->checking.check, PROXY_CHECK_ALL);
	assert_int_equal(c->checking.reject, 0);
	assert_int_equal(c->signing.sign_for.origins,
	    PROXY_ORIGIN_AUTHENTICATED | PROXY_ORIGIN_LOCAL);
	assert_int_equal(c->checking.authserv_ids.count, 1);
	assert_int_equal(c->checking.partial_body, PROXY_PARTIAL_BODY_POLICY);
	assert_int_equal(c->checking.remove_fields.count, 2);
	assert_string_equal(c->checking.remove_fields.list[0], "BIMI-Location");
	assert_int_equal(c->signing.on_error, PROXY_ON_ERROR_TEMPFAIL);
	/* A domain and no signature line: DKIM, relaxed in both. */
	assert_int_equal(c->signing.signatures.count, 1);
	assert_int_equal(
	    c->signing.signatures.list[0].body_canon, DKIM_CANON_RELAXED);
	proxy_config_free(c);
}

static const struct {
	const char *text, *error;
} refused[] = {
    {"x = 1\n", "conf:1: a setting before the first [section]"},
    {"[nowhere]\nx = 1\ny = 2\n", "conf:1: unknown section [nowhere]"},
    {"[out]\nlisten = 127.0.0.1:1\nkeyfiles = /x\n",
	"conf:3: unknown setting keyfiles in [out]: did you mean keyfile?"},
    {"[signpost]\nlisten = 127.0.0.1:1\n",
	"conf:2: unknown setting listen in [signpost]: it belongs to [out] "
	"and [in] and [metrics]"},
    {"[out]\nkey-file = /k\n",
	"conf:2: unknown setting key-file in [out]: did you mean keyfile?"},
    {"[out]\nKeyFlie = /k\n", "did you mean keyfile?"},
    {"[in]\nuser_timeout = 5\n",
	"conf:2: unknown setting user_timeout in [in]\n"},
    {"[out]\ntimeuot = 5\n",
	"unknown setting timeuot in [out]: did you mean timeout, of [dns]?"},
    {"[dns]\nspamd_timeout = 5\n",
	"unknown setting spamd_timeout in [dns]: it belongs to [reflector]"},
    {"[outt]\nlisten = 127.0.0.1:1\n",
	"conf:1: unknown section [outt]: did you mean [out]?"},
    {"[Out]\n", "conf:1: unknown section [Out]: did you mean [out]?"},
    {"[nothing]\n", "conf:1: unknown section [nothing]\n"},
    {"[out]\nrelay_host = x\n",
	"conf:2: unknown setting relay_host in [out]: it is DKIMproxy's; here "
	"write relay = ADDRESS:PORT, which has the port too"},
    {"[in]\nreject-error = yes\n", "it is DKIMproxy's; here write on_error"},
    {"[in]\nhostname = x\n",
	"it belongs to [signpost]; for DKIMproxy's "
	"write authserv_id = NAME in [in]"},
    {"[out]\nlisten 127.0.0.1:10025\n",
	"conf:2: unknown setting listen 127.0.0.1 in [out]: write NAME = "
	"VALUE"},
    {"[out]\nselector = s1 # of May\n",
	"conf:2: selector: \"s1 # of May\": a comment behind a value begins "
	"with ;"},
    {"[out]\nselector = \"s1\"\n",
	"conf:2: selector: \"\"s1\"\": stands without quotes"},
    {"[out]\ndomain = a.example, 'b.example'\n",
	"conf:2: domain: \"'b.example'\": stands without quotes"},
    {"[signpost]\nuser = \"nobody\"\n",
	"conf:2: user: \"\"nobody\"\": stands without quotes"},
    {"[out]\nlisten = 127.0.0.1:1 # here\n",
	"conf:2: listen: \"127.0.0.1:1 "
	"# here\": a comment behind"},
    {"[out]\nsignature = dkim # one\n", "a comment behind a value begins"},
    {"[out]\ndomain = ok.example\ndomain = exa_mple.org\n",
	"conf:3: domain: \"exa_mple.org\": has an underscore"},
    {"[in]\nseal_domain = exa_mple.org\n",
	"conf:2: seal_domain: \"exa_mple.org\": has an underscore"},
    {OUT "signature = dkim(d=exa_mple.org)\n",
	"conf:5: signature: d= has an underscore, as no mail domain has: "
	"\"exa_mple.org\""},
    {"[in]\ndomain = example.org\n",
	"conf:2: unknown setting domain in [in]: "
	"it belongs to [out]\n"},
    {"[signpost]\nlog\n", "conf:2: no `=` in this line"},
    {"[signpost]\n= x\n", "conf:2: no name before the `=`"},
    {"[signpost\n", "conf:1: a section is `[name]`"},
    {"[out] listen = 127.0.0.1:1\n", "conf:1: text behind a section's name"},
    {"[signpost]\n\n  info\n",
	"conf:3: an indented line goes on with a setting; here is none"},
    {"[signpost]\nlog_level = info\n  debug\n", "conf:3: log_level is no list"},
    {"[signpost]\nlog_level = info\nlog = json\nlog_level = debug\n",
	"conf:4: log_level was set before, at line 2"},
    {OUT "[in]\n[out]\nselector = t\n",
	"conf:7: selector was set before, at line 3"},
    {"[signpost]\nlog =\n", "conf:2: log has no value"},
    {"[signpost]\nlog = ; stderr\n", "conf:2: log has no value"},
    {"[signpost]\nlog = loud\n",
	"conf:2: log: \"loud\": is none of syslog, stderr, json"},
    {"[signpost]\nworkers = 0\n",
	"conf:2: workers: \"0\": is not a number from 1 to 64"},
    {"[signpost]\nworkers = 99999999999999999999\n", "conf:2: workers:"},
    {"[signpost]\nstop_timeout = -1\n", "conf:2: stop_timeout:"},
    {"[signpost]\nstop_timeout = 2w\n", "conf:2: stop_timeout:"},
    {"[signpost]\nwatchdog = 14s\n", "conf:2: watchdog:"},
    {"[out]\nspool_memory = 64q\n", "conf:2: spool_memory:"},
    {"[out]\nline_length = -1\n", "conf:2: line_length:"},
    {"[in]\nline_length = 2M\n", "conf:2: line_length:"},
    {"[in]\ntrusted = us\n", "conf:2: trusted: \"us\""},
    {"[out]\nspool_dir = spool\n",
	"conf:2: spool_dir: \"spool\": is not an "
	"absolute path"},
    {"[out]\nlisten = 127.0.0.1\n", "conf:2: listen: \"127.0.0.1\": not ADDR"},
    {"[out]\nlisten = 127.0.0.1:0\n", "the port is not 1 to 65535"},
    {"[out]\nlisten = 127.0.0.1:65536\n", "the port is not 1 to 65535"},
    {"[out]\nlisten = mail.example:25\n", "the host is no numeric address"},
    {"[out]\nlisten = 127.0.0.1:25 haproxy\n",
	"only `proxy`, `mode=` and `group=` may follow"},
    {"[out]\nlisten = unix:/x group=\n", "`group=` may follow"},
    {"[out]\nlisten = unix:/x mode=668\n", "mode= is not 0001 to 0777"},
    {"[out]\nlisten = unix:/x mode=1777\n", "mode= is not 0001 to 0777"},
    {"[out]\nlisten = 127.0.0.1:25 proxy mode=0666\n",
	"mode= and group= are for unix:/PATH alone"},
    {"[out]\nlisten = ::1:25\n", "conf:2: listen:"},
    {"[out]\nlisten = milter:127.0.0.1:25 proxy\n",
	"`proxy` is not for milter:"},
    {"[out]\nlisten = milter:127.0.0.1\n", "not ADDRESS:PORT"},
    {"[metrics]\nlisten = milter:127.0.0.1:25\n",
	"no milter is spoken in this section"},
    {"[out]\nsign_for = trusted\n",
	"sign_for: \"trusted\": is none of authenticated, local, none, and no "
	"network"},
    {"[out]\nlisten = unix:run/x\n", "unix: needs an absolute path"},
    {"[out]\nallow = 127.0.0.0/33\n", "the prefix is not 0 to 32"},
    {"[out]\nallow = 127.0.0.1/8\n", "bits are set behind the prefix"},
    {"[in]\nproxies = balancer\n", "conf:2: proxies: \"balancer\""},
    {"[out]\nallow = 127.0.0.0/8, ::1, me\n", "conf:2: allow: \"me\""},
    {"[out]\nsign_all = perhaps\n",
	"conf:2: sign_all: \"perhaps\": is not "
	"yes or no"},
    {"[out]\ndomain = exa mple.org\n", "conf:2: domain: "},
    {"[out]\ndomain = a\n  b..c\n", "conf:3: domain: \"b..c\""},
    {"[out]\nheaders = From, Su:bject, \x01\n", "conf:2: headers: "},
    {"[signpost]\nlog = a\x01\xff\n",
	"conf:2: log: \"a\\x01\\xff\": is none of"},
    /* one setting and another */
    {"[out]\ndomain = a.example\n", "conf:2: signature: no selector"},
    {"[out]\ndomain = a.example\nselector = s\n", "conf:2: signature: no key"},
    {"[out]\ndomain = a.example\nselector = s\nkeyfile = keys/x\n",
	"conf:4: keyfile: \"keys/x\": is not an absolute path"},
    {"[out]\ndomain = *\nselector = s\nkeyfile = /keys/x.pem\n",
	"conf:4: `domain = *` needs $domain in keyfile"},
    {"[out]\ndomain = a\nselector = s\nkeyfile = /keys/$user/x.pem\n",
	"conf:4: keyfile: unknown macro $user"},
    {"[out]\nselector = s\nkeyfile = /k\nsignature = dkim\n",
	"conf:4: signature: no domain"},
    {"[out]\nselector = s\n", "conf: [out] has nothing to sign"},
    {"[out]\nsign_all = yes\n", "conf:2: sign_all needs a `domain`"},
    {OUT "signature = dkim(a=md5)\n",
	"conf:5: signature: unknown algorithm \"md5\""},
    {OUT "signature = dkim(c=loose)\n", "unknown canonicalization \"loose\""},
    {OUT "signature = domainkeys(c=relaxed)\n",
	"unknown canonicalization \"relaxed\""},
    {OUT "signature = domainkeys(a=rsa-sha256)\n",
	"DomainKeys knows only rsa-sha1"},
    {OUT "signature = dkim(c=relaxed\n", "conf:5: signature: no ) at the end"},
    {OUT "signature = dkim(x=1)\n", "unknown option \"x\""},
    {OUT "signature = dkim(key=relative.pem)\n", "absolute path"},
    {OUT "signature = dkim(i=$from)\n", "unknown macro $from"},
    {OUT "signature = dkim(d=$domain)\n", "unknown macro $domain"},
    {OUT "signature = dkim(s=a b)\n", "no selector: \"a b\""},
    {OUT "signature = pgp\n", "a signature is dkim or domainkeys, not"},
    {OUT "sender_map = /nonexistent/map\n",
	"conf:5: sender_map: /nonexistent/map cannot be read: No such file"},
    {OUT "listen = 127.0.0.1:25\nrelay = 127.0.0.1:25\n",
	"conf:6: relay: is what [out] itself listens on"},
    {OUT "listen = [::]:25\nrelay = 127.0.0.1:25\n", "conf:6: relay: is what"},
    {OUT "listen = 127.0.0.1:1\nrelay = 127.0.0.1:2\n"
	 "[in]\nlisten = 127.0.0.1:2\nrelay = 127.0.0.1:1\n",
	"conf:6: relay: [out] and [in] relay to each other"},
    {OUT "listen = 127.0.0.1:1\nlisten = 127.0.0.1:1\n",
	"conf:5: listen: 127.0.0.1:1 is listened on already"},
    {OUT "listen = 127.0.0.1:1\n[in]\nlisten = 127.0.0.1:1\n",
	"conf:7: listen: 127.0.0.1:1 is listened on already"},
    {OUT "listen = 127.0.0.1:1\n[metrics]\nlisten = 127.0.0.1:1\n",
	"conf:7: listen: 127.0.0.1:1 is listened on already"},
    {OUT "[in]\nlisten = 127.0.0.1:1\n[metrics]\nlisten = 127.0.0.1:1\n",
	"conf:8: listen: 127.0.0.1:1 is listened on already"},
    {"[in]\nreject = dmarc\n",
	"conf:2: reject = dmarc needs `dmarc_except` or `arc_trusted`"},
    {"[in]\nauthserv_id = " LABEL LABEL LABEL LABEL LABEL LABEL LABEL "evil\n",
	"is no name of at most 320 octets, nor text in quotation marks"},
    {"[in]\nremove_fields = X-A, X B\n",
	"remove_fields: \"X B\": is no name of a header field"},
    {"[in]\nremove_fields = X:\n", "is no name of a header field"},
    {"[in]\npartial_body = fail\n", "conf:2: partial_body: "},
    {"[in]\nauthserv_id = two words\n", "is no name of at most"},
    {"[in]\nauthserv_id = \"open\n", "is no name of at most"},
    {"[in]\nauthserv_id = \"\"\n", "is no name of at most"},
    {"[in]\nauthserv_id = \"a\" b\n", "is no name of at most"},
    {"[in]\nreject = dmarc\ncheck = dkim\n",
	"conf:2: reject = dmarc, but `check` leaves dmarc out"},
    {OUT "[metrics]\nlisten = 127.0.0.1:1\nhosts = a..b\n",
	"hosts: \"a..b\": is no domain name"},
    {"[in]\n[reflector]\naddress = me\nrelay = 127.0.0.1:1\n",
	"conf:3: address: is no mail address"},
    {"[in]\n[reflector]\naddress = b\xc3\xbc@c.example\n",
	"conf:3: address: what stands before its @ must be ASCII"},
    {"[in]\n[reflector]\naddress = a@b..example\n",
	"conf:3: address: is no mail address"},
    {"[results]\nemail = b\xc3\xbc@c.example\n",
	"conf:2: email: what stands before its @ must be ASCII"},
    {"[in]\n[reflector]\nmax_per_client = 0\n", "conf:3: max_per_client: "},
    {"[in]\n[reflector]\nmax_per_hour_all = x\n", "conf:3: max_per_hour_all: "},
    {"[in]\n[reflector]\naddress = a@b\nrelay = 127.0.0.1:1\n",
	"conf:3: address: answers wait in [results] database"},
    {"[results]\nemail = a b@c\n", "conf:2: email: is no mail address"},
    {"[results]\ndatabase = here\n",
	"conf:2: database: \"here\": is not an absolute path"},
    {"[results]\nformat = csv\n",
	"conf:2: format: \"csv\": is none of rfc9990, rfc7489"},
    {"[results]\nkeep = 1d\n", "conf:2: keep: \"1d\": is not a time"},
    {"[in]\n[reflector]\naddress = a@b\n",
	"conf:3: [reflector] needs a `relay`"},
    {AUTO "keyfile = credential:$domain/$selector.pem\n",
	"conf:4: keyfile: a credential has a name"},
    {AUTO "keyfile = credential:dkim\n",
	"signature: selector auto: needs key files at "
	"/PATH/$domain/$selector.pem, and not at credential:dkim"},
    {AUTO "keyfile = /k/$domain.pem\n", "and not at /k/$domain.pem"},
    {AUTO "keyfile = /k/$selector/$domain/$selector.pem\n",
	"and not at /k/$selector/$domain/$selector.pem"},
    {AUTO "keyfile = /$domain/$selector.pem\n",
	"and not at /$domain/$selector.pem"},
    {OUT "signature = dkim(s=auto)\n", "conf:5: signature: selector auto: "},
    {"[in]\nseal_domain = a.example\nseal_selector = Auto\n"
     "seal_keyfile = /k/a\n",
	"conf:3: selector auto: needs key files at "},
    {OUT "before_published = no\n",
	"conf:5: before_published: \"no\": is none of unsigned, sign, "
	"tempfail"},
    {"[rotate]\nevery = 1h\n", "conf:2: every: \"1h\": is not a time"},
    {"[rotate]\nretire_after = 143h\n",
	"conf:2: retire_after: is under 6 days"},
    {OUT "ttl = 8d\n[rotate]\nretire_after = 7d\n",
	"conf:7: retire_after: is under `ttl` of [out]"},
    {"[rotate]\nname = a\n", "conf:2: name: is either one template"},
    {"[rotate]\nname =\n", "conf:2: name: is either one template"},
    {"[rotate]\nname = m%Y, a\n", "conf:2: name: is either one template"},
    {"[rotate]\nname = m%Y, n%m\n", "conf:2: name: is either one template"},
    {"[rotate]\nname = a, b, a\n", "conf:2: name: a is there twice"},
    {"[rotate]\nname = m%H\n", "name: \"m%H\": knows %Y, %m and %d"},
    {"[rotate]\nname = m%\n", "name: \"m%\": knows %Y, %m and %d"},
    {"[rotate]\nname = A%Y\n", "name: \"A%Y\": is no selector"},
    {"[rotate]\nname = a_%Y\n", "name: \"a_%Y\": is no selector"},
    {"[rotate]\nname = a/%Y\n", "name: \"a/%Y\": is no selector"},
    {"[rotate]\npublish = publish-nsupdate\n",
	"conf:2: publish: \"publish-nsupdate\": is not an absolute path"},
    {"[rotate]\nnotify = me\n", "conf:2: notify: is no mail address"},
    {"[rotate]\nresolver = ns.example\n",
	"resolver: \"ns.example\": is no name server's address"},
};

static void
test_refuses_with_file_and_line(void **state)
{
	struct proxy_report report;
	struct proxy_config *config;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		config = parse(refused[i].text, &report);
		if (config != NULL)
			fail_msg("taken: %s", refused[i].text);
		if (slice_search(strbuf_slice(&report.errors),
			slice_str(refused[i].error)) == report.errors.n)
			fail_msg("%s\nsays: %swant: %s", refused[i].text,
			    strbuf_text(&report.errors), refused[i].error);
		proxy_report_clear(&report);
	}
}

static void
test_shows_all_errors_at_once(void **state)
{
	struct proxy_report report;

	(void)state;
	assert_null(parse("[signpost]\nlog = loud\nworkers = many\nnonsense\n"
			  "[out]\nfoo = bar\n",
	    &report));
	assert_string_equal(strbuf_text(&report.errors),
	    "conf:2: log: \"loud\": is none of syslog, stderr, json\n"
	    "conf:3: workers: \"many\": is not a number from 1 to 64\n"
	    "conf:4: no `=` in this line: write NAME = VALUE\n"
	    "conf:6: unknown setting foo in [out]\n");
	proxy_report_clear(&report);
}

/* What somebody brings along is met with what it is here. */
static void
test_every_option_of_dkimproxys_has_an_answer(void **state)
{
	static const char *const names[] = {"listen", "relay", "relay_host",
	    "relay_port", "domain", "signature", "keyfile", "selector",
	    "method", "sender_map", "listid_map", "reject_error", "reject_fail",
	    "hostname", "user", "group", "pidfile", "daemonize", "conf_file",
	    "debugtrace", "word_wrap", "min_servers", "max_servers",
	    "min_spare_servers", "max_spare_servers", "max_requests"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(
		    proxy_dkimproxy_option_find(slice_str(names[i])));
	assert_non_null(proxy_dkimproxy_option_find(SLICE("--reject-error")));
	assert_null(proxy_dkimproxy_option_find(SLICE("reject")));
	/* Where the table says that ours is a setting, it is one. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct proxy_dkimproxy_option *option =
		    proxy_dkimproxy_option_find(slice_str(names[i]));
		const char *ours[] = {option->out, option->in};

		for (size_t k = 0; k < 2; k++) {
			struct proxy_report report;
			struct strbuf text;
			size_t end;

			if (ours[k] == NULL)
				continue;
			strbuf_init(&text, 1000);
			end = strcspn(ours[k], "]") + 1;
			strbuf_addf(&text, "%.*s\n%s = x\n", (int)end, ours[k],
			    ours[k] + end + 1);
			proxy_config_free(parse(strbuf_text(&text), &report));
			assert_int_equal(
			    slice_search(
				strbuf_slice(&report.errors), SLICE("unknown")),
			    report.errors.n);
			proxy_report_clear(&report);
			strbuf_clear(&text);
		}
	}
}

static void
test_refuses_a_nul_byte(void **state)
{
	struct proxy_report report;

	(void)state;
	proxy_report_init(&report);
	assert_null(proxy_config_parse(
	    "conf", SLICE("[signpost]\nlog = js\0on\n"), &report));
	assert_string_equal(
	    strbuf_text(&report.errors), "conf:2: a NUL byte\n");
	proxy_report_clear(&report);
}

/* inih alone would cut the line at 200 bytes, and the value at ` ;`. */
static void
test_knows_no_longest_line(void **state)
{
	struct strbuf text;
	struct proxy_config *c;
	unsigned i;

	(void)state;
	strbuf_init(&text, 8 << 20);
	strbuf_add_str(&text,
	    "[out]\nselector = s\nkeyfile = /k/$domain\n"
	    "domain = first.example");
	for (i = 0; i < 100000; i++)
		strbuf_addf(&text, ", domain%06u.example", i);
	strbuf_add_str(&text,
	    "\nsignature = dkim(i=@$senderdomain, s=t;u) ;"
	    " not dkim(s=u)\n");
	assert_false(text.full);
	c = NULL;
	{
		struct proxy_report report;

		proxy_report_init(&report);
		c = proxy_config_parse("conf", strbuf_slice(&text), &report);
		assert_null(c);
		/* `;` without white space before it belongs to the value. */
		assert_string_equal(strbuf_text(&report.errors),
		    "conf:5: signature: no selector: \"t;u\"\n");
		proxy_report_clear(&report);
	}
	text.p[slice_search(strbuf_slice(&text), SLICE("t;u")) + 1] = '-';
	c = must_parse(strbuf_text(&text));
	assert_int_equal(c->signing.domains.count, 100001);
	assert_true(proxy_index_find(c->signing.domain_set,
			SLICE("domain099999.example")) == 100000);
	assert_string_equal(c->signing.signatures.list[0].selector, "t-u");
	proxy_config_free(c);
	strbuf_clear(&text);
}

/* RFC 8601 section 2.2: a token, or a quoted string. */
static void
test_takes_any_id_of_ours(void **state)
{
	static const char *const want[] = {"mx.example.org",
	    "xn--bcher-kva.example", "gate_7!", "our \"own\", host; 2", "Last"};
	struct proxy_config *c =
	    must_parse("[in]\nlisten = 127.0.0.1:1\nrelay = 127.0.0.1:2\n"
		       "authserv_id = MX.Example.org, b\xc3\xbc"
		       "cher.example, gate_7!, \"our \\\"own\\\", host; 2\"\n"
		       "\t\"Last\"\n");

	(void)state;
	assert_int_equal(
	    c->checking.authserv_ids.count, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_string_equal(c->checking.authserv_ids.list[i], want[i]);
	proxy_config_free(c);
}

static void
test_goes_on_with_a_signature(void **state)
{
	struct proxy_config *c =
	    must_parse(OUT "signature = dkim(c=relaxed,\r\n\t a=rsa-sha256)\r\n"
			   "\tdomainkeys\n"
			   "signature = dkim(s=t),dkim(s=u)\n");

	(void)state;
	assert_int_equal(c->signing.signatures.count, 4);
	assert_int_equal(
	    c->signing.signatures.list[0].algorithm, DKIM_RSA_SHA256);
	assert_int_equal(c->signing.signatures.list[0].body_canon,
	    DKIM_CANON_SIMPLE); /* c=relaxed is relaxed/simple */
	assert_int_equal(c->signing.key_count, 3);
	proxy_config_free(c);
}

/* A rule for each kind of key that the signatures want. */
static void
test_a_selector_may_be_chosen_by_a_file(void **state)
{
	struct proxy_config *c =
	    must_parse(AUTO "keyfile = /k/$domain/$selector.pem\n"
			    "signature = dkim(a=rsa-sha256), dkim, domainkeys\n"
			    "signature = dkim(a=ed25519-sha256)\n"
			    "signature = dkim(s=fixed)\n"
			    "[in]\nseal_domain = a.example\n"
			    "seal_selector = AUTO\n"
			    "seal_keyfile = /k/$domain/$selector.pem\n");
	const struct proxy_signature *list = c->signing.signatures.list;
	const struct proxy_key_rule *keys = c->signing.keys;

	(void)state;
	assert_int_equal(c->signing.key_count, 4);
	assert_int_equal(list[0].key_rule, list[2].key_rule);
	assert_int_equal(list[0].key_rule, c->checking.seal.key_rule);
	assert_true(keys[list[0].key_rule].automatic);
	assert_int_equal(keys[list[0].key_rule].algorithm, DKIM_RSA_SHA256);
	assert_true(keys[list[1].key_rule].automatic);
	assert_int_equal(
	    keys[list[1].key_rule].algorithm, DKIM_ALGORITHM_UNKNOWN);
	assert_int_equal(keys[list[3].key_rule].algorithm, DKIM_ED25519_SHA256);
	assert_false(keys[list[4].key_rule].automatic);
	assert_int_equal(
	    c->signing.before_published, PROXY_BEFORE_PUBLISHED_UNSIGNED);
	proxy_config_free(c);
}

static void
test_keys_are_replaced_by_rules(void **state)
{
	struct proxy_config *c = must_parse(OUT "ttl = 30d\n");

	(void)state;
	assert_false(c->rotate.enabled);
	assert_int_equal(c->rotate.every, 180 * 86400);
	assert_int_equal(c->rotate.retire_after, 30 * 86400);
	assert_int_equal(c->rotate.names.count, 1);
	assert_string_equal(c->rotate.names.list[0], "m%Y%m");
	assert_string_equal(c->rotate.publish_user, "signpost-publish");
	assert_int_equal(c->rotate.publish_user_line, 0);
	proxy_config_free(c);
	c = must_parse("[rotate]\nevery = 90d\nretire_after = 6d\n"
		       "name = a, b\npublish = /p/publish --zone x\n"
		       "publish_user = nobody\nnotify = me@example.org\n"
		       "resolver = 127.0.0.1:5353, ::1\n");
	assert_true(c->rotate.enabled);
	assert_int_equal(c->rotate.every, 90 * 86400);
	assert_int_equal(c->rotate.retire_after, 6 * 86400);
	assert_string_equal(c->rotate.names.list[1], "b");
	assert_string_equal(c->rotate.publish, "/p/publish --zone x");
	assert_int_equal(c->rotate.publish_user_line, 6);
	assert_string_equal(c->rotate.notify, "me@example.org");
	assert_int_equal(c->rotate.resolver.count, 2);
	proxy_config_free(c);
	c = must_parse("[rotate]\n");
	assert_true(c->rotate.enabled);
	assert_int_equal(c->rotate.retire_after, 7 * 86400);
	proxy_config_free(c);
}

/* A first `signature =` takes the place of the DKIM that is made without. */
static void
test_warns_of_a_domain_without_dkim(void **state)
{
	static const struct {
		const char *lines;
		bool warned;
	} cases[] = {{"", false}, {"signature = domainkeys\n", true},
	    {"signature = domainkeys(c=nofws), domainkeys(c=simple)\n", true},
	    {"signature = domainkeys\nsignature = dkim\n", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_report report;
		struct proxy_config *config;
		struct strbuf text;

		strbuf_init(&text, 1000);
		strbuf_addf(&text, "%s%s", OUT, cases[i].lines);
		config = parse(strbuf_text(&text), &report);
		assert_non_null(config);
		assert_int_equal(
		    slice_starts_nocase(strbuf_slice(&report.warnings),
			SLICE("conf:5: signature: no line of it "
			      "makes a DKIM signature")),
		    cases[i].warned);
		proxy_report_clear(&report);
		proxy_config_free(config);
		strbuf_clear(&text);
	}
}

static void
test_warns_of_rsa_sha1_for_dkim(void **state)
{
	struct proxy_report report;
	struct proxy_config *c =
	    parse(OUT "signature = dkim(a=rsa-sha1)\n", &report);

	(void)state;
	assert_non_null(c);
	assert_int_equal(
	    c->signing.signatures.list[0].algorithm, DKIM_RSA_SHA256);
	assert_true(slice_starts_nocase(strbuf_slice(&report.warnings),
	    SLICE("conf:5: rsa-sha1 is forbidden")));
	proxy_config_free(c);
	proxy_report_clear(&report);
}

/* Reads with `name` for "file:line" what a file of that name holds. */
static void
test_a_worker_reads_the_same(void **state)
{
	char map[] = "/tmp/signpost-map-XXXXXX";
	int map_fd = mkstemp(map), fd;
	struct strbuf text;
	struct proxy_report report;
	struct proxy_config *first, *second;

	(void)state;
	assert_true(map_fd >= 0);
	assert_int_equal(write(map_fd, "a.example dkim(key=/a)\n", 23), 23);
	close(map_fd);
	strbuf_init(&text, 4096);
	strbuf_addf(&text, OUT "sender_map = %s\n", map);
	first = must_parse(strbuf_text(&text));
	fd = proxy_config_pack(first);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 0), -1); /* sealed */
	unlink(map);
	proxy_report_init(&report);
	second = proxy_config_unpack(fd, &report);
	if (second == NULL)
		fail_msg("%s", strbuf_text(&report.errors));
	assert_int_equal(second->signing.key_count, 2);
	assert_string_equal(second->signing.keys[1].file, "/a");
	assert_non_null(second->signing.sender_map);
	proxy_config_free(first);
	proxy_config_free(second);
	close(fd);
	proxy_report_clear(&report);
	strbuf_clear(&text);
}

static void
test_refuses_garbled_settings(void **state)
{
	static const struct slice packs[] = {SLICE_INIT("x"),
	    SLICE_INIT("4 9999999\nconf[out]"), SLICE_INIT("99 1\nconf"),
	    SLICE_INIT("0 18446744073709551615\n"), SLICE_INIT("\n\n\n")};
	struct proxy_report report;
	char path[] = "/tmp/signpost-pack-XXXXXX";
	int fd = mkstemp(path);
	size_t i;

	(void)state;
	unlink(path);
	for (i = 0; i < sizeof(packs) / sizeof(packs[0]); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(
		    pwrite(fd, packs[i].p, packs[i].n, 0), packs[i].n);
		proxy_report_init(&report);
		assert_null(proxy_config_unpack(fd, &report));
		assert_true(report.errors.n > 0);
		proxy_report_clear(&report);
	}
	close(fd);
}

static void
test_loads_a_file_or_says_why_not(void **state)
{
	struct proxy_report report;

	(void)state;
	proxy_report_init(&report);
	assert_null(proxy_config_load("/nonexistent/conf", &report));
	assert_string_equal(strbuf_text(&report.errors),
	    "/nonexistent/conf: cannot be read: No such file or "
	    "directory\n");
	proxy_report_clear(&report);
	proxy_report_init(&report);
	assert_null(proxy_config_load("/tmp", &report));
	assert_string_equal(strbuf_text(&report.errors),
	    "/tmp: cannot be read: Is a directory\n");
	proxy_report_clear(&report);
}

static void
test_names_what_the_machine_lacks(void **state)
{
	static const char text[] = "[signpost]\nuser = no-such-user\n" OUT
				   "spool_dir = /nonexistent/spool\n";
	struct proxy_config *c = must_parse(text);
	struct proxy_report report;
	struct slice errors;

	(void)state;
	proxy_report_init(&report);
	assert_int_equal(proxy_config_check_machine(c, &report), -1);
	errors = strbuf_slice(&report.errors);
	assert_true(
	    slice_search(errors, SLICE("[out] has no `listen`")) < errors.n);
	assert_true(
	    slice_search(errors, SLICE("[out] has no `relay`")) < errors.n);
	if (geteuid() == 0)
		assert_true(slice_search(errors,
				SLICE(":2: user no-such-user of [out] does not "
				      "exist")) < errors.n);
	else
		assert_true(slice_search(errors,
				SLICE(":7: spool_dir /nonexistent/spool is not "
				      "there: install -d")) < errors.n);
	proxy_report_clear(&report);
	proxy_config_free(c);
}

/* Those of roles that read no mail. */
static void
test_names_users_that_cannot_be(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"[signpost]\nuser = nobody\nkeys_user = no-such-user\n" OUT,
		":3: keys_user: user no-such-user does not exist; useradd "},
	    {"[signpost]\nuser = nobody\nkeys_user = nobody\n" OUT,
		":3: keys_user: nobody is the user of [out], which reads mail"},
	    {"[signpost]\nuser = nobody\nkeys_user = root\n" OUT,
		":3: keys_user: user root is root; the signers may have no "},
	    {"[results]\nuser = no-such-user\ndatabase = /tmp/none/x\n" OUT,
		":2: [results] user: user no-such-user does not exist; "},
	};

	(void)state;
	if (geteuid() != 0)
		fail_msg("needs root");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_config *c = must_parse(cases[i].text);
		struct proxy_report report;

		proxy_report_init(&report);
		assert_int_equal(proxy_config_check_machine(c, &report), -1);
		if (strstr(strbuf_text(&report.errors), cases[i].want) == NULL)
			fail_msg("%s", strbuf_text(&report.errors));
		proxy_report_clear(&report);
		proxy_config_free(c);
	}
}

static void
test_tells_a_spool_that_cannot_be_written(void **state)
{
	char dir[] = "/tmp/signpost-spool-XXXXXX";
	struct strbuf text;
	struct proxy_config *c;
	struct proxy_report report;

	(void)state;
	if (geteuid() != 0)
		fail_msg("needs root");
	assert_non_null(mkdtemp(dir));
	strbuf_init(&text, 4096);
	strbuf_addf(&text,
	    "[signpost]\nuser = nobody\n" OUT
	    "listen = 127.0.0.1:1\nrelay = 127.0.0.1:2\n"
	    "spool_dir = %s\n",
	    dir);
	c = must_parse(strbuf_text(&text));
	proxy_report_init(&report);
	assert_int_equal(proxy_config_check_machine(c, &report), -1);
	assert_true(slice_search(strbuf_slice(&report.errors),
			SLICE(" cannot be written by nobody: Permission")) <
	    report.errors.n);
	assert_true(slice_search(strbuf_slice(&report.errors),
			SLICE("conf:9: spool_dir")) < report.errors.n);
	proxy_report_clear(&report);
	assert_int_equal(chown(dir, 65534, 65534), 0);
	proxy_report_init(&report);
	if (proxy_config_check_machine(c, &report) != 0)
		fail_msg("%s", strbuf_text(&report.errors));
	proxy_report_clear(&report);
	proxy_config_free(c);
	strbuf_clear(&text);
	rmdir(dir);
}

/* The sample as it is installed, and with each of its examples taken. */
static void
test_reads_what_is_installed(void **state)
{
	static const char path[] = T_DATA "/../../etc/signpost.conf";
	struct proxy_report report;
	struct proxy_config *config;
	struct strbuf all;
	struct slice line, rest;
	FILE *file = fopen(path, "re");
	char text[512];

	(void)state;
	proxy_report_init(&report);
	config = proxy_config_load(path, &report);
	if (config == NULL)
		fail_msg("%s", strbuf_text(&report.errors));
	assert_true(config->fronts[0].enabled);
	assert_false(config->fronts[1].enabled);
	proxy_config_free(config);
	assert_non_null(file);
	strbuf_init(&all, 65536);
	while (fgets(text, sizeof(text), file) != NULL) {
		line = slice_str(text);
		rest = line;
		/* `#name = ` and `#[name]`, but no file that is not there. */
		if (text[0] == '#' &&
		    (ascii_is_alpha(text[1]) || text[1] == '['))
			rest = slice_after(line, 1);
		if (slice_search(line, SLICE("_map =")) == line.n)
			strbuf_add(&all, rest);
	}
	fclose(file);
	config = proxy_config_parse("sample", strbuf_slice(&all), &report);
	if (config == NULL)
		fail_msg("%s", strbuf_text(&report.errors));
	assert_true(config->fronts[1].enabled);
	assert_int_equal(config->signing.signatures.count, 2);
	assert_string_equal(
	    config->reflector.address, "check-auth@example.org");
	assert_int_equal(report.warnings.n, 0);
	proxy_config_free(config);
	proxy_report_clear(&report);
	strbuf_clear(&all);
}

static void
test_networks_within_networks(void **state)
{
	static const struct {
		const char *inner;
		bool within; /* 10.128.0.0/9 or 2001:db8::/33 */
	} cases[] = {
	    {"10.128.0.0/9", true},
	    {"10.200.1.0/24", true},
	    {"10.255.255.255", true},
	    {"10.0.0.0/8", false},
	    {"10.127.0.0/16", false},
	    {"2001:db8:1::/48", true},
	    {"2001:db8:8000::/48", false},
	    {"::/0", false},
	    {"::ffff:10.128.0.0/105", false},
	};
	struct proxy_network list[2], inner;
	const struct proxy_networks networks = {list, 2};
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 200);
	assert_int_equal(
	    proxy_network_parse(SLICE("10.128.0.0/9"), &list[0], &reason), 0);
	assert_int_equal(
	    proxy_network_parse(SLICE("2001:db8::/33"), &list[1], &reason), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(proxy_network_parse(slice_str(cases[i].inner),
				     &inner, &reason),
		    0);
		assert_int_equal(
		    proxy_networks_cover(&networks, &inner), cases[i].within);
	}
	assert_true(proxy_network_is_within(&list[0], &list[0]));
	assert_false(proxy_network_is_within(&list[0], &list[1]));
	strbuf_clear(&reason);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_the_sample),
	    cmocka_unit_test(test_has_one_default_in_one_place),
	    cmocka_unit_test(test_fills_in_what_is_left_out),
	    cmocka_unit_test(test_refuses_with_file_and_line),
	    cmocka_unit_test(test_shows_all_errors_at_once),
	    cmocka_unit_test(test_every_option_of_dkimproxys_has_an_answer),
	    cmocka_unit_test(test_refuses_a_nul_byte),
	    cmocka_unit_test(test_knows_no_longest_line),
	    cmocka_unit_test(test_takes_any_id_of_ours),
	    cmocka_unit_test(test_goes_on_with_a_signature),
	    cmocka_unit_test(test_a_selector_may_be_chosen_by_a_file),
	    cmocka_unit_test(test_keys_are_replaced_by_rules),
	    cmocka_unit_test(test_warns_of_a_domain_without_dkim),
	    cmocka_unit_test(test_warns_of_rsa_sha1_for_dkim),
	    cmocka_unit_test(test_a_worker_reads_the_same),
	    cmocka_unit_test(test_refuses_garbled_settings),
	    cmocka_unit_test(test_loads_a_file_or_says_why_not),
	    cmocka_unit_test(test_reads_what_is_installed),
	    cmocka_unit_test(test_networks_within_networks),
	    cmocka_unit_test(test_names_what_the_machine_lacks),
	    cmocka_unit_test(test_names_users_that_cannot_be),
	    cmocka_unit_test(test_tells_a_spool_that_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
