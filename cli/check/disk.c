/*
 * Room on disk; see disk.h. A full disk shows first as mail that is put off,
 * then as results that are missing, and the log may not say why any more. So
 * each place that grows is looked at before.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/xalloc.h"
#include "cli/check/disk.h"

#define POSTFIX_QUEUE "/var/spool/postfix"

/* Postfix takes no mail with less room than one and a half messages of its
 * default size limit; we spool and record until nothing is left. */
enum { ROOM_MIN = 16 * 1024 * 1024 };

static void
look_at_disk(
    const char *folder, const char *what_stops, struct check_report *report)
{
	const struct check_about about = {"disk", folder};
	struct statvfs fs;
	unsigned long long room;

	if (statvfs(folder, &fs) != 0)
		return;
	room = (unsigned long long)fs.f_bavail * fs.f_frsize;
	/* File systems that make inodes as needed have 0 of them. */
	if (fs.f_files > 0 && fs.f_favail == 0)
		check_report_add(report, &about, CHECK_FAIL,
		    "no file can be made there any more (inodes): %s",
		    what_stops);
	else if (room < ROOM_MIN)
		check_report_add(report, &about, CHECK_FAIL,
		    "%llu kB are free: %s", room / 1024, what_stops);
	else
		return;
	check_report_todo(report,
	    "make room on that file system (df -h %s, df -i %s)", folder,
	    folder);
}

void
check_disk(const struct proxy_config *config, struct check_report *report)
{
	char *folder, *slash;

	for (size_t i = 0; i < PROXY_FRONTS; i++)
		if (config->fronts[i].enabled)
			look_at_disk(config->fronts[i].spool_dir,
			    "large messages get 452, and wait", report);
	look_at_disk(POSTFIX_QUEUE, "Postfix takes no mail", report);
	if (config->results.database == NULL)
		return;
	folder = xstrdup(config->results.database);
	slash = strrchr(folder, '/');
	if (slash != NULL && slash != folder) {
		*slash = '\0';
		look_at_disk(folder, "results are lost", report);
	}
	free(folder);
}
