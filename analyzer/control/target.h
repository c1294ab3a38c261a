/* target.h - can the shim follow this program? Looked at before it is started, so that refusals are said in time. */
#ifndef REFGRAPH_CONTROL_TARGET_H
#define REFGRAPH_CONTROL_TARGET_H

#include <limits.h>
#include <stdbool.h>

struct target {
	char path[PATH_MAX]; /* what execvp would run */
	int error;	     /* 0, ENOENT or EACCES: it cannot be run at all */
	char reason[512];    /* "" = the shim can follow it; else one clause why not */
	bool is_elf; /* of the file itself: what the kernel refuses is then no script for a shell */
};

/*
 * Finds `program` as execvp does and looks at its file: architecture, linking, libc, privileges; of a script its
 * interpreter. What cannot be read is taken to be fine: the shim itself says no where it must.
 */
void target_inspect(const char *program, struct target *target);

/* True when the shim file can be preloaded (an ELF file of our kind); else `reason` says why not. */
bool target_is_shim(const char *path, char *reason, unsigned size);

#endif
