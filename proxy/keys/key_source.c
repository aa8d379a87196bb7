/* The rows; see key_source.h. */
#include <stdlib.h>

#include "proxy/keys/key_source.h"
#include "proxy/settings/sign_map.h"

struct source {
	const char *prefix;
	/* The path of what stands behind the prefix; as above. */
	int (*path)(struct slice name, struct strbuf *, struct strbuf *reason);
};

static int
path_of_file(struct slice name, struct strbuf *path, struct strbuf *reason)
{
	if (strbuf_add_char(path, '/') == 0 && strbuf_add(path, name) == 0)
		return 0;
	return strbuf_fail(reason, "the path of the key file is too long");
}

/* systemd.exec(5), "Credentials". */
static int
path_of_credential(
    struct slice name, struct strbuf *path, struct strbuf *reason)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	if (folder == NULL)
		return strbuf_fail(reason,
		    "credential %.*s: systemd handed none over "
		    "(LoadCredential=%.*s:FILE in the unit)",
		    (int)name.n, name.p, (int)name.n, name.p);
	if (strbuf_addf(path, "%s/", folder) == 0 &&
	    strbuf_add(path, name) == 0)
		return 0;
	return strbuf_fail(reason, "the path of the credential is too long");
}

static const struct source sources[] = {
    {PROXY_KEY_CREDENTIAL, path_of_credential},
    {"/", path_of_file},
};

int
proxy_key_source_path(
    struct slice place, struct strbuf *path, struct strbuf *reason)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct slice prefix = slice_str(sources[i].prefix);

		if (slice_starts_nocase(place, prefix))
			return sources[i].path(
			    slice_after(place, prefix.n), path, reason);
	}
	return strbuf_fail(reason, "keys come from no such place");
}
