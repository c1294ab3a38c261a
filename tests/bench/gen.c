/*
 * gen - makes a big dump of a chosen shape, the same one for the same arguments, for benches and scale tests.
 *
 *   gen SHAPE OBJECTS [--seed N] [--level N] [--degree N] -o FILE
 *
 *   python   instances with a dict, a list of items and shared strings, in modules; like a web worker
 *   native   C blocks: structs that point to neighbours, tables of pointers, interior and conservative edges, stacks
 *   chain    one linked list over all objects, from a root
 *   star     one list that holds everything, and everything holds it back
 *   random   each object refers to DEGREE random objects (default 5)
 *
 * Sizes are exact: the dump has OBJECTS objects. `python` has about 1.7 edges an object, `native` and `random` DEGREE (default 5).
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "rgd_write.h"

struct plan {
	struct rgd_writer *w;
	uint32_t n;
	unsigned degree;
	uint64_t random;
	uint32_t nstacks;
};

static uint64_t next_random(struct plan *p)
{
	uint64_t x = p->random; /* xorshift64*, Vigna */

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	p->random = x;
	return x * 2685821657736338717ull;
}

static uint32_t below(struct plan *p, uint32_t n)
{
	return n ? (uint32_t)((next_random(p) >> 32) * n >> 32) : 0;
}

static void type_row(struct plan *p, const char *name, const char *module, unsigned runtime, unsigned flags)
{
	uint64_t row[7] = {rgd_text(p->w, name), rgd_text(p->w, module), runtime, flags, 0, 0, 0};

	rgd_row(p->w, RGD_SEC_TYPES, 7, row);
}

static void root_row(struct plan *p, unsigned class, const char *label, uint32_t target)
{
	uint64_t row[8] = {class, RGD_EDGE_STRONG, rgd_text(p->w, label), 0, 0, target, 0, 0};

	rgd_row(p->w, RGD_SEC_ROOTS, 8, row);
}

/* A trie of stacks, 12 deep, that fans out like a program's. */
static void stacks(struct plan *p, uint32_t n)
{
	uint64_t module[7] = {rgd_text(p->w, "/usr/bin/program"), 0, 0x400000, 0x400000, 0x500000, 1, 0};

	rgd_row(p->w, RGD_SEC_MODULES, 7, module);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t frame[6] = {RGD_FRAME_NATIVE, 1, 0x1000 + 16 * i, 0, 0, 0};
		uint64_t stack[2] = {i < 12 ? i : below(p, i) + 1, i};

		rgd_row(p->w, RGD_SEC_FRAMES, 6, frame);
		rgd_row(p->w, RGD_SEC_STACKS, 2, stack);
	}
	p->nstacks = n;
}

/* ---- python: records of REC objects: instance, dict, list, 3 strings ---------------------------------------- */

enum { T_BLOCK, T_INSTANCE, T_DICT, T_LIST, T_STR, T_MODULE, T_TUPLE, RECORD_TYPES };
#define REC 6
#define CLASSES 40

static uint64_t python_address(uint32_t i)
{
	return 0x7f0000000000ull + 80ull * i;
}

static void python_object(struct plan *p, uint32_t i)
{
	static const struct { uint8_t type; uint16_t size; uint8_t tracked, degree; } kinds[REC] = {
		{T_INSTANCE, 56, 1, 2}, {T_DICT, 232, 1, 4}, {T_LIST, 88, 1, 3},
		{T_STR, 60, 0, 0}, {T_STR, 55, 0, 0}, {T_STR, 71, 0, 0},
	};
	uint32_t record = i / REC, part = i % REC;
	struct rgd_object o = {
		.address = python_address(i),
		.type = kinds[part].type,
		.size = kinds[part].size,
		.refcount = 1 + (part == 0),
		.epoch = 1 + i / (p->n / 4 + 1),
		.stack = 1 + record % 97 % p->nstacks,
		.base = kinds[part].tracked ? 16 : 0,
		.flags = RGD_RT_CPYTHON | RGD_OBJ_F_BLOCK | RGD_OBJ_F_INSPECTED,
	};

	if (part == 0)
		o.type = RECORD_TYPES + record % CLASSES;
	if (kinds[part].tracked)
		o.flags |= RGD_OBJ_F_TRACKED | (2 - i % 64 / 62) << RGD_OBJ_F_GENERATION_SHIFT;
	if ((record + 1) * REC > p->n) { /* what is left over at the end */
		o.type = T_TUPLE;
		o.flags = RGD_RT_CPYTHON | RGD_OBJ_F_BLOCK | RGD_OBJ_F_INSPECTED | RGD_OBJ_F_TRACKED;
	} else {
		o.degree = kinds[part].degree;
	}
	if (i == 0) {
		o.type = T_MODULE;
		o.degree = 1;
	} else if (i == 2) {
		o.degree = p->n / REC; /* the list of all instances, the service's leak */
	}
	rgd_object(p->w, &o);
}

