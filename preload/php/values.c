/*
 * values.c - what arrays, objects, references and constant expressions refer to.
 *
 * Objects of internal classes hold more than their properties: internals.c.
 */
#include "php.h"

#include <ext/standard/file.h>

/* ---- tables --------------------------------------------------------------------------------------------------------------- */

void key_references(struct visitor *v, zend_string *key)
{
	if (!ZSTR_IS_INTERNED(key))
		refer(v, key, TAG_STRING, label_text(v, RGD_EDGE_STRONG, RGD_LABEL_IS_KEY, ""), 0);
}

static uint32_t key_label(struct visitor *v, enum rgd_label_class keys, const zend_string *key)
{
	return keys == RGD_LABEL_KEY ? label_key(v, keys, key)
				     : label_name(v, RGD_EDGE_STRONG, keys, key);
}

static inline bool holds(const zval *z)
{
	return Z_TYPE_P(z) >= IS_STRING && Z_TYPE_P(z) <= IS_CONSTANT_AST;
}

static void elements(struct visitor *v, const HashTable *table, enum rgd_label_class keys,
		     bool follow)
{
	zend_ulong index, next = 0;
	zend_string *key;
	zval *z;

	if (HT_FLAGS(table) & HASH_FLAG_UNINITIALIZED)
		return;
	ZEND_HASH_FOREACH_KEY_VAL((HashTable *)table, index, key, z)
	{
		uint64_t value = 0;
		uint32_t label;

		if (key && !ZSTR_IS_INTERNED(key))
			key_references(v, key);
		if (Z_TYPE_P(z) == IS_INDIRECT && follow)
			z = Z_INDIRECT_P(z);
		if (!holds(z))
			continue;
		label = key ? key_label(v, keys, key) : label_index(v, index, &next, &value);
		refer_zval(v, z, label, value);
	}
	ZEND_HASH_FOREACH_END();
}

void table_references(struct visitor *v, const HashTable *table, enum rgd_label_class keys)
{
	elements(v, table, keys, false);
}

void array_references(struct visitor *v, const zend_array *array)
{
	elements(v, array, RGD_LABEL_KEY, array == &EG(symbol_table));
	refer_data(v, array);
}

void refer_string(struct visitor *v, const zend_string *s, const char *name)
{
	if (s)
		refer(v, s, TAG_STRING, label_unseen(v, RGD_LABEL_PART, name), 0);
}

void reference_references(struct visitor *v, const zend_reference *reference)
{
	refer_zval(v, &reference->val, part(v, "&"), 0);
}

void opaque_words(struct visitor *v, uintptr_t low, uintptr_t high, const char *what)
{
	if (v->writing && !v->rooting)
		shim->words(v->walk, label_text(v, RGD_EDGE_CONSERVATIVE, RGD_LABEL_PART, what),
			    low, high);
}

static void opaque_block(struct visitor *v, const void *block, const char *what)
{
	uint64_t size;

	refer_storage(v, block, what);
	if (block && shim->block(v->walk, (uintptr_t)block, &size))
		opaque_words(v, (uintptr_t)block, (uintptr_t)block + size, what);
}

/* As it begins in main/streams/userspace.c. */
struct user_wrapper {
	php_stream_wrapper wrapper;
	char *protocol;
	zend_class_entry *ce;
	zend_resource *resource;
};

struct user_stream {
	struct user_wrapper *wrapper;
	zval object;
};

static void stream_filters(struct visitor *v, const php_stream_filter_chain *chain)
{
	for (const php_stream_filter *f = chain->head; f; f = f->next) {
		refer_storage(v, f, "filter");
		refer_zval(v, &f->abstract, part(v, "filter"), 0);
		if (f->res)
			refer(v, f->res, TAG_RESOURCE, part(v, "filter"), 0);
	}
}

