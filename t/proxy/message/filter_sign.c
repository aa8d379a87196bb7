/* What is signed, what is not and why, and who is told. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "mail/header.h"
#include "proxy/message/filter_sign.h"
#include "t/lib/signing_desk.h"
#include "t/lib/unit.h"

enum { PATIENCE_S = 10, OUT_MAX = 300000, HEADER_MAX = 1 << 20 };

/* --- keys: DIR/NAME, copies of those of t/data --- */

static char dir[] = "/tmp/signpost-sign-XXXXXX";

static void
put_key(const char *name, const char *data)
{
	char from[512], to[512], bytes[8192];
	ssize_t n;
	int fd;

	snprintf(from, sizeof(from), "%s/dkim/%s", T_DATA, data);
	snprintf(to, sizeof(to), "%s/%s", dir, name);
	fd = open(from, O_RDONLY | O_CLOEXEC);
	n = read(fd, bytes, sizeof(bytes));
	assert_true(n > 0);
	close(fd);
	fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, bytes, (size_t)n), n);
	close(fd);
}

static int
make_keys(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	put_key("example.org", "rsa2048.pem");
	put_key("ed.example", "ed25519.pem");
	put_key("other", "rsa1024.pem");
	return 0;
}

static int
remove_keys(void **state)
{
	DIR *open_dir = opendir(dir);
	const struct dirent *entry;

	(void)state;
	while ((entry = readdir(open_dir)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(open_dir), entry->d_name, 0);
	closedir(open_dir);
	return rmdir(dir);
}

/* --- the rig --- */

struct rig {
	struct event_base *base;
	struct proxy_config *config;
	struct proxy_counters counters;
	struct signing_desk desk;
	struct proxy_sign_env env;
	struct proxy_envelope envelope;
	struct proxy_journal journal;
	struct proxy_edit *edit;
	struct proxy_again again;
	struct mail_header *header;
	void *filter;
	bool done;
	unsigned passing; /* how often it was told that it will pass */
	unsigned code;
	struct strbuf notes; /* "name=value " each */
	struct strbuf top;
};

/* `out` is for [out]; DIR in it becomes the keys' directory. */
static struct rig *
rig_new(const char *out)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));
	struct slice rest = slice_str(out);
	struct proxy_report report;
	struct strbuf text;

	strbuf_init(&text, 10000);
	(void)strbuf_addf(&text,
	    "[signpost]\nuser = nobody\n[out]\nselector = s\n"
	    "keyfile = %s/$domain\n",
	    dir);
	while (rest.n > 0) {
		size_t at = slice_search(rest, SLICE("DIR"));

		(void)strbuf_add(&text, slice_first(rest, at));
		if (at < rest.n)
			(void)strbuf_add_str(&text, dir);
		rest = slice_after(rest, at + 3);
	}
	proxy_report_init(&report);
	rig->config = proxy_config_parse("test", strbuf_slice(&text), &report);
	if (rig->config == NULL)
		print_error("%s", strbuf_text(&report.errors));
	assert_non_null(rig->config);
	proxy_report_clear(&report);
	strbuf_clear(&text);
	rig->base = event_base_new();
	rig->env = (struct proxy_sign_env){.config = rig->config,
	    .signers = proxy_signers_new(rig->base, 10),
	    .text_max = HEADER_MAX + PROXY_SIGN_TEXT_OVER,
	    .built_in = dkim_field_list_new(),
	    .counters = &rig->counters};
	signing_desk_init(&rig->desk, rig->base, rig->config, NULL);
	proxy_signers_add(rig->env.signers,
	    signing_desk_ask(
		&rig->desk, proxy_front_with(rig->config, PROXY_FILTER_SIGN)));
	proxy_envelope_init(&rig->envelope);
	proxy_journal_init(&rig->journal);
	rig->edit = proxy_edit_new();
	strbuf_init(&rig->notes, 10000);
	strbuf_init(&rig->top, OUT_MAX);
	return rig;
}

