/* Both ends of a worker's beginning: before exec and after it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/log.h"
#include "base/number.h"
#include "dkim/key_memory.h"
#include "dns/conf_page.h"
#include "proxy/figures/shared.h"
#include "proxy/process/privilege.h"
#include "proxy/process/recorder.h"
#include "proxy/process/sandbox.h"
#include "proxy/process/signer.h"
#include "proxy/process/spawn.h"
#include "proxy/process/worker.h"
#include "proxy/settings/config.h"
#include "proxy/settings/users.h"
#include "record/http.h"

/* Where a worker finds what it is given. Fixed numbers, since exec passes on
 * nothing but numbers. */
enum {
	FD_SETTINGS = 3,
	FD_CONTROL,
	FD_SHARED,
	FD_PAGE,
	FD_HISTORY,
	FD_KEYS,
	FD_RECORD,
	FD_HELLO,
	FD_CONF,
	FD_LINES,
	FD_LISTENERS
};

#define DESCRIPTORS_SIGNER   (PROXY_SIGN_ASKERS_MAX + 64)
#define DESCRIPTORS_RECORDER 128
/* Of [metrics]: those who ask, each with the next hops asked for him. */
#define DESCRIPTORS_PER_LISTENER (RECORD_HTTP_CONNECTIONS_MAX * 3)
#define REASON_MAX		 512

/* --- before exec, in the child of the master --- */

struct places {
	int fds[FD_LISTENERS + PROXY_LISTENERS_MAX];
	int count;
};

static void
lay_out(const struct proxy_spawn *spawn, struct places *places)
{
	size_t i;

	places->fds[FD_SETTINGS] = spawn->settings;
	places->fds[FD_CONTROL] = spawn->control;
	places->fds[FD_SHARED] = spawn->shared;
	places->fds[FD_PAGE] = spawn->page;
	places->fds[FD_HISTORY] = spawn->history;
	places->fds[FD_KEYS] = spawn->keys;
	places->fds[FD_RECORD] = spawn->record;
	places->fds[FD_HELLO] = spawn->hello;
	places->fds[FD_CONF] = spawn->conf;
	places->fds[FD_LINES] = spawn->lines;
	for (i = 0; i < spawn->listener_count; i++)
		places->fds[FD_LISTENERS + i] = spawn->listeners[i];
	places->count = FD_LISTENERS + (int)spawn->listener_count;
}

/* First all out of the way, then each to its place. A place with nothing for
 * this one is filled too: else a library that opens a file before main() gets
 * that number, and its file is taken for what was handed over. */
static int
take_places(struct places *places)
{
	int i, nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (nothing < 0)
		return -1;
	for (i = FD_SETTINGS; i < places->count; i++)
		if (places->fds[i] < 0)
			places->fds[i] = nothing;
	for (i = FD_SETTINGS; i < places->count; i++) {
		places->fds[i] =
		    fcntl(places->fds[i], F_DUPFD_CLOEXEC, places->count);
		if (places->fds[i] < 0)
			return -1;
	}
	for (i = FD_SETTINGS; i < places->count; i++)
		if (dup2(places->fds[i], i) != i)
			return -1;
	/* Whatever else the master had open, keys and other workers' sockets
	 * among it, ends here: a worker has what it was given and nothing
	 * more. */
	return compat_close_from(places->count);
}

/* What is ignored stays ignored across exec, and a blocked signal stays
 * blocked: a worker that inherited either would not end when it is asked to. */
