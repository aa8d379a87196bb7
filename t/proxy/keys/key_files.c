/* Key files: which paths, which modes, which parents. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "dkim/key.h"
#include "proxy/keys/key_check.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_wire.h"
#include "t/lib/unit.h"

static char dir[] = "/tmp/signpost-keys-XXXXXX";

static const char *
path_of(const char *name, struct strbuf *to)
{
	strbuf_reset(to);
	strbuf_addf(to, "%s/%s", dir, name);
	return strbuf_text(to);
}

static void
write_file(const char *name, struct slice bytes, mode_t mode)
{
	struct strbuf path;
	int fd;

	strbuf_init(&path, 1024);
	fd = open(path_of(name, &path), O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_true(write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	strbuf_clear(&path);
}

static void
write_key(const char *name, mode_t mode)
{
	struct strbuf pem, reason;
	struct dkim_key *key;

	strbuf_init(&pem, DKIM_KEY_PEM_MAX);
	strbuf_init(&reason, 256);
	key = dkim_key_generate(DKIM_KEY_ED25519, 0, &reason);
	assert_non_null(key);
	assert_int_equal(dkim_key_print(key, &pem), 0);
	write_file(name, strbuf_slice(&pem), mode);
	dkim_key_free(key);
	strbuf_wipe(&pem);
	strbuf_clear(&reason);
}

/* `keyfile` is below the directory; workers run as nobody. */
static struct proxy_config *
configure(const char *domain, const char *keyfile)
{
	struct proxy_report report;
	struct proxy_config *config;
	struct strbuf text;

	strbuf_init(&text, 4096);
	strbuf_addf(&text,
	    "[signpost]\nuser = nobody\n[out]\ndomain = %s\nselector = s1\n"
	    "keyfile = %s/%s\n",
	    domain, dir, keyfile);
	proxy_report_init(&report);
	config = proxy_config_parse("conf", strbuf_slice(&text), &report);
	if (config == NULL)
		fail_msg("%s", strbuf_text(&report.errors));
	proxy_report_clear(&report);
	strbuf_clear(&text);
	return config;
}

/* The answer for a domain, as "found 4", or with a part of the reason. */
static void
expect(const struct proxy_config *config, const char *domain,
    enum proxy_key_status status, size_t from, const char *said)
{
	struct strbuf reason;
	struct proxy_key_found found;
	struct dkim_key *key;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	key =
	    proxy_key_file_load(config, 0, slice_str(domain), &found, &reason);
	if (found.status != status ||
	    (said != NULL &&
		slice_search(strbuf_slice(&reason), slice_str(said)) ==
		    reason.n))
		fail_msg("%s: %d, \"%s\", want \"%s\"", domain,
		    (int)found.status, strbuf_text(&reason),
		    said == NULL ? "" : said);
	assert_int_equal(key != NULL, status == PROXY_KEY_FOUND);
	if (key != NULL)
		assert_int_equal(found.domain_from, from);
	dkim_key_free(key);
	strbuf_clear(&reason);
}

