/*
 * signpost demo: the whole path on loopback, nothing to configure. A key is
 * made, the real proxy started with it between a client and a sink, a
 * message sent through; what came out is shown, and that it verifies with
 * the key just made. No DNS, nothing left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pwd.h>

#include "base/clock.h"
#include "cli/demo_check.h"
#include "cli/demo_wire.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/options.h"
#include "cli/kit/records_print.h"
#include "dkim/key.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"
#include "mail/newline.h"

enum {
	DEMO_MS = 60000,      /* the whole demonstration */
	DEMO_STOP_MS = 10000, /* the proxy's end */
	DEMO_STEP_MS = 50,
	FILE_MAX = 64 << 20,
	LOG_MAX = 1 << 20,
	PATH_LENGTH_MAX = 4096,
	KEY_BITS = 2048
};

static const char help[] =
    "usage: signpost demo [FILE]\n"
    "\n"
    "Sends a message (the one in FILE, or a sample) through the proxy on\n"
    "loopback, signed with a key made for the occasion; shows it as it came\n"
    "out, and that its signatures verify. Needs no configuration, asks no\n"
    "name server, and leaves nothing behind.\n";

static const char sample[] =
    "From: Ada <ada@example.org>\r\n"
    "To: Grace <grace@example.net>\r\n"
    "Subject: A signpost at the crossing\r\n"
    "Date: Thu, 01 Jan 2026 12:00:00 +0000\r\n"
    "Message-ID: <demo@example.org>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "This message went through signpost on its way out.\r\n"
    "Who it is from stands on top, signed.\r\n";

struct demo {
	struct demo_clock clock;
	struct sigaction old_int, old_term, old_hup;
	sigset_t old_mask;
	struct strbuf message; /* CRLF line ends */
	struct strbuf domain;  /* From's, in A-labels */
	struct dkim_key *key;
	char dir[PATH_LENGTH_MAX];
	int listener; /* the sink's */
	uint16_t sink_port, proxy_port;
	pid_t proxy, sink;
};

/* --- the message --- */

static int
set_domain(struct demo *d)
{
	struct mail_header *header =
	    mail_header_parse(strbuf_slice(&d->message), FILE_MAX);
	const struct mail_field *from =
	    header == NULL ? NULL : mail_header_last(header, SLICE("From"));
	struct mail_address_list *list =
	    from == NULL ? NULL : mail_address_parse(from->value, NULL);
	int outcome = -1;

	strbuf_init(&d->domain, MAIL_IDN_NAME_MAX);
	if (list != NULL && mail_address_count(list) > 0)
		outcome = mail_idn_to_ascii(
		    mail_address_at(list, 0)->domain, &d->domain);
	if (header == NULL || mail_header_count(header) == 0)
		cli_error("demo: no message: no header field at all");
	else if (outcome != 0)
		cli_error("demo: no From field with an address to sign for");
	mail_address_free(list);
	mail_header_free(header);
	return outcome == 0 ? CLI_OK : CLI_NO_MESSAGE;
}

/* --- what the proxy needs --- */

/* A worker does not run as root; nobody has nothing of value. */
static const struct passwd *
worker_user(void)
{
	return geteuid() == 0 ? getpwnam("nobody") : NULL;
}

/* $TMPDIR, where a worker that is somebody else gets into it, too. */
static const char *
temporary_directory(void)
{
	const char *parent = getenv("TMPDIR");
	struct stat st;

	if (parent == NULL || parent[0] != '/' || stat(parent, &st) != 0)
		return "/tmp";
	return geteuid() == 0 && (st.st_mode & S_IXOTH) == 0 ? "/tmp" : parent;
}

