/*
 * describe.c - what each object is: type, size, refcount, the collector's view, and names.
 */
#include "php.h"

#include "alloc.h"

static const struct {
	const char *name;
	uint32_t flags;
} kinds[TAG_MAX] = {
	[TAG_ARRAY] = {"array", RGD_TYPE_F_GC},
	[TAG_STRING] = {"string", 0},
	[TAG_REFERENCE] = {"reference", RGD_TYPE_F_GC},
	[TAG_RESOURCE] = {"resource", 0},
	[TAG_AST] = {"constant expression", 0},
	[TAG_CLASS] = {"class", RGD_TYPE_F_IS_TYPE | RGD_TYPE_F_IS_MODULE},
	[TAG_FUNCTION] = {"function", RGD_TYPE_F_IS_MODULE},
	[TAG_FRAME] = {"frame", RGD_TYPE_F_INTERNAL},
	[TAG_GLOBALS] = {"$GLOBALS", RGD_TYPE_F_IS_MODULE},
	[TAG_CODE] = {"code", RGD_TYPE_F_INTERNAL},
	[TAG_DATA] = {"array data", RGD_TYPE_F_INTERNAL},
	[TAG_STORAGE] = {"storage", RGD_TYPE_F_INTERNAL},
	[TAG_PROPERTIES] = {"table", RGD_TYPE_F_INTERNAL},
};

static uint32_t kind_type(struct walk *walk, unsigned tag)
{
	static uint32_t numbers[TAG_MAX]; /* + 1 */

	if (!numbers[tag]) {
		struct walk_type type = {
			.name = kinds[tag].name, .module = "", .flags = kinds[tag].flags};

		numbers[tag] = shim->type(walk, RGD_RT_PHP, &type) + 1;
	}
	return numbers[tag] - 1;
}

/* An anonymous class is called "class@anonymous" and, behind a NUL, where it was made. */
static uint32_t class_type(struct walk *walk, const zend_class_entry *ce)
{
	struct class_info *info = class_info(walk, ce);

	if (!info->type) {
		struct walk_type type = {
			.name = ZSTR_VAL(ce->name),
			.module = "",
			.flags = RGD_TYPE_F_GC |
				 (ce->type == ZEND_USER_CLASS ? RGD_TYPE_F_HEAP : 0) |
				 (ce->destructor || ce == zend_ce_generator || ce == zend_ce_fiber
					  ? RGD_TYPE_F_FINALIZER
					  : 0),
			.object = (uintptr_t)ce,
			.basic_size = sizeof(zend_object) +
				      zend_object_properties_size((zend_class_entry *)ce),
		};

		if (ce->ce_flags & ZEND_ACC_LINKED && ce->parent)
			type.base = class_type(walk, ce->parent) + 1;
		info = class_info(walk, ce);
		info->type = shim->type(walk, RGD_RT_PHP, &type) + 1;
	}
	return info->type - 1;
}

/* ---- properties ---------------------------------------------------------------------------------------------------------- */

static void text_property(struct walk *walk, enum rgd_property key, const char *text, size_t n)
{
	shim->property(walk, key, shim->string(walk, text, n));
}

static void string_property(struct walk *walk, enum rgd_property key, const zend_string *s)
{
	if (s)
		text_property(walk, key, ZSTR_VAL(s), strlen(ZSTR_VAL(s)));
}

static void place_of(struct walk *walk, const zend_function *f, uint32_t line)
{
	char name[256];

	text_property(walk, RGD_PROP_NAME, name, function_name(f, name, sizeof(name)));
	if (!ZEND_USER_CODE(f->type))
		return;
	string_property(walk, RGD_PROP_FILE, f->op_array.filename);
	shim->property(walk, RGD_PROP_LINE, line ? line : f->op_array.line_start);
}

static void describe_frame(struct walk *walk, const zend_execute_data *frame)
{
	if (frame->func)
		place_of(walk, frame->func,
			 ZEND_USER_CODE(frame->func->type) && frame->opline ? frame->opline->lineno
									    : 0);
}

static void describe_class(struct walk *walk, const zend_class_entry *ce)
{
	string_property(walk, RGD_PROP_NAME, ce->name);
	if (ce->type == ZEND_USER_CLASS) {
		string_property(walk, RGD_PROP_FILE, ce->info.user.filename);
		shim->property(walk, RGD_PROP_LINE, ce->info.user.line_start);
	}
}

static const char *generator_state(const zend_generator *g)
{
	if (!g->execute_data)
		return "closed";
	return g->flags & ZEND_GENERATOR_CURRENTLY_RUNNING ? "running" : "suspended";
}

static void describe_object(struct walk *walk, const zend_object *object)
{
	static const char *const fiber_states[] = {"init", "running", "suspended", "dead"};
	const zend_class_entry *ce = object->ce;
	const char *state = NULL;

	shim->property(walk, RGD_PROP_HANDLE, object->handle);
	if (ce == zend_ce_closure) {
		place_of(walk, zend_get_closure_method_def((zend_object *)object), 0);
	} else if (ce == zend_ce_generator) {
		const zend_generator *g = (const zend_generator *)object;

		state = generator_state(g);
		if (g->execute_data && g->execute_data->func)
			describe_frame(walk, g->execute_data);
	} else if (ce == zend_ce_fiber) {
		const zend_fiber *f = (const zend_fiber *)object;

		state = (unsigned)f->context.status < 4 ? fiber_states[f->context.status] : NULL;
		if (f->fci_cache.function_handler)
			place_of(walk, f->fci_cache.function_handler, 0);
	}
	if (state)
		text_property(walk, RGD_PROP_STATE, state, strlen(state));
}

