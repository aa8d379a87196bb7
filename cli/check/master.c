/* Services and their parameters; see master.h. */
#include "cli/check/master.h"

/* "name type private unpriv chroot wakeup maxproc command" */
enum { FIELD_NAME, FIELD_TYPE, FIELD_COMMAND = 7, FIELDS };

/* Behind the brace that closes the first one; all where none does. */
static size_t
end_of_braces(struct slice text)
{
	size_t depth = 0, n = 0;

	while (n < text.n) {
		char c = text.p[n++];

		depth += c == '{';
		depth -= c == '}';
		if (depth == 0)
			break;
	}
	return n;
}

bool
check_master_word(struct slice *rest, struct slice *word)
{
	size_t n = 0;

	*rest = slice_trim(*rest);
	if (rest->n == 0)
		return false;
	if (rest->p[0] == '{') {
		n = end_of_braces(*rest);
		*word = slice_trim(slice_from(rest->p + 1,
		    n > 1 && rest->p[n - 1] == '}' ? n - 2 : n - 1));
	} else {
		while (n < rest->n && !ascii_is_space(rest->p[n]))
			n++;
		*word = slice_first(*rest, n);
	}
	*rest = slice_after(*rest, n);
	return true;
}

bool
check_master_item(struct slice *rest, struct slice *item)
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
check_master_lists(struct slice list, struct slice word)
{
	struct slice item;

	while (check_master_item(&list, &item))
		if (slice_equal_nocase(item, word))
			return true;
	return false;
}

/* "name = value" of that name? */
static bool
is_setting(struct slice setting, const char *name, struct slice *value)
{
	size_t equals = slice_find(setting, '=');

	if (equals == setting.n ||
	    !slice_equal(
		slice_trim(slice_first(setting, equals)), slice_str(name)))
		return false;
	*value = slice_trim(slice_after(setting, equals + 1));
	return true;
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
read_service(struct slice text, struct check_service *to)
{
	struct slice fields[FIELDS];

	for (size_t i = 0; i < FIELDS; i++)
		if (!check_master_word(&text, &fields[i]))
			return false;
	*to = (struct check_service){fields[FIELD_NAME], fields[FIELD_TYPE],
	    fields[FIELD_COMMAND], text};
	return true;
}

void
check_master_read(
    struct check_master *master, struct slice services, struct slice parameters)
{
	master->count = 0;
	master->parameters = parameters;
	while (services.n > 0 && master->count < CHECK_SERVICES_MAX)
		if (read_service(
			cut_service(&services), &master->list[master->count]))
			master->count++;
}

const struct check_service *
check_master_find(const struct check_master *master, struct slice name)
{
	for (size_t i = 0; i < master->count; i++)
		if (slice_equal(master->list[i].name, name) &&
		    !slice_equal(master->list[i].type, SLICE("inet")))
			return &master->list[i];
	return NULL;
}

/* The last one counts, as in Postfix. */
bool
check_service_sets(
    const struct check_service *service, const char *name, struct slice *value)
{
	struct slice rest = service->options, word;
	bool found = false;

	while (check_master_word(&rest, &word))
		if (slice_equal(word, SLICE("-o")) &&
		    check_master_word(&rest, &word))
			found |= is_setting(word, name, value);
	return found;
}

struct slice
check_master_value(const struct check_master *master,
    const struct check_service *service, const char *name)
{
	struct slice rest = master->parameters, line, value = {NULL, 0};

	if (service != NULL && check_service_sets(service, name, &value))
		return value;
	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		if (is_setting(line, name, &value))
			return value;
	return value;
}