static int
make_directory(struct demo *d)
{
	const char *parent = temporary_directory();
	const struct passwd *user = worker_user();
	struct strbuf spool;
	int outcome = -1;

	if ((size_t)snprintf(d->dir, sizeof(d->dir), "%s/signpost-demo-XXXXXX",
		parent) >= sizeof(d->dir))
		errno = ENAMETOOLONG;
	else if (mkdtemp(d->dir) != NULL)
		outcome = 0;
	if (outcome != 0) {
		cli_error("demo: %s: %s", d->dir, strerror(errno));
		d->dir[0] = '\0';
		return -1;
	}
	strbuf_init(&spool, PATH_LENGTH_MAX);
	strbuf_addf(&spool, "%s/spool", d->dir);
	outcome = mkdir(strbuf_text(&spool), 0700);
	if (outcome == 0 && user != NULL)
		outcome =
		    chown(strbuf_text(&spool), user->pw_uid, user->pw_gid) |
		    chmod(d->dir, 0711);
	if (outcome != 0)
		cli_error("demo: %s: %s", strbuf_text(&spool), strerror(errno));
	strbuf_clear(&spool);
	return outcome;
}

static int
create(const struct demo *d, const char *name, const struct strbuf *content)
{
	struct strbuf path;
	int outcome;

	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_addf(&path, "%s/%s", d->dir, name);
	outcome = cli_file_create(strbuf_text(&path), strbuf_slice(content));
	strbuf_clear(&path);
	return outcome;
}

static int
make_key(struct demo *d)
{
	struct strbuf pem, reason;
	int outcome = -1;

	strbuf_init(&pem, DKIM_KEY_PEM_MAX);
	strbuf_init(&reason, 1000);
	d->key = dkim_key_generate(DKIM_KEY_RSA, KEY_BITS, &reason);
	if (d->key == NULL || dkim_key_print(d->key, &pem) != 0)
		cli_error("demo: no key: %s", strbuf_text(&reason));
	else
		outcome = create(d, "key.pem", &pem);
	strbuf_wipe(&pem);
	strbuf_clear(&reason);
	return outcome;
}

static int
make_config(struct demo *d)
{
	const struct passwd *user = worker_user();
	struct strbuf text;
	int outcome;

	strbuf_init(&text, (size_t)4 * PATH_LENGTH_MAX);
	strbuf_addf(&text,
	    "[signpost]\nlog = stderr\nworkers = 1\n%s%s\n"
	    "[out]\nlisten = 127.0.0.1:%u\nrelay = 127.0.0.1:%u\n"
	    "domain = %s\nselector = %s\nkeyfile = %s/key.pem\n"
	    "signature = dkim(c=relaxed/relaxed)\n"
	    "signature = domainkeys(c=nofws)\nspool_dir = %s/spool\n",
	    user == NULL ? "" : "user = ", user == NULL ? "" : user->pw_name,
	    d->proxy_port, d->sink_port, strbuf_text(&d->domain), DEMO_SELECTOR,
	    d->dir, d->dir);
	outcome = create(d, "signpost.conf", &text);
	strbuf_clear(&text);
	return outcome;
}

/* --- processes --- */

static void
on_signal(int number)
{
	(void)number; /* it has ended the wait; that is all */
}

/* Signals end a wait and nothing else, so that we always clean up. */
static void
hold_signals(struct demo *d)
{
	struct sigaction act = {.sa_handler = on_signal};
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ours, &d->old_mask);
	d->clock.mask = d->old_mask;
	(void)sigaction(SIGINT, &act, &d->old_int);
	(void)sigaction(SIGTERM, &act, &d->old_term);
	(void)sigaction(SIGHUP, &act, &d->old_hup);
}

static void
release_signals(const struct demo *d)
{
	(void)sigaction(SIGINT, &d->old_int, NULL);
	(void)sigaction(SIGTERM, &d->old_term, NULL);
	(void)sigaction(SIGHUP, &d->old_hup, NULL);
	(void)sigprocmask(SIG_SETMASK, &d->old_mask, NULL);
}

/* A child that goes when we do, however we go. */
static pid_t
begin_child(const struct demo *d)
{
	pid_t parent = getpid(), child;

	(void)fflush(stdout);
	child = fork();
	if (child < 0)
		cli_error("demo: fork: %s", strerror(errno));
	if (child != 0)
		return child;
	release_signals(d);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(CLI_OS);
	return 0;
}

