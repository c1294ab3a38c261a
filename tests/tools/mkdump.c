/*
 * mkdump - makes a dump from a text description, for tests.
 *
 *   mkdump [--no-zstd] [--chunk-rows N] [--group-rows N] [--partial] [--grow-header BYTES]
 *          [damage, see rgd_patch.h] [-o FILE] [TEXT]
 *
 * The language. One statement a line; words are separated by blanks; "…" quotes (\n \t \" \\ \xHH); # starts a comment (but #7 does not);
 * NAME=VALUE words are options and may stand anywhere. Numbers as in C. What is named must have been
 * declared before, except objects; #7 means object number 7 whether it exists or not.
 *
 *   header [pid=] [serial=] [time=] [key=] [machine=] [page=]      must come first
 *   meta KEY VALUE
 *   string TEXT                                                    interns it
 *   type NAME [module=] [runtime=] [flags=f,…] [size=] [object=O] [base=T] [as=ALIAS]
 *        type 0 is there already, under the name "block"; runtime: native (default) python php gobject refhook N
 *        flags: internal finalizer heap gc legacy_del is_type is_module guess reused
 *   object NAME TYPE [addr=] [size=] [rc=] [gen=0|1|2|3] [epoch=] [stack=S] [base=] [flags=f,…] [prop.KEY=…]
 *        addr: default is 64 after the object before, from 0x10000; runtime is that of the type
 *        flags: tracked block immortal finalized internal static inspected; default: block for native types,
 *        tracked,inspected for types with the gc flag, else inspected; gen implies tracked
 *        KEY: name file line length repr state qualname
 *   edge FROM TO [kind=] [interior=BYTES] [traversed=0|1] and at most one of
 *        attr=NAME key=NAME index=N next=1 keyobj=O iskey=1 member=1 local=NAME cell=NAME part=NAME offset=BYTES
 *        stackslot=N keyint=N keytext=TEXT;  kind: strong (default) weak internal conservative borrowed
 *        traversed: default 1 for strong and internal edges of a runtime's objects
 *   root CLASS LABEL TARGET [kind=] [owner=N] [value=] [interior=] [context=]     owner: number + 1
 *        CLASS: global stack register tls runtime local module region annotated pinned
 *   frame NAME native|python|php|unknown [module=M] [offset=] [function=] [file=] [line=]
 *   stack NAME FRAME [PARENT]
 *   module NAME PATH [build_id=] [base=] [low=] [high=] [loaded=] [unloaded=]
 *   map START END PERMS [PATH] [offset=] [rss=] [pss=] [dirty=] [anonymous=] [swap=]
 *   thread TID NAME [low=] [high=] [sp=] [state=]
 *   runtime RUNTIME VERSION [state=] [note=]
 *   gc RUNTIME NAME INDEX VALUE
 *   counter NAME VALUE
 *   property O KEY VALUE
 *   epoch NUMBER [time=] [kind=] [label=]
 *   region ADDRESS SIZE [stack=S] [epoch=] [kind=]
 *   heap KIND ADDRESS SIZE [blocks=] [used=] [requested=] [free_chunks=] [free=] [kept_chunks=] [kept=] [top=] [top_rss=]
 *   pages ADDRESS COUNT private|shared|shim
 *   call THREAD MODULE+1 OFFSET SP CFA FLAGS      callreg CALL NUMBER SLOT VALUE      tls THREAD MODULE ADDRESS SIZE
 *   summary TYPE COUNT BYTES [stack=S] [tracked=]      the first one turns off the automatic summary
 *   repeat N [VAR]  …  end                             VAR (i) counts from 0; {i*2+1} {i:x} in the lines between
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "rgd_patch.h"
#include "rgd_text.h"
#include "rgd_write.h"

/* ---- names ----------------------------------------------------------------------------------------------------- */

struct symbols {
	char **names;
	uint32_t *numbers;
	size_t size, used;
};

struct object {
	struct rgd_object row;
	uint32_t number; /* once sorted */
	size_t edges, nedges;
};

/* Objects by name until all are known. */
struct edge {
	uint32_t from; /* in declaration order */
	char *to, *key;
	unsigned kind, class, flags;
	char *text;
	uint64_t value, interior;
};

struct root {
	uint64_t row[8];
	char *target;
};

struct counted {
	uint64_t row[11];
	char *object;
};

struct type {
	uint64_t row[7];
	char *object;
};

struct property {
	char *object;
	uint32_t number, key;
	uint64_t value;
};

static struct rgd_file_header header = {.pid = 4242, .serial = 1, .time_ns = 1700000000000000000ull, .process_key = 1};
static struct rgd_options options = {.level = 3};
static struct rgd_writer *w;
static FILE *out;
static struct symbols object_names, type_names, frame_names, stack_names, module_names, hook_names;
static struct object *objects;
static struct edge *edges;
static struct root *roots;
static struct type *types;
static struct property *properties;
static struct counted *counted;
static size_t ncounted, nobjects, nedges, nroots, ntypes, nproperties;
static uint64_t next_address = 0x10000;
static uint32_t *by_number;

