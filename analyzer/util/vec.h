/*
 * vec.h - growing arrays of a type: `VEC(uint32_t) ids = {0};`, VEC_PUSH(&ids, 5), ids.data[i],
 * ids.n, VEC_FREE(&ids).
 */
#ifndef REFGRAPH_VEC_H
#define REFGRAPH_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *data;                                                                        \
		size_t n, room;                                                                    \
	}

/* False without memory; the array is unchanged then. */
#define VEC_PUSH(v, value)                                                                         \
	(((v)->n < (v)->room ||                                                                    \
	  vec_grow((void **)&(v)->data, &(v)->room, (v)->n + 1, sizeof *(v)->data)) &&             \
	 ((v)->data[(v)->n++] = (value), true))
#define VEC_RESERVE(v, count)                                                                      \
	((count) <= (v)->room ||                                                                   \
	 vec_grow((void **)&(v)->data, &(v)->room, (count), sizeof *(v)->data))
#define VEC_FREE(v) (free((v)->data), (v)->data = NULL, (v)->n = (v)->room = 0)

/* Lists of object numbers are everywhere. */
struct ids {
	uint32_t *data;
	size_t n, room;
};

static inline bool vec_grow(void **data, size_t *room, size_t want, size_t size)
{
	size_t bigger = *room < 8 ? 8 : *room * 2, bytes;
	void *p;

	if (bigger < want)
		bigger = want;
	if (__builtin_mul_overflow(bigger, size, &bytes) || !(p = realloc(*data, bytes)))
		return false;
	*data = p;
	*room = bigger;
	return true;
}

static inline int ids_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static inline void ids_sort(struct ids *ids)
{
	if (ids->n)
		qsort(ids->data, ids->n, sizeof *ids->data, ids_compare);
}

/* Sorts those from the `from`th on, and keeps each once. Costs one look at each where they ascend already. */
static inline void ids_sort_unique(struct ids *ids, size_t from)
{
	size_t kept = from, i = from + 1;

	while (i < ids->n && ids->data[i - 1] < ids->data[i])
		i++;
	if (i >= ids->n)
		return;
	qsort(ids->data + from, ids->n - from, sizeof *ids->data, ids_compare);
	for (i = from; i < ids->n; i++)
		if (kept == from || ids->data[kept - 1] != ids->data[i])
			ids->data[kept++] = ids->data[i];
	ids->n = kept;
}

#endif
