/*
 * cpython_types.c - the types that we know by their layout, and the names of their parts.
 *
 * A part that CPython's headers show is believed: it becomes an edge even when the collector does not visit it. A part whose
 * place is private to one .c file of CPython is only a hint: it names what the collector visits, and nothing hangs on it.
 * What is in no table is named by tp_members, by its offset in the object, or not at all.
 */
#include <string.h>

#include "cpython.h"

#define HINT KNOWN_PART_HINT
#define STRONG RGD_EDGE_STRONG
#define BORROWED RGD_EDGE_BORROWED
#define PART RGD_LABEL_PART
#define VARIES(name, field, kind)                                                                  \
	{                                                                                          \
		name, PART, kind, -1, offsetof(struct layout, field)                               \
	}
#define AT(name, offset, kind)                                                                     \
	{                                                                                          \
		name, PART, kind, offset, 0                                                        \
	}

/* clang-format off */
static const struct known_part function_parts[] = {
	VARIES("__code__", function_code, STRONG),
	VARIES("__globals__", function_globals, STRONG),
	VARIES("__builtins__", function_builtins, STRONG),
	VARIES("__module__", function_module, STRONG),
	VARIES("__defaults__", function_defaults, STRONG),
	VARIES("__kwdefaults__", function_kwdefaults, STRONG),
	VARIES("__doc__", function_doc, STRONG),
	VARIES("__name__", function_name, STRONG),
	VARIES("__dict__", function_dict, STRONG),
	VARIES("__closure__", function_closure, STRONG),
	VARIES("__annotations__", function_annotations, STRONG),
	VARIES("__qualname__", function_qualname, STRONG),
	VARIES("__type_params__", function_typeparams, STRONG),
	VARIES("__weakref__", function_weaklist, BORROWED),
};
static const struct known_part method_parts[] = {
	AT("__func__", METHOD_FUNC, STRONG),
	AT("__self__", METHOD_SELF, STRONG),
	AT("__weakref__", METHOD_WEAKLIST, BORROWED),
};
static const struct known_part instancemethod_parts[] = {AT("__func__", 16, STRONG)};
static const struct known_part builtin_parts[] = {
	AT("__self__", CFUNCTION_SELF, STRONG),
	AT("__module__", CFUNCTION_MODULE, STRONG),
	AT("__weakref__", CFUNCTION_WEAKLIST, BORROWED),
};
static const struct known_part builtin_method_parts[] = {VARIES("__objclass__", cmethod_class, STRONG)};
static const struct known_part cell_parts[] = {AT("cell_contents", CELL_REF, STRONG)};
static const struct known_part module_parts[] = {
	AT("__dict__", MODULE_DICT, STRONG),
	AT("__name__", MODULE_NAME, STRONG),
	AT("__weakref__", MODULE_WEAKLIST, BORROWED),
};
static const struct known_part code_parts[] = {
	VARIES("co_consts", code_consts, STRONG),
	VARIES("co_names", code_names, STRONG),
	VARIES("co_varnames", code_varnames, STRONG),
	VARIES("co_freevars", code_freevars, STRONG),
	VARIES("co_cellvars", code_cellvars, STRONG),
	VARIES("co_localsplusnames", code_localsplusnames, STRONG),
	VARIES("co_localspluskinds", code_localspluskinds, STRONG),
	VARIES("co_filename", code_filename, STRONG),
	VARIES("co_name", code_name, STRONG),
	VARIES("co_qualname", code_qualname, STRONG),
	VARIES("co_linetable", code_lnotab, STRONG),
	VARIES("co_exceptiontable", code_exceptiontable, STRONG),
	VARIES("co_code", code_code, STRONG),
	VARIES("co_code", code_cached_code, STRONG),
	VARIES("__weakref__", code_weaklist, BORROWED),
};
static const struct known_part traceback_parts[] = {
	AT("tb_next", TRACEBACK_NEXT, STRONG),
	AT("tb_frame", TRACEBACK_FRAME, STRONG),
};
static const struct known_part generator_parts[] = {
	VARIES("gi_frame", gen_frame, STRONG),
	VARIES("gi_code", gen_code, STRONG),
	VARIES("__name__", gen_name, STRONG),
	VARIES("__qualname__", gen_qualname, STRONG),
	VARIES("__weakref__", gen_weaklist, BORROWED),
};
static const struct known_part coroutine_parts[] = {
	VARIES("cr_frame", gen_frame, STRONG),
	VARIES("cr_code", gen_code, STRONG),
	VARIES("__name__", gen_name, STRONG),
	VARIES("__qualname__", gen_qualname, STRONG),
	VARIES("cr_origin", gen_origin, STRONG),
	VARIES("__weakref__", gen_weaklist, BORROWED),
};
static const struct known_part asyncgen_parts[] = {
	VARIES("ag_frame", gen_frame, STRONG),
	VARIES("ag_code", gen_code, STRONG),
	VARIES("__name__", gen_name, STRONG),
	VARIES("__qualname__", gen_qualname, STRONG),
	VARIES("ag_finalizer", gen_origin, STRONG),
	VARIES("__weakref__", gen_weaklist, BORROWED),
};
static const struct known_part weakref_parts[] = {AT("__callback__", WEAKREF_CALLBACK, STRONG)};
static const struct known_part exception_parts[] = {
	AT("__dict__", EXC_DICT, STRONG),
	AT("args", EXC_ARGS, STRONG),
	VARIES("__notes__", exc_notes, STRONG),
	VARIES("__traceback__", exc_traceback, STRONG),
	VARIES("__context__", exc_context, STRONG),
	VARIES("__cause__", exc_cause, STRONG),
};
static const struct known_part descriptor_parts[] = {
	AT("__objclass__", DESCR_TYPE, STRONG),
	AT("__name__", DESCR_NAME, STRONG),
	AT("__qualname__", DESCR_QUALNAME, STRONG),
};
static const struct known_part memoryview_parts[] = {
	AT("managedbuffer", MEMORY_MBUF, STRONG),
	AT("obj", MEMORY_VIEW_OBJ, BORROWED),
};
static const struct known_part managedbuffer_parts[] = {AT("obj", MBUF_MASTER_OBJ, STRONG)};
static const struct known_part slice_parts[] = {
	AT("start", 16, STRONG), AT("stop", 24, STRONG), AT("step", 32, STRONG),
};

