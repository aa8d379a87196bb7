/*
 * A mail server that asks by milter, of a whole proxy/message/milter with the
 * filters that sign and check. The first four octets say which front there is
 * and what its name servers say, how the rest is cut, what happens meanwhile, and
 * whether the rest is what the mail server says, or its packets without their
 * lengths, each with an octet 255 behind it: few changes of lengths leave packets.
 *
 * The mail server here keeps its own account of what it has said, and holds us to
 * it: every answer is a whole packet and of the kind that is due; each packet that
 * wants one gets one, in its turn, and no other gets any; a message gets one last
 * word, and edits behind its end alone, which are none where it is refused; they
 * name fields that are there, and what they leave of the message claims no result
 * in our name; nothing is signed for who may not have it signed; a connection is
 * closed where what was said cannot be, and else only where a stop or a cut was
 * asked for, which then loses no message; and nothing is left behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <linux/sockios.h>

#include "auth/results.h"
#include "base/xalloc.h"
#include "mail/header.h"
#include "milter/session.h"
#include "proxy/message/milter.h"
#include "t/fuzz/milter_wire.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"
#include "t/lib/milter_world.h"

enum {
	PREFIX = 4, /* octets of ours ahead of the mail server's */
	HEARD_CAP = 8 << 20,
	SETTLED = 3,	 /* turns in which nothing happens */
	TURNS = 64,	 /* of the loop for a piece */
	PATIENCE = 2000, /* of the loop for an outcome, or an end */
	SMALL_HEADER = 400,
	SMALL_BUFFER = 1,
	SLEEP_NS = 12000000,
	MEMORY_MAX = 24 << 20 /* beyond what the input is */
};

/* What happens when the how-manieth piece is due. */
enum happening {
	NOTHING,
	TICKS, /* and from then on with each */
	DRAIN,
	STOP,
	OVERDUE,
	CUT,
	DNS_RETURNS,
	SLEEP /* for longer than a mail server may */
};

struct field {
	struct slice name, value;
	bool gone;
};

struct scene {
	struct milter_world *world;
	struct slice in;  /* all that the mail server says */
	size_t fed, seen; /* of it: sent, and accounted for */
	int fd, descriptor;
	bool unread; /* it does not read what it is told */
	bool held;   /* the name servers say nothing */
	struct strbuf heard;
	size_t heard_at;

	/* Its own account. */
	enum milter_state state;
	struct milter_terms terms;
	struct slice address;
	bool local, login_said, login;
	struct strbuf framed; /* what it says, where that has no lengths */
	struct field *fields;
	size_t field_count, field_room;
	bool waiting;	  /* for the last word on a message */
	bool skipped;	  /* the rest of a body is not wanted */
	bool bare, cr;	  /* a CR or LF alone is in it; it ends with CR */
	unsigned inserts; /* for that message */
	unsigned deletes;
	unsigned progress; /* so many words that it goes on are due at most */

	bool doomed;	/* it said what cannot be, or that it goes */
	bool idle;	/* we might have left at some time of this piece */
	bool finishing; /* we may leave where it has no message, */
	bool draining;	/* and no client either */
	bool may_end;	/* we may go anyway */
	bool lost;	/* an answer did not come any more */
	bool ended;	/* the connection did */
};

/* Only a sanitizer counts what is allocated. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t
allocated(void)
{
	return __sanitizer_get_current_allocated_bytes != NULL
	    ? __sanitizer_get_current_allocated_bytes()
	    : 0;
}

/* --- the wire --- */

