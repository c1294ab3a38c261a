/*
 * index.c - libFuzzer on the index beside a dump: the input is a list of edits of a good index of the dump FUZZ_DUMP. Checksums are made
 * right after them, so that what is tested is that no number of an index is believed; every fourth input leaves them wrong. Then
 * some of the commands of fuzz.c run.
 */
#define LLVMFuzzerInitialize dump_initialize
#define LLVMFuzzerTestOneInput dump_one_input
#define LLVMFuzzerCustomMutator dump_mutate
#include "fuzz.c"
#undef LLVMFuzzerInitialize
#undef LLVMFuzzerTestOneInput
#undef LLVMFuzzerCustomMutator

#include <fcntl.h>

#include "dump/index_internal.h"
#include "report/index_make.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COMMANDS 8u /* of those of fuzz.c, for one input */

static char index_file[64];
static uint8_t *good, *mutant;
static size_t length;

static uint8_t *slurp(const char *name, size_t *n)
{
	FILE *f = fopen(name, "rb");
	uint8_t *bytes = malloc(1 << 24);

	if (!f || !bytes)
		abort();
	*n = fread(bytes, 1, 1 << 24, f);
	fclose(f);
	return bytes;
}

static void spit(const char *name, const uint8_t *bytes, size_t n)
{
	FILE *f = fopen(name, "wb");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
		abort();
}

static void remove_files(void)
{
	unlink(path);
	unlink(index_file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct model *model;
	uint64_t written;
	uint8_t *dump;
	size_t n;

	dump_initialize(argc, argv);
	dump = slurp(getenv("FUZZ_DUMP") ? getenv("FUZZ_DUMP") : "tests/dumps/v1.0-small.rgd", &n);
	snprintf(path, sizeof path, "/tmp/refgraph-fuzz.%d.rgd", getpid());
	snprintf(index_file, sizeof index_file, "/tmp/refgraph-fuzz.%d.rgx", getpid());
	atexit(remove_files);
	spit(path, dump, n);
	free(dump);
	if (model_open(path, &model) || index_make(model, &written))
		abort();
	model_close(model);
	good = slurp(index_file, &length);
	mutant = malloc(length);
	return mutant ? 0 : -1;
}

/* One edit: which section, where in it, what to put there. */
struct edit {
	uint8_t section, what;
	uint16_t place, value;
};

static uint64_t value_of(const struct edit *e, uint64_t old, uint64_t nobjects)
{
	switch (e->what % 8) {
	case 0:
		return e->value;
	case 1:
		return old + 1;
	case 2:
		return old - 1;
	case 3:
		return nobjects;
	case 4:
		return UINT64_MAX;
	case 5:
		return UINT64_MAX - 1;
	case 6:
		return old ^ 1ull << e->value % 64;
	default:
		return e->value % (nobjects + 1);
	}
}

static void apply(const struct edit *e)
{
	/* where things were: the header may be changed by now */
	const struct index_header *h = (const struct index_header *)good;
	unsigned s = e->section % (INDEX_SECTIONS + 1), width = s < INDEX_SECTIONS ? index_width[s] : 8;
	uint64_t n = s < INDEX_SECTIONS ? h->sections[s].n : sizeof *h / 8, old = 0, new;
	uint8_t *at;

	if (!n)
		return;
	at = mutant + (s < INDEX_SECTIONS ? h->sections[s].offset : 0) + e->place % n * width;
	memcpy(&old, at, width);
	new = value_of(e, old, h->nobjects);
	memcpy(at, &new, width);
}

static void make_right(void)
{
	struct index_header *h = (struct index_header *)mutant;

	for (unsigned s = 0; s < INDEX_SECTIONS; s++) {
		struct index_entry *e = &h->sections[s];
		uint64_t bytes = e->n * index_width[s], sums[64], blocks = index_blocks(bytes);

		if (e->offset > length || e->n > length || bytes > length - e->offset || blocks > 64)
			continue;
		for (uint64_t b = 0; b < blocks; b++)
			sums[b] = XXH3_64bits(mutant + e->offset + b * INDEX_BLOCK,
					      b + 1 < blocks ? INDEX_BLOCK : bytes - b * INDEX_BLOCK);
		e->checksum = XXH3_64bits(sums, blocks * sizeof *sums);
	}
	h->checksum = index_header_sum(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct edit edit;
	bool wrong = size && data[0] % 4 == 3;
	unsigned first = size > 1 ? data[1] : 0;

	memcpy(mutant, good, length);
	for (size_t at = 2; at + sizeof edit <= size && at < 64 * sizeof edit; at += sizeof edit) {
		memcpy(&edit, data + at, sizeof edit);
		apply(&edit);
	}
	if (!wrong)
		make_right();
	spit(index_file, mutant, length);
	for (unsigned i = 0; i < COMMANDS; i++)
		run_command(command_lines[(first + i) % (sizeof command_lines / sizeof *command_lines)]);
	return 0;
}
