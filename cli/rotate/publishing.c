/* Changes in the DNS; see publishing.h. */
#include "cli/rotate/publishing.h"
#include "cli/kit/publish_command.h"
#include "cli/kit/records_print.h"

/* A command that does not work does not work for ten thousand domains. */
enum { FAILURES_MAX = 10, NAME_BYTES = 600 };

/* Has a person heard of it already? From now on he has. */
static bool
was_told(struct rotate_work *work, const struct rotate_item *item)
{
	struct slice name = slice_str(item->selector);
	const struct proxy_selector *row =
	    proxy_selectors_find(work->selectors, name);
	bool told = row == NULL || row->moments[PROXY_SELECTOR_TOLD] != 0;

	if (!told)
		(void)proxy_selectors_set_moment(
		    work->selectors, name, PROXY_SELECTOR_TOLD, work->run->now);
	return told && work->run->automatic;
}

static void
run_command(struct rotate_work *work, const struct rotate_item *item,
    enum cli_publish_command_act act)
{
	const struct rotate_about about = {.domain = item->domain->name,
	    .selector = item->selector,
	    .noted = true};
	const struct proxy_rotate_settings *settings =
	    &work->run->config->rotate;
	const struct cli_publish_command command = {
	    .command = settings->publish,
	    .user = settings->publish_user,
	    .ms = CLI_PUBLISH_COMMAND_MS,
	};
	const struct cli_record *record = &item->key.record.list[0];
	const struct cli_publish_order order = {
	    .act = act,
	    .name = record->name,
	    .ttl = CLI_RECORDS_TTL,
	    .type = "TXT",
	    .text = record->value,
	};
	struct strbuf reason;

	if (work->run->publish_failures >= FAILURES_MAX)
		return;
	strbuf_init(&reason, ROTATE_REASON_MAX);
	if (cli_publish_command_run(&command, &order, &reason) != 0) {
		work->run->publish_failures++;
		rotate_report_add(&work->run->report, &about,
		    was_told(work, item) ? ROTATE_WAITING : ROTATE_PERSON,
		    "publish: %s", strbuf_text(&reason));
	}
	strbuf_clear(&reason);
}

void
rotate_publish_add(struct rotate_work *work, const struct rotate_item *item)
{
	const struct rotate_about about = {.domain = item->domain->name,
	    .selector = item->selector,
	    .record = &item->key.record.list[0],
	    .noted = true};

	if (work->run->config->rotate.publish != NULL)
		run_command(work, item, CLI_PUBLISH_COMMAND_ADD);
	else if (work->run->automatic && !was_told(work, item))
		rotate_report_add(&work->run->report, &about, ROTATE_PERSON,
		    "publish this record, and it will sign once the world can "
		    "see it:");
}

void
rotate_publish_remove(struct rotate_work *work, const struct rotate_item *item)
{
	struct rotate_about about = {.domain = item->domain->name,
	    .selector = item->selector,
	    .noted = true};
	struct strbuf name;

	/* Without the key its record's text is not known. */
	if (work->run->config->rotate.publish != NULL && item->readable) {
		run_command(work, item, CLI_PUBLISH_COMMAND_REMOVE);
		return;
	}
	if (was_told(work, item))
		return;
	strbuf_init(&name, NAME_BYTES);
	if (item->readable) {
		about.remove = &item->key.record.list[0];
		strbuf_add_str(&name, about.remove->name);
	} else {
		rotate_record_name(
		    item->domain, slice_str(item->selector), &name);
	}
	rotate_report_add(&work->run->report, &about, ROTATE_PERSON,
	    "take down the TXT record of %s, or put \"v=DKIM1; p=\" in its "
	    "place, which says that it is revoked: mail signed with it has "
	    "arrived by now",
	    strbuf_text(&name));
	strbuf_clear(&name);
}
