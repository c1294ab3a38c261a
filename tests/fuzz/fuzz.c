/*
 * fuzz.c - libFuzzer on everything that reads a dump: opening, verification, loading of each part, and the commands.
 *
 * Checksums would stop every mutant at the door. So the mutator takes a dump apart, changes one thing (a payload, a number
 * of a header, the order of chunks) and puts it together again with sizes, offsets and checksums that are right, except
 * those that it chose to make lie. Built by tests/fuzz/build with the analyzer's sources.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "cmd/cmd.h"
#include "dump/model.h"
#include "dump/reader.h"
#include "symbol/symbol.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static int memory_file;
static char path[64], output[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	/* Commands print; the fuzzer speaks on stderr. */
	if (!freopen("/dev/null", "w", stdout))
		abort();
	setenv("REFGRAPH_THREADS", "1", 1);
	setenv("REFGRAPH_TYPES", "off", 0); /* a dump may name programs that are here, whose debug information takes seconds */
	memory_file = memfd_create("dump", 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", memory_file);
	snprintf(output, sizeof output, "/tmp/refgraph-fuzz.%d.dot", getpid());
	return 0;
}

/* The libraries of this machine, which dumps of real programs name, take longer to read than everything else together: build has the linker wrap it. */
long __real_symbols_add_module(struct symbols *symbols, const char *path_, const char *build_id);
long __wrap_symbols_add_module(struct symbols *symbols, const char *path_, const char *build_id);
long __wrap_symbols_add_module(struct symbols *symbols, const char *path_, const char *build_id)
{
	return __real_symbols_add_module(symbols, strstr(path_, "/lib") ? "/nowhere" : path_, strstr(path_, "/lib") ? "" : build_id);
}

/* ---- what is fuzzed ------------------------------------------------------------------------------------------------ */

