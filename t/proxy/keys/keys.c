/* A signer's keys, over a real socket to a real master's side. */
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "dkim/key.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_wire.h"
#include "proxy/keys/keys.h"
#include "t/lib/ahead.h"
#include "t/lib/unit.h"

#define WAIT_MS 10000

struct world {
	char dir[40];
	struct event_base *base;
	struct proxy_config *config;
	struct proxy_key_readers readers;
	struct proxy_keys *keys;
	struct event *master;
	int master_fd;
	unsigned asked; /* questions the master had */
};

struct answer {
	struct world *world;
	unsigned calls;
	enum proxy_key_status status;
	const struct dkim_key *key;
	char domain[64], reason[256];
	struct proxy_key_use **end; /* ended from the callback */
};

static void
write_key(const struct world *w, const char *domain)
{
	struct strbuf pem, reason, path, fresh;
	struct dkim_key *key;
	int fd;

	strbuf_init(&pem, DKIM_KEY_PEM_MAX);
	strbuf_init(&reason, 256);
	strbuf_init(&path, 1024);
	strbuf_init(&fresh, 1024);
	strbuf_addf(&path, "%s/%s", w->dir, domain);
	strbuf_addf(&fresh, "%s/fresh", w->dir);
	key = dkim_key_generate(DKIM_KEY_ED25519, 0, &reason);
	assert_int_equal(dkim_key_print(key, &pem), 0);
	fd = open(strbuf_text(&fresh), O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_true(write(fd, pem.p, pem.n) == (ssize_t)pem.n);
	close(fd);
	assert_int_equal(rename(strbuf_text(&fresh), strbuf_text(&path)), 0);
	dkim_key_free(key);
	strbuf_wipe(&pem);
	strbuf_clear(&reason);
	strbuf_clear(&path);
	strbuf_clear(&fresh);
}

static void
on_question(evutil_socket_t fd, short what, void *ctx)
{
	struct world *w = ctx;
	enum proxy_key_served result;

	(void)what;
	while ((result = proxy_key_server_answer(fd, w->config, &w->readers)) ==
	    PROXY_KEY_SERVED)
		w->asked++;
	if (result != PROXY_KEY_SERVED_NONE)
		event_del(w->master);
}

static void
begin(struct world *w, size_t cap)
{
	struct proxy_report report;
	struct strbuf text;
	int pair[2];

	ahead = 0;
	memset(w, 0, sizeof(*w));
	memcpy(w->dir, "/tmp/signpost-keys-XXXXXX", 26);
	assert_non_null(mkdtemp(w->dir));
	strbuf_init(&text, 4096);
	strbuf_addf(&text,
	    "[signpost]\nuser = nobody\n[out]\ndomain = *\n"
	    "selector = s\nkeyfile = %s/$domain\n",
	    w->dir);
	proxy_report_init(&report);
	w->config = proxy_config_parse("conf", strbuf_slice(&text), &report);
	assert_non_null(w->config);
	strbuf_clear(&text);
	proxy_report_clear(&report);
	proxy_key_readers_init(&w->readers, w->config);
	w->base = event_base_new();
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair),
	    0);
	w->master_fd = pair[0];
	w->master =
	    event_new(w->base, pair[0], EV_READ | EV_PERSIST, on_question, w);
	event_add(w->master, NULL);
	w->keys = proxy_keys_new(w->base, pair[1], cap);
}

static void
remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	assert_int_equal(rmdir(path), 0);
}

static void
finish(struct world *w)
{
	proxy_keys_free(w->keys);
	if (w->master != NULL) {
		event_free(w->master);
		close(w->master_fd);
	}
	event_base_free(w->base);
	proxy_config_free(w->config);
	remove_dir(w->dir);
}

static void
copy_text(char *to, size_t room, struct slice text)
{
	size_t n = text.n < room ? text.n : room - 1;

	if (n > 0)
		memcpy(to, text.p, n);
	to[n] = '\0';
}

static void
on_key(void *ctx, const struct proxy_key_answer *got)
{
	struct answer *a = ctx;

	a->calls++;
	a->status = got->status;
	a->key = got->key;
	copy_text(a->domain, sizeof(a->domain), got->domain);
	copy_text(a->reason, sizeof(a->reason), slice_str(got->reason));
	if (a->end != NULL) {
		proxy_key_use_end(*a->end);
		*a->end = NULL;
	}
}

