/*
 * cpython_roots.c - where reachability starts in Python: sys.modules, the interpreters' tables, the frames of each thread; and
 * the collector's own numbers.
 *
 * The same walk over the roots serves discovery (which adds what hangs on them) and the dump (which names them). Fields of the
 * interpreter may lie elsewhere in other patch releases, so what is found there is believed only when it is an object of a
 * known type.
 */
#include <string.h>

#include "cpython.h"

struct root {
	enum rgd_root_class class;
	enum rgd_edge_kind kind;
	struct edge_name name;
	uintptr_t target;
	uintptr_t code; /* the place that it belongs to, 0 none */
	int line;
};
/* While the roots of a thread are visited: its owner number. */
static uint32_t current_thread;
typedef void (*root_visitor)(struct walk *walk, const struct root *root);

/* ---- helpers -------------------------------------------------------------------------------------------------------------------- */

static bool plausible_object(struct walk *walk, uintptr_t p)
{
	return p >= 4096 && p % 8 == 0 && walk_readable(walk, p, 16) && class_met(type_of(p));
}

/* A word that may be left over: is it an object that lives? Dead ones that wait for reuse have a count of 0. */
static bool alive_object(struct walk *walk, uintptr_t p)
{
	uint64_t size;
	if (!plausible_object(walk, p) || !word_at(p, OB_REFCNT))
		return false;
	return walk_claimed(walk, p) ||
	       walk_block(walk, p - class_of_type(walk, type_of(p))->prefix, &size);
}

static void root_of_kind(struct walk *walk, root_visitor visit, uintptr_t target, const char *name,
			 enum rgd_edge_kind kind)
{
	if (!plausible_object(walk, target))
		return;
	struct root r = {RGD_ROOT_RUNTIME, kind, name_c(RGD_LABEL_NONE, name), target, 0, 0};
	visit(walk, &r);
}

static void table_root(struct walk *walk, root_visitor visit, uintptr_t target, const char *name)
{
	root_of_kind(walk, visit, target, name, RGD_EDGE_STRONG);
}

/* ---- interpreters ----------------------------------------------------------------------------------------------------------------- */

static const struct {
	size_t field;
	const char *name;
	bool borrowed; /* the interpreter does not count it */
} interpreter_fields[] = {
	{offsetof(struct layout, interp_modules), "sys.modules"},
	{offsetof(struct layout, interp_modules_by_index), "modules by index"},
	{offsetof(struct layout, interp_sysdict), "sys"},
	{offsetof(struct layout, interp_builtins), "builtins"},
	{offsetof(struct layout, interp_importlib), "importlib"},
	{offsetof(struct layout, interp_import_func), "__import__"},
	{offsetof(struct layout, interp_codec_search_path), "codec search path"},
	{offsetof(struct layout, interp_codec_search_cache), "codec cache"},
	{offsetof(struct layout, interp_codec_error_registry), "codec error handlers"},
	{offsetof(struct layout, interp_dict), "interpreter dict"},
	{offsetof(struct layout, interp_builtins_copy), "copy of builtins"},
	{offsetof(struct layout, interp_sysdict_copy), "copy of sys"},
	{offsetof(struct layout, interp_before_forkers), "os.register_at_fork before"},
	{offsetof(struct layout, interp_after_forkers_parent),
	 "os.register_at_fork after_in_parent"},
	{offsetof(struct layout, interp_after_forkers_child), "os.register_at_fork after_in_child"},
	{offsetof(struct layout, interp_warnings_filters), "warnings filters"},
	{offsetof(struct layout, interp_warnings_once), "warnings once registry"},
	{offsetof(struct layout, interp_warnings_default), "warnings default action"},
	{offsetof(struct layout, interp_audit_hooks), "audit hooks"},
	{offsetof(struct layout, interp_exit_module), "atexit", true},
};

static int32_t field_offset(size_t field)
{
	return *(const int32_t *)((const char *)python.at + field);
}

