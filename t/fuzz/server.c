/*
 * A whole smtp/server fed anything, whole and cut: it hands out the same
 * commands and the same bodies, in an order that its states allow, and no
 * line with a bare CR, LF or NUL. The first byte says where to cut and how
 * often the answer is no. Then the same with groups (RFC 2920) and answers that
 * come later: the client hears the same, and no body is another.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/strbuf.h"
#include "smtp/server.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

enum { INPUT_MAX = 32 * 1024, TURNS = 20, DUE_MAX = 64 };

struct front {
	struct smtp_server *server;
	struct strbuf log,
	    heard; /* what was handed out; what the client heard */
	struct strbuf bodies;
	unsigned refuse; /* such a part of the lines is refused; 0: none */
	bool body, closed;
	bool groups;		  /* commands behind others are taken */
	const char *due[DUE_MAX]; /* in groups, answers to be given */
	size_t due_count;
};

static void
answer_front(struct front *f, const char *wire)
{
	struct smtp_reply reply = smtp_reply_of(wire);

	f->body = f->body || strncmp(wire, "354", 3) == 0;
	smtp_server_reply(f->server, &reply);
}

/* At once, or when its turn comes. */
static void
answer_in_turn(struct front *f, const char *wire)
{
	if (!f->groups) {
		answer_front(f, wire);
		return;
	}
	must(f->due_count < DUE_MAX);
	f->due[f->due_count++] = wire;
}

/* Where the answer is no must not depend on what came before. */
static bool
is_refused(const struct front *f, struct slice line)
{
	unsigned sum = 0;

	for (size_t i = 0; i < line.n; i++)
		sum = sum * 31 + (unsigned char)line.p[i];
	return f->refuse > 0 && sum % f->refuse == 0;
}

static bool
on_command(void *ctx, const struct smtp_command *command, bool behind)
{
	struct front *f = ctx;
	struct slice line = command->line;
	bool data = command->verb == SMTP_DATA;

	must(!f->body && behind == (f->due_count > 0));
	must(!behind || command->verb == SMTP_XFORWARD ||
	    command->verb == SMTP_MAIL || command->verb == SMTP_RCPT);
	must(line.n <= SMTP_COMMAND_MAX - 2);
	must(slice_find(line, '\r') == line.n);
	must(slice_find(line, '\n') == line.n);
	must(slice_find(line, '\0') == line.n);
	must(command->verb < SMTP_VRFY);
	strbuf_addf(&f->log, "%s|", smtp_verb_name(command->verb));
	answer_in_turn(f,
	    is_refused(f, line) ? "450 no\r\n"
		: data		? "354 go\r\n"
				: "250 ok\r\n");
	return true;
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct front *f = ctx;

	must(f->body && chunk.n > 0);
	strbuf_add(&f->log, chunk);
	strbuf_add(&f->bodies, chunk);
}

static void
on_body_end(void *ctx)
{
	struct front *f = ctx;

	must(f->body);
	f->body = false;
	strbuf_add_str(&f->log, "<END>");
	strbuf_add_str(&f->bodies, "<END>");
	answer_in_turn(f, "250 sent\r\n");
}

static void
on_closed(void *ctx, enum smtp_close close, const char *why)
{
	struct front *f = ctx;

	(void)close;
	must(why != NULL);
	f->closed = true;
}

static const struct smtp_server_ops ops = {
    .command = on_command,
    .body = on_body,
    .body_end = on_body_end,
    .closed = on_closed,
};

static void
turn(struct front *f, struct event_base *base, int fd)
{
	char replies[4096];
	ssize_t n;

	for (int i = 0; i < TURNS || f->due_count > 0; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		while (
		    (n = recv(fd, replies, sizeof(replies), MSG_DONTWAIT)) > 0)
			strbuf_add(&f->heard, slice_from(replies, (size_t)n));
		if (f->due_count == 0)
			continue;
		answer_front(f, f->due[0]);
		memmove(f->due, f->due + 1, --f->due_count * sizeof(f->due[0]));
		i = 0;
	}
}

static void
feed(struct front *f, struct event_base *base, int fd, struct slice in)
{
	if (in.n > 0)
		(void)send(fd, in.p, in.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	turn(f, base, fd);
}

static void
front_init(struct front *f, unsigned refuse, bool groups)
{
	*f = (struct front){.refuse = refuse, .groups = groups};
	strbuf_init(&f->log, 8 * INPUT_MAX);
	strbuf_init(&f->heard, 64 * INPUT_MAX);
	strbuf_init(&f->bodies, 8 * INPUT_MAX);
}

static void
front_clear(struct front *f)
{
	must(!f->log.full && !f->heard.full && !f->bodies.full);
	strbuf_clear(&f->log);
	strbuf_clear(&f->heard);
	strbuf_clear(&f->bodies);
}

static void
run(struct slice in, size_t at, struct front *f)
{
	static const struct smtp_limits limits = {
	    .recipients_max = 3, .errors_max = 5};
	struct event_base *base = event_base_new();
	struct smtp_reply greeting = smtp_reply_of("220 us\r\n");
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	f->server = smtp_server_new(base, pair[1], &limits, &ops, f);
	smtp_server_reply(f->server, &greeting);
	feed(f, base, pair[0], slice_first(in, at));
	feed(f, base, pair[0], slice_after(in, at));
	smtp_server_free(f->server);
	(void)close(pair[0]);
	event_base_free(base);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct front whole, cut, grouped;
	unsigned how = n > 0 ? bytes[0] : 0;
	size_t at = how * 3;

	in = slice_first(slice_after(in, 1), INPUT_MAX);
	at = at < in.n ? at : in.n;
	front_init(&whole, how % 5, false);
	front_init(&cut, how % 5, false);
	front_init(&grouped, how % 5, true);
	run(in, 0, &whole);
	run(in, at, &cut);
	run(in, at, &grouped);
	must(slice_equal(strbuf_slice(&whole.log), strbuf_slice(&cut.log)));
	must(slice_equal(strbuf_slice(&whole.heard), strbuf_slice(&cut.heard)));
	must(slice_equal(
	    strbuf_slice(&whole.heard), strbuf_slice(&grouped.heard)));
	must(slice_equal(
	    strbuf_slice(&whole.bodies), strbuf_slice(&grouped.bodies)));
	front_clear(&whole);
	front_clear(&cut);
	front_clear(&grouped);
	return 0;
}
