/* Pages for libcrypto; see key_memory.h. */
#include "dkim/key_memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>

/* Blocks of 32, 64, ... octets, cut from chunks and used again; what is larger
 * has a mapping of its own, which goes back when it is freed. */
enum { SMALLEST = 5, LARGEST = 15, SIZES = LARGEST - SMALLEST + 1 };
#define FIRST_CHUNK ((size_t)1 << 21)
#define CHUNK	    ((size_t)1 << 18)

/* In front of each block, which keeps the alignment of malloc(). */
struct head {
	_Alignas(16) size_t room; /* the whole block's, with this */
	struct head *next;	  /* of those that are free */
};

static struct {
	struct head *free[SIZES];
	char *chunk; /* what is left of the last one */
	size_t left;
} pages;

static void *
map_pages(size_t n)
{
	void *at = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	(void)madvise(at, n, MADV_DONTDUMP);
	(void)mlock(at, n); /* whoever starts us is told where it cannot be */
	return at;
}

static unsigned
size_of(size_t room)
{
	unsigned size = 0;

	while (((size_t)1 << (size + SMALLEST)) < room)
		size++;
	return size;
}

static struct head *
cut_block(size_t room)
{
	struct head *head;

	if (pages.left < room) {
		pages.chunk = map_pages(CHUNK);
		pages.left = pages.chunk == NULL ? 0 : CHUNK;
		if (pages.left == 0)
			return NULL;
	}
	head = (struct head *)(void *)pages.chunk;
	pages.chunk += room;
	pages.left -= room;
	return head;
}

static void *
take_block(size_t n)
{
	size_t room = n + sizeof(struct head);
	struct head *head;
	unsigned size;

	if (n > SIZE_MAX / 2)
		return NULL;
	if (room > (size_t)1 << LARGEST) {
		head = map_pages(room);
	} else {
		size = size_of(room);
		room = (size_t)1 << (size + SMALLEST);
		head = pages.free[size];
		if (head != NULL)
			pages.free[size] = head->next;
		else
			head = cut_block(room);
	}
	if (head == NULL)
		return NULL;
	head->room = room;
	return head + 1;
}

static void
give_block(void *block)
{
	struct head *head = (struct head *)block - 1;
	size_t room = head->room;
	unsigned size;

	explicit_bzero(block, room - sizeof(*head));
	if (room > (size_t)1 << LARGEST) {
		(void)munmap(head, room);
		return;
	}
	size = size_of(room);
	head->next = pages.free[size];
	pages.free[size] = head;
}

/* --- as libcrypto calls them --- */

static void *
crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n == 0 ? NULL : take_block(n);
}

static void
crypto_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	if (block != NULL)
		give_block(block);
}

static void *
crypto_realloc(void *block, size_t n, const char *file, int line)
{
	size_t had;
	void *other;

	if (block == NULL)
		return crypto_malloc(n, file, line);
	if (n == 0) {
		give_block(block);
		return NULL;
	}
	had = ((struct head *)block - 1)->room - sizeof(struct head);
	if (n <= had)
		return block;
	other = take_block(n);
	if (other == NULL)
		return NULL;
	memcpy(other, block, had);
	give_block(block);
	return other;
}

/* --- doors --- */

/* The first pages are there before who calls this gives up the right to lock
 * some. */
int
dkim_key_memory_init(void)
{
	if (CRYPTO_set_mem_functions(
		crypto_malloc, crypto_realloc, crypto_free) != 1)
		return -1;
	pages.chunk = map_pages(FIRST_CHUNK);
	pages.left = pages.chunk == NULL ? 0 : FIRST_CHUNK;
	return 0;
}

char *
dkim_key_memory_take(size_t n)
{
	char *at = OPENSSL_zalloc(n);

	if (at == NULL)
		abort();
	return at;
}

void
dkim_key_memory_give(char *at, size_t n)
{
	OPENSSL_clear_free(at, n);
}