static void
reset_signals(void)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)sigaction(i, &standard, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child's last words: nobody else knows. */
static void
say_why_not(const struct proxy_spawn *spawn)
{
	const char *why = strerror(errno);
	struct rlimit limit = {0, 0};

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	log_printf(spawn->log, LOGGING_ERROR,
	    "cannot begin a process of [%s]: %s (%llu files may be open)",
	    proxy_role_name(spawn->role), why,
	    (unsigned long long)limit.rlim_cur);
}

/* What a process of ours may be told by whoever started the master: the time
 * zone of its log; where tests are built, what they, sanitizers and libcrypto
 * read. */
static const char *const told[] = {"TZ"};
static const char *const told_in_tests[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS",
    "LSAN_OPTIONS", "OPENSSL_CONF", "OPENSSL_ia32cap", "LLVM_PROFILE_FILE",
    "LD_PRELOAD", "FAKETIME", "FAKETIME_SHARED", "DONT_FAKE_MONOTONIC",
    "FAKETIME_DONT_FAKE_MONOTONIC", "T_HURRY", PROXY_SANDBOX_VARIABLE};

enum {
	TOLD = sizeof(told) / sizeof(told[0]),
	TOLD_IN_TESTS = sizeof(told_in_tests) / sizeof(told_in_tests[0]),
	ENVIRONMENT_MAX = TOLD + TOLD_IN_TESTS
};

/* The environment is the master's, and root's. LD_PRELOAD or OPENSSL_CONF in it
 * would load foreign code into each process, so names are let through by a list
 * and not kept out by one. */
static char **
environment_of(char *kept[ENVIRONMENT_MAX + 1])
{
	size_t names = compat_is_tested() ? ENVIRONMENT_MAX : TOLD, n = 0;

	for (size_t i = 0; i < names; i++) {
		const char *name = i < TOLD ? told[i] : told_in_tests[i - TOLD];
		size_t length = strlen(name);

		for (char **entry = environ; *entry != NULL; entry++)
			if (strncmp(*entry, name, length) == 0 &&
			    (*entry)[length] == '=') {
				kept[n++] = *entry;
				break; /* one of a name */
			}
	}
	kept[n] = NULL;
	return kept;
}

/* `parent` is the master's pid, asked before the fork: in a child whose master
 * has died already getppid() would name somebody else. */
static void
run_worker(const struct proxy_spawn *spawn, pid_t parent)
{
	char program[] = "signpost", command[] = PROXY_SPAWN_COMMAND;
	char role[16], slot[16], listeners[16], master[16];
	char *argv[] = {program, command, role, slot, listeners, master, NULL};
	char *kept[ENVIRONMENT_MAX + 1];
	struct places places;

	(void)snprintf(role, sizeof(role), "%s", proxy_role_name(spawn->role));
	(void)snprintf(slot, sizeof(slot), "%u", spawn->slot);
	(void)snprintf(
	    listeners, sizeof(listeners), "%zu", spawn->listener_count);
	(void)snprintf(master, sizeof(master), "%ld", (long)parent);
	lay_out(spawn, &places);
	reset_signals();
	if (spawn->no_stderr)
		(void)dup2(STDOUT_FILENO, STDERR_FILENO);
	if (take_places(&places) == 0)
		/* Exec and not only fork: each worker gets an address space
		 * laid out anew, so that an address learned in one is of no use
		 * against another, and it holds no memory of the master. By
		 * /proc/self/exe it is this very program, even where a package
		 * has just replaced the file. */
		(void)execve("/proc/self/exe", argv, environment_of(kept));
	say_why_not(spawn);
	/* Not exit(): buffers and handlers are the master's. */
	_exit(EX_OSERR);
}

pid_t
proxy_spawn(const struct proxy_spawn *spawn, struct strbuf *reason)
{
	sigset_t all, before;
	pid_t child, self = getpid();

	/* The child must not run the master's handlers. */
	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	child = fork();
	if (child == 0)
		run_worker(spawn, self);
	if (child < 0)
		strbuf_addf(reason, "fork: %s", strerror(errno));
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return child;
}

/* --- after exec --- */

/* Whether the master had something for that place. */
static bool
is_given(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && !S_ISCHR(st.st_mode);
}

struct beginning {
	enum proxy_role role;
	unsigned slot;
	size_t listener_count;
	pid_t master;
};

/* This is between two halves of one program: anything else is a person who
 * found the subcommand. */
static int
read_arguments(int argc, char **argv, struct beginning *to)
{
	uint64_t slot, listeners, master;

	if (argc != 6 ||
	    number_parse(slice_str(argv[3]), PROXY_SHARED_SLOTS - 1, &slot) !=
		0 ||
	    number_parse(slice_str(argv[4]), PROXY_LISTENERS_MAX, &listeners) !=
		0 ||
	    number_parse(slice_str(argv[5]), INT32_MAX, &master) != 0)
		return -1;
	to->role = proxy_role_find(argv[2]);
	if (to->role == PROXY_ROLE_NONE)
		return -1;
	to->slot = (unsigned)slot;
	to->listener_count = (size_t)listeners;
	to->master = (pid_t)master;
	return is_given(FD_SETTINGS) && is_given(FD_CONTROL) ? 0 : -1;
}

/* All of this is for as long as the process. */
struct process {
	const struct beginning *beginning;
	const struct proxy_config *config;
	struct proxy_shared *shared;
	struct dns_conf_page *conf_page; /* NULL: none was given */
	struct log *log;
};

/* All is open that is opened late, and nobody outside was heard as yet: now it
 * closes itself in. The list of system calls can be short because of this
 * order: opening files, looking up users and changing them happened before
 * it. */
static void
on_ready(void *ctx)
{
	const struct process *process = ctx;
	ssize_t n;

	if (proxy_sandbox_enter(process->beginning->role, process->config,
		FD_CONTROL, process->log) != 0)
		_exit(EX_OSERR);
	do
		n = write(FD_CONTROL, "r", 1);
	while (n < 0 && errno == EINTR);
}

/* When the master goes, we stop as it would have asked us to. */
static int
follow_master(const struct beginning *beginning, struct strbuf *reason)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0)
		return strbuf_fail(reason, "PDEATHSIG: %s", strerror(errno));
	/* The master may have died between the fork and the line above, and
	 * then the signal would never come. */
	if (getppid() != beginning->master)
		return strbuf_fail(reason, "the master is gone");
	return 0;
}

