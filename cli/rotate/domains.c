/* Domains with `selector = auto'; see domains.h. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/kit/key_places.h"
#include "cli/rotate/domains.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/selectors_known.h"
#include "proxy/settings/index.h"

struct finding {
	struct rotate_domains *domains;
	const struct proxy_config *config;
	struct slice only;
	struct strbuf *reason;
	int outcome;
};

static struct rotate_domain *
put_domain(struct finding *f, struct slice name, const char *folder)
{
	struct rotate_domains *d = f->domains;
	struct rotate_domain *domain;
	size_t number;

	if (d->names == NULL)
		d->names = proxy_index_new();
	number = proxy_index_add(d->names, name);
	if (number < d->count) {
		domain = &d->list[number];
		if (strcmp(domain->folder, folder) == 0)
			return domain;
		f->outcome = strbuf_fail(f->reason,
		    "%.*s: its keys are to lie in %s and in %s: there can be "
		    "one such folder for selector = auto",
		    (int)name.n, name.p, domain->folder, folder);
		return NULL;
	}
	if (d->count == d->room) {
		d->room = d->room == 0 ? 16 : 2 * d->room;
		d->list = xreallocarray(d->list, d->room, sizeof(*d->list));
	}
	domain = &d->list[d->count++];
	*domain = (struct rotate_domain){
	    .name = xslicedup(name), .folder = xstrdup(folder)};
	return domain;
}

/* The daemon is asked by a sender; it had best be the domain itself. */
static void
note_author(struct rotate_domain *domain, struct slice author)
{
	if (author.n == 0)
		author = slice_str(domain->name);
	if (domain->author != NULL &&
	    !slice_equal_nocase(author, slice_str(domain->name)))
		return;
	free(domain->author);
	domain->author = xslicedup(author);
}

static void
on_place(void *ctx, const struct cli_key_place *place)
{
	struct finding *f = ctx;
	const struct proxy_key_rule *rule =
	    &f->config->signing.keys[place->rule];
	struct rotate_domain *domain;
	struct strbuf folder;

	if (!rule->automatic || place->domain.n == 0 || f->outcome != 0 ||
	    (f->only.n > 0 && !slice_equal_nocase(f->only, place->domain)))
		return;
	strbuf_init(&folder, PROXY_KEY_PATH_MAX);
	if (proxy_selectors_folder_path(
		rule, place->domain, &folder, f->reason) != 0) {
		f->outcome = -1;
	} else if ((domain = put_domain(
			f, place->domain, strbuf_text(&folder))) != NULL) {
		note_author(domain, place->author);
		domain->rule = place->rule;
		domain->domainkeys |= rule->domainkeys;
		if (rule->algorithm == DKIM_ALGORITHM_UNKNOWN)
			domain->any = true;
		else
			domain->kinds |=
			    ROTATE_KIND(rule->algorithm == DKIM_ED25519_SHA256
				    ? DKIM_KEY_ED25519
				    : DKIM_KEY_RSA);
	}
	strbuf_clear(&folder);
}

int
rotate_domains_find(struct rotate_domains *domains,
    const struct proxy_config *config, struct slice only, struct strbuf *reason)
{
	struct finding f = {domains, config, only, reason, 0};

	cli_key_places(config, only, on_place, &f);
	return f.outcome;
}

void
rotate_domains_clear(struct rotate_domains *domains)
{
	for (size_t i = 0; i < domains->count; i++) {
		free(domains->list[i].name);
		free(domains->list[i].folder);
		free(domains->list[i].author);
	}
	free(domains->list);
	proxy_index_free(domains->names);
	*domains = (struct rotate_domains){0};
}
