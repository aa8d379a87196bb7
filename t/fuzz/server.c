/*
 * A whole smtp/server fed anything, whole and cut: it hands out the same
 * commands and the same bodies, in an order that its states allow, and no
 * line with a bare CR, LF or NUL. The first byte says where to cut and how
 * often the answer is no.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/strbuf.h"
#include "smtp/server.h"
#include "t/fuzz/replay.h"

enum { INPUT_MAX = 32 * 1024, TURNS = 20 };

struct front {
	struct smtp_server *server;
	struct strbuf log;
	unsigned refuse, commands; /* every refuse-th is refused; 0: none */
	bool body, closed;
};

static void
must(bool held)
{
	if (!held)
		abort();
}

static bool
on_command(void *ctx, const struct smtp_command *command, bool behind)
{
	struct front *f = ctx;
	struct slice line = command->line;
	const char *wire = "250 ok\r\n";
	struct smtp_reply reply;

	must(!f->body && !behind);
	must(line.n <= SMTP_COMMAND_MAX - 2);
	must(slice_find(line, '\r') == line.n);
	must(slice_find(line, '\n') == line.n);
	must(slice_find(line, '\0') == line.n);
	must(command->verb < SMTP_VRFY);
	(void)strbuf_addf(&f->log, "%s|", smtp_verb_name(command->verb));
	if (command->verb == SMTP_DATA)
		wire = "354 go\r\n";
	if (f->refuse > 0 && ++f->commands % f->refuse == 0)
		wire = "450 no\r\n";
	else if (command->verb == SMTP_DATA)
		f->body = true;
	reply = smtp_reply_of(wire);
	smtp_server_reply(f->server, &reply);
	return true;
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct front *f = ctx;

	must(f->body && chunk.n > 0);
	(void)strbuf_add(&f->log, chunk);
}

static void
on_body_end(void *ctx)
{
	struct front *f = ctx;
	struct smtp_reply reply = smtp_reply_of("250 sent\r\n");

	must(f->body);
	f->body = false;
	(void)strbuf_add_str(&f->log, "<END>");
	smtp_server_reply(f->server, &reply);
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
turn(struct event_base *base, int fd)
{
	char replies[4096];

	for (int i = 0; i < TURNS; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		while (recv(fd, replies, sizeof(replies), MSG_DONTWAIT) > 0)
			continue;
	}
}

static void
feed(struct event_base *base, int fd, struct slice in)
{
	if (in.n > 0)
		(void)send(fd, in.p, in.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	turn(base, fd);
}

static void
run(struct slice in, size_t at, unsigned refuse, struct strbuf *log)
{
	static const struct smtp_limits limits = {
	    .recipients_max = 3, .errors_max = 5};
	struct event_base *base = event_base_new();
	struct front f = {.refuse = refuse};
	struct smtp_reply greeting = smtp_reply_of("220 us\r\n");
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	strbuf_init(&f.log, 4 * INPUT_MAX);
	f.server = smtp_server_new(base, pair[1], &limits, &ops, &f);
	smtp_server_reply(f.server, &greeting);
	feed(base, pair[0], slice_first(in, at));
	feed(base, pair[0], slice_after(in, at));
	smtp_server_free(f.server);
	(void)close(pair[0]);
	event_base_free(base);
	(void)strbuf_add(log, strbuf_slice(&f.log));
	must(!f.log.full);
	strbuf_clear(&f.log);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct strbuf whole, cut;
	unsigned how = n > 0 ? bytes[0] : 0;
	size_t at = how * 3;

	in = slice_first(slice_after(in, 1), INPUT_MAX);
	strbuf_init(&whole, 4 * INPUT_MAX);
	strbuf_init(&cut, 4 * INPUT_MAX);
	run(in, 0, how % 5, &whole);
	run(in, at < in.n ? at : in.n, how % 5, &cut);
	must(slice_equal(strbuf_slice(&whole), strbuf_slice(&cut)));
	strbuf_clear(&whole);
	strbuf_clear(&cut);
	return 0;
}