/* PATH and OUT stand for the dump and for a file to write. */
static const char *const command_lines[][12] = {
	{"info", "PATH"},
	{"check", "PATH"},
	{"typestats", "--universe", "all", "PATH"},
	{"most-common-types", "PATH"},
	{"show-most-common-types", "--limit", "0", "--no-shortnames", "PATH"},
	{"count", "--where", "size > 1k and generation == 2 or age > 0 and type ~ \"i\"", "PATH"},
	{"growth", "PATH", "PATH"},
	{"show-growth", "--no-shortnames", "PATH", "PATH"},
	{"by-type", "--json", "Node", "PATH"},
	{"at", "0x7f2000000010", "PATH"},
	{"show", "#4", "PATH"},
	{"show", "#0", "PATH"},
	{"find-backref-chain", "#4", "PATH"},
	{"find-backref-chain", "--all-roots", "#5", "PATH"},
	{"find-ref-chain", "#2", "PATH"},
	{"show-refs", "#2", "--filename", "OUT", "PATH"},
	{"show-backrefs", "#5", "--max-depth", "9", "--filename", "OUT", "PATH"},
	{"show-chain", "#5", "--filename", "OUT", "PATH"},
	{"show-backrefs", "#9", "--universe", "all", "--extra-info", "size,retained,refcount,age,site", "--refcounts", "--filename", "OUT",
	 "PATH"},
	{"show-refs", "--where", "size >= 0", "--universe", "all", "--max-nodes", "3", "--cluster", "--filename", "OUT", "PATH"},
	{"show-backrefs", "--where", "size >= 0", "--universe", "all", "--fold", "--max-nodes", "6", "--cluster", "--json", "PATH"},
	{"dominators", "--min", "0", "--legend", "--filename", "OUT", "PATH"},
	{"dominators", "--min", "0", "--group-by", "type", "--format", "dot", "PATH"},
	{"suspects", "--min", "1", "PATH", "PATH"},
	{"suspects", "--min", "1", "--json", "PATH"},
	{"show-refs", "#3", "--highlight", "type == Node", "--extra-node-attrs", "URL={address}", "--legend", "--filename", "OUT", "PATH"},
	{"by-type", "--where", "is-root or module ~ app and site ~ \"a\" and name != x", "--universe", "all", "PATH"},
	{"roots", "PATH"},
	{"roots", "--types", "full", "--limit", "0", "PATH"},
	{"retained", "Node", "PATH"},
	{"by-type", "--where", "retained > 100", "--columns", "address,retained", "--universe", "all", "PATH"},
	{"dominators", "--max-depth", "5", "PATH"},
	{"dominators", "--group-by", "type", "PATH"},
	{"cycles", "--universe", "all", "PATH"},
	{"leaks", "--show-leak-kinds", "all", "--json", "PATH"},
	{"leaks", "--leak-check-heuristics", "newarray,stdstring", "PATH"},
	{"types", "--limit", "0", "--types", "full", "PATH"},
	{"why", "#4", "PATH"},
	{"why", "--json", "--ways", "9", "--avoid", "#3", "--universe", "all", "#5", "PATH"},
	{"why", "--merge", "--where", "size > 0", "--universe", "all", "PATH"},
	{"get-new-ids", "--limit", "0", "PATH", "PATH"},
	{"get-new-ids", "--list", "--universe", "all", "PATH"},
	{"get-leaking-objects", "--universe", "all", "PATH"},
	{"is-proper-module", "--where", "size > 0", "--universe", "all", "PATH"},
	{"at-addrs", "0x7f2000000010", "0x7f2000000000", "PATH"},
	{"referents", "#2", "--universe", "all", "PATH"},
	{"referrers", "#5", "#4", "--universe", "all", "PATH"},
	{"refcount", "#5", "#2", "PATH"},
	{"gc", "PATH"},
	{"balance", "--all", "PATH"},
	{"balance", "--tree", "--all", "--where", "size > 0", "PATH"},
	{"balance", "--filename", "OUT", "PATH"},
	{"balance", "--type", "Thing", "--json", "PATH"},
	{"balance", "0x10040", "PATH"},
	{"refcount", "--replay", "#0", "--json", "PATH"},
	{"refcount", "--replay", "0x10040", "PATH"},
	{"gc", "--events", "PATH"},
	{"suspects", "--min", "1", "PATH"},
	{"show-refs", "#2", "--fold", "--shade", "retained", "--legend", "--max-depth", "6", "--filename", "OUT", "PATH"},
	{"show-backrefs", "Node", "--fold", "--max-depth", "6", "--filename", "OUT", "PATH"},
	{"suspects", "--min", "1", "--json", "PATH", "PATH"},
	{"query", "select type, count(*), sum(size), max(retained), path where name ~ 'a' or site <> '' group by 1, 5", "PATH"},
	{"query", "select e.*, o.module, r.name from edges e join objects o on o.id = e.target left join roots r on r.target = e.source", "PATH"},
	{"query", "select e.label from objects o join edges e on e.target = o.id", "--universe", "gc", "PATH"},
	{"diff", "--fail-if", "retained_delta(Node) > 1 or delta > 0", "PATH", "PATH"},
	{"diff", "--by", "path", "--universe", "all", "PATH", "PATH"},
	{"diff", "--by", "site", "PATH", "PATH"},
	{"diff", "--by", "identity", "--state", "all", "PATH", "PATH"},
	{"audit", "--all", "PATH"},
	{"audit", "PATH", "PATH"},
	{"stacks", "PATH", "PATH"},
	{"stacks", "--by", "tree", "--since", "1", "PATH"},
	{"stacks", "--by", "stack", "--where", "size > 1", "PATH"},
	{"slopes", "--against", "dump", "--min", "0", "--all", "PATH", "PATH"},
	{"slopes", "--against", "dump", "--by", "site", "PATH", "PATH"},
	{"survivors", "--age", "0", "PATH", "PATH"},
	{"survivors", "--by", "site", "--since", "1", "PATH"},
	{"memory", "PATH"},
	{"memory", "--by", "pool", "PATH"},
	{"sites", "PATH"},
	{"sites", "--by", "old", "PATH", "PATH"},
	{"memory", "--by", "pool-name", "PATH"},
	{"sites", "--by", "temporary", "PATH"},
	{"sites", "--by", "peak", "--json", "PATH"},
	{"tasks", "#4", "PATH"},
	{"workers", "PATH", "PATH"},
	{"workers", "--by", "task", "PATH"},
	{"workers", "--by", "sharing", "PATH", "PATH"},
	{"workers", "--by", "refcounts", "PATH", "PATH"},
	{"collect", "PATH"},
	{"collect", "--list", "--generation", "1", "PATH"},
	{"collect", "#4", "--universe", "all", "PATH"},
};