static void module_roots(struct walk *walk, root_visitor visit, uintptr_t modules)
{
	struct dict_walk w;
	if (!plausible_object(walk, modules) || !is_dict(modules))
		return;
	for (dict_walk_init(&w, modules); dict_walk_next(&w);) {
		struct root r = {RGD_ROOT_MODULE,
				 RGD_EDGE_BORROWED,
				 name_str(RGD_LABEL_NONE, w.key),
				 w.value,
				 0,
				 0};
		visit(walk, &r);
	}
}

/* The functions of atexit, since 3.10 in an array of {function, arguments, keywords}. */
static void atexit_roots(struct walk *walk, root_visitor visit, uintptr_t interpreter)
{
	static const char *const names[] = {"atexit callback", "atexit arguments",
					    "atexit keywords"};
	int32_t at = python.at->interp_atexit;
	if (at < 0)
		return;
	uintptr_t callbacks = word_at(interpreter, at);
	uint32_t count = half_at(interpreter, python.at->interp_atexit_count);
	if (callbacks % 8 || count > 4096 || !walk_readable(walk, callbacks, count * 8ul))
		return;
	for (uint32_t i = 0; i < count; i++) {
		uintptr_t callback = word_at(callbacks, (long)i * 8);
		for (unsigned k = 0; callback && k < 3 && walk_readable(walk, callback, 24); k++)
			table_root(walk, visit, word_at(callback, (long)k * 8), names[k]);
	}
}

static void interpreter_roots(struct walk *walk, root_visitor visit, uintptr_t interpreter)
{
	for (unsigned i = 0; i < sizeof(interpreter_fields) / sizeof(interpreter_fields[0]); i++) {
		int32_t offset = field_offset(interpreter_fields[i].field);
		if (offset >= 0)
			root_of_kind(walk, visit, word_at(interpreter, offset),
				     interpreter_fields[i].name,
				     interpreter_fields[i].borrowed ? RGD_EDGE_BORROWED
								    : RGD_EDGE_STRONG);
	}
	module_roots(walk, visit, word_at(interpreter, python.at->interp_modules));
	atexit_roots(walk, visit, interpreter);
	uintptr_t heads = gc_state_of(interpreter);
	if (heads) {
		table_root(walk, visit, word_at(heads, GC_GARBAGE - GC_GENERATIONS), "gc.garbage");
		table_root(walk, visit, word_at(heads, GC_CALLBACKS - GC_GENERATIONS),
			   "gc.callbacks");
	}
}

/* ---- interned strings: the interpreter's table of them does not keep them alive ------------------------------------------------------ */

#define INTERNED_MIN 500 /* even the smallest interpreter has more */

/* The word may point to anything that begins like a dict: each step of the way is looked at before it is taken. */
static bool is_interned_table(struct walk *walk, uintptr_t p)
{
	struct dict_walk w;
	if (!alive_object(walk, p) || !walk_readable(walk, p, DICT_VALUES + 8) ||
	    type_of(p) != python.type_dict || word_at(p, DICT_USED) < INTERNED_MIN)
		return false;
	uintptr_t keys = word_at(p, DICT_KEYS);
	if (keys % 8 || word_at(p, DICT_VALUES) ||
	    !walk_readable(walk, keys, (size_t)python.at->keys_indices))
		return false;
	dict_walk_init(&w, p);
	if (w.count < INTERNED_MIN || !walk_readable(walk, w.entries, INTERNED_MIN * w.stride))
		return false;
	for (unsigned i = 0; i < 8; i++) {
		if (!dict_walk_next(&w) || w.next > INTERNED_MIN || w.key != w.value ||
		    !plausible_object(walk, w.key) || !is_str(w.key) ||
		    !walk_readable(walk, w.key, UNICODE_STATE + 4) ||
		    !(half_at(w.key, UNICODE_STATE) & 3))
			return false;
	}
	return true;
}

