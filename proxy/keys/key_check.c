/* All keys of a configuration; see key_check.h. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dkim/key.h"
#include "dkim/signing_set.h"
#include "proxy/keys/key_check.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_way.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"

/* Bytes of a place's name in the index: a rule's number and a domain. */
#define NAME_MAX_BYTES 300
/* Of enum dkim_algorithm's bits: DomainKeys', which shares rsa-sha1. */
#define USE_DOMAINKEYS (1u << 8)

/* A key to be looked at. */
struct place {
	unsigned rule, uses;
	struct slice domain;	/* the configuration's */
	struct slice or_domain; /* a key of one of the two will do; or empty */
};

struct proxy_key_check {
	const struct proxy_config *config;
	enum proxy_key_check_for who;
	struct proxy_key_readers readers;
	struct proxy_report found;
	struct proxy_index *names; /* numbers the places */
	struct place *places;
	size_t count, room, next;
};

/* --- what a key is used for --- */

unsigned
proxy_key_use_of(const struct proxy_signature *signature)
{
	if (signature->kind == &dkim_kind_domainkeys)
		return USE_DOMAINKEYS;
	if (signature->algorithm == DKIM_ALGORITHM_UNKNOWN)
		return 0;
	return 1u << signature->algorithm;
}

int
proxy_key_fits_uses(
    const struct dkim_key *key, unsigned uses, struct strbuf *reason)
{
	const char *misfit = NULL; /* the first that the key is not for */

	for (enum dkim_algorithm a = DKIM_RSA_SHA256;
	     a <= DKIM_RSA_SHA1 && misfit == NULL; a++)
		if ((uses & 1u << a) && !dkim_key_fits(key, a))
			misfit = dkim_algorithm_name(a);
	if (misfit == NULL && (uses & USE_DOMAINKEYS) &&
	    !dkim_key_fits(key, DKIM_RSA_SHA1))
		misfit = "domainkeys, which takes rsa alone";
	if (misfit == NULL)
		return 0;
	return strbuf_fail(reason, "the key is %s, a signature with it is %s",
	    dkim_key_type_name(dkim_key_type(key)), misfit);
}

/* --- which keys there are --- */

/* Each once, whichever settings name it. */
static void
add_place(struct proxy_key_check *check, const struct place *place)
{
	struct strbuf name;
	size_t number;

	if (!proxy_key_domain_is_safe(place->domain))
		return;
	strbuf_init(&name, NAME_MAX_BYTES);
	strbuf_addf(&name, "%u ", place->rule);
	strbuf_add(&name, place->domain);
	if (place->or_domain.n > 0)
		strbuf_add_str(&name, " of a list");
	number = proxy_index_add(check->names, strbuf_slice(&name));
	strbuf_clear(&name);
	if (number == check->room) {
		check->room = check->room == 0 ? 16 : 2 * check->room;
		check->places = xreallocarray(
		    check->places, check->room, sizeof(*check->places));
	}
	if (number == check->count)
		check->places[check->count++] = *place;
	check->places[number].uses |= place->uses;
}

static void
add_signatures(struct proxy_key_check *check,
    const struct proxy_signatures *list, struct slice domain,
    struct slice or_domain)
{
	for (size_t i = 0; i < list->count; i++) {
		/* A signature for a domain, which may be the signature's own
		 * instead; empty: known only with a message. */
		const struct proxy_signature *signature = &list->list[i];
		const struct proxy_key_rule *rule =
		    &check->config->signing.keys[signature->key_rule];
		struct place place = {.rule = signature->key_rule,
		    .uses = proxy_key_use_of(signature),
		    .domain = domain,
		    .or_domain = or_domain};

		if (signature->domain != NULL || !rule->per_domain)
			place.or_domain = SLICE("");
		if (signature->domain != NULL)
			place.domain = slice_str(signature->domain);
		if (slice_find(place.domain, '$') < place.domain.n)
			place.domain = SLICE("");
		if (!rule->per_domain)
			place.domain = SLICE("example");
		add_place(check, &place);
	}
}

/* Of a list-id map's key: the list's name is taken off where it is all of the
 * list-id. Which of the two it is only a message knows. */
static struct slice
domain_of_list(struct slice key)
{
	struct slice above = slice_after(key, slice_find(key, '.') + 1);

	return slice_find(above, '.') < above.n ? above : key;
}

/* Of a sender map's key. */
static struct slice
domain_of_key(struct slice key)
{
	size_t at = slice_find_last(key, '@');

	return at < key.n ? slice_after(key, at + 1) : key;
}

static void
add_map(struct proxy_key_check *check, const struct proxy_sign_map *map,
    bool by_sender)
{
	const struct proxy_sign_entry *entry;

	for (size_t i = 0; map != NULL && i < proxy_sign_map_count(map); i++) {
		entry = proxy_sign_map_at(map, i);
		add_signatures(check, &entry->signatures,
		    by_sender ? domain_of_key(entry->key)
			      : domain_of_list(entry->key),
		    by_sender ? SLICE("") : entry->key);
	}
}

/* --- looking at them --- */

/* Where the way to a rule's keys is refused, that is said once, and not for
 * each of its domains. */
static bool
is_way_good(struct proxy_key_check *check, unsigned rule)
{
	const struct proxy_key_rule *of = &check->config->signing.keys[rule];
	struct strbuf reason;
	bool good;

	if (!of->per_domain || of->file[0] != '/')
		return true;
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	good = proxy_key_way_check(of->file, &reason) == 0;
	if (!good)
		strbuf_addf(&check->found.errors, "%s: %s\n", of->where,
		    strbuf_text(&reason));
	strbuf_clear(&reason);
	return good;
}

