/* What the rules choose, with the keys; see chosen.h. */
#include "cli/kit/chosen.h"
#include "cli/kit/signatures.h"
#include "dkim/key.h"

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
	enum proxy_key_status status;
	size_t from = 0;

	one->key = proxy_key_file_load(config, one->signing->key_rule,
	    one->signing->domain, &from, &status, &one->reason);
	one->domain = slice_after(one->signing->domain, from);
	one->state = status == PROXY_KEY_FOUND ? CLI_CHOSEN_GOOD
	    : status == PROXY_KEY_MISSING      ? CLI_CHOSEN_KEYLESS
					       : CLI_CHOSEN_TROUBLE;
}

/* With the key at hand. */
static void
add_signature(struct cli_chosen_signature *one,
    const struct mail_header *header, struct cli_signatures *signatures)
{
	const struct proxy_signing *signing = one->signing;
	const struct cli_signature wish = {
	    .domainkeys = signing->type == PROXY_SIGNATURE_DOMAINKEYS,
	    .domain = one->domain,
	    .selector = signing->selector,
	    .identity = signing->identity,
	    .algorithm = signing->algorithm,
	    .header_canon = signing->header_canon,
	    .body_canon = signing->body_canon,
	    .fields = signing->fields,
	    .key = one->key,
	};

	if (cli_signature_fits_key(&wish, &one->reason) != 0)
		one->state = CLI_CHOSEN_TROUBLE;
	else if (cli_signatures_add(signatures, &wish, header, &one->reason) !=
	    0)
		one->state = CLI_CHOSEN_UNFIT;
}

void
cli_chosen_make(struct cli_chosen *chosen, const struct proxy_config *config,
    const struct mail_header *header, struct cli_signatures *signatures)
{
	proxy_sign_rule_choose(config, header, &chosen->choice);
	if (chosen->choice.status != PROXY_SIGN)
		return;
	for (size_t i = 0; i < chosen->choice.count; i++) {
		struct cli_chosen_signature *one = &chosen->list[i];

		chosen->count++;
		one->signing = &chosen->choice.list[i];
		strbuf_init(&one->reason, PROXY_KEY_REASON_MAX);
		load_key(one, config);
		if (one->key != NULL)
			add_signature(one, header, signatures);
	}
}

static bool
has(const struct cli_chosen *chosen, enum cli_chosen_state state)
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
		reason->why = has(chosen, CLI_CHOSEN_KEYLESS)
		    ? PROXY_UNSIGNED_NO_KEY
		    : PROXY_UNSIGNED_FAILED;
		reason->text = proxy_sign_unsigned_word(reason->why);
	}
	if (has(chosen, CLI_CHOSEN_TROUBLE) &&
	    rules->on_error == PROXY_ON_ERROR_TEMPFAIL)
		return CLI_FATE_DEFERRED;
	if (has(chosen, CLI_CHOSEN_GOOD))
		return CLI_FATE_SIGNED;
	return has(chosen, CLI_CHOSEN_UNFIT) && rejects ? CLI_FATE_REFUSED
							: CLI_FATE_UNSIGNED;
}
