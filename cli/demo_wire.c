/*
 * The two ends of the demonstration; see demo_wire.h. They speak as little
 * SMTP as will do. Each wait ends at the demonstration's one deadline, so that
 * nobody who tries signpost for the first time sits before a program that
 * hangs.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "cli/demo_wire.h"
#include "smtp/dot.h"
#include "smtp/undot.h"

enum { LINE_MAX_BYTES = 4096, CHUNK = 65536, MESSAGE_MAX = 128 << 20 };
enum { PORT_FIRST = 10000, PORTS = 20000, PORT_TRIES = 100 };

/* --- sockets --- */

static struct sockaddr_in
loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int
listen_at(uint16_t port)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(fd, 16) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

int
demo_listen(uint16_t *port)
{
	struct sockaddr_in at = loopback(0);
	socklen_t n = sizeof(at);
	int fd = listen_at(0);

	if (fd < 0)
		return -1;
	if (getsockname(fd, (struct sockaddr *)&at, &n) != 0) {
		(void)close(fd);
		return -1;
	}
	*port = ntohs(at.sin_port);
	return fd;
}

/* From below those that the system takes for connections: it would give away
 * one that it named itself, before the proxy has it. */
uint16_t
demo_free_port(void)
{
	uint16_t port, chance = 0;
	int fd;

	for (int i = 0; i < PORT_TRIES; i++) {
		if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
			return 0;
		port = (uint16_t)(PORT_FIRST + chance % PORTS);
		if ((fd = listen_at(port)) >= 0) {
			(void)close(fd);
			return port;
		}
	}
	return 0;
}

int
demo_connect(uint16_t port)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* 0 when the descriptor is ready (-1: none is waited for, only time); -1
 * at `until` or with a signal. */
static int
wait_until(const struct demo_clock *clock, int fd, short events, int64_t until)
{
	struct pollfd what = {.fd = fd, .events = events};
	int64_t ms = until - clock_ms();
	struct timespec left = {ms / 1000, ms % 1000 * 1000000};

	if (ms <= 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	switch (ppoll(&what, fd < 0 ? 0 : 1, &left, &clock->mask)) {
	case 1:
		return 0;
	case 0:
		errno = ETIMEDOUT;
		return -1;
	default:
		return -1;
	}
}

int
demo_pause(const struct demo_clock *clock, int ms)
{
	if (clock_ms() + ms > clock->deadline) {
		errno = ETIMEDOUT;
		return -1;
	}
	(void)wait_until(clock, -1, 0, clock_ms() + ms);
	return errno == ETIMEDOUT ? 0 : -1;
}

static int
write_to_wire(int fd, const struct demo_clock *clock, struct slice bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n > 0)
			bytes = slice_after(bytes, (size_t)n);
		else if (errno != EAGAIN ||
		    wait_until(clock, fd, POLLOUT, clock->deadline) != 0)
			return -1;
	}
	return 0;
}

/* Adds what is there, at least a byte; -1 at the end, too. */
static int
read_more(int fd, const struct demo_clock *clock, struct strbuf *in)
{
	char chunk[CHUNK];
	ssize_t n;

	while ((n = recv(fd, chunk, sizeof(chunk), 0)) < 0)
		if (errno != EAGAIN ||
		    wait_until(clock, fd, POLLIN, clock->deadline) != 0)
			return -1;
	if (n == 0)
		errno = ECONNRESET;
	return n == 0 ? -1 : strbuf_add(in, slice_from(chunk, (size_t)n));
}

/* The next line, CRLF and all, in *line, until the next call. The bytes of
 * the last one are dropped by the caller. */
static int
read_wire_line(int fd, const struct demo_clock *clock, struct strbuf *in,
    struct slice *line)
{
	size_t at;

	while ((at = slice_search(strbuf_slice(in), SLICE("\r\n"))) == in->n)
		if (in->n > LINE_MAX_BYTES || read_more(fd, clock, in) != 0)
			return -1;
	*line = slice_first(strbuf_slice(in), at + 2);
	return 0;
}

/* --- the client --- */

struct client {
	int fd;
	const struct demo_clock *clock;
	struct strbuf in;
	struct strbuf *reason;
};

/* The last line of a reply that begins with `digit`. */
static int
expect(struct client *c, char digit, const char *after)
{
	struct slice line;
	bool last = false;

	while (!last) {
		if (read_wire_line(c->fd, c->clock, &c->in, &line) != 0)
			return strbuf_fail(
			    c->reason, "after %s: %s", after, strerror(errno));
		last = line.n >= 4 && line.p[3] != '-';
		if (line.p[0] != digit) {
			strbuf_addf(c->reason, "after %s: ", after);
			escape_log(slice_trim(line), c->reason);
			return -1;
		}
		strbuf_consume(&c->in, line.n);
	}
	return 0;
}

static int
say_command(struct client *c, char digit, const char *verb, const char *rest)
{
	struct strbuf line;
	int outcome;

	strbuf_init(&line, LINE_MAX_BYTES);
	strbuf_addf(&line, "%s%s\r\n", verb, rest);
	outcome = line.full
	    ? -1
	    : write_to_wire(c->fd, c->clock, strbuf_slice(&line));
	strbuf_clear(&line);
	if (outcome == 0)
		return expect(c, digit, verb);
	return strbuf_fail(c->reason, "%s: %s", verb, strerror(errno));
}

