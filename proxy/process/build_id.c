/* The note that the linker left in this program; see build_id.h. */
#include <link.h>
#include <stdint.h>
#include <string.h>

#include "proxy/process/build_id.h"

/* Notes stand behind each other, each with its name and its description filled
 * up to four octets. */
static size_t
filled_up(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void
look_through(const unsigned char *at, size_t left, struct strbuf *to)
{
	ElfW(Nhdr) head;
	size_t name, description;

	while (left > sizeof(head)) {
		memcpy(&head, at, sizeof(head));
		name = filled_up(head.n_namesz);
		description = filled_up(head.n_descsz);
		at += sizeof(head);
		left -= sizeof(head);
		if (name > left || description > left - name)
			return;
		if (head.n_type == NT_GNU_BUILD_ID &&
		    head.n_namesz == sizeof("GNU") &&
		    memcmp(at, "GNU", sizeof("GNU")) == 0) {
			for (size_t i = 0; i < head.n_descsz; i++)
				strbuf_addf(to, "%02x", at[name + i]);
			return;
		}
		at += name + description;
		left -= name + description;
	}
}

/* The first object that it is called for is the program. */
static int
on_object(struct dl_phdr_info *info, size_t size, void *to)
{
	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_NOTE)
			look_through(
			    (const unsigned char *)(uintptr_t)(info->dlpi_addr +
				part->p_vaddr),
			    part->p_memsz, to);
	}
	return 1;
}

void
proxy_build_id(struct strbuf *to)
{
	(void)dl_iterate_phdr(on_object, to);
}
