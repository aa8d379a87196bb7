/* A process' end of the master's wire; see hello.h. */
#include <unistd.h>

#include <event2/event.h>

#include "proxy/figures/shared.h"
#include "proxy/process/hello.h"

bool
proxy_hello_take(struct event *event, struct proxy_shared *shared,
    struct proxy_hello *hello, int *fd)
{
	switch (proxy_hello_receive(event_get_fd(event), hello, fd)) {
	case PROXY_HELLO_GOT:
		break;
	case PROXY_HELLO_GONE:
		(void)event_del(event);
		return false;
	case PROXY_HELLO_NONE:
		return false;
	}
	if (hello->kind != PROXY_HELLO_PAGE)
		return true;
	/* What is shown is mapped, and needs no descriptor. */
	if (shared != NULL)
		(void)proxy_shared_show(shared, hello->number, *fd);
	(void)close(*fd);
	return false;
}