static void *must(void *p)
{
	if (!p)
		err(2, "memory");
	return p;
}

#define ADD(array, n) \
	((array) = (((n) & ((n) - 1)) == 0 ? must(realloc((array), ((n) ? (n) * 2 : 1) * sizeof *(array))) : (array)), \
	 memset(&(array)[n], 0, sizeof *(array)), &(array)[(n)++])

static uint64_t hash_name(const char *name)
{
	uint64_t h = 14695981039346656037ull; /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 1099511628211ull;
	return h ^ h >> 29;
}

static size_t find_slot(const struct symbols *s, const char *name)
{
	size_t i = hash_name(name) & (s->size - 1);

	while (s->names[i] && strcmp(s->names[i], name))
		i = (i + 1) & (s->size - 1);
	return i;
}

static void define(struct symbols *s, const char *name, uint32_t number)
{
	if ((s->used + 1) * 2 > s->size) {
		struct symbols bigger = {.size = s->size ? s->size * 2 : 256, .used = s->used};

		bigger.names = must(calloc(bigger.size, sizeof *bigger.names));
		bigger.numbers = must(calloc(bigger.size, sizeof *bigger.numbers));
		for (size_t i = 0; i < s->size; i++)
			if (s->names[i]) {
				size_t to = find_slot(&bigger, s->names[i]);
				bigger.names[to] = s->names[i];
				bigger.numbers[to] = s->numbers[i];
			}
		*s = bigger;
	}
	size_t i = find_slot(s, name);
	if (!s->names[i]) {
		s->names[i] = must(strdup(name));
		s->used++;
	}
	s->numbers[i] = number;
}

static bool lookup(const struct symbols *s, const char *name, uint32_t *number)
{
	size_t i;

	if (name[0] == '#') {
		*number = strtoul(name + 1, NULL, 0);
		return true;
	}
	if (!s->size || !s->names[i = find_slot(s, name)])
		return false;
	*number = s->numbers[i];
	return true;
}

static uint32_t need(struct line *line, const struct symbols *s, const char *name)
{
	uint32_t n;

	if (!lookup(s, name, &n))
		text_error(line, "%s is not declared", name);
	return n;
}

/* Number + 1 of the option's name, 0 without the option. */
static uint32_t optional(struct line *line, const struct symbols *s, const char *option)
{
	const char *name = text_option(line, option);

	return name ? need(line, s, name) + 1 : 0;
}

/* An object's number in the dump. */
static uint32_t object_number(const char *name)
{
	uint32_t n;

	if (name[0] == '#')
		return strtoul(name + 1, NULL, 0);
	if (!lookup(&object_names, name, &n))
		errx(2, "object %s is not declared", name);
	return objects[n].number;
}

/* ---- words with a meaning ----------------------------------------------------------------------------------------- */

struct word {
	const char *name;
	uint32_t value;
};

