/*
 * Is this machine fit for a configuration: what each front needs is there,
 * its user exists and can write its spool.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "proxy/settings/config_private.h"
#include "proxy/settings/roles.h"
#include "proxy/settings/users.h"

/* Of a user, whose name it takes. */
#define MAKES_USER                                                   \
	"useradd --system --user-group --no-create-home --home-dir " \
	"/nonexistent --shell /usr/sbin/nologin %s makes it"

/* Where the recorder's own user has his database. */
#define RECORDER_DIR "/var/lib/signpost-record"

/* How long a directory is tried, and how often is looked. */
enum { TRY_MS = 5000, TRY_STEP_MS = 1, QUOTED_MAX = 4 * PATH_MAX };

/* Where: the file, and the line unless that is 0; then what. */
__attribute__((format(printf, 4, 5))) static void
add_machine_finding(const struct proxy_config *config, struct strbuf *to,
    unsigned line, const char *fmt, ...)
{
	va_list ap;

	strbuf_addf(to, "%s:", config->path);
	if (line > 0)
		strbuf_addf(to, "%u:", line);
	strbuf_add_char(to, ' ');
	va_start(ap, fmt);
	strbuf_addv(to, fmt, ap);
	va_end(ap);
	strbuf_add_char(to, '\n');
}

static void
check_presence(const struct proxy_config *config,
    const struct proxy_front *front, struct proxy_report *report)
{
	if (front->listen.count == 0)
		add_machine_finding(config, &report->errors, 0,
		    "[%s] has no `listen`", front->name);
	if (front->relay.length == 0 &&
	    (front->listen.count == 0 ||
		proxy_front_speaks(front, PROXY_LISTEN_SMTP)))
		add_machine_finding(config, &report->errors, 0,
		    "[%s] has no `relay`", front->name);
}

/* NULL where we are not root: then the user is not applied. */
static const struct passwd *
check_user(const struct proxy_config *config, const struct proxy_front *front,
    struct proxy_report *report)
{
	const struct passwd *user;

	if (geteuid() != 0)
		return NULL;
	user = getpwnam(front->user);
	if (user == NULL) {
		add_machine_finding(config, &report->errors, front->user_line,
		    "user %s of [%s]%s does not exist; " MAKES_USER,
		    front->user, front->name,
		    front->enabled ? ""
				   : ", as whom the recorder or signers "
				     "would run,",
		    front->user);
		return NULL;
	}
	if (user->pw_uid == 0) {
		add_machine_finding(config, &report->errors, front->user_line,
		    "user %s of [%s] is root; workers have no privileges",
		    front->user, front->name);
		return NULL;
	}
	return user;
}

/* Where the file system knows no files without a name. */
static int
try_named_file(const char *dir)
{
	struct strbuf path;
	int fd;

	strbuf_init(&path, PATH_MAX);
	strbuf_addf(&path, "%s/.try-XXXXXX", dir);
	fd = path.full ? -1 : mkstemp(path.p);
	if (fd >= 0)
		(void)unlink(path.p);
	strbuf_clear(&path);
	return fd;
}

