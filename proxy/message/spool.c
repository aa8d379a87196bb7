/*
 * One message at rest; see spool.h. The memory is the write buffer of the
 * file once there is one, so a file sees few and large writes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/message/spool.h"

enum { SPOOL_FIRST_ROOM = 8192, SPOOL_REASON_CAP = 200 };

struct proxy_spool {
	struct strbuf memory; /* what follows the file's bytes */
	uint64_t in_file, taken;
	size_t mark;
	struct proxy_spool_files *files;
	struct proxy_spool_file file; /* fd -1: not yet */
	struct proxy_quota *quota;
	enum proxy_spool_status status;
	struct strbuf reason;
};

struct proxy_spool *
proxy_spool_new(size_t memory_mark, struct proxy_spool_files *files,
    struct proxy_quota *quota)
{
	struct proxy_spool *s = xcalloc(1, sizeof(*s));

	s->mark = memory_mark;
	s->files = files;
	s->file.fd = -1;
	s->quota = quota;
	strbuf_init(&s->memory, memory_mark);
	strbuf_init(&s->reason, SPOOL_REASON_CAP);
	(void)strbuf_reserve(&s->memory,
	    memory_mark < SPOOL_FIRST_ROOM ? memory_mark : SPOOL_FIRST_ROOM);
	return s;
}

static enum proxy_spool_status
fail_spool(struct proxy_spool *s, const char *what)
{
	int why = errno;

	size_t before;

	strbuf_add_str(&s->reason, "spool:");
	before = s->reason.n;
	proxy_spool_files_print_place(s->files, &s->reason);
	strbuf_addf(&s->reason, "%s %s: %s", s->reason.n > before ? ":" : "",
	    what, strerror(why));
	s->status = PROXY_SPOOL_BROKEN;
	return s->status;
}

static void
advance_iov(struct iovec *iov, size_t n)
{
	if (n > iov->iov_len)
		n = iov->iov_len;
	if (n == 0)
		return; /* an empty one may be NULL, to which none is added */
	iov->iov_base = (char *)iov->iov_base + n;
	iov->iov_len -= n;
}

/* Both, at the end of what is in the file. */
static int
write_both(struct proxy_spool *s, struct iovec iov[2])
{
	while (iov[0].iov_len + iov[1].iov_len > 0) {
		size_t first = iov[0].iov_len;
		ssize_t n = pwritev(s->file.fd, iov, 2, (off_t)s->in_file);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return -1;
		advance_iov(&iov[0], (size_t)n);
		advance_iov(&iov[1], (size_t)n > first ? (size_t)n - first : 0);
		s->in_file += (uint64_t)n;
		if (s->file.size < s->in_file)
			s->file.size = s->in_file;
	}
	return 0;
}

/* What is in memory, and `bytes` behind it. */
static enum proxy_spool_status
to_file(struct proxy_spool *s, struct slice bytes)
{
	struct slice memory = strbuf_slice(&s->memory);
	struct iovec iov[2] = {{(void *)(uintptr_t)memory.p, memory.n},
	    {(void *)(uintptr_t)bytes.p, bytes.n}};

	if (s->file.fd < 0 && proxy_spool_files_take(s->files, &s->file) != 0)
		return fail_spool(s, "cannot make a file");
	if (write_both(s, iov) != 0)
		return fail_spool(s, "cannot write");
	strbuf_reset(&s->memory);
	return PROXY_SPOOL_OK;
}

enum proxy_spool_status
proxy_spool_append(struct proxy_spool *s, struct slice bytes)
{
	if (s->status != PROXY_SPOOL_OK)
		return s->status;
	if (!proxy_quota_take(s->quota, bytes.n)) {
		strbuf_add_str(&s->reason, "spool: spool_max is reached");
		s->status = PROXY_SPOOL_OVER;
		return s->status;
	}
	s->taken += bytes.n;
	if (bytes.n > s->mark - s->memory.n) {
		size_t n = bytes.n;
		size_t now;

		/* How many of `n` bytes more make up whole blocks with what
		 * is in memory: a block that is written in one piece, where
		 * it belongs, costs the file system two thirds of one in
		 * two. */
		now = s->mark == 0 ? n : n - (s->memory.n + n) % s->mark;
		if (to_file(s, slice_first(bytes, now)) != PROXY_SPOOL_OK)
			return s->status;
		bytes = slice_after(bytes, now);
	}
	strbuf_add(&s->memory, bytes);
	return PROXY_SPOOL_OK;
}

enum proxy_spool_status
proxy_spool_end(struct proxy_spool *s)
{
	if (s->status != PROXY_SPOOL_OK || s->in_file == 0)
		return s->status;
	if (to_file(s, slice_from(NULL, 0)) == PROXY_SPOOL_OK)
		strbuf_clear(&s->memory);
	return s->status;
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

ssize_t
proxy_spool_read(
    const struct proxy_spool *s, uint64_t offset, char *to, size_t room)
{
	struct slice rest;

	if (offset < s->in_file) {
		ssize_t n;

		if (room > s->in_file - offset)
			room = (size_t)(s->in_file - offset);
		do
			n = pread(s->file.fd, to, room, (off_t)offset);
		while (n < 0 && errno == EINTR);
		if (n == 0 && room > 0) { /* someone cut the file short */
			errno = EIO;
			return -1;
		}
		return n;
	}
	if (offset - s->in_file >= s->memory.n)
		return 0;
	rest = slice_first(slice_after(strbuf_slice(&s->memory),
			       (size_t)(offset - s->in_file)),
	    room);
	memcpy(to, rest.p, rest.n);
	return (ssize_t)rest.n;
}

void
proxy_spool_cut(struct proxy_spool *s, uint64_t size)
{
	uint64_t less;

	if (s->status != PROXY_SPOOL_OK || size >= proxy_spool_size(s))
		return;
	less = proxy_spool_size(s) - size;
	if (size >= s->in_file) {
		strbuf_truncate(&s->memory, (size_t)(size - s->in_file));
	} else {
		strbuf_reset(&s->memory);
		s->in_file = size; /* what follows is written over */
	}
	proxy_quota_give_back(s->quota, less);
	s->taken -= less;
}

/* A buffer that grew for one large message is not kept for the small ones
 * that follow on an idle connection. */
void
proxy_spool_reset(struct proxy_spool *s)
{
	if (s->file.fd >= 0 && s->status == PROXY_SPOOL_BROKEN)
		proxy_spool_files_discard(s->files, s->file);
	else if (s->file.fd >= 0)
		proxy_spool_files_give_back(s->files, s->file);
	s->file.fd = -1;
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
