/*
 * code.c - functions: static variables, literals, names. Their own memory (opcodes, names of variables, ...) is in the compiler's
 * arena, in blocks of ZendMM, or in opcache's shared memory. Strings of code are counted when they are not interned, as under an
 * opcache that is loaded and not enabled.
 */
#include "php.h"

#include <zend_attributes.h>

void refer_zvals(struct visitor *v, const zval *z, int n, const char *name)
{
	for (int i = 0; z && i < n; i++)
		refer_zval(v, &z[i], v->writing ? part(v, name) : 0, 0);
}

void own_string(struct visitor *v, const zend_string *s, const char *name)
{
	if (s && !ZSTR_IS_INTERNED(s))
		refer_string(v, s, name);
}

/* ---- code that several functions share: by opcodes, who has it ---------------------------------------------------------------- */

struct code {
	const zend_op *opcodes;
	const zend_op_array *function;
	bool declared; /* the function lives as long as its class or script; else the code is an object of its own */
};
static struct code *codes;
static uint32_t codes_mask, codes_used;

static struct code *code_slot(const zend_op *opcodes)
{
	uint32_t i = (uint32_t)((uintptr_t)opcodes >> 4) * 2654435761u;

	while (codes[i & codes_mask].opcodes && codes[i & codes_mask].opcodes != opcodes)
		i++;
	return &codes[i & codes_mask];
}

static bool codes_grow(struct walk *walk)
{
	struct code *old = codes;
	uint32_t before = codes ? codes_mask + 1 : 0, size = before ? before * 2 : 1024;

	if (codes_used * 2 < before)
		return true;
	codes = shim->memory(walk, size * sizeof(*codes));
	if (!codes) {
		codes = old;
		return false;
	}
	codes_mask = size - 1;
	for (uint32_t i = 0; i < before; i++)
		if (old[i].opcodes)
			*code_slot(old[i].opcodes) = old[i];
	return true;
}

/* NULL: no memory. */
static struct code *code_of(struct walk *walk, const zend_op *opcodes)
{
	struct code *code;

	if (!codes_grow(walk))
		return NULL;
	code = code_slot(opcodes);
	if (!code->opcodes) {
		code->opcodes = opcodes;
		codes_used++;
	}
	return code;
}

void code_declare(struct walk *walk, const zend_op_array *f)
{
	struct code *code = f->refcount ? code_of(walk, f->opcodes) : NULL;

	if (!code || code->function)
		return;
	code->function = f;
	code->declared = true;
	for (uint32_t i = 0; i < f->num_dynamic_func_defs; i++)
		code_declare(walk, f->dynamic_func_defs[i]);
}

static void declare_table(struct walk *walk, const HashTable *functions)
{
	const zend_function *f;

	ZEND_HASH_FOREACH_PTR((HashTable *)functions, f)
	{
		if (f->type == ZEND_USER_FUNCTION)
			code_declare(walk, &f->op_array);
	}
	ZEND_HASH_FOREACH_END();
}

void code_declare_all(struct walk *walk)
{
	const zend_class_entry *ce;

	declare_table(walk, CG(function_table));
	ZEND_HASH_FOREACH_PTR(CG(class_table), ce)
	{
		if (ce->type == ZEND_USER_CLASS)
			declare_table(walk, &ce->function_table);
	}
	ZEND_HASH_FOREACH_END();
}

/* ---- functions --------------------------------------------------------------------------------------------------------------- */

static void variables(struct visitor *v, const HashTable *table, enum rgd_label_class class)
{
	zend_string *name;
	zval *z;

	ZEND_HASH_FOREACH_STR_KEY_VAL((HashTable *)table, name, z)
	{
		if (!name)
			continue;
		key_references(v, name);
		refer_zval(v, z, label_variable(v, RGD_EDGE_STRONG, class, name), 0);
	}
	ZEND_HASH_FOREACH_END();
}

/* The variables of this process, else what they begin with. Those of a closure are what it uses; those of one that was made of a
 * function, f(...), are the function's. */
static void static_variables(struct visitor *v, const zend_op_array *f, bool closure)
{
	enum rgd_label_class class = closure ? RGD_LABEL_CELL : RGD_LABEL_LOCAL;
	const HashTable *now = ZEND_MAP_PTR(f->static_variables_ptr)
				       ? ZEND_MAP_PTR_GET(f->static_variables_ptr)
				       : NULL;

	/* a closure's are its own from the start */
	if (!now || (closure ? f->fn_flags & ZEND_ACC_FAKE_CLOSURE : now == f->static_variables))
		return;
	if (GC_FLAGS(now) & GC_IMMUTABLE || GC_REFCOUNT(now) != 1) {
		refer(v, now, TAG_ARRAY, part(v, "static variables"), 0);
	} else {
		refer_table(v, now, "static variables");
		variables(v, now, class);
	}
}

