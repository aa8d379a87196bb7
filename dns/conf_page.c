/* One writer, many readers, and no lock; see conf_page.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "dns/conf_page.h"

/* As it lies in memory. The version is odd while the text is being written. */
struct shown {
	_Atomic uint32_t version, length;
	_Atomic char text[DNS_CONF_MAX];
};

struct dns_conf_page {
	struct shown *shown;
};

static struct dns_conf_page *
map_page(int fd, int rights)
{
	void *at = mmap(NULL, sizeof(struct shown), rights, MAP_SHARED, fd, 0);
	struct dns_conf_page *page;

	if (at == MAP_FAILED)
		return NULL;
	page = xcalloc(1, sizeof(*page));
	page->shown = at;
	return page;
}

/* Sealed behind our own mapping, by which alone it can be written then. */
struct dns_conf_page *
dns_conf_page_new(int *fd)
{
	struct dns_conf_page *page = NULL;
	int why;

	*fd = memfd_create("resolv.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	if (ftruncate(*fd, sizeof(struct shown)) == 0)
		page = map_page(*fd, PROT_READ | PROT_WRITE);
	if (page != NULL &&
	    fcntl(*fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE |
		    F_SEAL_SEAL) == 0)
		return page;
	why = errno;
	dns_conf_page_free(page);
	(void)close(*fd);
	*fd = -1;
	errno = why;
	return NULL;
}

struct dns_conf_page *
dns_conf_page_map(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return NULL;
	if ((size_t)st.st_size != sizeof(struct shown)) {
		errno = EINVAL;
		return NULL;
	}
	return map_page(fd, PROT_READ);
}

void
dns_conf_page_free(struct dns_conf_page *page)
{
	if (page == NULL)
		return;
	(void)munmap(page->shown, sizeof(struct shown));
	free(page);
}

/* How much of the text is the same; by the writer alone. */
static bool
has_changed(const struct shown *shown, const char *text, size_t n)
{
	if (atomic_load(&shown->version) == 0 ||
	    n != atomic_load(&shown->length))
		return true;
	for (size_t i = 0; i < n; i++)
		if (atomic_load_explicit(
			&shown->text[i], memory_order_relaxed) != text[i])
			return true;
	return false;
}

void
dns_conf_page_follow(struct dns_conf_page *page, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t n;

	if (file == NULL)
		return;
	text = xmalloc(DNS_CONF_MAX);
	n = fread(text, 1, DNS_CONF_MAX, file);
	if (ferror(file) == 0 && has_changed(page->shown, text, n)) {
		struct shown *shown = page->shown;

		atomic_fetch_add(&shown->version, 1);
		atomic_store(&shown->length, (uint32_t)n);
		for (size_t i = 0; i < n; i++)
			atomic_store(&shown->text[i], text[i]);
		atomic_fetch_add(&shown->version, 1);
	}
	(void)fclose(file);
	free(text);
}

uint32_t
dns_conf_page_version(const struct dns_conf_page *page)
{
	return atomic_load(&page->shown->version) & ~1U;
}

int
dns_conf_page_read(const struct dns_conf_page *page, struct strbuf *to)
{
	uint32_t version = atomic_load(&page->shown->version);
	uint32_t n = atomic_load(&page->shown->length);
	char *at = n > DNS_CONF_MAX || version % 2 != 0
	    ? NULL
	    : strbuf_reserve(to, n + 1);

	if (at == NULL)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		at[i] = atomic_load(&page->shown->text[i]);
	if (atomic_load(&page->shown->version) != version)
		return -1;
	to->n += n;
	return 0;
}
