/* A key's line in the file of its folder; see selectors.h. */
#include "cli/kit/selectors.h"
#include "base/clock.h"
#include "proxy/keys/selectors_folder.h"

enum { LOCK_WAIT_S = 10 };

static int
put_key(struct proxy_selectors *s, enum dkim_key_type type,
    struct slice selector, enum proxy_selector_state state,
    struct strbuf *reason)
{
	int64_t now = clock_wall_s();

	if (proxy_selectors_add(s, type, selector, reason) != 0 ||
	    proxy_selectors_set_state(s, selector, state, reason) != 0)
		return -1;
	(void)proxy_selectors_set_moment(s, selector, PROXY_SELECTOR_MADE, now);
	if (state != PROXY_SELECTOR_STAGED)
		(void)proxy_selectors_set_moment(
		    s, selector, PROXY_SELECTOR_SINCE, now);
	return 0;
}

int
cli_selectors_put(const char *path, enum dkim_key_type type,
    struct slice selector, enum proxy_selector_state state,
    struct strbuf *reason)
{
	struct proxy_selectors_folder folder;
	struct proxy_selectors *s;
	const struct proxy_selector *same;
	bool absent;
	int result = -1;

	if (proxy_selectors_folder_open(
		&folder, path, LOCK_WAIT_S, NULL, reason) != 0)
		return -1;
	s = proxy_selectors_read(&folder, &absent, reason);
	if (absent) {
		strbuf_reset(reason);
		s = proxy_selectors_new();
	}
	if (s != NULL) {
		same = proxy_selectors_find(s, selector);
		if (same != NULL && same->type == type)
			result = 0;
		else if (put_key(s, type, selector, state, reason) == 0)
			result = proxy_selectors_write(&folder, s, reason);
	}
	proxy_selectors_free(s);
	proxy_selectors_folder_close(&folder);
	return result;
}
