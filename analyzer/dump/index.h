/*
 * index.h - what takes long to work out of a dump, kept in a file beside it: 1.rgx for 1.rgd.
 *
 * The arrays lie in the file as they lie in memory, each on pages of its own, and are mapped when somebody asks for them: nothing is
 * decoded, nothing is copied. A file that is of another dump, of another build of this program or of a stranger is not used, and
 * a section is verified before its first use: its checksum, and that every number in it is one that we may index with. So a
 * damaged index costs its use, and no more; model->index_note says why.
 */
#ifndef REFGRAPH_INDEX_H
#define REFGRAPH_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "dump/model.h"

enum index_section {
	INDEX_OUT_FIRST, /* struct graph: references */
	INDEX_OUT_TARGET,
	INDEX_EDGE_CLASS,
	INDEX_IN_FIRST, /* struct reverse: all of them turned round */
	INDEX_IN_SOURCE,
	INDEX_KEPT_FIRST, /* those that keep alive turned round; absent when all do */
	INDEX_KEPT_SOURCE,
	INDEX_KEEPS,  /* struct alive: class of references, 0xff for those that do not keep alive */
	INDEX_STRONG, /* struct alive */
	INDEX_ROOTS,  /* rows of ROOTS that keep alive */
	INDEX_REACHED,
	INDEX_IMMEDIATE,
	INDEX_PREORDER,
	INDEX_RETAINED,
	INDEX_SECTIONS
};

struct index;

/*
 * The index beside the model's dump, opened when first asked for; NULL when none is there that fits, or REFGRAPH_INDEX=off.
 * It lives as long as the model.
 */
struct index *model_index(struct model *model);

const char *index_path(const struct index *index);
uint64_t index_file_size(const struct index *index);
uint64_t index_reached_objects(const struct index *index);
uint64_t index_reached_bytes(const struct index *index);
/* Entries of a section, 0 when it is absent. NULL has none. */
uint64_t index_entries(const struct index *index, enum index_section section);

/*
 * Maps a section, to be freed by big_free(*ret, room, size of an entry): copy-on-write, so that it may be written to. What lies behind
 * its entries is undefined. False when it is absent, damaged, or cannot be mapped.
 */
bool index_take(struct index *index, enum index_section section, size_t room, void *ret);
/* The same for IMMEDIATE, PREORDER and RETAINED, which are verified together; *reached: entries of PREORDER. */
bool index_take_tree(struct index *index, uint32_t **immediate, uint32_t **preorder,
		     uint64_t **retained, uint32_t *reached);
/* All references turned round, or those that keep alive. */
bool index_take_reverse(struct index *index, bool kept, struct reverse *ret);

/* index_write.c. `data` NULL: absent. */
struct index_part {
	const void *data;
	uint64_t n;
};
/* Writes the index beside the dump, whole or not at all. *size: its bytes. */
struct error *index_write(const struct model *model, const struct index_part *parts,
			  uint64_t reached_objects, uint64_t reached_bytes, uint64_t *size);
/* Where the index of a dump lies; NULL without memory, free() it. */
char *index_path_of(const char *dump);

#endif
