/*
 * cpython_layout.h - where CPython 3.8 to 3.13 keep things: offsets in bytes, for 64-bit builds with a GIL and without
 * Py_TRACE_REFS. tests/python/layout.py compiles every row against the headers of each Python at hand.
 *
 * SAME(name, "C type", "member", value): the same in all six versions.
 * VARY(name, "C type", "member", 3.8, 3.9, 3.10, 3.11, 3.12, 3.13): -1 = that version has no such member.
 * The C type is as in that version's headers; "|" separates what older and newer headers call it.
 */
#ifndef REFGRAPH_CPYTHON_LAYOUT_H
#define REFGRAPH_CPYTHON_LAYOUT_H

#include <stdint.h>

/* clang-format off */
#define LAYOUT_SAME(SAME) \
	SAME(OB_REFCNT, "PyObject", "ob_refcnt", 0) \
	SAME(OB_TYPE, "PyObject", "ob_type", 8) \
	SAME(OB_SIZE, "PyVarObject", "ob_size", 16) \
	SAME(TP_NAME, "PyTypeObject", "tp_name", 24) \
	SAME(TP_BASICSIZE, "PyTypeObject", "tp_basicsize", 32) \
	SAME(TP_ITEMSIZE, "PyTypeObject", "tp_itemsize", 40) \
	SAME(TP_FLAGS, "PyTypeObject", "tp_flags", 168) \
	SAME(TP_DOC, "PyTypeObject", "tp_doc", 176) \
	SAME(TP_TRAVERSE, "PyTypeObject", "tp_traverse", 184) \
	SAME(TP_WEAKLISTOFFSET, "PyTypeObject", "tp_weaklistoffset", 208) \
	SAME(TP_MEMBERS, "PyTypeObject", "tp_members", 240) \
	SAME(TP_BASE, "PyTypeObject", "tp_base", 256) \
	SAME(TP_DICT, "PyTypeObject", "tp_dict", 264) \
	SAME(TP_DICTOFFSET, "PyTypeObject", "tp_dictoffset", 288) \
	SAME(TP_IS_GC, "PyTypeObject", "tp_is_gc", 328) \
	SAME(TP_BASES, "PyTypeObject", "tp_bases", 336) \
	SAME(TP_MRO, "PyTypeObject", "tp_mro", 344) \
	SAME(TP_CACHE, "PyTypeObject", "tp_cache", 352) \
	SAME(TP_SUBCLASSES, "PyTypeObject", "tp_subclasses", 360) \
	SAME(TP_WEAKLIST, "PyTypeObject", "tp_weaklist", 368) \
	SAME(TP_DEL, "PyTypeObject", "tp_del", 376) \
	SAME(TP_FINALIZE, "PyTypeObject", "tp_finalize", 392) \
	SAME(LIST_ITEMS, "PyListObject", "ob_item", 24) \
	SAME(TUPLE_ITEMS, "PyTupleObject", "ob_item", 24) \
	SAME(DICT_USED, "PyDictObject", "ma_used", 16) \
	SAME(DICT_KEYS, "PyDictObject", "ma_keys", 32) \
	SAME(DICT_VALUES, "PyDictObject", "ma_values", 40) \
	SAME(SET_USED, "PySetObject", "used", 24) \
	SAME(SET_MASK, "PySetObject", "mask", 32) \
	SAME(SET_TABLE, "PySetObject", "table", 40) \
	SAME(SET_SMALLTABLE, "PySetObject", "smalltable", 64) \
	SAME(SET_WEAKLIST, "PySetObject", "weakreflist", 192) \
	SAME(BYTEARRAY_BYTES, "PyByteArrayObject", "ob_bytes", 32) \
	SAME(UNICODE_LENGTH, "PyASCIIObject", "length", 16) \
	SAME(UNICODE_STATE, "PyASCIIObject", "state", 32) \
	SAME(BYTES_DATA, "PyBytesObject", "ob_sval", 32) \
	SAME(FLOAT_VALUE, "PyFloatObject", "ob_fval", 16) \
	SAME(CELL_REF, "PyCellObject", "ob_ref", 16) \
	SAME(METHOD_FUNC, "PyMethodObject", "im_func", 16) \
	SAME(METHOD_SELF, "PyMethodObject", "im_self", 24) \
	SAME(METHOD_WEAKLIST, "PyMethodObject", "im_weakreflist", 32) \
	SAME(CFUNCTION_ML, "PyCFunctionObject", "m_ml", 16) \
	SAME(CFUNCTION_SELF, "PyCFunctionObject", "m_self", 24) \
	SAME(CFUNCTION_MODULE, "PyCFunctionObject", "m_module", 32) \
	SAME(CFUNCTION_WEAKLIST, "PyCFunctionObject", "m_weakreflist", 40) \
	SAME(MODULE_DICT, "PyModuleObject", "md_dict", 16) \
	SAME(MODULE_STATE, "PyModuleObject", "md_state", 32) \
	SAME(MODULE_WEAKLIST, "PyModuleObject", "md_weaklist", 40) \
	SAME(MODULE_NAME, "PyModuleObject", "md_name", 48) \
	SAME(TRACEBACK_NEXT, "PyTracebackObject", "tb_next", 16) \
	SAME(TRACEBACK_FRAME, "PyTracebackObject", "tb_frame", 24) \
	SAME(WEAKREF_OBJECT, "PyWeakReference", "wr_object", 16) \
	SAME(WEAKREF_CALLBACK, "PyWeakReference", "wr_callback", 24) \
	SAME(EXC_DICT, "PyBaseExceptionObject", "dict", 16) \
	SAME(EXC_ARGS, "PyBaseExceptionObject", "args", 24) \
	SAME(DESCR_TYPE, "PyDescrObject", "d_type", 16) \
	SAME(DESCR_NAME, "PyDescrObject", "d_name", 24) \
	SAME(DESCR_QUALNAME, "PyDescrObject", "d_qualname", 32) \
	SAME(MEMORY_MBUF, "PyMemoryViewObject", "mbuf", 24) \
	SAME(MEMORY_VIEW_OBJ, "PyMemoryViewObject", "view.obj", 64) \
	SAME(MBUF_MASTER_OBJ, "_PyManagedBufferObject", "master.obj", 40) \
	SAME(CONTEXT_VAR_NAME, "PyContextVar", "var_name", 16) \
	SAME(TSTATE_NEXT, "PyThreadState", "next", 8) \
	SAME(TSTATE_INTERP, "PyThreadState", "interp", 16) \
	SAME(GC_ENABLED, "struct _gc_runtime_state", "enabled", 12) \
	SAME(GC_DEBUG, "struct _gc_runtime_state", "debug", 16) \
	SAME(GC_GENERATIONS, "struct _gc_runtime_state", "generations", 24) \
	SAME(GC_GENERATION0, "struct _gc_runtime_state", "generation0", 96) \
	SAME(GC_PERMANENT, "struct _gc_runtime_state", "permanent_generation", 104) \
	SAME(GC_STATS, "struct _gc_runtime_state", "generation_stats", 128) \
	SAME(GC_COLLECTING, "struct _gc_runtime_state", "collecting", 200) \
	SAME(GC_GARBAGE, "struct _gc_runtime_state", "garbage", 208) \
	SAME(GC_CALLBACKS, "struct _gc_runtime_state", "callbacks", 216) \
	SAME(GC_LONG_LIVED_TOTAL, "struct _gc_runtime_state", "long_lived_total", 224) \
	SAME(GC_LONG_LIVED_PENDING, "struct _gc_runtime_state", "long_lived_pending", 232)