static void run_command(const char *const *line)
{
	struct context context = {0};
	const struct command *command = command_find(line[0]);
	struct error *error;
	char *argv[12];
	int argc = 0;

	if (!command)
		return;
	for (; argc < 11 && line[argc + 1]; argc++) {
		const char *word = line[argc + 1];
		argv[argc] = (char *)(!strcmp(word, "PATH") ? path : !strcmp(word, "OUT") ? output : word);
	}
	argv[argc] = NULL;
	error = context_parse(command, argc, argv, &context);
	if (!error)
		error = command->run(&context);
	else if (error->class == ERROR_USAGE)
		abort(); /* the table above is wrong: nothing would be fuzzed */
	error_destroy(error);
	context_deinit(&context);
}

static void ignore(void *context, struct error *error)
{
	error_destroy(error);
}

static void load_parts(void)
{
	for (unsigned part = 1; part && part <= MODEL_LAST; part <<= 1) {
		struct model *model = NULL;
		struct error *error = model_open(path, &model);

		if (!error)
			error = model_load(model, part);
		error_destroy(error);
		model_close(model);
	}
}

static void walk_edges(struct model *model)
{
	struct edge edge;

	for (uint32_t v = 0; v < model->graph.nnodes; v++)
		for (uint32_t e = model->graph.out_first[v]; e < model->graph.out_first[v + 1]; e++)
			error_destroy(model_edge(model, v, e, &edge));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dump *dump = NULL;
	struct model *model = NULL;
	struct error *error;

	if (ftruncate(memory_file, 0) || pwrite(memory_file, data, size, 0) != (ssize_t)size)
		return 0;
	error = dump_open(path, &dump);
	if (error) {
		error_destroy(error);
		return 0;
	}
	dump_verify(dump, ignore, NULL);
	dump_close(dump);
	load_parts();
	error = model_open(path, &model);
	if (!error)
		error = model_load(model, MODEL_LAST * 2u - 1);
	if (!error)
		walk_edges(model);
	error_destroy(error);
	model_close(model);
	for (size_t i = 0; i < sizeof command_lines / sizeof *command_lines; i++)
		run_command(command_lines[i]);
	return 0;
}

/* ---- taking a dump apart -------------------------------------------------------------------------------------------- */

#define MAX_CHUNKS 512
#define MAX_RAW (1u << 20)

struct part {
	struct rgd_chunk_header header;
	uint8_t *raw; /* uncompressed, malloc'ed */
	size_t size;
	bool lie;     /* header is written as it is */
};

struct file {
	struct rgd_file_header header;
	struct part parts[MAX_CHUNKS];
	size_t n;
	struct rgd_tail tail;
};

static uint64_t state;

static uint32_t below(uint32_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return n ? (uint32_t)((state * 2685821657736338717ull >> 32) * n >> 32) : 0;
}

static bool take_part(struct part *p, const uint8_t *data, size_t left, size_t *used)
{
	if (left < sizeof p->header)
		return false;
	memcpy(&p->header, data, sizeof p->header);
	if (p->header.magic != RGD_CHUNK_MAGIC || p->header.stored_size > left - sizeof p->header)
		return false;
	data += sizeof p->header;
	*used = sizeof p->header + p->header.stored_size;
	p->size = p->header.stored_size;
	if (p->header.compression == RGD_COMP_ZSTD) {
		size_t size = p->header.raw_size < MAX_RAW ? p->header.raw_size : MAX_RAW, got;

		p->raw = malloc(size + 1);
		got = p->raw ? ZSTD_decompress(p->raw, size, data, p->header.stored_size) : 0;
		p->size = ZSTD_isError(got) ? 0 : got;
	} else {
		p->raw = malloc(p->size + 1);
		if (p->raw)
			memcpy(p->raw, data, p->size);
	}
	return p->raw != NULL;
}

