/* What the kernel knows of a process; see process.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "proxy/figures/process.h"

enum {
	STAT_MAX = 2048,
	/* Fields of /proc/PID/stat, proc(5), counted behind the name. */
	UTIME = 11,
	STIME = 12,
	STARTTIME = 19,
	VSIZE = 20,
	RSS = 21,
	FIELDS
};

/* The name, in brackets, may hold brackets and blanks. */
int
proxy_process_parse(struct slice stat, double boot, struct proxy_process *to)
{
	size_t end = slice_find_last(stat, ')');
	double tick = (double)sysconf(_SC_CLK_TCK);
	uint64_t n[FIELDS] = {0};
	struct slice word;

	if (end + 2 >= stat.n)
		return -1;
	stat = slice_after(stat, end + 2);
	for (unsigned i = 0; i < FIELDS; i++) {
		if (!slice_cut(&stat, ' ', &word))
			return -1;
		if ((i == UTIME || i == STIME || i >= STARTTIME) &&
		    number_parse(word, UINT64_MAX, &n[i]) != 0)
			return -1;
	}
	*to = (struct proxy_process){
	    .cpu_seconds = (double)(n[UTIME] + n[STIME]) / tick,
	    .resident = n[RSS] * (uint64_t)sysconf(_SC_PAGESIZE),
	    .virtual = n[VSIZE],
	    .started = boot + (double)n[STARTTIME] / tick,
	};
	return 0;
}

int
proxy_process_read(pid_t pid, struct proxy_process *to)
{
	char path[64], text[STAT_MAX];
	size_t n, room;
	int fd;
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	/* The whole of a small file; how much, 0 where it cannot be read. */
	room = sizeof(text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		n = 0;
	else {
		length = read(fd, text, room);
		(void)close(fd);
		n = length < 0 ? 0 : (size_t)length;
	}
	return proxy_process_parse(slice_from(text, n), clock_booted_s(), to);
}

void
proxy_process_eyes_open(struct proxy_process_eyes *eyes)
{
	eyes->open = true;
	eyes->stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	eyes->folder = opendir("/proc/self/fd");
	eyes->booted = clock_booted_s();
}

void
proxy_process_eyes_close(struct proxy_process_eyes *eyes)
{
	if (eyes->open && eyes->stat >= 0)
		(void)close(eyes->stat);
	if (eyes->open && eyes->folder != NULL)
		(void)closedir(eyes->folder);
	eyes->open = false;
}

/* Counted by looking: who opens them are many. */
static uint64_t
descriptors_open(const struct proxy_process_eyes *eyes)
{
	uint64_t n = 0;

	if (eyes->folder == NULL)
		return 0;
	rewinddir(eyes->folder);
	while (readdir(eyes->folder) != NULL)
		n++;
	return n > 2 ? n - 2 : 0; /* "." and ".." */
}

void
proxy_process_count(
    const struct proxy_process_eyes *eyes, struct proxy_counters *c)
{
	char text[STAT_MAX];
	struct proxy_process is;
	struct rlimit limit;
	ssize_t n = eyes->open ? pread(eyes->stat, text, sizeof(text), 0) : -1;

	if (n <= 0 ||
	    proxy_process_parse(
		slice_from(text, (size_t)n), eyes->booted, &is) != 0)
		return;
	proxy_count_set(
	    c, PROXY_COUNT_CPU_MS, (uint64_t)(is.cpu_seconds * 1000));
	proxy_count_set(c, PROXY_COUNT_RESIDENT, is.resident);
	proxy_count_set(c, PROXY_COUNT_VIRTUAL, is.virtual);
	proxy_count_set(c, PROXY_COUNT_BEGAN_MS, (uint64_t)(is.started * 1000));
	proxy_count_set(c, PROXY_COUNT_FDS, descriptors_open(eyes));
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		proxy_count_set(c, PROXY_COUNT_FDS_MAX, limit.rlim_cur);
}

bool
proxy_process_counted(const struct proxy_counters *c, struct proxy_process *to)
{
	if (proxy_counter_get(c, PROXY_COUNT_FDS_MAX) == 0)
		return false;
	*to = (struct proxy_process){
	    .cpu_seconds =
		(double)proxy_counter_get(c, PROXY_COUNT_CPU_MS) / 1000,
	    .resident = proxy_counter_get(c, PROXY_COUNT_RESIDENT),
	    .virtual = proxy_counter_get(c, PROXY_COUNT_VIRTUAL),
	    .started =
		(double)proxy_counter_get(c, PROXY_COUNT_BEGAN_MS) / 1000,
	};
	return true;
}
