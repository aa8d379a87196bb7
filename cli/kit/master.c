/* Services and their parameters; see master.h. */
#include "cli/kit/master.h"

/* "name type private unpriv chroot wakeup maxproc command" */
enum { FIELD_NAME, FIELD_TYPE, FIELD_CHROOT = 4, FIELD_COMMAND = 7, FIELDS };

bool
cli_master_token(struct slice *rest, struct slice *token)
{
	size_t n = 0, depth = 0;

	*rest = slice_trim(*rest);
	for (; n < rest->n && (depth > 0 || !ascii_is_space(rest->p[n])); n++) {
		depth += rest->p[n] == '{';
		depth -= rest->p[n] == '}' && depth > 0;
	}
	*token = slice_first(*rest, n);
	*rest = slice_after(*rest, n);
	return n > 0;
}

bool
cli_master_word(struct slice *rest, struct slice *word)
{
	if (!cli_master_token(rest, word))
		return false;
	if (word->n >= 2 && word->p[0] == '{' && word->p[word->n - 1] == '}')
		*word = slice_trim(slice_from(word->p + 1, word->n - 2));
	return true;
}

bool
cli_master_option(struct slice *rest, struct slice *name, struct slice *value)
{
	struct slice word;
	size_t equals;

	while (cli_master_token(rest, &word)) {
		if (!slice_equal(word, SLICE("-o")) ||
		    !cli_master_word(rest, &word))
			continue;
		equals = slice_find(word, '=');
		if (equals == word.n)
			continue;
		*name = slice_trim(slice_first(word, equals));
		*value = slice_trim(slice_after(word, equals + 1));
		return true;
	}
	return false;
}

bool
cli_master_item(struct slice *rest, struct slice *item)
{
	size_t n = 0;

	while (rest->n > 0 && (rest->p[0] == ',' || ascii_is_space(rest->p[0])))
		*rest = slice_after(*rest, 1);
	while (n < rest->n && rest->p[n] != ',' && !ascii_is_space(rest->p[n]))
		n++;
	*item = slice_first(*rest, n);
	*rest = slice_after(*rest, n);
	return n > 0;
}

bool
cli_master_lists(struct slice list, struct slice word)
{
	struct slice item;

	while (cli_master_item(&list, &item))
		if (slice_equal_nocase(item, word))
			return true;
	return false;
}

/* Up to the next line that does not begin with a blank. */
static struct slice
cut_service(struct slice *rest)
{
	struct slice line, whole = *rest;

	(void)slice_cut(rest, '\n', &line);
	while (rest->n > 0 && ascii_is_space(rest->p[0]))
		(void)slice_cut(rest, '\n', &line);
	return slice_first(whole, whole.n - rest->n);
}

static bool
read_service(struct slice text, struct cli_service *to)
{
	struct slice fields[FIELDS];

	for (size_t i = 0; i < FIELDS; i++)
		if (!cli_master_word(&text, &fields[i]))
			return false;
	*to = (struct cli_service){fields[FIELD_NAME], fields[FIELD_TYPE],
	    fields[FIELD_COMMAND], text,
	    slice_equal(fields[FIELD_CHROOT], SLICE("y"))};
	return true;
}

void
cli_master_read(
    struct cli_master *master, struct slice services, struct slice parameters)
{
	master->count = 0;
	master->parameters = parameters;
	while (services.n > 0 && master->count < CLI_SERVICES_MAX)
		if (read_service(
			cut_service(&services), &master->list[master->count]))
			master->count++;
}

bool
cli_service_is_one_of(struct slice name, const char *const *names)
{
	size_t colon = slice_find_last(name, ':');

	if (colon < name.n)
		name = slice_after(name, colon + 1);
	for (; *names != NULL; names++)
		if (slice_equal(name, slice_str(*names)))
			return true;
	return false;
}

const struct cli_service *
cli_master_find(const struct cli_master *master, struct slice name)
{
	for (size_t i = 0; i < master->count; i++)
		if (slice_equal(master->list[i].name, name) &&
		    !slice_equal(master->list[i].type, SLICE("inet")))
			return &master->list[i];
	return NULL;
}

bool
cli_service_sets(
    const struct cli_service *service, const char *name, struct slice *value)
{
	struct slice rest = service->options, its_name, its_value;
	bool found = false;

	while (cli_master_option(&rest, &its_name, &its_value))
		if (slice_equal(its_name, slice_str(name))) {
			*value = its_value;
			found = true;
		}
	return found;
}

struct slice
cli_master_value(const struct cli_master *master,
    const struct cli_service *service, const char *name)
{
	struct slice rest = master->parameters, line, value = {NULL, 0};

	if (service != NULL && cli_service_sets(service, name, &value))
		return value;
	while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
		size_t equals = slice_find(line, '=');

		if (equals < line.n &&
		    slice_equal(
			slice_trim(slice_first(line, equals)), slice_str(name)))
			return slice_trim(slice_after(line, equals + 1));
	}
	return value;
}
