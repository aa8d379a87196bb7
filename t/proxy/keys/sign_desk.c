/* What a desk signs, and for whom; over a socket, as workers ask it. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "dkim/hash.h"
#include "dkim/key.h"
#include "proxy/keys/key_wire.h"
#include "proxy/settings/sign_rights.h"
#include "t/lib/ahead.h"
#include "t/lib/signing_desk.h"
#include "t/lib/unit.h"

#define TEXT(d, s, a)                                                          \
	"from:a@" d "\r\ndkim-signature:v=1; a=" a "; c=relaxed/relaxed; d=" d \
	"; s=" s "; h=from; bh=AAAA; b="
#define ORG_TEXT   TEXT("example.org", "s", "rsa-sha256")
#define SEAL(name) name ":i=1; a=rsa-sha256; cv=none; d=example.net; s=arc; b="
#define DIGEST	   "12345678901234567890"

/* Their numbers: settings/sign_rights.h. */
enum { DKIM = 1, KEYS = 2, ANY = 3 };

struct rig {
	char dir[40];
	struct event_base *base;
	struct proxy_config *config;
	struct signing_desk desk;
	int out, in; /* askers of the two fronts */
	uint64_t ids;
	char datagram[PROXY_SIGN_ANSWERS_MAX];
	struct slice rest; /* of it, behind the answer */
	struct proxy_sign_answer answer;
};

static struct dkim_key *key; /* of example.org */

