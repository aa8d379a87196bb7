/* The daemon as a service; see service.h. */
#include <glob.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "cli/kit/capture.h"
#include "cli/service.h"

enum { PATH_LENGTH_MAX = 4096, REASON_MAX = 1000 };

#define INIT	"/etc/init.d/signpost"
#define SYSTEMD "/run/systemd/system"
#define PIDFILE "/run/signpost.pid"

/* By which init starts it. */
#define LINKS "/etc/rc[2-5].d/S[0-9][0-9]signpost"

static const char *const is_active[] = {
    "systemctl", "--quiet", "is-active", "signpost.service", NULL};
static const char *const systemd_reload[] = {
    "systemctl", "reload", "signpost.service", NULL};
static const char *const init_status[] = {INIT, "status", NULL};
static const char *const init_reload[] = {INIT, "reload", NULL};

static bool
says_yes(const struct cli_steps *steps, const char *const argv[])
{
	struct strbuf out, reason;
	bool yes;

	strbuf_init(&out, REASON_MAX);
	strbuf_init(&reason, REASON_MAX);
	yes = cli_steps_ask(steps, argv, &out, &reason) == 0;
	strbuf_clear(&out);
	strbuf_clear(&reason);
	return yes;
}

/* What runs reads its settings in any case: a setup that was ended before it
 * came to that leaves them as they ought to be, and unread. */
static void
service_read_again(
    struct cli_steps *steps, bool changed, const char *const reload[])
{
	if (changed)
		(void)cli_steps_run(
		    steps, "service", reload, "reads its configuration again");
	else
		(void)cli_steps_run_again(
		    steps, "service", reload, "runs by these settings");
}

static void
start_by_systemd(struct cli_steps *steps, bool changed)
{
	const char *const enabled[] = {
	    "systemctl", "--quiet", "is-enabled", "signpost.service", NULL};
	const char *const enable[] = {
	    "systemctl", "enable", "--now", "signpost.service", NULL};
	bool runs = says_yes(steps, is_active);

	if ((!runs || !says_yes(steps, enabled)) &&
	    cli_steps_run(steps, "service", enable, "starts, now and later") !=
		0)
		return;
	if (runs)
		service_read_again(steps, changed, systemd_reload);
}

static void
start_by_init(struct cli_steps *steps, bool changed)
{
	const char *const start[] = {INIT, "start", NULL};
	/* `defaults' does nothing where there are links, and those of Debian's
	 * package start nothing; `enable' does nothing where there are none. */
	const char *const later[] = {"sh", "-c",
	    "update-rc.d signpost defaults && update-rc.d signpost enable",
	    NULL};
	struct strbuf path;
	glob_t links;

	if (says_yes(steps, init_status))
		service_read_again(steps, changed, init_reload);
	else if (cli_steps_run(steps, "service", start, "starts") != 0)
		return;
	/* Of what runs, too: an earlier setup may have been ended before it
	 * came to that, or somebody started it by hand. */
	if (glob(LINKS, GLOB_NOSORT, NULL, &links) == 0) {
		globfree(&links);
		return;
	}
	strbuf_init(&path, PATH_LENGTH_MAX);
	if (cli_program_find("update-rc.d", &path) == 0) {
		(void)cli_steps_run(
		    steps, "service", later, "starts with the machine");
	} else {
		cli_steps_tell(steps, "service", CLI_STEP_OK,
		    "nothing here has it start with the machine: there is no "
		    "update-rc.d");
		cli_steps_todo(INIT " start, wherever this machine has such "
				    "commands");
	}
	strbuf_clear(&path);
}

void
cli_service_start(struct cli_steps *steps, bool changed)
{
	if (access(SYSTEMD, F_OK) == 0) {
		start_by_systemd(steps, changed);
	} else if (access(INIT, X_OK) == 0) {
		start_by_init(steps, changed);
	} else {
		/* Somebody starts it as we say, and the next setup goes on
		 * from there. */
		static const char *const reload[] = {
		    "sh", "-c", "signpost reload $(cat " PIDFILE ")", NULL};

		if (access(PIDFILE, R_OK) == 0) {
			service_read_again(steps, changed, reload);
		} else {
			cli_steps_tell(steps, "service", CLI_STEP_STOP,
			    "neither systemd nor %s is here to start it", INIT);
			cli_steps_todo("signpost serve -D --pidfile " PIDFILE
				       ", and run this again");
		}
	}
}

void
cli_service_stop(struct cli_steps *steps)
{
	const char *const disable[] = {
	    "systemctl", "disable", "--now", "signpost.service", NULL};
	const char *const stop[] = {INIT, "stop", NULL};
	/* `enable' has turned on systemd's unit as well, which only `disable'
	 * takes back; that fails where there are no links. */
	const char *const never[] = {"sh", "-c",
	    "update-rc.d signpost disable; update-rc.d signpost remove", NULL};

	if (access(SYSTEMD, F_OK) == 0) {
		(void)cli_steps_run(
		    steps, "service", disable, "stops, now and later");
	} else if (access(INIT, X_OK) == 0) {
		(void)cli_steps_run(steps, "service", stop, "stops");
		(void)cli_steps_run(
		    steps, "service", never, "does not start with the machine");
	} else if (access(PIDFILE, R_OK) == 0) {
		cli_steps_tell(steps, "service", CLI_STEP_OK,
		    "stays: neither systemd nor %s is here to stop it", INIT);
		cli_steps_todo("kill $(cat " PIDFILE ")");
	}
}

bool
cli_service_runs(const struct cli_steps *steps)
{
	if (access(SYSTEMD, F_OK) == 0)
		return says_yes(steps, is_active);
	return access(INIT, X_OK) == 0 && says_yes(steps, init_status);
}

int
cli_service_reload(struct cli_steps *steps)
{
	return cli_steps_run(steps, "service",
	    access(SYSTEMD, F_OK) == 0 ? systemd_reload : init_reload,
	    "reads its configuration again");
}