static void
on_end_of_wait(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	*(bool *)ctx = true;
}

/* Runs the loop until the answer is there, or `ms` are over. */
static void
run(struct world *w, const struct answer *until, long ms)
{
	bool over = false;
	struct event *timer = evtimer_new(w->base, on_end_of_wait, &over);
	struct timeval tv = {ms / 1000, (ms % 1000) * 1000};

	evtimer_add(timer, &tv);
	while (!over && (until == NULL || until->calls == 0))
		event_base_loop(w->base, EVLOOP_ONCE);
	event_free(timer);
}

static struct proxy_key_use *
get(struct world *w, const char *domain, struct answer *a)
{
	struct proxy_key_use *use;

	memset(a, 0, sizeof(*a));
	a->world = w;
	use = proxy_keys_get(w->keys, 0, slice_str(domain), on_key, a);
	assert_int_equal(a->calls, 0); /* never out of get */
	return use;
}

static void
test_a_key_comes_from_the_master(void **state)
{
	struct world w;
	struct answer first, again, missing;
	struct proxy_key_use *uses[3];

	(void)state;
	begin(&w, 10);
	write_key(&w, "example.org");
	uses[0] = get(&w, "example.org", &first);
	run(&w, &first, WAIT_MS);
	assert_int_equal(first.status, PROXY_KEY_FOUND);
	assert_string_equal(first.domain, "example.org");
	assert_int_equal(dkim_key_type(first.key), DKIM_KEY_ED25519);
	uses[1] = get(&w, "example.org", &again);
	run(&w, &again, WAIT_MS);
	assert_ptr_equal(again.key, first.key);
	assert_int_equal(w.asked, 1);
	/* A parent's key says whose it is. */
	uses[2] = get(&w, "a.example.org", &again);
	run(&w, &again, WAIT_MS);
	assert_string_equal(again.domain, "example.org");
	proxy_key_use_end(uses[0]);
	proxy_key_use_end(uses[1]);
	proxy_key_use_end(uses[2]);
	uses[0] = get(&w, "example.net", &missing);
	run(&w, &missing, WAIT_MS);
	assert_int_equal(missing.status, PROXY_KEY_MISSING);
	assert_null(missing.key);
	proxy_key_use_end(uses[0]);
	uses[0] = get(&w, "../etc", &missing);
	run(&w, &missing, WAIT_MS);
	assert_int_equal(missing.status, PROXY_KEY_TROUBLE);
	proxy_key_use_end(uses[0]);
	finish(&w);
}

static void
test_equal_questions_are_asked_once(void **state)
{
	struct world w;
	struct answer answers[50];
	struct proxy_key_use *uses[50];
	unsigned i;

	(void)state;
	begin(&w, 10);
	write_key(&w, "example.org");
	for (i = 0; i < 50; i++)
		uses[i] = get(&w, "example.org", &answers[i]);
	proxy_key_use_end(uses[7]); /* one goes away before */
	run(&w, &answers[49], WAIT_MS);
	assert_int_equal(w.asked, 1);
	for (i = 0; i < 50; i++) {
		assert_int_equal(answers[i].calls, i == 7 ? 0 : 1);
		if (i != 7)
			proxy_key_use_end(uses[i]);
	}
	finish(&w);
}

static void
test_many_questions_queue(void **state)
{
	struct world w;
	static struct answer answers[300];
	struct proxy_key_use *uses[300];
	struct strbuf name;
	unsigned i;

	(void)state;
	begin(&w, 10);
	strbuf_init(&name, 64);
	for (i = 0; i < 300; i++) {
		strbuf_reset(&name);
		strbuf_addf(&name, "d%u.example", i);
		uses[i] = get(&w, strbuf_text(&name), &answers[i]);
	}
	for (i = 0; i < 300; i++) {
		run(&w, &answers[i], WAIT_MS);
		assert_int_equal(answers[i].status, PROXY_KEY_MISSING);
		proxy_key_use_end(uses[i]);
	}
	strbuf_clear(&name);
	finish(&w);
}