/* Private to their .c files: hints. */
static const struct known_part property_parts[] = {
	AT("fget", 16, HINT), AT("fset", 24, HINT), AT("fdel", 32, HINT), AT("__doc__", 40, HINT), AT("__name__", 48, HINT),
};
static const struct known_part wrapped_parts[] = {AT("__func__", 16, HINT), AT("__dict__", 24, HINT)};
static const struct known_part mappingproxy_parts[] = {AT("mapping", 16, HINT)};
static const struct known_part super_parts[] = {
	AT("__thisclass__", 16, HINT), AT("__self__", 24, HINT), AT("__self_class__", 32, HINT),
};
static const struct known_part enumerate_parts[] = {AT("iterator", 24, HINT), AT("result", 32, HINT), AT("index", 40, HINT)};
static const struct known_part sequence_iterator_parts[] = {AT("sequence", 24, HINT)};
static const struct known_part zip_parts[] = {AT("iterators", 24, HINT), AT("result", 32, HINT)};
static const struct known_part map_parts[] = {AT("iterators", 16, HINT), AT("function", 24, HINT)};
static const struct known_part filter_parts[] = {AT("function", 16, HINT), AT("iterator", 24, HINT)};
static const struct known_part callable_iterator_parts[] = {AT("callable", 16, HINT), AT("sentinel", 24, HINT)};
static const struct known_part mapping_iterator_parts[] = {AT("mapping", 16, HINT), AT("result", 40, HINT)};
static const struct known_part view_parts[] = {AT("mapping", 16, HINT)};
static const struct known_part set_iterator_parts[] = {AT("set", 16, HINT)};
static const struct known_part method_wrapper_parts[] = {AT("__wrapped__", 16, HINT), AT("__self__", 24, HINT)};
static const struct known_part context_parts[] = {AT("previous", 16, HINT), AT("variables", 24, HINT)};
static const struct known_part context_var_parts[] = {AT("name", 16, HINT), AT("default", 24, HINT), AT("cached", 32, HINT)};
static const struct known_part token_parts[] = {AT("context", 16, HINT), AT("var", 24, HINT), AT("old_value", 32, HINT)};
static const struct known_part hamt_parts[] = {AT("root", 16, HINT)};
/* Of these only what the collector visits: a hint that names nothing would hide the rest from the scan of the object's fields. */
static const struct known_part local_parts[] = { /* threading.local */
	AT("args", 24, HINT), AT("keywords", 32, HINT), AT("threads", 48, HINT),
};
static const struct known_part local_parts_13[] = {
	AT("args", 16, HINT), AT("keywords", 24, HINT), AT("threads", 40, HINT), AT("ended threads", 48, HINT),
};
/* _asyncio's own: the parts of a future, then what a task has besides */
static const struct known_part future_parts[] = {
	AT("_loop", 16, HINT), AT("callback", 24, HINT), AT("callback's context", 32, HINT), AT("_callbacks", 40, HINT),
	AT("_exception", 48, HINT), AT("_result", 56, HINT),
};
static const struct known_part future_parts_10[] = {
	AT("_loop", 16, HINT), AT("callback", 24, HINT), AT("callback's context", 32, HINT), AT("_callbacks", 40, HINT),
	AT("_exception", 48, HINT), AT("_exception's traceback", 56, HINT), AT("_result", 64, HINT),
};
#define TASK_PARTS(first)                                                                          \
	{                                                                                          \
		AT("_fut_waiter", first, HINT), AT("_coro", (first) + 8, HINT), \
			AT("_name", (first) + 16, HINT), AT("_context", (first) + 24, HINT)                                 \
	}
