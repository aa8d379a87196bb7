/* A worker's questions to signers, of which some die, some are silent, and
 * some know better. */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/keys/key_wire.h"
#include "proxy/message/signers.h"
#include "t/lib/ahead.h"
#include "t/lib/unit.h"

enum { SIGNERS = 3, ASKINGS = 24, TIMEOUT_S = 1, LONG_S = 30 };

struct told {
	unsigned calls, made;
	enum proxy_sign_word status;
	char reason[128], selector[64], domain[64], signature[16];
	struct proxy_sign_asking *asking;
	char text[2048];
	int padding;   /* octets */
	size_t length; /* of a text that is so long, and nothing else */
	bool unmakable, digest;
};

struct rig {
	struct event_base *base;
	struct proxy_signers *signers;
	int ends[SIGNERS]; /* the signers' */
	struct told told[ASKINGS];
	char datagrams[SIGNERS][PROXY_SIGN_QUESTION_MAX];
	struct slice rest[SIGNERS]; /* of its datagram, not looked at yet */
	unsigned came[SIGNERS];	    /* datagrams */
	struct proxy_sign_question question;
	unsigned right;
	enum dkim_algorithm algorithm;
};

/* `room`: of its socket, octets; 0: as the kernel has it. */
static int
new_signer(struct rig *rig, int room)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	if (room > 0)
		assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF,
				     &room, sizeof(room)),
		    0);
	proxy_signers_add(rig->signers, pair[1]);
	return pair[0];
}

static void
begin_with(struct rig *rig, int signers, unsigned timeout, int room)
{
	ahead = 0;
	memset(rig, 0, sizeof(*rig));
	rig->right = 1;
	rig->algorithm = DKIM_RSA_SHA256;
	rig->base = event_base_new();
	rig->signers = proxy_signers_new(rig->base, timeout);
	for (int i = 0; i < SIGNERS; i++)
		rig->ends[i] = i < signers ? new_signer(rig, room) : -1;
}

static void
begin(struct rig *rig, int signers)
{
	begin_with(rig, signers, TIMEOUT_S, 0);
}

static void
finish(struct rig *rig)
{
	for (int i = 0; i < ASKINGS; i++)
		proxy_sign_asking_end(rig->told[i].asking);
	for (int i = 0; i < SIGNERS; i++)
		if (rig->ends[i] >= 0)
			(void)close(rig->ends[i]);
	proxy_signers_free(rig->signers);
	event_base_free(rig->base);
}

