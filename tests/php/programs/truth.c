/*
 * truth.c - a PHP extension that writes down what the engine itself holds: truth_write(FILE). One line for each thing with a
 * reference count that is reached from the objects store: "o ADDRESS COUNT CLASS HANDLE", "a ADDRESS COUNT LENGTH", "r ADDRESS COUNT",
 * "s ADDRESS COUNT LENGTH"; after an object its references that a PHP program could name: "- KIND NAME ADDRESS".
 * And it loses things: truth_leak(VALUE) a count, truth_lose() a block of 1000 bytes. truth_keep() has two tables of its own with 60
 * blocks, and a block of zeros with a pointer to where a table of its size would have elements.
 * It shares no code with the shim's adapter.
 */
#include "php.h"
#include "zend_closures.h"
#include "zend_weakrefs.h"

static FILE *out;
static HashTable seen;

static void value(const char *kind, const char *name, zval *v);

static bool first_time(void *address)
{
	return zend_hash_index_add_empty_element(&seen, (zend_ulong)(uintptr_t)address >> 3) != NULL;
}

static void table(HashTable *t)
{
	zend_ulong index;
	zend_string *key;
	zval *v;
	char name[32];

	ZEND_HASH_FOREACH_KEY_VAL(t, index, key, v) {
		if (Z_TYPE_P(v) == IS_INDIRECT)
			v = Z_INDIRECT_P(v);
		snprintf(name, sizeof name, ZEND_LONG_FMT, (zend_long)index);
		value(key ? "key" : "index", key ? ZSTR_VAL(key) : name, v);
	} ZEND_HASH_FOREACH_END();
}

static void counted(zval *v)
{
	zend_refcounted *r = Z_COUNTED_P(v);

	if (!Z_REFCOUNTED_P(v) || !first_time(r))
		return;
	switch (Z_TYPE_P(v)) {
	case IS_ARRAY:
		fprintf(out, "a %p %u %u\n", (void *)r, GC_REFCOUNT(r), zend_hash_num_elements(Z_ARRVAL_P(v)));
		table(Z_ARRVAL_P(v));
		ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(v), zval *e) { if (Z_TYPE_P(e) == IS_INDIRECT) e = Z_INDIRECT_P(e); counted(e); } ZEND_HASH_FOREACH_END();
		break;
	case IS_REFERENCE:
		fprintf(out, "r %p %u\n", (void *)r, GC_REFCOUNT(r));
		value("reference", "", Z_REFVAL_P(v));
		counted(Z_REFVAL_P(v));
		break;
	case IS_STRING:
		fprintf(out, "s %p %u %zu\n", (void *)r, GC_REFCOUNT(r), Z_STRLEN_P(v));
		break;
	}
}

static void value(const char *kind, const char *name, zval *v)
{
	if (Z_REFCOUNTED_P(v))
		fprintf(out, "- %s %s %p\n", kind, name, (void *)Z_COUNTED_P(v));
}

static void object(zend_object *o)
{
	zend_class_entry *c = o->ce;

	fprintf(out, "o %p %u %s %u\n", (void *)o, GC_REFCOUNT(o), ZSTR_VAL(c->name), o->handle);
	for (int i = 0; i < c->default_properties_count; i++) {
		zend_property_info *info = c->properties_info_table ? c->properties_info_table[i] : NULL;
		const char *class, *name = "?";

		if (info)
			zend_unmangle_property_name(info->name, &class, &name);
		value("property", name, &o->properties_table[i]);
	}
	if (o->properties && c != zend_ce_closure)
		ZEND_HASH_FOREACH_STR_KEY_VAL(o->properties, zend_string *key, zval *v) {
			if (Z_TYPE_P(v) != IS_INDIRECT)
				value("dynamic", key ? ZSTR_VAL(key) : "?", v);
		} ZEND_HASH_FOREACH_END();
}

static void below(zend_object *o)
{
	for (int i = 0; i < o->ce->default_properties_count; i++)
		counted(&o->properties_table[i]);
	if (o->properties)
		ZEND_HASH_FOREACH_VAL(o->properties, zval *v) { if (Z_TYPE_P(v) != IS_INDIRECT) counted(v); } ZEND_HASH_FOREACH_END();
}

ZEND_BEGIN_ARG_INFO_EX(arguments, 0, 0, 1)
ZEND_ARG_INFO(0, file)
ZEND_END_ARG_INFO()

PHP_FUNCTION(truth_write)
{
	zend_objects_store *store = &EG(objects_store);
	char *file;
	size_t length;

	if (zend_parse_parameters(ZEND_NUM_ARGS(), "s", &file, &length) == FAILURE || !(out = fopen(file, "w")))
		return;
	zend_hash_init(&seen, 64, NULL, NULL, 0);
	for (uint32_t i = 1; i < store->top; i++)
		if (IS_OBJ_VALID(store->object_buckets[i]))
			object(store->object_buckets[i]);
	for (uint32_t i = 1; i < store->top; i++)
		if (IS_OBJ_VALID(store->object_buckets[i]))
			below(store->object_buckets[i]);
	zend_hash_destroy(&seen);
	fclose(out);
}

ZEND_BEGIN_ARG_INFO_EX(one, 0, 0, 1)
ZEND_ARG_INFO(0, value)
ZEND_END_ARG_INFO()

/* Counts once too often, as an extension with a bug does. */
PHP_FUNCTION(truth_leak)
{
	zval *v;

	if (zend_parse_parameters(ZEND_NUM_ARGS(), "z", &v) == SUCCESS)
		Z_TRY_ADDREF_P(v);
}

ZEND_BEGIN_ARG_INFO_EX(none, 0, 0, 0)
ZEND_END_ARG_INFO()

PHP_FUNCTION(truth_lose)
{
	void *volatile block;

	ZEND_PARSE_PARAMETERS_NONE();
	block = malloc(1000);
	block = NULL;
	(void)block;
}

static HashTable by_name, by_number;
static char *volatile inside;

PHP_FUNCTION(truth_keep)
{
	char name[16];

	ZEND_PARSE_PARAMETERS_NONE();
	zend_hash_init(&by_name, 8, NULL, NULL, true);
	zend_hash_init(&by_number, 8, NULL, NULL, true);
	for (int i = 0; i < 30; i++) {
		zend_hash_str_add_ptr(&by_name, name, (size_t)snprintf(name, sizeof name, "name %d", i), malloc(40));
		zend_hash_index_add_ptr(&by_number, (zend_ulong)i + 1, malloc(40));
	}
	inside = (char *)calloc(1, 640) + 128;
}

static const zend_function_entry functions[] = {PHP_FE(truth_keep, none) PHP_FE(truth_write, arguments) PHP_FE(truth_leak, one) PHP_FE(truth_lose, none) PHP_FE_END};
zend_module_entry truth_module_entry = {STANDARD_MODULE_HEADER, "truth", functions, NULL, NULL, NULL, NULL, NULL, "1", STANDARD_MODULE_PROPERTIES};
ZEND_GET_MODULE(truth)
