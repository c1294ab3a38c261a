/* debug.c - see debug.h. */
#include "types/debug.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "util/progress.h"

#define MAX_DEPTH 64
#define MAX_MEMBERS 4096

struct die_name {
	void *address;
	const char *name;
};

struct debug {
	struct debug_world *world;
	Dwarf *dwarf;
	struct package *package;
	bool scanned;
	VEC(struct debug_variable) variables; /* ascending by address, once scanned */
	VEC(struct debug_variable)
	locals;				  /* thread-local ones, by offset in the module's storage */
	VEC(struct debug_code) functions; /* ascending by start, once scanned */
};

struct named_die {
	struct debug *debug;
	void *address, *unit;
};

struct debug_world {
	struct debug **debugs;
	size_t ndebugs;
	struct ctype **slots; /* by address of the DIE; open addressing */
	void **keys;
	size_t nslots, used;
	VEC(struct ctype *) all;
	struct names texts;		/* kept */
	struct names unique;		/* kept: "name size line" -> types, by number */
	VEC(struct ctype *) uniques;	/* beside `unique` */
	struct names complete;		/* kept: qualified name -> dies */
	VEC(struct named_die) dies;	/* beside `complete` */
	VEC(struct die_name) qualified; /* DIEs below namespaces and classes, sorted by address */
	bool sorted;
};

static struct ctype void_type = {.kind = CTYPE_VOID, .filled = true, .name = "void"};

struct ctype *debug_void(void)
{
	return &void_type;
}

static const char *keep(struct debug_world *w, const char *text)
{
	uint32_t number = names_keep(&w->texts, text ? text : "");

	return number == NAMES_NONE ? "" : w->texts.names[number];
}

/* ---- types ----------------------------------------------------------------------------------- */

static size_t slot_of(void *const *keys, size_t nslots, const void *key)
{
	size_t at = (size_t)(((uintptr_t)key * 0x9e3779b97f4a7c15ull) >> 24) & (nslots - 1);

	while (keys[at] && keys[at] != key)
		at = (at + 1) & (nslots - 1);
	return at;
}

static bool grow_slots(struct debug_world *w)
{
	size_t nslots = w->nslots ? w->nslots * 2 : 4096;
	struct ctype **slots = calloc(nslots, sizeof *slots);
	void **keys = calloc(nslots, sizeof *keys);

	if (!slots || !keys) {
		free(slots);
		free(keys);
		return false;
	}
	for (size_t i = 0; i < w->nslots; i++) {
		size_t at;

		if (!w->keys[i])
			continue;
		at = slot_of(keys, nslots, w->keys[i]);
		keys[at] = w->keys[i];
		slots[at] = w->slots[i];
	}
	free(w->slots);
	free(w->keys);
	w->slots = slots;
	w->keys = keys;
	w->nslots = nslots;
	return true;
}

static Dwarf_Die die_at(void *address, void *unit)
{
	return (Dwarf_Die){.addr = address, .cu = unit};
}

static bool type_die(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, ret);
}

static bool is_qualifier(int tag)
{
	return tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
	       tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type ||
	       tag == DW_TAG_immutable_type || tag == DW_TAG_shared_type;
}

/* Takes typedefs and qualifiers away; the last typedef before an anonymous struct names it. False: void. */
static bool strip(Dwarf_Die *die, const char **alias)
{
	*alias = NULL;
	for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
		int tag = dwarf_tag(die);
		Dwarf_Die next;

		if (tag == DW_TAG_typedef)
			*alias = dwarf_diename(die);
		else if (!is_qualifier(tag) && tag != DW_TAG_template_alias)
			return tag >= 0;
		if (!type_die(die, &next))
			return false;
		*die = next;
	}
	return false;
}