static bool take_apart(struct file *f, const uint8_t *data, size_t size)
{
	size_t at = sizeof f->header, used;

	if (size < sizeof f->header)
		return false;
	memcpy(&f->header, data, sizeof f->header);
	for (f->n = 0; f->n < MAX_CHUNKS && take_part(&f->parts[f->n], data + at, size - at, &used); at += used) {
		if (f->parts[f->n].header.section == RGD_SEC_TOC) {
			free(f->parts[f->n].raw); /* made anew */
			break;
		}
		f->n++;
	}
	return f->n > 0;
}

static void release(struct file *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->parts[i].raw);
}

/* ---- putting it together ---------------------------------------------------------------------------------------------- */

struct sink {
	uint8_t *at, *end;
	bool full;
};

static void put(struct sink *s, const void *p, size_t n)
{
	if (n > (size_t)(s->end - s->at)) {
		s->full = true;
		return;
	}
	memcpy(s->at, p, n);
	s->at += n;
}

static void put_chunk(struct sink *s, struct rgd_chunk_header *h, const void *payload, size_t n)
{
	h->checksum = XXH3_64bits(payload, n);
	h->header_checksum = XXH3_64bits(h, offsetof(struct rgd_chunk_header, header_checksum));
	put(s, h, sizeof *h);
	put(s, payload, n);
}

static const uint64_t numbers[] = {
	0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 4095, 4096, 65535, 65536, RGD_GROUP_ROWS - 1, RGD_GROUP_ROWS, RGD_GROUP_ROWS + 1,
	RGD_MAX_CHUNK_RAW, RGD_MAX_CHUNK_RAW + 1, 0x7fffffff, 0x80000000, RGD_MAX_ROWS, RGD_MAX_ROWS + 1, 0xffffffff, 0x100000000,
	0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffd0, 0xffffffffffffffff,
};

static uint64_t number(uint64_t old)
{
	switch (below(4)) {
	case 0:
		return old + 1;
	case 1:
		return old - 1;
	case 2:
		return old ^ 1ull << below(64);
	}
	return numbers[below(sizeof numbers / sizeof *numbers)];
}

/* One number in a struct of `n` bytes, at an alignment that its fields have. */
static void spoil(void *p, size_t n)
{
	static const uint8_t sizes[] = {1, 2, 4, 8};
	size_t size = sizes[below(4)], at = below(n / size) * size;
	uint64_t v = 0;

	memcpy(&v, (uint8_t *)p + at, size);
	v = number(v);
	memcpy((uint8_t *)p + at, &v, size);
}

static size_t put_together(struct file *f, uint8_t *data, size_t max, bool lie_toc, bool lie_tail)
{
	static struct rgd_toc_entry toc[MAX_CHUNKS];
	struct sink s = {.at = data, .end = data + max};
	struct rgd_chunk_header h = {.magic = RGD_CHUNK_MAGIC, .rows = f->n};
	struct rgd_tail tail = f->tail;

	f->header.checksum = XXH3_64bits(&f->header, offsetof(struct rgd_file_header, checksum));
	put(&s, &f->header, sizeof f->header);
	for (size_t i = 0; i < f->n; i++) {
		struct part *p = &f->parts[i];

		if (!p->lie) {
			p->header.raw_size = p->header.stored_size = p->size;
			p->header.compression = RGD_COMP_NONE;
		}
		toc[i].offset = s.at - data;
		put_chunk(&s, &p->header, p->raw, p->size);
		toc[i].header = p->header;
	}
	memcpy(tail.magic, RGD_TAIL_MAGIC, sizeof tail.magic);
	tail.toc_offset = s.at - data;
	h.raw_size = h.stored_size = f->n * sizeof *toc;
	if (lie_toc) {
		spoil(&toc[below(f->n)], sizeof *toc);
		if (!below(4))
			spoil(&h, 40);
	}
	put_chunk(&s, &h, toc, f->n * sizeof *toc);
	tail.file_size = (uint64_t)(s.at - data) + sizeof tail;
	if (lie_tail)
		spoil(&tail, 32);
	tail.checksum = XXH3_64bits(&tail, offsetof(struct rgd_tail, checksum));
	put(&s, &tail, sizeof tail);
	return s.full ? 0 : (size_t)(s.at - data);
}