static const struct word runtimes[] = {
	{"native", RGD_RT_NATIVE}, {"python", RGD_RT_CPYTHON}, {"php", RGD_RT_PHP},
	{"gobject", RGD_RT_GOBJECT}, {"refhook", RGD_RT_REFHOOK}, {0},
};
static const struct word type_flags[] = {
	{"internal", RGD_TYPE_F_INTERNAL}, {"finalizer", RGD_TYPE_F_FINALIZER},
	{"heap", RGD_TYPE_F_HEAP}, {"gc", RGD_TYPE_F_GC}, {"legacy_del", RGD_TYPE_F_LEGACY_DEL},
	{"is_type", RGD_TYPE_F_IS_TYPE}, {"is_module", RGD_TYPE_F_IS_MODULE},
	{"guess", RGD_TYPE_F_GUESS}, {"reused", RGD_TYPE_F_REUSED}, {0},
};
static const struct word object_flags[] = {
	{"tracked", RGD_OBJ_F_TRACKED}, {"block", RGD_OBJ_F_BLOCK}, {"immortal", RGD_OBJ_F_IMMORTAL},
	{"finalized", RGD_OBJ_F_FINALIZED}, {"internal", RGD_OBJ_F_INTERNAL},
	{"static", RGD_OBJ_F_STATIC}, {"inspected", RGD_OBJ_F_INSPECTED}, {"none", 0}, {0},
};
static const struct word edge_kinds[] = {
	{"strong", RGD_EDGE_STRONG}, {"weak", RGD_EDGE_WEAK}, {"internal", RGD_EDGE_INTERNAL},
	{"conservative", RGD_EDGE_CONSERVATIVE}, {"borrowed", RGD_EDGE_BORROWED}, {0},
};
static const struct word root_classes[] = {
	{"global", RGD_ROOT_GLOBAL}, {"stack", RGD_ROOT_STACK}, {"register", RGD_ROOT_REGISTER},
	{"tls", RGD_ROOT_TLS}, {"runtime", RGD_ROOT_RUNTIME}, {"local", RGD_ROOT_LOCAL},
	{"module", RGD_ROOT_MODULE}, {"region", RGD_ROOT_REGION},
	{"annotated", RGD_ROOT_ANNOTATED}, {"pinned", RGD_ROOT_PINNED}, {0},
};
static const struct word frame_kinds[] = {
	{"native", RGD_FRAME_NATIVE}, {"python", RGD_FRAME_PYTHON}, {"php", RGD_FRAME_PHP},
	{"unknown", RGD_FRAME_UNKNOWN}, {0},
};
/* Text-valued ones first. */
static const struct word property_keys[] = {
	{"name", RGD_PROP_NAME}, {"file", RGD_PROP_FILE}, {"repr", RGD_PROP_REPR},
	{"state", RGD_PROP_STATE}, {"qualname", RGD_PROP_QUALNAME}, {"line", RGD_PROP_LINE},
	{"length", RGD_PROP_LENGTH}, {"pool", RGD_PROP_POOL}, {0},
};
/* What an edge may be; `what` says how the option's value is taken. */
static const struct {
	const char *name;
	unsigned class;
	enum { TEXT, NUMBER, OBJECT, BYTES, ZIGZAG, NOTHING } what;
} edge_labels[] = {
	{"attr", RGD_LABEL_ATTRIBUTE, TEXT}, {"key", RGD_LABEL_KEY, TEXT},
	{"index", RGD_LABEL_INDEX, NUMBER}, {"next", RGD_LABEL_NEXT, NOTHING},
	{"keyobj", RGD_LABEL_KEY_OBJECT, OBJECT}, {"iskey", RGD_LABEL_IS_KEY, NOTHING},
	{"member", RGD_LABEL_MEMBER, NOTHING}, {"local", RGD_LABEL_LOCAL, TEXT},
	{"cell", RGD_LABEL_CELL, TEXT}, {"part", RGD_LABEL_PART, TEXT},
	{"offset", RGD_LABEL_OFFSET, BYTES}, {"stackslot", RGD_LABEL_STACK, NUMBER},
	{"keyint", RGD_LABEL_KEY_INT, ZIGZAG}, {"keytext", RGD_LABEL_KEY_TEXT, TEXT},
};

/* Also takes plain numbers, so that values can be written that do not exist. */
static uint32_t word_value(struct line *line, const struct word *words, const char *name)
{
	char *end;
	uint32_t n = strtoul(name, &end, 0);

	for (; words->name; words++)
		if (!strcmp(words->name, name))
			return words->value;
	if (*end || end == name)
		text_error(line, "what is %s?", name);
	return n;
}

static uint32_t word_option(struct line *line, const struct word *words, const char *option, uint32_t otherwise)
{
	const char *name = text_option(line, option);

	return name ? word_value(line, words, name) : otherwise;
}

static uint32_t flags_value(struct line *line, const struct word *words, char *list)
{
	uint32_t flags = 0;

	for (char *p = strtok(list, ","); p; p = strtok(NULL, ","))
		flags |= word_value(line, words, p);
	return flags;
}

static uint32_t text_of(struct line *line, const char *option)
{
	return rgd_text(w, text_option(line, option));
}

static char *copy(const char *text)
{
	return text ? must(strdup(text)) : NULL;
}

/* ---- statements ---------------------------------------------------------------------------------------------------- */

static void do_header(struct line *l)
{
	if (w)
		text_error(l, "header must come first");
	header.pid = text_option_number(l, "pid", header.pid);
	header.serial = text_option_number(l, "serial", header.serial);
	header.time_ns = text_option_number(l, "time", header.time_ns);
	header.process_key = text_option_number(l, "key", header.process_key);
	header.machine = text_option_number(l, "machine", header.machine);
	header.page_size = text_option_number(l, "page", header.page_size);
	text_done(l, 1);
}

static void do_meta(struct line *l)
{
	const char *key = text_positional(l, 1), *value = text_positional(l, 2);

	rgd_put_bytes(w, RGD_SEC_META, RGD_META_KEY, key, strlen(key));
	rgd_put_bytes(w, RGD_SEC_META, RGD_META_VALUE, value, strlen(value));
	text_done(l, 3);
}

static void do_string(struct line *l)
{
	rgd_text(w, text_positional(l, 1));
	text_done(l, 2);
}