/* Until 3.11 a static variable without a name outside: it lies in libpython's writable data. */
static uintptr_t find_interned(struct walk *walk)
{
	if (python.at->interp_interned >= 0) {
		uintptr_t p = word_at(python.api.interpreter_main(), python.at->interp_interned);
		return is_interned_table(walk, p) ? p : 0;
	}
	for (unsigned i = 0; i < python.data_count; i++) {
		for (uintptr_t at = python.data[i].low; at + 8 <= python.data[i].high; at += 8) {
			if (is_interned_table(walk, word_at(at, 0)))
				return word_at(at, 0);
		}
	}
	return 0;
}

uintptr_t interned_table; /* of the walker */

static void interned_root(struct walk *walk, root_visitor visit)
{
	if (!interned_table)
		return;
	struct root r = {RGD_ROOT_RUNTIME,
			 RGD_EDGE_STRONG,
			 name_c(RGD_LABEL_NONE, "interned strings"),
			 interned_table,
			 0,
			 0};
	visit(walk, &r);
}

/* ---- threads ----------------------------------------------------------------------------------------------------------------------- */

struct frame_roots {
	struct walk *walk;
	root_visitor visit;
	uintptr_t code;
	int line;
};

static void frame_root(const struct frame_roots *f, enum rgd_edge_kind kind, struct edge_name name,
		       uintptr_t target)
{
	struct root r = {RGD_ROOT_LOCAL, kind, name, target, f->code, f->line};
	if (target)
		f->visit(f->walk, &r);
}

static void local_roots(const struct frame_roots *f, uintptr_t slots, enum rgd_edge_kind kind)
{
	uint64_t count = code_local_count(f->code);
	for (uint64_t i = 0; i < count; i++) {
		uintptr_t name = code_local_name(f->code, i);
		frame_root(f, kind,
			   name ? name_str(RGD_LABEL_LOCAL, name)
				: name_c(RGD_LABEL_NONE, "(local)"),
			   word_at(slots, (long)(i * 8)));
	}
}

/* The evaluation stack of a frame that called into C: its depth is in a register, so all its slots are looked at. */
static void unknown_stack(const struct frame_roots *f, uintptr_t slots, uint64_t depth)
{
	for (uint64_t i = 0; i < depth; i++) {
		uintptr_t target = word_at(slots, (long)(i * 8));
		if (alive_object(f->walk, target))
			frame_root(f, RGD_EDGE_CONSERVATIVE, name_c(RGD_LABEL_NONE, "(stack)"),
				   target);
	}
}

/* Until 3.10 a frame is an object that holds its locals itself. */
static void old_frame_roots(const struct frame_roots *f, uintptr_t frame)
{
	uintptr_t stack = word_at(frame, python.at->frame_valuestack);
	frame_root(f, RGD_EDGE_STRONG, name_c(RGD_LABEL_NONE, "(frame)"), frame);
	local_roots(f, frame + (uintptr_t)python.at->frame_localsplus, RGD_EDGE_BORROWED);
	if (stack &&
	    walk_readable(f->walk, stack, half_at(f->code, python.at->code_stacksize) * 8ul))
		unknown_stack(f, stack, half_at(f->code, python.at->code_stacksize));
}

/* 3.11+: the depth is known while the frame waits for another Python frame. */
static void stack_roots(const struct frame_roots *f, uintptr_t record)
{
	const struct layout *at = python.at;
	uint64_t locals = code_local_count(f->code), depth = half_at(f->code, at->code_stacksize);
	int32_t top = (int32_t)half_at(record, at->iframe_stacktop);
	uintptr_t slots = record + (uintptr_t)at->iframe_localsplus;
	if (top < (int64_t)locals || top > (int64_t)(locals + depth)) {
		unknown_stack(f, slots + locals * 8, depth);
		return;
	}
	for (uint64_t i = locals; i < (uint64_t)top; i++)
		frame_root(f, RGD_EDGE_STRONG, name_c(RGD_LABEL_NONE, "(stack)"),
			   word_at(slots, (long)(i * 8)));
}

