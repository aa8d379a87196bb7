/*
 * Both directions of the wire between signer and master on anything: what comes
 * to the master as if from a signer, which has a key for it, a key whose stamp
 * the signer names, a rule without a file, and none; and what comes to a signer
 * as if from the master. No descriptor is left open.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/keys/key_wire.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

/* Rules: a file that is there, with parents; one that is not. */
static struct {
	char folder[32], file[64], missing[64], selector[8];
	struct proxy_key_rule rules[2];
	struct proxy_config config;
	struct proxy_key_readers readers;
} desk = {.folder = "/tmp/fuzz-keys-XXXXXX", .selector = "mail"};

static void
put_away(void)
{
	(void)unlink(desk.file);
	(void)rmdir(desk.folder);
}

static void
open_desk(void)
{
	int fd;

	if (desk.file[0] != '\0')
		return;
	must(mkdtemp(desk.folder) != NULL);
	(void)snprintf(desk.file, sizeof(desk.file), "%s/key", desk.folder);
	(void)snprintf(
	    desk.missing, sizeof(desk.missing), "%s/$domain", desk.folder);
	fd = open(desk.file, O_CREAT | O_WRONLY, 0600);
	must(fd >= 0 && write(fd, "key", 3) == 3);
	(void)close(fd);
	(void)atexit(put_away);
	desk.rules[0] = (struct proxy_key_rule){
	    .file = desk.file, .selector = desk.selector};
	desk.rules[1] = (struct proxy_key_rule){.file = desk.missing,
	    .selector = desk.selector,
	    .per_domain = true,
	    .parents = true};
	desk.config.signing.keys = desk.rules;
	desk.config.signing.key_count = 2;
	desk.readers.owners[0] = geteuid();
	desk.readers.owner_count = 1;
}

/* What the master says, and whether its answer is one. */
static enum proxy_key_served
ask(struct slice datagram, int fd, struct proxy_key_reply *reply)
{
	char answer[sizeof(*reply) + 1];
	enum proxy_key_served served;
	int pair[2], given;
	long n;

	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	must(proxy_key_send(pair[1], datagram, fd) == 0);
	served = proxy_key_server_answer(pair[0], &desk.config, &desk.readers);
	if (served == PROXY_KEY_SERVED) {
		n = proxy_key_receive(pair[1], answer, sizeof(answer), &given);
		must(n > 0 &&
		    proxy_key_reply_parse(
			slice_from(answer, (size_t)n), reply) == 0);
		must((given >= 0) == (reply->status == PROXY_KEY_REPLY_FOUND));
		if (given >= 0)
			(void)close(given);
	}
	must(proxy_key_server_answer(pair[0], &desk.config, &desk.readers) ==
	    PROXY_KEY_SERVED_NONE);
	(void)close(pair[1]);
	must(proxy_key_server_answer(pair[0], &desk.config, &desk.readers) ==
	    PROXY_KEY_SERVED_GONE);
	(void)close(pair[0]);
	return served;
}

/* A question that is one is answered; what was found once is not sent again. */
static void
ask_twice(struct proxy_key_request request)
{
	struct slice datagram =
	    slice_from((const char *)&request, sizeof(request));
	struct proxy_key_reply reply;

	must(ask(datagram, PROXY_KEY_NO_FD, &reply) == PROXY_KEY_SERVED);
	must(reply.id == request.id);
	if (reply.status != PROXY_KEY_REPLY_FOUND)
		return;
	request.has_stamp = 1;
	request.stamp = reply.stamp;
	must(ask(datagram, PROXY_KEY_NO_FD, &reply) == PROXY_KEY_SERVED);
	must(reply.status == PROXY_KEY_REPLY_UNCHANGED);
}

/* Two descriptors come where one is taken: none is left open. */
static void
send_two(void)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec part = {(char[]){'x'}, 1};
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = CMSG_LEN(2 * sizeof(int))};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	int fds[2] = {STDIN_FILENO, STDIN_FILENO}, pair[2], fd;
	char octet;

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(head), fds, sizeof(fds));
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	must(sendmsg(pair[0], &message, 0) == 1);
	must(proxy_key_receive(pair[1], &octet, 1, &fd) == 1);
	must(fd == PROXY_KEY_FALSE_FD);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice datagram = slice_from((const char *)bytes, n);
	struct proxy_key_request request;
	struct proxy_key_reply reply;
	enum proxy_key_served served;
	int before;

	if (n == 0 || n > 4096)
		return 0;
	open_desk();
	before = next_descriptor();
	served = ask(datagram, PROXY_KEY_NO_FD, &reply);
	if (proxy_key_request_parse(datagram, &request) == 0) {
		must(served == PROXY_KEY_SERVED);
		ask_twice(request);
		request.rule %= 3;
		ask_twice(request);
	} else {
		must(served == PROXY_KEY_SERVED_LIAR);
	}
	must(ask(datagram, STDIN_FILENO, &reply) == PROXY_KEY_SERVED_LIAR);
	if (proxy_key_reply_parse(datagram, &reply) == 0)
		must(reply.selector_n <= sizeof(reply.selector) &&
		    reply.reason_n <= sizeof(reply.reason));
	send_two();
	must(next_descriptor() == before);
	return 0;
}
