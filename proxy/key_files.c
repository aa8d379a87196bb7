/* Key files: from a rule and a domain to a file that was looked at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "dkim/key.h"
#include "proxy/key_files.h"
#include "proxy/key_way.h"
#include "proxy/sign_map.h"

#define DOMAIN_MAX 253
#define LABEL_MAX  63

/* --- names --- */

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
			strbuf_add_str(path, rule->selector);
			rest = slice_after(rest, selector_macro.n);
		} else if (rest.n > 0) {
			break; /* proxy_key_template_check() lets none by */
		}
	}
	if (rest.n == 0 && !path->full)
		return 0;
	strbuf_addf(reason, "key file %s makes no usable path", rule->file);
	return -1;
}

/* --- opening --- */

bool
proxy_key_stamp_equal(
    const struct proxy_key_stamp *a, const struct proxy_key_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->size == b->size && a->mtime_s == b->mtime_s &&
	    a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s &&
	    a->ctime_ns == b->ctime_ns && a->domain_from == b->domain_from;
}

static void
stamp_file(const struct stat *st, struct proxy_key_stamp *stamp)
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
		close(fd);
		return PROXY_KEY_TROUBLE;
	}
	if (proxy_key_access_check(fd, &st, path, readers, reason) != 0) {
		close(fd);
		return PROXY_KEY_TROUBLE;
	}
	stamp_file(&st, &file->stamp);
	file->fd = fd;
	return PROXY_KEY_FOUND;
}

static enum proxy_key_status
open_one(const struct proxy_key_rule *rule,
    const struct proxy_key_readers *readers, struct slice domain,
    struct proxy_key_file *file, struct strbuf *reason)
{
	struct strbuf path;
	enum proxy_key_status status = PROXY_KEY_TROUBLE;

	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	strbuf_reset(reason);
	if (proxy_key_path(rule, domain, &path, reason) == 0)
		status = open_path(strbuf_text(&path), readers, file, reason);
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

static void
open_parents(const struct proxy_key_rule *rule,
    const struct proxy_key_readers *readers, struct slice domain,
    struct proxy_key_file *file, struct strbuf *reason)
{
	size_t from = 0, tries = 0;

	while (go_to_parent(domain, &from) && tries++ < PROXY_KEY_PARENTS_MAX) {
		file->status = open_one(
		    rule, readers, slice_after(domain, from), file, reason);
		if (file->status == PROXY_KEY_MISSING)
			continue;
		file->stamp.domain_from = from;
		return;
	}
}

void
proxy_key_file_open(const struct proxy_config *config,
    const struct proxy_key_readers *readers, unsigned rule, struct slice domain,
    struct proxy_key_file *file, struct strbuf *reason)
{
	const struct proxy_key_rule *of;

	memset(file, 0, sizeof(*file));
	file->fd = -1;
	file->status = PROXY_KEY_TROUBLE;
	if (rule >= config->signing.key_count ||
	    !proxy_key_domain_is_safe(domain)) {
		strbuf_add_str(reason, "no such key rule or domain");
		return;
	}
	of = &config->signing.keys[rule];
	file->status = open_one(of, readers, domain, file, reason);
	if (file->status != PROXY_KEY_MISSING)
		return;
	if (of->parents)
		open_parents(of, readers, domain, file, reason);
	else
		file->status = PROXY_KEY_TROUBLE;
}

/* --- reading --- */

static int
read_pem(int fd, struct strbuf *pem, struct strbuf *reason)
{
	ssize_t n = 1;
	char *at;

	while (n > 0) {
		at = strbuf_reserve(pem, DKIM_KEY_PEM_MAX + 1 - pem->n);
		if (at == NULL || pem->n > DKIM_KEY_PEM_MAX) {
			strbuf_addf(
			    reason, "has over %d bytes", DKIM_KEY_PEM_MAX);
			return -1;
		}
		n = pread(fd, at, DKIM_KEY_PEM_MAX + 1 - pem->n, (off_t)pem->n);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n > 0)
			pem->n += (size_t)n;
	}
	if (n < 0)
		strbuf_addf(reason, "cannot be read: %s", strerror(errno));
	return n < 0 ? -1 : 0;
}

struct dkim_key *
proxy_key_file_read(int fd, struct strbuf *reason)
{
	struct dkim_key *key = NULL;
	struct strbuf pem;

	strbuf_init(&pem, DKIM_KEY_PEM_MAX + 2);
	if (read_pem(fd, &pem, reason) == 0)
		key = dkim_key_parse(strbuf_slice(&pem), reason);
	strbuf_wipe(&pem);
	close(fd);
	return key;
}

static struct dkim_key *
load(const struct proxy_config *config, const struct proxy_key_readers *readers,
    unsigned rule, struct slice domain, struct proxy_key_file *file,
    struct strbuf *reason)
{
	struct strbuf why;
	struct dkim_key *key;

	proxy_key_file_open(config, readers, rule, domain, file, reason);
	if (file->status != PROXY_KEY_FOUND)
		return NULL;
	strbuf_init(&why, PROXY_KEY_REASON_MAX / 2);
	key = proxy_key_file_read(file->fd, &why);
	file->fd = -1;
	if (key == NULL) {
		file->status = PROXY_KEY_TROUBLE;
		strbuf_add_str(reason, "key file ");
		proxy_key_path(&config->signing.keys[rule],
		    slice_after(domain, file->stamp.domain_from), reason, &why);
		strbuf_addf(reason, ": %s", strbuf_text(&why));
	}
	strbuf_clear(&why);
	return key;
}

struct dkim_key *
proxy_key_file_load(const struct proxy_config *config, unsigned rule,
    struct slice domain, size_t *domain_from, enum proxy_key_status *status,
    struct strbuf *reason)
{
	struct proxy_key_readers readers;
	struct proxy_key_file file;
	struct dkim_key *key;

