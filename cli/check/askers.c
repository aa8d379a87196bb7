/* Who asks us by milter; see askers.h. */
#include "cli/check/askers.h"
#include "cli/check/postconf.h"
#include "cli/kit/milters.h"

enum { PATH_LENGTH_MAX = 4096 };

static const struct slice unix_kind = SLICE_INIT("unix:");

static bool
is_absolute(struct slice path)
{
	return path.n > 0 && path.p[0] == '/';
}

/* The path as the service reaches it: below the queue directory, where it works
 * and a chroot has its root. */
static void
add_own_path(const struct cli_master *master, struct slice address,
    bool chrooted, struct strbuf *path)
{
	struct slice named = slice_after(address, unix_kind.n);

	if (!chrooted && is_absolute(named)) {
		strbuf_add(path, named);
		return;
	}
	while (is_absolute(named))
		named = slice_after(named, 1);
	strbuf_add(path, cli_master_value(master, NULL, "queue_directory"));
	strbuf_add_char(path, '/');
	strbuf_add(path, named);
}

/* Is the address one of that listener's? `*reached` is false where it names the
 * socket by a path that does not lead there for who connects. */
static bool
leads_to(const struct check_asker *asker, struct slice address,
    const char *hostname, const struct cli_master *master, bool *reached)
{
	const char *path = proxy_endpoint_path(&asker->listen->at);
	struct strbuf own;
	bool is;

	*reached = true;
	if (path == NULL)
		return !slice_starts_nocase(address, unix_kind) &&
		    check_postconf_names(address, &asker->listen->at, hostname);
	if (!slice_starts_nocase(address, unix_kind))
		return false;
	strbuf_init(&own, PATH_LENGTH_MAX);
	add_own_path(master, address, asker->from->chrooted, &own);
	is = slice_equal(strbuf_slice(&own), slice_str(path));
	if (!is && asker->from->chrooted) {
		*reached = false;
		is = slice_equal(
		    slice_after(address, unix_kind.n), slice_str(path));
	}
	strbuf_clear(&own);
	return is;
}

/* Ours in the list of that service; false where there is none. */
static bool
find_ours(const struct proxy_front *front, const char *hostname,
    const struct cli_master *master, struct check_asker *asker)
{
	struct slice rest = asker->list, milter;

	while (cli_milter_next(&rest, &milter))
		for (size_t i = 0; i < front->listen.count; i++) {
			asker->listen = &front->listen.list[i];
			asker->milter = milter;
			if (asker->listen->kind == PROXY_LISTEN_MILTER &&
			    leads_to(asker, cli_milter_address(milter),
				hostname, master, &asker->reached))
				return true;
		}
	return false;
}

static bool
is_switched_off(
    const struct cli_master *master, const struct cli_service *service)
{
	return cli_master_lists(
	    cli_master_value(master, service, "receive_override_options"),
	    SLICE("no_milters"));
}

/* The cleanup of what pickup takes in; NULL where that shows it to nobody. */
static const struct cli_service *
cleanup_of_pickup(const struct cli_master *master)
{
	const struct cli_service *pickup = NULL;

	for (size_t i = 0; i < master->count && pickup == NULL; i++)
		if (slice_equal(master->list[i].command, SLICE("pickup")))
			pickup = &master->list[i];
	if (pickup == NULL || is_switched_off(master, pickup))
		return NULL;
	return cli_master_find(
	    master, cli_master_value(master, pickup, "cleanup_service_name"));
}

size_t
check_askers_search(const struct proxy_front *front, const char *hostname,
    const struct cli_master *master, struct check_asker list[CHECK_ASKERS_MAX])
{
	const struct cli_service *cleanup = cleanup_of_pickup(master);
	struct check_asker asker;
	size_t count = 0;

	for (size_t i = 0; i < master->count && count < CHECK_ASKERS_MAX; i++) {
		const struct cli_service *service = &master->list[i];
		bool smtpd = slice_equal(service->command, SLICE("smtpd"));

		if (service != cleanup &&
		    (!smtpd || is_switched_off(master, service)))
			continue;
		asker = (struct check_asker){.from = service, .smtpd = smtpd};
		asker.name = smtpd ? "smtpd_milters" : "non_smtpd_milters";
		asker.list = cli_master_value(master, service, asker.name);
		if (find_ours(front, hostname, master, &asker))
			list[count++] = asker;
	}
	return count;
}
