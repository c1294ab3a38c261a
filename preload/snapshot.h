/*
 * snapshot.h - what control.c, jobs.c, snapshot.c and freeze.c know of each other beyond shim.h.
 */
#ifndef REFGRAPH_SNAPSHOT_H
#define REFGRAPH_SNAPSHOT_H

#include "shim.h"

/* ---- control_page.c ---- */

/* The control page; never NULL after control_page_make(): where no file can be made it is private memory, state RGC_OFF. */
extern struct rgd_control *control_page;
void control_page_make(void);
/* Removes the file. */
void control_page_remove(void);
/* In the child of a fork: the page is the parent's; forgets it without removing. */
void control_page_forget(void);
/* The user changed: the page moves to that user's folder. */
void control_page_check_user(void);
void control_page_state(enum rgc_state state);
/* How many control pages could not be made. */
uint32_t control_pages_lost(void);

/* ---- control.c ---- */

/* The same in all dumps of one process image, different otherwise. */
uint64_t control_process_key(void);
/* The main thread's thread-local storage. 0 in a child that another thread forked: its storage lies in its stack. */
void control_main_tls(uintptr_t *low, uintptr_t *high);
/* True in the helper when its descriptors are its own: what it opens does not show in the program. */
bool control_isolated(void);
/* fork_events.c: the clone would not go unnoticed, and might not come back. `smaps` is the text of /proc/self/smaps. Opens descriptors:
 * where none shows in the program. */
bool fork_is_heard(const char *smaps, size_t size);
/* Asks for a snapshot with this reason and waits, at most `limit_ms` (0: the walker's deadline). 0 or an errno. */
int control_snapshot(const char *reason, const char *label, const char *path, unsigned limit_ms,
		     struct snapshot_result *result);

/* ---- entry_wait.c ---- */

void entry_wait_init(void);

/* ---- entry_sync.c ---- */

void entry_sync_init(void);

/* ---- entry_exec.c ---- */

void entry_exec_init(void);

/* ---- entry_stat.c ---- */

void entry_stat_init(void);

/* ---- triggers.c: what asks for snapshots by itself ---- */

enum trigger { TRIGGER_SIGNAL = 1, TRIGGER_GROWTH = 2, TRIGGER_TIMER = 4 };
/* Async-signal-safe: the helper takes a snapshot for this reason soon. */
void control_trigger(enum trigger which);
void triggers_init(void);
void triggers_after_fork_child(void);
/* True when the live bytes have grown enough since the last time that it was true. */
bool triggers_growth(void);
/* Milliseconds until the timer is due, 0 now, -1 never. */
long triggers_timer_left(void);
void triggers_timer_start(void);

/* ---- freeze.c ---- */

/* A snapshot begins: the freezes that follow are for it. */
void freeze_begin(void);
/* After the clone: false when a thread that was left blocked has run since it was looked at. */
bool freeze_still(void);
void freeze_after_fork_child(void);

/* ---- snapshot.c ---- */

/* One job at a time; who may touch it is decided in control.c. */
struct snapshot_request {
	const char *reason, *label, *path; /* path NULL or "": by the pattern */
	uint32_t deadline_ms;		   /* 0: config.deadline_ms */
};
/* Freezes, clones, thaws. The job is then active unless it failed at once. */
void snapshot_begin(const struct snapshot_request *request);
bool snapshot_active(void);
/* A look at the walker. True when the job is over: the result is final. */
bool snapshot_poll(struct snapshot_result *result);
/* Waits for news of the walker, a few milliseconds at most. */
void snapshot_nap(void);
/* Of the active job, parts per thousand. */
uint32_t snapshot_progress(void);
void snapshot_after_fork_child(void);
/* The walker's pid, 0 none. In any thread. */
uint32_t snapshot_walker(void);
/* This pid is, or was a moment ago, the walker's. */
bool snapshot_is_walker(uint32_t pid);
/* A wait of the program got it: this was its status. */
void snapshot_walker_reaped(int status);

#endif