#define LAYOUT_VARY(VARY) \
	/* the heap part of a type */ \
	VARY(ht_name, "PyHeapTypeObject", "ht_name", 848, 840, 848, 848, 856, 856) \
	VARY(ht_slots, "PyHeapTypeObject", "ht_slots", 856, 848, 856, 856, 864, 864) \
	VARY(ht_qualname, "PyHeapTypeObject", "ht_qualname", 864, 856, 864, 864, 872, 872) \
	VARY(ht_cached_keys, "PyHeapTypeObject", "ht_cached_keys", 872, 864, 872, 872, 880, 880) \
	VARY(ht_module, "PyHeapTypeObject", "ht_module", -1, 872, 880, 880, 888, 888) \
	VARY(ht_tpname, "PyHeapTypeObject", "_ht_tpname", -1, -1, -1, 888, 896, 896) \
	/* dicts: a table of indices, then entries. 3.8-3.10: dk_size, dk_lookup; since 3.11: logarithms and a kind */ \
	VARY(keys_size, "PyDictKeysObject", "dk_size", 8, 8, 8, -1, -1, -1) \
	VARY(keys_log2_index, "PyDictKeysObject", "dk_log2_index_bytes", -1, -1, -1, 9, 9, 9) \
	VARY(keys_kind, "PyDictKeysObject", "dk_kind", -1, -1, -1, 10, 10, 10) \
	VARY(keys_nentries, "PyDictKeysObject", "dk_nentries", 32, 32, 32, 24, 24, 24) \
	VARY(keys_indices, "PyDictKeysObject", "dk_indices", 40, 40, 40, 32, 32, 32) \
	VARY(values_first, "PyDictValues", "values", -1, -1, -1, 0, 0, 8) \
	/* text and numbers */ \
	VARY(unicode_ascii, "PyASCIIObject", "", 48, 48, 48, 48, 40, 40) \
	VARY(unicode_compact, "PyCompactUnicodeObject", "", 72, 72, 72, 72, 56, 56) \
	VARY(unicode_utf8, "PyCompactUnicodeObject", "utf8", 56, 56, 56, 56, 48, 48) \
	VARY(unicode_wstr, "PyASCIIObject", "wstr", 40, 40, 40, 40, -1, -1) \
	VARY(long_tag, "PyLongObject", "long_value.lv_tag", -1, -1, -1, -1, 16, 16) \
	/* functions and code */ \
	VARY(function_code, "PyFunctionObject", "func_code", 16, 16, 48, 48, 48, 48) \
	VARY(function_globals, "PyFunctionObject", "func_globals", 24, 24, 16, 16, 16, 16) \
	VARY(function_builtins, "PyFunctionObject", "func_builtins", -1, -1, 24, 24, 24, 24) \
	VARY(function_name, "PyFunctionObject", "func_name", 64, 64, 32, 32, 32, 32) \
	VARY(function_qualname, "PyFunctionObject", "func_qualname", 104, 104, 40, 40, 40, 40) \
	VARY(function_defaults, "PyFunctionObject", "func_defaults", 32, 32, 56, 56, 56, 56) \
	VARY(function_kwdefaults, "PyFunctionObject", "func_kwdefaults", 40, 40, 64, 64, 64, 64) \
	VARY(function_closure, "PyFunctionObject", "func_closure", 48, 48, 72, 72, 72, 72) \
	VARY(function_doc, "PyFunctionObject", "func_doc", 56, 56, 80, 80, 80, 80) \
	VARY(function_dict, "PyFunctionObject", "func_dict", 72, 72, 88, 88, 88, 88) \
	VARY(function_weaklist, "PyFunctionObject", "func_weakreflist", 80, 80, 96, 96, 96, 96) \
	VARY(function_module, "PyFunctionObject", "func_module", 88, 88, 104, 104, 104, 104) \
	VARY(function_annotations, "PyFunctionObject", "func_annotations", 96, 96, 112, 112, 112, 112) \
	VARY(function_typeparams, "PyFunctionObject", "func_typeparams", -1, -1, -1, -1, 120, 120) \
	VARY(cmethod_class, "PyCMethodObject", "mm_class", -1, 56, 56, 56, 56, 56) \
	VARY(code_flags, "PyCodeObject", "co_flags", 36, 36, 36, 48, 48, 48) \
	VARY(code_firstlineno, "PyCodeObject", "co_firstlineno", 40, 40, 40, 72, 68, 68) \
	VARY(code_nlocals, "PyCodeObject", "co_nlocals", 28, 28, 28, 80, 80, 80) \
	VARY(code_stacksize, "PyCodeObject", "co_stacksize", 32, 32, 32, 68, 64, 64) \
	VARY(code_code, "PyCodeObject", "co_code", 48, 48, 48, -1, -1, -1) \
	VARY(code_consts, "PyCodeObject", "co_consts", 56, 56, 56, 24, 24, 24) \
	VARY(code_names, "PyCodeObject", "co_names", 64, 64, 64, 32, 32, 32) \
	VARY(code_varnames, "PyCodeObject", "co_varnames", 72, 72, 72, -1, -1, -1) \
	VARY(code_freevars, "PyCodeObject", "co_freevars", 80, 80, 80, -1, -1, -1) \
	VARY(code_cellvars, "PyCodeObject", "co_cellvars", 88, 88, 88, -1, -1, -1) \
	VARY(code_cell2arg, "PyCodeObject", "co_cell2arg", 96, 96, 96, -1, -1, -1) \
	VARY(code_filename, "PyCodeObject", "co_filename", 104, 104, 104, 112, 112, 112) \
	VARY(code_name, "PyCodeObject", "co_name", 112, 112, 112, 120, 120, 120) \
	VARY(code_qualname, "PyCodeObject", "co_qualname", -1, -1, -1, 128, 128, 128) \
	VARY(code_lnotab, "PyCodeObject", "co_lnotab|co_linetable", 120, 120, 120, 136, 136, 136) \
	VARY(code_zombieframe, "PyCodeObject", "co_zombieframe", 128, 128, 128, -1, -1, -1) \
	VARY(code_weaklist, "PyCodeObject", "co_weakreflist", 136, 136, 136, 144, 144, 144) \
	VARY(code_extra, "PyCodeObject", "co_extra", 144, 144, 144, 176, 184, 192) \
	VARY(code_opcache_map, "PyCodeObject", "co_opcache_map", 152, 152, 152, -1, -1, -1) \
	VARY(code_opcache, "PyCodeObject", "co_opcache", 160, 160, 160, -1, -1, -1) \
	VARY(code_exceptiontable, "PyCodeObject", "co_exceptiontable", -1, -1, -1, 40, 40, 40) \
	VARY(code_nlocalsplus, "PyCodeObject", "co_nlocalsplus", -1, -1, -1, 76, 72, 72) \
	VARY(code_nfreevars, "PyCodeObject", "co_nfreevars", -1, -1, -1, 92, 88, 88) \
	VARY(code_localsplusnames, "PyCodeObject", "co_localsplusnames", -1, -1, -1, 96, 96, 96) \
	VARY(code_localspluskinds, "PyCodeObject", "co_localspluskinds", -1, -1, -1, 104, 104, 104) \
	VARY(code_cached_code, "PyCodeObject", "_co_code", -1, -1, -1, 152, -1, -1) \
	VARY(code_linearray, "PyCodeObject", "_co_linearray", -1, -1, -1, 160, -1, -1) \
	VARY(code_cached, "PyCodeObject", "_co_cached", -1, -1, -1, -1, 152, 160) \
	VARY(code_executors, "PyCodeObject", "co_executors", -1, -1, -1, -1, -1, 152) \
	VARY(code_monitoring, "PyCodeObject", "_co_monitoring", -1, -1, -1, -1, 168, 176) \
	VARY(code_adaptive, "PyCodeObject", "co_code_adaptive", -1, -1, -1, 184, 192, 200) \
	/* frames: objects until 3.10; since 3.11 records on a private stack, an object only on demand */ \
	VARY(frame_back, "struct _frame", "f_back", 24, 24, 24, 16, 16, 16) \
	VARY(frame_code, "struct _frame", "f_code", 32, 32, 32, -1, -1, -1) \
	VARY(frame_builtins, "struct _frame", "f_builtins", 40, 40, 40, -1, -1, -1) \
	VARY(frame_globals, "struct _frame", "f_globals", 48, 48, 48, -1, -1, -1) \
	VARY(frame_locals, "struct _frame", "f_locals", 56, 56, 56, -1, -1, -1) \
	VARY(frame_valuestack, "struct _frame", "f_valuestack", 64, 64, 64, -1, -1, -1) \
	VARY(frame_stacktop, "struct _frame", "f_stacktop", 72, 72, -1, -1, -1, -1) \
	VARY(frame_stackdepth, "struct _frame", "f_stackdepth", -1, -1, 80, -1, -1, -1) \
	VARY(frame_trace, "struct _frame", "f_trace", 80, 80, 72, 32, 32, 32) \
	VARY(frame_gen, "struct _frame", "f_gen", 96, 96, 88, -1, -1, -1) \
	VARY(frame_lasti, "struct _frame", "f_lasti", 104, 104, 96, -1, -1, -1) \
	VARY(frame_executing, "struct _frame", "f_executing", 116, 116, -1, -1, -1, -1) \
	VARY(frame_state, "struct _frame", "f_state", -1, -1, 108, -1, -1, -1) \
	VARY(frame_localsplus, "struct _frame", "f_localsplus", 360, 360, 352, -1, -1, -1) \
	VARY(frame_frame, "struct _frame", "f_frame", -1, -1, -1, 24, 24, 24) \
	VARY(frame_extra_locals, "struct _frame", "f_extra_locals", -1, -1, -1, -1, -1, 48) \
	VARY(frame_locals_cache, "struct _frame", "f_locals_cache", -1, -1, -1, -1, -1, 56) \
	VARY(iframe_code, "struct _PyInterpreterFrame", "f_code|f_executable", -1, -1, -1, 32, 0, 0) \
	VARY(iframe_previous, "struct _PyInterpreterFrame", "previous", -1, -1, -1, 48, 8, 8) \
	VARY(iframe_function, "struct _PyInterpreterFrame", "f_func|f_funcobj", -1, -1, -1, 0, 16, 16) \
	VARY(iframe_globals, "struct _PyInterpreterFrame", "f_globals", -1, -1, -1, 8, 24, 24) \
	VARY(iframe_builtins, "struct _PyInterpreterFrame", "f_builtins", -1, -1, -1, 16, 32, 32) \
	VARY(iframe_locals, "struct _PyInterpreterFrame", "f_locals", -1, -1, -1, 24, 40, 40) \
	VARY(iframe_object, "struct _PyInterpreterFrame", "frame_obj", -1, -1, -1, 40, 48, 48) \
	VARY(iframe_instruction, "struct _PyInterpreterFrame", "prev_instr|instr_ptr", -1, -1, -1, 56, 56, 56) \
	VARY(iframe_stacktop, "struct _PyInterpreterFrame", "stacktop", -1, -1, -1, 64, 64, 64) \
	VARY(iframe_owner, "struct _PyInterpreterFrame", "owner", -1, -1, -1, 69, 70, 70) \
	VARY(iframe_localsplus, "struct _PyInterpreterFrame", "localsplus", -1, -1, -1, 72, 72, 72) \
	/* generators, coroutines, asynchronous generators */ \
	VARY(gen_frame, "PyGenObject", "gi_frame", 16, 16, 16, -1, -1, -1) \
	VARY(gen_code, "PyGenObject", "gi_code", 32, 32, 24, 16, -1, -1) \
	VARY(gen_weaklist, "PyGenObject", "gi_weakreflist", 40, 40, 32, 24, 16, 16) \
	VARY(gen_name, "PyGenObject", "gi_name", 48, 48, 40, 32, 24, 24) \
	VARY(gen_qualname, "PyGenObject", "gi_qualname", 56, 56, 48, 40, 32, 32) \
	VARY(gen_exc_state, "PyGenObject", "gi_exc_state", 64, 64, 56, 48, 40, 40) \
	VARY(gen_origin, "PyCoroObject", "cr_origin|cr_origin_or_finalizer", 96, 96, 88, 64, 56, 56) \
	VARY(gen_frame_state, "PyGenObject", "gi_frame_state", -1, -1, -1, 75, 67, 67) \
	VARY(gen_iframe, "PyGenObject", "gi_iframe", -1, -1, -1, 80, 72, 72) \
	/* exceptions */ \
	VARY(exc_notes, "PyBaseExceptionObject", "notes", -1, -1, -1, 32, 32, 32) \
	VARY(exc_traceback, "PyBaseExceptionObject", "traceback", 32, 32, 32, 40, 40, 40) \
	VARY(exc_context, "PyBaseExceptionObject", "context", 40, 40, 40, 48, 48, 48) \
	VARY(exc_cause, "PyBaseExceptionObject", "cause", 48, 48, 48, 56, 56, 56) \
	/* thread states */ \
	VARY(tstate_frame, "PyThreadState", "frame", 24, 24, 24, -1, -1, -1) \
	VARY(tstate_cframe, "PyThreadState", "cframe", -1, -1, 48, 56, 56, -1) \
	VARY(tstate_current_frame, "PyThreadState", "current_frame", -1, -1, -1, -1, -1, 72) \
	VARY(cframe_current_frame, "struct _PyCFrame", "current_frame", -1, -1, -1, 8, 0, -1) \
	VARY(tstate_profileobj, "PyThreadState", "c_profileobj", 72, 72, 72, 80, 80, 96) \
	VARY(tstate_traceobj, "PyThreadState", "c_traceobj", 80, 80, 80, 88, 88, 104) \
	VARY(tstate_raised, "PyThreadState", "curexc_type|current_exception", 88, 88, 88, 96, 96, 112) \
	VARY(tstate_exc_info, "PyThreadState", "exc_info", 144, 144, 144, 120, 104, 120) \
	VARY(tstate_dict, "PyThreadState", "dict", 152, 152, 152, 128, 112, 128) \
	VARY(tstate_async_exc, "PyThreadState", "async_exc", 168, 168, 168, 144, 128, 144) \
	VARY(tstate_thread_id, "PyThreadState", "thread_id", 176, 176, 176, 152, 136, 152) \
	VARY(tstate_firstiter, "PyThreadState", "async_gen_firstiter", 224, 224, 224, 208, 192, 192) \
	VARY(tstate_finalizer, "PyThreadState", "async_gen_finalizer", 232, 232, 232, 216, 200, 200) \
	VARY(tstate_context, "PyThreadState", "context", 240, 240, 240, 224, 208, 208) \
	VARY(excitem_value, "_PyErr_StackItem", "exc_value", 8, 8, 8, 0, 0, 0) \
	VARY(excitem_previous, "_PyErr_StackItem", "previous_item", 24, 24, 24, 8, 8, 8) \
	/* the interpreter: other patch releases may have moved these, so each is checked before it is believed */ \
	VARY(runtime_size, "_PyRuntimeState", "", 1464, 656, 672, 166688, 459944, 283320) \
	VARY(interp_size, "PyInterpreterState", "", 2720, 5656, 113528, 107752, 383552, 194968) \
	VARY(interp_modules, "PyInterpreterState", "modules|imports.modules", 56, 856, 856, 888, 944, 7656) \
	VARY(interp_modules_by_index, "PyInterpreterState", "modules_by_index|imports.modules_by_index", 64, 864, 864, 896, 952, 7664) \
	VARY(interp_sysdict, "PyInterpreterState", "sysdict", 72, 872, 872, 904, 352, 7640) \
	VARY(interp_builtins, "PyInterpreterState", "builtins", 80, 880, 880, 912, 360, 7648) \
	VARY(interp_importlib, "PyInterpreterState", "importlib|imports.importlib", 88, 888, 888, 920, 960, 7672) \
	VARY(interp_import_func, "PyInterpreterState", "import_func|imports.import_func", 560, 1392, 1360, 1416, 984, 7696) \
	VARY(interp_codec_search_path, "PyInterpreterState", "codec_search_path|codecs.search_path", 120, 912, 912, 936, 1248, 7960) \
	VARY(interp_codec_search_cache, "PyInterpreterState", "codec_search_cache|codecs.search_cache", 128, 920, 920, 944, 1256, 7968) \
	VARY(interp_codec_error_registry, "PyInterpreterState", "codec_error_registry|codecs.error_registry", 136, 928, 928, 952, 1264, 7976) \
	VARY(interp_dict, "PyInterpreterState", "dict", 544, 1376, 1344, 1400, 1720, 8448) \
	VARY(interp_builtins_copy, "PyInterpreterState", "builtins_copy", 552, 1384, 1352, 1408, 1736, 8464) \
	VARY(interp_sysdict_copy, "PyInterpreterState", "sysdict_copy", -1, -1, -1, -1, 1728, 8456) \
	VARY(interp_before_forkers, "PyInterpreterState", "before_forkers", 2624, 3456, 3424, 3480, 3872, 10632) \
	VARY(interp_after_forkers_parent, "PyInterpreterState", "after_forkers_parent", 2632, 3464, 3432, 3488, 3880, 10640) \
	VARY(interp_after_forkers_child, "PyInterpreterState", "after_forkers_child", 2640, 3472, 3440, 3496, 3888, 10648) \
	VARY(interp_warnings_filters, "PyInterpreterState", "warnings.filters", 2672, 3504, 3456, 3504, 3896, 10656) \
	VARY(interp_warnings_once, "PyInterpreterState", "warnings.once_registry", 2680, 3512, 3464, 3512, 3904, 10664) \
	VARY(interp_warnings_default, "PyInterpreterState", "warnings.default_action", 2688, 3520, 3472, 3520, 3912, 10672) \
	VARY(interp_audit_hooks, "PyInterpreterState", "audit_hooks", 2704, 3536, 3504, 3552, 267208, 10808) \
	VARY(interp_exit_module, "PyInterpreterState", "pyexitmodule", 2656, 3488, -1, -1, -1, -1) \
	VARY(interp_atexit, "PyInterpreterState", "atexit.callbacks", -1, -1, 3488, 3536, 3944, 10712) \
	VARY(interp_atexit_count, "PyInterpreterState", "atexit.ncallbacks", -1, -1, 3496, 3544, 3952, 10720) \
	VARY(interp_interned, "PyInterpreterState", "cached_objects.interned_strings", -1, -1, -1, -1, 382936, 194328) \
	VARY(interp_own_gil, "PyInterpreterState", "ceval.own_gil", -1, -1, -1, -1, 392, 24) \
	/* 3.12+: what static types keep per interpreter; an array of records, found by its contents */ \
	VARY(static_type_size, "static_builtin_state|managed_static_type_state", "", -1, -1, -1, -1, 40, 48)
/* clang-format on */

enum {
#define SAME(name, type, member, value) name = (value),
	LAYOUT_SAME(SAME)
#undef SAME
};

struct layout {
#define VARY(name, ...) int32_t name;
	LAYOUT_VARY(VARY)
#undef VARY
};

/* For 3.minor; NULL for a version that is not in the table. */
const struct layout *layout_of(unsigned minor);

#endif
