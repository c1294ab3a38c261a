/*
 * site_counts.h - what each allocation site made and had at most, where that is asked for (REFGRAPH_PEAKS): exact counters by the innermost
 * frame of a block's stack. The hooks do not know of it: blocks of a process that counts are born the general way and carry LIVE_COUNTED,
 * which sends their end the general way too. So nobody else pays.
 *
 * What a site had when the whole process was at its peak is kept without looking at all sites at each new peak: peaks are numbered, and a
 * site that changes first notes what it had since the last number that it has not seen.
 */
#ifndef REFGRAPH_SITE_COUNTS_H
#define REFGRAPH_SITE_COUNTS_H

#include "glue.h"

struct site_count {
	uint64_t made, made_bytes;
	uint64_t blocks, bytes;		  /* live */
	uint64_t peak_blocks, peak_bytes; /* its own, each for itself */
	uint64_t at_blocks, at_bytes, at; /* at the process's peak number `at` */
	uint64_t temporary;		  /* freed by what their thread asked for next */
	uint64_t gone[2];		  /* freed in the epoch of their birth; in the next one */
};

/* A block was born, or ends. `t` may be NULL. */
void site_count_made(struct thread *t, const struct live_block *block);
void site_count_gone(struct thread *t, const struct live_block *block);
/* It did not end after all: a realloc that failed. */
void site_count_back(const struct live_block *block);

/* For the walker: false when nothing was counted for this frame. */
bool site_count_get(uint32_t frame, struct site_count *ret);
/* Of the process: live bytes at most. */
uint64_t site_count_peak(void);

#endif
