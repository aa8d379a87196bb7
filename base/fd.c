/* Calls on descriptors, each as it is meant most often; see fd.h. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"

int
fd_write_all(int fd, struct slice bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			bytes = slice_after(bytes, (size_t)n);
	}
	return 0;
}

void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}