static void
rig_free(struct rig *rig)
{
	proxy_signers_free(rig->env.signers);
	signing_desk_clear(&rig->desk);
	dkim_field_list_free(rig->env.built_in);
	event_base_free(rig->base);
	proxy_config_free(rig->config);
	proxy_envelope_clear(&rig->envelope);
	proxy_journal_clear(&rig->journal);
	proxy_edit_free(rig->edit);
	mail_header_free(rig->header);
	strbuf_clear(&rig->notes);
	strbuf_clear(&rig->top);
	free(rig);
}

static void
on_passing(void *ctx)
{
	struct rig *rig = ctx;

	assert_false(rig->done);
	rig->passing++;
}

static void
on_outcome(void *ctx, const struct proxy_outcome *outcome)
{
	struct rig *rig = ctx;

	assert_false(rig->done);
	rig->done = true;
	rig->code = outcome->verdict == PROXY_PASS ? 0
	    : outcome->verdict == PROXY_REFUSE	   ? 550
						   : 451;
	assert_int_equal(rig->code != 0, outcome->text != NULL);
	(void)event_base_loopbreak(rig->base);
}

/* So long as anything is to come. */
static void
run(struct rig *rig)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};

	(void)event_base_loopexit(rig->base, &patience);
	(void)event_base_dispatch(rig->base);
}

