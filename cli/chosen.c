/* What the rules choose, with the keys; see chosen.h. */
#include "cli/chosen.h"
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
	size_t from = 0;

	strbuf_init(&one->reason, PROXY_KEY_REASON_MAX);
	one->key = proxy_key_file_load(config, one->signing->key_rule,
	    one->signing->domain, &from, &one->status, &one->reason);
	one->domain = slice_after(one->signing->domain, from);
}

void
cli_chosen_make(struct cli_chosen *chosen, const struct proxy_config *config,
    const struct mail_header *header)
{
	proxy_sign_rule_choose(config, header, &chosen->choice);
	if (chosen->choice.status != PROXY_SIGN)
		return;
	for (size_t i = 0; i < chosen->choice.count; i++) {
		struct cli_chosen_signature *one = &chosen->list[i];

		one->signing = &chosen->choice.list[i];
		load_key(one, config);
		chosen->count++;
	}
}
