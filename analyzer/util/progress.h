/* progress.h - one line on the terminal's stderr about what takes long, and nothing at all elsewhere. */
#ifndef REFGRAPH_PROGRESS_H
#define REFGRAPH_PROGRESS_H

#include <stddef.h>

/*
 * From the main thread. Between the two, and not before the program's first second of such work is over, the terminal shows "what" (a
 * text that lives until the end), how far it is, and how long the rest will take. Phases may be nested: the inner one is shown. After the last end the line is
 * gone. Nothing is shown when stderr is no terminal or TERM=dumb.
 */
const char *progress_begin(const char *what);
/* outer: what progress_begin returned. */
void progress_end(const char *outer);

/* A phase of n equal pieces; then each piece when it is done, from any thread. Cheap, and harmless outside a phase. */
void progress_pieces(size_t n);
void progress_piece_done(void);

#endif