static void
write_key(const struct rig *rig, const char *name, const struct dkim_key *of)
{
	struct strbuf pem, path, fresh;
	int fd;

	strbuf_init(&pem, DKIM_KEY_PEM_MAX);
	strbuf_init(&path, 200);
	strbuf_init(&fresh, 200);
	strbuf_addf(&path, "%s/%s", rig->dir, name);
	strbuf_addf(&fresh, "%s/fresh", rig->dir);
	assert_int_equal(dkim_key_print(of, &pem), 0);
	fd = open(strbuf_text(&fresh), O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_true(write(fd, pem.p, pem.n) == (ssize_t)pem.n);
	(void)close(fd);
	assert_int_equal(rename(strbuf_text(&fresh), strbuf_text(&path)), 0);
	strbuf_wipe(&pem);
	strbuf_clear(&path);
	strbuf_clear(&fresh);
}

static void
remove_key(const struct rig *rig, const char *name)
{
	struct strbuf path;

	strbuf_init(&path, 200);
	strbuf_addf(&path, "%s/%s", rig->dir, name);
	assert_int_equal(unlink(strbuf_text(&path)), 0);
	strbuf_clear(&path);
}

/* Another key of example.org, of 1024 bits, of that selector. */
static void
replace_key(const struct rig *rig, const char *selector)
{
	struct proxy_key_rule *rule =
	    &rig->config->signing
		 .keys[rig->config->signing.signatures.list[0].key_rule];
	struct strbuf reason;
	struct dkim_key *next;

	free(rule->selector);
	rule->selector = strdup(selector);
	strbuf_init(&reason, 200);
	next = dkim_key_generate(DKIM_KEY_RSA, 1024, &reason);
	assert_non_null(next);
	write_key(rig, "example.org", next);
	dkim_key_free(next);
	strbuf_clear(&reason);
}

static void
rig_begin(struct rig *rig)
{
	struct proxy_report report;
	struct strbuf text;

	ahead = 0;
	memset(rig, 0, sizeof(*rig));
	memcpy(rig->dir, "/tmp/signpost-desk-XXXXXX", 26);
	assert_non_null(mkdtemp(rig->dir));
	strbuf_init(&text, 4096);
	strbuf_addf(&text,
	    "[signpost]\nuser = nobody\n[out]\ndomain = example.org\n"
	    "selector = s\nkeyfile = %s/$domain\nsignature = dkim, domainkeys, "
	    "dkim(d=$senderdomain)\n"
	    "[in]\nseal_domain = example.net\nauthserv_id = mx\n"
	    "seal_selector = arc\nseal_keyfile = %s/arc\n",
	    rig->dir, rig->dir);
	proxy_report_init(&report);
	rig->config = proxy_config_parse("conf", strbuf_slice(&text), &report);
	if (rig->config == NULL)
		fail_msg("%s", strbuf_text(&report.errors));
	strbuf_clear(&text);
	proxy_report_clear(&report);
	rig->base = event_base_new();
	write_key(rig, "example.org", key);
	write_key(rig, "arc", key);
	signing_desk_init(&rig->desk, rig->base, rig->config, NULL);
	rig->out = signing_desk_ask(
	    &rig->desk, proxy_front_with(rig->config, PROXY_FILTER_SIGN));
	rig->in = signing_desk_ask(
	    &rig->desk, proxy_front_with(rig->config, PROXY_FILTER_VERIFY));
}

static void
rig_end(struct rig *rig)
{
	(void)close(rig->out);
	(void)close(rig->in);
	signing_desk_clear(&rig->desk);
	event_base_free(rig->base);
	proxy_config_free(rig->config);
	remove_key(rig, "example.org");
	remove_key(rig, "arc");
	assert_int_equal(rmdir(rig->dir), 0);
}

/* The answer's length; 0 where the desk hung up. */
static long
take_answer(struct rig *rig, int asker)
{
	long n = -1;
	int fd;

	for (int i = 0; i < 100 && n < 0; i++) {
		(void)event_base_loop(rig->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		n = proxy_key_receive(
		    asker, rig->datagram, sizeof(rig->datagram), &fd);
	}
	rig->rest = slice_from(rig->datagram, n > 0 ? (size_t)n : 0);
	if (n > 0)
		assert_int_equal(
		    proxy_sign_answer_take(&rig->rest, &rig->answer), 0);
	return n;
}

struct ask {
	bool in; /* a worker of [in] asks */
	enum proxy_sign_kind kind;
	unsigned right;
	const char *domain, *text;
};

static void
ask(struct rig *rig, const struct ask *what)
{
	int asker = what->in ? rig->in : rig->out;
	struct proxy_sign_question question = {.id = ++rig->ids,
	    .kind = what->kind,
	    .right = what->right,
	    .domain = slice_str(what->domain),
	    .text = slice_str(what->text)};

	assert_int_equal(
	    proxy_sign_questions_send(asker, &question, 1, PROXY_KEY_NO_FD), 0);
	assert_true(take_answer(rig, asker) > 0);
	assert_int_equal(rig->answer.id, rig->ids);
}

/* The question as octets, behind what is there. */
static void
add_question(struct rig *rig, const struct ask *what, struct strbuf *to)
{
	struct proxy_sign_question question = {.id = ++rig->ids,
	    .kind = what->kind,
	    .right = what->right,
	    .domain = slice_str(what->domain),
	    .text = slice_str(what->text)};
	int ends[2], fd;
	char *room = strbuf_reserve(to, PROXY_SIGN_ANSWERS_MAX);
	long n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(
	    proxy_sign_questions_send(ends[0], &question, 1, PROXY_KEY_NO_FD),
	    0);
	n = proxy_key_receive(ends[1], room, PROXY_SIGN_ANSWERS_MAX, &fd);
	assert_true(n > 0);
	to->n += (size_t)n;
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static bool
verifies(const struct rig *rig, enum dkim_algorithm algorithm, const char *text)
{
	struct dkim_hash *hash = dkim_hash_new(DKIM_SHA256);
	struct dkim_public_key *public;
	struct strbuf octets;
	struct slice digest = slice_str(text);
	enum mail_reason why;
	bool good;

	sink_write_to(dkim_hash_sink(hash), slice_str(text));
	if (algorithm == DKIM_RSA_SHA256)
		digest = dkim_hash_end(hash);
	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	assert_int_equal(dkim_key_public(key, &octets), 0);
	public =
	    dkim_public_key_parse(DKIM_KEY_RSA, strbuf_slice(&octets), &why);
	good = dkim_public_key_verify(
	    public, algorithm, digest, rig->answer.signature);
	dkim_public_key_free(public);
	dkim_hash_free(hash);
	strbuf_clear(&octets);
	return good;
}

static void
test_what_a_front_may_have_is_signed(void **state)
{
	static const struct {
		struct ask ask;
		enum dkim_algorithm algorithm;
		const char *selector;
	} cases[] = {
	    {{false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org", ORG_TEXT},
		DKIM_RSA_SHA256, "s"},
	    {{false, PROXY_SIGN_ASK_DIGEST, KEYS, "example.org", DIGEST},
		DKIM_RSA_SHA1, "s"},
	    {{true, PROXY_SIGN_ASK_TEXT, PROXY_SIGN_RIGHT_SEAL, "example.net",
		 SEAL("arc-seal")},
		DKIM_RSA_SHA256, "arc"},
	};
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		size_t c = i / 2; /* with a key to be read, and one at hand */

		ask(&rig, &cases[c].ask);
		if (rig.answer.status != PROXY_SIGN_DONE)
			fail_msg("%.*s", (int)rig.answer.reason.n,
			    rig.answer.reason.p);
		assert_slice_equal(
		    rig.answer.selector, slice_str(cases[c].selector));
		assert_int_equal(rig.answer.algorithm, cases[c].algorithm);
		assert_int_equal(rig.answer.bits, 2048);
		assert_true(rig.answer.since > 0);
		assert_true(
		    verifies(&rig, cases[c].algorithm, cases[c].ask.text));
	}
	assert_int_equal(rig.desk.opened, 2);
	rig_end(&rig);
}

static const struct ask good = {
    false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org", ORG_TEXT};
static const struct ask foreign = {
    false, PROXY_SIGN_ASK_TEXT, DKIM, "example.com", ORG_TEXT};

static void
send_datagram(const struct rig *rig, const struct strbuf *datagram)
{
	assert_int_equal(
	    proxy_key_send(rig->out, strbuf_slice(datagram), PROXY_KEY_NO_FD),
	    0);
}

/* Each of them is looked at for itself, and answered in the same datagram. */
static void
test_several_questions_of_a_datagram(void **state)
{
	static const struct ask by_digest = {
	    false, PROXY_SIGN_ASK_DIGEST, KEYS, "example.org", DIGEST};
	static const struct ask older = {false, PROXY_SIGN_ASK_TEXT, DKIM,
	    "example.org", TEXT("example.org", "older", "rsa-sha256")};
	struct strbuf datagram;
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	ask(&rig, &good); /* its key is there now */
	strbuf_init(&datagram, PROXY_SIGN_QUESTION_MAX);
	add_question(&rig, &good, &datagram);
	add_question(&rig, &foreign, &datagram);
	add_question(&rig, &by_digest, &datagram);
	add_question(&rig, &good, &datagram);
	send_datagram(&rig, &datagram);
	assert_true(take_answer(&rig, rig.out) > 0);
	for (unsigned i = 0; i < PROXY_SIGN_TOGETHER_MAX; i++) {
		assert_int_equal(rig.answer.id, rig.ids - 3 + i);
		assert_int_equal(rig.answer.status,
		    i == 1 ? PROXY_SIGN_TROUBLE : PROXY_SIGN_DONE);
		if (i == 2)
			assert_true(verifies(&rig, DKIM_RSA_SHA1, DIGEST));
		else if (i != 1)
			assert_true(verifies(&rig, DKIM_RSA_SHA256, ORG_TEXT));
		if (i + 1 < PROXY_SIGN_TOGETHER_MAX)
			assert_int_equal(
			    proxy_sign_answer_take(&rig.rest, &rig.answer), 0);
	}
	assert_int_equal(rig.rest.n, 0);
	/* One that waits, for its key's file is looked at once more, holds up
	 * none of the others. */
	ahead = PROXY_KEYS_AGAIN_S + 1;
	strbuf_reset(&datagram);
	add_question(&rig, &foreign, &datagram);
	add_question(&rig, &older, &datagram);
	add_question(&rig, &good, &datagram);
	send_datagram(&rig, &datagram);
	assert_true(take_answer(&rig, rig.out) > 0);
	assert_int_equal(rig.answer.id, rig.ids - 2);
	assert_int_equal(rig.answer.status, PROXY_SIGN_TROUBLE);
	assert_int_equal(proxy_sign_answer_take(&rig.rest, &rig.answer), 0);
	assert_int_equal(rig.answer.id, rig.ids);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	assert_int_equal(rig.rest.n, 0);
	assert_true(take_answer(&rig, rig.out) > 0);
	assert_int_equal(rig.answer.id, rig.ids - 1);
	assert_int_equal(rig.answer.status, PROXY_SIGN_STALE);
	assert_int_equal(rig.rest.n, 0);
	strbuf_clear(&datagram);
	rig_end(&rig);
}

/* Nothing of it is signed, and whoever sends it is let go. */
static void
test_a_datagram_that_is_not_of_questions_alone(void **state)
{
	static const char long_text[PROXY_SIGN_INLINE_MAX];
	static const struct ask seal = {true, PROXY_SIGN_ASK_TEXT,
	    PROXY_SIGN_RIGHT_SEAL, "example.net", SEAL("arc-seal")};
	struct proxy_sign_question list[3];
	struct strbuf datagram;
	unsigned before;
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	ask(&rig, &good); /* its key is there now */
	before = rig.desk.answers;
	strbuf_init(&datagram, PROXY_SIGN_QUESTION_MAX);
	for (int i = 0; i < 3; i++) {
		strbuf_reset(&datagram);
		add_question(&rig, &good, &datagram);
		switch (i) {
		case 0: /* one too many */
			for (int k = 0; k < PROXY_SIGN_TOGETHER_MAX; k++)
				add_question(&rig, &good, &datagram);
			send_datagram(&rig, &datagram);
			break;
		case 1:
			strbuf_add_str(&datagram, "half");
			send_datagram(&rig, &datagram);
			break;
		default: /* what is too much is lost; it ends with a whole one */
			for (int k = 0; k < 3; k++)
				list[k] = (struct proxy_sign_question){
				    .kind = PROXY_SIGN_ASK_TEXT,
				    .right = DKIM,
				    .domain = SLICE("example.org"),
				    .text = slice_from(
					long_text, PROXY_SIGN_INLINE_MAX / 2)};
			list[1].text.n += PROXY_SIGN_QUESTION_MAX + 1 -
			    proxy_sign_question_size(&list[0]) -
			    proxy_sign_question_size(&list[1]);
			assert_int_equal(proxy_sign_questions_send(
					     rig.out, list, 3, PROXY_KEY_NO_FD),
			    0);
			break;
		}
		assert_int_equal(take_answer(&rig, rig.out), 0);
		(void)close(rig.out);
		rig.out = signing_desk_ask(
		    &rig.desk, proxy_front_with(rig.config, PROXY_FILTER_SIGN));
	}
	assert_int_equal(rig.desk.answers, before);
	/* Others are served as before. */
	ask(&rig, &seal);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	assert_int_equal(rig.rest.n, 0);
	strbuf_clear(&datagram);
	rig_end(&rig);
}

static void
test_what_no_worker_of_ours_asks_is_refused(void **state)
{
	static const struct {
		struct ask ask;
		const char *why;
	} cases[] = {
	    {{false, PROXY_SIGN_ASK_TEXT, 9, "example.org", ORG_TEXT},
		"there is no such rule"},
	    {{true, PROXY_SIGN_ASK_TEXT, DKIM, "example.org", ORG_TEXT},
		"the rule is of another front"},
	    {{true, PROXY_SIGN_ASK_KEY, DKIM, "example.org", ""},
		"the rule is of another front"},
	    {{true, PROXY_SIGN_ASK_DIGEST, KEYS, "example.org", DIGEST},
		"the rule is of another front"},
	    {{false, PROXY_SIGN_ASK_TEXT, PROXY_SIGN_RIGHT_SEAL, "example.net",
		 SEAL("arc-seal")},
		"the rule is of another front"},
	    {{true, PROXY_SIGN_ASK_DIGEST, PROXY_SIGN_RIGHT_SEAL, "example.net",
		 DIGEST},
		"the rule has no such signature"},
	    {{false, PROXY_SIGN_ASK_DIGEST, DKIM, "example.org", DIGEST},
		"the rule has no such signature"},
	    {{false, PROXY_SIGN_ASK_TEXT, KEYS, "example.org", ORG_TEXT},
		"the rule has no such signature"},
	    {{false, PROXY_SIGN_ASK_TEXT, DKIM, "../etc", ORG_TEXT},
		"it is no domain"},
	    {{false, PROXY_SIGN_ASK_TEXT, DKIM, "a.example.org", ORG_TEXT},
		"the domain is not the rule's"},
	    {{false, PROXY_SIGN_ASK_TEXT, ANY, "example.com", ORG_TEXT},
		"the domain is not the rule's"},
	    {{true, PROXY_SIGN_ASK_TEXT, PROXY_SIGN_RIGHT_SEAL, "example.org",
		 SEAL("arc-seal")},
		"the domain is not the rule's"},
	    {{false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org", "anything"},
		"its last field is no signature"},
	    {{false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org",
		 ORG_TEXT "\r\nfrom:b"},
		"its last field is no signature"},
	    {{false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org",
		 SEAL("arc-seal")},
		"its last field is not of the rule's kind"},
	    {{true, PROXY_SIGN_ASK_TEXT, PROXY_SIGN_RIGHT_SEAL, "example.net",
		 TEXT("example.net", "arc", "rsa-sha256")},
		"its last field is not of the rule's kind"},
	};
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice reason;

		ask(&rig, &cases[i].ask);
		assert_int_equal(rig.answer.status, PROXY_SIGN_TROUBLE);
		reason = slice_after(rig.answer.reason,
		    sizeof("a signer refused what was "
			   "asked: ") -
			1);
		assert_slice_equal(reason, slice_str(cases[i].why));
		assert_true(rig.desk.refused);
	}
	assert_int_equal(rig.desk.opened, 0); /* no key was even read */
	rig_end(&rig);
}

/* Nothing is signed with another name than the key's. */
static void
test_other_names_are_put_right(void **state)
{
	static const char *const texts[] = {
	    TEXT("example.org", "old", "rsa-sha256"),
	    TEXT("example.com", "s", "rsa-sha256"),
	    TEXT("a.example.org", "s", "rsa-sha256"),
	    TEXT("example.org", "s", "ed25519-sha256"),
	};
	struct ask what = {false, PROXY_SIGN_ASK_KEY, DKIM, "example.org", ""};
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	for (size_t i = 0; i < 1 + sizeof(texts) / sizeof(texts[0]); i++) {
		ask(&rig, &what);
		assert_int_equal(rig.answer.status, PROXY_SIGN_STALE);
		assert_slice_equal(rig.answer.selector, SLICE("s"));
		assert_int_equal(rig.answer.algorithm, DKIM_RSA_SHA256);
		assert_int_equal(rig.answer.domain_from, 0);
		assert_int_equal(rig.answer.used, 0);
		what.kind = PROXY_SIGN_ASK_TEXT;
		if (i < sizeof(texts) / sizeof(texts[0]))
			what.text = texts[i];
	}
	rig_end(&rig);
}

/* A text that a worker began before is signed with the key that it names; one
 * whose key has no such name any more is made anew. */
static void
test_a_replaced_key_signs_what_names_it(void **state)
{
	struct ask what = {
	    false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org", ORG_TEXT};
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	replace_key(&rig, "next");
	ahead = PROXY_KEYS_RECHECK_S;
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	assert_slice_equal(rig.answer.selector, SLICE("s"));
	assert_true(verifies(&rig, DKIM_RSA_SHA256, ORG_TEXT));
	what.text = TEXT("example.org", "older", "rsa-sha256");
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_STALE);
	assert_slice_equal(rig.answer.selector, SLICE("next"));
	what.text = TEXT("example.org", "next", "rsa-sha256");
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	assert_int_equal(rig.answer.bits, 1024);
	assert_false(verifies(&rig, DKIM_RSA_SHA256, what.text));
	rig_end(&rig);
}

/* It has seen the change of a file before us, and the worker that asks heard of
 * it there. */
static void
test_a_key_that_another_signer_has_is_looked_for(void **state)
{
	struct ask what = {
	    false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org", ORG_TEXT};
	struct rig rig;
	int64_t begun;

	(void)state;
	rig_begin(&rig);
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	replace_key(&rig, "next");
	ahead = PROXY_KEYS_AGAIN_S;
	what.text = TEXT("example.org", "next", "rsa-sha256");
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	assert_int_equal(rig.answer.bits, 1024);
	/* Whoever asks for what nobody has causes one look in a second. */
	what.text = TEXT("example.org", "none", "rsa-sha256");
	rig.desk.opened = 0;
	begun = clock_s();
	for (int i = 0; i < 100; i++) {
		ask(&rig, &what);
		assert_int_equal(rig.answer.status, PROXY_SIGN_STALE);
		assert_slice_equal(rig.answer.selector, SLICE("next"));
	}
	assert_true(rig.desk.opened <= clock_s() - begun + 1);
	/* One that finds trouble takes nothing away. */
	remove_key(&rig, "example.org");
	ahead += PROXY_KEYS_AGAIN_S + 1;
	rig.desk.opened = 0;
	ask(&rig, &what);
	assert_int_equal(rig.desk.opened, 1);
	assert_int_equal(rig.answer.status, PROXY_SIGN_STALE);
	write_key(&rig, "example.org", key);
	rig_end(&rig);
}

/* A signature waits for a look no longer than what is held is worth. */
static void
test_a_look_that_takes_long_is_not_waited_for(void **state)
{
	struct ask what = {
	    false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org", ORG_TEXT};
	struct proxy_sign_question question = {.kind = PROXY_SIGN_ASK_TEXT,
	    .right = DKIM,
	    .domain = SLICE("example.org"),
	    .text = slice_str(TEXT("example.org", "next", "rsa-sha256"))};
	struct rig rig;
	long n = -1;

	(void)state;
	rig_begin(&rig);
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	assert_int_equal(event_del(rig.desk.master), 0);
	ahead = PROXY_KEYS_AGAIN_S + 1;
	assert_int_equal(
	    proxy_sign_questions_send(rig.out, &question, 1, PROXY_KEY_NO_FD),
	    0);
	assert_int_equal(take_answer(&rig, rig.out), -1);
	ahead += PROXY_KEYS_LOOK_WAIT_S + 1;
	/* Its tick comes in a second. */
	for (int i = 0; i < 5 && n < 0; i++) {
		(void)event_base_loop(rig.base, EVLOOP_ONCE);
		n = take_answer(&rig, rig.out);
	}
	assert_true(n > 0);
	assert_int_equal(rig.answer.status, PROXY_SIGN_STALE);
	rig_end(&rig);
}

static void
test_a_key_that_is_not_there_is_told_of(void **state)
{
	struct ask what = {false, PROXY_SIGN_ASK_TEXT, ANY, "a.example.org",
	    TEXT("a.example.org", "s", "rsa-sha256")};
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_TROUBLE);
	assert_true(rig.answer.reason.n > 0);
	assert_false(rig.desk.refused);
	rig_end(&rig);
}

static void
test_long_texts_go_apart(void **state)
{
	struct strbuf text;
	struct proxy_sign_question question = {.kind = PROXY_SIGN_ASK_TEXT,
	    .right = DKIM,
	    .domain = SLICE("example.org")};
	struct rig rig;
	size_t most;

	(void)state;
	rig_begin(&rig);
	most =
	    proxy_front_with(rig.config, PROXY_FILTER_SIGN)->max_header_size +
	    PROXY_SIGN_TEXT_OVER;
	strbuf_init(&text, most + 10);
	for (size_t over = 0; over < 2; over++) {
		int fd;

		strbuf_reset(&text);
		strbuf_add_str(&text, "subject:");
		while (text.n < most + over - sizeof("\r\n" ORG_TEXT) + 1)
			strbuf_add_char(&text, 'x');
		strbuf_add_str(&text, "\r\n" ORG_TEXT);
		assert_int_equal(text.n, most + over);
		question.text = strbuf_slice(&text);
		fd = proxy_sign_text_put(question.text);
		assert_int_equal(
		    proxy_sign_questions_send(rig.out, &question, 1, fd), 0);
		(void)close(fd);
		assert_true(take_answer(&rig, rig.out) > 0);
		assert_int_equal(rig.answer.status,
		    over == 0 ? PROXY_SIGN_DONE : PROXY_SIGN_TROUBLE);
		if (over == 0)
			assert_true(verifies(
			    &rig, DKIM_RSA_SHA256, strbuf_text(&text)));
	}
	strbuf_clear(&text);
	rig_end(&rig);
}

/* It could be changed while it is read. */
static void
test_a_file_that_is_not_sealed_is_not_read(void **state)
{
	char *text = calloc(1, PROXY_SIGN_INLINE_MAX + 1);
	struct proxy_sign_question question = {.kind = PROXY_SIGN_ASK_TEXT,
	    .right = DKIM,
	    .domain = SLICE("example.org"),
	    .text = slice_from(text, PROXY_SIGN_INLINE_MAX + 1)};
	static const struct ask plain = {
	    false, PROXY_SIGN_ASK_TEXT, DKIM, "example.org", ORG_TEXT};
	struct strbuf datagram;
	struct rig rig;
	int fd, opened;

	(void)state;
	rig_begin(&rig);
	fd = open(rig.dir, O_TMPFILE | O_RDWR, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, PROXY_SIGN_INLINE_MAX + 1), 0);
	assert_int_equal(
	    proxy_sign_questions_send(rig.out, &question, 1, fd), 0);
	assert_true(take_answer(&rig, rig.out) > 0);
	assert_int_equal(rig.answer.status, PROXY_SIGN_TROUBLE);
	assert_true(rig.desk.refused);
	/* One that comes unasked is closed, whatever it comes with. */
	strbuf_init(&datagram, PROXY_SIGN_QUESTION_MAX);
	add_question(&rig, &plain, &datagram);
	add_question(&rig, &plain, &datagram);
	opened = dup(fd);
	(void)close(opened);
	assert_int_equal(
	    proxy_key_send(rig.out, strbuf_slice(&datagram), fd), 0);
	assert_true(take_answer(&rig, rig.out) > 0);
	assert_slice_equal(rig.answer.reason,
	    SLICE("a signer refused what was asked: a file came with it, "
		  "unasked"));
	if (rig.rest.n == 0) /* it had to wait for its key */
		assert_true(take_answer(&rig, rig.out) > 0);
	else
		assert_int_equal(
		    proxy_sign_answer_take(&rig.rest, &rig.answer), 0);
	assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	assert_int_equal(dup(fd), opened); /* the lowest that is free */
	(void)close(opened);
	assert_int_equal(proxy_key_send(rig.out, SLICE("x"), fd), 0);
	assert_int_equal(take_answer(&rig, rig.out), 0);
	strbuf_clear(&datagram);
	(void)close(fd);
	free(text);
	rig_end(&rig);
}

/* DomainKeys knows RSA alone, and a digest tells nothing of what it is of. */
static void
test_a_digest_is_for_rsa(void **state)
{
	struct ask what = {
	    false, PROXY_SIGN_ASK_DIGEST, KEYS, "example.org", DIGEST};
	struct strbuf reason;
	struct dkim_key *ed25519;
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	strbuf_init(&reason, 200);
	ed25519 = dkim_key_generate(DKIM_KEY_ED25519, 0, &reason);
	assert_non_null(ed25519);
	write_key(&rig, "example.org", ed25519);
	ask(&rig, &what);
	assert_int_equal(rig.answer.status, PROXY_SIGN_TROUBLE);
	assert_slice_equal(rig.answer.reason,
	    SLICE("the key is of another type than the algorithm"));
	dkim_key_free(ed25519);
	strbuf_clear(&reason);
	rig_end(&rig);
}

static void
test_no_question_ends_the_connection(void **state)
{
	struct ask what = {
	    true, PROXY_SIGN_ASK_KEY, PROXY_SIGN_RIGHT_SEAL, "example.net", ""};
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	assert_true(send(rig.out, "nonsense", 8, 0) == 8);
	assert_int_equal(take_answer(&rig, rig.out), 0);
	ask(&rig, &what); /* others are served as before */
	assert_int_equal(rig.answer.status, PROXY_SIGN_STALE);
	rig_end(&rig);
}

/* More questions than may wait for a key, and the asker goes before it comes. */
static void
test_a_crowd_is_answered_in_the_end(void **state)
{
	enum { EACH = 3, CROWD = PROXY_SIGN_WAITING_MAX / EACH + 10 };
	const struct proxy_sign_question question = {
	    .kind = PROXY_SIGN_ASK_TEXT,
	    .right = DKIM,
	    .domain = SLICE("example.org"),
	    .text = SLICE(ORG_TEXT)};
	struct proxy_sign_question list[EACH];
	struct rig rig;
	int gone, sent, left;

	(void)state;
	rig_begin(&rig);
	gone = signing_desk_ask(
	    &rig.desk, proxy_front_with(rig.config, PROXY_FILTER_SIGN));
	for (int i = 0; i < CROWD; i++) {
		for (int k = 0; k < EACH; k++) {
			list[k] = question;
			list[k].id = (uint64_t)(i * EACH + k + 1);
		}
		assert_int_equal(proxy_sign_questions_send(
				     rig.out, list, EACH, PROXY_KEY_NO_FD),
		    0);
		assert_int_equal(proxy_sign_questions_send(
				     gone, list, EACH, PROXY_KEY_NO_FD),
		    0);
	}
	(void)close(gone);
	/* While no key comes, the desk takes no more than it may, by whole
	 * datagrams. */
	(void)event_del(rig.desk.master);
	assert_int_equal(ioctl(rig.out, SIOCOUTQ, &sent), 0);
	for (int i = 0; i < 3 * CROWD; i++)
		(void)event_base_loop(rig.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(ioctl(rig.out, SIOCOUTQ, &left), 0);
	assert_int_equal(
	    left, sent / CROWD * (CROWD - PROXY_SIGN_WAITING_MAX / EACH - 1));
	(void)event_add(rig.desk.master, NULL);
	rig.rest.n = 0;
	for (int i = 0; i < EACH * CROWD; i++) {
		if (rig.rest.n == 0)
			assert_true(take_answer(&rig, rig.out) > 0);
		else
			assert_int_equal(
			    proxy_sign_answer_take(&rig.rest, &rig.answer), 0);
		assert_int_equal(rig.answer.status, PROXY_SIGN_DONE);
	}
	rig_end(&rig);
	proxy_sign_desk_free(NULL);
}

static int
make_keys(void **state)
{
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 200);
	key = dkim_key_generate(DKIM_KEY_RSA, 2048, &reason);
	strbuf_clear(&reason);
	return key == NULL;
}

static int
free_keys(void **state)
{
	(void)state;
	dkim_key_free(key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_a_front_may_have_is_signed),
	    cmocka_unit_test(test_several_questions_of_a_datagram),
	    cmocka_unit_test(test_a_datagram_that_is_not_of_questions_alone),
	    cmocka_unit_test(test_what_no_worker_of_ours_asks_is_refused),
	    cmocka_unit_test(test_other_names_are_put_right),
	    cmocka_unit_test(test_a_replaced_key_signs_what_names_it),
	    cmocka_unit_test(test_a_key_that_another_signer_has_is_looked_for),
	    cmocka_unit_test(test_a_look_that_takes_long_is_not_waited_for),
	    cmocka_unit_test(test_a_key_that_is_not_there_is_told_of),
	    cmocka_unit_test(test_long_texts_go_apart),
	    cmocka_unit_test(test_a_file_that_is_not_sealed_is_not_read),
	    cmocka_unit_test(test_a_digest_is_for_rsa),
	    cmocka_unit_test(test_no_question_ends_the_connection),
	    cmocka_unit_test(test_a_crowd_is_answered_in_the_end),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
