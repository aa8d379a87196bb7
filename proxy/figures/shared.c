/* The page that processes share; see shared.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/figures/shared.h"

static struct proxy_shared *
map(int fd)
{
	void *page = mmap(NULL, sizeof(struct proxy_shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

struct proxy_shared *
proxy_shared_new(int *fd)
{
	struct proxy_shared *shared = NULL;

	*fd = memfd_create("signpost-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	/* Who could cut it short would end all others by SIGBUS. */
	if (ftruncate(*fd, sizeof(struct proxy_shared)) == 0 &&
	    fcntl(*fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		shared = map(*fd);
	if (shared == NULL) {
		(void)close(*fd);
		*fd = -1;
	}
	return shared;
}

struct proxy_shared *
proxy_shared_map(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return NULL;
	if (st.st_size != (off_t)sizeof(struct proxy_shared)) {
		errno = EINVAL;
		return NULL;
	}
	return map(fd);
}

void
proxy_shared_unmap(struct proxy_shared *shared)
{
	if (shared != NULL)
		(void)munmap(shared, sizeof(*shared));
}

/* The first free slot with that role in it; -1 for none. */
static int
find_free(const struct proxy_slots *slots, enum proxy_role role)
{
	for (int i = 0; i < PROXY_SHARED_SLOTS; i++)
		if (!slots->taken[i] && slots->roles[i] == role)
			return i;
	return -1;
}

int
proxy_shared_take(struct proxy_shared *shared, struct proxy_slots *slots,
    enum proxy_role role)
{
	int i = find_free(slots, role);
	struct proxy_shared_slot *slot;

	if (i < 0)
		i = find_free(slots, PROXY_ROLE_NONE);
	if (i < 0)
		return -1;
	slots->taken[i] = true;
	slots->roles[i] = role;
	slot = &shared->slots[i];
	atomic_store(&shared->spool[i], 0);
	atomic_store(&slot->counters.n[PROXY_COUNT_SESSIONS_OPEN], 0);
	atomic_store(&slot->drains, 0);
	atomic_store(&slot->silent, 0);
	atomic_store(&slot->role, (uint32_t)role);
	return i;
}

void
proxy_shared_leave(
    struct proxy_shared *shared, struct proxy_slots *slots, int slot)
{
	slots->taken[slot] = false;
	atomic_store(&shared->spool[slot], 0);
	atomic_store(
	    &shared->slots[slot].counters.n[PROXY_COUNT_SESSIONS_OPEN], 0);
	atomic_store(&shared->slots[slot].counters.n[PROXY_COUNT_FDS_MAX], 0);
	atomic_store(&shared->slots[slot].pid, 0);
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
		if (atomic_load(&shared->slots[i].role) == (uint32_t)role)
			sum += proxy_counter_get(
			    &shared->slots[i].counters, counter);
	return sum;
}