static void
hear(struct scene *s)
{
	char bytes[16384];
	ssize_t n;

	while (!s->ended &&
	    (n = recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != -1) {
		if (n == 0)
			s->ended = true;
		strbuf_add(&s->heard, slice_from(bytes, (size_t)n));
	}
	if (!s->ended && errno != EAGAIN)
		s->ended = true;
	must(!s->heard.full);
}

/* One turn of the loop; true where something was to be heard. */
static bool
turn(struct scene *s)
{
	size_t before = s->heard.n;

	(void)event_base_loop(s->world->base, EVLOOP_NONBLOCK);
	milter_world_answer();
	if (!s->unread)
		hear(s);
	return s->heard.n > before;
}

static bool
is_taken(const struct scene *s)
{
	int left = 0;

	return ioctl(s->fd, SIOCOUTQ, &left) != 0 || left == 0;
}

static void
settle(struct scene *s)
{
	int calm = 0;

	for (int i = 0; i < TURNS && calm < SETTLED; i++)
		calm = turn(s) || !is_taken(s) ? 0 : calm + 1;
}

/* --- what it hears --- */

static bool
next_reply(struct scene *s, struct milter_packet *reply)
{
	bool bad;

	if (s->lost ||
	    !milter_wire_cut(
		strbuf_slice(&s->heard), &s->heard_at, reply, &bad)) {
		must(s->lost || !bad);
		return false;
	}
	if (reply->code != MILTER_PROGRESS)
		return true;
	must(reply->data.n == 0 && s->progress > 0);
	s->progress--;
	return next_reply(s, reply);
}

static bool
is_in_network(struct slice address)
{
	return slice_starts_nocase(address, SLICE("192.0.2."));
}

/* On top of all, one field, of those that the front makes. */
static void
check_insert(struct scene *s, struct slice data)
{
	struct slice name, value;

	must(data.n > 4 && memcmp(data.p, "\0\0\0\0", 4) == 0);
	must(milter_field_parse(slice_after(data, 4), &name, &value) == 0);
	for (size_t i = 0; i < value.n; i++) {
		must(value.p[i] != '\r');
		must(value.p[i] != '\n' ||
		    (i + 1 < value.n && ascii_is_blank(value.p[i + 1])));
	}
	/* Who shows no leading space puts one there itself. */
	must(value.n > 0);
	must((value.p[0] == ' ') ==
	    ((s->terms.steps & MILTER_LEADING_SPACE) != 0));
	s->inserts++;
	if (s->world->kind >= MILTER_WORLD_CHECKS) {
		must(slice_equal(name, SLICE("Authentication-Results")));
		must(s->inserts == 1);
		return;
	}
	must(slice_equal(name, SLICE("DKIM-Signature")) ||
	    slice_equal(name, SLICE("DomainKey-Signature")));
	must(s->world->kind == MILTER_WORLD_SIGNS && s->inserts <= 3);
	must(s->login || s->local || is_in_network(s->address));
}

/* The field of that number among those that are still there: a mail server counts
 * anew behind each. */
static void
check_delete(struct scene *s, struct slice data)
{
	struct slice name, value;
	uint32_t number = 0;
	size_t i = 0;

	must(s->world->kind >= MILTER_WORLD_CHECKS && s->inserts == 0);
	must(data.n > 4);
	for (size_t k = 0; k < 4; k++)
		number = number << 8 | (unsigned char)data.p[k];
	must(number > 0);
	must(milter_field_parse(slice_after(data, 4), &name, &value) == 0);
	must(value.n == 0);
	must(slice_equal_nocase(name, SLICE("Authentication-Results")) ||
	    slice_starts_nocase(name, SLICE("BIMI-")));
	for (; i < s->field_count; i++)
		if (!s->fields[i].gone &&
		    slice_equal_nocase(s->fields[i].name, name) &&
		    --number == 0)
			break;
	must(i < s->field_count);
	s->fields[i].gone = true;
	s->deletes++;
}

/* The header as the mail server will send it, but for what goes on top. */
static void
print_header(const struct scene *s, struct strbuf *out)
{
	for (size_t i = 0; i < s->field_count; i++) {
		struct slice value = s->fields[i].value;

		if (s->fields[i].gone)
			continue;
		strbuf_add(out, s->fields[i].name);
		strbuf_add_char(out, ':');
		if ((s->terms.steps & MILTER_LEADING_SPACE) == 0)
			strbuf_add_char(out, ' ');
		for (size_t k = 0; k < value.n; k++) {
			if (value.p[k] == '\n')
				strbuf_add_char(out, '\r');
			if (value.p[k] != '\r' || k + 1 == value.n ||
			    value.p[k + 1] != '\n')
				strbuf_add_char(out, value.p[k]);
		}
		strbuf_add_str(out, "\r\n");
	}
	must(!out->full);
}

/* Whoever reads it on finds no result that claims to be ours. */
static void
check_nothing_forged(const struct scene *s)
{
	const struct proxy_verify_env *env = &s->world->verify;
	size_t ids = s->world->config->checking.authserv_ids.count;
	struct strbuf text;
	struct slice rest;

	strbuf_init(&text, 2 * s->in.n + 16 * (s->field_count + 1));
	print_header(s, &text);
	rest = strbuf_slice(&text);
	while (rest.n > 0 && rest.p[0] != '\r') {
		size_t end = slice_find(rest, '\n');

		while (end + 1 < rest.n && ascii_is_blank(rest.p[end + 1]))
			end += 1 + slice_find(slice_after(rest, end + 1), '\n');
		struct slice raw = slice_first(rest, end + 1);
		size_t colon = slice_find(raw, ':');
		struct slice value = slice_after(raw, colon + 1);
		const struct mail_field field = {.raw = raw,
		    .name = slice_trim(slice_first(raw, colon)),
		    .value = slice_first(value, value.n < 2 ? 0 : value.n - 2)};

		must(!auth_results_is_forged(&field, env->ids, ids));
		rest = slice_after(rest, end + 1);
	}
	strbuf_clear(&text);
}

static bool
is_idle(const struct scene *s)
{
	return !milter_session_has_message(s->state) &&
	    !(s->draining && s->state == MILTER_CLIENT);
}

/* As far as there is something to be heard. */
static void
take_outcome(struct scene *s)
{
	struct milter_packet reply;

	while (s->waiting && next_reply(s, &reply)) {
		switch (reply.code) {
		case 'i':
			check_insert(s, reply.data);
			break;
		case 'm':
			check_delete(s, reply.data);
			break;
		case 'y':
			milter_wire_check_refusal(reply.data);
			must(s->inserts + s->deletes == 0);
			/* Signers and keys are there: no time would help. */
			must(s->world->kind >= MILTER_WORLD_CHECKS ||
			    reply.data.p[0] == '5');
			s->waiting = false;
			break;
		default:
			must(reply.code == MILTER_CONTINUE);
			must(reply.data.n == 0);
			if (s->world->kind >= MILTER_WORLD_CHECKS)
				check_nothing_forged(s);
			if (s->world->kind == MILTER_WORLD_REFUSES)
				must(!s->bare && !s->cr);
			s->waiting = false;
		}
	}
	if (s->waiting)
		return;
	s->state = MILTER_CLIENT;
	s->idle = s->idle || is_idle(s);
}

/* --- its account --- */

static void
forget_client(struct scene *s)
{
	s->address = SLICE("");
	s->local = false;
}

static void
note_client(struct scene *s, struct slice data)
{
	struct milter_connect c;

	must(milter_connect_parse(data, &c) == 0);
	forget_client(s);
	if (c.family == MILTER_FAMILY_INET || c.family == MILTER_FAMILY_INET6)
		s->address = c.address;
	s->local = c.family == MILTER_FAMILY_UNIX ||
	    (c.family == MILTER_FAMILY_INET && c.port == 0 &&
		slice_equal(c.address, SLICE("127.0.0.1")));
}

/* A login is of the MAIL that it was said for, right ahead of it. */
static void
note_login(struct scene *s, char code, struct slice data)
{
	struct slice rest, name, value;
	char of;

	if (code == MILTER_MAIL)
		s->login = s->login_said;
	if (code != MILTER_MACROS && code != MILTER_HELO)
		s->login_said = false;
	if (code != MILTER_MACROS ||
	    milter_macros_parse(data, &of, &rest) != 0 || of != MILTER_MAIL)
		return;
	s->login_said = false;
	while (milter_macro_next(&rest, &name, &value))
		if (slice_equal(name, SLICE("auth_authen")))
			s->login_said = value.n > 0;
}

static void
note_field(struct scene *s, struct slice data)
{
	struct field field = {.gone = false};

	must(milter_field_parse(data, &field.name, &field.value) == 0);
	if (s->field_count == s->field_room) {
		s->field_room = 2 * s->field_room + 16;
		s->fields =
		    xreallocarray(s->fields, s->field_room, sizeof(field));
	}
	s->fields[s->field_count++] = field;
}

static void
note_chunk(struct scene *s, struct slice data)
{
	for (size_t i = 0; i < data.n; i++) {
		s->bare = s->bare || s->cr != (data.p[i] == '\n');
		s->cr = data.p[i] == '\r';
	}
}

static void
begin_message(struct scene *s)
{
	s->bare = s->cr = false;
	s->waiting = false;
	s->skipped = false;
	s->field_count = 0;
	s->inserts = s->deletes = 0;
}

/* What we have taken of the offer, and no more. */
static void
take_terms(struct scene *s, struct slice offer, struct slice data)
{
	uint32_t numbers[6] = {0};

	must(data.n >= 12);
	for (size_t i = 0; i < 12; i++) {
		numbers[i / 4] =
		    numbers[i / 4] << 8 | (unsigned char)offer.p[i];
		numbers[3 + i / 4] =
		    numbers[3 + i / 4] << 8 | (unsigned char)data.p[i];
	}
	must(numbers[3] >= MILTER_VERSION_LEAST);
	must(numbers[3] <= numbers[0] && numbers[3] <= MILTER_VERSION_MOST);
	must((numbers[4] & ~numbers[1]) == 0);
	must((numbers[5] & ~numbers[2]) == 0);
	must((numbers[4] & MILTER_NAMES_MACROS) != 0 || data.n == 12);
	s->terms = (struct milter_terms){numbers[3], numbers[4], numbers[5]};
}

/* The one answer that is due to a packet. */
static void
take_answer(struct scene *s, char code, struct slice data)
{
	struct milter_packet reply;

	if (code == MILTER_END || !milter_terms_want_answer(&s->terms, code))
		return;
	if (!next_reply(s, &reply)) {
		must(s->ended);
		s->lost = true;
		return;
	}
	if (code == MILTER_NEGOTIATE) {
		must(reply.code == MILTER_NEGOTIATE);
		take_terms(s, data, reply.data);
	} else if (code == MILTER_MAIL && reply.code == 'y') {
		must(s->world->kind == MILTER_WORLD_REFUSES);
		milter_wire_check_refusal(reply.data);
	} else if (code == MILTER_BODY && reply.code == MILTER_SKIP) {
		must((s->terms.steps & MILTER_MAY_SKIP) != 0 && !s->skipped);
		s->skipped = true;
	} else {
		must(reply.code == MILTER_CONTINUE && reply.data.n == 0);
	}
}

static void
look_at_packet(struct scene *s, char code, struct slice data)
{
	enum milter_state next;
	enum milter_meaning meaning =
	    milter_session_look(s->state, code, &next);

	s->doomed = meaning == MILTER_IS_WRONG ||
	    !milter_wire_is_readable(
		code, data, s->world->kind >= MILTER_WORLD_CHECKS);
	if (s->doomed)
		return;
	note_login(s, code, data);
	if (meaning == MILTER_BREAKS_OFF || code == MILTER_MAIL)
		begin_message(s);
	if (code == MILTER_QUIT_NEW)
		forget_client(s);
	if (code == MILTER_CONNECT)
		note_client(s, data);
	if (code == MILTER_HEADER)
		note_field(s, data);
	if (code == MILTER_BODY || code == MILTER_END)
		note_chunk(s, data);
	s->state = next;
	s->idle = s->idle || is_idle(s);
	s->doomed = next == MILTER_OVER;
	take_answer(s, code, data);
	if (code != MILTER_END)
		return;
	s->waiting = true;
	take_outcome(s);
	if (!s->waiting || s->world->kind != MILTER_WORLD_SIGNS_NONE)
		return;
	/* It has been given, and was lost on its way. */
	must(s->ended);
	s->lost = true;
	s->waiting = false;
	s->state = MILTER_CLIENT;
}

static void
await_end(struct scene *s)
{
	for (int i = 0; i < PATIENCE && !s->ended; i++)
		(void)turn(s);
	must(s->ended);
}

/* The name servers hold an outcome up; nobody else may. */
static void
await_outcome(struct scene *s)
{
	int most = s->held ? SETTLED : PATIENCE;

	for (int i = 0; i < most && s->waiting && !s->ended; i++) {
		(void)turn(s);
		take_outcome(s);
	}
	must(!s->waiting || s->ended || s->held);
	s->lost = s->lost || (s->waiting && s->ended);
}

/* What was said and heard, packet by packet. */
static void
look(struct scene *s)
{
	struct slice said = slice_first(s->in, s->fed);
	struct milter_packet packet;
	bool bad = false;

	s->idle = is_idle(s);
	while (!s->doomed && milter_wire_cut(said, &s->seen, &packet, &bad))
		look_at_packet(s, packet.code, packet.data);
	s->doomed = s->doomed || bad;
	if (s->waiting && !s->lost)
		await_outcome(s);
	if (s->doomed)
		await_end(s);
	/* It may have been said of a message that was broken off then. */
	must(!next_reply(s, &packet));
	must(!s->lost || s->ended);
	must(s->lost || s->heard_at == s->heard.n);
	if (s->ended && !s->doomed)
		must(s->may_end || (s->finishing && s->idle));
	strbuf_reset(&s->heard);
	s->heard_at = 0;
}

/* --- what it says --- */

/* To the end of a message and not beyond: what is due behind that depends on
 * whether it has had its answer. */
static size_t
cut_at_end(const struct scene *s, size_t n)
{
	struct milter_packet packet;
	size_t at = s->seen;
	bool bad;

	while (milter_wire_cut(s->in, &at, &packet, &bad) && at < s->fed + n)
		if (packet.code == MILTER_END && at > s->fed)
			return at - s->fed;
	return n;
}

/* False where it is taken no more. */
static bool
feed(struct scene *s, size_t n)
{
	ssize_t sent;

	for (int i = 0; i < PATIENCE && n > 0 && !s->ended; i++) {
		sent = send(
		    s->fd, s->in.p + s->fed, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0) {
			s->unread = false;
			if (errno != EAGAIN)
				break;
		} else {
			s->fed += (size_t)sent;
			n -= (size_t)sent;
		}
		settle(s);
	}
	settle(s);
	/* Who leaves reads no more. */
	must(n == 0 || s->ended || s->finishing);
	return n == 0;
}

static void
happen(struct scene *s, enum happening what, bool begins)
{
	const struct timespec rest = {0, SLEEP_NS};
	struct proxy_service *v = &s->world->service;

	if (what == TICKS) {
		s->progress += s->waiting;
		proxy_milters_tick(v);
	}
	if (!begins)
		return;
	switch (what) {
	case DRAIN:
	case STOP:
	case OVERDUE:
		s->finishing = true;
		s->draining = what == DRAIN;
		v->hurried = what == STOP;
		v->overdue = what == OVERDUE;
		proxy_milters_finish(v);
		break;
	case CUT:
		s->may_end = true;
		proxy_milters_cut(v);
		break;
	case DNS_RETURNS:
		milter_world_say(MILTER_WORLD_NO_SUCH_NAME);
		s->held = false;
		break;
	case SLEEP:
		(void)nanosleep(&rest, NULL);
		break;
	case NOTHING:
	case TICKS:
		break;
	}
	settle(s);
}

/* --- the scene --- */

static void
frame(struct scene *s)
{
	struct slice packet;

	while (slice_cut(&s->in, '\xff', &packet)) {
		milter_print_number((uint32_t)packet.n, &s->framed);
		strbuf_add(&s->framed, packet);
	}
	s->in = strbuf_slice(&s->framed);
}

static void
scene_begin(struct scene *s, unsigned char how)
{
	enum milter_world_kind kind = how & 3;
	int pair[2], small = SMALL_BUFFER;
	struct proxy_service *v;

	s->unread = (how & 128) != 0;
	/* Who reads nothing until the end has to know what is due then. */
	if (s->unread)
		kind = MILTER_WORLD_SIGNS_NONE;
	s->world = milter_world_of(kind);
	must(s->world != NULL);
	s->descriptor = next_descriptor();
	milter_world_begin(s->world, how >> 2 & 3);
	s->held = (how >> 2 & 3) == MILTER_WORLD_HELD;
	v = &s->world->service;
	if (how & 16)
		v->header_max = SMALL_HEADER;
	if (how & 32)
		v->spool_mark = 8;
	strbuf_init(&s->heard, HEARD_CAP);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		 pair) == 0);
	if (s->unread)
		(void)setsockopt(
		    pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	s->fd = pair[0];
	proxy_milter_begin(
	    v, pair[1], how & 64 ? SLICE("127.0.0.1") : SLICE(""));
}