static void do_type(struct line *l)
{
	const char *name = text_positional(l, 1), *alias = text_option(l, "as");
	struct type *t = ADD(types, ntypes);
	char *flags = text_option(l, "flags");

	t->row[RGD_TYPE_NAME] = rgd_text(w, name);
	t->row[RGD_TYPE_MODULE] = text_of(l, "module");
	t->row[RGD_TYPE_RUNTIME] = word_option(l, runtimes, "runtime", RGD_RT_NATIVE);
	t->row[RGD_TYPE_FLAGS] = flags ? flags_value(l, type_flags, flags) : 0;
	t->row[RGD_TYPE_BASIC_SIZE] = text_option_number(l, "size", 0);
	t->row[RGD_TYPE_BASE] = optional(l, &type_names, "base");
	t->object = copy(text_option(l, "object"));
	define(&type_names, alias ? alias : name, ntypes - 1);
	text_done(l, 2);
}

static void add_property(struct line *l, const char *object, uint32_t key, const char *value)
{
	struct property *p = ADD(properties, nproperties);

	p->object = copy(object);
	p->key = key;
	p->value = key == RGD_PROP_LINE || key == RGD_PROP_LENGTH || key == RGD_PROP_POOL ? text_number(l, value) : rgd_text(w, value);
}

static void do_property(struct line *l)
{
	add_property(l, text_positional(l, 1), word_value(l, property_keys, text_positional(l, 2)),
		     text_positional(l, 3));
	text_done(l, 4);
}

static uint32_t default_flags(const struct type *t)
{
	if (t->row[RGD_TYPE_RUNTIME] == RGD_RT_NATIVE)
		return RGD_OBJ_F_BLOCK;
	return RGD_OBJ_F_INSPECTED | (t->row[RGD_TYPE_FLAGS] & RGD_TYPE_F_GC ? RGD_OBJ_F_TRACKED : 0);
}

static void do_object(struct line *l)
{
	const char *name = text_positional(l, 1), *gen = text_option(l, "gen");
	char *flags = text_option(l, "flags"), option[32];
	struct object *o = ADD(objects, nobjects);
	static const struct type unknown;
	const struct type *t;

	o->row.type = need(l, &type_names, text_positional(l, 2));
	t = o->row.type < ntypes ? &types[o->row.type] : &unknown;
	o->row.address = text_option_number(l, "addr", next_address);
	next_address = o->row.address + 64;
	o->row.size = text_option_number(l, "size", 32);
	o->row.refcount = text_option_number(l, "rc", 0);
	o->row.epoch = text_option_number(l, "epoch", 1);
	o->row.base = text_option_number(l, "base", 0);
	o->row.stack = optional(l, &stack_names, "stack");
	o->row.flags = flags ? flags_value(l, object_flags, flags) : default_flags(t);
	o->row.flags |= t->row[RGD_TYPE_RUNTIME] & RGD_OBJ_F_RUNTIME_MASK;
	if (gen)
		o->row.flags |= RGD_OBJ_F_TRACKED | (text_number(l, gen) & 3) << RGD_OBJ_F_GENERATION_SHIFT;
	define(&object_names, name, nobjects - 1);
	for (const struct word *k = property_keys; k->name; k++) {
		snprintf(option, sizeof option, "prop.%s", k->name);
		if (text_option(l, option))
			add_property(l, name, k->value, text_option(l, option));
	}
	text_done(l, 3);
}

static void edge_label(struct line *l, struct edge *e)
{
	const char *value;

	for (size_t i = 0; i < sizeof edge_labels / sizeof *edge_labels; i++) {
		if (!(value = text_option(l, edge_labels[i].name)))
			continue;
		if (e->class)
			text_error(l, "two labels");
		e->class = edge_labels[i].class;
		switch (edge_labels[i].what) {
		case TEXT:
			e->text = copy(value);
			break;
		case NUMBER:
			e->value = text_number(l, value);
			break;
		case BYTES:
			e->value = text_number(l, value) / 8;
			break;
		case ZIGZAG:
			e->value = text_number(l, value);
			e->value = e->value << 1 ^ (uint64_t)((int64_t)e->value >> 63);
			break;
		case OBJECT:
			e->key = copy(value);
			break;
		case NOTHING:
			break;
		}
	}
}

static void do_edge(struct line *l)
{
	struct edge *e = ADD(edges, nedges);
	const char *interior = text_option(l, "interior");
	bool runtime;

	if (!lookup(&object_names, text_positional(l, 1), &e->from) || e->from >= nobjects)
		text_error(l, "%s is not declared", l->positional[1]);
	e->to = copy(text_positional(l, 2));
	e->kind = word_option(l, edge_kinds, "kind", RGD_EDGE_STRONG);
	edge_label(l, e);
	runtime = objects[e->from].row.flags & RGD_OBJ_F_RUNTIME_MASK;
	if (text_option_number(l, "traversed",
			       runtime && (e->kind == RGD_EDGE_STRONG || e->kind == RGD_EDGE_INTERNAL)))
		e->flags |= RGD_LABEL_F_TRAVERSED;
	if (interior) {
		e->flags |= RGD_LABEL_F_INTERIOR;
		e->interior = text_number(l, interior);
	}
	text_done(l, 3);
}

