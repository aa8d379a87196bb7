/* A command that changes the DNS; see publish_command.h. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/escape.h"
#include "cli/kit/capture.h"
#include "cli/kit/publish_command.h"

enum {
	COMMAND_MAX = 4096,
	GROUPS_MAX = 64,
	ARGUMENTS = 5,
	ARGV_MAX = CLI_PUBLISH_COMMAND_WORDS_MAX + ARGUMENTS + 1
};

/* Its words, as strings one after the other in `copy': how many, or -1 and the
 * reason. */
static int
split_words(const char *command, struct strbuf *copy,
    const char *argv[ARGV_MAX], struct strbuf *reason)
{
	struct slice rest = slice_str(command);
	int count = 0;

	/* All of its room at once: the words stay where they are. */
	if (rest.n > COMMAND_MAX / 2 ||
	    strbuf_reserve(copy, COMMAND_MAX) == NULL)
		return strbuf_fail(
		    reason, "the command has over %d octets", COMMAND_MAX / 2);
	while ((rest = slice_trim(rest)).n > 0) {
		size_t n = 0;

		while (n < rest.n && !ascii_is_space(rest.p[n]))
			n++;
		if (count == CLI_PUBLISH_COMMAND_WORDS_MAX)
			return strbuf_fail(reason, "%s: more than %d words",
			    argv[0], CLI_PUBLISH_COMMAND_WORDS_MAX);
		argv[count++] = copy->p + copy->n;
		strbuf_add(copy, slice_first(rest, n));
		strbuf_add_char(copy, '\0');
		rest = slice_after(rest, n);
	}
	if (count == 0 || argv[0][0] != '/')
		return strbuf_fail(
		    reason, "%s: no path that begins with /", command);
	return count;
}

/* Groups of its own come with a user, for a key may be a group's to read. */
static int
find_user(const char *name, struct cli_capture_apart *apart,
    gid_t groups[GROUPS_MAX], struct strbuf *reason)
{
	const struct passwd *user;
	int count = GROUPS_MAX;

	if (geteuid() != 0)
		return 0;
	user = getpwnam(name);
	if (user == NULL)
		return strbuf_fail(reason,
		    "publish_user %s does not exist; useradd --system "
		    "--user-group --no-create-home --home-dir /nonexistent "
		    "--shell /usr/sbin/nologin %s makes it",
		    name, name);
	if (getgrouplist(name, user->pw_gid, groups, &count) < 0)
		return strbuf_fail(reason,
		    "publish_user %s is in more than %d groups", name,
		    GROUPS_MAX);
	if (user->pw_uid == 0)
		return strbuf_fail(reason, "publish_user %s is root", name);
	for (int i = 0; i < count; i++)
		if (groups[i] == 0)
			return strbuf_fail(reason,
			    "publish_user %s is in the group of root", name);
	apart->user = user->pw_uid;
	apart->group = user->pw_gid;
	apart->groups = groups;
	apart->group_count = (size_t)count;
	return 0;
}

static int
run_apart(const char *const argv[], const struct cli_publish_command *c,
    struct strbuf *reason)
{
	/* Nothing of root's environment, whoever set it. */
	static const char *const environment[] = {
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	    "LC_ALL=C", "HOME=/", NULL};
	struct cli_capture_apart apart = {.environment = environment};
	gid_t groups[GROUPS_MAX];
	size_t before = reason->n;
	struct strbuf out;
	int outcome;

	if (find_user(c->user, &apart, groups, reason) != 0)
		return -1;
	strbuf_init(&out, CLI_PUBLISH_COMMAND_SAYS_MAX);
	strbuf_addf(reason, "%s ", argv[0]);
	outcome = cli_capture_apart(argv, &apart, c->ms, &out, reason);
	if (outcome == 0) {
		strbuf_truncate(reason, before);
	} else {
		struct slice said = slice_trim(strbuf_slice(&out)), line;
		const char *between = ": ";

		while (said.n > 0 && slice_cut(&said, '\n', &line)) {
			strbuf_add_str(reason, between);
			escape_text(slice_trim(line), reason);
			between = "; ";
		}
	}
	strbuf_clear(&out);
	return outcome;
}

int
cli_publish_command_run(const struct cli_publish_command *c,
    const struct cli_publish_order *order, struct strbuf *reason)
{
	const char *argv[ARGV_MAX];
	struct strbuf copy;
	char ttl[16];
	int n, outcome = -1;

	strbuf_init(&copy, COMMAND_MAX);
	n = split_words(c->command, &copy, argv, reason);
	if (n > 0) {
		(void)snprintf(ttl, sizeof(ttl), "%u", order->ttl);
		argv[n++] =
		    order->act == CLI_PUBLISH_COMMAND_ADD ? "add" : "remove";
		argv[n++] = order->name;
		argv[n++] = ttl;
		argv[n++] = order->type;
		argv[n++] = order->text;
		argv[n] = NULL;
		outcome = run_apart(argv, c, reason);
	}
	strbuf_clear(&copy);
	return outcome;
}
