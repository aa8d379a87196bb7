/* The table of system calls; see sandbox_calls.h. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "proxy/process/sandbox_calls.h"

#define OUT	 PROXY_SANDBOX_SIGN
#define IN	 PROXY_SANDBOX_VERIFY
#define RECORDER PROXY_SANDBOX_RECORDER
#define SIGNER	 PROXY_SANDBOX_SIGNER
#define WORKERS	 (OUT | IN)
#define TALKERS	 (WORKERS | RECORDER)
#define ALL	 (TALKERS | SIGNER)

/* Of socket(2)'s second argument, what is no flag. */
#define TYPE_MASK 0xf
#define EXACT	  UINT32_MAX
/* The address families: AF_INET is 2, AF_INET6 10; AF_UNIX is 1. */
#define SOCKET_OF(family, type)              \
	{                                    \
		{0, EXACT, (family)},        \
		{                            \
			1, TYPE_MASK, (type) \
		}                            \
	}

static const struct proxy_sandbox_call calls[] = {
    /* Memory. None of it is ever executable: what could be run is mapped. */
    {"brk", ALL, NULL, {{0}}},
    {"mmap", ALL, "not to be executed", {{2, PROT_EXEC, 0}}},
    {"mmap2", ALL, "mmap, of 32 bits", {{2, PROT_EXEC, 0}}},
    {"mprotect", ALL, "malloc's arenas; not to be executed",
	{{2, PROT_EXEC, 0}}},
    {"munmap", ALL, NULL, {{0}}},
    {"mremap", ALL, "realloc of large blocks", {{0}}},
    {"madvise", ALL, "free gives pages back", {{0}}},
    {"mlock", SIGNER, "pages for more keys", {{0}}},
    {"memfd_create", WORKERS, "long texts, for signers", {{0}}},

    /* Descriptors that are open already. */
    {"read", ALL, NULL, {{0}}},
    {"write", ALL, NULL, {{0}}},
    {"readv", ALL, NULL, {{0}}},
    {"writev", ALL, NULL, {{0}}},
    {"pwritev2", ALL, "log lines that must not wait (RWF_NOWAIT)", {{0}}},
    {"pread64", ALL, "figures of its own, of /proc", {{0}}},
    {"preadv", WORKERS, "the spool", {{0}}},
    {"pwrite64", TALKERS, "the spool; the database", {{0}}},
    {"pwritev", WORKERS, "the spool", {{0}}},
    {"lseek", ALL, NULL, {{0}}},
    {"_llseek", ALL, NULL, {{0}}},
    {"close", ALL, NULL, {{0}}},
    {"fstat", ALL, "is stderr a pipe", {{0}}},
    {"fstat64", ALL, NULL, {{0}}},
    {"fcntl", ALL, "O_NONBLOCK; SQLite's locks", {{0}}},
    {"fcntl64", ALL, NULL, {{0}}},
    {"dup", ALL, NULL, {{0}}},
    {"getdents64", ALL, "counts its own descriptors", {{0}}},
    {"ftruncate", TALKERS, "the spool is emptied; SQLite", {{0}}},
    {"ftruncate64", TALKERS, NULL, {{0}}},

    /* Waiting, signals, time. */
    {"epoll_create1", ALL, "a loop of its own for a name server's probe",
	{{0}}},
    {"epoll_ctl", ALL, NULL, {{0}}},
    {"epoll_wait", ALL, NULL, {{0}}},
    {"epoll_pwait", ALL, NULL, {{0}}},
    {"epoll_pwait2", ALL, NULL, {{0}}},
    {"poll", ALL, NULL, {{0}}},
    {"ppoll", ALL, NULL, {{0}}},
    {"futex", ALL, "locks of libcrypto, although there is one thread", {{0}}},
    {"rt_sigaction", ALL, NULL, {{0}}},
    {"rt_sigprocmask", ALL, NULL, {{0}}},
    {"rt_sigreturn", ALL, NULL, {{0}}},
    {"sigreturn", ALL, NULL, {{0}}},
    {"restart_syscall", ALL, "after a stop", {{0}}},
    {"clock_gettime", ALL, "where there is no vDSO", {{0}}},
    {"clock_gettime64", ALL, NULL, {{0}}},
    {"clock_getres", ALL, NULL, {{0}}},
    {"gettimeofday", ALL, NULL, {{0}}},
    {"time", ALL, NULL, {{0}}},
    {"nanosleep", TALKERS, "SQLite, where another has the lock", {{0}}},
    {"clock_nanosleep", TALKERS, "the same", {{0}}},

    /* Itself. */
    {"getpid", ALL, NULL, {{0}}},
    {"gettid", ALL, "abort()", {{0}}},
    {"getppid", RECORDER, "the master's figures, for [metrics]", {{0}}},
    {"getuid", ALL, NULL, {{0}}},
    {"geteuid", ALL, "SQLite; libcrypto", {{0}}},
    {"getgid", ALL, NULL, {{0}}},
    {"getegid", ALL, NULL, {{0}}},
    {"getrandom", ALL, NULL, {{0}}},
    {"prlimit64", ALL, "of itself, and only to be told", {{2, UINT64_MAX, 0}}},
    {"getrlimit", ALL, NULL, {{0}}},
    {"ugetrlimit", ALL, NULL, {{0}}},
    {"sysinfo", TALKERS, "how much memory a sort may take", {{0}}},
    {"exit", ALL, NULL, {{0}}},
    {"exit_group", ALL, NULL, {{0}}},

    /* Sockets that are open already. */
    {"sendto", ALL, NULL, {{0}}},
    {"sendmsg", ALL, NULL, {{0}}},
    {"recvfrom", ALL, NULL, {{0}}},
    {"recvmsg", ALL, "key files come so", {{0}}},
    {"send", ALL, NULL, {{0}}},
    {"recv", ALL, NULL, {{0}}},
    {"shutdown", TALKERS, NULL, {{0}}},
    {"getsockopt", ALL, "is a descriptor that came the socket it should be",
	{{0}}},
    {"setsockopt", TALKERS, NULL, {{0}}},
    {"getsockname", TALKERS, NULL, {{0}}},
    {"getpeername", TALKERS, NULL, {{0}}},
    {"accept4", TALKERS, NULL, {{0}}},
    {"accept", TALKERS, NULL, {{0}}},
    {"ioctl", TALKERS, "how much a socket holds (FIONREAD)",
	{{1, EXACT, 0x541b}}},

    /* New sockets: to next hops, name servers, syslog when it was restarted.
     * To which ports, landlock says. */
    {"socket", TALKERS, "a next hop", SOCKET_OF(AF_INET, SOCK_STREAM)},
    {"socket", TALKERS, "a next hop", SOCKET_OF(AF_INET6, SOCK_STREAM)},
    {"socket", TALKERS, "a next hop", SOCKET_OF(AF_UNIX, SOCK_STREAM)},
    {"socket", TALKERS, "syslog", SOCKET_OF(AF_UNIX, SOCK_DGRAM)},
    {"socket", IN | RECORDER, "DNS", SOCKET_OF(AF_INET, SOCK_DGRAM)},
    {"socket", IN | RECORDER, "DNS", SOCKET_OF(AF_INET6, SOCK_DGRAM)},
    {"connect", TALKERS, NULL, {{0}}},
    {"bind", IN | RECORDER, "a DNS question's own port", {{0}}},
    {"socketpair", IN | RECORDER, "a loop of its own has signals",
	{{0, EXACT, AF_UNIX}}},

    /* Files by name: where, landlock says. */
    {"openat", TALKERS, "the spool; the database", {{0}}},
    {"open", TALKERS, NULL, {{0}}},
    {"newfstatat", ALL, "fstat, of glibc from 2.33 on", {{0}}},
    {"fstatat64", ALL, NULL, {{0}}},
    {"unlinkat", TALKERS, "the spool, where there is no O_TMPFILE; SQLite",
	{{0}}},
    {"stat", RECORDER, "SQLite", {{0}}},
    {"lstat", RECORDER, "SQLite", {{0}}},
    {"stat64", RECORDER, "SQLite", {{0}}},
    {"lstat64", RECORDER, "SQLite", {{0}}},
    {"statx", RECORDER, "SQLite", {{0}}},
    {"access", RECORDER, "SQLite", {{0}}},
    {"faccessat", RECORDER, "SQLite", {{0}}},
    {"faccessat2", RECORDER, "SQLite", {{0}}},
    {"getcwd", RECORDER, "SQLite", {{0}}},
    {"readlink", TALKERS, "SQLite; a spool's name, for the log", {{0}}},
    {"readlinkat", TALKERS, "readlink, of machines that have no other", {{0}}},
    {"umask", RECORDER, "a database that is made anew", {{0}}},
    {"unlink", RECORDER, "SQLite", {{0}}},
    {"fsync", RECORDER, "SQLite", {{0}}},
    {"fdatasync", RECORDER, "SQLite", {{0}}},
    {"fallocate", RECORDER, "SQLite", {{0}}},
    {"fchmod", RECORDER, "SQLite: -wal and -shm as the database", {{0}}},
    {"fchown", RECORDER, "the same", {{0}}},
    {"fchown32", RECORDER, "the same", {{0}}},
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* The first ones are the master's business. */
static const char *const killers[] = {"execve", "execveat", "ptrace",
    "process_vm_readv", "process_vm_writev", "bpf", "mount", "umount2",
    "pivot_root", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig",
    "fspick", "mount_setattr", "keyctl", "add_key", "request_key",
    "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "perf_event_open", "userfaultfd"};

enum { NOT_THE_MASTERS = 2 };

#define KILLERS (sizeof(killers) / sizeof(killers[0]))

const struct proxy_sandbox_call *
proxy_sandbox_call_at(unsigned i)
{
	return i < CALLS ? &calls[i] : NULL;
}

const char *
proxy_sandbox_killer_at(unsigned i, bool master)
{
	i += master ? NOT_THE_MASTERS : 0;
	return i < KILLERS ? killers[i] : NULL;
}