static void python_edges(struct plan *p)
{
	struct rgd_writer *w = p->w;
	unsigned t = RGD_LABEL_F_TRAVERSED;
	uint32_t dict = rgd_label(w, RGD_EDGE_INTERNAL, RGD_LABEL_PART, t, rgd_text(w, "__dict__"));
	uint32_t class = rgd_label(w, RGD_EDGE_STRONG, RGD_LABEL_PART, t, rgd_text(w, "__class__"));
	uint32_t next = rgd_label(w, RGD_EDGE_STRONG, RGD_LABEL_NEXT, t, 0);
	uint32_t keys[4];
	static const char *const names[4] = {"name", "items", "parent", "state"};

	for (int i = 0; i < 4; i++)
		keys[i] = rgd_label(w, RGD_EDGE_STRONG, RGD_LABEL_KEY, t, rgd_text(w, names[i]));
	for (uint32_t r = 0; (r + 1) * REC <= p->n; r++) {
		uint32_t at = r * REC;

		rgd_edge(w, dict, 0, at + 1, 0);
		if (r) /* all instances refer to the module object in place of a class */
			rgd_edge(w, class, 0, 0, 0);
		rgd_edge(w, keys[0], 0, at + 3, 0);
		rgd_edge(w, keys[1], 0, r ? at + 2 : 2, 0);
		rgd_edge(w, keys[2], 0, REC * below(p, r + 1), 0);
		rgd_edge(w, keys[3], 0, REC * below(p, p->n / REC > 256 ? 256 : r + 1) + 5, 0);
		if (r == 0)
			for (uint32_t i = 0; i < p->n / REC; i++)
				rgd_edge(w, next, 0, i * REC, 0);
		else
			for (uint32_t i = 0; i < 3; i++)
				rgd_edge(w, next, 0, i < 2 ? at + 4 : REC * below(p, r + 1) + 4, 0);
	}
}

static void python(struct plan *p)
{
	char name[16];

	type_row(p, "block", "", RGD_RT_NATIVE, 0);
	type_row(p, "object", "builtins", RGD_RT_CPYTHON, RGD_TYPE_F_GC);
	type_row(p, "dict", "builtins", RGD_RT_CPYTHON, RGD_TYPE_F_GC);
	type_row(p, "list", "builtins", RGD_RT_CPYTHON, RGD_TYPE_F_GC);
	type_row(p, "str", "builtins", RGD_RT_CPYTHON, 0);
	type_row(p, "module", "builtins", RGD_RT_CPYTHON, RGD_TYPE_F_GC | RGD_TYPE_F_IS_MODULE);
	type_row(p, "tuple", "builtins", RGD_RT_CPYTHON, RGD_TYPE_F_GC);
	for (int i = 0; i < CLASSES; i++) {
		snprintf(name, sizeof name, "Model%02d", i);
		type_row(p, name, "app", RGD_RT_CPYTHON, RGD_TYPE_F_GC | RGD_TYPE_F_HEAP);
	}
	stacks(p, 200);
	for (uint32_t i = 0; i < p->n; i++)
		python_object(p, i);
	python_edges(p);
	if (p->n)
		root_row(p, RGD_ROOT_MODULE, "app", 0);
	uint64_t property[3] = {0, RGD_PROP_NAME, rgd_text(p->w, "app")};
	if (p->n)
		rgd_row(p->w, RGD_SEC_PROPERTIES, 3, property);
	uint64_t runtime[4] = {RGD_RT_CPYTHON, rgd_text(p->w, "3.11.2"), RGD_RUNTIME_OK, 0};
	rgd_row(p->w, RGD_SEC_RUNTIMES, 4, runtime);
}

/* ---- plain graphs ------------------------------------------------------------------------------------------------ */

static void plain_objects(struct plan *p, uint32_t (*degree)(struct plan *, uint32_t))
{
	uint64_t address = 0x550000000000ull;

	type_row(p, "block", "", RGD_RT_NATIVE, 0);
	stacks(p, 4000);
	for (uint32_t i = 0; i < p->n; i++) {
		struct rgd_object o = {
			.address = address,
			.size = 24 + 16 * (i * 2654435761u >> 28),
			.epoch = 1 + i / (p->n / 4 + 1),
			.stack = 1 + (i >> 4) * 2654435761u % p->nstacks,
			.flags = RGD_OBJ_F_BLOCK,
			.degree = degree(p, i),
		};
		if (o.degree * 8 > o.size)
			o.size = o.degree * 8;
		address += (o.size + 8 + 15) & ~15ull;
		rgd_object(p->w, &o);
	}
}