static void user_stream_references(struct visitor *v, const struct user_stream *stream)
{
	refer(v, stream->wrapper->resource, TAG_RESOURCE, part(v, "wrapper"), 0);
	refer_zval(v, &stream->object, part(v, "object"), 0);
}

/* php://temp and data: begin their state with the stream of memory that they work on. */
static const php_stream *inner_stream(const php_stream *stream)
{
	const char *label = stream->ops->label;

	return stream->abstract && (!strcmp(label, "TEMP") || !strcmp(label, "RFC2397"))
		       ? *(const php_stream *const *)stream->abstract
		       : NULL;
}

/* Its buffer keeps what was in that memory before: a leaf. */
static void stream_references(struct visitor *v, const php_stream *stream)
{
	refer_storage(v, stream, "stream");
	refer_storage(v, stream->readbuf, "read buffer");
	refer_storage(v, stream->orig_path, "path");
	opaque_block(v, stream->abstract, "state");
	stream_filters(v, &stream->readfilters);
	stream_filters(v, &stream->writefilters);
	if (inner_stream(stream) && inner_stream(stream)->res)
		refer(v, inner_stream(stream)->res, TAG_RESOURCE, part(v, "stream"), 0);
	refer_zval(v, &stream->wrapperdata, part(v, "wrapper data"), 0);
	if (stream->ctx)
		refer(v, stream->ctx, TAG_RESOURCE, part(v, "context"), 0);
	if (stream->abstract && !strncmp(stream->ops->label, "user-space", 10))
		user_stream_references(v, stream->abstract);
}

static void context_references(struct visitor *v, const php_stream_context *context)
{
	refer_storage(v, context, "context");
	refer_zval(v, &context->options, part(v, "options"), 0);
	if (context->notifier) {
		refer_storage(v, context->notifier, "notifier");
		refer_zval(v, &context->notifier->ptr, part(v, "notification"), 0);
	}
}

void resource_references(struct visitor *v, const zend_resource *resource)
{
	if (resource->ptr && resource->type == php_le_stream_context())
		context_references(v, resource->ptr);
	else if (resource->ptr && (resource->type == php_file_le_stream() ||
				   resource->type == php_file_le_pstream()))
		stream_references(v, resource->ptr);
	else
		opaque_block(v, resource->ptr, "internal");
}

/* ---- constant expressions ------------------------------------------------------------------------------------------------- */

#define DEEPEST 200

static void ast_node(struct visitor *v, const zend_ast *ast, unsigned depth)
{
	if (!ast || depth > DEEPEST)
		return;
	if (ast->kind == ZEND_AST_ZVAL || ast->kind == ZEND_AST_CONSTANT) {
		refer_zval(v, &((const zend_ast_zval *)ast)->val, part(v, "expression"), 0);
	} else if (zend_ast_is_list((zend_ast *)ast)) {
		const zend_ast_list *list = zend_ast_get_list((zend_ast *)ast);

		for (uint32_t i = 0; i < list->children; i++)
			ast_node(v, list->child[i], depth + 1);
	} else if (!zend_ast_is_special((zend_ast *)ast)) {
		uint32_t n = zend_ast_get_num_children((zend_ast *)ast);

		for (uint32_t i = 0; i < n; i++)
			ast_node(v, ast->child[i], depth + 1);
	}
}

void ast_references(struct visitor *v, const zend_ast_ref *ref)
{
	ast_node(v, GC_AST((zend_ast_ref *)ref), 0);
}

/* ---- classes of objects ---------------------------------------------------------------------------------------------------- */

static struct class_info **table;
static uint32_t table_mask, table_used;

static struct class_info **find(const zend_class_entry *ce)
{
	uint32_t i = (uint32_t)((uintptr_t)ce >> 4) * 2654435761u;

	while (table[i & table_mask] && table[i & table_mask]->ce != ce)
		i++;
	return &table[i & table_mask];
}

