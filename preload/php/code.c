/*
 * code.c - classes and functions: constants, static members, static variables, default values, literals. Their own memory (opcodes,
 * names of variables, ...) is in the compiler's arena, in blocks of ZendMM, or in opcache's shared memory.
 */
#include "php.h"

static void refer_zvals(struct visitor *v, const zval *z, int n, const char *name)
{
	for (int i = 0; z && i < n; i++)
		refer_zval(v, &z[i], v->writing ? part(v, name) : 0, 0);
}

/* ---- functions --------------------------------------------------------------------------------------------------------------- */

static void variables(struct visitor *v, const HashTable *table, enum rgd_label_class class)
{
	zend_string *name;
	zval *z;

	ZEND_HASH_FOREACH_STR_KEY_VAL((HashTable *)table, name, z)
	{
		if (name)
			refer_zval(v, z, label_variable(v, RGD_EDGE_STRONG, class, name), 0);
	}
	ZEND_HASH_FOREACH_END();
}

/* The variables of this process, else what they begin with. Those of a closure are what it uses. */
static void static_variables(struct visitor *v, const zend_op_array *f, bool closure)
{
	enum rgd_label_class class = closure ? RGD_LABEL_CELL : RGD_LABEL_LOCAL;
	const HashTable *now = ZEND_MAP_PTR(f->static_variables_ptr)
				       ? ZEND_MAP_PTR_GET(f->static_variables_ptr)
				       : NULL;

	/* a closure's are its own from the start */
	if (now && (closure || now != f->static_variables)) {
		if (GC_FLAGS(now) & GC_IMMUTABLE || GC_REFCOUNT(now) != 1) {
			refer(v, now, TAG_ARRAY, part(v, "static variables"), 0);
		} else {
			refer_table(v, now, "static variables");
			variables(v, now, class);
		}
	}
	if (f->static_variables && !closure)
		refer(v, f->static_variables, TAG_ARRAY, part(v, "initial static variables"), 0);
}

static void closure_storage(struct visitor *v, const zend_op_array *f)
{
	if (f->fn_flags & ZEND_ACC_HEAP_RT_CACHE && ZEND_MAP_PTR(f->run_time_cache))
		refer_storage(v, ZEND_MAP_PTR_GET(f->run_time_cache), "run-time cache");
}

static void own_string(struct visitor *v, const zend_string *s, const char *name)
{
	if (s && !ZSTR_IS_INTERNED(s))
		refer_string(v, s, name);
}

static void code_strings(struct visitor *v, const zend_op_array *f)
{
	own_string(v, f->filename, "file");
	own_string(v, f->function_name, "name");
	own_string(v, f->doc_comment, "comment");
	for (int i = 0; i < f->last_var; i++)
		own_string(v, f->vars[i], "name of a variable");
}

void function_references(struct visitor *v, const zend_op_array *f, bool closure)
{
	static_variables(v, f, closure);
	if (closure) {
		closure_storage(v, f); /* its code is the declared function's */
		return;
	}
	refer_zvals(v, f->literals, f->last_literal, "literal");
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
	if (ZEND_MAP_PTR(f->run_time_cache))
		refer_storage(v, ZEND_MAP_PTR_GET(f->run_time_cache), "run-time cache");
}

/* The array begins with the type of the result; the function points behind that, which is the block's end when it takes no arguments. */
void internal_function_references(struct visitor *v, const zend_function *f)
{
	if (f->internal_function.arg_info)
		refer_native(v, f->internal_function.arg_info - 1, "types of arguments");
}

/* ---- classes ------------------------------------------------------------------------------------------------------------------- */

static void class_functions(struct visitor *v, const zend_class_entry *ce)
{
	const zend_function *f;

	ZEND_HASH_FOREACH_PTR((HashTable *)&ce->function_table, f)
	{
		if (f->type != ZEND_USER_FUNCTION) {
			if (f->common.scope == ce)
				internal_function_references(v, f);
			continue;
		}
		if (f->common.scope !=
		    ce) /* the function is shared, its name counted by each class */
			own_string(v, f->common.function_name, "inherited method");
		else
			refer(v, &f->op_array, TAG_FUNCTION,
			      label_name(v, RGD_EDGE_INTERNAL, RGD_LABEL_PART,
					 f->common.function_name),
			      0);
	}
	ZEND_HASH_FOREACH_END();
}

