/*
 * Something that happens to a program at one of its steps: loaded before all
 * libraries (LD_PRELOAD), it waits for the call that T_AT names, "CALL TEXT
 * NUMBER": the so-manieth one of rename, renameat, unlink, fsync, fork or send whose path,
 * or what is sent, has that text in it ("-": any). Before that call is made,
 * T_DO says what happens: kill, the program ends there; stop, it stops until it is
 * sent SIGCONT; full, the call fails with ENOSPC. The file T_MET is made first, so
 * that it is known that the call came. t/run/rotate_faults.py loads it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PLAN_MAX = 199 };

struct plan {
	bool known;
	char words[PLAN_MAX + 1];
	const char *call, *text;
	long left; /* 0: it has happened, or is not to */
};

static struct plan plan;

/* Up to the next blank, which becomes the end of it. */
static const char *
next_word(char **rest)
{
	char *word = *rest, *end = strchr(word, ' ');

	if (end == NULL)
		abort();
	*end = '\0';
	*rest = end + 1;
	return word;
}

static void
read_plan(void)
{
	const char *at = getenv("T_AT");
	char *rest = plan.words;

	plan.known = true;
	if (at == NULL)
		return;
	if (strlen(at) > PLAN_MAX)
		abort();
	memcpy(plan.words, at, strlen(at) + 1);
	plan.call = next_word(&rest);
	plan.text = next_word(&rest);
	plan.left = strtol(rest, NULL, 10);
}

/* True where the call is to fail. */
static bool
meets(const char *call, const void *bytes, size_t n)
{
	const char *what = getenv("T_DO"), *met = getenv("T_MET");

	if (!plan.known)
		read_plan();
	if (plan.left == 0 || strcmp(call, plan.call) != 0 ||
	    (strcmp(plan.text, "-") != 0 &&
		memmem(bytes, n, plan.text, strlen(plan.text)) == NULL) ||
	    --plan.left > 0)
		return false;
	if (what == NULL || met == NULL ||
	    close(open(met, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) != 0)
		abort();
	if (strcmp(what, "kill") == 0)
		(void)raise(SIGKILL);
	else if (strcmp(what, "stop") == 0)
		(void)raise(SIGSTOP);
	else if (strcmp(what, "full") != 0)
		abort();
	errno = ENOSPC;
	return strcmp(what, "full") == 0;
}

/* Gives the next function of that name, behind ours. */
static void
find_next(const char *name, void *to)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (found == NULL)
		abort();
	memcpy(to, &found, sizeof(found));
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	int (*next)(int, const char *, int, const char *);

	if (meets("renameat", to, strlen(to)))
		return -1;
	find_next("renameat", &next);
	return next(from_fd, from, to_fd, to);
}

int
rename(const char *from, const char *to)
{
	int (*next)(const char *, const char *);

	if (meets("rename", to, strlen(to)))
		return -1;
	find_next("rename", &next);
	return next(from, to);
}

int
unlink(const char *path)
{
	int (*next)(const char *);

	if (meets("unlink", path, strlen(path)))
		return -1;
	find_next("unlink", &next);
	return next(path);
}

int
fsync(int fd)
{
	int (*next)(int);

	if (meets("fsync", "", 0))
		return -1;
	find_next("fsync", &next);
	return next(fd);
}

pid_t
fork(void)
{
	pid_t (*next)(void);

	if (meets("fork", "", 0))
		return -1;
	find_next("fork", &next);
	return next();
}

ssize_t
send(int fd, const void *bytes, size_t n, int flags)
{
	ssize_t (*next)(int, const void *, size_t, int);

	if (meets("send", bytes, n))
		return -1;
	find_next("send", &next);
	return next(fd, bytes, n, flags);
}
