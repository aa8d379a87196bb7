/* What a person has been told; see told.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/rotate/told.h"
#include "proxy/settings/index.h"

enum { NOTES_MAX = 65536, PATH_LENGTH_MAX = 4096 };

/* Complaints, a line each. */
struct notes {
	bool read;
	struct strbuf before, now;
};

struct rotate_told {
	const struct rotate_domains *domains;
	struct notes *list; /* one for each domain */
};

struct rotate_told *
rotate_told_new(const struct rotate_domains *domains)
{
	struct rotate_told *told = xcalloc(1, sizeof(*told));

	told->domains = domains;
	told->list = xcalloc(domains->count + 1, sizeof(*told->list));
	for (size_t i = 0; i < domains->count; i++) {
		strbuf_init(&told->list[i].before, NOTES_MAX);
		strbuf_init(&told->list[i].now, NOTES_MAX);
	}
	return told;
}

void
rotate_told_free(struct rotate_told *told)
{
	for (size_t i = 0; told != NULL && i < told->domains->count; i++) {
		strbuf_clear(&told->list[i].before);
		strbuf_clear(&told->list[i].now);
	}
	if (told != NULL)
		free(told->list);
	free(told);
}

static void
print_path(const struct rotate_domain *domain, struct strbuf *path)
{
	const char *last = strrchr(domain->folder, '/');
	int parent = last == NULL ? 0 : (int)(last - domain->folder) + 1;
	const char *state = getenv("STATE_DIRECTORY");

	strbuf_init(path, PATH_LENGTH_MAX);
	if (state != NULL)
		strbuf_addf(path, "%s/told-%s", state, domain->folder + parent);
	else
		strbuf_addf(path, "%.*s.told-%s", parent, domain->folder,
		    domain->folder + parent);
}

static void
read_notes(const struct rotate_domain *domain, struct notes *notes)
{
	struct strbuf path;
	ssize_t n = 0;
	int fd;

	print_path(domain, &path);
	fd = open(
	    strbuf_text(&path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		n = read(
		    fd, strbuf_reserve(&notes->before, NOTES_MAX), NOTES_MAX);
	if (n > 0)
		notes->before.n += (size_t)n;
	if (fd >= 0)
		(void)close(fd);
	notes->read = true;
	strbuf_clear(&path);
}

static bool
has_line(const struct strbuf *notes, struct slice line)
{
	struct slice text = strbuf_slice(notes), next;

	while (text.n > 0 && slice_cut(&text, '\n', &next))
		if (slice_equal(next, line))
			return true;
	return false;
}

bool
rotate_told_again(
    struct rotate_told *told, const char *domain, struct slice complaint)
{
	size_t number =
	    proxy_index_find(told->domains->names, slice_str(domain));
	struct notes *notes = &told->list[number];
	struct strbuf line;
	bool again, known;

	if (!notes->read)
		read_notes(&told->domains->list[number], notes);
	strbuf_init(&line, NOTES_MAX);
	for (size_t i = 0; i < complaint.n; i++)
		strbuf_add_char(
		    &line, complaint.p[i] == '\n' ? ' ' : complaint.p[i]);
	known = has_line(&notes->now, strbuf_slice(&line));
	again = known || has_line(&notes->before, strbuf_slice(&line));
	if (!known)
		strbuf_addf(&notes->now, "%s\n", strbuf_text(&line));
	strbuf_clear(&line);
	return again;
}

void
rotate_told_keep(const struct rotate_told *told)
{
	for (size_t i = 0; i < told->domains->count; i++) {
		const struct notes *notes = &told->list[i];
		struct slice now = strbuf_slice(&notes->now);
		struct strbuf path;
		int fd = -1;

		if (now.n > 0 && slice_equal(now, strbuf_slice(&notes->before)))
			continue;
		rotate_told_forget(&told->domains->list[i]);
		print_path(&told->domains->list[i], &path);
		if (now.n > 0)
			fd = open(strbuf_text(&path),
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		/* A line that is not there whole is told again. */
		if (fd >= 0 && write(fd, now.p, now.n) < 0)
			(void)unlink(strbuf_text(&path));
		if (fd >= 0)
			(void)close(fd);
		strbuf_clear(&path);
	}
}

void
rotate_told_forget(const struct rotate_domain *domain)
{
	struct strbuf path;

	print_path(domain, &path);
	(void)unlink(strbuf_text(&path));
	strbuf_clear(&path);
}
