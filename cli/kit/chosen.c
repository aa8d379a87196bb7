/*
 * What the rules choose, with the keys; see chosen.h. By the code that the
 * proxy chooses by: an explanation that were made by other code would one day
 * be of something else.
 */
#include <string.h>

#include "cli/kit/chosen.h"
#include "dkim/key.h"
#include "dkim/signing_set.h"

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
	int number;

	if (!fits_key(one)) {
		one->state = CLI_CHOSEN_TROUBLE;
		return;
	}
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
	proxy_sign_rule_choose(config, header, &chosen->choice);
	if (chosen->choice.status != PROXY_SIGN)
		return;
	for (size_t i = 0; i < chosen->choice.count; i++) {
		struct cli_chosen_signature *one = &chosen->list[i];
		struct dkim_signing signing;
		const struct proxy_signing *what;
		uint64_t ttl;

		chosen->count++;
		one->signing = &chosen->choice.list[i];
		strbuf_init(&one->reason, PROXY_KEY_REASON_MAX);
		load_key(one, config);
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
