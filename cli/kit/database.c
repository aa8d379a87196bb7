/*
 * The results database as a tool needs it; see database.h. SQLite reads a file
 * that a process wrote which strangers' mail goes through. Whoever has taken
 * that over must not reach root by way of a tool that root runs.
 */
#include "cli/kit/database.h"
#include "cli/kit/cli.h"
#include "proxy/process/privilege.h"
#include "proxy/settings/users.h"

enum { DESCRIPTORS = 256, REASON_MAX = 1000 };

int
cli_database_descend(const struct proxy_config *config)
{
	struct strbuf reason;
	int result;

	strbuf_init(&reason, REASON_MAX);
	result = proxy_privilege_drop(
	    proxy_recorder_user(config), DESCRIPTORS, &reason);
	if (result != 0)
		cli_error("cannot become %s: %s", proxy_recorder_user(config),
		    strbuf_text(&reason));
	strbuf_clear(&reason);
	return result == 0 ? CLI_OK : CLI_OS;
}

struct record_store *
cli_database_open(const struct proxy_config *config, bool writes)
{
	const char *path = config->results.database;
	struct record_store *store;
	struct strbuf reason;

	strbuf_init(&reason, REASON_MAX);
	store = writes ? record_store_open_writer(path, &reason)
		       : record_store_open_reader(path, &reason);
	if (store == NULL)
		cli_error("%s", strbuf_text(&reason));
	strbuf_clear(&reason);
	return store;
}

void
cli_database_complain(const struct proxy_config *config,
    const struct record_store *store, const char *less, const char *why)
{
	const char *path = config->results.database;

	if (record_store_was_late(store))
		cli_error("%s: it takes longer than %d s to find that%s", path,
		    RECORD_QUERY_MS / 1000, less);
	else
		cli_error("%s: cannot be read%s", path, why);
}
