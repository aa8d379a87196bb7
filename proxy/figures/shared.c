/* The pages that processes share; see shared.h. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "proxy/figures/shared.h"

_Static_assert(sizeof(((struct proxy_shared *)0)->master_page) ==
	offsetof(struct proxy_shared, history),
    "the master's part has room in its page");
_Static_assert(offsetof(struct proxy_shared, slots) ==
	PROXY_PAGE + sizeof(((struct proxy_shared *)0)->history_page),
    "the history has room in its pages");
_Static_assert(
    sizeof(union proxy_shared_slot) == PROXY_PAGE, "a slot has room, too");

/* --- files --- */

static int
make_file(const char *name, size_t n)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	/* Who could cut it short would end all others by SIGBUS, and who made
	 * it grow could look past its end. Nobody but its owner opens it. */
	if (ftruncate(fd, (off_t)n) == 0 && fchmod(fd, 0400) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ==
		0)
		return fd;
	(void)close(fd);
	return -1;
}

int
proxy_shared_reader(int file)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* --- mapping --- */

/* A place for all of them, with nothing in it. */
static struct proxy_shared *
reserve(void)
{
	void *at = mmap(NULL, sizeof(struct proxy_shared), PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static int
put(void *at, size_t n, int file, int rights)
{
	struct stat st;

	if (fstat(file, &st) != 0)
		return -1;
	if (st.st_size != (off_t)n) {
		errno = EINVAL;
		return -1;
	}
	return mmap(at, n, rights, MAP_SHARED | MAP_FIXED, file, 0) ==
		MAP_FAILED
	    ? -1
	    : 0;
}

#define READ  PROT_READ
#define WRITE (PROT_READ | PROT_WRITE)

struct proxy_shared *
proxy_shared_new(struct proxy_shared_files *files)
{
	struct proxy_shared *shared = reserve();

	for (size_t i = 0; i < PROXY_SHARED_SLOTS; i++)
		files->slots[i] = -1;
	files->master = make_file("signpost-master", PROXY_PAGE);
	files->history =
	    make_file("signpost-history", sizeof(shared->history_page));
	if (shared != NULL &&
	    put(&shared->master_page, sizeof(shared->master_page),
		files->master, WRITE) == 0 &&
	    put(&shared->history_page, sizeof(shared->history_page),
		files->history, WRITE) == 0)
		return shared;
	proxy_shared_unmap(shared);
	proxy_shared_close(files);
	return NULL;
}

void
proxy_shared_close(struct proxy_shared_files *files)
{
	fd_close(&files->master);
	fd_close(&files->history);
	for (size_t i = 0; i < PROXY_SHARED_SLOTS; i++)
		fd_close(&files->slots[i]);
}

struct proxy_shared *
proxy_shared_map(int master, int history, int own, unsigned slot)
{
	struct proxy_shared *shared = reserve();

	if (shared == NULL)
		return NULL;
	if (put(&shared->master_page, sizeof(shared->master_page), master,
		READ) == 0 &&
	    (history < 0 ||
		put(&shared->history_page, sizeof(shared->history_page),
		    history, WRITE) == 0) &&
	    put(&shared->slots[slot], PROXY_PAGE, own, WRITE) == 0)
		return shared;
	proxy_shared_unmap(shared);
	return NULL;
}

int
proxy_shared_show(struct proxy_shared *shared, unsigned slot, int file)
{
	if (slot >= PROXY_SHARED_SLOTS)
		return -1;
	return put(&shared->slots[slot], PROXY_PAGE, file, READ);
}

void
proxy_shared_unmap(struct proxy_shared *shared)
{
	if (shared != NULL)
		(void)munmap(shared, sizeof(*shared));
}

uint64_t
proxy_shared_spool(
    const struct proxy_shared *shared, enum proxy_role role, unsigned but)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PROXY_SHARED_SLOTS; i++) {
		uint32_t its = atomic_load_explicit(
		    &shared->seats[i].role, memory_order_relaxed);

		/* They are taken from the first on, and keep their role: none
		 * behind this one was ever used. */
		if (its == PROXY_ROLE_NONE)
			break;
		if (i != but && its == role)
			sum += atomic_load_explicit(
			    &shared->slots[i].spool, memory_order_seq_cst);
	}
	return sum;
}