static enum ctype_kind kind_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word encoding = 0;

	switch (dwarf_tag(die)) {
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return CTYPE_POINTER;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_interface_type:
		return CTYPE_STRUCT;
	case DW_TAG_union_type:
		return CTYPE_UNION;
	case DW_TAG_array_type:
		return CTYPE_ARRAY;
	case DW_TAG_subroutine_type:
		return CTYPE_FUNCTION;
	case DW_TAG_base_type:
		if (dwarf_attr(die, DW_AT_encoding, &attribute))
			dwarf_formudata(&attribute, &encoding);
		return dwarf_bytesize(die) == 1 && encoding != DW_ATE_boolean ? CTYPE_CHAR
									      : CTYPE_SCALAR;
	case DW_TAG_enumeration_type:
	case DW_TAG_ptr_to_member_type:
		return CTYPE_SCALAR;
	default:
		return CTYPE_VOID;
	}
}

static bool has_flag(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	bool flag = false;

	return dwarf_attr(die, name, &attribute) && dwarf_formflag(&attribute, &flag) == 0 && flag;
}

/* A declaration may name a type unit that holds the rest; else a struct of that name in another unit will do. */
static bool complete_die(struct debug *debug, Dwarf_Die *die, const char *name, Dwarf_Die *ret,
			 struct debug **owner)
{
	Dwarf_Attribute attribute;
	const struct named_die *found;
	uint32_t number;

	*owner = debug;
	if (dwarf_attr(die, DW_AT_signature, &attribute) && dwarf_formref_die(&attribute, ret))
		return true;
	number = name[0] ? names_find(&debug->world->complete, name) : NAMES_NONE;
	if (number == NAMES_NONE)
		return false;
	found = &debug->world->dies.data[number];
	*owner = found->debug;
	*ret = die_at(found->address, found->unit);
	return true;
}