/* ---- changing it --------------------------------------------------------------------------------------------------------- */

static void mutate_payload(struct part *p)
{
	size_t room = p->size * 2 + 64;
	uint8_t *bigger = realloc(p->raw, room);

	if (!bigger)
		return;
	p->raw = bigger;
	p->size = LLVMFuzzerMutate(p->raw, p->size, below(2) ? p->size : room);
}

/* A whole LEB128 number of the payload becomes another one. */
static void mutate_number(struct part *p)
{
	size_t from, to, n = 0;
	uint8_t leb[10], *bigger;
	uint64_t v;

	if (!p->size || !(bigger = realloc(p->raw, p->size + 16)))
		return;
	p->raw = bigger;
	from = below(p->size);
	for (to = from; to < p->size && p->raw[to] & 0x80;)
		to++;
	to = to < p->size ? to + 1 : p->size;
	for (v = number(p->raw[from]); v >= 0x80; v >>= 7)
		leb[n++] = (uint8_t)v | 0x80;
	leb[n++] = (uint8_t)v;
	memmove(p->raw + from + n, p->raw + to, p->size - to);
	memcpy(p->raw + from, leb, n);
	p->size += n - (to - from);
}

/* The same row count in all columns of a section: past the check that they agree. */
static void mutate_rows(struct file *f)
{
	unsigned section = f->parts[below(f->n)].header.section;
	uint32_t rows = (uint32_t)number(f->parts[0].header.rows);

	for (size_t i = 0; i < f->n; i++)
		if (f->parts[i].header.section == section)
			f->parts[i].header.rows = rows;
}

static void mutate_order(struct file *f)
{
	size_t a = below(f->n), b = below(f->n);
	struct part swap = f->parts[a];

	switch (below(3)) {
	case 0:
		f->parts[a] = f->parts[b];
		f->parts[b] = swap;
		return;
	case 1: /* without a */
		if (f->n == 1)
			return;
		free(swap.raw);
		f->parts[a] = f->parts[--f->n];
		return;
	case 2: /* a once more, after the rows that it has */
		if (f->n == MAX_CHUNKS || !(swap.raw = malloc(swap.size + 1)))
			return;
		memcpy(swap.raw, f->parts[a].raw, swap.size);
		swap.header.first_row += swap.header.rows;
		f->parts[f->n++] = swap;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static struct file f;
	bool lie_toc = false, lie_tail = false;
	size_t n;

	state = seed * 0x9e3779b97f4a7c15ull + 88172645463325252ull;
	memset(&f, 0, sizeof f);
	if (!take_apart(&f, data, size))
		return LLVMFuzzerMutate(data, size, max_size);
	for (unsigned times = 1 + below(3); times > 0; times--) {
		struct part *p = &f.parts[below(f.n)];

		switch (below(10)) {
		case 0:
		case 1:
		case 2:
			mutate_payload(p);
			break;
		case 3:
		case 4:
		case 5:
			mutate_number(p);
			break;
		case 6:
			p->header.raw_size = p->header.stored_size = p->size;
			p->header.compression = RGD_COMP_NONE;
			p->lie = true;
			spoil(&p->header, 32);
			break;
		case 7:
			mutate_rows(&f);
			break;
		case 8:
			mutate_order(&f);
			break;
		case 9:
			if (below(3))
				lie_toc = true;
			else if (below(2))
				lie_tail = true;
			else
				spoil((uint8_t *)&f.header + 8, 48);
		}
	}
	n = put_together(&f, data, max_size, lie_toc, lie_tail);
	release(&f);
	return n ? n : LLVMFuzzerMutate(data, size, max_size);
}
