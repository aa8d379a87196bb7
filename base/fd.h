/* Descriptors: which take all that is written or say why not, and which are open
 * or -1. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/slice.h"

/* Writes all of it, however many calls that takes: 0, or -1 and errno. */
int fd_write_all(int fd, struct slice bytes);

/* Closes it, where it is one, and sets it to -1. */
void fd_close(int *fd);

#endif