static int
send_data(struct client *c, struct slice message)
{
	struct strbuf dotted;
	struct strbuf_sink sink;
	struct smtp_dot dot;
	int outcome;

	strbuf_init(&dotted, 2 * message.n + 16);
	strbuf_sink_init(&sink, &dotted);
	smtp_dot_init(&dot, &sink.sink);
	smtp_dot_write(&dot, message);
	smtp_dot_end(&dot);
	outcome = write_to_wire(c->fd, c->clock, strbuf_slice(&dotted));
	strbuf_clear(&dotted);
	if (outcome == 0)
		return expect(c, '2', "the message");
	return strbuf_fail(c->reason, "the message: %s", strerror(errno));
}

int
demo_send(int fd, const struct demo_clock *clock,
    const struct demo_envelope *envelope, struct strbuf *reason)
{
	struct client c = {.fd = fd, .clock = clock, .reason = reason};
	struct strbuf mail, rcpt;
	int outcome = -1;

	strbuf_init(&c.in, CHUNK + LINE_MAX_BYTES);
	strbuf_init(&mail, LINE_MAX_BYTES);
	strbuf_init(&rcpt, LINE_MAX_BYTES);
	strbuf_addf(&mail, " FROM:<%s>", envelope->sender);
	strbuf_addf(&rcpt, " TO:<%s>", envelope->recipient);
	if (expect(&c, '2', "connecting") == 0 &&
	    say_command(&c, '2', "EHLO", " demo.invalid") == 0 &&
	    say_command(&c, '2', "MAIL", strbuf_text(&mail)) == 0 &&
	    say_command(&c, '2', "RCPT", strbuf_text(&rcpt)) == 0 &&
	    say_command(&c, '3', "DATA", "") == 0 &&
	    send_data(&c, envelope->message) == 0 &&
	    say_command(&c, '2', "QUIT", "") == 0)
		outcome = 0;
	strbuf_clear(&mail);
	strbuf_clear(&rcpt);
	strbuf_clear(&c.in);
	(void)close(fd);
	return outcome;
}

/* --- the sink --- */

struct server {
	int fd;
	const struct demo_clock *clock;
	const char *path;
	struct strbuf in;
};

static int
answer_client(struct server *s, const char *text)
{
	return write_to_wire(s->fd, s->clock, slice_str(text));
}

/* To a file of another name first: whoever sees `path` sees all of it. */
static int
keep_message(const struct server *s, struct slice message)
{
	struct strbuf part;
	FILE *file;
	bool good = false;

	strbuf_init(&part, LINE_MAX_BYTES);
	strbuf_addf(&part, "%s.part", s->path);
	file = fopen(strbuf_text(&part), "we");
	if (file != NULL) {
		good = fwrite(message.p, 1, message.n, file) == message.n;
		good = fclose(file) == 0 && good &&
		    rename(strbuf_text(&part), s->path) == 0;
	}
	strbuf_clear(&part);
	return good ? 0 : -1;
}

/* Takes the line off the input, then does what it says. */
static int
obey(struct server *s, struct slice line)
{
	bool ehlo = slice_starts_nocase(line, SLICE("EHLO"));
	bool data = slice_starts_nocase(line, SLICE("DATA"));
	bool quit = slice_starts_nocase(line, SLICE("QUIT"));

	strbuf_consume(&s->in, line.n);
	if (data) {
		struct strbuf message;
		struct strbuf_sink sink;
		struct smtp_undot undot;
		enum smtp_parse state = SMTP_MORE;
		int outcome = answer_client(s, "354 go on\r\n");

		strbuf_init(&message, MESSAGE_MAX);
		strbuf_sink_init(&sink, &message);
		smtp_undot_init(&undot, &sink.sink);
		while (outcome == 0 && state == SMTP_MORE) {
			size_t used = 0;

			if (s->in.n == 0)
				outcome = read_more(s->fd, s->clock, &s->in);
			state = smtp_undot_write(
			    &undot, strbuf_slice(&s->in), &used);
			strbuf_consume(&s->in, used);
		}
		if (outcome == 0 &&
		    (message.full ||
			keep_message(s, strbuf_slice(&message)) != 0))
			outcome =
			    answer_client(s, "451 4.3.0 cannot keep it\r\n");
		else if (outcome == 0)
			outcome = answer_client(s, "250 2.0.0 kept\r\n");
		strbuf_clear(&message);
		return outcome;
	}
	if (ehlo)
		return answer_client(s,
		    "250-sink.invalid\r\n250-8BITMIME\r\n"
		    "250-SMTPUTF8\r\n250 SIZE 0\r\n");
	if (!quit)
		return answer_client(s, "250 2.0.0 ok\r\n");
	(void)answer_client(s, "221 2.0.0 bye\r\n");
	return -1;
}

void
demo_sink(int listener, const struct demo_clock *clock, const char *path)
{
	struct server s = {.clock = clock, .path = path};

	strbuf_init(&s.in, 2 * CHUNK);
	while (wait_until(clock, listener, POLLIN, clock->deadline) == 0) {
		struct slice line;
		int outcome;

		s.fd =
		    accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s.fd < 0)
			continue;
		strbuf_reset(&s.in);
		outcome = answer_client(&s, "220 sink.invalid ESMTP\r\n");
		while (outcome == 0 &&
		    read_wire_line(s.fd, s.clock, &s.in, &line) == 0)
			outcome = obey(&s, line);
		(void)close(s.fd);
	}
	strbuf_clear(&s.in);
}
