/*
 * What the rules choose, with the keys; see chosen.h. By the code that the
 * proxy chooses by: an explanation that were made by other code would one day
 * be of something else.
 */
#include <string.h>

#include "cli/kit/chosen.h"
#include "cli/kit/cli.h"
#include "cli/kit/live.h"
#include "cli/kit/live_keys.h"
#include "dkim/key.h"
#include "dkim/signing_set.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"
#include "proxy/keys/selectors_known.h"

void
cli_chosen_init(struct cli_chosen *chosen)
{
	*chosen = (struct cli_chosen){0};
	proxy_sign_choice_init(&chosen->choice);
}

void
cli_chosen_clear(struct cli_chosen *chosen)
{
	for (size_t i = 0; i < chosen->count; i++) {
		dkim_key_free(chosen->list[i].key);
		strbuf_clear(&chosen->list[i].reason);
	}
	proxy_sign_choice_clear(&chosen->choice);
}

static void
load_key(struct cli_chosen_signature *one, const struct proxy_config *config)
{
	struct slice selector = one->signing->selector;
	static const enum cli_chosen_state states[] = {
	    [PROXY_KEY_FOUND] = CLI_CHOSEN_GOOD,
	    [PROXY_KEY_MISSING] = CLI_CHOSEN_KEYLESS,
	    [PROXY_KEY_TROUBLE] = CLI_CHOSEN_TROUBLE,
	    [PROXY_KEY_UNPUBLISHED] = CLI_CHOSEN_UNSEEN,
	};
	struct proxy_key_found found;

	one->key = proxy_key_file_load(config, one->signing->key_rule,
	    one->signing->domain, &found, &one->reason);
	one->domain = slice_after(one->signing->domain, found.domain_from);
	one->state = states[found.status];
	if (found.selector[0] != '\0')
		selector = slice_str(found.selector);
	memcpy(one->selector, selector.p,
	    slice_first(selector, PROXY_KEY_SELECTOR_MAX).n);
}

/* --- what the daemon signs with --- */

/* Of a rule whose selectors are in files, with what the file says. */
struct living {
	struct cli_live_keys *keys;
	const struct proxy_config *config;
	struct slice author; /* the domain of From; empty: it has none */
};

/* The daemon is asked for mail of the domain that signs, which mostly is what
 * this is, and where it signs that otherwise for mail of the author. */
static const struct cli_live_key *
find_live(const struct living *living, const struct cli_chosen_signature *one)
{
	struct cli_live_wish wish = {
	    .rule = &living->config->signing.keys[one->signing->key_rule],
	    .author = one->signing->domain,
	    .domain = one->domain,
	    .named = slice_str(one->selector),
	};
	const struct cli_live_key *live =
	    cli_live_keys_find(living->keys, &wish);

	if (live != NULL || living->author.n == 0 ||
	    slice_equal_nocase(living->author, wish.author))
		return live;
	wish.author = living->author;
	return cli_live_keys_find(living->keys, &wish);
}

/* "FILE names a", "FILE says a is staged", or why the file does not count. */
static void
print_file_says(const struct living *living,
    const struct cli_chosen_signature *one, struct strbuf *to)
{
	struct strbuf ignored;

	if (one->state != CLI_CHOSEN_GOOD) {
		strbuf_add(to, strbuf_slice(&one->reason));
		return;
	}
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	(void)proxy_selectors_path(
	    &living->config->signing.keys[one->signing->key_rule], one->domain,
	    to, &ignored);
	strbuf_addf(to, " names %s", one->selector);
	strbuf_clear(&ignored);
}