	proxy_key_readers_init(&readers, config);
	key = load(config, &readers, rule, domain, &file, reason);
	*domain_from = file.stamp.domain_from;
	*status = file.status;
	return key;
}

/* --- all of them --- */

struct check {
	const struct proxy_config *config;
	struct proxy_key_readers readers;
	struct proxy_report *report;
	bool all, way_refused;
	int64_t end; /* of clock_ms() */
	size_t looked_at, left;
};

static bool
time_is_up(struct check *check)
{
	return !check->all && clock_ms() >= check->end;
}

static void
check_key(struct check *check, unsigned rule, struct slice domain)
{
	const struct proxy_key_rule *of = &check->config->signing.keys[rule];
	struct proxy_key_file file;
	struct strbuf reason;
	struct dkim_key *key;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	key =
	    load(check->config, &check->readers, rule, domain, &file, &reason);
	if (key == NULL)
		strbuf_addf(of->per_domain && !check->all
			? &check->report->warnings
			: &check->report->errors,
		    "%s: %s\n", of->where, strbuf_text(&reason));
	dkim_key_free(key);
	strbuf_clear(&reason);
	check->looked_at++;
}

/* Said once for all of a rule's keys. */
static bool
is_way_good(struct check *check, unsigned rule)
{
	const struct proxy_key_rule *of = &check->config->signing.keys[rule];
	struct strbuf reason;
	bool good;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	good = proxy_key_way_check(of->file, &reason) == 0;
	if (!good)
		strbuf_addf(&check->report->errors, "%s: %s\n", of->where,
		    strbuf_text(&reason));
	strbuf_clear(&reason);
	return good;
}

/* The domains that the rule is used for without a map. */
static void
check_domains(struct check *check, unsigned rule)
{
	const struct proxy_strings *domains = &check->config->signing.domains;
	size_t i;

	for (i = 0; i < domains->count; i++)
		if (time_is_up(check))
			check->left++;
		else
			check_key(check, rule, slice_str(domains->list[i]));
}

static bool
is_default_rule(const struct proxy_signing_rules *rules, unsigned rule)
{
	size_t i;

	for (i = 0; i < rules->signatures.count; i++)
		if (rules->signatures.list[i].key_rule == rule &&
		    rules->signatures.list[i].domain == NULL)
			return true;
	return false;
}

static void
check_fixed_domains(struct check *check, unsigned rule)
{
	const struct proxy_signatures *list =
	    &check->config->signing.signatures;
	const char *domain;
	size_t i;

	for (i = 0; i < list->count; i++) {
		domain = list->list[i].domain;
		if (list->list[i].key_rule == rule && domain != NULL &&
		    strchr(domain, '$') == NULL)
			check_key(check, rule, slice_str(domain));
	}
}

/* What a map names with a template: a d= without macros, or, in the sender
 * map, the key's domain. (A list-id's depends on how it is matched.) */
static struct slice
domain_of_entry(const struct proxy_sign_entry *entry,
    const struct proxy_signature *signature, bool by_sender)
{
	struct slice domain = slice_str(signature->domain);
	size_t at = slice_find(entry->key, '@');

	if (domain.n > 0)
		return slice_find(domain, '$') < domain.n ? SLICE("") : domain;
	if (!by_sender)
		return SLICE("");
	return at < entry->key.n ? slice_after(entry->key, at + 1) : entry->key;
}

static void
check_map(struct check *check, const struct proxy_sign_map *map, bool by_sender)
{
	const struct proxy_key_rule *rules = check->config->signing.keys;
	const struct proxy_sign_entry *entry;
	const struct proxy_signature *signature;
	struct slice domain;
	size_t i, k;

	for (i = 0; map != NULL && i < proxy_sign_map_count(map); i++) {
		entry = proxy_sign_map_at(map, i);
		for (k = 0; k < entry->signatures.count; k++) {
			signature = &entry->signatures.list[k];
			domain = domain_of_entry(entry, signature, by_sender);
			if (!rules[signature->key_rule].per_domain ||
			    !proxy_key_domain_is_safe(domain))
				continue;
			if (time_is_up(check))
				check->left++;
			else
				check_key(check, signature->key_rule, domain);
		}
	}
}

static void
check_rule(struct check *check, unsigned rule)
{
	const struct proxy_signing_rules *rules = &check->config->signing;

	if (!rules->keys[rule].per_domain) {
		check_key(check, rule, SLICE("example"));
		return;
	}
	if (!is_way_good(check, rule)) {
		check->way_refused = true;
		return;
	}
	if (is_default_rule(rules, rule))
		check_domains(check, rule);
	check_fixed_domains(check, rule);
}

int
proxy_key_files_check(
    const struct proxy_config *config, bool all, struct proxy_report *report)
{
	struct check check = {.config = config, .report = report, .all = all};
	const struct proxy_signing_rules *rules = &config->signing;
	size_t before = report->errors.n;
	unsigned rule;

	if (!config->out.enabled && config->checking.seal.domain == NULL)
		return 0;
	proxy_key_readers_init(&check.readers, config);
	check.end = clock_ms() + PROXY_KEY_CHECK_MS;
	for (rule = 0; rule < rules->key_count; rule++)
		check_rule(&check, rule);
	if (!check.way_refused) {
		check_map(&check, rules->listid_map, false);
		check_map(&check, rules->sender_map, true);
	}
	if (check.left > 0)
		strbuf_addf(&report->warnings,
		    "%s: %zu keys looked at, %zu not: serve -t looks at all\n",
		    config->path, check.looked_at, check.left);
	return report->errors.n > before ? -1 : 0;
}