static void
test_only_names_make_a_path(void **state)
{
	static const char *const good[] = {
	    "a", "example.org", "xn--mller-kva.example", "1-2.3", "-.a"};
	static const char *const bad[] = {"", ".", "..", "a..b", ".a", "a.",
	    "../etc", "a/b", "a_b", "a b", "\xc3\xa9.example", "$domain",
	    "a%2f", "a\\b", "*"};
	char longest[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(proxy_key_domain_is_safe(slice_str(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(proxy_key_domain_is_safe(slice_str(bad[i])));
	assert_false(proxy_key_domain_is_safe(SLICE("a\0b")));
	for (i = 0; i < sizeof(longest); i++)
		longest[i] = i % 64 == 63 ? '.' : 'a';
	assert_true(proxy_key_domain_is_safe(slice_from(longest, 253)));
	assert_false(proxy_key_domain_is_safe(slice_from(longest, 254)));
	longest[63] = 'a';
	assert_true(proxy_key_domain_is_safe(slice_from(longest, 63)));
	assert_false(proxy_key_domain_is_safe(slice_from(longest, 64)));
}

static void
test_a_template_makes_a_path(void **state)
{
	struct proxy_config *c =
	    configure("example.org", "$domain/$selector-$domain.pem");
	struct strbuf path, reason, want;

	(void)state;
	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	strbuf_init(&want, PROXY_KEY_PATH_MAX);
	strbuf_addf(&want, "%s/a.b/s1-a.b.pem", dir);
	assert_int_equal(
	    proxy_key_path(&c->signing.keys[0], SLICE("a.b"), &path, &reason),
	    0);
	assert_string_equal(strbuf_text(&path), strbuf_text(&want));
	strbuf_clear(&path);
	strbuf_init(&path, 10);
	assert_int_equal(
	    proxy_key_path(&c->signing.keys[0], SLICE("a.b"), &path, &reason),
	    -1);
	strbuf_clear(&path);
	strbuf_clear(&reason);
	strbuf_clear(&want);
	proxy_config_free(c);
}

static void
test_access_is_checked(void **state)
{
	static const struct {
		mode_t mode;
		const char *said; /* NULL: taken */
	} cases[] = {{0600, NULL}, {0400, NULL}, {0700, NULL},
	    {0604, "has mode 0604, which lets others in: chmod 600 /tmp/"},
	    {0601, "lets others in"}, {0602, "lets others in"}, {0640, NULL},
	    {0666, "lets others in"}};
	struct proxy_config *c = configure("example.org", "$domain.pem");
	struct strbuf path;
	size_t i;

	(void)state;
	if (geteuid() != 0)
		fail_msg("needs root");
	strbuf_init(&path, 1024);
	path_of("example.org.pem", &path);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_key("example.org.pem", cases[i].mode);
		assert_int_equal(chown(strbuf_text(&path), 0, 0), 0);
		expect(c, "example.org",
		    cases[i].said == NULL ? PROXY_KEY_FOUND : PROXY_KEY_TROUBLE,
		    0, cases[i].said);
	}
	/* A group that the worker (nobody, nogroup) is in. */
	write_key("example.org.pem", 0640);
	assert_int_equal(chown(strbuf_text(&path), 0, 65534), 0);
	expect(c, "example.org", PROXY_KEY_TROUBLE, 0,
	    "has mode 0640, which lets group 65534 in, and a worker is in "
	    "that: chmod 600");
	/* Whose it is: the signing user's is fine, another's is not. */
	write_key("example.org.pem", 0600);
	assert_int_equal(chown(strbuf_text(&path), 65534, 0), 0);
	expect(c, "example.org", PROXY_KEY_FOUND, 0, NULL);
	assert_int_equal(chown(strbuf_text(&path), 1234, 0), 0);
	expect(c, "example.org", PROXY_KEY_TROUBLE, 0,
	    "(mode 0600) belongs to user 1234: chown root /tmp/");
	assert_int_equal(chown(strbuf_text(&path), 0, 0), 0);
	strbuf_clear(&path);
	proxy_config_free(c);
}

static void
test_what_is_no_key_file_is_trouble(void **state)
{
	struct proxy_config *c = configure("example.org", "$domain.pem");
	struct strbuf path, big;

	(void)state;
	strbuf_init(&path, 1024);
	strbuf_init(&big, DKIM_KEY_PEM_MAX + 1);
	while (!big.full)
		strbuf_add_str(&big, "x");
	expect(c, "none.example", PROXY_KEY_TROUBLE, 0,
	    "/none.example.pem: No such file or directory");
	expect(c, "../etc", PROXY_KEY_TROUBLE, 0, "no key is for that domain");
	write_file("text.pem", SLICE("not a key\n"), 0600);
	expect(c, "text", PROXY_KEY_TROUBLE, 0, "/text.pem: ");
	write_file("empty.pem", SLICE(""), 0600);
	expect(c, "empty", PROXY_KEY_TROUBLE, 0, "/empty.pem: ");
	write_file("big.pem", strbuf_slice(&big), 0600);
	expect(c, "big", PROXY_KEY_TROUBLE, 0, "has over 16384 bytes");
	assert_int_equal(mkdir(path_of("dir.pem", &path), 0700), 0);
	expect(c, "dir", PROXY_KEY_TROUBLE, 0, "is no regular file");
	/* A FIFO must not be waited for. */
	assert_int_equal(mkfifo(path_of("fifo.pem", &path), 0600), 0);
	expect(c, "fifo", PROXY_KEY_TROUBLE, 0, "is no regular file");
	/* A link is followed: it is the file that counts. */
	write_key("real.pem", 0600);
	assert_int_equal(symlink("real.pem", path_of("link.pem", &path)), 0);
	expect(c, "link", PROXY_KEY_FOUND, 0, NULL);
	write_key("open.pem", 0644);
	assert_int_equal(symlink("open.pem", path_of("link2.pem", &path)), 0);
	expect(c, "link2", PROXY_KEY_TROUBLE, 0, "lets others in");
	assert_int_equal(symlink("loop.pem", path_of("loop.pem", &path)), 0);
	expect(c, "loop", PROXY_KEY_TROUBLE, 0, "Too many levels");
	strbuf_clear(&path);
	strbuf_clear(&big);
	proxy_config_free(c);
}

/* As systemd hands it to a service. */
static void
test_a_credential_is_a_key_too(void **state)
{
	static const char *const bad[] = {"credential:", "credential:a/b",
	    "credential:../k", "elsewhere:k", "credential:$user"};
	static const char text[] = "[signpost]\nuser = nobody\n[out]\n"
				   "domain = example.org\nselector = s1\n"
				   "keyfile = %s\n";
	struct proxy_report report;
	struct proxy_config *config;
	struct strbuf conf;

	(void)state;
	strbuf_init(&conf, 4096);
	proxy_report_init(&report);
	strbuf_addf(&conf, text, "credential:$domain-key");
	config = proxy_config_parse("conf", strbuf_slice(&conf), &report);
	assert_non_null(config);
	unsetenv("CREDENTIALS_DIRECTORY");
	expect(config, "example.org", PROXY_KEY_TROUBLE, 0,
	    "credential example.org-key: systemd handed none over "
	    "(LoadCredential=example.org-key:FILE in the unit)");
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	expect(config, "example.org", PROXY_KEY_TROUBLE, 0,
	    "example.org-key: No such file");
	write_key("example.org-key", 0400);
	expect(config, "example.org", PROXY_KEY_FOUND, 0, NULL);
	unsetenv("CREDENTIALS_DIRECTORY");
	proxy_config_free(config);
	strbuf_reset(&conf);
	assert_int_equal(unlink(path_of("example.org-key", &conf)), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strbuf_reset(&conf);
		strbuf_addf(&conf, text, bad[i]);
		config =
		    proxy_config_parse("conf", strbuf_slice(&conf), &report);
		if (config != NULL)
			fail_msg("%s", bad[i]);
	}
	proxy_report_clear(&report);
	strbuf_clear(&conf);
}

static void
test_parents_are_tried_for_any_domain(void **state)
{
	struct proxy_config *c = configure("*", "$domain.pem");
	char deep[253];
	size_t i;

	(void)state;
	write_key("parent.example.pem", 0600);
	write_file("broken.parent.example.pem", SLICE("x"), 0600);
	expect(c, "parent.example", PROXY_KEY_FOUND, 0, NULL);
	expect(c, "a.parent.example", PROXY_KEY_FOUND, 2, NULL);
	expect(c, "a.b.parent.example", PROXY_KEY_FOUND, 4, NULL);
	expect(c, "other.example", PROXY_KEY_MISSING, 0,
	    "/other.example.pem: No such file");
	expect(c, "example", PROXY_KEY_MISSING, 0, "No such file");
	/* Trouble on the way is trouble, no reason to go on. */
	expect(c, "x.broken.parent.example", PROXY_KEY_TROUBLE, 0, "broken");
	for (i = 0; i < sizeof(deep); i++)
		deep[i] = i % 2 == 0 ? 'a' : '.';
	{
		struct strbuf reason;
		struct proxy_key_found found;

		strbuf_init(&reason, PROXY_KEY_REASON_MAX);
		assert_null(proxy_key_file_load(
		    c, 0, slice_from(deep, sizeof(deep)), &found, &reason));
		assert_int_equal(found.status, PROXY_KEY_MISSING);
		strbuf_clear(&reason);
	}
	proxy_config_free(c);
}

/* What is there under another spelling is named. */
static void
test_another_spelling_is_named(void **state)
{
	struct proxy_config *c = configure("*", "$domain.pem");

	(void)state;
	write_key("Spelt.Example.pem", 0600);
	write_key("b\xc3\xbc"
		  "cher.example.pem",
	    0600);
	expect(c, "spelt.example", PROXY_KEY_MISSING, 0,
	    "/Spelt.Example.pem is there, but $domain is in lower case");
	expect(c, "xn--bcher-kva.example", PROXY_KEY_MISSING, 0,
	    "cher.example.pem is there, but $domain is in lower case");
	expect(c, "pelt.example", PROXY_KEY_MISSING, 0, "No such file");
	proxy_config_free(c);
}

static void
test_every_key_that_is_named_is_checked(void **state)
{
	struct proxy_config *c =
	    configure("good.example, bad.example", "$domain.pem");
	struct proxy_report report;

	(void)state;
	write_key("good.example.pem", 0600);
	proxy_report_init(&report);
	/* At the start, one domain's trouble is its own. */
	assert_int_equal(
	    proxy_key_check_run(c, PROXY_KEY_CHECK_START, &report), 0);
	assert_true(
	    slice_search(strbuf_slice(&report.warnings),
		SLICE("bad.example.pem: No such file")) < report.warnings.n);
	assert_true(slice_starts_nocase(
	    strbuf_slice(&report.warnings), SLICE("conf:4: key file ")));
	assert_int_equal(
	    proxy_key_check_run(c, PROXY_KEY_CHECK_ALL, &report), -1);
	assert_true(
	    slice_search(strbuf_slice(&report.errors),
		SLICE("bad.example.pem: No such file")) < report.errors.n);
	proxy_report_clear(&report);
	proxy_config_free(c);
	/* One key for all: without it nothing is signed. */
	c = configure("good.example", "shared.pem");
	proxy_report_init(&report);
	assert_int_equal(
	    proxy_key_check_run(c, PROXY_KEY_CHECK_START, &report), -1);
	proxy_report_clear(&report);
	proxy_config_free(c);
}

/* A directory where anybody may have put a link: no key of the rule is used,
 * and the start says so, whatever domains there are. */
static void
test_every_rules_directory_is_checked(void **state)
{
	struct proxy_config *c = configure("*", "$domain.pem");
	struct proxy_report report;

	(void)state;
	write_key("good.example.pem", 0600);
	assert_int_equal(chmod(dir, 0777), 0);
	expect(c, "good.example", PROXY_KEY_TROUBLE, 0, "chmod go-w /tmp/");
	expect(c, "none.example", PROXY_KEY_MISSING, 0, "No such file");
	proxy_report_init(&report);
	assert_int_equal(
	    proxy_key_check_run(c, PROXY_KEY_CHECK_START, &report), -1);
	assert_true(slice_starts_nocase(
	    strbuf_slice(&report.errors), SLICE("conf:4: key file ")));
	assert_true(
	    slice_search(strbuf_slice(&report.errors),
		SLICE("has mode 0777, which lets others")) < report.errors.n);
	proxy_report_clear(&report);
	assert_int_equal(chmod(dir, 0700), 0);
	proxy_report_init(&report);
	assert_int_equal(
	    proxy_key_check_run(c, PROXY_KEY_CHECK_START, &report), 0);
	proxy_report_clear(&report);
	proxy_config_free(c);
}

/* A map's domains too, with the line that named the rule first. */
static void
test_every_key_of_a_map_is_checked(void **state)
{
	static const char entries[] = "good.example dkim\n"
				      "me@bad1.example dkim\n"
				      "x.example dkim(d=bad2.example)\n"
				      "y.example dkim(d=$senderdomain)\n";
	/* The list's name is taken off it, or not. */
	static const char lists[] = "news.good.example dkim\n"
				    "good.example dkim\n"
				    "l.full.example dkim\n"
				    "news.bad3.example dkim\n";
	struct proxy_report report;
	struct proxy_config *c;
	struct strbuf text;

	(void)state;
	write_key("good.example.pem", 0600);
	write_file("map", slice_str(entries), 0600);
	write_file("lists", slice_str(lists), 0600);
	write_key("l.full.example.pem", 0600);
	strbuf_init(&text, 4096);
	strbuf_addf(&text,
	    "[out]\nselector = s\nkeyfile = %s/$domain.pem\n"
	    "sender_map = %s/map\nlistid_map = %s/lists\n",
	    dir, dir, dir);
	proxy_report_init(&report);
	c = proxy_config_parse("conf", strbuf_slice(&text), &report);
	assert_non_null(c);
	assert_int_equal(
	    proxy_key_check_run(c, PROXY_KEY_CHECK_ALL, &report), -1);
	assert_true(
	    slice_search(strbuf_slice(&report.errors),
		SLICE("/bad1.example.pem: No such file")) < report.errors.n);
	assert_true(
	    slice_search(strbuf_slice(&report.errors),
		SLICE("/bad2.example.pem: No such file")) < report.errors.n);
	assert_true(
	    slice_search(strbuf_slice(&report.errors),
		SLICE("/bad3.example.pem: No such file")) < report.errors.n);
	assert_true(slice_search(strbuf_slice(&report.errors), SLICE("good")) ==
	    report.errors.n);
	assert_true(slice_search(strbuf_slice(&report.errors), SLICE("full")) ==
	    report.errors.n);
	assert_true(slice_search(strbuf_slice(&report.errors),
			SLICE("y.example")) == report.errors.n);
	proxy_report_clear(&report);
	proxy_config_free(c);
	strbuf_clear(&text);
}

static void
test_the_master_believes_nothing(void **state)
{
	struct proxy_config *c = configure("*", "$domain.pem");
	struct proxy_key_readers readers;
	struct proxy_key_request request = {
	    .rule = 0, .domain_n = 14, .domain = "parent.example"};
	struct proxy_key_request bad;
	char datagram[sizeof(struct proxy_key_reply)];
	struct proxy_key_reply reply;
	int pair[2], fd;
	long n;

	(void)state;
	write_key("parent.example.pem", 0600);
	proxy_key_readers_init(&readers, c);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers),
	    PROXY_KEY_SERVED_NONE);

#define SEND(what, length, with)                                               \
	assert_int_equal(                                                      \
	    proxy_key_send(                                                    \
		pair[1], slice_from((const char *)&(what), (length)), (with)), \
	    0)
	SEND(request, sizeof(request), -1);
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers), 0);
	n = proxy_key_receive(pair[1], datagram, sizeof(datagram), &fd);
	assert_true(n > 0);
	assert_int_equal(
	    proxy_key_reply_parse(slice_from(datagram, (size_t)n), &reply), 0);
	assert_int_equal(reply.status, PROXY_KEY_REPLY_FOUND);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);

	/* What it has already is not sent again. */
	request.has_stamp = 1;
	request.stamp = reply.stamp;
	SEND(request, sizeof(request), -1);
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers), 0);
	n = proxy_key_receive(pair[1], datagram, sizeof(datagram), &fd);
	proxy_key_reply_parse(slice_from(datagram, (size_t)n), &reply);
	assert_int_equal(reply.status, PROXY_KEY_REPLY_UNCHANGED);
	assert_int_equal(fd, -1);

	/* A rule that is not there is an answer; the rest is a liar. */
	bad = request;
	bad.rule = 7;
	SEND(bad, sizeof(bad), -1);
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers), 0);
	n = proxy_key_receive(pair[1], datagram, sizeof(datagram), &fd);
	proxy_key_reply_parse(slice_from(datagram, (size_t)n), &reply);
	assert_int_equal(reply.status, PROXY_KEY_REPLY_TROUBLE);
	SEND(bad, sizeof(bad) - 1, -1);
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers),
	    PROXY_KEY_SERVED_LIAR);
	bad.domain_n = 257;
	SEND(bad, sizeof(bad), -1);
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers),
	    PROXY_KEY_SERVED_LIAR);
	bad = request;
	memcpy(bad.domain, "../../../../et", 14);
	SEND(bad, sizeof(bad), -1);
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers),
	    PROXY_KEY_SERVED_LIAR);
	SEND(request, sizeof(request), pair[1]); /* a descriptor of its own */
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers),
	    PROXY_KEY_SERVED_LIAR);
	close(pair[1]);
	assert_int_equal(proxy_key_server_answer(pair[0], c, &readers),
	    PROXY_KEY_SERVED_GONE);
	close(pair[0]);
	proxy_config_free(c);
}