/* Another key than by the file: that of the daemon is taken, if it is there. */
static void
take_live(const struct living *living, struct cli_chosen_signature *one,
    const struct cli_live_key *live)
{
	struct proxy_key_readers readers;
	struct strbuf reason, says;
	struct dkim_key *key;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	strbuf_init(&says, 2 * (size_t)PROXY_KEY_REASON_MAX);
	print_file_says(living, one, &says);
	proxy_key_readers_init(&readers, living->config);
	key = proxy_key_file_load_named(
	    &living->config->signing.keys[one->signing->key_rule], &readers,
	    one->domain, live->selector, &reason);
	cli_warn("the daemon signs for %.*s with %s%s%s; %s",
	    (int)one->domain.n, one->domain.p, live->selector,
	    key == NULL ? ", which cannot be had here: " : "",
	    key == NULL ? strbuf_text(&reason) : "", strbuf_text(&says));
	if (key != NULL) {
		dkim_key_free(one->key);
		one->key = key;
		one->state = CLI_CHOSEN_GOOD;
		strbuf_reset(&one->reason);
		memset(one->selector, 0, sizeof(one->selector));
		memcpy(one->selector, live->selector,
		    slice_first(
			slice_str(live->selector), PROXY_KEY_SELECTOR_MAX)
			.n);
	}
	strbuf_clear(&says);
	strbuf_clear(&reason);
}

static void
ask_live(const struct living *living, struct cli_chosen_signature *one)
{
	const struct cli_live_key *live;

	if (!living->config->signing.keys[one->signing->key_rule].automatic)
		return;
	live = find_live(living, one);
	if (live == NULL && one->state == CLI_CHOSEN_GOOD &&
	    cli_live_keys_failure(living->keys) != NULL)
		cli_warn("the daemon does not sign for %.*s: %s",
		    (int)one->domain.n, one->domain.p,
		    cli_live_keys_failure(living->keys));
	if (live != NULL &&
	    (one->state != CLI_CHOSEN_GOOD ||
		!slice_equal_nocase(
		    slice_str(live->selector), slice_str(one->selector))))
		take_live(living, one, live);
}

/* The first address's domain; the strbuf has it. */
static struct slice
author_domain(const struct mail_header *header, struct strbuf *to)
{
	const struct mail_field *from = mail_header_last(header, SLICE("From"));
	struct mail_address_list *list =
	    from == NULL ? NULL : mail_address_parse(from->value, NULL);
	const struct mail_mailbox *mailbox =
	    list == NULL ? NULL : mail_address_at(list, 0);

	if (mailbox != NULL && mail_idn_to_ascii(mailbox->domain, to) != 0)
		strbuf_reset(to);
	mail_address_free(list);
	return strbuf_slice(to);
}

static bool
fits_key(struct cli_chosen_signature *one)
{
	const struct dkim_kind *kind = one->signing->kind;
	enum dkim_algorithm algorithm =
	    dkim_kind_algorithm(kind, one->signing->algorithm, one->key);

	if (dkim_key_fits(one->key, algorithm))
		return true;
	strbuf_addf(&one->reason, "the key is %s, the signature %s",
	    dkim_key_type_name(dkim_key_type(one->key)),
	    kind == &dkim_kind_domainkeys ? "domainkeys, which takes rsa alone"
					  : dkim_algorithm_name(algorithm));
	return false;
}

/* With the key at hand. */
static void
add_chosen_signature(struct cli_chosen_signature *one,
    const struct dkim_signing *signing, const struct mail_header *header,
    struct dkim_signing_set *set)
{
	struct dkim_signing_set *trial;
	bool odd = false;
	int number;

	if (!fits_key(one)) {
		one->state = CLI_CHOSEN_TROUBLE;
		return;
	}
	/* Once without the body, for what its header alone decides. (A bare CR
	 * is repaired before it is signed, save by milter.) */
	trial = dkim_signing_set_new();
	number = dkim_signing_set_add(
	    trial, one->signing->kind, signing, header, &one->reason);
	if (number == 0 &&
	    dkim_signing_set_key(trial, 0, signing, one->key, &one->reason) ==
		0 &&
	    dkim_signing_set_has_text(trial, 0)) {
		struct slice text;

		dkim_signing_set_end(trial);
		text = dkim_signing_set_text(trial, 0);
		odd = slice_find(text, '\0') < text.n;
	}
	dkim_signing_set_free(trial);
	if (odd)
		number = strbuf_fail(&one->reason, "it has a NUL");
	else if (number == 0)
		number = dkim_signing_set_add(
		    set, one->signing->kind, signing, header, &one->reason);
	if (number < 0 ||
	    dkim_signing_set_key(
		set, number, signing, one->key, &one->reason) != 0)
		one->state = CLI_CHOSEN_UNFIT;
}