static void
turn(struct rig *rig)
{
	(void)event_base_loop(rig->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void
wait_for_word(struct rig *rig, const struct told *told)
{
	for (int i = 0; i < 50 && told->calls == 0; i++) {
		const struct timeval tenth = {0, 100000};

		(void)event_base_loopexit(rig->base, &tenth);
		(void)event_base_dispatch(rig->base);
	}
	assert_int_equal(told->calls, 1);
}

static void
copy(char *to, size_t room, struct slice from)
{
	assert_true(from.n < room);
	if (from.n > 0)
		memcpy(to, from.p, from.n);
	to[from.n] = '\0';
}

static const char long_text[PROXY_SIGN_INLINE_MAX + 1];

static int
on_make(void *ctx, const struct proxy_sign_names *names, struct slice *text)
{
	struct told *told = ctx;

	told->made++;
	if (told->unmakable)
		return -1;
	(void)snprintf(told->text, sizeof(told->text), "%u %.*s%*s", told->made,
	    (int)names->selector.n, names->selector.p, told->padding, "");
	*text = told->digest ? SLICE("12345678901234567890")
			     : slice_str(told->text);
	if (told->length > 0)
		*text = slice_from(long_text, told->length);
	return 0;
}

static void
on_done(void *ctx, const struct proxy_sign_answer *answer)
{
	struct told *told = ctx;

	told->calls++;
	told->status = answer->status;
	copy(told->reason, sizeof(told->reason), answer->reason);
	copy(told->signature, sizeof(told->signature), answer->signature);
	if (told->asking != NULL) {
		const struct proxy_sign_names *names =
		    proxy_sign_asking_names(told->asking);

		copy(told->selector, sizeof(told->selector), names->selector);
		copy(told->domain, sizeof(told->domain), names->domain);
	}
}

static struct told *
ask(struct rig *rig, int i, enum proxy_sign_kind kind)
{
	const struct proxy_sign_wish wish = {.right = rig->right,
	    .kind = kind,
	    .domain = SLICE("a.example.org"),
	    .make = on_make,
	    .done = on_done,
	    .ctx = &rig->told[i]};

	rig->told[i].asking = proxy_sign_ask(rig->signers, &wish);
	assert_int_equal(rig->told[i].calls, 0); /* never out of it */
	return &rig->told[i];
}

/* What that signer was asked; false: nothing. */
static bool
hears(struct rig *rig, int signer)
{
	int fd;
	long n;

	turn(rig);
	if (rig->rest[signer].n == 0) {
		n = proxy_key_receive(rig->ends[signer], rig->datagrams[signer],
		    PROXY_SIGN_QUESTION_MAX, &fd);
		if (n <= 0)
			return false;
		if (fd >= 0)
			(void)close(fd);
		rig->rest[signer] =
		    slice_from(rig->datagrams[signer], (size_t)n);
		rig->came[signer]++;
	}
	assert_int_equal(
	    proxy_sign_question_take(&rig->rest[signer], &rig->question), 0);
	return true;
}

static int
who_hears(struct rig *rig)
{
	for (int i = 0; i < SIGNERS; i++)
		if (rig->ends[i] >= 0 && hears(rig, i))
			return i;
	return -1;
}

static void
send_answer(struct rig *rig, int signer, const struct proxy_sign_answer *answer)
{
	struct strbuf datagram;

	strbuf_init(&datagram, PROXY_SIGN_ANSWER_MAX);
	proxy_sign_answer_add(answer, &datagram);
	assert_int_equal(proxy_key_send(rig->ends[signer],
			     strbuf_slice(&datagram), PROXY_KEY_NO_FD),
	    0);
	strbuf_clear(&datagram);
}

static void
reply(struct rig *rig, int signer, enum proxy_sign_word status,
    const char *selector)
{
	struct proxy_sign_answer answer = {
	    .id = rig->question.id, .status = status};

	if (status == PROXY_SIGN_DONE || status == PROXY_SIGN_STALE) {
		answer.algorithm = rig->algorithm;
		answer.selector = slice_str(selector);
		answer.domain_from = 2;
	} else {
		answer.reason = SLICE("because");
	}
	if (status == PROXY_SIGN_DONE)
		answer.signature = SLICE("signed");
	send_answer(rig, signer, &answer);
	turn(rig);
}

/* The first question of all, up to a text. */
static void
learn(struct rig *rig, int i, const char *selector)
{
	int signer = who_hears(rig);

	(void)i;
	assert_true(signer >= 0);
	assert_int_equal(rig->question.kind, PROXY_SIGN_ASK_KEY);
	reply(rig, signer, PROXY_SIGN_STALE, selector);
}

static void
test_a_name_is_asked_for_once(void **state)
{
	struct told *told;
	struct rig rig;

	(void)state;
	begin(&rig, 1);
	assert_false(
	    proxy_signers_know(rig.signers, 1, SLICE("a.example.org")));
	told = ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	learn(&rig, 0, "s1");
	assert_true(hears(&rig, 0));
	assert_slice_equal(rig.question.text, SLICE("1 s1"));
	assert_slice_equal(rig.question.selector, SLICE("s1"));
	reply(&rig, 0, PROXY_SIGN_DONE, "s1");
	assert_int_equal(told->status, PROXY_SIGN_DONE);
	assert_string_equal(told->signature, "signed");
	assert_string_equal(told->domain, "example.org");
	assert_true(proxy_signers_know(rig.signers, 1, SLICE("a.example.org")));
	assert_false(
	    proxy_signers_know(rig.signers, 2, SLICE("a.example.org")));
	told = ask(&rig, 1, PROXY_SIGN_ASK_TEXT);
	assert_true(hears(&rig, 0)); /* at once, and the text */
	assert_slice_equal(rig.question.text, SLICE("1 s1"));
	reply(&rig, 0, PROXY_SIGN_MISSING, NULL);
	assert_int_equal(told->status, PROXY_SIGN_MISSING);
	assert_string_equal(told->reason, "because");
	/* Of a key that is gone no name is known. */
	assert_false(
	    proxy_signers_know(rig.signers, 1, SLICE("a.example.org")));
	told = ask(&rig, 2, PROXY_SIGN_ASK_KEY);
	learn(&rig, 2, "s2");
	assert_int_equal(told->status, PROXY_SIGN_STALE);
	assert_string_equal(told->selector, "s2");
	assert_int_equal(told->made, 0);
	finish(&rig);
}

/* The names of so many keys are kept, and of no more. */
static void
test_the_oldest_name_goes(void **state)
{
	char domain[32];
	struct rig rig;

	(void)state;
	begin_with(&rig, 1, LONG_S, 0);
	for (int i = 0; i < PROXY_SIGNERS_HEARD + 3; i++) {
		struct proxy_sign_wish wish = {.right = 1,
		    .kind = PROXY_SIGN_ASK_KEY,
		    .make = on_make,
		    .done = on_done,
		    .ctx = &rig.told[0]};

		(void)snprintf(domain, sizeof(domain), "a.d%d.example", i);
		wish.domain = slice_str(domain);
		memset(&rig.told[0], 0, sizeof(rig.told[0]));
		rig.told[0].asking = proxy_sign_ask(rig.signers, &wish);
		learn(&rig, 0, "s1");
		proxy_sign_asking_end(rig.told[0].asking);
		rig.told[0].asking = NULL;
		assert_true(
		    proxy_signers_know(rig.signers, 1, slice_str(domain)));
		assert_true(i >= PROXY_SIGNERS_HEARD ||
		    proxy_signers_know(rig.signers, 1, SLICE("a.d0.example")));
	}
	for (int i = 0; i < 4; i++) {
		(void)snprintf(domain, sizeof(domain), "a.d%d.example", i);
		assert_int_equal(
		    proxy_signers_know(rig.signers, 1, slice_str(domain)),
		    i == 3);
	}
	finish(&rig);
}

/* They say in turn that it is the other's key. */
static void
say_stale(struct rig *rig, struct told *told, unsigned *made)
{
	for (unsigned i = 0; i <= PROXY_SIGNERS_STALE_MAX; i++) {
		assert_int_equal(told->calls, 0);
		assert_true(hears(rig, 0));
		assert_int_equal(told->made, ++*made);
		reply(rig, 0, PROXY_SIGN_STALE, *made % 2 == 0 ? "s1" : "s2");
	}
}

/* Is it silent now, and speaks when the rest is over? */
static void
let_it_rest(struct rig *rig, const struct told *told)
{
	turn(rig);
	assert_false(hears(rig, 0));
	assert_int_equal(told->calls, 0);
	ahead += PROXY_SIGNERS_REST_S;
	for (int i = 0; i < 500 && told->calls == 0; i++) {
		struct pollfd end = {.fd = rig->ends[0], .events = POLLIN};

		if (poll(&end, 1, 10) == 1)
			return;
		turn(rig);
	}
	fail_msg("it rests for ever");
}

static void
test_a_text_that_is_always_stale_rests_before_the_next_time(void **state)
{
	unsigned made = 0;
	struct told *told;
	struct rig rig;

	(void)state;
	begin(&rig, 1);
	told = ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	learn(&rig, 0, "s1");
	for (int i = 0; i < PROXY_SIGNERS_RESTS_MAX; i++) {
		say_stale(&rig, told, &made);
		let_it_rest(&rig, told);
	}
	say_stale(&rig, told, &made);
	assert_int_equal(told->status, PROXY_SIGN_TROUBLE);
	assert_string_equal(
	    told->reason, "the key was replaced again and again");
	finish(&rig);
}

static void
test_a_signer_that_has_looked_meanwhile_signs_what_was_stale(void **state)
{
	unsigned made = 0;
	struct told *told;
	struct rig rig;

	(void)state;
	begin(&rig, 1);
	told = ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	learn(&rig, 0, "s1");
	say_stale(&rig, told, &made);
	let_it_rest(&rig, told);
	assert_true(hears(&rig, 0));
	assert_slice_equal(rig.question.selector, SLICE("s2"));
	reply(&rig, 0, PROXY_SIGN_DONE, "s2");
	assert_int_equal(told->status, PROXY_SIGN_DONE);
	finish(&rig);
}

static void
test_a_digest_takes_any_name(void **state)
{
	struct told *told;
	struct rig rig;

	(void)state;
	begin(&rig, 1);
	rig.told[0].digest = true;
	told = ask(&rig, 0, PROXY_SIGN_ASK_DIGEST);
	learn(&rig, 0, "s1");
	assert_true(hears(&rig, 0));
	assert_int_equal(rig.question.kind, PROXY_SIGN_ASK_DIGEST);
	reply(&rig, 0, PROXY_SIGN_DONE, "s2");
	assert_int_equal(told->status, PROXY_SIGN_DONE);
	assert_int_equal(told->made, 2); /* named anew, signed as it was */
	assert_string_equal(told->selector, "s2");
	finish(&rig);
}

static void
test_what_cannot_be_made_is_told_in_its_turn(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, 1);
	rig.told[0].unmakable = true;
	(void)ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	learn(&rig, 0, "s1");
	wait_for_word(&rig, &rig.told[0]);
	rig.told[1].unmakable = true;
	(void)ask(&rig, 1, PROXY_SIGN_ASK_TEXT);
	wait_for_word(&rig, &rig.told[1]);
	assert_int_equal(rig.told[1].status, PROXY_SIGN_TROUBLE);
	assert_string_equal(rig.told[1].reason, "");
	assert_false(hears(&rig, 0));
	finish(&rig);
}

static void
test_questions_of_a_signer_that_dies_are_asked_again(void **state)
{
	struct rig rig;
	int dead, other;

	(void)state;
	begin(&rig, 2);
	(void)ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	dead = who_hears(&rig);
	assert_true(dead >= 0);
	(void)close(rig.ends[dead]);
	rig.ends[dead] = -1;
	turn(&rig);
	other = who_hears(&rig);
	assert_true(other >= 0 && other != dead);
	reply(&rig, other, PROXY_SIGN_STALE, "s1");
	/* Nobody is left: it waits for the next one. */
	assert_true(hears(&rig, other));
	(void)close(rig.ends[other]);
	turn(&rig);
	assert_int_equal(rig.told[0].calls, 0);
	rig.ends[other] = new_signer(&rig, 0);
	turn(&rig);
	assert_true(hears(&rig, other));
	assert_slice_equal(rig.question.text, SLICE("1 s1"));
	reply(&rig, other, PROXY_SIGN_DONE, "s1");
	assert_int_equal(rig.told[0].status, PROXY_SIGN_DONE);
	finish(&rig);
}

/* Of a rule whose key they know by now. */
static void
teach(struct rig *rig, unsigned right, enum dkim_algorithm algorithm)
{
	rig->right = right;
	rig->algorithm = algorithm;
	(void)ask(rig, 0, PROXY_SIGN_ASK_KEY);
	learn(rig, 0, "s1");
	proxy_sign_asking_end(rig->told[0].asking);
	memset(&rig->told[0], 0, sizeof(rig->told[0]));
}

static bool
is_likely(const struct rig *rig, int i)
{
	return proxy_sign_asking_is_likely(rig->told[i].asking);
}

static void
test_a_question_that_kills_is_given_up(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, 1);
	(void)ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	for (int i = 0; i < PROXY_SIGNERS_DEATHS_MAX; i++) {
		assert_int_equal(rig.told[0].calls, 0);
		assert_true(hears(&rig, 0));
		(void)close(rig.ends[0]);
		turn(&rig);
		rig.ends[0] = new_signer(&rig, 0);
		turn(&rig);
	}
	assert_int_equal(rig.told[0].status, PROXY_SIGN_TROUBLE);
	assert_string_equal(rig.told[0].reason, "signers die of it");
	assert_false(hears(&rig, 0));
	finish(&rig);
	/* Its key is not counted on any more. */
	begin(&rig, 1);
	teach(&rig, 1, DKIM_RSA_SHA256);
	(void)ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	for (int i = 0; i < PROXY_SIGNERS_DEATHS_MAX; i++) {
		assert_true(hears(&rig, 0));
		assert_true(is_likely(&rig, 0));
		(void)close(rig.ends[0]);
		turn(&rig);
		rig.ends[0] = new_signer(&rig, 0);
		turn(&rig);
	}
	assert_string_equal(rig.told[0].reason, "signers die of it");
	assert_false(
	    proxy_signers_know(rig.signers, 1, SLICE("a.example.org")));
	finish(&rig);
}