/* What leaves the table while it is used lives until its last use ends. */
static void
test_a_bounded_number_is_kept(void **state)
{
	struct world w;
	struct answer first, other;
	struct proxy_key_use *kept, *use;
	struct strbuf name, signature;
	unsigned i;

	(void)state;
	begin(&w, 3);
	strbuf_init(&name, 64);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	write_key(&w, "d0.example");
	kept = get(&w, "d0.example", &first);
	run(&w, &first, WAIT_MS);
	for (i = 1; i < 10; i++) {
		strbuf_reset(&name);
		strbuf_addf(&name, "d%u.example", i);
		write_key(&w, strbuf_text(&name));
		use = get(&w, strbuf_text(&name), &other);
		run(&w, &other, WAIT_MS);
		assert_int_equal(other.status, PROXY_KEY_FOUND);
		proxy_key_use_end(use);
	}
	assert_int_equal(w.asked, 10);
	assert_int_equal(
	    dkim_key_sign(first.key, DKIM_ED25519_SHA256,
		SLICE("01234567890123456789012345678901"), &signature),
	    0);
	use = get(&w, "d0.example", &other); /* left the table */
	run(&w, &other, WAIT_MS);
	assert_int_equal(w.asked, 11);
	assert_ptr_not_equal(other.key, first.key);
	proxy_key_use_end(use);
	use = get(&w, "d9.example", &other); /* still there */
	run(&w, &other, WAIT_MS);
	assert_int_equal(w.asked, 11);
	proxy_key_use_end(use);
	proxy_key_use_end(kept);
	strbuf_clear(&name);
	strbuf_clear(&signature);
	finish(&w);
}

static void
test_a_callback_may_end_any_use(void **state)
{
	struct world w;
	struct answer first, second;
	struct proxy_key_use *uses[2];

	(void)state;
	begin(&w, 10);
	write_key(&w, "example.org");
	uses[0] = get(&w, "example.org", &first);
	uses[1] = get(&w, "example.org", &second);
	first.end = &uses[1];
	run(&w, &first, WAIT_MS);
	run(&w, NULL, 50);
	assert_int_equal(second.calls, 0);
	first.end = NULL;
	proxy_key_use_end(uses[0]);
	uses[0] = get(&w, "example.org", &first);
	first.end = &uses[0]; /* itself */
	run(&w, &first, WAIT_MS);
	assert_null(uses[0]);
	finish(&w);
}

static void
test_a_lost_master_is_trouble_not_silence(void **state)
{
	struct world w;
	struct answer a, b;
	struct proxy_key_use *uses[2];

	(void)state;
	begin(&w, 10);
	uses[0] = get(&w, "example.org", &a);
	shutdown(w.master_fd, SHUT_RDWR);
	run(&w, &a, WAIT_MS);
	assert_int_equal(a.status, PROXY_KEY_TROUBLE);
	assert_string_equal(a.reason, "the master is gone");
	uses[1] = get(&w, "example.com", &b);
	run(&w, &b, WAIT_MS);
	assert_int_equal(b.status, PROXY_KEY_TROUBLE);
	proxy_key_use_end(uses[0]);
	proxy_key_use_end(uses[1]);
	finish(&w);
}

/* Within 60 s, as promised: the bounds say so, and a key looked at again
 * is the new one. */
static void
test_a_changed_key_is_noticed(void **state)
{
	struct world w;
	struct answer missing, found, same;
	struct proxy_key_use *use, *again;
	unsigned waited;

	(void)state;
	assert_true(PROXY_KEYS_RECHECK_S + PROXY_KEYS_WAIT_S < 60);
	assert_true(PROXY_KEYS_MISSING_S < 60);
	begin(&w, 10);
	use = get(&w, "example.org", &missing);
	run(&w, &missing, WAIT_MS);
	assert_int_equal(missing.status, PROXY_KEY_MISSING);
	proxy_key_use_end(use);
	write_key(&w, "example.org");
	ahead = PROXY_KEYS_MISSING_S;
	for (waited = 0; waited < PROXY_KEYS_MISSING_S + 5; waited++) {
		use = get(&w, "example.org", &found);
		run(&w, &found, WAIT_MS);
		proxy_key_use_end(use);
		if (found.status == PROXY_KEY_FOUND)
			break;
		run(&w, NULL, 1000);
	}
	assert_int_equal(found.status, PROXY_KEY_FOUND);
	assert_int_equal(w.asked, 2);

	/* Looked at again: the same file is the same key, a new one is not. */
	use = get(&w, "example.org", &found);
	run(&w, &found, WAIT_MS);
	ahead += PROXY_KEYS_RECHECK_S;
	again = get(&w, "example.org", &same);
	run(&w, &same, WAIT_MS);
	assert_int_equal(w.asked, 3);
	assert_ptr_equal(same.key, found.key);
	proxy_key_use_end(again);
	write_key(&w, "example.org");
	ahead += PROXY_KEYS_RECHECK_S;
	again = get(&w, "example.org", &same);
	run(&w, &same, WAIT_MS);
	assert_int_equal(w.asked, 4);
	assert_ptr_not_equal(same.key, found.key); /* which still is held */
	proxy_key_use_end(again);
	proxy_key_use_end(use);
	finish(&w);
}

