/*
 * page.h - finds the control pages of programs under the shim (struct rgd_control) and the processes they belong to.
 *
 * A page is a file that another process writes, so nothing in it is trusted: it is read and written by pread and pwrite
 * (a file that is cut short gives an error, not SIGBUS), only its two futex words are mapped, and its strings
 * pass printable() before they are shown. The only page whose file is removed is one whose process is known to be gone.
 */
#ifndef REFGRAPH_CONTROL_PAGE_H
#define REFGRAPH_CONTROL_PAGE_H

#include <stdbool.h>

#include "../../include/refgraph_dump.h"
#include "control/process.h"

struct page {
	int fd;
	struct process process; /* as this side sees it: process.pid may differ from now.pid */
	char file[800];		/* path of the page, for messages */
	bool other_root;	/* the process has another root directory than we */
	struct rgd_control now; /* as last read; strings are terminated */
};

/*
 * Visits the page of each live process that this user may talk to, until `visit` returns false. The visitor may keep
 * the page by taking the struct and setting fd and process.dir to -1; else both are closed after it. Stale files
 * of our user (for root: of all users) are removed on the way.
 */
void page_each(bool (*visit)(struct page *page, void *context), void *context);

/* The page of one process. False: `message` says why and what to do. */
bool page_open(pid_t pid, struct page *page, char *message, size_t size);
void page_close(struct page *page);

/* Reads the page again; false when it is no longer a control page. */
bool page_read(struct page *page);

#endif
