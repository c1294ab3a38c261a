/* console.h - what the control commands share: a PID from the command line, a request with progress on a terminal. */
#ifndef REFGRAPH_CONTROL_CONSOLE_H
#define REFGRAPH_CONTROL_CONSOLE_H

#include "control/request.h"
#include "util/err.h"

/* Opens the control page of the process that `text` names; the caller closes it with page_close(). */
struct error *console_open(const char *text, struct page *page);

/*
 * Sends and waits. On a terminal, what takes over a second shows how far it is on standard error.
 * `request->progress` and `context` are filled in here.
 */
struct error *console_send(struct page *page, struct request *request);

/* Where this side finds a file that the process named: its root may be another than ours. The caller frees it. */
char *console_path(const struct page *page, const char *path);

/* "ready", "starting", "sandboxed", ...; never NULL. */
const char *console_state(const struct page *page);

#endif