static void
expect_domain(struct world *w, const char *want)
{
	struct answer a;
	struct proxy_key_use *use;

	ahead += PROXY_KEYS_RECHECK_S;
	use = get(w, "a.example.org", &a);
	run(w, &a, WAIT_MS);
	assert_int_equal(a.status, PROXY_KEY_FOUND);
	assert_string_equal(a.domain, want);
	proxy_key_use_end(use);
}

/* One file, which is now the domain's own by a link and now its parent's: d=
 * follows, though the file is what it was. */
static void
test_the_domain_follows_the_name(void **state)
{
	struct strbuf path;
	struct world w;

	(void)state;
	begin(&w, 10);
	write_key(&w, "example.org");
	strbuf_init(&path, 1024);
	strbuf_addf(&path, "%s/a.example.org", w.dir);
	expect_domain(&w, "example.org");
	assert_int_equal(symlink("example.org", strbuf_text(&path)), 0);
	expect_domain(&w, "a.example.org");
	assert_int_equal(unlink(strbuf_text(&path)), 0);
	expect_domain(&w, "example.org");
	strbuf_clear(&path);
	finish(&w);
}

/* --- keys that are replaced --- */

static bool
peek(struct world *w, struct proxy_key_answer *answer)
{
	return proxy_keys_peek(w->keys, 0, SLICE("example.org"), answer);
}

static bool
peek_replaced(struct world *w, const char *selector)
{
	struct proxy_key_answer answer;

	return proxy_keys_peek_replaced(
	    w->keys, 0, SLICE("example.org"), slice_str(selector), &answer);
}

/* With a key of example.org in its file, which a signer holds. */
static void
begin_holding(struct world *w, struct strbuf *path)
{
	struct answer found;

	begin(w, 10);
	write_key(w, "example.org");
	proxy_key_use_end(get(w, "example.org", &found));
	run(w, NULL, 50);
	strbuf_init(path, 1024);
	strbuf_addf(path, "%s/example.org", w->dir);
}

static void
test_a_known_key_is_had_at_once(void **state)
{
	struct proxy_key_answer answer;
	struct answer found;
	struct world w;

	(void)state;
	begin(&w, 10);
	write_key(&w, "example.org");
	assert_false(peek(&w, &answer));
	proxy_key_use_end(get(&w, "example.org", &found));
	run(&w, NULL, 50);
	assert_true(peek(&w, &answer));
	assert_int_equal(answer.status, PROXY_KEY_FOUND);
	assert_slice_equal(answer.selector, SLICE("s"));
	assert_true(answer.since > 0);
	assert_int_equal(answer.used, 0);
	proxy_key_note_use(answer.held);
	assert_true(peek(&w, &answer));
	assert_true(answer.used >= answer.since);
	finish(&w);
}

/* Nobody asks for it: it is looked at all the same. */
static void
test_a_key_that_is_held_is_looked_at(void **state)
{
	struct proxy_key_answer answer;
	const struct dkim_key *first;
	struct answer found;
	struct world w;

	(void)state;
	begin(&w, 10);
	write_key(&w, "example.org");
	proxy_key_use_end(get(&w, "example.org", &found));
	run(&w, NULL, 50);
	assert_true(peek(&w, &answer));
	first = answer.key;
	write_key(&w, "example.org");
	ahead = PROXY_KEYS_LOOK_S;
	for (unsigned waited = 0; waited < PROXY_KEYS_LOOK_S + 3; waited++) {
		run(&w, NULL, 1000);
		assert_true(peek(&w, &answer));
		if (answer.key != first || w.asked > 1)
			break;
	}
	assert_int_equal(w.asked, 2);
	/* Of the same selector: of the old one nothing is kept. */
	assert_false(peek_replaced(&w, "s"));
	finish(&w);
}

