/*
 * One message at rest; see spool.h. The memory is the write buffer of the
 * file once there is one, so a file sees few and large writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/spool.h"

enum { SPOOL_FIRST_ROOM = 8192, SPOOL_REASON_CAP = 200 };

struct proxy_spool {
	struct strbuf memory; /* what follows the file's bytes */
	uint64_t in_file, taken;
	size_t mark;
	int dir_fd, fd;
	struct proxy_quota *quota;
	enum proxy_spool_status status;
	struct strbuf reason;
};

struct proxy_spool *
proxy_spool_new(size_t memory_mark, int dir_fd, struct proxy_quota *quota)
{
	struct proxy_spool *s = xcalloc(1, sizeof(*s));

	s->mark = memory_mark;
	s->dir_fd = dir_fd;
	s->fd = -1;
	s->quota = quota;
	strbuf_init(&s->memory, memory_mark);
	strbuf_init(&s->reason, SPOOL_REASON_CAP);
	(void)strbuf_reserve(&s->memory,
	    memory_mark < SPOOL_FIRST_ROOM ? memory_mark : SPOOL_FIRST_ROOM);
	return s;
}

static enum proxy_spool_status
fail(struct proxy_spool *s, const char *what)
{
	(void)strbuf_addf(&s->reason, "spool: %s: %s", what, strerror(errno));
	s->status = PROXY_SPOOL_BROKEN;
	return s->status;
}

/* Where the file system knows no file without a name, one is made and its
 * name is taken away at once. */
static int
open_named(int dir_fd)
{
	char name[64];
	int fd;

	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(
		    name, sizeof(name), ".spool-%ld-%u", (long)getpid(), i);
		fd = openat(
		    dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0) {
			(void)unlinkat(dir_fd, name, 0);
			return fd;
		}
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static int
open_unnamed(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	return open_named(dir_fd);
}

static int
write_all(int fd, struct slice bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return -1;
		bytes = slice_after(bytes, (size_t)n);
	}
	return 0;
}

static enum proxy_spool_status
to_file(struct proxy_spool *s, struct slice bytes)
{
	if (s->fd < 0 && (s->fd = open_unnamed(s->dir_fd)) < 0)
		return fail(s, "cannot make a file");
	if (write_all(s->fd, bytes) != 0)
		return fail(s, "cannot write");
	s->in_file += bytes.n;
	return PROXY_SPOOL_OK;
}

static enum proxy_spool_status
take_from_quota(struct proxy_spool *s, uint64_t n)
{
	if (!proxy_quota_take(s->quota, n)) {
		(void)strbuf_add_str(&s->reason, "spool: spool_max is reached");
		s->status = PROXY_SPOOL_OVER;
		return s->status;
	}
	s->taken += n;
	return PROXY_SPOOL_OK;
}

enum proxy_spool_status
proxy_spool_append(struct proxy_spool *s, struct slice bytes)
{
	if (s->status != PROXY_SPOOL_OK ||
	    take_from_quota(s, bytes.n) != PROXY_SPOOL_OK)
		return s->status;
	if (bytes.n > s->mark - s->memory.n) {
		if (to_file(s, strbuf_slice(&s->memory)) != PROXY_SPOOL_OK)
			return s->status;
		strbuf_reset(&s->memory);
	}
	if (bytes.n > s->mark)
		return to_file(s, bytes);
	(void)strbuf_add(&s->memory, bytes);
	return PROXY_SPOOL_OK;
}

const char *
proxy_spool_reason(const struct proxy_spool *s)
{
	return strbuf_text(&s->reason);
}

uint64_t
proxy_spool_size(const struct proxy_spool *s)
{
	return s->in_file + s->memory.n;
}

static ssize_t
read_file(const struct proxy_spool *s, uint64_t offset, char *to, size_t room)
{
	ssize_t n;

	if (room > s->in_file - offset)
		room = (size_t)(s->in_file - offset);
	do
		n = pread(s->fd, to, room, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n == 0 && room > 0) { /* someone cut the file short */
		errno = EIO;
		return -1;
	}
	return n;
}

ssize_t
proxy_spool_read(
    const struct proxy_spool *s, uint64_t offset, char *to, size_t room)
{
	struct slice rest;

	if (offset < s->in_file)
		return read_file(s, offset, to, room);
	if (offset - s->in_file >= s->memory.n)
		return 0;
	rest = slice_first(slice_after(strbuf_slice(&s->memory),
			       (size_t)(offset - s->in_file)),
	    room);
	memcpy(to, rest.p, rest.n);
	return (ssize_t)rest.n;
}

/* A buffer that grew for one large message is not kept for the small ones
 * that follow on an idle connection. */
void
proxy_spool_reset(struct proxy_spool *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	proxy_quota_give_back(s->quota, s->taken);
	s->taken = 0;
	s->in_file = 0;
	s->status = PROXY_SPOOL_OK;
	strbuf_reset(&s->reason);
	if (s->memory.room > 2 * (size_t)SPOOL_FIRST_ROOM)
		strbuf_clear(&s->memory);
	else
		strbuf_reset(&s->memory);
}

void
proxy_spool_free(struct proxy_spool *s)
{
	if (s == NULL)
		return;
	proxy_spool_reset(s);
	strbuf_clear(&s->memory);
	strbuf_clear(&s->reason);
	free(s);
}