static bool grow(struct walk *walk)
{
	struct class_info **old = table;
	uint32_t size = table_mask + 1;

	if (table && table_used * 2 < size)
		return true;
	size = table ? size * 2 : 1024;
	table = shim->memory(walk, size * sizeof(*table));
	if (!table) {
		table = old;
		return false;
	}
	for (uint32_t i = 0, n = old ? size / 2 : 0; (table_mask = size - 1) && i < n; i++)
		if (old[i])
			*find(old[i]->ce) = old[i];
	return true;
}

struct class_info *class_info(struct walk *walk, const zend_class_entry *ce)
{
	static struct class_info *last, nothing;
	struct class_info **place;

	if (last && last->ce == ce)
		return last;
	if (!grow(walk))
		return &nothing;
	place = find(ce);
	if (!*place) {
		*place = shim->memory(walk, sizeof(**place));
		if (!*place)
			return &nothing;
		(*place)->ce = ce;
		table_used++;
	}
	return last = *place;
}

/* "\0Class\0name" or "\0*\0name" of what is not public. */
static const char *plain_name(const zend_string *mangled, size_t *length)
{
	const char *name = ZSTR_VAL(mangled), *end = name + ZSTR_LEN(mangled), *p;

	if (!*name && end - name > 2 && (p = memchr(name + 1, 0, (size_t)(end - name) - 1)))
		name = p + 1;
	*length = (size_t)(end - name);
	return name;
}

/* Private properties of a parent are in the parent's list only. */
static uint32_t *property_labels(struct visitor *v, struct class_info *info)
{
	size_t n = (size_t)info->ce->default_properties_count, length;
	const zend_property_info *p;

	if (info->labels || !n)
		return info->labels;
	info->labels = shim->memory(v->walk, n * sizeof(*info->labels));
	for (const zend_class_entry *ce = info->ce; ce && info->labels; ce = ce->parent) {
		ZEND_HASH_FOREACH_PTR((HashTable *)&ce->properties_info, p)
		{
			uint32_t slot = OBJ_PROP_TO_NUM(p->offset);
			const char *name;

			if (p->flags & ZEND_ACC_STATIC || slot >= n || info->labels[slot])
				continue;
			name = plain_name(p->name, &length);
			info->labels[slot] = shim->label(v->walk, RGD_EDGE_STRONG,
							 RGD_LABEL_ATTRIBUTE, RGD_LABEL_F_TRAVERSED,
							 shim->string(v->walk, name, length));
		}
		ZEND_HASH_FOREACH_END();
	}
	return info->labels;
}

static void declared_properties(struct visitor *v, zend_object *object)
{
	int n = object->ce->default_properties_count;
	const uint32_t *labels = NULL;

	if (!n)
		return;
	if (v->writing)
		labels = property_labels(v, class_info(v->walk, object->ce));
	for (int i = 0; i < n; i++)
		refer_zval(v, &object->properties_table[i], labels ? labels[i] : 0, 0);
}

/* Those that no class declares. The table is the object's own unless somebody took it as an array. */
static void dynamic_properties(struct visitor *v, const zend_object *object)
{
	const HashTable *properties = object->properties;

	if (!properties)
		return;
	if (GC_REFCOUNT(properties) != 1 || GC_FLAGS(properties) & GC_IMMUTABLE) {
		refer(v, properties, TAG_ARRAY, part(v, "properties"), 0);
		return;
	}
	refer_table(v, properties, "properties");
	table_references(v, properties, RGD_LABEL_ATTRIBUTE);
}

void object_references(struct visitor *v, zend_object *object)
{
	if (iterator_of(object)) {
		iterator_references(v, iterator_of(object));
		return;
	}
	if (OBJ_FLAGS(object) & IS_OBJ_FREE_CALLED)
		return;
	declared_properties(v, object);
	dynamic_properties(v, object);
	if (object->handlers != &std_object_handlers)
		internal_references(v, object);
}
