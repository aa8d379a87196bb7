/* Questions and answers about keys, and the master's answering. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/keys/key_wire.h"

int
proxy_key_request_parse(struct slice datagram, struct proxy_key_request *to)
{
	if (datagram.n != sizeof(*to))
		return -1;
	memcpy(to, datagram.p, sizeof(*to));
	if (to->has_stamp > 1 || to->domain_n > sizeof(to->domain))
		return -1;
	if (!proxy_key_domain_is_safe(slice_from(to->domain, to->domain_n)))
		return -1;
	return 0;
}

int
proxy_key_reply_parse(struct slice datagram, struct proxy_key_reply *to)
{
	size_t head = offsetof(struct proxy_key_reply, reason);

	memset(to, 0, sizeof(*to));
	if (datagram.n < head || datagram.n > sizeof(*to))
		return -1;
	memcpy(to, datagram.p, datagram.n);
	if (to->reason_n != datagram.n - head ||
	    to->status >= PROXY_KEY_REPLIES ||
	    to->selector_n > sizeof(to->selector))
		return -1;
	return (to->selector_n > 0) ==
		(to->status == PROXY_KEY_REPLY_FOUND ||
		    to->status == PROXY_KEY_REPLY_UNCHANGED)
	    ? 0
	    : -1;
}

/* CMSG_SPACE() of one descriptor is room for two where a pointer has eight
 * bytes: what counts is CONTROL_ROOM. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};
#define CONTROL_ROOM CMSG_LEN(sizeof(int))

int
proxy_key_send_parts(int socket, struct iovec *parts, size_t count, int fd)
{
	union control control = {{0}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	struct cmsghdr *head;
	ssize_t n;

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CONTROL_ROOM;
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	do
		n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0; /* a datagram goes whole or not at all */
}

int
proxy_key_send(int socket, struct slice datagram, int fd)
{
	struct iovec part = {(void *)(uintptr_t)datagram.p, datagram.n};

	return proxy_key_send_parts(socket, &part, 1, fd);
}

/* The one descriptor, PROXY_KEY_NO_FD, or PROXY_KEY_FALSE_FD with every one
 * that came closed. */
static int
take_fd(struct msghdr *message)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	bool good = (message->msg_flags & MSG_CTRUNC) == 0;
	int fd;

	if (head == NULL)
		return good ? PROXY_KEY_NO_FD : PROXY_KEY_FALSE_FD;
	if (good && head->cmsg_level == SOL_SOCKET &&
	    head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(fd)) &&
	    CMSG_NXTHDR(message, head) == NULL) {
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
		return fd;
	}
	for (; head != NULL; head = CMSG_NXTHDR(message, head))
		if (head->cmsg_level == SOL_SOCKET &&
		    head->cmsg_type == SCM_RIGHTS) {
			size_t at = 0, n = head->cmsg_len - CMSG_LEN(0);
			int file;

			for (; n - at >= sizeof(file); at += sizeof(file)) {
				memcpy(
				    &file, CMSG_DATA(head) + at, sizeof(file));
				(void)close(file);
			}
		}
	return PROXY_KEY_FALSE_FD;
}

long
proxy_key_receive(int socket, char *to, size_t room, int *fd)
{
	union control control = {{0}};
	struct iovec part = {to, room};
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = CONTROL_ROOM};
	ssize_t n;

	do
		n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	*fd = n < 0 ? PROXY_KEY_NO_FD : take_fd(&message);
	return n;
}

/* What is said of a file that was not opened, and of one that was. */
static enum proxy_key_reply_status
status_of(
    const struct proxy_key_file *file, const struct proxy_key_request *request)
{
	switch (file->status) {
	case PROXY_KEY_MISSING:
		return PROXY_KEY_REPLY_MISSING;
	case PROXY_KEY_UNPUBLISHED:
		return PROXY_KEY_REPLY_UNPUBLISHED;
	case PROXY_KEY_FOUND:
		return request->has_stamp == 1 &&
			proxy_key_stamp_equal(&request->stamp, &file->stamp)
		    ? PROXY_KEY_REPLY_UNCHANGED
		    : PROXY_KEY_REPLY_FOUND;
	case PROXY_KEY_TROUBLE:
		break;
	}
	return PROXY_KEY_REPLY_TROUBLE;
}

static int
answer_request(int socket, const struct proxy_config *config,
    const struct proxy_key_readers *readers,
    const struct proxy_key_request *request)
{
	struct proxy_key_reply reply;
	struct proxy_key_file file;
	struct strbuf reason;
	int result, with_fd;

	strbuf_init(&reason, sizeof(reply.reason));
	proxy_key_file_open(config, readers, request->rule,
	    slice_from(request->domain, request->domain_n), &file, &reason);
	memset(&reply, 0, sizeof(reply));
	reply.id = request->id;
	reply.status = status_of(&file, request);
	reply.stamp = file.stamp;
	if (file.status == PROXY_KEY_FOUND) {
		reply.selector_n =
		    (uint32_t)strnlen(file.selector, sizeof(reply.selector));
		memcpy(reply.selector, file.selector, reply.selector_n);
	}
	reply.reason_n = (uint32_t)reason.n;
	if (reason.n > 0)
		memcpy(reply.reason, reason.p, reason.n);
	with_fd = reply.status == PROXY_KEY_REPLY_FOUND ? file.fd : -1;
	result = proxy_key_send(socket,
	    slice_from((const char *)&reply,
		offsetof(struct proxy_key_reply, reason) + reason.n),
	    with_fd);
	/* A signer that does not read asks again when it does. */
	if (result != 0 && (errno == EAGAIN || errno == ENOBUFS))
		result = 0;
	if (file.fd >= 0)
		(void)close(file.fd);
	strbuf_clear(&reason);
	return result;
}

enum proxy_key_served
proxy_key_server_answer(int socket, const struct proxy_config *config,
    const struct proxy_key_readers *readers)
{
	char datagram[sizeof(struct proxy_key_request) + 1];
	struct proxy_key_request request;
	int fd;
	long n = proxy_key_receive(socket, datagram, sizeof(datagram), &fd);

	if (fd >= 0)
		(void)close(fd);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return PROXY_KEY_SERVED_NONE;
	if (fd != PROXY_KEY_NO_FD)
		return PROXY_KEY_SERVED_LIAR;
	if (n <= 0)
		return PROXY_KEY_SERVED_GONE;
	if (proxy_key_request_parse(
		slice_from(datagram, (size_t)n), &request) != 0)
		return PROXY_KEY_SERVED_LIAR;
	return answer_request(socket, config, readers, &request) == 0
	    ? PROXY_KEY_SERVED
	    : PROXY_KEY_SERVED_GONE;
}