/* 0, or errno of what failed. */
static int
try_file(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		fd = try_named_file(dir);
	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

/* The child's exit status; a file system that hangs does not hold us. */
static int
wait_for_answer(pid_t child)
{
	const struct timespec step = {0, TRY_STEP_MS * 1000000L};
	pid_t ended = 0;
	int status, left = TRY_MS / TRY_STEP_MS;

	while ((ended = waitpid(child, &status, WNOHANG)) == 0 && left-- > 0)
		(void)nanosleep(&step, NULL);
	if (ended == 0) {
		(void)kill(child, SIGKILL);
		return ETIMEDOUT;
	}
	return ended == child && WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

/* The same as somebody else: in a child, which is the only sure way. */
static int
try_file_as(const char *dir, const struct passwd *user)
{
	pid_t child;

	if (user == NULL)
		return try_file(dir);
	child = fork();
	if (child < 0)
		return errno;
	/* Real and saved user stay root's: the workers, who are that user,
	 * cannot send the child a signal. */
	if (child == 0) {
		bool is_he = initgroups(user->pw_name, user->pw_gid) == 0 &&
		    setresgid((gid_t)-1, user->pw_gid, (gid_t)-1) == 0 &&
		    setresuid((uid_t)-1, user->pw_uid, (uid_t)-1) == 0;

		_exit(is_he ? try_file(dir) : EPERM);
	}
	return wait_for_answer(child);
}

static void
check_spool(const struct proxy_config *config, const struct proxy_front *front,
    const struct passwd *user, struct proxy_report *report)
{
	struct statfs fs;
	int why = try_file_as(front->spool_dir, user);
	struct strbuf quoted;

	strbuf_init(&quoted, QUOTED_MAX);
	escape_shell(slice_str(front->spool_dir), &quoted);
	if (why == ENOENT)
		add_machine_finding(config, &report->errors,
		    front->spool_dir_line,
		    "spool_dir %s is not there: install -d -m 700%s%s %s",
		    front->spool_dir, user == NULL ? "" : " -o ",
		    user == NULL ? "" : user->pw_name, strbuf_text(&quoted));
	else if (why != 0)
		add_machine_finding(config, &report->errors,
		    front->spool_dir_line,
		    "spool_dir %s cannot be written%s%s: %s", front->spool_dir,
		    user == NULL ? "" : " by ",
		    user != NULL	 ? user->pw_name
			: geteuid() != 0 ? " by you, who are not root"
					 : "",
		    strerror(why));
	if (why == 0 && statfs(front->spool_dir, &fs) == 0 &&
	    (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
		add_machine_finding(config, &report->warnings,
		    front->spool_dir_line,
		    "spool_dir %s is on a tmpfs: spooled mail takes memory",
		    front->spool_dir);
	strbuf_clear(&quoted);
}

/* Its workers' user. 0: it has none, or we are not root, or a mistake. */
static uid_t
check_front(const struct proxy_config *config, const struct proxy_front *front,
    struct proxy_report *report)
{
	const struct passwd *user = NULL;

	if (front->enabled)
		check_presence(config, front, report);
	if (front->enabled || proxy_front_user_is_wanted(config, front))
		user = check_user(config, front, report);
	if (front->enabled && (user != NULL || geteuid() != 0))
		check_spool(config, front, user, report);
	return user == NULL ? 0 : user->pw_uid;
}

/* The database's directory: SQLite puts files beside it. */
static void
check_database(const struct proxy_config *config, const struct passwd *user,
    struct proxy_report *report)
{
	char *dir = xstrdup(config->results.database);
	int why;

	*(strrchr(dir, '/') == dir ? dir + 1 : strrchr(dir, '/')) = '\0';
	why = try_file_as(dir, user);
	if (why != 0)
		add_machine_finding(config, &report->errors,
		    config->results.database_line,
		    "[results] database: %s cannot be written%s%s: %s", dir,
		    user == NULL ? "" : " by ",
		    user == NULL ? "" : user->pw_name, strerror(why));
	free(dir);
}

/* What reads strangers' mail against what signs. */
static void
check_users_differ(const struct proxy_config *config,
    const uid_t users[PROXY_FRONTS], struct proxy_report *report)
{
	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *front = &config->fronts[i];
		bool same = false;

		for (size_t k = 0; k < PROXY_FRONTS; k++)
			same |= users[k] != 0 && users[k] == users[i] &&
			    config->fronts[k].filter == PROXY_FILTER_SIGN;
		if (same && front->filter == PROXY_FILTER_VERIFY)
			add_machine_finding(config, &report->errors,
			    front->user_line,
			    "[%s] needs a `user` other than [signpost]'s: what "
			    "reads strangers' mail must not trace the other "
			    "workers",
			    front->name);
	}
}

/* A role besides the workers', and its user. */
struct role {
	const char *setting, *what; /* "keys_user", "signers" */
	const char *user, *instead;
	unsigned line;
	bool missing; /* its default user is, and it runs as `instead` */
};

/* Whom it runs as; NULL where we are not root, or it is a mistake. */
static const struct passwd *
check_role(const struct proxy_config *config, const struct role *role,
    struct proxy_report *report)
{
	const struct passwd *user;

	if (geteuid() != 0)
		return NULL;
	if (role->missing)
		add_machine_finding(config, &report->warnings, 0,
		    "user %s does not exist: the %s run%s as %s, who reads "
		    "mail; " MAKES_USER,
		    role->user, role->what,
		    role->what[strlen(role->what) - 1] == 's' ? "" : "s",
		    role->instead, role->user);
	user = getpwnam(role->missing ? role->instead : role->user);
	/* The other one's own front is told of that. */
	if (user == NULL && !role->missing)
		add_machine_finding(config, &report->errors, role->line,
		    "%s: user %s does not exist; " MAKES_USER, role->setting,
		    role->user, role->user);
	if (user != NULL && user->pw_uid == 0) {
		add_machine_finding(config, &report->errors, role->line,
		    "%s: user %s is root; the %s may have no privileges",
		    role->setting, role->user, role->what);
		return NULL;
	}
	return user;
}

/* Of a user of its own, that it is nobody's who reads mail. */
static void
check_signers(const struct proxy_config *config,
    const uid_t users[PROXY_FRONTS], struct proxy_report *report)
{
	const struct role role = {"keys_user", "signers", config->keys_user,
	    proxy_signer_user(config), config->keys_user_line,
	    proxy_signer_user_is_missing(config)};
	const struct passwd *user;

	if (proxy_signer_count(config) == 0)
		return;
	user = check_role(config, &role, report);
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		if (user != NULL && !role.missing && users[i] == user->pw_uid)
			add_machine_finding(config, &report->errors, role.line,
			    "keys_user: %s is the user of [%s], which reads "
			    "mail: nobody who does may hold keys",
			    role.user, config->fronts[i].name);
}

/* One that was kept for another user is moved by who knows that nobody uses
 * it. */
static bool
is_anothers(const struct proxy_config *config, const struct passwd *user,
    struct proxy_report *report)
{
	const char *path = config->results.database;
	const char *name = strrchr(path, '/') + 1;
	const char *u = user->pw_name;
	struct strbuf from, to;
	struct stat st;

	if (stat(path, &st) != 0 || st.st_uid == user->pw_uid)
		return false;
	strbuf_init(&from, QUOTED_MAX);
	escape_shell(slice_str(path), &from);
	strbuf_init(&to, QUOTED_MAX);
	escape_shell(slice_str(name), &to);
	add_machine_finding(config, &report->errors,
	    config->results.database_line,
	    "[results] database: %s belongs to user %u, and the recorder runs "
	    "as %s: install -d -m 700 -o %s -g %s " RECORDER_DIR
	    " && mv %s* " RECORDER_DIR "/ && chown %s:%s " RECORDER_DIR
	    "/%s*, and "
	    "`database = " RECORDER_DIR "/%s'",
	    path, (unsigned)st.st_uid, u, u, u, strbuf_text(&from), u, u,
	    strbuf_text(&to), name);
	strbuf_clear(&from);
	strbuf_clear(&to);
	return true;
}

/* The recorder may run as a user whose front is not there. */
static void
check_recorder(const struct proxy_config *config, struct proxy_report *report)
{
	const struct role role = {"[results] user", "recorder",
	    config->results.user, proxy_recorder_user(config),
	    config->results.user_line, proxy_recorder_user_is_missing(config)};
	const struct passwd *user;

	if (!proxy_recorder_is_wanted(config))
		return;
	user = check_role(config, &role, report);
	if (config->results.database == NULL ||
	    (user == NULL && geteuid() == 0))
		return;
	if (user == NULL || !is_anothers(config, user, report))
		check_database(config, user, report);
}

static void
check_groups(const struct proxy_config *config,
    const struct proxy_listeners *listen, const char *section,
    struct proxy_report *report)
{
	const char *group;
	size_t i;

	for (i = 0; i < listen->count; i++) {
		group = listen->list[i].rights.group;
		if (group[0] != '\0' && getgrnam(group) == NULL)
			add_machine_finding(config, &report->errors, 0,
			    "group %s of [%s] listen = unix:%s does not exist",
			    group, section,
			    proxy_endpoint_path(&listen->list[i].at));
	}
}

int
proxy_config_check_machine(
    const struct proxy_config *config, struct proxy_report *report)
{
	size_t before = report->errors.n;
	uid_t users[PROXY_FRONTS];

	if (!proxy_fronts_any(config))
		add_machine_finding(config, &report->errors, 0,
		    "neither [out] nor [in]: there is nothing to serve");
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		users[i] = check_front(config, &config->fronts[i], report);
	check_users_differ(config, users, report);
	check_signers(config, users, report);
	check_recorder(config, report);
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		check_groups(config, &config->fronts[i].listen,
		    config->fronts[i].name, report);
	check_groups(config, &config->metrics.listen, "metrics", report);
	return report->errors.n > before ? -1 : 0;
}
