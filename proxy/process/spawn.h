/*
 * A worker as a process of its own: forked and exec'd, so that it has an
 * address layout and a heap of its own, with its settings and sockets at
 * fixed descriptors and nothing else open.
 */
#ifndef PROXY_PROCESS_SPAWN_H
#define PROXY_PROCESS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "proxy/figures/shared.h"

/* The hidden subcommand: `signpost --worker out 3`. */
#define PROXY_SPAWN_COMMAND "--worker"

struct log;

/* What a worker is given; all stay the caller's. */
struct proxy_spawn {
	enum proxy_role role;
	unsigned slot; /* of the shared page */
	int settings;  /* proxy_config_pack() */
	int control;   /* it writes a byte there when it serves */
	int shared;    /* the master's page, to read: figures/shared.h */
	int page;      /* its own, to write */
	int history;   /* the recorder's; -1: another role */
	int keys;      /* to ask for keys; -1: no signer */
	int record;    /* records, to hand over or to take */
	int hello;     /* what it is handed later comes there */
	int conf;      /* dns/conf_page.h: resolv.conf's text; -1: none */
	int lines;     /* its log goes there, to the master; -1: syslog */
	const int *listeners; /* one a `listen`, in order */
	size_t listener_count;
	bool no_stderr;	 /* what is its output is its stderr too */
	struct log *log; /* the master's: why there was no exec */
};

/* Its process id, or -1 and the reason. */
pid_t proxy_spawn(const struct proxy_spawn *, struct strbuf *reason);

/* main() of such a process; argv[1] is PROXY_SPAWN_COMMAND. */
int proxy_spawn_main(int argc, char **argv);

#endif