static uint32_t native_degree(struct plan *p, uint32_t i)
{
	return i % 64 == 0 ? p->degree * 32 : i % 2 ? p->degree : 0;
}

static uint32_t label_offset(struct plan *p, bool interior)
{
	return rgd_label(p->w, RGD_EDGE_CONSERVATIVE, RGD_LABEL_OFFSET, interior ? RGD_LABEL_F_INTERIOR : 0, 0);
}

static void native(struct plan *p)
{
	uint32_t label = label_offset(p, false), inside = label_offset(p, true);

	plain_objects(p, native_degree);
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0, d = native_degree(p, i); k < d; k++) {
			bool near = (i * 31 + k * 7) % 8;
			uint32_t target = near ? (i + k * 3 + 1) % p->n : below(p, p->n);
			bool interior = (i + k) % 50 == 0;
			rgd_edge(p->w, interior ? inside : label, k, target, 8);
		}
	for (uint32_t i = 0; i < p->n && i < 1000; i++)
		root_row(p, RGD_ROOT_GLOBAL, "", i * (p->n / 1000 ? p->n / 1000 : 1));
}

static uint32_t chain_degree(struct plan *p, uint32_t i)
{
	return i + 1 < p->n;
}

static void chain(struct plan *p)
{
	uint32_t label = label_offset(p, false);

	plain_objects(p, chain_degree);
	for (uint32_t i = 0; i + 1 < p->n; i++)
		rgd_edge(p->w, label, 0, i + 1, 0);
	if (p->n)
		root_row(p, RGD_ROOT_GLOBAL, "head", 0);
}

static uint32_t star_degree(struct plan *p, uint32_t i)
{
	return i ? 1 : p->n - 1;
}

static void star(struct plan *p)
{
	uint32_t label = label_offset(p, false);

	plain_objects(p, star_degree);
	for (uint32_t i = 1; i < p->n; i++)
		rgd_edge(p->w, label, i - 1, i, 0);
	for (uint32_t i = 1; i < p->n; i++)
		rgd_edge(p->w, label, 0, 0, 0);
	if (p->n)
		root_row(p, RGD_ROOT_GLOBAL, "hub", 0);
}

static uint32_t random_degree(struct plan *p, uint32_t i)
{
	return p->degree;
}

static void random_graph(struct plan *p)
{
	uint32_t label = label_offset(p, false);

	plain_objects(p, random_degree);
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->degree; k++)
			rgd_edge(p->w, label, k, below(p, p->n), 0);
	if (p->n)
		root_row(p, RGD_ROOT_GLOBAL, "start", 0);
}

static const struct shape {
	const char *name;
	void (*make)(struct plan *p);
} shapes[] = {
	{"python", python}, {"native", native}, {"chain", chain}, {"star", star}, {"random", random_graph},
};

static uint64_t number(const char *text)
{
	char *end;
	double n = text ? strtod(text, &end) : -1; /* so that 10e6 can be written */

	if (n < 0 || n >= RGD_MAX_ROWS || *end)
		errx(2, "no number: %s", text ? text : "(nothing)");
	return (uint64_t)n;
}

int main(int argc, char **argv)
{
	struct rgd_file_header header = {.pid = 1, .serial = 1, .time_ns = 1700000000000000000ull, .process_key = 7};
	struct rgd_options options = {.level = 1};
	struct plan p = {.degree = 5, .random = 88172645463325252ull};
	const struct shape *shape = NULL;
	FILE *out = stdout;

	if (argc < 3)
		errx(2, "usage: gen python|native|chain|star|random OBJECTS [--seed N] [--level N] [--degree N] [-o FILE]");
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		if (!strcmp(argv[1], shapes[i].name))
			shape = &shapes[i];
	if (!shape)
		errx(2, "no shape %s", argv[1]);
	p.n = number(argv[2]);
	for (int i = 3; i < argc; i += 2) {
		if (!strcmp(argv[i], "--seed"))
			p.random ^= number(argv[i + 1]) * 0x9e3779b97f4a7c15ull;
		else if (!strcmp(argv[i], "--level"))
			options.level = number(argv[i + 1]);
		else if (!strcmp(argv[i], "--degree"))
			p.degree = number(argv[i + 1]);
		else if (strcmp(argv[i], "-o"))
			errx(2, "unknown option %s", argv[i]);
		else if (!argv[i + 1] || !(out = fopen(argv[i + 1], "w")))
			err(2, "%s", argv[i + 1] ? argv[i + 1] : "-o");
	}
	p.w = rgd_create(out, &header, &options);
	shape->make(&p);
	rgd_finish(p.w);
	return fclose(out) ? 1 : 0;
}
