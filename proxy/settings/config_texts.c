/*
 * The texts that a configuration is read from: files for the master, a
 * sealed memory file of the same bytes for a worker, which so needs no right
 * to read /etc/signpost. Packed: "NAME-LENGTH BYTES\n", name and bytes, for
 * each.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/number.h"
#include "base/xalloc.h"
#include "proxy/settings/config_private.h"

#define TEXTS_MAX 4
#define PACK_MAX  (PROXY_CONFIG_FILE_MAX + 2 * PROXY_CONFIG_MAP_MAX + 65536)

struct text {
	char *name;
	struct strbuf bytes;
};

struct proxy_config_texts {
	struct text list[TEXTS_MAX];
	size_t count;
	bool packed; /* what is not there is nowhere */
};

struct proxy_config_texts *
proxy_config_texts_new(void)
{
	return xcalloc(1, sizeof(struct proxy_config_texts));
}

void
proxy_config_texts_free(struct proxy_config_texts *texts)
{
	size_t i;

	if (texts == NULL)
		return;
	for (i = 0; i < texts->count; i++) {
		free(texts->list[i].name);
		strbuf_clear(&texts->list[i].bytes);
	}
	free(texts);
}

static struct text *
new_text(struct proxy_config_texts *texts, struct slice name, size_t most)
{
	struct text *text = &texts->list[texts->count];

	if (texts->count == TEXTS_MAX)
		return NULL;
	texts->count++;
	text->name = xslicedup(name);
	strbuf_init(&text->bytes, most);
	return text;
}

void
proxy_config_texts_put(
    struct proxy_config_texts *texts, const char *name, struct slice bytes)
{
	struct text *text = new_text(texts, slice_str(name), bytes.n);

	if (text != NULL)
		strbuf_add(&text->bytes, bytes);
}

const char *
proxy_config_texts_name(const struct proxy_config_texts *texts)
{
	return texts->count == 0 ? NULL : texts->list[0].name;
}

/* All that is left of the file: 0, or -1 and the reason. */
static int
read_text(int fd, struct strbuf *to, struct strbuf *reason)
{
	size_t room;
	ssize_t n;
	char *at;

	for (;;) {
		room = to->cap - to->n < 65536 ? to->cap - to->n : 65536;
		at = room == 0 ? NULL : strbuf_reserve(to, room);
		if (at == NULL)
			return strbuf_fail(
			    reason, "has %zu bytes or more", to->cap);
		n = read(fd, at, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strbuf_fail(
			    reason, "cannot be read: %s", strerror(errno));
		if (n == 0)
			return 0;
		to->n += (size_t)n;
	}
}

int
proxy_config_texts_read(struct proxy_config_texts *texts, const char *path,
    size_t most, struct slice *bytes, struct strbuf *reason)
{
	struct text *text;
	struct stat is;
	int fd, result;
	size_t i;

	for (i = 0; i < texts->count; i++)
		if (strcmp(texts->list[i].name, path) == 0) {
			*bytes = strbuf_slice(&texts->list[i].bytes);
			return 0;
		}
	text = texts->packed ? NULL : new_text(texts, slice_str(path), most);
	if (text == NULL)
		return strbuf_fail(reason, "is not among the texts");
	/* A master that has others to serve must not wait for whoever may write
	 * to a FIFO. What a shell hands over is below /dev. */
	if (stat(path, &is) == 0 && S_ISFIFO(is.st_mode) &&
	    !slice_starts_nocase(slice_str(path), SLICE("/dev/")))
		return strbuf_fail(reason, "is a FIFO: it must be a file");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return strbuf_fail(
		    reason, "cannot be read: %s", strerror(errno));
	result = read_text(fd, &text->bytes, reason);
	(void)close(fd);
	if (result != 0)
		return -1;
	*bytes = strbuf_slice(&text->bytes);
	return 0;
}

void
proxy_config_texts_write(
    const struct proxy_config_texts *texts, struct sink *sink)
{
	struct strbuf head;

	strbuf_init(&head, 32);
	for (size_t i = 0; i < texts->count; i++) {
		strbuf_reset(&head);
		strbuf_addf(&head, "%zu\n", texts->list[i].bytes.n);
		sink_write_to(sink, strbuf_slice(&head));
		sink_write_to(sink, strbuf_slice(&texts->list[i].bytes));
	}
	strbuf_clear(&head);
}

static int
pack_text(int fd, const struct text *text)
{
	struct strbuf head;
	int result;

	strbuf_init(&head, 65536);
	strbuf_addf(&head, "%zu %zu\n", strlen(text->name), text->bytes.n);
	strbuf_add_str(&head, text->name);
	result = head.full ? -1 : fd_write_all(fd, strbuf_slice(&head));
	strbuf_clear(&head);
	return result == 0 ? fd_write_all(fd, strbuf_slice(&text->bytes)) : -1;
}

int
proxy_config_texts_pack(const struct proxy_config_texts *texts)
{
	int fd = memfd_create("settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t i;

	if (fd < 0)
		return -1;
	for (i = 0; i < texts->count; i++)
		if (pack_text(fd, &texts->list[i]) != 0) {
			(void)close(fd);
			return -1;
		}
	if (fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) !=
	    0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
unpack_text(struct proxy_config_texts *texts, struct slice *rest)
{
	struct slice line, name_length;
	uint64_t name, bytes;
	struct text *text;

	(void)slice_cut(rest, '\n', &line);
	(void)slice_cut(&line, ' ', &name_length);
	if (number_parse(name_length, PACK_MAX, &name) != 0 ||
	    number_parse(line, PACK_MAX, &bytes) != 0 || name > rest->n ||
	    bytes > rest->n - name)
		return -1;
	text = new_text(texts, slice_first(*rest, name), bytes);
	if (text == NULL)
		return -1;
	strbuf_add(&text->bytes, slice_first(slice_after(*rest, name), bytes));
	*rest = slice_after(*rest, name + bytes);
	return 0;
}

/* The file is shared by all who were given it, and so is its offset: map. */
struct proxy_config_texts *
proxy_config_texts_unpack(int fd, struct strbuf *reason)
{
	struct proxy_config_texts *texts = proxy_config_texts_new();
	struct stat st;
	struct slice rest;
	void *map = MAP_FAILED;

	texts->packed = true;
	if (fstat(fd, &st) == 0 && st.st_size > 0 &&
	    (uint64_t)st.st_size <= PACK_MAX)
		map = mmap(
		    NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		strbuf_add_str(reason, "settings cannot be mapped");
		proxy_config_texts_free(texts);
		return NULL;
	}
	rest = slice_from(map, (size_t)st.st_size);
	while (rest.n > 0)
		if (unpack_text(texts, &rest) != 0) {
			strbuf_add_str(reason, "settings are garbled");
			proxy_config_texts_free(texts);
			texts = NULL;
			break;
		}
	munmap(map, (size_t)st.st_size);
	return texts;
}
