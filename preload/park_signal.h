/*
 * park_signal.h - the signal by which freeze.c stops running threads. libc keeps it for itself: it is borrowed while the
 * world stands and as long as one is on its way. This file knows nothing of freezing.
 */
#ifndef REFGRAPH_PARK_SIGNAL_H
#define REFGRAPH_PARK_SIGNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/*
 * libc keeps two realtime signals for itself: no mask, set or wait that is made with libc's functions contains them, so a
 * thread that blocks "all" signals, or waits for any, neither blocks nor receives this one. libc sends it to itself only
 * in setuid() and the like, during which the helper is not there; its handler ignores what is not its own, as ours does.
 */
#define PARK_SIGNAL 33

typedef void park_handler(int signal, siginfo_t *info, void *context);

/* Ours is in force from here on, until park_signal_remove(). With all signals blocked while it runs. False: refused. */
bool park_signal_install(park_handler *handler);
/* What was there before is there again. Not while a signal of ours may still be pending: it must find our handler. */
void park_signal_remove(void);
/* From our handler: a signal that is not ours goes where it would have gone. */
void park_signal_pass_on(int signal, siginfo_t *info, void *context);

/*
 * As pthread_create(), for threads that the program shall not notice. With a process's first thread, libc takes the signal. Where
 * the program ignores it (it inherited that), it would no longer, and neither would what it execs: it is ignored again
 * after the call, until the program has threads of its own. Where the default action was in force libc's handler stays: a
 * setuid() that does not come by our hook must not end the process.
 */
int park_signal_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
		       void *argument);
/* The program has threads of its own: libc's handler is in force, as it would be without us. Cheap when it is anyway. */
void park_signal_give_back(void);
/* The same ahead of setuid() and the like, if the program has other threads. The helper is not there. */
void park_signal_ahead_of_setxid(void);
/*
 * From now on libc's handler stays, whatever the program inherited: its libraries were loaded with RTLD_DEEPBIND, as PHP loads its
 * extensions, so that their setuid() does not come by our hook and would wait for ever for a helper that ignores the signal.
 */
void park_signal_leave_to_libc(void);
void park_signal_after_fork_child(void);

#endif