static void record_roots(const struct frame_roots *f, uintptr_t record)
{
	const struct layout *at = python.at;
	frame_root(f, RGD_EDGE_STRONG, name_c(RGD_LABEL_NONE, "(code)"),
		   word_at(record, at->iframe_code));
	frame_root(f, RGD_EDGE_STRONG, name_c(RGD_LABEL_NONE, "(function)"),
		   word_at(record, at->iframe_function));
	frame_root(f, RGD_EDGE_STRONG, name_c(RGD_LABEL_NONE, "(frame)"),
		   word_at(record, at->iframe_object));
	frame_root(f, RGD_EDGE_STRONG, name_c(RGD_LABEL_NONE, "(locals)"),
		   word_at(record, at->iframe_locals));
	local_roots(f, record + (uintptr_t)at->iframe_localsplus, RGD_EDGE_STRONG);
	stack_roots(f, record);
}

static void one_frame(struct frame_roots *f, uintptr_t frame)
{
	bool record = python.minor >= 11;
	if (record && frame_owner(frame) == OWNER_C_STACK)
		return;
	f->code = frame_code(frame);
	if (!f->code)
		return;
	f->line = code_line(f->code, frame);
	if (!record)
		old_frame_roots(f, frame);
	else if (frame_owner(frame) == OWNER_GENERATOR) /* the generator holds the rest */
		frame_root(f, RGD_EDGE_BORROWED, name_c(RGD_LABEL_NONE, "(generator)"),
			   frame - (uintptr_t)python.at->gen_iframe);
	else
		record_roots(f, frame);
}

#define FRAMES_MAX 100000u
static void frames_roots(struct walk *walk, root_visitor visit, uintptr_t tstate)
{
	struct frame_roots f = {.walk = walk, .visit = visit};
	uintptr_t frame = frame_of_thread(tstate);
	for (unsigned i = 0; frame && i < FRAMES_MAX && walk_readable(walk, frame, 64); i++) {
		one_frame(&f, frame);
		frame = frame_caller(frame);
	}
}

/* The exception that is being handled: a chain of records; those outside of the thread's state belong to generators. */
static void handled_roots(struct walk *walk, root_visitor visit, uintptr_t tstate)
{
	uintptr_t item = word_at(tstate, python.at->tstate_exc_info);
	for (unsigned i = 0; item && i < FRAMES_MAX && walk_readable(walk, item, 32); i++) {
		if (item - tstate < 4096) {
			table_root(walk, visit, word_at(item, python.at->excitem_value),
				   "handled exception");
			if (python.minor <= 10) {
				table_root(walk, visit, word_at(item, 0),
					   "type of handled exception");
				table_root(walk, visit, word_at(item, 16),
					   "traceback of handled exception");
			}
		}
		item = word_at(item, python.at->excitem_previous);
	}
}

/* 3.13 keeps what stands for the thread in each threading.local beyond the fields that we know of the thread state. */
#define TSTATE_SEARCH 512
static void locals_roots(struct walk *walk, root_visitor visit, uintptr_t tstate)
{
	for (long at = python.at->tstate_context; at < TSTATE_SEARCH; at += 8) {
		uintptr_t object = word_at(tstate, at);
		if (alive_object(walk, object) &&
		    strcmp((const char *)word_at(type_of(object), TP_NAME),
			   "_thread._localdummy") == 0)
			table_root(walk, visit, object, "thread's locals");
	}
}

static void thread_roots(struct walk *walk, root_visitor visit, uintptr_t tstate)
{
	const struct layout *at = python.at;
	static const char *const raised[] = {"type of raised exception", "raised exception",
					     "traceback of raised exception"};
	const struct {
		int32_t offset;
		const char *name;
	} fields[] = {
		{at->tstate_dict, "thread's dict"},
		{at->tstate_context, "thread's context"},
		{at->tstate_async_exc, "asynchronous exception"},
		{at->tstate_profileobj, "sys.setprofile"},
		{at->tstate_traceobj, "sys.settrace"},
		{at->tstate_firstiter, "sys.set_asyncgen_hooks firstiter"},
		{at->tstate_finalizer, "sys.set_asyncgen_hooks finalizer"},
	};
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		table_root(walk, visit, word_at(tstate, fields[i].offset), fields[i].name);
	if (python.minor >= 13)
		locals_roots(walk, visit, tstate);
	if (python.minor >= 12) {
		table_root(walk, visit, word_at(tstate, at->tstate_raised), "raised exception");
	} else {
		for (unsigned i = 0; i < 3; i++)
			table_root(walk, visit, word_at(tstate, at->tstate_raised + (long)i * 8),
				   raised[i]);
	}
	handled_roots(walk, visit, tstate);
	frames_roots(walk, visit, tstate);
}