/* Takes out the places of rules that cannot be used at all. */
static void
check_ways(struct proxy_key_check *check)
{
	size_t rules = check->config->signing.key_count, kept = 0;
	bool *good = xcalloc(rules + 1, sizeof(*good));

	for (unsigned rule = 0; rule < rules; rule++)
		good[rule] = is_way_good(check, rule);
	for (size_t i = 0; i < check->count; i++)
		if (good[check->places[i].rule])
			check->places[kept++] = check->places[i];
	check->count = kept;
	free(good);
}

/* 0 and the key's trouble, or -1 where it has none. */
static int
look_at_key(const struct proxy_key_check *check, const struct place *place,
    struct strbuf *reason)
{
	const struct proxy_key_rule *rule =
	    &check->config->signing.keys[place->rule];
	struct dkim_key *key;
	struct proxy_key_found found;
	struct strbuf misfit, ignored;
	int result = -1;

	key = proxy_key_file_load_by(check->config, &check->readers,
	    place->rule, place->domain, &found, reason);
	if (key == NULL)
		return 0;
	strbuf_init(&misfit, PROXY_KEY_REASON_MAX / 2);
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX / 2);
	if (proxy_key_fits_uses(key, place->uses, &misfit) != 0) {
		strbuf_add_str(reason, "key file ");
		(void)proxy_key_path_by(rule,
		    slice_after(place->domain, found.domain_from),
		    found.selector, reason, &ignored);
		strbuf_addf(reason, ": %s", strbuf_text(&misfit));
		result = 0;
	}
	strbuf_clear(&misfit);
	strbuf_clear(&ignored);
	dkim_key_free(key);
	return result;
}

static bool
has_other(const struct proxy_key_check *check, const struct place *place)
{
	const struct place other = {.rule = place->rule,
	    .uses = place->uses,
	    .domain = place->or_domain};
	struct strbuf ignored;
	bool has;

	if (!proxy_key_domain_is_safe(place->or_domain))
		return false;
	strbuf_init(&ignored, 2 * PROXY_KEY_REASON_MAX);
	has = look_at_key(check, &other, &ignored) != 0;
	strbuf_clear(&ignored);
	return has;
}

struct proxy_key_check *
proxy_key_check_new(
    const struct proxy_config *config, enum proxy_key_check_for who)
{
	struct proxy_key_check *check = xcalloc(1, sizeof(*check));
	const struct proxy_signing_rules *rules;
	const struct proxy_seal_settings *seal;

	check->config = config;
	check->who = who;
	check->names = proxy_index_new();
	proxy_report_init(&check->found);
	proxy_key_readers_init(&check->readers, config);
	if (!proxy_fronts_have(config, PROXY_FILTER_SIGN) &&
	    config->checking.seal.domain == NULL)
		return check;
	rules = &check->config->signing;
	seal = &check->config->checking.seal;
	for (size_t i = 0; i < rules->domains.count; i++)
		add_signatures(check, &rules->signatures,
		    slice_str(rules->domains.list[i]), SLICE(""));
	add_signatures(check, &rules->signatures, SLICE(""), SLICE(""));
	add_map(check, rules->listid_map, false);
	add_map(check, rules->sender_map, true);
	if (seal->domain != NULL && seal->keyfile != NULL)
		add_place(check,
		    &(struct place){.rule = seal->key_rule,
			.domain = slice_str(seal->domain)});
	check_ways(check);
	return check;
}

bool
proxy_key_check_step(struct proxy_key_check *check, unsigned ms)
{
	int64_t end = clock_ms() + ms;
	struct strbuf reason;

	while (check->next < check->count && clock_ms() < end) {
		const struct place *place = &check->places[check->next++];
		const struct proxy_key_rule *rule =
		    &check->config->signing.keys[place->rule];
		bool warn =
		    rule->per_domain && check->who == PROXY_KEY_CHECK_START;

		strbuf_init(&reason, 2 * PROXY_KEY_REASON_MAX);
		if (look_at_key(check, place, &reason) == 0 &&
		    !has_other(check, place))
			strbuf_addf(warn ? &check->found.warnings
					 : &check->found.errors,
			    "%s: %s\n", rule->where, strbuf_text(&reason));
		strbuf_clear(&reason);
	}
	return check->next == check->count;
}

/* As many as there is room for; that there were more stays known. */
static void
add_lines(const struct strbuf *from, struct strbuf *to)
{
	struct slice line, rest = strbuf_slice(from);

	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		strbuf_addf(to, "%.*s\n", (int)line.n, line.p);
	to->full = to->full || from->full;
}

int
proxy_key_check_end(struct proxy_key_check *check, struct proxy_report *report)
{
	size_t left = check->count - check->next;

	if (left > 0)
		strbuf_addf(&check->found.warnings,
		    "%s: %zu keys looked at, %zu not, for a start takes no "
		    "longer than %d ms over it: serve -t looks at all\n",
		    check->config->path, check->next, left, PROXY_KEY_CHECK_MS);
	add_lines(&check->found.errors, &report->errors);
	add_lines(&check->found.warnings, &report->warnings);
	return check->found.errors.n > 0 ? -1 : 0;
}

void
proxy_key_check_free(struct proxy_key_check *check)
{
	if (check == NULL)
		return;
	proxy_report_clear(&check->found);
	proxy_index_free(check->names);
	free(check->places);
	free(check);
}

int
proxy_key_check_run(const struct proxy_config *config,
    enum proxy_key_check_for who, struct proxy_report *report)
{
	struct proxy_key_check *check = proxy_key_check_new(config, who);
	int result;

	while (!proxy_key_check_step(check, PROXY_KEY_CHECK_MS) &&
	    who == PROXY_KEY_CHECK_ALL)
		continue;
	result = proxy_key_check_end(check, report);
	proxy_key_check_free(check);
	return result;
}