static int by_die(const void *a, const void *b)
{
	const struct die_name *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

/* A class without a name that can be called. */
static bool is_closure(Dwarf_Die *die)
{
	Dwarf_Die child;
	const char *name;

	if (dwarf_child(die, &child) != 0)
		return false;
	do {
		name = dwarf_tag(&child) == DW_TAG_subprogram ? dwarf_diename(&child) : NULL;
		if (name && strcmp(name, "operator()") == 0)
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

static const char *qualified_name(struct debug_world *w, Dwarf_Die *die, const char *alias)
{
	struct die_name key = {.address = die->addr}, *found = NULL;
	const char *name;

	if (!w->sorted && w->qualified.n)
		qsort(w->qualified.data, w->qualified.n, sizeof *w->qualified.data, by_die);
	w->sorted = true;
	if (w->qualified.n)
		found = bsearch(&key, w->qualified.data, w->qualified.n, sizeof key, by_die);
	if (found)
		return found->name;
	name = dwarf_diename(die);
	if (!name && !alias && is_closure(die))
		name = "lambda";
	return keep(w, name ? name : alias);
}

static uint64_t array_count(Dwarf_Die *die)
{
	Dwarf_Die child;
	uint64_t count = 1;

	if (dwarf_child(die, &child) != 0)
		return 0;
	do {
		Dwarf_Attribute attribute;
		Dwarf_Word value;

		if (dwarf_tag(&child) != DW_TAG_subrange_type)
			continue;
		if (dwarf_attr(&child, DW_AT_count, &attribute) &&
		    dwarf_formudata(&attribute, &value) == 0)
			count *= value;
		else if (dwarf_attr(&child, DW_AT_upper_bound, &attribute) &&
			 dwarf_formudata(&attribute, &value) == 0 && value < UINT32_MAX)
			count *= value + 1;
		else
			count = 0;
	} while (dwarf_siblingof(&child, &child) == 0);
	return count > UINT32_MAX ? 0 : count;
}

/* The same struct is described in each unit that includes its header. */
static struct ctype *unify(struct debug_world *w, struct ctype *t, Dwarf_Die *die)
{
	struct str key = {0};
	int line = 0;
	uint32_t number;
	size_t known = w->unique.n;

	if (!t->name[0] || (t->kind != CTYPE_STRUCT && t->kind != CTYPE_UNION &&
			    t->kind != CTYPE_CHAR && t->kind != CTYPE_SCALAR))
		return t;
	if (t->kind == CTYPE_STRUCT || t->kind == CTYPE_UNION)
		dwarf_decl_line(die, &line);
	str_printf(&key, "%s %d %llu %d", t->name, t->kind, (unsigned long long)t->size, line);
	number = key.failed ? NAMES_NONE : names_keep(&w->unique, str_text(&key));
	str_free(&key);
	if (number == NAMES_NONE)
		return t;
	if (number < known)
		return number < w->uniques.n ? w->uniques.data[number] : t;
	VEC_PUSH(&w->uniques, t);
	return t;
}

static struct ctype *make_type(struct debug *debug, Dwarf_Die *die, const char *alias)
{
	struct debug_world *w = debug->world;
	struct ctype t = {.kind = kind_of(die), .complete = true, .debug = debug}, *kept;
	Dwarf_Die whole;
	Dwarf_Word size;
	bool aggregate = t.kind == CTYPE_STRUCT || t.kind == CTYPE_UNION;

	if (t.kind == CTYPE_VOID)
		return &void_type;
	t.name = t.kind == CTYPE_POINTER || t.kind == CTYPE_ARRAY ? ""
								  : qualified_name(w, die, alias);
	if (aggregate && has_flag(die, DW_AT_declaration)) {
		t.complete = complete_die(debug, die, t.name, &whole, &t.debug);
		if (t.complete)
			*die = whole;
	}
	t.die_address = die->addr;
	t.die_unit = die->cu;
	if (t.kind == CTYPE_POINTER)
		t.size = 8;
	else if (t.complete && t.kind == CTYPE_ARRAY)
		t.size = dwarf_aggregate_size(die, &size) == 0 ? size : 0;
	else if (t.complete && dwarf_aggregate_size(die, &size) == 0)
		t.size = size;
	if (t.kind == CTYPE_ARRAY)
		t.count = array_count(die);
	t.filled = t.kind == CTYPE_CHAR || t.kind == CTYPE_SCALAR || t.kind == CTYPE_FUNCTION ||
		   !t.complete;
	kept = unify(w, &t, die);
	if (kept != &t)
		return kept;
	kept = malloc(sizeof *kept);
	if (!kept)
		return &void_type;
	*kept = t;
	if (!VEC_PUSH(&w->all, kept)) {
		free(kept);
		return &void_type;
	}
	if (w->uniques.n && w->uniques.data[w->uniques.n - 1] == &t)
		w->uniques.data[w->uniques.n - 1] = kept;
	return kept;
}

struct ctype *debug_type(struct debug *debug, Dwarf_Die *given)
{
	struct debug_world *w = debug->world;
	Dwarf_Die die = *given;
	const char *alias;
	struct ctype *made;
	void *key;
	size_t at;

	if (!strip(&die, &alias))
		return &void_type;
	if (w->used * 2 >= w->nslots && !grow_slots(w))
		return &void_type;
	key = die.addr;
	at = slot_of(w->keys, w->nslots, key);
	if (w->keys[at])
		return w->slots[at];
	made = make_type(debug, &die, alias);
	w->keys[at] = key;
	w->slots[at] = made;
	w->used++;
	return made;
}

struct ctype *debug_type_of(struct debug *debug, Dwarf_Die *die)
{
	Dwarf_Die type;

	return type_die(die, &type) ? debug_type(debug, &type) : &void_type;
}

/* ---- what is inside -------------------------------------------------------------------------- */

static bool member_offset(Dwarf_Die *die, uint64_t *offset)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	Dwarf_Op *ops;
	size_t n;

	*offset = 0;
	if (!dwarf_attr(die, DW_AT_data_member_location, &attribute)) {
		if (dwarf_attr(die, DW_AT_data_bit_offset, &attribute) &&
		    dwarf_formudata(&attribute, &value) == 0)
			*offset = value / 8;
		return true;
	}
	if (dwarf_formudata(&attribute, &value) == 0) {
		*offset = value;
		return true;
	}
	/* a virtual base lies where its vtable says */
	if (dwarf_getlocation(&attribute, &ops, &n) != 0 || n != 1 ||
	    ops[0].atom != DW_OP_plus_uconst)
		return false;
	*offset = ops[0].number;
	return true;
}

static void fill_members(struct ctype *t, Dwarf_Die *die)
{
	VEC(struct member) members = {0};
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);
		const char *name = dwarf_diename(&child);
		struct member m = {.base = tag == DW_TAG_inheritance};

		if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) ||
		    has_flag(&child, DW_AT_external) || !member_offset(&child, &m.offset))
			continue;
		m.type = debug_type_of(t->debug, &child);
		m.name = name ? name : "";
		/* what is as large as the whole may be there once: no way in circles */
		if (m.offset > t->size || m.type == t || m.type->size > t->size - m.offset ||
		    !VEC_PUSH(&members, m))
			continue;
	} while (members.n < MAX_MEMBERS && dwarf_siblingof(&child, &child) == 0);
	t->members = members.data;
	t->nmembers = members.n;
}