static void
stop(pid_t child)
{
	int64_t until = clock_ms() + DEMO_STOP_MS;

	if (child <= 0)
		return;
	(void)kill(child, SIGTERM);
	while (waitpid(child, NULL, WNOHANG) == 0) {
		if (clock_ms() > until)
			(void)kill(child, SIGKILL);
		(void)usleep(DEMO_STEP_MS * 1000);
	}
}

/* The proxy's listener may be a moment late. */
static int
reach_proxy(struct demo *d)
{
	int fd;

	while ((fd = demo_connect(d->proxy_port)) < 0) {
		if (waitpid(d->proxy, NULL, WNOHANG) == d->proxy) {
			d->proxy = -1;
			cli_error("demo: the proxy did not start");
			return -1;
		}
		if (demo_pause(&d->clock, DEMO_STEP_MS) != 0) {
			cli_error("demo: no proxy: %s", strerror(errno));
			return -1;
		}
	}
	return fd;
}

static int
send_message(struct demo *d)
{
	struct demo_envelope envelope = {
	    .recipient = "grace@example.net",
	    .message = strbuf_slice(&d->message),
	};
	struct strbuf sender, reason;
	int outcome, fd = reach_proxy(d);

	if (fd < 0)
		return -1;
	strbuf_init(&sender, PATH_LENGTH_MAX);
	strbuf_init(&reason, 2000);
	strbuf_addf(&sender, "demo@%s", strbuf_text(&d->domain));
	envelope.sender = strbuf_text(&sender);
	outcome = demo_send(fd, &d->clock, &envelope, &reason);
	if (outcome != 0)
		cli_error("demo: %s", strbuf_text(&reason));
	strbuf_clear(&sender);
	strbuf_clear(&reason);
	return outcome;
}

/* --- showing it --- */

static void
print_demo_text(struct slice rest)
{
	struct slice line;

	while (slice_cut(&rest, '\n', &line)) {
		if (rest.p == NULL)
			return;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		cli_print(line);
		cli_print(SLICE("\n"));
	}
}

static int
show_message(const struct demo *d, const char *path)
{
	struct strbuf message;
	struct cli_records records = {0};
	struct strbuf reason, field;
	bool passes;

	strbuf_init(&message, (size_t)3 * FILE_MAX);
	if (cli_file_read(path, &message) != 0)
		return CLI_FAILED;
	strbuf_init(&reason, 1000);
	strbuf_init(&field, (size_t)64 << 10);
	puts("--- the message as it came out of the proxy:");
	print_demo_text(strbuf_slice(&message));
	puts("\n--- the record that would be published:");
	(void)cli_records_add_key(&records, strbuf_slice(&d->domain),
	    SLICE(DEMO_SELECTOR), d->key, CLI_KEY_FOR_DOMAINKEYS, &reason);
	cli_records_print(
	    &(struct cli_records_printer){.format = CLI_RECORDS_ZONE},
	    &records);
	puts("\n--- checked with it:");
	passes = demo_check(strbuf_slice(&message), &records, &field);
	print_demo_text(strbuf_slice(&field));
	printf("\n--- %s\n",
	    passes ? "signed, and the signature verifies"
		   : "the signature does not verify");
	cli_records_clear(&records);
	strbuf_clear(&reason);
	strbuf_clear(&field);
	strbuf_clear(&message);
	return passes ? CLI_OK : CLI_FAILED;
}

/* What the proxy had to say, its one line a message among it. */
static void
show_log(const struct demo *d)
{
	struct strbuf path, log;

	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&log, LOG_MAX);
	strbuf_addf(&path, "%s/log", d->dir);
	if (access(strbuf_text(&path), R_OK) == 0 &&
	    cli_file_read(strbuf_text(&path), &log) == 0) {
		puts("--- the proxy's log:");
		print_demo_text(strbuf_slice(&log));
		putchar('\n');
	}
	strbuf_clear(&path);
	strbuf_clear(&log);
}