/* As PHP would quote it. */
static void describe_text(struct walk *walk, const zend_string *s)
{
	char text[64];
	int n = (int)ZSTR_LEN(s) < 40 ? (int)ZSTR_LEN(s) : 40;

	shim->property(walk, RGD_PROP_LENGTH, ZSTR_LEN(s));
	if (!shim->values(walk))
		return;
	n = snprintf(text, sizeof(text), "'%.*s%s", n, ZSTR_VAL(s), ZSTR_LEN(s) > 40 ? "..." : "'");
	text_property(walk, RGD_PROP_REPR, text, (size_t)n);
}

static void describe_properties(struct walk *walk, uintptr_t object, unsigned tag)
{
	switch (tag) {
	case TAG_OBJECT:
		describe_object(walk, (const zend_object *)object);
		break;
	case TAG_GLOBALS:
		text_property(walk, RGD_PROP_NAME, "$GLOBALS", 8);
		break;
	case TAG_ARRAY:
		shim->property(walk, RGD_PROP_LENGTH,
			       zend_hash_num_elements((const HashTable *)object));
		break;
	case TAG_STRING:
		describe_text(walk, (const zend_string *)object);
		break;
	case TAG_CLASS:
		describe_class(walk, (const zend_class_entry *)object);
		break;
	case TAG_FUNCTION:
		place_of(walk, (const zend_function *)object, 0);
		break;
	case TAG_FRAME:
		describe_frame(walk, (const zend_execute_data *)object);
		break;
	default:
		break;
	}
}

/* ---- the collector's view ---------------------------------------------------------------------------------------------------- */

/* A value that is waiting in the collector's buffer, and how far a run that is under way has come with it. */
static void collector_view(struct walk *walk, uint32_t info)
{
	static const char *const colours[] = {"black", "white", "grey", "purple"};
	uint32_t address = info >> GC_INFO_SHIFT;

	if (!address)
		return;
	shim->property(walk, RGD_PROP_GC_ADDRESS, address & 0xfffff);
	shim->property(
		walk, RGD_PROP_GC_COLOUR,
		shim->string(walk, colours[address >> 20 & 3], strlen(colours[address >> 20 & 3])));
}

static void describe_counted(struct walk *walk, uintptr_t object, unsigned tag,
			     struct walk_object *out)
{
	const zend_refcounted *counted = (const zend_refcounted *)object;
	uint32_t info = GC_TYPE_INFO(counted), flags = GC_FLAGS(counted);

	out->refcount = GC_REFCOUNT(counted);
	if (flags & GC_IMMUTABLE) {
		out->flags |= RGD_OBJ_F_IMMORTAL;
		return;
	}
	/* a reference is never a root of garbage by itself, but the collector passes through it */
	if (tag == TAG_REFERENCE ||
	    (!(flags & GC_NOT_COLLECTABLE) && (tag == TAG_OBJECT || tag == TAG_ARRAY)))
		out->flags |= RGD_OBJ_F_TRACKED;
	if (info >> GC_INFO_SHIFT && tag != TAG_STRING)
		out->flags |= RGD_OBJ_F_BUFFERED;
	if (tag == TAG_OBJECT &&
	    OBJ_FLAGS((const zend_object *)object) & IS_OBJ_DESTRUCTOR_CALLED &&
	    ((const zend_object *)object)->ce->destructor)
		out->flags |= RGD_OBJ_F_FINALIZED;
	if (tag != TAG_STRING)
		collector_view(walk, info);
}

/* ---- sizes ----------------------------------------------------------------------------------------------------------------------- */

static uint64_t own_size(uintptr_t object, unsigned tag)
{
	switch (tag) {
	case TAG_OBJECT:
		return sizeof(zend_object);
	case TAG_ARRAY:
	case TAG_GLOBALS:
	case TAG_PROPERTIES:
		return sizeof(zend_array);
	case TAG_STRING:
		return ZEND_MM_ALIGNED_SIZE(
			_ZSTR_STRUCT_SIZE(ZSTR_LEN((const zend_string *)object)));
	case TAG_REFERENCE:
		return sizeof(zend_reference);
	case TAG_RESOURCE:
		return sizeof(zend_resource);
	case TAG_CLASS:
		return sizeof(zend_class_entry);
	case TAG_FUNCTION:
		return sizeof(zend_op_array);
	case TAG_FRAME: {
		const zend_execute_data *frame = (const zend_execute_data *)object;
		uint64_t slots = ZEND_CALL_FRAME_SLOT + ZEND_CALL_NUM_ARGS(frame);

		if (frame->func && ZEND_USER_CODE(frame->func->type))
			slots += (uint64_t)frame->func->op_array.last_var + frame->func->op_array.T;
		return slots * sizeof(zval);
	}
	default:
		return 0;
	}
}

bool graph_describe(struct walk *walk, uintptr_t object, unsigned tag, struct walk_object *out)
{
	if (tag >= TAG_MAX)
		return false;
	out->type = tag == TAG_OBJECT ? class_type(walk, ((const zend_object *)object)->ce)
				      : kind_type(walk, tag);
	if (tag <= TAG_AST)
		describe_counted(walk, object, tag, out);
	if (kinds[tag].flags & RGD_TYPE_F_INTERNAL)
		out->flags |= RGD_OBJ_F_INTERNAL;
	/* classes, functions and frames lie inside larger blocks: their own size is theirs */
	if (tag == TAG_CLASS || tag == TAG_FUNCTION || tag == TAG_FRAME)
		out->size = own_size(object, tag);
	else
		out->static_size = own_size(object, tag);
	describe_properties(walk, object, tag);
	return true;
}

void graph_state(struct walk *walk)
{
	const char *note = alloc_note();

	shim->runtime(walk, RGD_RT_PHP, PHP_VERSION, RGD_RUNTIME_OK, note ? note : "");
	collector_rows(walk);
	memory_rows(walk);
}
