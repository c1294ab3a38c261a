/*
 * classes.c - classes: constants, static members, default values, methods, and the names of all of it.
 */
#include "php.h"

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

/* What is inherited has its key in each class. */
static void table_keys(struct visitor *v, const HashTable *table)
{
	zend_string *key;

	ZEND_HASH_FOREACH_STR_KEY((HashTable *)table, key)
	{
		if (key)
			key_references(v, key);
	}
	ZEND_HASH_FOREACH_END();
	refer_data(v, table);
}

/* What a process has of a class that opcache keeps for all, once its expressions are evaluated. */
static const zend_class_mutable_data *mutable_data(const zend_class_entry *ce)
{
	return ZEND_MAP_PTR(ce->mutable_data) ? ZEND_MAP_PTR_GET(ce->mutable_data) : NULL;
}

static void class_constants(struct visitor *v, const zend_class_entry *ce)
{
	const zend_class_mutable_data *own = mutable_data(ce);
	const HashTable *constants = &ce->constants_table;
	const zend_class_constant *c;
	zend_string *key;

	if (own && own->constants_table)
		constants = own->constants_table;
	ZEND_HASH_FOREACH_STR_KEY_PTR((HashTable *)constants, key, c)
	{
		if (c->ce != ce && !(Z_CONSTANT_FLAGS(c->value) & CONST_OWNED))
			continue;
		refer_zval(v, &c->value, label_name(v, RGD_EDGE_STRONG, RGD_LABEL_ATTRIBUTE, key),
			   0);
		own_string(v, c->doc_comment, "comment");
		attributes(v, c->attributes);
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

static void properties(struct visitor *v, const zend_class_entry *ce)
{
	const zend_property_info *p;

	ZEND_HASH_FOREACH_PTR((HashTable *)&ce->properties_info, p)
	{
		if (p->ce != ce)
			continue;
		own_string(v, p->name, "name of a property");
		own_string(v, p->doc_comment, "comment");
		type_names(v, p->type);
		attributes(v, p->attributes);
	}
	ZEND_HASH_FOREACH_END();
}

static void trait_method(struct visitor *v, const zend_trait_method_reference *m)
{
	own_string(v, m->method_name, "name of a trait's method");
	own_string(v, m->class_name, "name of a trait");
}

static void traits(struct visitor *v, const zend_class_entry *ce)
{
	for (uint32_t i = 0; i < ce->num_traits; i++) {
		own_string(v, ce->trait_names[i].name, "name of a trait");
		own_string(v, ce->trait_names[i].lc_name, "name of a trait");
	}
	refer_storage(v, ce->trait_names, "traits");
	for (zend_trait_alias **a = ce->trait_aliases; a && *a; a++) {
		trait_method(v, &(*a)->trait_method);
		own_string(v, (*a)->alias, "name of a trait's method");
		refer_storage(v, *a, "traits");
	}
	refer_storage(v, ce->trait_aliases, "traits");
	for (zend_trait_precedence **p = ce->trait_precedences; p && *p; p++) {
		trait_method(v, &(*p)->trait_method);
		for (uint32_t i = 0; i < (*p)->num_excludes; i++)
			own_string(v, (*p)->exclude_class_names[i], "name of a trait");
		refer_storage(v, *p, "traits");
	}
	refer_storage(v, ce->trait_precedences, "traits");
}

/* As destroy_zend_class() lets go of them; of a class that opcache keeps, nothing is counted. */
static void relatives(struct visitor *v, const zend_class_entry *ce)
{
	bool resolved = ce->ce_flags & ZEND_ACC_RESOLVED_INTERFACES;

	if (ce->ce_flags & ZEND_ACC_CACHED)
		return;
	if (!(ce->ce_flags & ZEND_ACC_RESOLVED_PARENT))
		own_string(v, ce->parent_name, "name of the parent");
	for (uint32_t i = 0; !resolved && i < ce->num_interfaces; i++) {
		own_string(v, ce->interface_names[i].name, "name of an interface");
		own_string(v, ce->interface_names[i].lc_name, "name of an interface");
	}
	if (ce->num_interfaces)
		refer_storage(v, ce->interfaces, "interfaces");
	if (ce->num_traits)
		traits(v, ce);
}

static void declared_class(struct visitor *v, const zend_class_entry *ce)
{
	own_string(v, ce->name, "name");
	own_string(v, ce->info.user.filename, "file");
	own_string(v, ce->info.user.doc_comment, "comment");
	attributes(v, ce->attributes);
	relatives(v, ce);
	properties(v, ce);
	refer_storage(v, ce->default_properties_table, "default values");
	refer_storage(v, ce->default_static_members_table, "default static members");
	table_keys(v, &ce->function_table);
	table_keys(v, &ce->properties_info);
	table_keys(v, &ce->constants_table);
	if (ce->backed_enum_table) {
		refer_table(v, ce->backed_enum_table, "enum table");
		table_references(v, ce->backed_enum_table, RGD_LABEL_KEY);
	}
}

void class_references(struct visitor *v, const zend_class_entry *ce)
{
	const zend_class_mutable_data *own = mutable_data(ce);

	static_members(v, ce);
	class_constants(v, ce);
	class_functions(v, ce);
	refer_zvals(v, ce->default_properties_table, ce->default_properties_count, "default value");
	if (own)
		refer_zvals(v, own->default_properties_table, ce->default_properties_count,
			    "default value");
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
	if (ce->type == ZEND_USER_CLASS && !(ce->ce_flags & ZEND_ACC_IMMUTABLE))
		declared_class(v, ce);
}
