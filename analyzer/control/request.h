/* request.h - one request to a program under the shim and its answer. Threads: none; one request at a time. */
#ifndef REFGRAPH_CONTROL_REQUEST_H
#define REFGRAPH_CONTROL_REQUEST_H

#include "control/page.h"

struct request {
	enum rgc_command command;
	const char *path;     /* absolute, "" or NULL: the shim's own name */
	const char *label;    /* NULL: none */
	uint32_t deadline_ms; /* for the walker; 0: the shim's default */
	uint32_t timeout_ms;  /* how long we wait for the answer; 0: derived from the deadline */
	/* Called about every 100 ms while waiting, with the time waited so far and parts per thousand done. May be NULL. */
	void (*progress)(void *context, uint32_t waited_ms, uint32_t done);
	void *context;
	bool shown; /* console.c: its progress is on the terminal */
};

/*
 * Sends the request and waits. True: the shim answered with status 0, the answer is in page->now. False: `message`
 * says what went wrong and what to do. An answer that comes after the timeout is not waited for; the program
 * goes on undisturbed in any case.
 */
bool request_send(struct page *page, const struct request *request, char *message, size_t size);

#endif
