/* What spamd says of a message, for `verify --summary`: [reflector] spamd. */
#ifndef CLI_SPAM_H
#define CLI_SPAM_H

#include "base/strbuf.h"
#include "cli/kit/message.h"
#include "proxy/settings/config.h"

/*
 * Asks the spamd that the configuration names about a message that was read
 * and kept (cli_message_new()), and adds "ham (score ...)", "spam (...)" or
 * "temperror (why)" to `said`, and the rules that matched to `rules`; nothing
 * where none is named. Waits for spamd_timeout at the most.
 */
void cli_spam_ask(const struct proxy_config *, const struct cli_message *,
    struct strbuf *said, struct strbuf *rules);

#endif