void
cli_chosen_make(struct cli_chosen *chosen, const struct proxy_config *config,
    const struct mail_header *header, int64_t time,
    struct dkim_signing_set *set)
{
	struct living living = {.config = config};
	struct strbuf author;

	proxy_sign_rule_choose(config, header, &chosen->choice);
	if (chosen->choice.status != PROXY_SIGN)
		return;
	strbuf_init(&author, MAIL_IDN_NAME_MAX);
	living.author = author_domain(header, &author);
	living.keys = cli_live_keys_new(config);
	for (size_t i = 0; i < chosen->choice.count; i++) {
		struct cli_chosen_signature *one = &chosen->list[i];
		struct dkim_signing signing;
		const struct proxy_signing *what;
		uint64_t ttl;

		chosen->count++;
		one->signing = &chosen->choice.list[i];
		strbuf_init(&one->reason, PROXY_KEY_REASON_MAX);
		load_key(one, config);
		ask_live(&living, one);
		what = one->signing;
		ttl = config->signing.ttl;
		signing = (struct dkim_signing){
		    .domain = one->domain,
		    .selector = slice_str(one->selector),
		    .identity = what->identity,
		    .algorithm = what->algorithm,
		    .header_canon = what->header_canon,
		    .body_canon = what->body_canon,
		    .fields = what->fields,
		    .time = time,
		    .expire = ttl == 0 ? 0 : time + (int64_t)ttl,
		};
		if (one->key != NULL)
			add_chosen_signature(one, &signing, header, set);
	}
	cli_live_keys_free(living.keys);
	strbuf_clear(&author);
}

static bool
has_state(const struct cli_chosen *chosen, enum cli_chosen_state state)
{
	for (size_t i = 0; i < chosen->count; i++)
		if (chosen->list[i].state == state)
			return true;
	return false;
}

/* As proxy/message/filter_sign.c decides. */
enum cli_fate
cli_chosen_fate(const struct cli_chosen *chosen,
    const struct proxy_signing_rules *rules, struct cli_unsigned *reason)
{
	bool rejects = rules->unsignable == PROXY_UNSIGNABLE_REJECT;

	*reason = (struct cli_unsigned){
	    chosen->choice.why, strbuf_text(&chosen->choice.reason)};
	if (chosen->choice.status == PROXY_SIGN_UNSIGNABLE)
		return rejects ? CLI_FATE_REFUSED : CLI_FATE_UNSIGNED;
	if (chosen->count > 0) {
		reason->why = has_state(chosen, CLI_CHOSEN_KEYLESS)
		    ? PROXY_UNSIGNED_NO_KEY
		    : has_state(chosen, CLI_CHOSEN_UNSEEN)
		    ? PROXY_UNSIGNED_NOT_PUBLISHED
		    : PROXY_UNSIGNED_FAILED;
		reason->text = proxy_sign_unsigned_word(reason->why);
	}
	if (has_state(chosen, CLI_CHOSEN_TROUBLE) &&
	    rules->on_error == PROXY_ON_ERROR_TEMPFAIL)
		return CLI_FATE_DEFERRED;
	if (has_state(chosen, CLI_CHOSEN_UNSEEN) &&
	    rules->before_published == PROXY_BEFORE_PUBLISHED_TEMPFAIL)
		return CLI_FATE_DEFERRED;
	if (has_state(chosen, CLI_CHOSEN_GOOD))
		return CLI_FATE_SIGNED;
	return has_state(chosen, CLI_CHOSEN_UNFIT) && rejects
	    ? CLI_FATE_REFUSED
	    : CLI_FATE_UNSIGNED;
}