/* Those of its front, old ones that drain among them. */
static uint64_t
spool_of_others(const void *ctx)
{
	const struct process *process = ctx;

	return proxy_shared_spool(process->shared, process->beginning->role,
	    process->beginning->slot);
}

/* The worker is given places in the shared page, not the page's owner: it
 * writes its own slot and reads the others. */
static int
serve(struct process *process)
{
	const struct beginning *beginning = process->beginning;
	const struct proxy_config *config = process->config;
	struct proxy_shared *shared = process->shared;
	const struct proxy_front *front =
	    proxy_role_front(beginning->role, config);
	int listeners[PROXY_LISTENERS_MAX];
	struct proxy_quota quota = {
	    .mine = &shared->slots[beginning->slot].spool,
	    .others = spool_of_others,
	    .ctx = process,
	    .max = front->spool_max};
	struct proxy_worker_job job = {.config = config,
	    .front = front,
	    .listeners = listeners,
	    .go_fd = FD_CONTROL,
	    .hello_fd = FD_HELLO,
	    .shared = shared,
	    .record_fd = is_given(FD_RECORD) ? FD_RECORD : 0,
	    .conf_page = process->conf_page,
	    .counters = &shared->slots[beginning->slot].counters,
	    .quota = &quota,
	    .log = process->log,
	    .ready = on_ready,
	    .ctx = process};
	size_t i;

	for (i = 0; i < beginning->listener_count; i++)
		listeners[i] = FD_LISTENERS + (int)i;
	return proxy_worker_run(&job) == 0 ? EX_OK : EX_OSERR;
}

static int
record(struct process *process)
{
	const struct beginning *beginning = process->beginning;
	const struct proxy_config *config = process->config;
	struct proxy_shared *shared = process->shared;
	int listeners[PROXY_LISTENERS_MAX];
	struct proxy_recorder_job job = {.config = config,
	    .hello_fd = FD_HELLO,
	    .listeners = listeners,
	    .shared = shared,
	    .conf_page = process->conf_page,
	    .counters = &shared->slots[beginning->slot].counters,
	    .log = process->log,
	    .ready = on_ready,
	    .ctx = process};
	size_t i;

	for (i = 0; i < beginning->listener_count; i++)
		listeners[i] = FD_LISTENERS + (int)i;
	return proxy_recorder_run(&job) == 0 ? EX_OK : EX_OSERR;
}

static int
sign(struct process *process)
{
	struct proxy_signer_job job = {.config = process->config,
	    .control_fd = FD_CONTROL,
	    .hello_fd = FD_HELLO,
	    .key_fd = FD_KEYS,
	    .counters =
		&process->shared->slots[process->beginning->slot].counters,
	    .log = process->log,
	    .ready = on_ready,
	    .ctx = process};

	return proxy_signer_run(&job) == 0 ? EX_OK : EX_OSERR;
}

static int
run_role(struct process *process)
{
	switch (process->beginning->role) {
	case PROXY_ROLE_RECORDER:
		return record(process);
	case PROXY_ROLE_SIGNER:
		return sign(process);
	default:
		return serve(process);
	}
}

/* What a role runs as, and with how many descriptors and listeners. */
struct footing {
	const char *user;
	size_t descriptors, listeners;
};

/* The bound on descriptors is part of the sandbox: a process that was taken
 * over cannot use up the machine's. */