static void do_root(struct line *l)
{
	struct root *r = ADD(roots, nroots);

	r->row[RGD_ROOT_CLASS] = word_value(l, root_classes, text_positional(l, 1));
	r->row[RGD_ROOT_KIND] = word_option(l, edge_kinds, "kind", RGD_EDGE_STRONG);
	r->row[RGD_ROOT_LABEL] = rgd_text(w, text_positional(l, 2));
	r->row[RGD_ROOT_OWNER] = text_option_number(l, "owner", 0);
	r->row[RGD_ROOT_VALUE] = text_option_number(l, "value", 0);
	r->row[RGD_ROOT_INTERIOR] = text_option_number(l, "interior", 0);
	r->row[RGD_ROOT_CONTEXT] = text_of(l, "context");
	r->target = copy(text_positional(l, 3));
	text_done(l, 4);
}

static void do_frame(struct line *l)
{
	static uint32_t n;
	uint64_t row[6] = {
		word_value(l, frame_kinds, text_positional(l, 2)), optional(l, &module_names, "module"),
		text_option_number(l, "offset", 0), text_of(l, "function"), text_of(l, "file"),
		text_option_number(l, "line", 0),
	};

	define(&frame_names, text_positional(l, 1), n++);
	rgd_row(w, RGD_SEC_FRAMES, 6, row);
	text_done(l, 3);
}

static void do_stack(struct line *l)
{
	static uint32_t n;
	uint64_t row[2] = {
		l->npositional > 3 ? need(l, &stack_names, l->positional[3]) + 1 : 0,
		need(l, &frame_names, text_positional(l, 2)),
	};

	define(&stack_names, text_positional(l, 1), n++);
	rgd_row(w, RGD_SEC_STACKS, 2, row);
	text_done(l, 4);
}

static void do_module(struct line *l)
{
	static uint32_t n;
	uint64_t row[7] = {
		rgd_text(w, text_positional(l, 2)), text_of(l, "build_id"), text_option_number(l, "base", 0),
		text_option_number(l, "low", 0), text_option_number(l, "high", 0),
		text_option_number(l, "loaded", 0), text_option_number(l, "unloaded", 0),
	};

	define(&module_names, text_positional(l, 1), n++);
	rgd_row(w, RGD_SEC_MODULES, 7, row);
	text_done(l, 3);
}

static void do_map(struct line *l)
{
	uint64_t row[10] = {
		text_number(l, text_positional(l, 1)), text_number(l, text_positional(l, 2)),
		rgd_text(w, text_positional(l, 3)), rgd_text(w, l->npositional > 4 ? l->positional[4] : ""),
		text_option_number(l, "offset", 0), text_option_number(l, "rss", 0),
		text_option_number(l, "pss", 0), text_option_number(l, "dirty", 0),
		text_option_number(l, "anonymous", 0), text_option_number(l, "swap", 0),
	};

	rgd_row(w, RGD_SEC_MAPS, 10, row);
	text_done(l, 5);
}

static void do_thread(struct line *l)
{
	uint64_t row[6] = {
		text_number(l, text_positional(l, 1)), rgd_text(w, text_positional(l, 2)),
		text_option_number(l, "low", 0), text_option_number(l, "high", 0),
		text_option_number(l, "sp", 0), text_option_number(l, "state", 0),
	};

	rgd_row(w, RGD_SEC_THREADS, 6, row);
	text_done(l, 3);
}

static void do_runtime(struct line *l)
{
	uint64_t row[4] = {
		word_value(l, runtimes, text_positional(l, 1)), rgd_text(w, text_positional(l, 2)),
		text_option_number(l, "state", 0), text_of(l, "note"),
	};

	rgd_row(w, RGD_SEC_RUNTIMES, 4, row);
	text_done(l, 3);
}

static void do_gc(struct line *l)
{
	uint64_t row[4] = {
		word_value(l, runtimes, text_positional(l, 1)), rgd_text(w, text_positional(l, 2)),
		text_number(l, text_positional(l, 3)), text_number(l, text_positional(l, 4)),
	};

	rgd_row(w, RGD_SEC_GC, 4, row);
	text_done(l, 5);
}

static void do_counter(struct line *l)
{
	uint64_t row[2] = {rgd_text(w, text_positional(l, 1)), text_number(l, text_positional(l, 2))};

	rgd_row(w, RGD_SEC_COUNTERS, 2, row);
	text_done(l, 3);
}