static const struct known_part task_parts_8[] = TASK_PARTS(104);
static const struct known_part task_parts_9[] = TASK_PARTS(144);
static const struct known_part task_parts_10[] = TASK_PARTS(152);
static const struct known_part task_parts_11[] = TASK_PARTS(128);
static const struct known_part task_parts_13[] = TASK_PARTS(112);
static const struct known_part future_iterator_parts[] = {AT("future", 16, HINT)};
static const struct known_part partial_parts[] = {
	AT("func", 16, HINT), AT("args", 24, HINT), AT("keywords", 32, HINT), AT("__dict__", 40, HINT),
};

#define ALL_MINORS 8, 13
#define PARTS(parts) parts, sizeof(parts) / sizeof((parts)[0])
#define NO_PARTS NULL, 0
/* name, symbol, shape, symbol is a pointer, known, since, until, parts */
static const struct known_type known_types[] = {
	{"object", "PyBaseObject_Type", SHAPE_PLAIN, false, true, ALL_MINORS, NO_PARTS},
	{"type", "PyType_Type", SHAPE_TYPE, false, true, ALL_MINORS, NO_PARTS},
	{"int", "PyLong_Type", SHAPE_INT, false, true, ALL_MINORS, NO_PARTS},
	{"bool", "PyBool_Type", SHAPE_INT, false, true, ALL_MINORS, NO_PARTS},
	{"float", "PyFloat_Type", SHAPE_FLOAT, false, true, ALL_MINORS, NO_PARTS},
	{"complex", "PyComplex_Type", SHAPE_LEAF, false, true, ALL_MINORS, NO_PARTS},
	{"NoneType", "_PyNone_Type", SHAPE_LEAF, false, true, ALL_MINORS, NO_PARTS},
	{"ellipsis", "PyEllipsis_Type", SHAPE_LEAF, false, true, ALL_MINORS, NO_PARTS},
	{"NotImplementedType", "_PyNotImplemented_Type", SHAPE_LEAF, false, true, ALL_MINORS, NO_PARTS},
	{"str", "PyUnicode_Type", SHAPE_STR, false, true, ALL_MINORS, NO_PARTS},
	{"bytes", "PyBytes_Type", SHAPE_BYTES, false, true, ALL_MINORS, NO_PARTS},
	{"bytearray", "PyByteArray_Type", SHAPE_BYTEARRAY, false, true, ALL_MINORS, NO_PARTS},
	{"list", "PyList_Type", SHAPE_LIST, false, true, ALL_MINORS, NO_PARTS},
	{"tuple", "PyTuple_Type", SHAPE_TUPLE, false, true, ALL_MINORS, NO_PARTS},
	{"dict", "PyDict_Type", SHAPE_DICT, false, true, ALL_MINORS, NO_PARTS},
	{"collections.OrderedDict", "PyODict_Type", SHAPE_ODICT, false, true, ALL_MINORS, NO_PARTS},
	{"set", "PySet_Type", SHAPE_SET, false, true, ALL_MINORS, NO_PARTS},
	{"frozenset", "PyFrozenSet_Type", SHAPE_SET, false, true, ALL_MINORS, NO_PARTS},
	{"function", "PyFunction_Type", SHAPE_FUNCTION, false, true, ALL_MINORS, PARTS(function_parts)},
	{"method", "PyMethod_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(method_parts)},
	{"instancemethod", "PyInstanceMethod_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(instancemethod_parts)},
	{"builtin_function_or_method", "PyCFunction_Type", SHAPE_BUILTIN, false, true, ALL_MINORS, PARTS(builtin_parts)},
	{"builtin_method", "PyCMethod_Type", SHAPE_BUILTIN, false, true, 9, 13, PARTS(builtin_method_parts)},
	{"cell", "PyCell_Type", SHAPE_CELL, false, true, ALL_MINORS, PARTS(cell_parts)},
	{"module", "PyModule_Type", SHAPE_MODULE, false, true, ALL_MINORS, PARTS(module_parts)},
	{"code", "PyCode_Type", SHAPE_CODE, false, true, ALL_MINORS, PARTS(code_parts)},
	{"frame", "PyFrame_Type", SHAPE_FRAME, false, true, ALL_MINORS, NO_PARTS},
	{"traceback", "PyTraceBack_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(traceback_parts)},
	{"generator", "PyGen_Type", SHAPE_GENERATOR, false, true, ALL_MINORS, PARTS(generator_parts)},
	{"coroutine", "PyCoro_Type", SHAPE_GENERATOR, false, true, ALL_MINORS, PARTS(coroutine_parts)},
	{"async_generator", "PyAsyncGen_Type", SHAPE_GENERATOR, false, true, ALL_MINORS, PARTS(asyncgen_parts)},
	{"weakref", "_PyWeakref_RefType", SHAPE_WEAKREF, false, true, ALL_MINORS, PARTS(weakref_parts)},
	{"weakproxy", "_PyWeakref_ProxyType", SHAPE_WEAKREF, false, true, ALL_MINORS, PARTS(weakref_parts)},
	{"weakcallableproxy", "_PyWeakref_CallableProxyType", SHAPE_WEAKREF, false, true, ALL_MINORS, PARTS(weakref_parts)},
	{"BaseException", "PyExc_BaseException", SHAPE_PLAIN, true, true, ALL_MINORS, PARTS(exception_parts)},
	{"getset_descriptor", "PyGetSetDescr_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(descriptor_parts)},
	{"member_descriptor", "PyMemberDescr_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(descriptor_parts)},
	{"method_descriptor", "PyMethodDescr_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(descriptor_parts)},
	{"classmethod_descriptor", "PyClassMethodDescr_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(descriptor_parts)},
	{"wrapper_descriptor", "PyWrapperDescr_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(descriptor_parts)},
	{"memoryview", "PyMemoryView_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(memoryview_parts)},
	{"managedbuffer", "_PyManagedBuffer_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(managedbuffer_parts)},
	{"slice", "PySlice_Type", SHAPE_PLAIN, false, true, ALL_MINORS, PARTS(slice_parts)},
	{"property", "PyProperty_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(property_parts)},
	{"classmethod", "PyClassMethod_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(wrapped_parts)},
	{"staticmethod", "PyStaticMethod_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(wrapped_parts)},
	{"mappingproxy", "PyDictProxy_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(mappingproxy_parts)},
	{"super", "PySuper_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(super_parts)},
	{"enumerate", "PyEnum_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(enumerate_parts)},
	{"reversed", "PyReversed_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(sequence_iterator_parts)},
	{"zip", "PyZip_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(zip_parts)},
	{"map", "PyMap_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(map_parts)},
	{"filter", "PyFilter_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(filter_parts)},
	{"list_iterator", "PyListIter_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(sequence_iterator_parts)},
	{"list_reverseiterator", "PyListRevIter_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(sequence_iterator_parts)},
	{"tuple_iterator", "PyTupleIter_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(sequence_iterator_parts)},
	{"iterator", "PySeqIter_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(sequence_iterator_parts)},
	{"callable_iterator", "PyCallIter_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(callable_iterator_parts)},
	{"dict_keyiterator", "PyDictIterKey_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(mapping_iterator_parts)},
	{"dict_valueiterator", "PyDictIterValue_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(mapping_iterator_parts)},
	{"dict_itemiterator", "PyDictIterItem_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(mapping_iterator_parts)},
	{"dict_keys", "PyDictKeys_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(view_parts)},
	{"dict_values", "PyDictValues_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(view_parts)},
	{"dict_items", "PyDictItems_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(view_parts)},
	{"set_iterator", "PySetIter_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(set_iterator_parts)},
	{"method-wrapper", "_PyMethodWrapper_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(method_wrapper_parts)},
	{"Context", "PyContext_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(context_parts)},
	{"ContextVar", "PyContextVar_Type", SHAPE_CONTEXT_VAR, false, false, ALL_MINORS, PARTS(context_var_parts)},
	{"Token", "PyContextToken_Type", SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(token_parts)},
	{"hamt", NULL, SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(hamt_parts)},
	{"hamt_bitmap_node", NULL, SHAPE_HAMT_PAIRS, false, false, ALL_MINORS, NO_PARTS},
	{"hamt_collision_node", NULL, SHAPE_HAMT_PAIRS, false, false, ALL_MINORS, NO_PARTS},
	{"_thread._local", NULL, SHAPE_PLAIN, false, false, 8, 12, PARTS(local_parts)},
	{"_thread._local", NULL, SHAPE_PLAIN, false, false, 13, 13, PARTS(local_parts_13)},
	{"_asyncio.Future", NULL, SHAPE_PLAIN, false, false, 8, 9, PARTS(future_parts)},
	{"_asyncio.Future", NULL, SHAPE_PLAIN, false, false, 10, 13, PARTS(future_parts_10)},
	{"_asyncio.Task", NULL, SHAPE_PLAIN, false, false, 8, 8, PARTS(task_parts_8)},
	{"_asyncio.Task", NULL, SHAPE_PLAIN, false, false, 9, 9, PARTS(task_parts_9)},
	{"_asyncio.Task", NULL, SHAPE_PLAIN, false, false, 10, 10, PARTS(task_parts_10)},
	{"_asyncio.Task", NULL, SHAPE_PLAIN, false, false, 11, 12, PARTS(task_parts_11)},
	{"_asyncio.Task", NULL, SHAPE_PLAIN, false, false, 13, 13, PARTS(task_parts_13)},
	{"_asyncio.FutureIter", NULL, SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(future_iterator_parts)},
	{"collections.deque", NULL, SHAPE_DEQUE, false, false, ALL_MINORS, NO_PARTS},
	{"array.array", NULL, SHAPE_ARRAY, false, false, ALL_MINORS, NO_PARTS},
	{"functools.partial", NULL, SHAPE_PLAIN, false, false, ALL_MINORS, PARTS(partial_parts)},
};
/* clang-format on */
#define KNOWN_TYPES (sizeof(known_types) / sizeof(known_types[0]))

static uintptr_t symbol_of(const struct known_type *k)
{
	void *p = k->symbol ? python.host->symbol(python.handle, k->symbol) : NULL;
	if (p && k->pointer)
		p = *(void **)p;
	return (uintptr_t)p;
}

/* dlsym takes the loader's lock: all of it is done in the parent. */
static uintptr_t addresses[KNOWN_TYPES];

static uintptr_t address_of(const char *symbol)
{
	for (unsigned i = 0; i < KNOWN_TYPES; i++) {
		if (known_types[i].symbol && strcmp(known_types[i].symbol, symbol) == 0)
			return addresses[i];
	}
	return 0;
}

void known_types_resolve(void)
{
	for (unsigned i = 0; i < KNOWN_TYPES; i++)
		addresses[i] = symbol_of(&known_types[i]);
	python.type_code = address_of("PyCode_Type");
	python.type_dict = address_of("PyDict_Type");
	python.type_int = address_of("PyLong_Type");
	python.type_bool = address_of("PyBool_Type");
	python.type_type = address_of("PyType_Type");
	python.type_object = address_of("PyBaseObject_Type");
}

/* A class of the program has a name without a dot; one with a dot is of a module in C, as is every static type. */
static bool may_be_told_by_name(uintptr_t type, const char *name)
{
	return strchr(name, '.') || !has_flag(type, TPFLAG_HEAP);
}

const struct known_type *known_type_of(uintptr_t type)
{
	const char *name = (const char *)word_at(type, TP_NAME);
	for (unsigned i = 0; i < KNOWN_TYPES; i++) {
		const struct known_type *k = &known_types[i];
		if (python.minor < k->since || python.minor > k->until)
			continue;
		if (addresses[i] ? addresses[i] == type
				 : !k->symbol && name && strcmp(name, k->name) == 0 &&
					   may_be_told_by_name(type, name))
			return k;
	}
	return NULL;
}
