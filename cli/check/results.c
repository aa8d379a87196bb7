/* What keeps results from being of use; see results.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/check/results.h"
#include "cli/kit/days.h"
#include "cli/kit/own_mail.h"
#include "mail/address.h"
#include "proxy/process/privilege.h"
#include "proxy/settings/users.h"
#include "record/store.h"

enum {
	TEXT_MAX = 2048,
	WHY_MAX = 512,
	DESCRIPTORS = 64,
	TRIED_MS = 5000,
	FULL_PERCENT = 90
};

struct looking {
	const struct proxy_config *config;
	check_results_fn *tell;
	void *ctx;
};

/* --- would a report pass DMARC --- */

static void
look_at_email(const struct looking *l)
{
	const char *email = l->config->results.email;
	struct slice domain = mail_address_domain(slice_str(email));
	struct strbuf text;

	if (l->config->reflector.relay.length == 0)
		return; /* nothing is sent */
	strbuf_init(&text, TEXT_MAX);
	strbuf_addf(&text,
	    "reports come from %s and go out unsigned, so that they cannot "
	    "pass DMARC: ",
	    email);
	if (!own_mail_goes_through_out(l->config)) {
		strbuf_add_str(&text, "no listener of [out] takes them");
		l->tell(l->ctx, strbuf_text(&text), own_mail_advice(l->config));
	} else if (!own_mail_is_signed(l->config, email)) {
		strbuf_addf(&text, "[out] does not sign for %.*s",
		    (int)domain.n, domain.p);
		l->tell(l->ctx, strbuf_text(&text),
		    "name in `email =' of [results] an address whose domain "
		    "[out] signs for");
	}
	strbuf_clear(&text);
}

/* --- does the database take anything --- */

/* What the process that tried it says. */
struct tried {
	struct record_measure measure;
	bool measured, writable;
	char why[WHY_MAX];
};

static void
try_in_child(const struct proxy_config *config, struct tried *to)
{
	int ends[2];
	pid_t child;

	(void)snprintf(to->why, sizeof(to->why), "it does not answer");
	if (pipe(ends) != 0)
		return;
	child = fork();
	if (child == 0) {
		struct record_store *store = NULL;
		struct strbuf reason;

		strbuf_init(&reason, WHY_MAX);
		if (proxy_privilege_drop(
			proxy_recorder_user(config), DESCRIPTORS, &reason) == 0)
			store = record_store_open_writer(
			    config->results.database, &reason);
		if (store != NULL) {
			to->measured =
			    record_store_measure(store, &to->measure) == 0;
			to->writable = record_store_try(store, &reason) == 0;
			record_store_close(store);
		}
		(void)snprintf(
		    to->why, sizeof(to->why), "%s", strbuf_text(&reason));
		strbuf_clear(&reason);
		_exit(write(ends[1], to, sizeof(*to)) < 0);
	}
	(void)close(ends[1]);
	if (child > 0) {
		struct pollfd there = {.fd = ends[0], .events = POLLIN};
		struct tried found;

		/* A file system that hangs does not hold us. */
		if (poll(&there, 1, TRIED_MS) == 1 &&
		    read(ends[0], &found, sizeof(found)) ==
			(ssize_t)sizeof(found)) {
			*to = found;
			to->why[WHY_MAX - 1] = '\0';
		}
		(void)kill(child, SIGKILL);
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	(void)close(ends[0]);
}

static unsigned
percent(const struct looking *l, const struct tried *tried)
{
	return (
	    unsigned)(tried->measure.bytes * 100 / l->config->results.max_size);
}

static void
look_at_database(const struct looking *l, struct strbuf *state)
{
	const char *path = l->config->results.database;
	struct tried tried = {.measured = false};
	struct strbuf text;

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		strbuf_add_str(state, "not there before the first start");
		return;
	}
	if (geteuid() != 0 && access(path, R_OK | W_OK) != 0) {
		strbuf_add_str(state, "only root can look into it");
		return;
	}
	try_in_child(l->config, &tried);
	strbuf_init(&text, TEXT_MAX);
	if (tried.measured) {
		strbuf_addf(state, "%u %% full, ", percent(l, &tried));
		if (tried.measure.newest == 0) {
			strbuf_add_str(state, "no record yet");
		} else {
			strbuf_add_str(state, "newest record of the hour of ");
			cli_time_print(tried.measure.newest, state);
			strbuf_add_str(state, " UTC");
		}
	}
	if (!tried.writable) {
		strbuf_addf(&text,
		    "the database takes nothing, so that results are lost: %s",
		    tried.why);
		l->tell(l->ctx, strbuf_text(&text),
		    "see that it is a file of the recorder's user, on a disk "
		    "with room; moved away, it is made anew");
	} else if (percent(l, &tried) >= FULL_PERCENT) {
		strbuf_addf(&text,
		    "the database is %u %% full: what has no room is lost",
		    percent(l, &tried));
		l->tell(l->ctx, strbuf_text(&text),
		    "raise `max_size =' of [results], or lower `keep ='");
	}
	strbuf_clear(&text);
}

/* --- together --- */

void
check_results_look(const struct proxy_config *config, check_results_fn *tell,
    void *ctx, struct strbuf *state)
{
	const struct looking l = {config, tell, ctx};

	if (config->results.database == NULL)
		return;
	look_at_email(&l);
	look_at_database(&l, state);
}

static void
add_finding(void *ctx, const char *what, const char *todo)
{
	const struct check_about about = {"results", "[results]"};

	check_report_add(ctx, &about, CHECK_WARNING, "%s", what);
	check_report_todo(ctx, "%s", todo);
}

void
check_results(const struct proxy_config *config, struct check_report *report)
{
	const struct check_about about = {"results", config->results.database};
	struct strbuf state;

	strbuf_init(&state, TEXT_MAX);
	check_results_look(config, add_finding, report, &state);
	if (state.n > 0)
		check_report_add(
		    report, &about, CHECK_OK, "%s", strbuf_text(&state));
	strbuf_clear(&state);
}