static void do_epoch(struct line *l)
{
	uint64_t row[4] = {
		text_number(l, text_positional(l, 1)), text_option_number(l, "time", 0),
		text_option_number(l, "kind", 0), text_of(l, "label"),
	};

	rgd_row(w, RGD_SEC_EPOCHS, 4, row);
	text_done(l, 2);
}

static void do_region(struct line *l)
{
	uint64_t row[5] = {
		text_number(l, text_positional(l, 1)), text_number(l, text_positional(l, 2)),
		optional(l, &stack_names, "stack"), text_option_number(l, "epoch", 1),
		text_option_number(l, "kind", 0),
	};

	rgd_row(w, RGD_SEC_REGIONS, 5, row);
	text_done(l, 3);
}

static void do_heap(struct line *l)
{
	uint64_t row[12] = {
		text_number(l, text_positional(l, 1)),	text_number(l, text_positional(l, 2)),
		text_number(l, text_positional(l, 3)),	text_option_number(l, "blocks", 0),
		text_option_number(l, "used", 0),	text_option_number(l, "requested", 0),
		text_option_number(l, "free_chunks", 0), text_option_number(l, "free", 0),
		text_option_number(l, "kept_chunks", 0), text_option_number(l, "kept", 0),
		text_option_number(l, "top", 0),	text_option_number(l, "top_rss", 0),
	};

	rgd_row(w, RGD_SEC_HEAPS, 12, row);
	text_done(l, 4);
}

static void do_numbers(struct line *l, unsigned section, unsigned columns)
{
	uint64_t row[8];

	for (unsigned i = 0; i < columns; i++)
		row[i] = text_number(l, text_positional(l, i + 1));
	rgd_row(w, section, columns, row);
	text_done(l, columns + 1);
}

static void do_call(struct line *l)
{
	do_numbers(l, RGD_SEC_CALLS, 6);
}

static void do_callreg(struct line *l)
{
	do_numbers(l, RGD_SEC_CALL_REGISTERS, 4);
}

static void do_tls(struct line *l)
{
	do_numbers(l, RGD_SEC_TLS, 4);
}

static void do_pages(struct line *l)
{
	const char *state = text_positional(l, 3);
	uint64_t row[3] = {
		text_number(l, text_positional(l, 1)), text_number(l, text_positional(l, 2)),
		!strcmp(state, "private") ? RGD_PAGES_PRIVATE
		: !strcmp(state, "shared") ? RGD_PAGES_SHARED : RGD_PAGES_SHIM,
	};

	rgd_row(w, RGD_SEC_PAGES, 3, row);
	text_done(l, 4);
}

/* pool KIND ADDRESS name= parent=NUMBER+1 stack= epoch= blocks= bytes= pieces= held= */
static void do_pool(struct line *l)
{
	uint64_t row[10] = {
		text_number(l, text_positional(l, 1)), text_number(l, text_positional(l, 2)),
		text_of(l, "name"), text_option_number(l, "parent", 0),
		optional(l, &stack_names, "stack"), text_option_number(l, "epoch", 0),
		text_option_number(l, "blocks", 0), text_option_number(l, "bytes", 0),
		text_option_number(l, "pieces", 0), text_option_number(l, "held", 0),
	};

	rgd_row(w, RGD_SEC_POOLS, 10, row);
	text_done(l, 3);
}

static const char *const event_kinds[] = {"", "create", "destroy", "ref", "unref", "sink", "floats", "defer", "acquire", "unseen"};

static uint64_t event_kind(struct line *l, const char *word)
{
	for (uint64_t i = 1; i < sizeof event_kinds / sizeof *event_kinds; i++)
		if (!strcmp(word, event_kinds[i]))
			return i;
	return text_number(l, word);
}

/* hook NAME FAMILY TYPE ROLE [way=1] [calls=N] [why=TEXT] */
static void do_hook(struct line *l)
{
	static uint32_t n;
	uint64_t row[9] = {
		rgd_text(w, text_positional(l, 1)), optional(l, &module_names, "module"), text_option_number(l, "offset", 0),
		rgd_text(w, text_positional(l, 2)), rgd_text(w, text_positional(l, 3)), event_kind(l, text_positional(l, 4)),
		text_option_number(l, "way", 1), text_of(l, "why"), text_option_number(l, "calls", 0),
	};

	define(&hook_names, text_positional(l, 1), n++);
	rgd_row(w, RGD_SEC_HOOKS, 9, row);
	text_done(l, 5);
}