static void
test_a_silent_signer_is_passed_by_once(void **state)
{
	struct rig rig;
	int first, second;

	(void)state;
	begin(&rig, 2);
	(void)ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	first = who_hears(&rig);
	for (int i = 0; i < 40 && (second = who_hears(&rig)) < 0; i++) {
		const struct timeval tenth = {0, 100000};

		(void)event_base_loopexit(rig.base, &tenth);
		(void)event_base_dispatch(rig.base);
	}
	assert_true(second >= 0 && second != first);
	wait_for_word(&rig, &rig.told[0]);
	assert_int_equal(rig.told[0].status, PROXY_SIGN_TROUBLE);
	assert_string_equal(rig.told[0].reason, "no signer answered in time");
	/* What comes too late is for nobody. */
	reply(&rig, first, PROXY_SIGN_STALE, "s1");
	assert_int_equal(rig.told[0].calls, 1);
	/* And where there is none at all. */
	finish(&rig);
	begin(&rig, 0);
	(void)ask(&rig, 0, PROXY_SIGN_ASK_TEXT);
	wait_for_word(&rig, &rig.told[0]);
	assert_int_equal(rig.told[0].status, PROXY_SIGN_TROUBLE);
	finish(&rig);
}

static void
test_signers_share_the_work(void **state)
{
	unsigned heard[SIGNERS] = {0}, all = 0;
	struct rig rig;
	int signer;

	(void)state;
	begin(&rig, SIGNERS);
	for (int i = 0; i < ASKINGS; i++)
		(void)ask(&rig, i, PROXY_SIGN_ASK_KEY);
	turn(&rig);
	while ((signer = who_hears(&rig)) >= 0) {
		heard[signer]++;
		all++;
	}
	assert_int_equal(all, SIGNERS * PROXY_SIGNERS_IN_FLIGHT);
	for (int i = 0; i < SIGNERS; i++)
		assert_int_equal(heard[i], PROXY_SIGNERS_IN_FLIGHT);
	finish(&rig);
	/* One has no more at a time than it may; the others wait, in order,
	 * and those that are ended are not asked. */
	begin(&rig, 1);
	for (int i = 0; i < PROXY_SIGNERS_IN_FLIGHT + 2; i++)
		(void)ask(&rig, i, PROXY_SIGN_ASK_KEY);
	turn(&rig);
	for (int i = 0; i < PROXY_SIGNERS_IN_FLIGHT; i++)
		assert_true(hears(&rig, 0));
	assert_false(hears(&rig, 0));
	proxy_sign_asking_end(rig.told[PROXY_SIGNERS_IN_FLIGHT].asking);
	rig.told[PROXY_SIGNERS_IN_FLIGHT].asking = NULL;
	reply(&rig, 0, PROXY_SIGN_STALE, "s1"); /* the last one's */
	assert_int_equal(rig.told[PROXY_SIGNERS_IN_FLIGHT - 1].calls, 1);
	assert_true(hears(&rig, 0));
	reply(&rig, 0, PROXY_SIGN_STALE, "s1");
	assert_int_equal(rig.told[PROXY_SIGNERS_IN_FLIGHT + 1].calls, 1);
	finish(&rig);
}