void type_names(struct visitor *v, zend_type type)
{
	const zend_type *one;

	ZEND_TYPE_FOREACH(type, one)
	{
		if (ZEND_TYPE_HAS_LIST(*one)) /* (A&B)|C */
			type_names(v, *one);
		else if (ZEND_TYPE_HAS_NAME(*one))
			own_string(v, ZEND_TYPE_NAME(*one), "type");
	}
	ZEND_TYPE_FOREACH_END();
	if (ZEND_TYPE_HAS_LIST(type) && !ZEND_TYPE_USES_ARENA(type))
		refer_storage(v, ZEND_TYPE_LIST(type), "type");
}

static void argument_names(struct visitor *v, const zend_op_array *f)
{
	uint32_t n = f->num_args + !!(f->fn_flags & ZEND_ACC_VARIADIC);
	const zend_arg_info *info = f->arg_info;

	if (!info)
		return;
	if (f->fn_flags & ZEND_ACC_HAS_RETURN_TYPE) { /* it comes first */
		info--;
		n++;
	}
	for (uint32_t i = 0; i < n; i++) {
		own_string(v, info[i].name, "name of an argument");
		type_names(v, info[i].type);
	}
	refer_storage(v, info, "arguments");
}

void attributes(struct visitor *v, const HashTable *table)
{
	const zend_attribute *a;

	if (!table || GC_FLAGS(table) & GC_IMMUTABLE)
		return;
	refer_table(v, table, "attributes");
	ZEND_HASH_FOREACH_PTR((HashTable *)table, a)
	{
		refer_storage(v, a, "attribute");
		own_string(v, a->name, "name of an attribute");
		own_string(v, a->lcname, "name of an attribute");
		for (uint32_t i = 0; i < a->argc; i++) {
			own_string(v, a->args[i].name, "name of an argument");
			refer_zval(v, &a->args[i].value, part(v, "argument of an attribute"), 0);
		}
	}
	ZEND_HASH_FOREACH_END();
}

static void code_strings(struct visitor *v, const zend_op_array *f)
{
	own_string(v, f->filename, "file");
	own_string(v, f->doc_comment, "comment");
	for (int i = 0; i < f->last_var; i++)
		own_string(v, f->vars[i], "name of a variable");
	argument_names(v, f);
	attributes(v, f->attributes);
}

/* What is counted once, however many functions have this code: closures, and the copies that classes have of a trait's methods. */
static void code_references(struct visitor *v, const zend_op_array *f)
{
	refer_zvals(v, f->literals, f->last_literal, "literal");
	if (f->static_variables && !(f->fn_flags & ZEND_ACC_CLOSURE))
		refer(v, f->static_variables, TAG_ARRAY, part(v, "initial static variables"), 0);
	code_strings(v, f);
	for (uint32_t i = 0; i < f->num_dynamic_func_defs; i++)
		refer(v, f->dynamic_func_defs[i], TAG_FUNCTION,
		      label_text(v, RGD_EDGE_INTERNAL, RGD_LABEL_PART, "closure"), 0);
	refer_storage(v, f->opcodes, "opcodes");
	refer_storage(v, f->vars, "names of variables");
	refer_storage(v, f->live_range, "live ranges");
	refer_storage(v, f->try_catch_array, "try blocks");
	refer_storage(v, f->refcount, "refcount");
	refer_storage(v, f->dynamic_func_defs, "closures");
}

void code_node_references(struct visitor *v, const zend_op *opcodes)
{
	const struct code *code = code_of(v->walk, opcodes);

	if (code && code->function)
		code_references(v, code->function);
}

/* Opcache's code is counted by nobody, and a declared function has its own as long as it lives. */
static void refer_code(struct visitor *v, const zend_op_array *f)
{
	struct code *code = f->refcount ? code_of(v->walk, f->opcodes) : NULL;

	if (code && !code->function)
		code->function = f;
	if (!code || (code->declared && code->function == f))
		code_references(v, f);
	else if (!code->declared)
		refer(v, f->opcodes, TAG_CODE,
		      label_text(v, RGD_EDGE_INTERNAL, RGD_LABEL_PART, "code"), 0);
}

void function_references(struct visitor *v, const zend_op_array *f, bool closure)
{
	bool own_cache = f->fn_flags & ZEND_ACC_HEAP_RT_CACHE;

	static_variables(v, f, closure);
	if (f->static_variables && f->fn_flags & ZEND_ACC_CLOSURE && !closure)
		refer(v, f->static_variables, TAG_ARRAY, part(v, "initial static variables"), 0);
	if (!closure) /* each closure counts it once more */
		own_string(v, f->function_name, "name");
	if ((own_cache || !closure) && ZEND_MAP_PTR(f->run_time_cache))
		refer_storage(v, ZEND_MAP_PTR_GET(f->run_time_cache), "run-time cache");
	refer_code(v, f);
}

/* The array begins with the type of the result; the function points behind that, which is the block's end when it takes no arguments. */
void internal_function_references(struct visitor *v, const zend_function *f)
{
	if (f->internal_function.arg_info)
		refer_native(v, f->internal_function.arg_info - 1, "types of arguments");
}