/* counted STATE TYPE [address=A] [object=NAME] [objects=N] [count=N] [memory=N] [lost=N] [epoch=N] [flags=N]: the events that follow are its own */
static void do_counted(struct line *l)
{
	static const char *const states[] = {"alive", "ended", "life", "rest"};
	const char *state = text_positional(l, 1);
	struct counted *c = ADD(counted, ncounted);

	for (uint64_t i = 0; i < 4; i++)
		if (!strcmp(state, states[i]))
			c->row[RGD_COUNTED_STATE] = i;
	c->row[RGD_COUNTED_ADDRESS] = text_option_number(l, "address", 0);
	c->object = text_option(l, "object") ? strdup(text_option(l, "object")) : NULL;
	c->row[RGD_COUNTED_TYPE] = need(l, &type_names, text_positional(l, 2));
	c->row[RGD_COUNTED_OBJECTS] = text_option_number(l, "objects", 1);
	c->row[RGD_COUNTED_COUNT] = text_option_number(l, "count", (uint64_t)-1) + 1;
	c->row[RGD_COUNTED_MEMORY] = text_option_number(l, "memory", (uint64_t)-1) + 1;
	c->row[RGD_COUNTED_LOST] = text_option_number(l, "lost", 0);
	c->row[RGD_COUNTED_EPOCH] = text_option_number(l, "epoch", 1);
	c->row[RGD_COUNTED_FLAGS] = text_option_number(l, "flags", 0);
	text_done(l, 3);
}

/* event KIND [hook=NAME] [stack=NAME] [thread=N] [before=N] [after=N] [times=1] [flags=0] */
static void do_event(struct line *l)
{
	uint64_t row[8] = {
		event_kind(l, text_positional(l, 1)), text_option_number(l, "flags", 0), optional(l, &hook_names, "hook"),
		optional(l, &stack_names, "stack"), text_option_number(l, "thread", 0), text_option_number(l, "before", (uint64_t)-1) + 1,
		text_option_number(l, "after", (uint64_t)-1) + 1, text_option_number(l, "times", 1),
	};

	if (!ncounted)
		errx(2, "an event of nothing");
	counted[ncounted - 1].row[RGD_COUNTED_EVENTS]++;
	rgd_row(w, RGD_SEC_EVENTS, 8, row);
	text_done(l, 2);
}

static void write_counted(void)
{
	for (size_t i = 0; i < ncounted; i++) {
		if (counted[i].object)
			counted[i].row[RGD_COUNTED_OBJECT] = object_number(counted[i].object) + 1;
		rgd_row(w, RGD_SEC_COUNTED, 11, counted[i].row);
	}
}

/* site FRAME made= ... */
static void do_site(struct line *l)
{
	uint64_t row[12] = {
		need(l, &frame_names, text_positional(l, 1)), text_option_number(l, "made", 0),
		text_option_number(l, "made_bytes", 0), text_option_number(l, "blocks", 0),
		text_option_number(l, "bytes", 0), text_option_number(l, "peak_blocks", 0),
		text_option_number(l, "peak_bytes", 0), text_option_number(l, "at_blocks", 0),
		text_option_number(l, "at_bytes", 0), text_option_number(l, "temporary", 0),
		text_option_number(l, "gone0", 0), text_option_number(l, "gone1", 0),
	};

	rgd_row(w, RGD_SEC_SITES, 12, row);
	text_done(l, 2);
}

static bool summary_by_hand;

static void do_summary(struct line *l)
{
	uint64_t row[5] = {
		need(l, &type_names, text_positional(l, 1)), optional(l, &stack_names, "stack"),
		text_option_number(l, "tracked", 0), text_number(l, text_positional(l, 2)),
		text_number(l, text_positional(l, 3)),
	};

	summary_by_hand = true;
	rgd_row(w, RGD_SEC_SUMMARY, 5, row);
	text_done(l, 4);
}

static const struct {
	const char *name;
	void (*run)(struct line *line);
} statements[] = {
	{"header", do_header}, {"meta", do_meta}, {"string", do_string}, {"type", do_type},
	{"object", do_object}, {"edge", do_edge}, {"root", do_root}, {"frame", do_frame},
	{"stack", do_stack}, {"module", do_module}, {"map", do_map}, {"thread", do_thread},
	{"runtime", do_runtime}, {"gc", do_gc}, {"counter", do_counter}, {"property", do_property},
	{"epoch", do_epoch}, {"region", do_region}, {"heap", do_heap}, {"summary", do_summary},
	{"call", do_call}, {"callreg", do_callreg}, {"tls", do_tls}, {"pages", do_pages}, {"pool", do_pool}, {"site", do_site},
	{"hook", do_hook}, {"counted", do_counted}, {"event", do_event},
};

static void begin(void)
{
	if (w)
		return;
	w = rgd_create(out, &header, &options);
	struct type *t = ADD(types, ntypes);
	t->row[RGD_TYPE_NAME] = rgd_text(w, "block");
	define(&type_names, "block", 0);
}

static void statement(struct line *line)
{
	const char *verb = text_positional(line, 0);

	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
		if (!strcmp(statements[i].name, verb)) {
			if (i)
				begin();
			statements[i].run(line);
			return;
		}
	text_error(line, "what is %s?", verb);
}

