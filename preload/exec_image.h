/*
 * exec_image.h - the environment that a new program gets: without us where its loader could not load us. See exec_image.c.
 */
#ifndef REFGRAPH_EXEC_IMAGE_H
#define REFGRAPH_EXEC_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

/* In the constructor, on or off: looks up what we are called. */
void exec_image_init(void);
/* Bytes for a copy of the environment without us. 0: it goes as it is. */
size_t exec_image_size(const char *path, char *const *environment);
/* That copy, in so many bytes. */
char *const *exec_image_copy(void *memory, char *const *environment);
/* Where execvp() finds a name without a slash. False: nowhere. */
bool exec_image_search(const char *file, char *path, size_t size);

#endif