static void
turns(struct rig *rig, int count)
{
	while (count-- > 0)
		(void)event_base_loop(rig->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void
begin(struct rig *rig, struct slice header)
{
	struct proxy_filter_job job = {
	    .envelope = &rig->envelope,
	    .journal = &rig->journal,
	    .edit = rig->edit,
	    .again = &rig->again,
	    .passing = on_passing,
	    .ctx = rig,
	};

	rig->filter = proxy_filter_sign.begin(&rig->env, &job);
	if (header.p == NULL) {
		proxy_filter_sign.no_header(rig->filter, "none", NULL);
		return;
	}
	rig->header = mail_header_parse(header, HEADER_MAX);
	assert_non_null(rig->header);
	proxy_filter_sign.header(rig->filter, rig->header);
}

static void
finish(struct rig *rig)
{
	proxy_filter_sign.body(rig->filter, SLICE("Hello\r\n"));
	proxy_filter_sign.end(rig->filter, on_outcome, rig);
	if (!rig->done)
		run(rig);
	assert_true(rig->done);
	proxy_filter_sign.free(rig->filter);
	for (size_t i = 0; i < rig->journal.note_count; i++) {
		const struct proxy_note *note = &rig->journal.notes[i];

		(void)strbuf_addf(&rig->notes, "%s=", note->name);
		(void)strbuf_add(&rig->notes,
		    slice_from(rig->journal.text.p + note->at, note->n));
		(void)strbuf_add_char(&rig->notes, ' ');
	}
	(void)strbuf_add(&rig->top, proxy_edit_top_fields(rig->edit));
}

static size_t
count_of(const struct strbuf *text, const char *what)
{
	struct slice rest = strbuf_slice(text);
	size_t n = strlen(what), count = 0;

	for (;; count++) {
		size_t at = slice_search(rest, slice_str(what));

		if (at == rest.n)
			return count;
		rest = slice_after(rest, at + n);
	}
}

#define ORG    "From: a@example.org\r\n\r\n"
#define ED     "From: a@ed.example\r\n\r\n"
#define SENT   "Sender: b@example.net\r\nFrom: a@example.org\r\n\r\n"
#define CR     "From: a@example.org\r\nSubject: a\rb\r\n\r\n"
#define DKIM   "signature = dkim(c=relaxed/relaxed)\n"
#define SIMPLE "signature = dkim(c=simple/simple)\n"
#define GONE   "signature = dkim(c=relaxed, s=gone, key=DIR/gone)\n"
#define OTHER  "signature = dkim(c=relaxed, s=other, key=DIR/other)\n"
#define KEYS   "signature = domainkeys(c=nofws)\n"
#define OWN    "domain = example.org, ed.example\n"
#define ANY    "domain = *\n"

static const struct {
	const char *out, *header;
	unsigned code;
	size_t signatures;
	const char *notes;
} messages[] = {
    {OWN DKIM, ORG, 0, 1,
	"signed=dkim:example.org:s:rsa-sha256 "
	"rule=domain:example.org "},
    {OWN DKIM, ED, 0, 1,
	"signed=dkim:ed.example:s:ed25519-sha256 "
	"rule=domain:ed.example "},
    {OWN DKIM KEYS, ORG, 0, 2,
	"signed=dkim:example.org:s:rsa-sha256,"
	"domainkeys:example.org:s:rsa-sha1 rule=domain:example.org "},
    /* Not ours. */
    {OWN DKIM, "From: a@example.net\r\n\r\n", 0, 0,
	"unsigned=no-key-for-domain:example.net "},
    /* The sender could mend it. */
    {OWN DKIM, "To: b@example.net\r\n\r\n", 0, 0, "unsigned=no-from "},
    {OWN DKIM "unsignable = reject\n", "To: b@example.net\r\n\r\n", 550, 0,
	"unsigned=no-from "},
    {OWN DKIM, NULL, 0, 0, "unsigned=header-too-long:none "},
    {OWN DKIM "unsignable = reject\n", NULL, 550, 0,
	"unsigned=header-too-long:none "},
    {OWN DKIM "unsignable = reject\n", ORG, 0, 1,
	"signed=dkim:example.org:s:rsa-sha256 "
	"rule=domain:example.org "},
    /* By milter a header keeps its bare CR; no signer signs what two readers
     * could read in two ways, today or tomorrow. */
    {OWN SIMPLE, CR, 0, 0,
	"failed=dkim:example.org:s unsigned=failed "
	"rule=domain:example.org "},
    {OWN SIMPLE "unsignable = reject\n", CR, 550, 0,
	"failed=dkim:example.org:s unsigned=failed "
	"rule=domain:example.org "},
    /* What DomainKeys may not sign is left out. */
    {OWN DKIM KEYS, SENT, 0, 1,
	"signed=dkim:example.org:s:rsa-sha256 rule=domain:example.org "
	"left-out=domainkeys:example.org:not-a-parent-of-sender "},
    {OWN KEYS, SENT, 0, 0,
	"unsigned=left-out:domainkeys:example.org:"
	"not-a-parent-of-sender rule=domain:example.org "
	"left-out=domainkeys:example.org:not-a-parent-of-sender "},
    /* A key is not there: all or nothing, or what can be had. */
    {OWN DKIM GONE, ORG, 451, 0,
	"failed=dkim:example.org:gone rule=domain:example.org "},
    {OWN GONE DKIM, ORG, 451, 0,
	"failed=dkim:example.org:gone rule=domain:example.org "},
    {OWN DKIM GONE "on_error = pass\n", ORG, 0, 1,
	"failed=dkim:example.org:gone "
	"signed=dkim:example.org:s:rsa-sha256 "
	"rule=domain:example.org "},
    {OWN GONE "on_error = pass\n", ORG, 0, 0,
	"failed=dkim:example.org:gone unsigned=failed "
	"rule=domain:example.org "},
    /* A key that is not of the algorithm. */
    {OWN "signature = dkim(c=relaxed, a=rsa-sha256)\n", ED, 451, 0,
	"failed=dkim:ed.example:s rule=domain:ed.example "},
    {OWN "on_error = pass\n"
	 "signature = dkim(c=relaxed, a=rsa-sha256)\n",
	ED, 0, 0,
	"failed=dkim:ed.example:s unsigned=failed "
	"rule=domain:ed.example "},
    {OWN "on_error = pass\n" KEYS, ED, 0, 0,
	"failed=domainkeys:ed.example:s unsigned=failed "
	"rule=domain:ed.example "},
    /* Any domain whose key is there, or its parent's. */
    {ANY DKIM KEYS, "From: a@in.example.org\r\n\r\n", 0, 2,
	"signed=dkim:example.org:s:rsa-sha256,"
	"domainkeys:example.org:s:rsa-sha1 rule=domain:* "},
    {ANY DKIM, "From: a@example.net\r\n\r\n", 0, 0,
	"unsigned=no-key rule=domain:* "},
    {ANY DKIM "unsignable = reject\n", "From: a@example.net\r\n\r\n", 0, 0,
	"unsigned=no-key rule=domain:* "},
    /* One whose key is nowhere is told of beside the one that was made. */
    {ANY DKIM OTHER, "From: a@example.net\r\n\r\n", 0, 1,
	"signed=dkim:example.net:other:rsa-sha256 rule=domain:* "
	"left-out=dkim:example.net:s:no-key "},
};

/* A key that is there before the message ends, and one that comes after. */
static void
test_what_becomes_of_a_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(messages) / sizeof(messages[0]);
	     i++) {
		struct rig *rig = rig_new(messages[i / 2].out);

		begin(rig,
		    messages[i / 2].header == NULL
			? slice_from(NULL, 0)
			: slice_str(messages[i / 2].header));
		turns(rig, i % 2 == 0 ? 0 : 20);
		assert_false(rig->done);
		finish(rig);
		assert_string_equal(
		    strbuf_text(&rig->notes), messages[i / 2].notes);
		assert_int_equal(rig->code, messages[i / 2].code);
		assert_int_equal(count_of(&rig->top, "-Signature:"),
		    messages[i / 2].signatures);
		assert_int_equal(
		    proxy_counter_get(&rig->counters, PROXY_COUNT_SIGNATURES),
		    messages[i / 2].signatures);
		/* Each that gets a signature, and none that is refused: its
		 * key is looked at first. */
		assert_int_equal(
		    rig->passing, messages[i / 2].signatures > 0 ? 1 : 0);
		rig_free(rig);
	}
}

