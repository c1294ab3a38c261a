/* process.h - what /proc says about one process. Everything may be gone or forbidden a moment later. */
#ifndef REFGRAPH_CONTROL_PROCESS_H
#define REFGRAPH_CONTROL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One open folder of /proc: the process cannot be mistaken for a later one with its number while this is open. */
struct process {
	int dir;
	pid_t pid;
	char state;	     /* R S D T t Z X, as in /proc/PID/stat */
	uint64_t start_time; /* field 22 of stat */
	char name[64];	     /* comm, control characters replaced */
};

bool process_open(pid_t pid, struct process *process);
void process_close(struct process *process);

/* Inode of a namespace ("pid", "mnt"), 0 when it may not be seen. `process` NULL: our own. */
uint64_t process_namespace(const struct process *process, const char *which);

/* Its pid in its innermost pid namespace. */
pid_t process_inner_pid(const struct process *process);

/* Effective user; (uid_t)-1 unknown. */
uid_t process_user(const struct process *process);

/* The user that is called `inside` in its user namespace, as we number users; (uid_t)-1 when there is none. */
uid_t process_outside_user(const struct process *process, uid_t inside);

/* True when its root directory or mount namespace is not ours (false when that may not be seen). */
bool process_other_root(const struct process *process);

/* 1 the file name is mapped, 0 not, -1 its maps may not be read. */
int process_maps(const struct process *process, const char *file_name);

bool process_has_thread(const struct process *process, pid_t tid);

/* Calls `visit` for each process in ascending order of pid until it returns false. */
void process_each(bool (*visit)(struct process *process, void *context), void *context);

/* Printable copy: control characters and broken UTF-8 become '?'. For text that another process wrote. */
void printable(char *out, size_t size, const char *text, size_t text_size);

#endif
