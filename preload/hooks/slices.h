/*
 * slices.h - GLib's slices (before 2.76), for memory of counted objects that is kept after their end (quarantine.h).
 *
 * To malloc a page of slices is one block; what lies in one is freed by g_slice_free1(), and the allocator gives it out again at once. That function is
 * hooked as those of rules are. It frees no slice that is wanted; when the slice is old, a later call frees it instead: by the same function, of the same
 * size, where the program calls it. GLib is not told to use malloc instead (G_SLICE=always-malloc), which would change more than when memory is
 * used again: slices have no heads, so a program that gives back what it has from elsewhere, or by a wrong size, lives with slices and is ended by
 * malloc. Chains of slices (nodes of lists) are freed as ever.
 */
#ifndef REFGRAPH_HOOKS_SLICES_H
#define REFGRAPH_HOOKS_SLICES_H

#include <stdint.h>

struct exports;
struct hook;

/* A module came: what there is to be hooked in it, NULL nothing. */
struct hook *slices_came(const struct exports *exports);
/* One that was mapped at [low, high) went. */
void slices_went(uintptr_t low, uintptr_t high);

#endif