static struct footing
footing_of(enum proxy_role role, const struct proxy_config *config)
{
	const struct proxy_front *front = proxy_role_front(role, config);

	if (front != NULL)
		return (struct footing){front->user,
		    proxy_worker_descriptors(front), front->listen.count};
	if (role == PROXY_ROLE_SIGNER)
		return (struct footing){
		    proxy_signer_user(config), DESCRIPTORS_SIGNER, 0};
	return (struct footing){proxy_recorder_user(config),
	    DESCRIPTORS_RECORDER +
		config->metrics.listen.count * DESCRIPTORS_PER_LISTENER,
	    config->metrics.listen.count};
}

static int
begin_process(const struct beginning *beginning,
    const struct proxy_config *config, struct log *log)
{
	struct footing footing = footing_of(beginning->role, config);
	struct process process = {.beginning = beginning,
	    .config = config,
	    .shared = proxy_shared_map(FD_SHARED,
		is_given(FD_HISTORY) ? FD_HISTORY : -1, FD_PAGE,
		beginning->slot),
	    .conf_page = dns_conf_page_map(FD_CONF),
	    .log = log};
	struct strbuf reason;
	int status = EX_OSERR;

	strbuf_init(&reason, REASON_MAX);
	/* Spool files hold other people's mail. */
	(void)umask(077);
	/* Before root is given up, whose locked memory has no bound. Only
	 * signers hold keys, so nobody else may lock any. */
	if (beginning->role == PROXY_ROLE_SIGNER)
		proxy_privilege_lock();
	else
		proxy_privilege_forbid_lock();
	if (process.shared == NULL)
		strbuf_addf(&reason, "shared pages: %s", strerror(errno));
	else if (beginning->listener_count != footing.listeners)
		strbuf_add_str(&reason, "listeners do not fit the settings");
	/* Descriptors are looked at after the limit is set, and the parent
	 * last, since a change of user clears PDEATHSIG (prctl(2)). */
	else if (proxy_privilege_drop(
		     footing.user, footing.descriptors, &reason) == 0 &&
	    proxy_privilege_check_descriptors(&reason) == 0 &&
	    follow_master(beginning, &reason) == 0)
		status = run_role(&process);
	if (reason.n > 0)
		log_printf(log, LOGGING_ERROR, "worker cannot begin: %s",
		    strbuf_text(&reason));
	strbuf_clear(&reason);
	proxy_shared_unmap(process.shared);
	dns_conf_page_free(process.conf_page);
	return status;
}

/* A signer's lines go through the master: its sandbox has no call that could
 * open syslog's socket again. */
static struct log *
make_log(enum proxy_role role, const struct proxy_config *config)
{
	char ident[32];

	if (is_given(FD_LINES))
		return log_new_by(FD_LINES, config->log_level);
	(void)snprintf(
	    ident, sizeof(ident), "signpost/%s", proxy_role_name(role));
	return log_new(ident, config->log, config->log_level);
}

int
proxy_spawn_main(int argc, char **argv)
{
	struct beginning beginning = {.slot = 0};
	struct proxy_report report;
	struct proxy_config *config;
	struct log *log;
	int status = EX_SOFTWARE;
	int fd, end;

	if (read_arguments(argc, argv, &beginning) != 0) {
		fprintf(stderr, "signpost: %s: only the master runs this\n",
		    PROXY_SPAWN_COMMAND);
		return EX_USAGE;
	}
	/* A worker starts no program, but a library of it might. */
	end = FD_LISTENERS + (int)beginning.listener_count;
	for (fd = FD_SETTINGS; fd < end; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (beginning.role == PROXY_ROLE_SIGNER && dkim_key_memory_init() != 0)
		return EX_SOFTWARE; /* it is nobody's first call, then */
	proxy_report_init(&report);
	/* The settings are parsed again here, from the text that the master has
	 * sealed, instead of passing its structures: there is one reader of
	 * them, and it is tested. */
	config = proxy_config_unpack(FD_SETTINGS, &report);
	(void)close(FD_SETTINGS);
	if (config == NULL) {
		fprintf(stderr, "signpost: worker: %s",
		    strbuf_text(&report.errors));
	} else {
		log = make_log(beginning.role, config);
		status = begin_process(&beginning, config, log);
		log_free(log);
	}
	proxy_config_free(config);
	proxy_report_clear(&report);
	return status;
}
