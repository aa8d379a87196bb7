/*
 * Runs a fuzzer's target over its corpus without libFuzzer, so that every
 * input that was ever worth keeping stays a plain test, with any compiler.
 *
 *	replay FILE-OR-DIRECTORY...
 *
 * Each input is handed over in a heap block of exactly its own size, for a
 * sanitizer to see the first byte read behind it. No input at all is a
 * failure: a corpus that went missing must not look like a corpus that passed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "t/fuzz/replay.h"

#define INPUT_MAX ((size_t)16 << 20)
#define PATH_ROOM 4096

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "replay: %s: %s\n", what, why);
	exit(1);
}

/* The whole file in a block of exactly its size. */
static uint8_t *
slurp(const char *path, size_t *n)
{
	struct stat st;
	uint8_t *bytes;
	FILE *f = fopen(path, "rb");

	if (f == NULL || fstat(fileno(f), &st) == -1)
		die(path, strerror(errno));
	*n = (size_t)st.st_size;
	if (*n > INPUT_MAX)
		die(path, "too large for a corpus");
	bytes = malloc(*n > 0 ? *n : 1);
	if (bytes == NULL)
		die(path, "out of memory");
	if (fread(bytes, 1, *n, f) != *n)
		die(path, "short read");
	fclose(f);
	return bytes;
}

static unsigned
replay_file(const char *path)
{
	size_t n;
	uint8_t *bytes = slurp(path, &n);

	/* What was running shows in the log when the target aborts. */
	printf("%s\n", path);
	fflush(stdout);
	(void)LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	return 1;
}

static unsigned
replay_directory(const char *path)
{
	char full[PATH_ROOM];
	struct dirent *e;
	unsigned count = 0;
	DIR *d = opendir(path);

	if (d == NULL)
		die(path, strerror(errno));
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(full, sizeof full, "%s/%s", path,
			e->d_name) >= sizeof full)
			die(e->d_name, "name too long");
		count += replay_file(full);
	}
	closedir(d);
	return count;
}

int
main(int argc, char **argv)
{
	struct stat st;
	unsigned count = 0;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == -1)
			die(argv[i], strerror(errno));
		count += S_ISDIR(st.st_mode) ? replay_directory(argv[i])
					     : replay_file(argv[i]);
	}
	if (count == 0)
		die("corpus", "no input");
	printf("%u inputs\n", count);
	return 0;
}