/* A file that is being written anew is no reason to defer mail. */
static void
test_a_look_takes_no_good_key_away(void **state)
{
	struct proxy_key_answer answer;
	struct answer found;
	struct strbuf path;
	struct world w;

	(void)state;
	begin_holding(&w, &path);
	assert_int_equal(truncate(strbuf_text(&path), 10), 0);
	ahead = PROXY_KEYS_LOOK_S;
	for (unsigned waited = 0; waited < PROXY_KEYS_LOOK_S + 3; waited++) {
		run(&w, NULL, 1000);
		if (w.asked > 1)
			break;
	}
	assert_int_equal(w.asked, 2);
	run(&w, NULL, 50);
	assert_true(peek(&w, &answer));
	assert_int_equal(answer.status, PROXY_KEY_FOUND);
	/* Where it must be asked for, what there is counts. */
	ahead += PROXY_KEYS_RECHECK_S;
	proxy_key_use_end(get(&w, "example.org", &found));
	run(&w, NULL, 50);
	assert_true(peek(&w, &answer));
	assert_int_equal(answer.status, PROXY_KEY_TROUBLE);
	strbuf_clear(&path);
	finish(&w);
}

/* Another selector: what was begun with the old name is signed with it. */
static void
test_a_replaced_key_is_good_for_a_while(void **state)
{
	struct proxy_key_answer answer;
	struct answer found;
	struct world w;

	(void)state;
	begin(&w, 10);
	write_key(&w, "example.org");
	proxy_key_use_end(get(&w, "example.org", &found));
	run(&w, NULL, 50);
	assert_false(peek_replaced(&w, "s"));
	free(w.config->signing.keys[0].selector);
	w.config->signing.keys[0].selector = strdup("next");
	write_key(&w, "example.org");
	ahead += PROXY_KEYS_RECHECK_S;
	assert_false(peek(&w, &answer));
	proxy_key_use_end(get(&w, "example.org", &found));
	run(&w, NULL, 50);
	assert_true(peek(&w, &answer));
	assert_slice_equal(answer.selector, SLICE("next"));
	assert_true(peek_replaced(&w, "s"));
	assert_true(peek_replaced(&w, "S"));
	assert_false(peek_replaced(&w, "next"));
	finish(&w);
}

/* Nobody asks for it any more: it goes all the same. */
static void
test_a_key_that_was_taken_away_is_forgotten(void **state)
{
	struct strbuf path;
	struct world w;

	(void)state;
	begin_holding(&w, &path);
	assert_int_equal(unlink(strbuf_text(&path)), 0);
	strbuf_clear(&path);
	ahead = PROXY_KEYS_LOOK_S;
	run(&w, NULL, 1500); /* somebody may be writing it anew */
	assert_int_equal(w.asked, 2);
	assert_int_equal(proxy_keys_figures(w.keys).keys, 1);
	ahead = PROXY_KEYS_RECHECK_S;
	run(&w, NULL, 1500);
	assert_int_equal(w.asked, 3);
	assert_int_equal(proxy_keys_figures(w.keys).keys, 0);
	finish(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_key_comes_from_the_master),
	    cmocka_unit_test(test_equal_questions_are_asked_once),
	    cmocka_unit_test(test_many_questions_queue),
	    cmocka_unit_test(test_a_bounded_number_is_kept),
	    cmocka_unit_test(test_a_callback_may_end_any_use),
	    cmocka_unit_test(test_a_lost_master_is_trouble_not_silence),
	    cmocka_unit_test(test_a_changed_key_is_noticed),
	    cmocka_unit_test(test_the_domain_follows_the_name),
	    cmocka_unit_test(test_a_known_key_is_had_at_once),
	    cmocka_unit_test(test_a_key_that_is_held_is_looked_at),
	    cmocka_unit_test(test_a_key_that_was_taken_away_is_forgotten),
	    cmocka_unit_test(test_a_look_takes_no_good_key_away),
	    cmocka_unit_test(test_a_replaced_key_is_good_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
