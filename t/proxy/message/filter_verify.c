/* proxy/message/filter_verify: what comes out of a message, with a real
 * resolver and a real name server. Results themselves are t/auth's affair. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "dns/resolver.h"
#include "mail/reader.h"
#include "proxy/figures/counters.h"
#include "proxy/message/filter_verify.h"
#include "proxy/message/resolving.h"
#include "proxy/message/splice.h"
#include "t/lib/nameserver.h"
#include "t/lib/unit.h"

enum { OUT_MAX = 100000, PATIENCE_S = 30, HEADER_MAX = 20000 };

#define OURS "Authentication-Results: mx.example.org;"

static bool
has_note(const struct proxy_journal *journal, const char *name)
{
	for (size_t i = 0; i < journal->note_count; i++)
		if (strcmp(journal->notes[i].name, name) == 0)
			return true;
	return false;
}

static struct nameserver *nsd, *hostile;

/* A configuration, a resolver, and what became of one message. */
struct rig {
	struct proxy_config *config;
	struct event_base *base;
	struct proxy_verify_env env;
	struct proxy_envelope envelope;
	struct proxy_journal journal;
	const struct mail_header *header;
	struct proxy_edit *edit;
	struct proxy_again again;
	void *filter;
	bool silent; /* nobody named the client */
	bool done;
	unsigned code;
	char text[256];
	char out[OUT_MAX];
	size_t checked; /* how often the hook was told, and of what */
	size_t results;
};

static void
on_checked(void *ctx, const struct proxy_filter_job *job,
    const struct auth_results *results, enum proxy_verdict verdict)
{
	struct rig *rig = ctx;

	(void)verdict;
	assert_ptr_equal(job->envelope, &rig->envelope);
	rig->checked++;
	rig->results = results->count;
}

static struct rig *
rig_new(const char *in, const struct nameserver *server)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));
	struct proxy_report report;
	struct strbuf text;

	strbuf_init(&text, 10000);
	(void)strbuf_addf(&text,
	    "[in]\nlisten = 127.0.0.1:10025\nrelay = 127.0.0.1:10026\n"
	    "authserv_id = mx.example.org, old.example.org\n%s\n"
	    "[dns]\nnameserver = %s\ntimeout = 1\n",
	    in, nameserver_address(server));
	proxy_report_init(&report);
	rig->config = proxy_config_parse("test", strbuf_slice(&text), &report);
	if (rig->config == NULL)
		print_error("%s", strbuf_text(&report.errors));
	assert_non_null(rig->config);
	proxy_report_clear(&report);
	strbuf_clear(&text);
	rig->base = event_base_new();
	rig->env = (struct proxy_verify_env){.config = rig->config,
	    .base = rig->base,
	    .resolver =
		proxy_resolver_new(rig->base, &rig->config->dns, NULL, NULL),
	    .checked = on_checked,
	    .ctx = rig};
	proxy_verify_env_init(&rig->env);
	proxy_envelope_init(&rig->envelope);
	proxy_journal_init(&rig->journal);
	rig->edit = proxy_edit_new();
	return rig;
}

static void
rig_free(struct rig *rig)
{
	proxy_verify_env_clear(&rig->env);
	dns_resolver_free(rig->env.resolver);
	event_base_free(rig->base);
	proxy_config_free(rig->config);
	proxy_envelope_clear(&rig->envelope);
	proxy_journal_clear(&rig->journal);
	proxy_edit_free(rig->edit);
	free(rig);
}

static void
on_header(void *ctx, const struct mail_header *header)
{
	struct rig *rig = ctx;

	rig->header = header;
	proxy_filter_verify.header(rig->filter, header);
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct rig *rig = ctx;

	proxy_filter_verify.body(rig->filter, chunk);
}

static void
on_outcome(void *ctx, const struct proxy_outcome *outcome)
{
	struct rig *rig = ctx;

	rig->done = true;
	rig->code = outcome->verdict == PROXY_PASS ? 0
	    : outcome->verdict == PROXY_REFUSE	   ? 550
						   : 451;
	if (rig->code != 0)
		snprintf(rig->text, sizeof(rig->text), "%c.%s %s",
		    rig->code == 550 ? '5' : '4',
		    proxy_cause_code(outcome->cause), outcome->text);
	(void)event_base_loopbreak(rig->base);
}

