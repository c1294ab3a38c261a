/* index.c - see index.h: finding the file, and mapping its sections. */
#include "dump/index.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dump/index_internal.h"
#include "dump/model_internal.h"
#include "util/big.h"

const uint8_t index_width[INDEX_SECTIONS] = {
	[INDEX_OUT_FIRST] = 4,	 [INDEX_OUT_TARGET] = 4, [INDEX_EDGE_CLASS] = 1,
	[INDEX_IN_FIRST] = 4,	 [INDEX_IN_SOURCE] = 4,	 [INDEX_KEPT_FIRST] = 4,
	[INDEX_KEPT_SOURCE] = 4, [INDEX_KEEPS] = 1,	 [INDEX_STRONG] = 4,
	[INDEX_ROOTS] = 4,	 [INDEX_REACHED] = 8,	 [INDEX_IMMEDIATE] = 4,
	[INDEX_PREORDER] = 4,	 [INDEX_RETAINED] = 8,
};

/* ---- whose it is ----------------------------------------------------------------------------- */

/* The linker's hash of everything in the program. */
static int add_build_id(struct dl_phdr_info *info, size_t size, void *context)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const char *at = (const char *)info->dlpi_addr + p->p_vaddr, *end = at + p->p_memsz;

		while (p->p_type == PT_NOTE && end - at > (ptrdiff_t)sizeof(ElfW(Nhdr))) {
			const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;

			at += sizeof *note + ((note->n_namesz + 3) & ~3u);
			if (note->n_type == NT_GNU_BUILD_ID)
				XXH3_128bits_update(context, at, note->n_descsz);
			at += (note->n_descsz + 3) & ~3u;
		}
	}
	return 1; /* the program comes first: no library */
}

void index_maker(uint64_t ret[2])
{
	XXH3_state_t state;
	XXH128_hash_t sum;

	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, REFGRAPH_VERSION, sizeof REFGRAPH_VERSION);
	dl_iterate_phdr(add_build_id, &state);
	sum = XXH3_128bits_digest(&state);
	ret[0] = sum.low64;
	ret[1] = sum.high64;
}

uint64_t index_header_sum(const struct index_header *h)
{
	return XXH3_64bits(h, offsetof(struct index_header, checksum));
}

uint64_t index_blocks(uint64_t bytes)
{
	return (bytes + INDEX_BLOCK - 1) / INDEX_BLOCK;
}

char *index_path_of(const char *dump)
{
	size_t n = strlen(dump);
	char *path = malloc(n + 5);

	if (!path)
		return NULL;
	if (n > 4 && strcmp(dump + n - 4, ".rgd") == 0)
		n -= 4;
	memcpy(path, dump, n);
	memcpy(path + n, ".rgx", 5);
	return path;
}

/* ---- opening --------------------------------------------------------------------------------- */

uint64_t index_expected(const struct index_header *h, enum index_section section)
{
	switch (section) {
	case INDEX_OUT_FIRST:
	case INDEX_IN_FIRST:
	case INDEX_KEPT_FIRST:
		return h->nobjects + 1;
	case INDEX_OUT_TARGET:
	case INDEX_EDGE_CLASS:
	case INDEX_IN_SOURCE:
	case INDEX_KEEPS:
		return h->nedges;
	case INDEX_STRONG:
	case INDEX_IMMEDIATE:
	case INDEX_RETAINED:
		return h->nobjects;
	case INDEX_REACHED:
		return (h->nobjects + 63) / 64;
	default:
		return UINT64_MAX;
	}
}

/* Sections lie within the file, and are as long as they must be. */
static bool sections_fit(const struct index_header *h)
{
	for (unsigned s = 0; s < INDEX_SECTIONS; s++) {
		const struct index_entry *e = &h->sections[s];
		uint64_t want = index_expected(h, s);

		if (!e->offset && !e->n)
			continue;
		if (!e->offset || e->offset % INDEX_PAGE || e->offset > h->file_size ||
		    e->n > (h->file_size - e->offset) / index_width[s] ||
		    (want != UINT64_MAX && e->n != want))
			return false;
	}
	return h->reached_objects <= h->nobjects && h->sections[INDEX_PREORDER].n <= h->nobjects &&
	       h->sections[INDEX_KEPT_SOURCE].n <= h->nedges;
}