static void class_constants(struct visitor *v, const zend_class_entry *ce)
{
	const HashTable *constants = &ce->constants_table;
	const zend_class_constant *c;
	zend_string *key;

	if (ZEND_MAP_PTR(ce->mutable_data)) {
		const zend_class_mutable_data *own = ZEND_MAP_PTR_GET(ce->mutable_data);

		if (own && own->constants_table)
			constants = own->constants_table;
	}
	ZEND_HASH_FOREACH_STR_KEY_PTR((HashTable *)constants, key, c)
	{
		if (c->ce == ce)
			refer_zval(v, &c->value,
				   label_name(v, RGD_EDGE_STRONG, RGD_LABEL_ATTRIBUTE, key), 0);
	}
	ZEND_HASH_FOREACH_END();
}

/* "$name"; a member that is inherited is the parent's. */
static uint32_t static_label(struct visitor *v, const zend_string *name)
{
	char text[128] = "$";
	size_t n = ZSTR_LEN(name);
	const char *p = ZSTR_VAL(name), *end = p + n, *last;

	if (!*p && n > 2 && (last = memchr(p + 1, 0, n - 1)))
		p = last + 1;
	n = (size_t)(end - p) < sizeof(text) - 2 ? (size_t)(end - p) : sizeof(text) - 2;
	memcpy(text + 1, p, n);
	return shim->label(v->walk, RGD_EDGE_STRONG, RGD_LABEL_ATTRIBUTE, RGD_LABEL_F_TRAVERSED,
			   shim->string(v->walk, text, n + 1));
}

static void static_members(struct visitor *v, const zend_class_entry *ce)
{
	const zval *members = ZEND_MAP_PTR(ce->static_members_table)
				      ? ZEND_MAP_PTR_GET(ce->static_members_table)
				      : NULL;
	const zend_property_info *p;

	if (!members || !ce->default_static_members_count)
		return;
	ZEND_HASH_FOREACH_PTR((HashTable *)&ce->properties_info, p)
	{
		if (p->flags & ZEND_ACC_STATIC && p->ce == ce &&
		    p->offset < (uint32_t)ce->default_static_members_count &&
		    Z_TYPE(members[p->offset]) != IS_INDIRECT)
			refer_zval(v, &members[p->offset],
				   v->writing ? static_label(v, p->name) : 0, 0);
	}
	ZEND_HASH_FOREACH_END();
	if (members != ce->default_static_members_table)
		refer_storage(v, members, "static members");
}

void class_references(struct visitor *v, const zend_class_entry *ce)
{
	static_members(v, ce);
	class_constants(v, ce);
	class_functions(v, ce);
	refer_zvals(v, ce->default_properties_table, ce->default_properties_count, "default value");
	if (ZEND_MAP_PTR(ce->static_members_table) == NULL ||
	    ce->default_static_members_table != ZEND_MAP_PTR_GET(ce->static_members_table))
		refer_zvals(v, ce->default_static_members_table, ce->default_static_members_count,
			    "default value of a static member");
	if (ce->ce_flags & ZEND_ACC_LINKED && ce->parent)
		refer(v, ce->parent, TAG_CLASS,
		      label_text(v, RGD_EDGE_BORROWED, RGD_LABEL_PART, "parent"), 0);
	if (ce->type == ZEND_INTERNAL_CLASS &&
	    v->writing) { /* its tables are the engine's own memory */
		shim->scan(v->walk, (uintptr_t)ce, (uintptr_t)(ce + 1));
		refer_native_data(v, &ce->function_table, "methods");
		refer_native_data(v, &ce->properties_info, "properties");
		refer_native_data(v, &ce->constants_table, "constants");
	}
	if (ce->type == ZEND_USER_CLASS) {
		own_string(v, ce->name, "name");
		own_string(v, ce->info.user.filename, "file");
		own_string(v, ce->info.user.doc_comment, "comment");
		refer_storage(v, ce->default_properties_table, "default values");
		refer_storage(v, ce->default_static_members_table, "default static members");
		refer_data(v, &ce->function_table);
		refer_data(v, &ce->properties_info);
		refer_data(v, &ce->constants_table);
		if (ce->backed_enum_table)
			refer_table(v, ce->backed_enum_table, "enum table");
	}
}