static void
clean_up(const struct demo *d)
{
	static const char *const names[] = {"key.pem", "signpost.conf", "log",
	    "received", "received.part", "spool", ""};
	struct strbuf path;

	if (d->dir[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strbuf_init(&path, PATH_LENGTH_MAX + 20);
		strbuf_addf(&path, "%s/%s", d->dir, names[i]);
		if (remove(strbuf_text(&path)) != 0 && errno != ENOENT)
			cli_warn("%s: %s", strbuf_text(&path), strerror(errno));
		strbuf_clear(&path);
	}
}

static int
demonstrate(struct demo *d)
{
	struct strbuf received;
	int status;

	strbuf_init(&received, PATH_LENGTH_MAX + 20);
	d->listener = demo_listen(&d->sink_port);
	d->proxy_port = demo_free_port();
	if (d->listener < 0 || d->proxy_port == 0) {
		cli_error("demo: 127.0.0.1: %s", strerror(errno));
		status = CLI_OS;
	} else {
		if (make_directory(d) != 0 || make_key(d) != 0 ||
		    make_config(d) != 0)
			status = CLI_UNWRITABLE;
		else
			status = CLI_OK;
	}
	strbuf_addf(&received, "%s/received", d->dir);
	if (status == CLI_OK) {
		d->sink = begin_child(d);
		if (d->sink == 0) {
			demo_sink(
			    d->listener, &d->clock, strbuf_text(&received));
			_exit(0);
		}
		d->proxy = d->sink < 0 ? -1 : begin_child(d);
		if (d->proxy == 0) {
			struct strbuf config, log;
			int fd;

			strbuf_init(&config, PATH_LENGTH_MAX);
			strbuf_init(&log, PATH_LENGTH_MAX);
			strbuf_addf(&config, "%s/signpost.conf", d->dir);
			strbuf_addf(&log, "%s/log", d->dir);
			fd = open(strbuf_text(&log),
			    O_WRONLY | O_CREAT | O_APPEND, 0600);
			if (fd >= 0 && dup2(fd, STDERR_FILENO) >= 0)
				execl("/proc/self/exe", "signpost", "serve",
				    "-c", strbuf_text(&config), (char *)NULL);
			_exit(CLI_OS);
		}
		status = d->proxy < 0 ? CLI_OS : CLI_OK;
	}
	if (status == CLI_OK && send_message(d) != 0)
		status = CLI_FAILED;
	stop(d->proxy);
	stop(d->sink);
	show_log(d);
	if (status == CLI_OK)
		status = show_message(d, strbuf_text(&received));
	strbuf_clear(&received);
	return status;
}

static int
run(int argc, char **argv)
{
	static const struct cli_option none[] = {{0}};
	const char *path = NULL;
	struct demo d = {.listener = -1, .proxy = -1, .sink = -1};
	int status;
	struct mail_newline newline;
	struct strbuf_sink sink;
	struct strbuf file;
	int outcome;

	if (cli_options_read(none, argc, argv, &path) != 0)
		return CLI_USAGE;
	outcome = CLI_OK;
	strbuf_init(&file, FILE_MAX);
	strbuf_init(&d.message, (size_t)2 * FILE_MAX);
	strbuf_sink_init(&sink, &d.message);
	mail_newline_init(&newline, MAIL_NEWLINE_TEXT, &sink.sink);
	if (path == NULL)
		strbuf_add_str(&file, sample);
	else if (cli_file_read(path, &file) != 0)
		outcome = CLI_UNREADABLE;
	mail_newline_write(&newline, strbuf_slice(&file));
	mail_newline_end(&newline);
	strbuf_clear(&file);
	status = outcome == CLI_OK ? set_domain(&d) : outcome;
	if (status == CLI_OK) {
		d.clock.deadline = clock_ms() + DEMO_MS;
		hold_signals(&d);
		status = demonstrate(&d);
		clean_up(&d);
		release_signals(&d);
	}
	if (d.listener >= 0)
		(void)close(d.listener);
	dkim_key_free(d.key);
	strbuf_clear(&d.message);
	strbuf_clear(&d.domain);
	return cli_stdout_close(status);
}

const struct cli_command cli_demo = {
    "demo", run, "the whole path on loopback, nothing to configure", help};
