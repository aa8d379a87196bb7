/*
 * Mailboxes of this host; see send_box.h. They are other people's mail: what
 * is opened is searched for the one message of ours, and nothing else of it is
 * shown or kept.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/check/send_box.h"
#include "cli/check/wiring.h"
#include "cli/kit/capture.h"
#include "cli/kit/master.h"
#include "cli/kit/postfix.h"
#include "mail/address.h"

enum {
	PATH_LENGTH_MAX = 4096,
	OUTPUT_MAX = 256 * 1024,
	REASON_MAX = 512,
	/* Of what has come meanwhile. */
	BOX_READ_MAX = 16 * 1024 * 1024,
	FILES_MAX = 10000
};

void
check_box_init(struct check_box *box)
{
	strbuf_init(&box->path, PATH_LENGTH_MAX);
	box->before = 0;
}

void
check_box_clear(struct check_box *box)
{
	strbuf_clear(&box->path);
}

static bool
is_maildir(const struct check_box *box)
{
	return slice_ends_nocase(strbuf_slice(&box->path), SLICE("/"));
}

/* --- which it is --- */

struct finding {
	struct check_box *box;
	struct cli_master main_cf;
	struct slice address, local, domain;
};

static struct slice
main_cf_value(const struct finding *f, const char *name)
{
	return cli_master_value(&f->main_cf, NULL, name);
}

/* Without "+extension"; a user whose name has the sign in it is not cut. */
static char *
user_of(const struct finding *f)
{
	struct slice delimiters = main_cf_value(f, "recipient_delimiter");
	size_t n = f->local.n;

	for (size_t i = 0; i < delimiters.n; i++) {
		size_t at = slice_find(f->local, delimiters.p[i]);

		if (at > 0 && at < n)
			n = at;
	}
	return xslicedup(slice_first(f->local, n));
}

/* Another program takes it where one is named; what it does is not known. */
static void
find_local(struct finding *f)
{
	struct slice home_mailbox = main_cf_value(f, "home_mailbox");
	struct slice spool = main_cf_value(f, "mail_spool_directory");
	char *user = user_of(f);
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL || main_cf_value(f, "mailbox_transport").n > 0 ||
	    main_cf_value(f, "mailbox_command").n > 0) {
		/* none that we know */
	} else if (home_mailbox.n > 0) {
		strbuf_addf(&f->box->path, "%s/%.*s", pw->pw_dir,
		    (int)home_mailbox.n, home_mailbox.p);
	} else if (spool.n > 0) {
		strbuf_addf(&f->box->path, "%.*s/%s", (int)spool.n, spool.p,
		    pw->pw_name);
	}
	free(user);
}

/* What the map has for the address, by postmap. */
static void
find_in_map(struct finding *f, const char *postmap, struct slice map)
{
	struct slice base = main_cf_value(f, "virtual_mailbox_base"), path;
	char *name = xslicedup(map), *address = xslicedup(f->address);
	const char *const argv[] = {postmap, "-q", address, name, NULL};
	struct strbuf out, reason;

	strbuf_init(&out, PATH_LENGTH_MAX);
	strbuf_init(&reason, REASON_MAX);
	if (cli_capture(argv, CLI_POSTFIX_MS, &out, &reason) == 0) {
		path = slice_trim(strbuf_slice(&out));
		strbuf_addf(&f->box->path, "%.*s/%.*s", (int)base.n, base.p,
		    (int)path.n, path.p);
	}
	strbuf_clear(&out);
	strbuf_clear(&reason);
	free(name);
	free(address);
}

static void
find_virtual(struct finding *f)
{
	struct slice maps = main_cf_value(f, "virtual_mailbox_maps"), map;
	struct strbuf postmap;

	strbuf_init(&postmap, PATH_LENGTH_MAX);
	if (cli_program_find("postmap", &postmap) == 0)
		while (f->box->path.n == 0 && cli_master_item(&maps, &map))
			find_in_map(f, strbuf_text(&postmap), map);
	strbuf_clear(&postmap);
}

