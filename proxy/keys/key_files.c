/* Key files: from a rule and a domain to a file that was looked at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dkim/key.h"
#include "dkim/key_memory.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_source.h"
#include "proxy/keys/key_spelling.h"
#include "proxy/keys/key_way.h"
#include "proxy/keys/selectors_known.h"
#include "proxy/settings/sign_map.h"

#define DOMAIN_MAX 253
#define LABEL_MAX  63
#define KEY_ROOM   (DKIM_KEY_PEM_MAX + 1)

/* --- names --- */

/* Letters, digits, hyphens, and single dots between: neither a slash nor ".."
 * can come of it, whatever a message has for a domain. */
bool
proxy_key_domain_is_safe(struct slice domain)
{
	size_t i, label = 0;

	if (domain.n == 0 || domain.n > DOMAIN_MAX)
		return false;
	for (i = 0; i < domain.n; i++) {
		if (domain.p[i] == '.' && label > 0) {
			label = 0;
			continue;
		}
		if (!ascii_is_alnum(domain.p[i]) && domain.p[i] != '-')
			return false;
		if (++label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

int
proxy_key_path(const struct proxy_key_rule *rule, struct slice domain,
    struct strbuf *path, struct strbuf *reason)
{
	return proxy_key_path_by(rule, domain, rule->selector, path, reason);
}

int
proxy_key_path_by(const struct proxy_key_rule *rule, struct slice domain,
    const char *selector, struct strbuf *path, struct strbuf *reason)
{
	static const struct slice domain_macro = SLICE_INIT("$domain");
	static const struct slice selector_macro = SLICE_INIT("$selector");
	struct slice rest = slice_str(rule->file);
	size_t at;

	while (rest.n > 0 && !path->full) {
		at = slice_find(rest, '$');
		strbuf_add(path, slice_first(rest, at));
		rest = slice_after(rest, at);
		if (slice_starts_nocase(rest, domain_macro)) {
			strbuf_add(path, domain);
			rest = slice_after(rest, domain_macro.n);
		} else if (slice_starts_nocase(rest, selector_macro)) {
			strbuf_add_str(path, selector);
			rest = slice_after(rest, selector_macro.n);
		} else if (rest.n > 0) {
			break; /* proxy_key_template_check() lets none by */
		}
	}
	if (rest.n == 0 && !path->full)
		return 0;
	return strbuf_fail(
	    reason, "key file %s makes no usable path", rule->file);
}

/* --- opening --- */

/* ctime with mtime: whoever replaces a file can set the latter as he likes. */
bool
proxy_key_stamp_equal(
    const struct proxy_key_stamp *a, const struct proxy_key_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->size == b->size && a->mtime_s == b->mtime_s &&
	    a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s &&
	    a->ctime_ns == b->ctime_ns && a->domain_from == b->domain_from &&
	    a->named == b->named;
}

void
proxy_key_stamp_file(const struct stat *st, struct proxy_key_stamp *stamp)
{
	memset(stamp, 0, sizeof(*stamp));
	stamp->device = st->st_dev;
	stamp->inode = st->st_ino;
	stamp->size = (uint64_t)st->st_size;
	stamp->mtime_s = st->st_mtim.tv_sec;
	stamp->mtime_ns = st->st_mtim.tv_nsec;
	stamp->ctime_s = st->st_ctim.tv_sec;
	stamp->ctime_ns = st->st_ctim.tv_nsec;
}

static enum proxy_key_status
open_path(const char *path, const struct proxy_key_readers *readers,
    struct proxy_key_file *file, struct strbuf *reason)
{
	struct stat st;
	int fd = proxy_key_way_open(path, reason);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ||
			errno == ENAMETOOLONG
		    ? PROXY_KEY_MISSING
		    : PROXY_KEY_TROUBLE;
	if (fstat(fd, &st) != 0) {
		strbuf_addf(reason, "key file %s: %s", path, strerror(errno));
		(void)close(fd);
		return PROXY_KEY_TROUBLE;
	}
	/* Of the open file and not of its name, which may lead elsewhere a
	 * moment later. */
	if (proxy_key_access_check(fd, &st, path, readers, reason) != 0) {
		(void)close(fd);
		return PROXY_KEY_TROUBLE;
	}
	proxy_key_stamp_file(&st, &file->stamp);
	file->fd = fd;
	return PROXY_KEY_FOUND;
}

/* What is to be opened, by whom. */
struct opening {
	const struct proxy_key_rule *rule;
	const struct proxy_key_readers *readers;
	enum proxy_before_published before_published;
};

/* The selector's name, which may be in a file. FOUND, or why there is none. */
static enum proxy_key_status
choose_selector(const struct opening *o, struct slice domain,
    struct proxy_key_file *file, struct strbuf *reason)
{
	struct proxy_selectors_choice choice;
	enum proxy_key_status status;
	size_t n;

	if (o->rule->automatic) {
		status = proxy_selectors_choose(
		    o->readers, o->rule, domain, &choice, reason);
		if (status != PROXY_KEY_FOUND)
			return status;
		memcpy(file->selector, choice.name, sizeof(choice.name));
		if (!choice.staged ||
		    o->before_published == PROXY_BEFORE_PUBLISHED_SIGN)
			return PROXY_KEY_FOUND;
		strbuf_addf(reason,
		    "the key %s of %.*s is staged: its record is not published "
		    "yet",
		    choice.name, (int)domain.n, domain.p);
		return PROXY_KEY_UNPUBLISHED;
	}
	n = strnlen(o->rule->selector, PROXY_KEY_SELECTOR_MAX);
	memcpy(file->selector, o->rule->selector, n);
	file->selector[n] = '\0';
	return PROXY_KEY_FOUND;
}

static enum proxy_key_status
open_one(const struct opening *o, struct slice domain,
    struct proxy_key_file *file, struct strbuf *reason)
{
	struct strbuf place, path;
	enum proxy_key_status status;

	strbuf_reset(reason);
	status = choose_selector(o, domain, file, reason);
	if (status != PROXY_KEY_FOUND)
		return status;
	status = PROXY_KEY_TROUBLE;
	strbuf_init(&place, PROXY_KEY_PATH_MAX);
	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	if (proxy_key_path_by(
		o->rule, domain, file->selector, &place, reason) == 0 &&
	    proxy_key_source_path(strbuf_slice(&place), &path, reason) == 0)
		status =
		    open_path(strbuf_text(&path), o->readers, file, reason);
	/* The same file by another name is another key to who asks. */
	if (status == PROXY_KEY_FOUND && o->rule->automatic)
		file->stamp.named =
		    slice_fnv(SLICE_FNV, slice_str(file->selector));
	/* A key that is named must be there. */
	if (status == PROXY_KEY_MISSING && o->rule->automatic)
		status = PROXY_KEY_TROUBLE;
	strbuf_clear(&place);
	strbuf_clear(&path);
	return status;
}

/* Moves to the parent; false where there is none. */
static bool
go_to_parent(struct slice domain, size_t *from)
{
	struct slice rest = slice_after(domain, *from);
	size_t dot = slice_find(rest, '.');

	if (dot == rest.n)
		return false;
	*from += dot + 1;
	return true;
}

/* Where no parent has one either, the reason stays that of the domain's own
 * file, for it is the one to make. */
static void
open_parents(const struct opening *o, struct slice domain,
    struct proxy_key_file *file, struct strbuf *reason)
{
	size_t from = 0, tries = 0;
	struct strbuf of_parent;

	strbuf_init(&of_parent, PROXY_KEY_REASON_MAX);
	while (file->status == PROXY_KEY_MISSING &&
	    go_to_parent(domain, &from) && tries++ < PROXY_KEY_PARENTS_MAX)
		file->status =
		    open_one(o, slice_after(domain, from), file, &of_parent);
	if (file->status != PROXY_KEY_MISSING) {
		file->stamp.domain_from = from;
		strbuf_reset(reason);
		strbuf_add(reason, strbuf_slice(&of_parent));
	}
	strbuf_clear(&of_parent);
}

void
proxy_key_file_open(const struct proxy_config *config,
    const struct proxy_key_readers *readers, unsigned rule, struct slice domain,
    struct proxy_key_file *file, struct strbuf *reason)
{
	struct opening o = {.readers = readers,
	    .before_published = config->signing.before_published};

	memset(file, 0, sizeof(*file));
	file->fd = -1;
	file->status = PROXY_KEY_TROUBLE;
	if (rule >= config->signing.key_count) {
		strbuf_add_str(reason, "no such key rule");
		return;
	}
	if (!proxy_key_domain_is_safe(domain)) {
		strbuf_add_str(reason,
		    "no key is for that domain: one has letters, digits and "
		    "hyphens between single dots");
		return;
	}
	o.rule = &config->signing.keys[rule];
	file->status = open_one(&o, domain, file, reason);
	if (file->status != PROXY_KEY_MISSING)
		return;
	if (o.rule->parents)
		open_parents(&o, domain, file, reason);
	else
		file->status = PROXY_KEY_TROUBLE;
}

/* --- reading --- */

/* How much of it there is; -1 and the reason where it cannot be had. From the
 * start whatever was read before: another process may have the same open
 * file. */
static ssize_t
read_pem(int fd, char to[KEY_ROOM], struct strbuf *reason)
{
	size_t had = 0;
	ssize_t n;

	do {
		n = pread(fd, to + had, KEY_ROOM - had, (off_t)had);
		if (n > 0)
			had += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		strbuf_addf(reason, "cannot be read: %s", strerror(errno));
	else if (had == KEY_ROOM)
		strbuf_addf(reason, "has over %d bytes", DKIM_KEY_PEM_MAX);
	else
		return (ssize_t)had;
	return -1;
}

struct dkim_key *
proxy_key_file_read(int fd, struct strbuf *reason)
{
	struct dkim_key *key = NULL;
	/* In memory that is locked and is wiped when it is given back. */
	char *pem = dkim_key_memory_take(KEY_ROOM);
	ssize_t n = read_pem(fd, pem, reason);

	if (n >= 0)
		key = dkim_key_parse(slice_from(pem, (size_t)n), reason);
	dkim_key_memory_give(pem, KEY_ROOM);
	(void)close(fd);
	return key;
}

struct dkim_key *
proxy_key_file_load_by(const struct proxy_config *config,
    const struct proxy_key_readers *readers, unsigned rule, struct slice domain,
    struct proxy_key_found *found, struct strbuf *reason)
{
	struct proxy_key_file file;
	struct strbuf why;
	struct dkim_key *key;

	proxy_key_file_open(config, readers, rule, domain, &file, reason);
	*found = (struct proxy_key_found){.status = file.status,
	    .domain_from = (size_t)file.stamp.domain_from};
	memcpy(found->selector, file.selector, sizeof(found->selector));
	if (file.status != PROXY_KEY_FOUND) {
		if (slice_ends_nocase(
			strbuf_slice(reason), slice_str(strerror(ENOENT))))
			proxy_key_spelling_note(
			    &config->signing.keys[rule], domain, reason);
		return NULL;
	}
	strbuf_init(&why, PROXY_KEY_REASON_MAX / 2);
	key = proxy_key_file_read(file.fd, &why);
	if (key == NULL) {
		found->status = PROXY_KEY_TROUBLE;
		strbuf_add_str(reason, "key file ");
		(void)proxy_key_path_by(&config->signing.keys[rule],
		    slice_after(domain, found->domain_from), found->selector,
		    reason, &why);
		strbuf_addf(reason, ": %s", strbuf_text(&why));
	}
	strbuf_clear(&why);
	return key;
}

struct dkim_key *
proxy_key_file_load_named(const struct proxy_key_rule *rule,
    const struct proxy_key_readers *readers, struct slice domain,
    const char *selector, struct strbuf *reason)
{
	struct proxy_key_file file = {.fd = -1};
	struct dkim_key *key = NULL;
	struct strbuf path, why;

	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	strbuf_init(&why, PROXY_KEY_REASON_MAX / 2);
	if (proxy_key_domain_is_safe(domain) &&
	    proxy_key_path_by(rule, domain, selector, &path, reason) == 0 &&
	    open_path(strbuf_text(&path), readers, &file, reason) ==
		PROXY_KEY_FOUND) {
		key = proxy_key_file_read(file.fd, &why);
		if (key == NULL)
			strbuf_addf(reason, "key file %s: %s",
			    strbuf_text(&path), strbuf_text(&why));
	}
	strbuf_clear(&why);
	strbuf_clear(&path);
	return key;
}

struct dkim_key *
proxy_key_file_load(const struct proxy_config *config, unsigned rule,
    struct slice domain, struct proxy_key_found *found, struct strbuf *reason)
{
	struct proxy_key_readers readers;

	proxy_key_readers_init(&readers, config);
	return proxy_key_file_load_by(
	    config, &readers, rule, domain, found, reason);
}