/* Answers are not left lying while questions wait for their room. */
static void
test_several_answers_a_turn_where_others_wait(void **state)
{
	struct proxy_sign_answer answer = {
	    .status = PROXY_SIGN_MISSING, .reason = SLICE("because")};
	uint64_t ids[PROXY_SIGNERS_IN_FLIGHT];
	unsigned told = 0;
	struct rig rig;

	(void)state;
	begin_with(&rig, 1, LONG_S, 0);
	for (int i = 0; i < PROXY_SIGNERS_IN_FLIGHT + 3; i++)
		(void)ask(&rig, i, PROXY_SIGN_ASK_KEY);
	turn(&rig);
	for (int i = 0; i < PROXY_SIGNERS_IN_FLIGHT; i++) {
		assert_true(hears(&rig, 0));
		ids[i] = rig.question.id;
	}
	for (int i = 0; i < 3; i++) {
		answer.id = ids[i];
		send_answer(&rig, 0, &answer);
	}
	turn(&rig);
	for (int i = 0; i < 3; i++)
		told += rig.told[i].calls;
	assert_int_equal(told, 3);
	for (int i = 0; i < 3; i++)
		assert_true(hears(&rig, 0));
	finish(&rig);
}

/* Who is asked for a signature of that rule, alone. */
static int
who_is_asked(struct rig *rig, int i, unsigned right)
{
	rig->right = right;
	(void)ask(rig, i, PROXY_SIGN_ASK_TEXT);
	return who_hears(rig);
}