void
check_box_find(struct check_box *box, struct slice address)
{
	struct finding *f = xcalloc(1, sizeof(*f));
	struct strbuf path, parameters, reason;

	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&parameters, OUTPUT_MAX);
	strbuf_init(&reason, REASON_MAX);
	f->box = box;
	f->address = address;
	f->domain = mail_address_domain(address);
	f->local = slice_first(address, address.n - f->domain.n - 1);
	if (cli_program_find("postconf", &path) == 0) {
		const char *const argv[] = {strbuf_text(&path), "-x", NULL};

		if (cli_capture(argv, CLI_POSTFIX_MS, &parameters, &reason) ==
		    0) {
			cli_master_read(
			    &f->main_cf, SLICE(""), strbuf_slice(&parameters));
			if (cli_master_lists(
				main_cf_value(f, "mydestination"), f->domain))
				find_local(f);
			else if (cli_master_lists(
				     main_cf_value(
					 f, "virtual_mailbox_domains"),
				     f->domain))
				find_virtual(f);
		}
	}
	strbuf_clear(&path);
	strbuf_clear(&parameters);
	strbuf_clear(&reason);
	free(f);
}

/* --- what is in it --- */

void
check_box_mark(struct check_box *box)
{
	struct stat st;

	if (is_maildir(box))
		box->before = clock_wall_s() - 1;
	else
		box->before =
		    stat(strbuf_text(&box->path), &st) == 0 ? st.st_size : 0;
}

/* A user's file, which may be anything: no link is followed, nothing waited
 * for. */
static void
read_from(const char *path, int64_t from, struct strbuf *text)
{
	int fd = open(
	    path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char chunk[8192];
	ssize_t n = 1;

	strbuf_reset(text);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    lseek(fd, from <= st.st_size ? from : 0, SEEK_SET) >= 0)
		while (n > 0 && !text->full) {
			n = read(fd, chunk, sizeof(chunk));
			if (n > 0)
				strbuf_add(text, slice_from(chunk, (size_t)n));
		}
	(void)close(fd);
}

/* The last "From " line above that place ends where the header begins. */
static size_t
header_above(struct slice text, size_t at)
{
	size_t start = 0, line = 0;

	while (line < at) {
		struct slice rest = slice_after(text, line);

		if (slice_starts_nocase(rest, SLICE("From ")))
			start = line + slice_find(rest, '\n') + 1;
		line += slice_find(rest, '\n') + 1;
	}
	return start;
}

static bool
cut_out(struct slice text, struct slice begin, struct slice end,
    struct strbuf *message)
{
	size_t at = slice_search(text, begin), from, to;
	struct slice rest;

	if (at == text.n)
		return false;
	from = header_above(text, at);
	rest = slice_after(text, at);
	to = slice_search(rest, end);
	if (to == rest.n)
		return false;
	to += at + end.n;
	strbuf_reset(message);
	strbuf_add(message, slice_from(text.p + from, to - from));
	strbuf_add_char(message, '\n');
	return !message->full;
}

static bool
look_into_folder(const struct check_box *box, const char *name,
    struct slice begin, struct slice end, struct strbuf *message)
{
	struct strbuf path, text;
	struct dirent *entry;
	struct stat st;
	bool found = false;
	DIR *dir;

	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&text, BOX_READ_MAX);
	strbuf_addf(&path, "%s%s", strbuf_text(&box->path), name);
	dir = opendir(strbuf_text(&path));
	for (int i = 0; dir != NULL && !found && i < FILES_MAX &&
	     (entry = readdir(dir)) != NULL;
	     i++) {
		strbuf_reset(&path);
		strbuf_addf(&path, "%s%s/%s", strbuf_text(&box->path), name,
		    entry->d_name);
		if (path.full || lstat(strbuf_text(&path), &st) != 0 ||
		    !S_ISREG(st.st_mode) || st.st_mtime < box->before)
			continue;
		read_from(strbuf_text(&path), 0, &text);
		found = cut_out(strbuf_slice(&text), begin, end, message);
	}
	if (dir != NULL)
		(void)closedir(dir);
	strbuf_clear(&path);
	strbuf_clear(&text);
	return found;
}

bool
check_box_look(const struct check_box *box, struct slice begin,
    struct slice end, struct strbuf *message)
{
	struct strbuf text;
	bool found;

	if (box->path.n == 0)
		return false;
	if (is_maildir(box))
		return look_into_folder(box, "new", begin, end, message) ||
		    look_into_folder(box, "cur", begin, end, message);
	strbuf_init(&text, BOX_READ_MAX);
	read_from(strbuf_text(&box->path), box->before, &text);
	found = cut_out(strbuf_slice(&text), begin, end, message);
	strbuf_clear(&text);
	return found;
}