/* What libstdc++ keeps a node's value in: bytes, of which the template's argument tells what they are. */
static bool is_value_buffer(const struct ctype *t)
{
	return strncmp(t->name, "__gnu_cxx::__aligned_membuf<", 28) == 0 ||
	       strncmp(t->name, "__gnu_cxx::__aligned_buffer<", 28) == 0;
}

static void fill_value(struct ctype *t)
{
	struct ctype *type = debug_template_argument(t);
	struct member *value;

	if (!type || type == t || !type->size || type->size > t->size)
		return;
	value = calloc(1, sizeof *value);
	if (!value)
		return;
	free(t->members);
	*value = (struct member){.name = "", .type = type};
	t->members = value;
	t->nmembers = 1;
}

void debug_fill(struct ctype *t)
{
	Dwarf_Die die = die_at(t->die_address, t->die_unit);

	t->filled = true;
	if (t->kind == CTYPE_STRUCT || t->kind == CTYPE_UNION)
		fill_members(t, &die);
	else
		t->target = debug_type_of(t->debug, &die);
	if (t->kind == CTYPE_STRUCT && is_value_buffer(t))
		fill_value(t);
}

struct ctype *debug_template_argument(struct ctype *t)
{
	Dwarf_Die die, child;

	if (t->kind != CTYPE_STRUCT || !t->die_address)
		return NULL;
	die = die_at(t->die_address, t->die_unit);
	if (dwarf_child(&die, &child) != 0)
		return NULL;
	do {
		if (dwarf_tag(&child) == DW_TAG_template_type_parameter)
			return debug_type_of(t->debug, &child);
	} while (dwarf_siblingof(&child, &child) == 0);
	return NULL;
}

/* ---- one pass over a file -------------------------------------------------------------------- */

static void scan(struct debug *debug, Dwarf_Die *parent, const char *prefix, unsigned depth);

/* An address in the operation itself, or by its index in a table. */
static bool operand_address(Dwarf_Attribute *attribute, Dwarf_Op *op, uint64_t *ret)
{
	Dwarf_Attribute address;
	Dwarf_Op indexed = *op;

	switch (op->atom) {
	case DW_OP_addr:
	case DW_OP_const4u:
	case DW_OP_const8u:
	case DW_OP_constu:
		*ret = op->number;
		return true;
	case DW_OP_constx: /* of the same table */
	case DW_OP_GNU_const_index:
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		indexed.atom = DW_OP_addrx;
		return dwarf_getlocation_attr(attribute, &indexed, &address) == 0 &&
		       dwarf_formaddr(&address, ret) == 0;
	default:
		return false;
	}
}

/* gcc's split debug information has, where the offset in the storage was to be, the address in the storage's first image. */
static uint64_t thread_local_offset(const struct debug *debug, uint64_t address)
{
	size_t n;
	Elf *elf = dwarf_getelf(debug->dwarf);

	if (!elf || elf_getphdrnum(elf, &n) != 0)
		return address;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_TLS && address >= p.p_memsz &&
		    address >= p.p_vaddr && address - p.p_vaddr < p.p_memsz)
			return address - p.p_vaddr;
	}
	return address;
}