/* --- slots --- */

/* The first free slot with that role in it; -1 for none. */
static int
find_free(const struct proxy_slots *slots, enum proxy_role role)
{
	for (int i = 0; i < PROXY_SHARED_SLOTS; i++)
		if (!slots->taken[i] && slots->roles[i] == role)
			return i;
	return -1;
}

/* Its page, where it has none yet. */
static int
have_page(struct proxy_shared *shared, struct proxy_shared_files *files, int i)
{
	if (files->slots[i] >= 0)
		return 0;
	files->slots[i] = make_file("signpost-page", PROXY_PAGE);
	if (files->slots[i] < 0)
		return -1;
	if (put(&shared->slots[i], PROXY_PAGE, files->slots[i], WRITE) == 0)
		return 0;
	fd_close(&files->slots[i]);
	return -1;
}

int
proxy_shared_take(struct proxy_shared *shared, struct proxy_shared_files *files,
    struct proxy_slots *slots, enum proxy_role role)
{
	int i = find_free(slots, role);

	if (i < 0)
		i = find_free(slots, PROXY_ROLE_NONE);
	if (i < 0 || have_page(shared, files, i) != 0)
		return -1;
	slots->taken[i] = true;
	slots->roles[i] = role;
	atomic_store(&shared->slots[i].spool, 0);
	atomic_store(
	    &shared->slots[i].counters.n[PROXY_COUNT_SESSIONS_OPEN], 0);
	atomic_store(&shared->seats[i].drains, 0);
	atomic_store(&shared->seats[i].silent, 0);
	atomic_store(&shared->seats[i].role, (uint32_t)role);
	return i;
}

void
proxy_shared_leave(
    struct proxy_shared *shared, struct proxy_slots *slots, int slot)
{
	slots->taken[slot] = false;
	atomic_store(&shared->slots[slot].spool, 0);
	atomic_store(
	    &shared->slots[slot].counters.n[PROXY_COUNT_SESSIONS_OPEN], 0);
	atomic_store(&shared->slots[slot].counters.n[PROXY_COUNT_FDS_MAX], 0);
	atomic_store(&shared->seats[slot].pid, 0);
}

void
proxy_shared_reloaded(struct proxy_shared *shared, int64_t now)
{
	atomic_store(&shared->reload.done, now);
	atomic_store(&shared->reload.refused, 0);
}

void
proxy_shared_refused(struct proxy_shared *shared, int64_t now, struct slice why)
{
	size_t i;

	why = slice_first(why, PROXY_RELOAD_TEXT_MAX - 1);
	for (i = 0; i < why.n; i++)
		atomic_store_explicit(
		    &shared->reload.why[i], why.p[i], memory_order_relaxed);
	atomic_store(&shared->reload.why[i], '\0');
	atomic_store(&shared->reload.refused, now);
}

bool
proxy_shared_refusal(
    const struct proxy_shared *shared, char to[PROXY_RELOAD_TEXT_MAX])
{
	size_t i;

	to[0] = '\0';
	if (atomic_load(&shared->reload.refused) == 0)
		return false;
	for (i = 0; i < PROXY_RELOAD_TEXT_MAX - 1; i++)
		if ((to[i] = atomic_load_explicit(
			 &shared->reload.why[i], memory_order_relaxed)) == '\0')
			break;
	to[i] = '\0';
	return true;
}

uint64_t
proxy_shared_sum(const struct proxy_shared *shared, enum proxy_role role,
    enum proxy_counter counter)
{
	uint64_t sum = 0;

	for (int i = 0; i < PROXY_SHARED_SLOTS; i++)
		if (atomic_load(&shared->seats[i].role) == (uint32_t)role)
			sum += proxy_counter_get(
			    &shared->slots[i].counters, counter);
	return sum;
}
