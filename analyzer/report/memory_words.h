/* memory_words.h - "I freed everything, why does the resident size not fall?", answered in words. */
#ifndef REFGRAPH_MEMORY_WORDS_H
#define REFGRAPH_MEMORY_WORDS_H

#include "report/memory.h"

/* Appends a paragraph with the numbers. Needs MODEL_SITES and what memory_compute() loads. */
struct error *memory_words(const struct model *model, const struct memory *memory, struct str *ret);
/* The place that made most objects of an arena, for a reader; "" unknown. */
struct error *memory_place_of_arena(const struct model *model, const struct arena *arena,
				    struct str *ret);

#endif