/* ---- writing what had to wait ------------------------------------------------------------------------------------------ */

static int by_address(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (objects[x].row.address != objects[y].row.address)
		return objects[x].row.address < objects[y].row.address ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int by_source(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;
	uint32_t m = objects[x->from].number, n = objects[y->from].number;

	if (m != n)
		return m < n ? -1 : 1;
	return x->interior < y->interior ? -1 : x->interior > y->interior;
}

static int by_object(const void *a, const void *b)
{
	const struct property *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void number_objects(void)
{
	by_number = must(malloc((nobjects + 1) * sizeof *by_number));
	for (size_t i = 0; i < nobjects; i++)
		by_number[i] = i;
	qsort(by_number, nobjects, sizeof *by_number, by_address);
	for (size_t i = 0; i < nobjects; i++)
		objects[by_number[i]].number = i;
	for (size_t i = 0; i < nedges; i++)
		objects[edges[i].from].row.degree++;
}

/* A stable sort by source: the order of an object's edges has a meaning (RGD_LABEL_NEXT). */
static void sort_edges(void)
{
	uint64_t *keep = must(malloc((nedges + 1) * sizeof *keep));

	for (size_t i = 0; i < nedges; i++) {
		struct edge *e = &edges[i];
		keep[i] = e->interior;
		e->interior = i;
	}
	qsort(edges, nedges, sizeof *edges, by_source);
	for (size_t i = 0; i < nedges; i++)
		edges[i].interior = keep[edges[i].interior];
	free(keep);
}

static void write_edges(void)
{
	sort_edges();
	for (size_t i = 0; i < nedges; i++) {
		const struct edge *e = &edges[i];
		uint32_t label = rgd_label(w, e->kind, e->class, e->flags, rgd_text(w, e->text));

		rgd_edge(w, label, e->key ? object_number(e->key) : e->value, object_number(e->to), e->interior);
	}
}

static void write_properties(void)
{
	for (size_t i = 0; i < nproperties; i++)
		properties[i].number = object_number(properties[i].object);
	qsort(properties, nproperties, sizeof *properties, by_object);
	for (size_t i = 0; i < nproperties; i++) {
		uint64_t row[3] = {properties[i].number, properties[i].key, properties[i].value};
		rgd_row(w, RGD_SEC_PROPERTIES, 3, row);
	}
}

static void write_rest(void)
{
	number_objects();
	for (size_t i = 0; i < ntypes; i++) {
		if (types[i].object)
			types[i].row[RGD_TYPE_OBJECT] = object_number(types[i].object) + 1;
		rgd_row(w, RGD_SEC_TYPES, 7, types[i].row);
	}
	for (size_t i = 0; i < nobjects; i++)
		rgd_object(w, &objects[by_number[i]].row);
	write_edges();
	for (size_t i = 0; i < nroots; i++) {
		roots[i].row[RGD_ROOT_TARGET] = object_number(roots[i].target);
		rgd_row(w, RGD_SEC_ROOTS, 8, roots[i].row);
	}
	write_properties();
	write_counted();
	if (summary_by_hand)
		rgd_no_summary(w);
	rgd_finish(w);
}

static const char *argument(int argc, char **argv, int *at)
{
	if (++*at >= argc)
		errx(2, "%s wants an argument", argv[*at - 1]);
	return argv[*at];
}

int main(int argc, char **argv)
{
	const char *text = NULL, *output = NULL;
	FILE *in = stdin;

	for (int at = 1; at < argc; at++) {
		int used = patch_option(argc, argv, at);

		if (used)
			at += used - 1;
		else if (!strcmp(argv[at], "--no-zstd"))
			options.level = 0;
		else if (!strcmp(argv[at], "--partial"))
			options.tail_flags = RGD_TAIL_PARTIAL;
		else if (!strcmp(argv[at], "--chunk-rows"))
			options.chunk_rows = strtoul(argument(argc, argv, &at), NULL, 0);
		else if (!strcmp(argv[at], "--group-rows"))
			options.group_rows = strtoul(argument(argc, argv, &at), NULL, 0);
		else if (!strcmp(argv[at], "--grow-header"))
			options.header_growth = strtoul(argument(argc, argv, &at), NULL, 0);
		else if (!strcmp(argv[at], "-o"))
			output = argument(argc, argv, &at);
		else if (argv[at][0] == '-' || text)
			errx(2, "unknown option %s", argv[at]);
		else
			text = argv[at];
	}
	if (text && !(in = fopen(text, "r")))
		err(2, "%s", text);
	if (!(out = output ? fopen(output, "w") : stdout))
		err(2, "%s", output);
	options.hooks = patch_hooks();
	text_read(in, text ? text : "stdin", statement);
	begin();
	write_rest();
	return fclose(out) ? 1 : 0;
}