/* What speaks against the file that `ix` has open; NULL nothing. */
static const char *refusal(struct index *ix)
{
	struct index_header *h = &ix->header;
	uint64_t key[2];
	struct stat st, dump;

	if (fstat(ix->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "it is no file";
	if (st.st_uid != geteuid() && st.st_uid != 0 &&
	    (stat(ix->model->path, &dump) < 0 || st.st_uid != dump.st_uid))
		return "it belongs to somebody else";
	if (pread(ix->fd, h, sizeof *h, 0) != sizeof *h ||
	    memcmp(h->magic, INDEX_MAGIC, sizeof h->magic) != 0)
		return "it is no index, or a damaged one";
	if (h->version != INDEX_VERSION)
		return "another version of refgraph made it";
	if (h->nsections != INDEX_SECTIONS || h->checksum != index_header_sum(h) ||
	    h->file_size != (uint64_t)st.st_size)
		return "it is damaged";
	index_maker(key);
	if (memcmp(key, h->maker, sizeof key) != 0)
		return "another build of refgraph made it";
	dump_key(ix->model->dump, key);
	if (memcmp(key, h->dump, sizeof key) != 0 || h->nobjects != ix->model->nobjects ||
	    h->nedges != ix->model->nedges)
		return "it was made for another dump";
	return sections_fit(h) ? NULL : "it is damaged";
}

static void take_note(struct model *m, const char *path, const char *why)
{
	struct str s = {0};

	if (m->index_note)
		return;
	str_printf(&s, "%s is not used: %s; `refgraph index %s` makes it anew", path, why, m->path);
	m->index_note = s.failed ? NULL : strdup(str_text(&s));
	str_free(&s);
}

static void close_index(struct index *ix)
{
	if (ix->fd >= 0)
		close(ix->fd);
	free(ix->path);
	free(ix);
}

static struct index *open_index(struct model *m)
{
	struct index *ix = calloc(1, sizeof *ix);
	const char *why;

	if (!ix)
		return NULL;
	ix->model = m;
	ix->path = index_path_of(m->path);
	ix->fd = ix->path
			 ? open(ix->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
			 : -1;
	if (ix->fd < 0) {
		close_index(ix);
		return NULL;
	}
	why = refusal(ix);
	if (!why)
		return ix;
	take_note(m, ix->path, why);
	close_index(ix);
	return NULL;
}

struct index *model_index(struct model *m)
{
	const char *wish = getenv("REFGRAPH_INDEX");

	if (!m->index_asked && !(wish && strcmp(wish, "off") == 0))
		m->index = open_index(m);
	m->index_asked = true;
	return m->index;
}

void index_destroy(struct index *ix)
{
	if (ix)
		close_index(ix);
}

/* ---- using ----------------------------------------------------------------------------------- */

const char *index_path(const struct index *ix)
{
	return ix->path;
}

uint64_t index_file_size(const struct index *ix)
{
	return ix->header.file_size;
}

uint64_t index_reached_objects(const struct index *ix)
{
	return ix->header.reached_objects;
}

uint64_t index_reached_bytes(const struct index *ix)
{
	return ix->header.reached_bytes;
}

uint64_t index_entries(const struct index *ix, enum index_section s)
{
	return ix ? ix->header.sections[s].n : 0;
}

static bool map_section(const struct index *ix, enum index_section s, size_t room, void *ret)
{
	const struct index_entry *e = &ix->header.sections[s];
	struct error *error;

	if (!e->offset || room < e->n || (ix->bad >> s & 1))
		return false;
	error = big_map(ix->fd, e->offset, room, index_width[s], ret);
	error_destroy(error);
	return !error;
}

/* Verified once: later mappings show the same pages. */
static bool settle(struct index *ix, uint32_t sections, bool good)
{
	if (good) {
		ix->verified |= sections;
		return true;
	}
	ix->bad |= sections;
	take_note(ix->model, ix->path, "it is damaged");
	return false;
}

bool index_take(struct index *ix, enum index_section s, size_t room, void *ret)
{
	void *p;

	if (!ix || !map_section(ix, s, room, &p))
		return false;
	if (!(ix->verified >> s & 1) && !settle(ix, 1u << s, index_check(ix, s, p))) {
		big_free(p, room, index_width[s]);
		return false;
	}
	memcpy(ret, &p, sizeof p);
	return true;
}

#define TREE_SECTIONS (1u << INDEX_IMMEDIATE | 1u << INDEX_PREORDER)

bool index_take_tree(struct index *ix, uint32_t **immediate, uint32_t **preorder,
		     uint64_t **retained, uint32_t *reached)
{
	uint32_t *up = NULL, *order = NULL;
	uint64_t *sizes = NULL;
	size_t n = ix ? ix->model->nobjects : 0;

	if (index_take(ix, INDEX_IMMEDIATE, n, &up) && index_take(ix, INDEX_PREORDER, n, &order) &&
	    index_take(ix, INDEX_RETAINED, n, &sizes) &&
	    settle(ix, TREE_SECTIONS, index_check_tree(ix, up, order))) {
		*immediate = up;
		*preorder = order;
		*retained = sizes;
		*reached = (uint32_t)index_entries(ix, INDEX_PREORDER);
		return true;
	}
	big_free(up, n, sizeof *up);
	big_free(order, n, sizeof *order);
	big_free(sizes, n, sizeof *sizes);
	return false;
}

bool index_take_reverse(struct index *ix, bool kept, struct reverse *ret)
{
	/* without a list of their own all references keep alive */
	bool own = kept && index_entries(ix, INDEX_KEPT_FIRST);
	enum index_section source = own ? INDEX_KEPT_SOURCE : INDEX_IN_SOURCE;
	struct reverse r = {.nedges = (uint32_t)index_entries(ix, source)};

	if (!ix)
		return false;
	r.nnodes = ix->model->nobjects;
	if (index_take(ix, own ? INDEX_KEPT_FIRST : INDEX_IN_FIRST, (size_t)r.nnodes + 1,
		       &r.in_first) &&
	    index_take(ix, source, r.nedges, &r.in_source)) {
		*ret = r;
		return true;
	}
	reverse_deinit(&r);
	return false;
}