/* Its h= would be longer than any we make. */
static void
test_a_message_that_no_key_can_sign(void **state)
{
	static const struct {
		const char *out;
		unsigned code;
		size_t signatures;
	} cases[] = {
	    {OWN "headers = From X-Forty-Octets-Of-A-Name---------------- "
		 "Y-Forty-Octets-Of-A-Name----------------\n" DKIM,
		0, 0},
	    {OWN "headers = From X-Forty-Octets-Of-A-Name---------------- "
		 "Y-Forty-Octets-Of-A-Name----------------\n" DKIM
		 "unsignable = reject\n",
		550, 0},
	    {OWN "headers = From X-Forty-Octets-Of-A-Name---------------- "
		 "Y-Forty-Octets-Of-A-Name----------------\n" KEYS
		 "unsignable = reject\n",
		550, 0},
	    {OWN KEYS DKIM "unsignable = reject\n", 0, 2},
	};
	struct strbuf header;

	(void)state;
	strbuf_init(&header, 1 << 20);
	for (size_t i = 1; i < MAIL_HEADER_FIELDS_MAX; i++)
		(void)strbuf_addf(&header,
		    "%c-Forty-Octets-Of-A-Name----------------:\r\n",
		    i % 2 ? 'X' : 'Y');
	(void)strbuf_add_str(&header, ORG);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new(cases[i].out);

		begin(rig, strbuf_slice(&header));
		finish(rig);
		assert_int_equal(rig->code, cases[i].code);
		assert_int_equal(
		    count_of(&rig->top, "-Signature:"), cases[i].signatures);
		assert_int_equal(count_of(&rig->notes, "unsigned=failed "),
		    cases[i].signatures == 0);
		rig_free(rig);
	}
	strbuf_clear(&header);
}

/* DomainKeys names them once, DKIM each of them. */
static void
test_one_signature_is_enough_where_another_cannot_be(void **state)
{
	struct rig *rig =
	    rig_new(OWN DKIM KEYS "unsignable = reject\n"
				  "headers = From "
				  "X-Forty-Octets-Of-A-Name----------------\n");
	struct strbuf header;

	(void)state;
	strbuf_init(&header, 1 << 20);
	for (size_t i = 1; i < MAIL_HEADER_FIELDS_MAX; i++)
		(void)strbuf_add_str(
		    &header, "X-Forty-Octets-Of-A-Name----------------:\r\n");
	(void)strbuf_add_str(&header, ORG);
	begin(rig, strbuf_slice(&header));
	finish(rig);
	assert_int_equal(rig->code, 0);
	assert_int_equal(count_of(&rig->top, "DomainKey-Signature:"), 1);
	assert_int_equal(count_of(&rig->top, "DKIM-Signature:"), 0);
	rig_free(rig);
	strbuf_clear(&header);
}