/* To wake another takes as long as the signature. */
static void
test_quick_questions_go_to_who_is_awake(void **state)
{
	uint64_t slow;
	struct rig rig;
	int awake, busy;

	(void)state;
	begin(&rig, 2);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	teach(&rig, 2, DKIM_RSA_SHA256);
	awake = who_is_asked(&rig, 0, 1);
	assert_true(awake >= 0);
	for (int i = 1; i < PROXY_SIGNERS_IN_FLIGHT; i++)
		assert_int_equal(who_is_asked(&rig, i, 1), awake);
	/* It has enough. */
	assert_int_equal(who_is_asked(&rig, 8, 1), 1 - awake);
	finish(&rig);
	/* None of them waits behind a slow one, as long as that is under way,
	 * though nobody may wait for it any more. */
	begin(&rig, 2);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	teach(&rig, 2, DKIM_RSA_SHA256);
	busy = who_is_asked(&rig, 0, 2);
	slow = rig.question.id;
	awake = who_is_asked(&rig, 1, 2);
	assert_int_equal(awake, 1 - busy);
	reply(&rig, awake, PROXY_SIGN_DONE, "s1");
	assert_int_equal(rig.told[1].status, PROXY_SIGN_DONE);
	assert_int_equal(who_is_asked(&rig, 2, 1), awake);
	proxy_sign_asking_end(rig.told[0].asking);
	rig.told[0].asking = NULL;
	assert_int_equal(who_is_asked(&rig, 3, 1), awake);
	rig.question.id = slow;
	reply(&rig, busy, PROXY_SIGN_DONE, "s1");
	/* The next slow one finds it idle again. */
	assert_int_equal(who_is_asked(&rig, 4, 2), busy);
	finish(&rig);
}

