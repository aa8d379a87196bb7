/*
 * Who answers where we listen by milter. Peers are not trusted: milter/packet.h
 * bounds what they may say, a deadline how long all of them may take.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/check/wiring.h"
#include "milter/packet.h"

enum { ASKED_MAX = PROXY_FRONTS * PROXY_LISTENERS_MAX, READ_AT_ONCE = 4096 };

/* What a mail server of today offers: version 6, all actions, all steps. */
static const char offer[] = {0, 0, 0, 13, MILTER_NEGOTIATE, 0, 0, 0, 6, 0, 0, 1,
    '\xff', 0, '\x1f', '\xff', '\xff'};
static const char quit[] = {0, 0, 0, 1, MILTER_QUIT};

enum { ANSWER_LEAST = 12 }; /* version, actions, steps */

struct asked {
	const struct proxy_front *front;
	const struct proxy_listen *listen;
	int fd; /* -1: it is over, or was never begun */
	bool offered, good, left_out, closed_to_us;
	struct milter_reader reader;
	struct strbuf why; /* it did not do */
};

static void
end_asked(struct asked *a, const char *why)
{
	if (a->fd >= 0)
		(void)close(a->fd);
	a->fd = -1;
	if (why != NULL)
		strbuf_add_str(&a->why, why);
}

static void
begin_asked(struct asked *a)
{
	struct proxy_endpoint at = a->listen->at;

	check_make_reachable(&at);
	a->left_out = proxy_endpoint_path(&at) == NULL &&
	    !proxy_networks_contain(
		&a->front->allow, (const struct sockaddr *)&at.address);
	if (a->left_out)
		return;
	a->fd = socket(at.address.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0 ||
	    (connect(a->fd, (const struct sockaddr *)&at.address, at.length) !=
		    0 &&
		errno != EINPROGRESS)) {
		a->closed_to_us = errno == EACCES && geteuid() != 0;
		end_asked(a, strerror(errno));
	}
}

static void
hear(struct asked *a)
{
	char bytes[READ_AT_ONCE];
	ssize_t got = recv(a->fd, bytes, sizeof(bytes), 0);
	struct slice rest = slice_from(bytes, got > 0 ? (size_t)got : 0);
	struct milter_packet packet;
	enum milter_parse parse = MILTER_MORE;
	size_t used;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_asked(a, got == 0 ? "it hangs up" : strerror(errno));
		return;
	}
	while (parse == MILTER_MORE && rest.n > 0) {
		parse = milter_reader_next(&a->reader, rest, &used, &packet);
		rest = slice_after(rest, used);
	}
	if (parse == MILTER_MORE)
		return;
	a->good = parse == MILTER_DONE && packet.code == MILTER_NEGOTIATE &&
	    packet.data.n >= ANSWER_LEAST;
	if (a->good)
		(void)send(a->fd, quit, sizeof(quit), MSG_NOSIGNAL);
	end_asked(a, a->good ? NULL : "its answer is none of a milter's");
}

static void
go_on(struct asked *a, short events)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (!a->offered) {
		(void)getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &length);
		if (error == 0 &&
		    send(a->fd, offer, sizeof(offer), MSG_NOSIGNAL) !=
			(ssize_t)sizeof(offer))
			error = errno;
		a->offered = true;
		if (error != 0)
			end_asked(a, strerror(error));
	} else if (events & (POLLIN | POLLHUP | POLLERR)) {
		hear(a);
	}
}

static void
ask_milters(struct asked *list, size_t count)
{
	int64_t end = clock_ms() + CHECK_PEER_MS;

	for (;;) {
		struct pollfd polled[ASKED_MAX];
		int64_t left = end - clock_ms();
		nfds_t open = 0;

		for (size_t i = 0; i < count; i++) {
			polled[i].fd = list[i].fd; /* -1 is passed over */
			polled[i].events = list[i].offered ? POLLIN : POLLOUT;
			polled[i].revents = 0;
			open += list[i].fd >= 0;
		}
		if (open == 0 || left <= 0)
			break;
		if (poll(polled, count, (int)left) < 0 && errno != EINTR)
			break;
		for (size_t i = 0; i < count; i++)
			if (list[i].fd >= 0 && polled[i].revents != 0)
				go_on(&list[i], polled[i].revents);
	}
	for (size_t i = 0; i < count; i++)
		if (list[i].fd >= 0)
			end_asked(&list[i], "no answer within 5 s");
}

/* On TCP whoever connects says whose mail it is, and nobody can tell Postfix
 * from another account of this host. */
static void
report_tcp(const struct asked *a, const struct check_about *about,
    struct check_report *report)
{
	if (proxy_endpoint_path(&a->listen->at) != NULL ||
	    a->front->filter != PROXY_FILTER_SIGN)
		return;
	check_report_add(report, about, CHECK_WARNING,
	    "[%s] any account of this host can connect, say that a sender has "
	    "logged in, and have his mail signed",
	    a->front->name);
	check_report_todo(report,
	    "listen = milter:unix:/var/spool/postfix/signpost/%s "
	    "group=postfix, "
	    "which lets in Postfix alone",
	    a->front->name);
}

static void
report_asked(const struct asked *a, struct check_report *report)
{
	struct check_about about = {"listen", ""};
	struct strbuf address;

	strbuf_init(&address, CHECK_SHOWN_MAX);
	strbuf_add_str(&address, "milter:");
	proxy_endpoint_print(&a->listen->at, &address);
	about.subject = strbuf_text(&address);
	if (a->left_out || a->closed_to_us) {
		check_report_add(report, &about, CHECK_NOTE,
		    "[%s] not asked: it is not for us, %s", a->front->name,
		    a->left_out ? "by `allow'" : "by the mode of its socket");
		check_report_todo(report,
		    a->left_out ? "ask it from where its clients are"
				: "ask it as root");
	} else if (a->good) {
		check_report_add(report, &about, CHECK_OK,
		    "[%s] a milter answers", a->front->name);
	} else {
		check_report_add(report, &about, CHECK_FAIL,
		    "[%s] signpost does not answer by milter: %s",
		    a->front->name, strbuf_text(&a->why));
		check_report_todo(report, "%s, and look at its log",
		    check_how_to_listen(report));
	}
	report_tcp(a, &about, report);
	strbuf_clear(&address);
}

void
check_milter_peers(
    const struct proxy_config *config, struct check_report *report)
{
	struct asked *list = xcalloc(ASKED_MAX, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *front = &config->fronts[i];

		for (size_t k = 0; front->enabled && k < front->listen.count;
		     k++) {
			if (front->listen.list[k].kind != PROXY_LISTEN_MILTER)
				continue;
			list[count] = (struct asked){.front = front,
			    .listen = &front->listen.list[k],
			    .fd = -1};
			milter_reader_init(&list[count].reader);
			strbuf_init(&list[count].why, CHECK_SHOWN_MAX);
			begin_asked(&list[count++]);
		}
	}
	ask_milters(list, count);
	for (size_t i = 0; i < count; i++)
		report->running |= list[i].good;
	for (size_t i = 0; i < count; i++) {
		report_asked(&list[i], report);
		milter_reader_clear(&list[i].reader);
		strbuf_clear(&list[i].why);
	}
	free(list);
}