static void
play(struct rig *rig, struct slice message)
{
	int dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct proxy_splice splice;
	struct proxy_quota quota;
	struct proxy_spool_files *files;
	struct proxy_spool *spool;
	_Atomic uint64_t slot;
	size_t n = 0;
	ssize_t got;

	proxy_quota_init(&quota, &slot, 0);
	files = proxy_spool_files_new(dir_fd);
	spool = proxy_spool_new(1 << 20, files, &quota);
	assert_int_equal(proxy_spool_append(spool, message), PROXY_SPOOL_OK);
	proxy_splice_begin(&splice, spool, rig->header, rig->edit);
	while ((got = proxy_splice_next(
		    &splice, rig->out + n, OUT_MAX - 1 - n)) > 0)
		n += (size_t)got;
	assert_int_equal(got, 0);
	rig->out[n] = '\0';
	proxy_spool_free(spool);
	proxy_spool_files_free(files);
	(void)close(dir_fd);
}

/* One message from a client ("": not known) through the filter. */
static void
pass_message(struct rig *rig, const char *client, struct slice message)
{
	static const struct mail_reader_ops ops = {on_header, on_body};
	struct timeval patience = {.tv_sec = PATIENCE_S};
	struct proxy_filter_job job = {
	    .envelope = &rig->envelope,
	    .journal = &rig->journal,
	    .edit = rig->edit,
	    .again = &rig->again,
	};
	struct mail_reader *reader = mail_reader_new(HEADER_MAX, &ops, rig);
	const struct mail_header *part;
	struct slice rest;

	(void)strbuf_add_str(&rig->envelope.client_address, client);
	(void)strbuf_add_str(&rig->envelope.client_helo, "helo.test");
	(void)strbuf_add_str(&rig->envelope.sender, "a@spf.test");
	rig->envelope.client_told = !rig->silent;
	rig->filter = proxy_filter_verify.begin(&rig->env, &job);
	if (mail_reader_write(reader, message) != 0 ||
	    mail_reader_end(reader) != 0) {
		rig->header = part = mail_reader_partial(reader, &rest);
		proxy_filter_verify.no_header(
		    rig->filter, mail_reader_reason(reader), part);
	}
	proxy_filter_verify.end(rig->filter, on_outcome, rig);
	if (!rig->done) {
		(void)event_base_loopexit(rig->base, &patience);
		(void)event_base_dispatch(rig->base);
	}
	assert_true(rig->done);
	proxy_filter_verify.free(rig->filter);
	if (rig->code == 0)
		play(rig, message);
	mail_reader_free(reader);
}