static void
test_who_is_silent_is_not_asked_where_another_is(void **state)
{
	struct rig rig;
	int silent;

	(void)state;
	begin_with(&rig, 2, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	teach(&rig, 2, DKIM_RSA_SHA256);
	silent = who_is_asked(&rig, 0, 1);
	ahead = 3;
	assert_int_equal(who_is_asked(&rig, 1, 1), 1 - silent);
	assert_int_equal(who_is_asked(&rig, 2, 2), 1 - silent);
	/* Nor when nobody waits for its answer any more. */
	proxy_sign_asking_end(rig.told[0].asking);
	rig.told[0].asking = NULL;
	for (int i = 3; i < PROXY_SIGNERS_IN_FLIGHT + 1; i++) {
		assert_int_equal(who_is_asked(&rig, i, 1), 1 - silent);
		reply(&rig, 1 - silent, PROXY_SIGN_DONE, "s1");
	}
	/* The other has enough: it is waited for. */
	for (int i = 9; i < PROXY_SIGNERS_IN_FLIGHT + 7; i++)
		assert_int_equal(who_is_asked(&rig, i, 1), 1 - silent);
	assert_int_equal(who_is_asked(&rig, 20, 1), -1);
	turn(&rig);
	assert_int_equal(who_hears(&rig), -1);
	reply(&rig, 1 - silent, PROXY_SIGN_DONE, "s1");
	assert_int_equal(who_hears(&rig), 1 - silent);
	finish(&rig);
	/* Who answers others is not silent, though one waits for long. */
	begin_with(&rig, 2, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	silent = who_is_asked(&rig, 0, 1);
	for (int i = 1; i < 5; i++) {
		assert_int_equal(who_is_asked(&rig, i, 1), silent);
		ahead = i;
		reply(&rig, silent, PROXY_SIGN_DONE, "s1");
	}
	assert_int_equal(who_is_asked(&rig, 5, 1), silent);
	finish(&rig);
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	assert_int_equal(who_is_asked(&rig, 0, 1), 0);
	assert_true(is_likely(&rig, 0));
	assert_int_equal(who_is_asked(&rig, 2, 2), 0);
	assert_false(is_likely(&rig, 2)); /* its key was not heard of */
	ahead = 3;
	assert_false(is_likely(&rig, 0));
	assert_int_equal(who_is_asked(&rig, 1, 1), 0); /* there is no other */
	reply(&rig, 0, PROXY_SIGN_DONE, "s1");
	assert_true(is_likely(&rig, 0));
	rig.told[3].unmakable = true;
	(void)ask(&rig, 3, PROXY_SIGN_ASK_TEXT);
	assert_false(is_likely(&rig, 3));
	assert_false(proxy_sign_asking_is_likely(NULL));
	finish(&rig);
}

/* So many questions wait for that signer, with the ids that they have. */
static void
expect_together(struct rig *rig, int signer, unsigned count, uint64_t *ids)
{
	unsigned before = rig->came[signer];

	for (unsigned i = 0; i < count; i++) {
		assert_true(hears(rig, signer));
		ids[i] = rig->question.id;
	}
	assert_int_equal(rig->came[signer], before + 1);
	assert_int_equal(rig->rest[signer].n, 0);
}

static unsigned
count_told(const struct rig *rig)
{
	unsigned told = 0;

	for (int i = 0; i < ASKINGS; i++)
		told += rig->told[i].calls;
	return told;
}

/* What one turn asks of a signer goes in few datagrams, and so do its answers;
 * but nothing waits for a slow signature that another signer could make now. */
static void
test_questions_of_a_turn_go_together(void **state)
{
	uint64_t ids[PROXY_SIGNERS_IN_FLIGHT];
	struct proxy_sign_answer answer = {.status = PROXY_SIGN_DONE,
	    .algorithm = DKIM_RSA_SHA256,
	    .selector = SLICE("s1"),
	    .signature = SLICE("signed"),
	    .domain_from = 2};
	struct strbuf datagram;
	struct rig rig;

	(void)state;
	begin_with(&rig, 2, LONG_S, 0);
	teach(&rig, 2, DKIM_RSA_SHA256);
	/* Both are idle; then each has one; then each has enough. */
	for (int i = 0; i < 8; i++)
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
	for (int signer = 0; signer < 2; signer++) {
		expect_together(&rig, signer, 1, ids);
		expect_together(&rig, signer, 1, ids + 1);
		expect_together(&rig, signer, 2, ids + 2);
		assert_false(hears(&rig, signer));
	}
	/* Two of the second signer's, answered together. */
	strbuf_init(&datagram, PROXY_SIGN_ANSWERS_MAX);
	for (int i = 0; i < 2; i++) {
		answer.id = ids[2 + i];
		proxy_sign_answer_add(&answer, &datagram);
	}
	assert_int_equal(proxy_key_send(rig.ends[1], strbuf_slice(&datagram),
			     PROXY_KEY_NO_FD),
	    0);
	turn(&rig);
	assert_int_equal(count_told(&rig), 2);
	for (int i = 0; i < 4; i++) /* they were asked as the last ones */
		assert_int_equal(rig.told[i].calls, 0);
	/* Nonsense behind a good answer: that one counts, what is left goes to
	 * the other signer. */
	answer.id = ids[0];
	strbuf_reset(&datagram);
	proxy_sign_answer_add(&answer, &datagram);
	strbuf_add_str(&datagram, "nonsense");
	assert_int_equal(proxy_key_send(rig.ends[1], strbuf_slice(&datagram),
			     PROXY_KEY_NO_FD),
	    0);
	turn(&rig);
	assert_int_equal(count_told(&rig), 3);
	assert_int_equal(recv(rig.ends[1], ids, sizeof(ids), 0), 0);
	assert_true(hears(&rig, 0));
	assert_false(hears(&rig, 0)); /* one that has seen a death goes alone */
	finish(&rig);
	/* More answers than there may be. */
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	for (int i = 0; i < PROXY_SIGN_TOGETHER_MAX + 1; i++)
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
	expect_together(&rig, 0, PROXY_SIGN_TOGETHER_MAX, ids);
	expect_together(&rig, 0, 1, ids + PROXY_SIGN_TOGETHER_MAX);
	strbuf_reset(&datagram);
	for (int i = 0; i < PROXY_SIGN_TOGETHER_MAX + 1; i++) {
		answer.id = ids[i];
		proxy_sign_answer_add(&answer, &datagram);
	}
	assert_int_equal(proxy_key_send(rig.ends[0], strbuf_slice(&datagram),
			     PROXY_KEY_NO_FD),
	    0);
	turn(&rig);
	assert_int_equal(count_told(&rig), PROXY_SIGN_TOGETHER_MAX);
	assert_int_equal(recv(rig.ends[0], ids, sizeof(ids), 0), 0);
	strbuf_clear(&datagram);
	finish(&rig);
}

/* What stands behind a question in the line does not always fit to it. */
static void
test_what_does_not_go_together(void **state)
{
	uint64_t ids[PROXY_SIGNERS_IN_FLIGHT];
	struct rig rig;

	(void)state;
	/* A text that goes apart, in front and behind. */
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	rig.told[0].length = rig.told[2].length = PROXY_SIGN_INLINE_MAX + 1;
	for (int i = 0; i < 4; i++)
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
	for (int i = 0; i < 4; i++)
		expect_together(&rig, 0, 1, ids);
	finish(&rig);
	/* Octets: two of 30,000 each, and no third. */
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	for (int i = 0; i < 3; i++) {
		rig.told[i].length = 30000;
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
	}
	expect_together(&rig, 0, 2, ids);
	expect_together(&rig, 0, 1, ids);
	finish(&rig);
	/* Quick and slow ones; one of which no key is known, or no text. */
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	teach(&rig, 2, DKIM_RSA_SHA256);
	for (int i = 0; i < 4; i++) {
		rig.right = 2 - (unsigned)i % 2;
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
	}
	rig.right = 1;
	rig.told[5].unmakable = true;
	for (int i = 4; i < 7; i++)
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
	rig.right = 3;
	(void)ask(&rig, 7, PROXY_SIGN_ASK_TEXT);
	expect_together(&rig, 0, 1, ids);
	expect_together(&rig, 0, 1, ids);
	expect_together(&rig, 0, 1, ids);
	expect_together(&rig, 0, 2, ids); /* the third is of rule 1, too */
	expect_together(&rig, 0, 1, ids);
	expect_together(&rig, 0, 1, ids);
	assert_int_equal(rig.question.kind, PROXY_SIGN_ASK_KEY);
	assert_int_equal(rig.told[5].calls, 1);
	finish(&rig);
	/* What is to be asked may be asked of a busy signer without delay. */
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 2, DKIM_RSA_SHA256);
	for (int i = 0; i < 4; i++) {
		rig.right = i < 3 ? 2 : 3;
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
	}
	for (int i = 0; i < 4; i++)
		expect_together(&rig, 0, 1, ids);
	finish(&rig);
	/* It has room for one. */
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	for (int i = 0; i < PROXY_SIGNERS_IN_FLIGHT - 1; i++) {
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
		expect_together(&rig, 0, 1, ids);
	}
	for (int i = 0; i < 2; i++)
		(void)ask(
		    &rig, PROXY_SIGNERS_IN_FLIGHT + i, PROXY_SIGN_ASK_TEXT);
	expect_together(&rig, 0, 1, ids);
	assert_false(hears(&rig, 0));
	finish(&rig);
}

static void
answer_two(struct rig *rig, int signer, const uint64_t *ids)
{
	struct proxy_sign_answer answer = {.status = PROXY_SIGN_DONE,
	    .algorithm = DKIM_ED25519_SHA256,
	    .selector = SLICE("s1"),
	    .signature = SLICE("signed"),
	    .domain_from = 2};
	struct strbuf datagram;

	strbuf_init(&datagram, PROXY_SIGN_ANSWERS_MAX);
	for (int i = 0; i < 2; i++) {
		answer.id = ids[i];
		proxy_sign_answer_add(&answer, &datagram);
	}
	assert_int_equal(proxy_key_send(rig->ends[signer],
			     strbuf_slice(&datagram), PROXY_KEY_NO_FD),
	    0);
	strbuf_clear(&datagram);
	turn(rig);
}

/* One that is not to go there now, behind one that is: it stays where it is. */
static void
test_who_waits_for_something_else_is_passed_over(void **state)
{
	const struct timeval past_a_tick = {1, 100000};
	enum { FULL = PROXY_SIGNERS_IN_FLIGHT };
	uint64_t ids[FULL];
	struct rig rig;
	int silent;

	(void)state;
	ahead_of = 1000;
	/* Its signer did not answer in time, and it is for another. */
	begin_with(&rig, 2, 5, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	silent = who_is_asked(&rig, 0, 1);
	assert_int_equal(who_is_asked(&rig, 1, 1), silent);
	ahead = 3;
	reply(&rig, silent, PROXY_SIGN_DONE, "s1");
	for (int i = 0; i < FULL - 1; i++) {
		assert_int_equal(who_is_asked(&rig, 2 + i, 1), silent);
		ids[i] = rig.question.id;
	}
	for (int i = 0; i < FULL; i++)
		assert_int_equal(
		    who_is_asked(&rig, 1 + FULL + i, 1), 1 - silent);
	assert_int_equal(who_is_asked(&rig, ASKINGS - 1, 1), -1);
	ahead = 5;
	(void)event_base_loopexit(rig.base, &past_a_tick);
	(void)event_base_dispatch(rig.base);
	answer_two(&rig, silent, ids);
	assert_true(hears(&rig, silent));
	assert_false(hears(&rig, silent));
	finish(&rig);
	/* It rests, for the signers know different keys. */
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	assert_int_equal(who_is_asked(&rig, 0, 1), 0);
	for (int i = 0; i < PROXY_SIGNERS_STALE_MAX; i++) {
		reply(&rig, 0, PROXY_SIGN_STALE, i % 2 == 0 ? "s2" : "s1");
		assert_true(hears(&rig, 0));
	}
	ids[FULL - 1] = rig.question.id;
	for (int i = 1; i < FULL; i++) {
		assert_int_equal(who_is_asked(&rig, i, 1), 0);
		ids[i - 1] = rig.question.id;
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(who_is_asked(&rig, FULL + i, 1), -1);
	rig.question.id = ids[FULL - 1];
	reply(&rig, 0, PROXY_SIGN_STALE, "s2");
	assert_true(hears(&rig, 0)); /* the first that waited */
	answer_two(&rig, 0, ids);
	assert_true(hears(&rig, 0)); /* the second */
	assert_false(hears(&rig, 0));
	finish(&rig);
	ahead_of = 0;
}

/* Whoever stands in the line with a question that kills does not die of it. */
static void
test_a_question_that_kills_takes_none_with_it(void **state)
{
	uint64_t ids[2];
	struct rig rig;

	(void)state;
	begin_with(&rig, 1, LONG_S, 0);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	for (int i = 0; i < 2; i++)
		(void)ask(&rig, i, PROXY_SIGN_ASK_TEXT);
	expect_together(&rig, 0, 2, ids);
	for (int i = 0; i < PROXY_SIGNERS_DEATHS_MAX; i++) {
		(void)close(rig.ends[0]);
		turn(&rig);
		rig.ends[0] = new_signer(&rig, 0);
		turn(&rig);
		if (i + 1 == PROXY_SIGNERS_DEATHS_MAX)
			break;
		/* The first one is the harmless one. */
		expect_together(&rig, 0, 1, ids);
		if (rig.told[0].calls == 0)
			reply(&rig, 0, PROXY_SIGN_DONE, "s1");
		assert_int_equal(rig.told[0].calls, 1);
		(void)hears(&rig, 0);
	}
	assert_int_equal(rig.told[0].status, PROXY_SIGN_DONE);
	assert_int_equal(rig.told[1].status, PROXY_SIGN_TROUBLE);
	assert_string_equal(rig.told[1].reason, "signers die of it");
	finish(&rig);
}

/* One datagram fills a socket, and there is one question more. */
enum { MUCH = PROXY_SIGN_TOGETHER_MAX + 1 };

static void
ask_much(struct rig *rig)
{
	for (int i = 0; i < MUCH; i++) {
		rig->told[i].padding = 940;
		(void)ask(rig, i, PROXY_SIGN_ASK_TEXT);
	}
}

static void
test_a_full_socket_keeps_nobody_from_another(void **state)
{
	const struct timeval past_a_tick = {1, 500000};
	unsigned heard[2] = {0};
	uint64_t ids[2] = {0};
	struct rig rig;
	clock_t began;
	int signer, full;

	(void)state;
	begin_with(&rig, 2, LONG_S, 1); /* what the kernel has as the least */
	teach(&rig, 1, DKIM_ED25519_SHA256);
	rig.right = 1;
	began = clock();
	ask_much(&rig);
	turn(&rig);
	assert_true(clock() - began < CLOCKS_PER_SEC / 20); /* once */
	while ((signer = who_hears(&rig)) >= 0) {
		heard[signer]++;
		ids[signer] = rig.question.id;
	}
	full = heard[0] > heard[1] ? 0 : 1;
	assert_int_equal(heard[full], MUCH - 1);
	assert_int_equal(heard[1 - full], 1);
	/* It is asked again once it has answered, or at the next tick. */
	assert_int_equal(who_is_asked(&rig, 8, 1), 1 - full);
	rig.question.id = ids[full];
	reply(&rig, full, PROXY_SIGN_DONE, "s1");
	assert_int_equal(who_is_asked(&rig, 9, 1), full);
	finish(&rig);
	begin_with(&rig, 2, LONG_S, 1);
	teach(&rig, 1, DKIM_ED25519_SHA256);
	ask_much(&rig);
	turn(&rig);
	while (who_hears(&rig) >= 0)
		;
	assert_int_equal(who_is_asked(&rig, 8, 1), 1 - full);
	(void)event_base_loopexit(rig.base, &past_a_tick);
	(void)event_base_dispatch(rig.base);
	assert_int_equal(who_is_asked(&rig, 9, 1), full);
	finish(&rig);
}

/* What is no answer ends a signer for us; the question goes on. */
static void
test_a_signer_that_lies_is_left(void **state)
{
	static const char nonsense[] = "nonsense";
	struct rig rig;
	int liar, other;

	(void)state;
	begin(&rig, 2);
	(void)ask(&rig, 0, PROXY_SIGN_ASK_KEY);
	liar = who_hears(&rig);
	assert_true(send(rig.ends[liar], nonsense, sizeof(nonsense), 0) > 0);
	turn(&rig);
	other = who_hears(&rig);
	assert_true(other >= 0 && other != liar);
	/* Nor is a signature of what was not to be signed taken. */
	reply(&rig, other, PROXY_SIGN_DONE, "s1");
	assert_int_equal(rig.told[0].status, PROXY_SIGN_TROUBLE);
	finish(&rig);
	proxy_signers_free(NULL);
	proxy_sign_asking_end(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_name_is_asked_for_once),
	    cmocka_unit_test(test_the_oldest_name_goes),
	    cmocka_unit_test(
		test_a_text_that_is_always_stale_rests_before_the_next_time),
	    cmocka_unit_test(
		test_a_signer_that_has_looked_meanwhile_signs_what_was_stale),
	    cmocka_unit_test(test_a_digest_takes_any_name),
	    cmocka_unit_test(test_questions_of_a_turn_go_together),
	    cmocka_unit_test(test_what_does_not_go_together),
	    cmocka_unit_test(test_who_waits_for_something_else_is_passed_over),
	    cmocka_unit_test(test_a_question_that_kills_takes_none_with_it),
	    cmocka_unit_test(test_what_cannot_be_made_is_told_in_its_turn),
	    cmocka_unit_test(
		test_questions_of_a_signer_that_dies_are_asked_again),
	    cmocka_unit_test(test_a_question_that_kills_is_given_up),
	    cmocka_unit_test(test_a_silent_signer_is_passed_by_once),
	    cmocka_unit_test(test_signers_share_the_work),
	    cmocka_unit_test(test_several_answers_a_turn_where_others_wait),
	    cmocka_unit_test(test_quick_questions_go_to_who_is_awake),
	    cmocka_unit_test(test_who_is_silent_is_not_asked_where_another_is),
	    cmocka_unit_test(test_a_full_socket_keeps_nobody_from_another),
	    cmocka_unit_test(test_a_signer_that_lies_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
