/*
 * Where private keys lie in a process that has any: all that libcrypto
 * allocates comes from pages of its own, which are in no core dump and, as far
 * as the system lets us, never swapped out; and whatever is freed is
 * overwritten first. (libcrypto's own "secure heap" does not hold the primes of
 * an RSA key once it has signed with it.)
 *
 * Not for threads.
 */
#ifndef DKIM_KEY_MEMORY_H
#define DKIM_KEY_MEMORY_H

#include <stddef.h>

/* Before anything of libcrypto's is called. 0, or -1 where it has allocated
 * something already: then it goes on as it did. */
int dkim_key_memory_init(void);

/* Memory of the same kind, for the text of a key; without the init it is only
 * overwritten. Never NULL. */
char *dkim_key_memory_take(size_t n);
void dkim_key_memory_give(char *, size_t n);

#endif