static size_t
open_descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(list);
	while (readdir(list) != NULL)
		n++;
	closedir(list);
	return n;
}

/* As a worker would that is not ours any more. */
static void
send_with(int socket, struct slice datagram, size_t count)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec part = {(void *)(uintptr_t)datagram.p, datagram.n};
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	size_t i;

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (i = 0; i < count; i++)
		memcpy(CMSG_DATA(head) + i * sizeof(int), &socket, sizeof(int));
	assert_int_equal(sendmsg(socket, &message, MSG_DONTWAIT), datagram.n);
}

static void
test_descriptors_that_nobody_asked_for_are_closed(void **state)
{
	struct proxy_config *c = configure("*", "$domain.pem");
	struct proxy_key_readers readers;
	const struct proxy_key_request request = {
	    .rule = 0, .domain_n = 14, .domain = "parent.example"};
	struct slice datagram =
	    slice_from((const char *)&request, sizeof(request));
	char got[sizeof(request)];
	size_t count, before;
	int pair[2], fd;

	(void)state;
	write_key("parent.example.pem", 0600);
	proxy_key_readers_init(&readers, c);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	before = open_descriptors();
	for (count = 1; count <= 4; count++) {
		send_with(pair[1], datagram, count);
		assert_int_equal(proxy_key_server_answer(pair[0], c, &readers),
		    PROXY_KEY_SERVED_LIAR);
		assert_int_equal(open_descriptors(), before);
		send_with(pair[1], datagram, count);
		assert_int_equal(
		    proxy_key_receive(pair[0], got, sizeof(got), &fd),
		    sizeof(got));
		if (count == 1) {
			assert_true(fd >= 0);
			close(fd);
		} else {
			assert_int_equal(fd, PROXY_KEY_FALSE_FD);
		}
		assert_int_equal(open_descriptors(), before);
	}
	/* None is no lie. */
	assert_int_equal(proxy_key_send(pair[1], datagram, -1), 0);
	assert_int_equal(
	    proxy_key_receive(pair[0], got, sizeof(got), &fd), sizeof(got));
	assert_int_equal(fd, PROXY_KEY_NO_FD);
	close(pair[0]);
	close(pair[1]);
	proxy_config_free(c);
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

/* In two pieces, for \xbcc would be one octet. */
#define BUECHER "b\xc3\xbc"

static int
remove_dir(void **state)
{
	static const char *const names[] = {"example.org.pem", "text.pem",
	    "empty.pem", "big.pem", "fifo.pem", "real.pem", "link.pem",
	    "open.pem", "link2.pem", "loop.pem", "parent.example.pem",
	    "broken.parent.example.pem", "good.example.pem", "map",
	    "Spelt.Example.pem", BUECHER "cher.example.pem"};
	struct strbuf path;
	size_t i;

	(void)state;
	strbuf_init(&path, 1024);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(names[i], &path));
	rmdir(path_of("dir.pem", &path));
	strbuf_clear(&path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_names_make_a_path),
	    cmocka_unit_test(test_a_template_makes_a_path),
	    cmocka_unit_test(test_access_is_checked),
	    cmocka_unit_test(test_what_is_no_key_file_is_trouble),
	    cmocka_unit_test(test_a_credential_is_a_key_too),
	    cmocka_unit_test(test_parents_are_tried_for_any_domain),
	    cmocka_unit_test(test_another_spelling_is_named),
	    cmocka_unit_test(test_every_key_that_is_named_is_checked),
	    cmocka_unit_test(test_every_rules_directory_is_checked),
	    cmocka_unit_test(test_every_key_of_a_map_is_checked),
	    cmocka_unit_test(test_the_master_believes_nothing),
	    cmocka_unit_test(test_descriptors_that_nobody_asked_for_are_closed),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