#define THREADS_MAX 100000u
static void each_root(struct walk *walk, root_visitor visit)
{
	for (uintptr_t i = interpreter_after(0); i; i = interpreter_after(i)) {
		interpreter_roots(walk, visit, i);
		uintptr_t tstate = python.api.thread_head(i);
		for (unsigned n = 0; tstate && n < THREADS_MAX; n++) {
			current_thread =
				walk_thread(walk, word_at(tstate, python.at->tstate_thread_id));
			thread_roots(walk, visit, tstate);
			current_thread = 0;
			tstate = word_at(tstate, TSTATE_NEXT);
		}
	}
	interned_root(walk, visit);
}

/* ---- visitors ------------------------------------------------------------------------------------------------------------------------ */

static void discover_root(struct walk *walk, const struct root *root)
{
	if (root->target % 8 == 0)
		discovered(walk, root->target);
}

void roots_discover(struct walk *walk)
{
	interned_table = find_interned(walk);
	each_root(walk, discover_root);
}

static size_t append(char *out, size_t used, size_t size, const char *text)
{
	size_t n = strlen(text);
	if (n > size - 1 - used)
		n = size - 1 - used;
	memcpy(out + used, text, n);
	out[used + n] = 0;
	return used + n;
}

static size_t append_number(char *out, size_t used, size_t size, unsigned number)
{
	char digits[12], *p = digits + sizeof(digits) - 1;
	*p = 0;
	do {
		*--p = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return append(out, used, size, p);
}

/* "handler() app.py:31"; asked for the same frame many times in a row. */
static uint32_t context_string(struct walk *walk, uintptr_t code, int line)
{
	static uintptr_t last_code;
	static int last_line;
	static uint32_t last;
	char text[512], part[256];
	if (!code)
		return 0;
	if (last_code == code && last_line == line)
		return last;
	text_of(word_at(code, python.at->code_name), part, sizeof(part));
	size_t n = append(text, 0, sizeof(text), part);
	n = append(text, n, sizeof(text), "() ");
	text_of(word_at(code, python.at->code_filename), part, sizeof(part));
	const char *slash = strrchr(part, '/');
	n = append(text, n, sizeof(text), slash ? slash + 1 : part);
	n = append(text, n, sizeof(text), ":");
	n = append_number(text, n, sizeof(text), (unsigned)line);
	last_code = code;
	last_line = line;
	last = walk_string(walk, text, n);
	return last;
}

static void write_root(struct walk *walk, const struct root *r)
{
	uint32_t name = 0;
	if (r->name.source == NAME_C)
		name = walk_string(walk, (const char *)r->name.text,
				   strlen((const char *)r->name.text));
	else if (r->name.source == NAME_STR)
		name = text_string(walk, r->name.text);
	walk_root(walk, r->class, r->kind, name, current_thread, 0, r->target,
		  context_string(walk, r->code, r->line));
}

/* ---- what is alive by design --------------------------------------------------------------------------------------------------------- */

#define PINNED_CHUNK 16384
struct pinned {
	struct pinned *next;
	uint32_t count;
	uintptr_t objects[PINNED_CHUNK];
};
static struct pinned *pinned;

void roots_pin(struct walk *walk, uintptr_t object)
{
	if (!pinned || pinned->count == PINNED_CHUNK) {
		struct pinned *p = walk_memory(walk, sizeof(*p));
		if (!p)
			return;
		p->next = pinned;
		pinned = p;
	}
	pinned->objects[pinned->count++] = object;
}

void python_roots(struct walk *walk)
{
	each_root(walk, write_root);
	uint32_t name = walk_string(walk, "static or immortal", 18);
	for (const struct pinned *p = pinned; p; p = p->next) {
		for (uint32_t i = 0; i < p->count; i++)
			walk_root(walk, RGD_ROOT_PINNED, RGD_EDGE_STRONG, name, 0, 0, p->objects[i],
				  0);
	}
}

/* ---- the collector's numbers ---------------------------------------------------------------------------------------------------------- */

static uint64_t list_length(uintptr_t head)
{
	uint64_t n = 0;
	for (uintptr_t at = word_at(head, 0) & ~(uintptr_t)3; at && at != head;
	     at = word_at(at, 0) & ~(uintptr_t)3)
		n++;
	return n;
}

/* The statistics go on in a child: what they were at the fork tells which of its collections are its own. */
static uint64_t collections_at_fork[3];

void gc_after_fork(void)
{
	uintptr_t heads =
		python.api.is_initialized() ? gc_state_of(python.api.interpreter_main()) : 0;
	for (unsigned g = 0; heads && g < 3; g++)
		collections_at_fork[g] = word_at(heads, GC_STATS - GC_GENERATIONS + (long)g * 24);
}

/* `heads` is the address of generations[0]: {list head 16, threshold, count} each. */
static void gc_rows(struct walk *walk, uintptr_t heads)
{
	static const char *const statistics[] = {"collections", "collected", "uncollectable"};
	walk_gc(walk, RGD_RT_CPYTHON, "enabled", 0, half_at(heads, GC_ENABLED - GC_GENERATIONS));
	walk_gc(walk, RGD_RT_CPYTHON, "debug", 0, half_at(heads, GC_DEBUG - GC_GENERATIONS));
	for (unsigned g = 0; g < 3; g++) {
		uintptr_t generation = heads + g * 24u;
		uintptr_t stats = heads + (GC_STATS - GC_GENERATIONS) + g * 24u;
		walk_gc(walk, RGD_RT_CPYTHON, "threshold", g, half_at(generation, 16));
		walk_gc(walk, RGD_RT_CPYTHON, "count", g, half_at(generation, 20));
		walk_gc(walk, RGD_RT_CPYTHON, "tracked", g, list_length(generation));
		for (unsigned s = 0; s < 3; s++)
			walk_gc(walk, RGD_RT_CPYTHON, statistics[s], g,
				word_at(stats, (long)s * 8));
		walk_gc(walk, RGD_RT_CPYTHON, "collections.at.fork", g, collections_at_fork[g]);
	}
	walk_gc(walk, RGD_RT_CPYTHON, "freeze_count", 0,
		list_length(heads + (GC_PERMANENT - GC_GENERATIONS)));
	/* what decides whether the oldest generation is due: new in it, and what survived the last full collection */
	walk_gc(walk, RGD_RT_CPYTHON, "long_lived_pending", 0,
		word_at(heads, GC_LONG_LIVED_PENDING - GC_GENERATIONS));
	walk_gc(walk, RGD_RT_CPYTHON, "long_lived_total", 0,
		word_at(heads, GC_LONG_LIVED_TOTAL - GC_GENERATIONS));
}

void python_state(struct walk *walk)
{
	const char *note = "";
	for (uintptr_t i = python.api.interpreter_head(); i; i = python.api.interpreter_next(i)) {
		if (has_own_gil(i))
			note = "interpreters with a lock of their own are not walked: their "
			       "objects are only blocks here";
	}
	uintptr_t heads = gc_state_of(python.api.interpreter_main());
	if (heads)
		gc_rows(walk, heads);
	events_rows(walk);
	walk_counter(walk, "python.blocks", (uint64_t)alloc_blocks());
	python_pools(walk);
	python_workers(walk);
	walk_runtime(walk, RGD_RT_CPYTHON, python.version, RGD_RUNTIME_OK, note);
}
