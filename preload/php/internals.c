/*
 * internals.c - what objects of internal classes hold besides their properties.
 *
 * Where the engine's collector knows of it, the class has a get_gc handler of its own: in the walker it may be called, it reads
 * the object and fills a buffer of the copy. Closures, generators, fibers, weak references, iterators and files are read
 * directly: they have names for what they hold. Of others the words that look like pointers are.
 */
#include "php.h"

#include <ext/spl/spl_directory.h>

/* As in zend_closures.c and zend_weakrefs.c. */
struct closure {
	zend_object object;
	zend_function function;
	zval this_object;
	zend_class_entry *called_scope;
	zif_handler handler;
};
struct weak_reference {
	zend_object *referent;
	zend_object object;
};
struct weak_map {
	HashTable table;
	zend_object object;
};

static void closure_references(struct visitor *v, const struct closure *c)
{
	const zend_string *name = c->function.common.function_name;

	refer_zval(v, &c->this_object, label_text(v, RGD_EDGE_STRONG, RGD_LABEL_LOCAL, "$this"), 0);
	if (name && !ZSTR_IS_INTERNED(name)) /* each closure counts it once more */
		refer_string(v, name, "name");
	if (c->function.type == ZEND_USER_FUNCTION)
		function_references(v, &c->function.op_array, true);
}

/* Where the object lies in its memory is for the class to say. */
#define CONTAINER(object, type)                                                                    \
	((const type *)((const char *)(object) - (object)->handlers->offset))

static void weak_map_references(struct visitor *v, const struct weak_map *map)
{
	zend_ulong key;
	zval *z;

	ZEND_HASH_FOREACH_NUM_KEY_VAL((HashTable *)&map->table, key, z)
	{
		const zend_object *object = zend_weakref_key_to_object(key);

		if (v->writing) /* who else refers to it, finds it */
			refer(v, object, TAG_OBJECT,
			      label_text(v, RGD_EDGE_WEAK, RGD_LABEL_IS_KEY, ""), 0);
		refer_zval(v, z, label_text(v, RGD_EDGE_STRONG, RGD_LABEL_KEY_OBJECT, ""),
			   (uintptr_t)object);
	}
	ZEND_HASH_FOREACH_END();
	refer_data(v, &map->table);
}

/* What the collector is told; the properties are among it, and written already. */
static void collected_references(struct visitor *v, zend_object *object)
{
	HashTable *before = object->properties, *more;
	zval *list = NULL;
	int n = 0;

	more = object->handlers->get_gc(object, &list, &n);
	if (object->properties != before) { /* made for the occasion, in the copy */
		if (more == object->properties)
			more = NULL;
		object->properties = before;
	}
	if (list != object->properties_table)
		for (int i = 0; i < n; i++)
			refer_zval(v, &list[i], label_text(v, RGD_EDGE_STRONG, RGD_LABEL_INDEX, ""),
				   (uint64_t)i);
	if (more && more != before)
		table_references(v, more, RGD_LABEL_KEY);
}

/* The part of the object's memory that is the extension's: words that look like pointers, as such. */
static void opaque_references(struct visitor *v, const zend_object *object)
{
	opaque_words(v, (uintptr_t)object - (uintptr_t)object->handlers->offset, (uintptr_t)object,
		     "internal");
}

/* What foreach() goes through an object by: in no table, held by a temporary of the frame. The collector sees of it what its class
 * tells. */
void iterator_references(struct visitor *v, zend_object_iterator *iterator)
{
	bool told = false;
	zval *list = NULL;
	uint64_t size;
	int n = 0;

	if (iterator->funcs->get_gc)
		iterator->funcs->get_gc(iterator, &list, &n);
	for (int i = 0; i < n; i++) {
		bool object = Z_TYPE(list[i]) == IS_OBJECT && Z_TYPE(iterator->data) == IS_OBJECT &&
			      Z_OBJ(list[i]) == Z_OBJ(iterator->data);

		refer_zval(v, &list[i], part(v, object ? "iterates" : "current"), 0);
		told |= object;
	}
	if (!told)
		refer_zval(v, &iterator->data, label_unseen(v, RGD_LABEL_PART, "iterates"), 0);
	if (shim->block(v->walk, (uintptr_t)iterator, &size) && size > sizeof(*iterator))
		opaque_words(v, (uintptr_t)(iterator + 1), (uintptr_t)iterator + size, "internal");
}

zend_object_iterator *iterator_of(zend_object *object)
{
	zval z;

	ZVAL_OBJ(&z, object);
	return zend_iterator_unwrap(&z);
}

/* Of DirectoryIterator, SplFileObject and their like. The stream of a directory is shown to nobody. */
static void file_references(struct visitor *v, const spl_filesystem_object *f)
{
	own_string(v, f->path, "path");
	own_string(v, f->orig_path, "path");
	own_string(v, f->file_name, "file name");
	if (f->type == SPL_FS_DIR) {
		own_string(v, f->u.dir.sub_path, "path");
		if (f->u.dir.dirp && f->u.dir.dirp->res)
			refer(v, f->u.dir.dirp->res, TAG_RESOURCE,
			      label_unseen(v, RGD_LABEL_PART, "directory"), 0);
	} else if (f->type == SPL_FS_FILE) {
		own_string(v, f->u.file.open_mode, "mode");
		refer_zval(v, &f->u.file.current_zval, label_unseen(v, RGD_LABEL_PART, "current"),
			   0);
		refer_zval(v, &f->u.file.zresource, label_unseen(v, RGD_LABEL_PART, "stream"), 0);
	}
	opaque_words(v, (uintptr_t)f, (uintptr_t)&f->path, "internal");
}

static bool known_class(struct visitor *v, zend_object *object)
{
	const zend_class_entry *ce = object->ce;

	if (ce == zend_ce_closure)
		closure_references(v, (const struct closure *)object);
	else if (ce == zend_ce_generator)
		generator_references(v, (zend_generator *)object);
	else if (ce == zend_ce_fiber)
		fiber_references(v, (zend_fiber *)object);
	else if (ce == zend_ce_weakref) {
		if (v->writing)
			refer(v, CONTAINER(object, struct weak_reference)->referent, TAG_OBJECT,
			      label_text(v, RGD_EDGE_WEAK, RGD_LABEL_PART, "referent"), 0);
	} else if (zend_string_equals_literal(ce->name, "WeakMap"))
		weak_map_references(v, CONTAINER(object, struct weak_map));
	else if (spl_ce_SplFileInfo && instanceof_function(object->ce, spl_ce_SplFileInfo))
		file_references(v, CONTAINER(object, spl_filesystem_object));
	else
		return false;
	return true;
}

void internal_references(struct visitor *v, zend_object *object)
{
	if (known_class(v, object))
		return;
	if (object->handlers->get_gc && object->handlers->get_gc != zend_std_get_gc)
		collected_references(v, object);
	opaque_references(v, object);
}