/* Without its folding. */
static const char *
unfolded(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		if (from[0] == '\r' && from[1] == '\n' && from[2] == '\t')
			from += 2;
		*to++ = *from == '\t' ? ' ' : *from;
	}
	*to = '\0';
	return text;
}

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		print_error("\"%s\" is not in:\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

static void
assert_ends(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	assert_true(n >= m);
	assert_string_equal(text + n - m, end);
}

static void
test_our_field_is_on_top_and_the_rest_untouched(void **state)
{
	struct rig *rig = rig_new("check = spf", nsd);

	(void)state;
	pass_message(rig, "192.0.2.1",
	    SLICE("Received: x\r\nFrom: a@spf.test\r\n\r\nbody\r\n"));
	assert_int_equal(rig->code, 0);
	assert_memory_equal(rig->out, OURS, strlen(OURS));
	assert_has(rig->out, "spf=pass");
	assert_ends(
	    rig->out, "\r\nReceived: x\r\nFrom: a@spf.test\r\n\r\nbody\r\n");
	assert_true(has_note(&rig->journal, "spf"));
	assert_int_equal(rig->checked, 1);
	assert_true(rig->results > 0);
	rig_free(rig);
}

static void
test_forged_fields_are_gone_and_others_stay(void **state)
{
	struct rig *rig = rig_new("check = spf", nsd);

	(void)state;
	pass_message(rig, "192.0.2.1",
	    SLICE("Authentication-Results: mx.example.org; dkim=pass\r\n"
		  "AUTHENTICATION-RESULTS:\r\n (c) \"MX.Example.ORG\" 1;\r\n"
		  "\tdkim=pass\r\n"
		  "Authentication-Results: other.example; dkim=pass\r\n"
		  "From: a@spf.test\r\n"
		  "Authentication-Results : old.example.org; spf=pass\r\n"
		  "Authentication-Results: \"unclosed; spf=pass\r\n"
		  "X-Authentication-Results: mx.example.org; spf=pass\r\n"
		  "\r\n"
		  "Authentication-Results: mx.example.org; in the body\r\n"));
	assert_ends(rig->out,
	    "\r\nAuthentication-Results: other.example; dkim=pass\r\n"
	    "From: a@spf.test\r\n"
	    "X-Authentication-Results: mx.example.org; spf=pass\r\n"
	    "\r\n"
	    "Authentication-Results: mx.example.org; in the body\r\n");
	assert_null(strstr(rig->out, "dkim=pass\r\n\tdkim=pass"));
	assert_true(has_note(&rig->journal, "forged"));
	rig_free(rig);
}

/* Trust is for clients that somebody named: a peer that names none may hand
 * on anyone's mail. */
static void
test_only_a_client_that_was_named_is_trusted(void **state)
{
	static const struct {
		const char *in, *client;
		bool silent, trusted;
	} cases[] = {
	    {"", "127.0.0.1", false, true},
	    {"", "::1", false, true},
	    {"", "127.0.0.1", true, false},
	    {"", "192.0.2.1", false, false},
	    {"", "", false, false},
	    {"trusted = 192.0.2.0/24\n", "192.0.2.1", false, true},
	    {"trusted = 192.0.2.0/24\n", "192.0.2.1", true, false},
	    {"trusted = 192.0.2.0/24\n", "127.0.0.1", false, false},
	    {"trusted =\n", "127.0.0.1", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_counters counters = {0};
		struct rig *rig = rig_new(cases[i].in, nsd);

		rig->env.counters = &counters;
		rig->silent = cases[i].silent;
		pass_message(rig, cases[i].client,
		    SLICE("From: a@spf.test\r\n\r\nbody\r\n"));
		assert_int_equal(
		    has_note(&rig->journal, "trusted"), cases[i].trusted);
		assert_int_equal(
		    proxy_counter_get(&counters, PROXY_COUNT_TRUSTED),
		    cases[i].trusted);
		assert_int_equal(
		    strstr(rig->out, "dmarc=") == NULL, cases[i].trusted);
		rig_free(rig);
	}
}

/* It is refused where anything is, and else marked. What was read of it is
 * known, so what claims to be ours is out. */
static void
test_too_large_a_header_is_marked(void **state)
{
	static const struct {
		const char *in, *client;
		unsigned code;
		const char *has, *has_not;
	} cases[] = {
	    {"check = dkim, spf, dmarc", "192.0.2.1", 0,
		"dkim=permerror reason=\"the header is too large to be "
		"checked\"",
		"forged"},
	    {"check = dkim, spf, dmarc", "192.0.2.1", 0, "spf=pass", "forged"},
	    {"check = dkim, spf, dmarc", "192.0.2.1", 0, "dmarc=permerror",
		"dkim=pass"},
	    {"reject = spf", "192.0.2.1", 550, "", NULL},
	    {"reject = spf\ntrusted = 10.0.0.0/8", "10.1.2.3", 0,
		"dkim=permerror", "dmarc="},
	};
	struct strbuf message;

	(void)state;
	strbuf_init(&message, 100000);
	(void)strbuf_add_str(&message,
	    "A: b\r\n"
	    "Authentication-Results: mx.example.org; dkim=pass "
	    "(forged)\r\nX: ");
	for (int i = 0; i < HEADER_MAX; i++)
		(void)strbuf_add_char(&message, 'x');
	(void)strbuf_add_str(&message, "\r\n\r\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new(cases[i].in, nsd);

		pass_message(rig, cases[i].client, strbuf_slice(&message));
		assert_int_equal(rig->code, cases[i].code);
		if (rig->code != 0)
			assert_has(rig->text, "5.6.0 ");
		else
			assert_has(unfolded(rig->out), cases[i].has);
		if (cases[i].has_not != NULL)
			assert_null(strstr(rig->out, cases[i].has_not));
		rig_free(rig);
	}
	strbuf_clear(&message);
}

/* Of every field, what another field of ours would be. */
static void
test_which_fields_of_such_a_header_go(void **state)
{
	static const struct {
		const char *name, *value;
		bool whole, dropped;
	} cases[] = {
	    {"Authentication-Results", " mx.example.org; x", true, true},
	    {"Authentication-Results", " mx.example.net; x", true, false},
	    {"authentication-results", " mx.example.net; x", false, true},
	    {"BIMI-Location", " x", true, true},
	    {"BIMI-Location", " x", false, true},
	    {"X-Long", " x", false, false},
	};
	struct rig *rig = rig_new("", nsd);
	struct proxy_filter_job job = {
	    .envelope = &rig->envelope,
	    .journal = &rig->journal,
	    .edit = rig->edit,
	    .again = &rig->again,
	};

	(void)state;
	rig->filter = proxy_filter_verify.begin(&rig->env, &job);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_field field = {.name = slice_str(cases[i].name),
		    .value = slice_str(cases[i].value)};

		assert_int_equal(proxy_filter_verify.drops(
				     rig->filter, &field, cases[i].whole),
		    cases[i].dropped);
	}
	proxy_filter_verify.free(rig->filter);
	rig_free(rig);
}

static void
test_refusal_and_trust(void **state)
{
	static const struct {
		const char *client, *in;
		unsigned code;
		const char *part;
	} cases[] = {
	    {"198.51.100.1", "check = spf\nreject = spf", 550, "5.7.23"},
	    {"192.0.2.1", "check = spf\nreject = spf", 0, "spf=pass"},
	    {"198.51.100.1", "check = spf", 0, "spf=fail"},
	    {"198.51.100.1",
		"check = spf, dkim\nreject = spf\ntrusted = 198.51.100.0/24", 0,
		"dkim=none"},
	    {"", "check = spf, dkim\nreject = spf", 0, "dkim=none"},
	    {"198.51.100.1", "check = dkim\nreject = dkim-required", 550,
		"5.7.20"},
	    {"192.0.2.1", "check = dkim\nreject = dkim", 0, "dkim=none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new(cases[i].in, nsd);

		pass_message(rig, cases[i].client,
		    SLICE("From: a@spf.test\r\n\r\nbody\r\n"));
		assert_int_equal(rig->code, cases[i].code);
		assert_has(rig->code ? rig->text : rig->out, cases[i].part);
		if (strcmp(cases[i].client, "") == 0)
			assert_null(strstr(rig->out, "spf="));
		rig_free(rig);
	}
}

static void
test_silence_ends_at_the_deadline(void **state)
{
	struct rig *rig = rig_new("check = spf\nreject = spf", hostile);

	(void)state;
	strbuf_reset(&rig->envelope.sender);
	pass_message(rig, "192.0.2.1", SLICE("From: a@b.c\r\n\r\n"));
	assert_int_equal(rig->code, 0);
	rig_free(rig);
	rig = rig_new("check = dkim\non_dns_error = tempfail", hostile);
	pass_message(rig, "192.0.2.1",
	    SLICE(
		"DKIM-Signature: v=1; a=rsa-sha256; d=test; s=silent;\r\n"
		" h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
		" c=relaxed/relaxed; b=AAAA\r\nFrom: a@test\r\n\r\n"));
	assert_int_equal(rig->code, 451);
	assert_has(rig->text, "4.7.5 ");
	rig_free(rig);
}

static void
test_freed_at_any_stage(void **state)
{
	static const struct slice message =
	    SLICE_INIT("From: a@spf.test\r\n\r\nbody\r\n");
	static const struct mail_reader_ops ops = {on_header, on_body};

	(void)state;
	for (int stage = 0; stage < 3; stage++) {
		struct rig *rig = rig_new("check = spf, dkim", hostile);
		struct proxy_filter_job job = {
		    .envelope = &rig->envelope,
		    .journal = &rig->journal,
		    .edit = rig->edit,
		    .again = &rig->again,
		};
		struct mail_reader *reader =
		    mail_reader_new(HEADER_MAX, &ops, rig);

		(void)strbuf_add_str(
		    &rig->envelope.client_address, "192.0.2.1");
		(void)strbuf_add_str(&rig->envelope.sender, "a@silent.test");
		rig->envelope.client_told = true;
		rig->filter = proxy_filter_verify.begin(&rig->env, &job);
		if (stage > 0)
			assert_int_equal(mail_reader_write(reader, message), 0);
		if (stage > 1)
			proxy_filter_verify.end(rig->filter, on_outcome, rig);
		proxy_filter_verify.free(rig->filter);
		assert_false(rig->done);
		mail_reader_free(reader);
		rig_free(rig);
	}
}

static int
start_servers(void **state)
{
	(void)state;
	nsd =
	    nameserver_start_nsd("spf.test TXT v=spf1 ip4:192.0.2.0/24 -all\n");
	hostile = nameserver_start_hostile();
	return 0;
}

static int
stop_servers(void **state)
{
	(void)state;
	nameserver_stop(nsd);
	nameserver_stop(hostile);
	return 0;
}

/* Who may be refused for the sender, as it is known at MAIL. */
static void
test_whose_sender_must_be_read(void **state)
{
	static const struct {
		const char *in, *client;
		bool told, queued, judged;
	} cases[] = {
	    {"", "192.0.2.1", true, false, false},
	    {"reject = dkim-required", "192.0.2.1", true, false, false},
	    {"reject = spf", "192.0.2.1", true, false, true},
	    {"reject = spf", "", false, false, true},
	    {"reject = spf", "192.0.2.1", true, true, true},
	    {"reject = spf\ntrusted = 192.0.2.0/24", "192.0.2.1", true, false,
		false},
	    {"reject = spf\ntrusted = 192.0.2.0/24", "192.0.2.1", false, false,
		true},
	    {"reject = dmarc\ndmarc_except =", "192.0.2.1", true, false, true},
	    {"reject = dmarc\ndmarc_except =", "192.0.2.1", true, true, false},
	    {"reject = dmarc\ndmarc_except = 192.0.2.1", "192.0.2.1", true,
		false, false},
	    {"reject = dmarc, spf\ndmarc_except = 192.0.2.1", "192.0.2.1", true,
		false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new(cases[i].in, nsd);

		strbuf_add_str(&rig->envelope.client_address, cases[i].client);
		rig->envelope.client_told = cases[i].told;
		rig->envelope.queued = cases[i].queued;
		if (proxy_filter_verify.judges_sender(
			&rig->env, &rig->envelope) != cases[i].judged)
			print_error("case %zu\n", i);
		assert_int_equal(proxy_filter_verify.judges_sender(
				     &rig->env, &rig->envelope),
		    cases[i].judged);
		rig_free(rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_our_field_is_on_top_and_the_rest_untouched),
	    cmocka_unit_test(test_forged_fields_are_gone_and_others_stay),
	    cmocka_unit_test(test_only_a_client_that_was_named_is_trusted),
	    cmocka_unit_test(test_too_large_a_header_is_marked),
	    cmocka_unit_test(test_which_fields_of_such_a_header_go),
	    cmocka_unit_test(test_refusal_and_trust),
	    cmocka_unit_test(test_whose_sender_must_be_read),
	    cmocka_unit_test(test_silence_ends_at_the_deadline),
	    cmocka_unit_test(test_freed_at_any_stage),
	};

	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