static void
test_a_parents_key_signs_for_the_parent(void **state)
{
	struct rig *rig = rig_new(ANY DKIM KEYS);

	(void)state;
	begin(rig, SLICE("From: a@deep.in.example.org\r\n\r\n"));
	finish(rig);
	assert_int_equal(count_of(&rig->top, "d=example.org;"), 2);
	rig_free(rig);
}

static void
test_signatures_that_do_not_fit_on_top_are_trouble(void **state)
{
	static const struct {
		const char *out;
		unsigned code;
	} cases[] = {{OWN DKIM, 451}, {OWN DKIM "on_error = pass\n", 0}};
	struct strbuf full;

	(void)state;
	strbuf_init(&full, PROXY_EDIT_TOP_MAX);
	while (full.n < PROXY_EDIT_TOP_MAX)
		(void)strbuf_add_char(&full, 'x');
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new(cases[i].out);

		assert_int_equal(
		    proxy_edit_top(rig->edit, strbuf_slice(&full)), 0);
		begin(rig, slice_str(ORG));
		finish(rig);
		assert_int_equal(rig->code, cases[i].code);
		assert_int_equal(count_of(&rig->notes, "signed=dkim"), 0);
		assert_int_equal(
		    count_of(&rig->notes, "failed=dkim:example.org:s "), 1);
		rig_free(rig);
	}
	strbuf_clear(&full);
}

static void
test_the_body_that_came_is_signed(void **state)
{
	struct rig *rig = rig_new(OWN DKIM);

	(void)state;
	begin(rig, slice_str(ORG));
	finish(rig);
	/* SHA-256 of "Hello" and CRLF */
	assert_int_equal(
	    count_of(
		&rig->top, "bh=Ba3gj8+xBPQLJTahTfzW6RbWQ/XPgESxkCi2B66PSQg=;"),
	    1);
	rig_free(rig);
}

static void
test_a_signature_expires_where_it_shall(void **state)
{
	(void)state;
	for (int ttl = 0; ttl < 2; ttl++) {
		struct rig *rig =
		    rig_new(ttl ? OWN DKIM "ttl = 7d\n" : OWN DKIM);

		begin(rig, slice_str(ORG));
		finish(rig);
		assert_int_equal(count_of(&rig->top, "x="), ttl);
		rig_free(rig);
	}
}

/* After the header, after the end, and with the work already in line. */
static void
test_a_message_given_up_anywhere_leaves_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct rig *rig = rig_new(OWN DKIM KEYS);

		begin(rig, slice_str(ORG));
		if (i == 2)
			turns(rig, 20);
		if (i > 0)
			proxy_filter_sign.end(rig->filter, on_outcome, rig);
		if (i == 3)
			turns(rig, 1);
		proxy_filter_sign.free(rig->filter);
		turns(rig, 20);
		assert_false(rig->done);
		rig_free(rig);
	}
}

/* For SIZE=, before anything is known of the message. */
static void
test_what_is_announced_is_no_less_than_what_is_added(void **state)
{
	static const struct {
		const char *out;
		size_t signatures;
	} cases[] = {
	    {OWN DKIM, 1},
	    {OWN DKIM KEYS OTHER, 3},
	    {"sender_map = DIR/map\n" OWN DKIM, PROXY_SIGNATURES_MAX},
	    {"listid_map = DIR/map\n" OWN DKIM, PROXY_SIGNATURES_MAX},
	};
	char path[512];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/map", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "example.com dkim\n", 17), 17);
	close(fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_new(cases[i].out);

		assert_int_equal(proxy_filter_sign.most_added(&rig->env),
		    2048 * cases[i].signatures);
		rig_free(rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_becomes_of_a_message),
	    cmocka_unit_test(test_a_message_that_no_key_can_sign),
	    cmocka_unit_test(
		test_one_signature_is_enough_where_another_cannot_be),
	    cmocka_unit_test(test_a_parents_key_signs_for_the_parent),
	    cmocka_unit_test(
		test_signatures_that_do_not_fit_on_top_are_trouble),
	    cmocka_unit_test(test_the_body_that_came_is_signed),
	    cmocka_unit_test(test_a_signature_expires_where_it_shall),
	    cmocka_unit_test(test_a_message_given_up_anywhere_leaves_nothing),
	    cmocka_unit_test(
		test_what_is_announced_is_no_less_than_what_is_added),
	};

	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