static void note_variable(struct debug *debug, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	struct debug_variable v = {.die = *die};
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(die, DW_AT_location, &attribute) ||
	    dwarf_getlocation(&attribute, &ops, &n) != 0 || n == 0 || n > 2 ||
	    !operand_address(&attribute, &ops[0], &v.address))
		return;
	if (n == 1 && (ops[0].atom == DW_OP_addr || ops[0].atom == DW_OP_addrx ||
		       ops[0].atom == DW_OP_GNU_addr_index))
		VEC_PUSH(&debug->variables, v);
	if (n == 2 &&
	    (ops[1].atom == DW_OP_GNU_push_tls_address || ops[1].atom == DW_OP_form_tls_address)) {
		v.address = thread_local_offset(debug, v.address);
		VEC_PUSH(&debug->locals, v);
	}
}

static const char *join(struct debug_world *w, const char *prefix, const char *name)
{
	struct str text = {0};
	const char *kept;

	str_printf(&text, "%s%s%s", prefix, prefix[0] ? "::" : "", name);
	kept = keep(w, str_text(&text));
	str_free(&text);
	return kept;
}

static void note_type(struct debug *debug, Dwarf_Die *die, const char *prefix, unsigned depth)
{
	struct debug_world *w = debug->world;
	const char *name = dwarf_diename(die), *full;
	size_t known = w->complete.n;
	uint32_t number;

	if (!name || has_flag(die, DW_AT_declaration)) {
		if (name && prefix[0])
			VEC_PUSH(&w->qualified,
				 ((struct die_name){die->addr, join(w, prefix, name)}));
		return;
	}
	full = prefix[0] ? join(w, prefix, name) : name;
	if (prefix[0])
		VEC_PUSH(&w->qualified, ((struct die_name){die->addr, full}));
	number = names_keep(&w->complete, full);
	if (number != NAMES_NONE && number >= known)
		VEC_PUSH(&w->dies, ((struct named_die){debug, die->addr, die->cu}));
	if (dwarf_haschildren(die) > 0)
		scan(debug, die, full, depth + 1);
}

static void note_function(struct debug *debug, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;

	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;)
		if (start < end)
			VEC_PUSH(&debug->functions, ((struct debug_code){start, end, *die}));
}

static void scan_one(struct debug *debug, Dwarf_Die *die, const char *prefix, unsigned depth)
{
	const char *name;

	switch (dwarf_tag(die)) {
	case DW_TAG_variable:
		note_variable(debug, die);
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		note_type(debug, die, prefix, depth);
		break;
	case DW_TAG_namespace:
		name = dwarf_diename(die);
		scan(debug, die, join(debug->world, prefix, name ? name : "(anonymous namespace)"),
		     depth + 1);
		break;
	case DW_TAG_subprogram:
		note_function(debug, die);
		if (dwarf_haschildren(die) > 0)
			scan(debug, die, prefix, depth + 1);
		break;
	case DW_TAG_lexical_block:
		if (dwarf_haschildren(die) > 0)
			scan(debug, die, prefix, depth + 1);
		break;
	default:
		break;
	}
}

