/*
 * Name servers on loopback: t/lib/nameserver.py as a child. Each has a port
 * of its own and ends with the test, whatever becomes of it.
 */
#ifndef T_LIB_NAMESERVER_H
#define T_LIB_NAMESERVER_H

struct nameserver;

/* nsd with records as in t/lib/zone.h, or the hostile one; answering by the
 * time this returns. Failing to start fails the test. */
struct nameserver *nameserver_start_nsd(const char *records);
struct nameserver *nameserver_start_hostile(void);
void nameserver_stop(struct nameserver *);

/* "127.0.0.1:PORT". */
const char *nameserver_address(const struct nameserver *);

#endif