static void
scene_end(struct scene *s)
{
	(void)close(s->fd);
	s->ended = true;
	for (int i = 0; i < PATIENCE && s->world->service.session_count > 0;
	     i++)
		(void)turn(s);
	must(s->world->service.session_count == 0);
	must(milter_world_end(s->world)[0] == '\0');
	must(next_descriptor() == s->descriptor);
	strbuf_clear(&s->heard);
	strbuf_clear(&s->framed);
	free(s->fields);
}

static void
play(struct scene *s, size_t most, enum happening what, size_t when)
{
	bool ahead = s->world->kind == MILTER_WORLD_SIGNS_NONE;
	size_t before = allocated();
	bool taken = true;

	for (size_t i = 0; taken && s->fed < s->in.n && !s->doomed && !s->ended;
	     i++) {
		size_t n = s->in.n - s->fed;

		if (i >= when)
			happen(s, what, i == when);
		if (i == when && !s->unread)
			look(s);
		if (s->ended)
			break;
		n = most > 0 && n > most ? most : n;
		taken = feed(s, ahead ? n : cut_at_end(s, n));
		if (!s->unread)
			look(s);
		must(allocated() <= before + MEMORY_MAX + 8 * s->in.n);
	}
	if (s->unread) {
		s->unread = false;
		settle(s);
		look(s);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct scene s = {.address = SLICE("")};
	struct slice in = slice_from((const char *)bytes, n);
	enum happening what;

	if (n < PREFIX)
		return 0;
	s.in = slice_after(in, PREFIX);
	strbuf_init(&s.framed, (MILTER_WIRE_LENGTH + 1) * n);
	if (bytes[3] & 1)
		frame(&s);
	what = bytes[2] & 7;
	scene_begin(&s, bytes[0]);
	if (what == SLEEP) {
		s.world->service.limits.idle_ms = 1;
		s.may_end = true;
	}
	play(&s, bytes[1], what, bytes[2] >> 3);
	scene_end(&s);
	return 0;
}