static void scan(struct debug *debug, Dwarf_Die *parent, const char *prefix, unsigned depth)
{
	Dwarf_Die child;

	if (depth > MAX_DEPTH || dwarf_child(parent, &child) != 0)
		return;
	do {
		scan_one(debug, &child, prefix, depth);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static int by_start(const void *a, const void *b)
{
	const struct debug_code *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int by_address(const void *a, const void *b)
{
	const struct debug_variable *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static void scan_units(struct debug *debug, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die, inside;
	uint8_t type;
	uint64_t id;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, &inside) == 0) {
		bool split = type == DW_UT_skeleton && inside.addr;

		if (type == DW_UT_skeleton && !split && debug->package &&
		    dwarf_cu_info(unit, NULL, NULL, NULL, NULL, &id, NULL, NULL) == 0)
			split = package_unit(debug->package, &die, id, &inside);

		scan(debug, split ? &inside : &die, "", 0);
	}
}

static void scan_file(struct debug *debug)
{
	Dwarf *shared = dwarf_getalt(debug->dwarf);

	if (debug->scanned)
		return;
	debug->scanned = true;
	scan_units(debug, debug->dwarf);
	if (shared)
		scan_units(debug, shared);
	debug->world->sorted = false;
	if (debug->functions.n)
		qsort(debug->functions.data, debug->functions.n, sizeof *debug->functions.data,
		      by_start);
	if (debug->variables.n)
		qsort(debug->variables.data, debug->variables.n, sizeof *debug->variables.data,
		      by_address);
	if (debug->locals.n)
		qsort(debug->locals.data, debug->locals.n, sizeof *debug->locals.data, by_address);
}

/* ---- what is asked --------------------------------------------------------------------------- */

static bool find_variable(struct debug *debug, struct debug_variable *list, size_t n,
			  uint64_t address, struct ctype **type, uint64_t *offset,
			  const char **name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* several may stand for one address, as a declaration beside its definition */
	for (size_t tries = 0; low-- > 0 && tries < 8; tries++) {
		*type = debug_type_of(debug, &list[low].die);
		*offset = address - list[low].address;
		*name = dwarf_diename(&list[low].die);
		if (*name && *offset < (*type)->size)
			return true;
	}
	return false;
}

bool debug_variable(struct debug *debug, uint64_t address, struct ctype **type, uint64_t *offset,
		    const char **name)
{
	return find_variable(debug, debug->variables.data, debug->variables.n, address, type,
			     offset, name);
}

bool debug_thread_local(struct debug *debug, uint64_t offset, struct ctype **type, uint64_t *inside,
			const char **name)
{
	return find_variable(debug, debug->locals.data, debug->locals.n, offset, type, inside,
			     name);
}

bool debug_function(struct debug *debug, uint64_t address, Dwarf_Die *ret)
{
	size_t low = 0, high = debug->functions.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (debug->functions.data[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address >= debug->functions.data[low - 1].end)
		return false;
	*ret = debug->functions.data[low - 1].die;
	return true;
}

struct ctype *debug_find(struct debug_world *w, const char *name)
{
	uint32_t number = names_find(&w->complete, name);
	struct named_die *found;
	Dwarf_Die die;

	if (number == NAMES_NONE || number >= w->dies.n)
		return NULL;
	found = &w->dies.data[number];
	die = die_at(found->address, found->unit);
	return debug_type(found->debug, &die);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct debug_world *debug_world_create(void)
{
	return calloc(1, sizeof(struct debug_world));
}

void debug_world_destroy(struct debug_world *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->all.n; i++) {
		free(w->all.data[i]->members);
		free(w->all.data[i]);
	}
	for (size_t i = 0; i < w->ndebugs; i++) {
		VEC_FREE(&w->debugs[i]->variables);
		VEC_FREE(&w->debugs[i]->locals);
		VEC_FREE(&w->debugs[i]->functions);
		free(w->debugs[i]);
	}
	free(w->debugs);
	free(w->slots);
	free(w->keys);
	VEC_FREE(&w->all);
	VEC_FREE(&w->uniques);
	VEC_FREE(&w->dies);
	VEC_FREE(&w->qualified);
	names_free_kept(&w->texts);
	names_free_kept(&w->unique);
	names_free_kept(&w->complete);
	free(w);
}

struct debug *debug_create(struct debug_world *w, Dwarf *dwarf, struct package *package)
{
	struct debug **bigger = reallocarray(w->debugs, w->ndebugs + 1, sizeof *bigger);
	struct debug *debug = calloc(1, sizeof *debug);

	if (bigger)
		w->debugs = bigger;
	if (!bigger || !debug) {
		free(debug);
		return NULL;
	}
	w->debugs[w->ndebugs++] = debug;
	debug->world = w;
	debug->dwarf = dwarf;
	debug->package = package;
	scan_file(debug);
	return debug;
}

uint64_t debug_cost(Dwarf *dwarf)
{
	Dwarf_Off offset = 0, next = 0;
	size_t header;

	while (dwarf_nextcu(dwarf, offset, &next, &header, NULL, NULL, NULL) == 0)
		offset = next;
	return offset;
}
