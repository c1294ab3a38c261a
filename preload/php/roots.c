/*
 * roots.c - where reachability starts in PHP: the same enumeration finds the objects (discover) and names the roots.
 */
#include "php.h"

#include <ext/standard/basic_functions.h>
#include <ext/standard/file.h>

#pragma weak ps_globals /* the session module may be a library of its own, or not there */
#include <ext/session/php_session.h>

static uint32_t text(struct visitor *v, const char *format, const char *name)
{
	char out[256];
	int n;

	if (!v->rooting)
		return 0;
	n = snprintf(out, sizeof(out), format, name);
	return shim->string(v->walk, out, n < (int)sizeof(out) ? (size_t)n : sizeof(out) - 1);
}

static uint32_t name(struct visitor *v, const char *literal)
{
	return v->rooting ? shim->string(v->walk, literal, strlen(literal)) : 0;
}

/* ---- what is known by a name in the whole program: $GLOBALS, classes, functions ------------------------------------------------ */

static void classes(struct visitor *v)
{
	const zend_class_entry *ce;
	zend_string *key;

	ZEND_HASH_FOREACH_STR_KEY_PTR(CG(class_table), key, ce)
	{
		if (key)
			refer(v, ce, TAG_CLASS, text(v, "%s", ZSTR_VAL(ce->name)), 0);
	}
	ZEND_HASH_FOREACH_END();
}

static void functions(struct visitor *v)
{
	const zend_function *f;

	ZEND_HASH_FOREACH_PTR(CG(function_table), f)
	{
		if (f->type == ZEND_USER_FUNCTION)
			refer(v, &f->op_array, TAG_FUNCTION,
			      text(v, "%s()", ZSTR_VAL(f->common.function_name)), 0);
		else
			internal_function_references(v, f);
	}
	ZEND_HASH_FOREACH_END();
}

/* A key is not always the name: those of functions and classes are in lower case, and a class may have an alias. */
static void keys(struct visitor *v, const HashTable *table, const char *what)
{
	zend_string *key;

	ZEND_HASH_FOREACH_STR_KEY((HashTable *)table, key)
	{
		own_string(v, key, what);
	}
	ZEND_HASH_FOREACH_END();
}

static void named(struct visitor *v)
{
	v->class = RGD_ROOT_MODULE;
	v->context = 0;
	if (php_in_request())
		refer(v, &EG(symbol_table), TAG_GLOBALS, name(v, "$GLOBALS"), 0);
	classes(v);
	functions(v);
	v->class = RGD_ROOT_RUNTIME;
	keys(v, CG(class_table), "classes");
	keys(v, CG(function_table), "functions");
}

/* ---- the engine's own tables ----------------------------------------------------------------------------------------------------- */

static void constants(struct visitor *v)
{
	const zend_constant *c;

	ZEND_HASH_FOREACH_PTR(EG(zend_constants), c)
	{
		if (Z_REFCOUNTED(c->value))
			refer_zval(v, &c->value, text(v, "constant %s", ZSTR_VAL(c->name)), 0);
		if (!(ZEND_CONSTANT_FLAGS(c) & CONST_PERSISTENT)) {
			root_storage(v, c, "constants");
			own_string(v, c->name, "constants");
		}
	}
	ZEND_HASH_FOREACH_END();
	keys(v, EG(zend_constants), "constants");
}

static void stack_of_zvals(struct visitor *v, const zend_stack *stack, const char *what)
{
	for (int i = 0; stack->elements && i < stack->top; i++)
		refer_zval(v, (const zval *)stack->elements + i, name(v, what), 0);
}

static void handlers(struct visitor *v)
{
	refer_zval(v, &EG(user_error_handler), name(v, "error handler"), 0);
	refer_zval(v, &EG(user_exception_handler), name(v, "exception handler"), 0);
	stack_of_zvals(v, &EG(user_error_handlers), "former error handler");
	stack_of_zvals(v, &EG(user_exception_handlers), "former exception handler");
	if (EG(exception) && !zend_is_unwind_exit(EG(exception)))
		refer(v, EG(exception), TAG_OBJECT, name(v, "exception"), 0);
	if (EG(prev_exception))
		refer(v, EG(prev_exception), TAG_OBJECT, name(v, "exception"), 0);
}

static void callback(struct visitor *v, const zend_fcall_info *f, const char *what,
		     const char *argument)
{
	refer_zval(v, &f->function_name, name(v, what), 0);
	for (uint32_t i = 0; i < f->param_count; i++)
		refer_zval(v, &f->params[i], name(v, argument), 0);
}

static void shutdown_functions(struct visitor *v)
{
	const php_shutdown_function_entry *f;

	if (!BG(user_shutdown_function_names))
		return;
	ZEND_HASH_FOREACH_PTR(BG(user_shutdown_function_names), f)
	callback(v, &f->fci, "shutdown function", "argument of a shutdown function");
	ZEND_HASH_FOREACH_END();
}

/* Functions of ob_start() and what they have not let out yet. */
static void output_handlers(struct visitor *v)
{
	php_output_handler *const *list = zend_stack_base(&OG(handlers));

	for (int i = 0; list && i < OG(handlers).top; i++) {
		const php_output_handler *h = list[i];

		root_storage(v, h, "output buffer");
		root_storage(v, h->buffer.data, "output buffer");
		refer(v, h->name, TAG_STRING, name(v, "output buffer"), 0);
		if (h->flags & PHP_OUTPUT_HANDLER_USER && h->func.user) {
			root_storage(v, h->func.user, "output buffer");
			refer_zval(v, &h->func.user->zoh, name(v, "output handler"), 0);
		}
	}
}

static void tick_functions(struct visitor *v)
{
	const zend_llist_element *e =
		BG(user_tick_functions) ? BG(user_tick_functions)->head : NULL;

	for (; e; e = e->next) /* an entry begins with what is called */
		callback(v, (const zend_fcall_info *)e->data, "tick function",
			 "argument of a tick function");
}

static void ini_values(struct visitor *v)
{
	const zend_ini_entry *e;

	if (!EG(modified_ini_directives))
		return;
	ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), e)
	{
		if (e->value && !ZSTR_IS_INTERNED(e->value))
			refer(v, e->value, TAG_STRING, text(v, "ini %s", ZSTR_VAL(e->name)), 0);
	}
	ZEND_HASH_FOREACH_END();
	root_table(v, EG(modified_ini_directives), "ini");
}

/* The list of resources owns none: who uses one counts it; of stream_wrapper_register()'s, the engine. Those that outlive a request
 * are their list's. */
static void resources(struct visitor *v)
{
	int wrapper = zend_fetch_list_dtor_id("stream factory");
	zval *z;

	ZEND_HASH_FOREACH_VAL(&EG(regular_list), z)
	{
		v->kind = Z_RES_TYPE_P(z) == wrapper ? RGD_EDGE_STRONG : RGD_EDGE_BORROWED;
		refer_zval(v, z,
			   name(v, wrapper == Z_RES_TYPE_P(z) ? "stream wrapper" : "resources"), 0);
	}
	ZEND_HASH_FOREACH_END();
	v->kind = RGD_EDGE_STRONG;
	ZEND_HASH_FOREACH_VAL(&EG(persistent_list), z)
	refer_zval(v, z, name(v, "persistent resources"), 0);
	ZEND_HASH_FOREACH_END();
	root_data(v, &EG(regular_list), "resources");
	if (FG(default_context))
		refer(v, FG(default_context)->res, TAG_RESOURCE, name(v, "default stream context"),
		      0);
}

static void session(struct visitor *v)
{
	if (!&ps_globals || PS(session_status) == php_session_disabled)
		return;
	refer_zval(v, &PS(http_session_vars), name(v, "session data"), 0);
	for (int i = 0; i < PS_NUM_APIS; i++)
		refer_zval(v, &PS(mod_user_names).names[i], name(v, "session handler"), 0);
}

/* As in ext/spl/php_spl.c, whose list is not visible; see engine_autoloaders(). */
struct autoloader {
	zend_function *function;
	zend_object *object, *closure;
	zend_class_entry *scope;
};

static void autoloaders(struct visitor *v)
{
	const HashTable *list = engine_autoloaders(v->walk);
	const struct autoloader *a;

	if (!list)
		return;
	ZEND_HASH_FOREACH_PTR((HashTable *)list, a)
	{
		root_storage(v, a, "autoloader");
		if (a->object)
			refer(v, a->object, TAG_OBJECT, name(v, "autoloader"), 0);
		if (a->closure)
			refer(v, a->closure, TAG_OBJECT, name(v, "autoloader"), 0);
	}
	ZEND_HASH_FOREACH_END();
	root_storage(v, list, "autoloaders");
	root_data(v, list, "autoloaders");
}

#define SUPERGLOBALS (sizeof(PG(http_globals)) / sizeof(zval))
/* $_GET and its like are in $GLOBALS, and here; what the engine keeps of its own besides. */
static void engine_values(struct visitor *v)
{
	static const char *const globals[SUPERGLOBALS] = {"$_POST",   "$_GET", "$_COOKIE",
							  "$_SERVER", "$_ENV", "$_FILES"};

	for (size_t i = 0; i < SUPERGLOBALS; i++)
		refer_zval(v, &PG(http_globals)[i], name(v, globals[i]), 0);
	own_string(v, PG(last_error_message), "last error");
	own_string(v, PG(last_error_file), "last error");
	own_string(v, OG(output_start_filename), "place of the first output");
	own_string(v, CG(compiled_filename), "file that was compiled last");
	refer_zval(v, &SG(callback_func), name(v, "header callback"), 0);
}

/* The script itself is open to the end. */
static void open_files(struct visitor *v)
{
	for (const zend_llist_element *e = CG(open_files).head; e; e = e->next) {
		const zend_file_handle *f = (const zend_file_handle *)e->data;

		own_string(v, f->filename, "open file");
		own_string(v, f->opened_path, "open file");
	}
}

static void tables(struct visitor *v)
{
	v->class = RGD_ROOT_RUNTIME;
	v->context = 0;
	constants(v);
	if (!php_in_request())
		return;
	handlers(v);
	shutdown_functions(v);
	tick_functions(v);
	output_handlers(v);
	ini_values(v);
	resources(v);
	session(v);
	autoloaders(v);
	engine_values(v);
	open_files(v);
	keys(v, &EG(included_files), "included files");
	root_data(v, &EG(included_files), "included files");
	if (EG(in_autoload)) {
		keys(v, EG(in_autoload), "classes that are being loaded");
		root_data(v, EG(in_autoload), "classes that are being loaded");
	}
}

/* ---- the engine's own memory: leaves, or its words would be roots ------------------------------------------------------------------ */

/* What is interned in a request lives to its end. */
static void interned_strings(struct visitor *v)
{
	zend_string *key;

	v->class = RGD_ROOT_PINNED;
	ZEND_HASH_FOREACH_STR_KEY(&CG(interned_strings), key)
	{
		if (key)
			refer(v, key, TAG_STRING, name(v, "interned"), 0);
	}
	ZEND_HASH_FOREACH_END();
	v->class = RGD_ROOT_RUNTIME;
	root_data(v, &CG(interned_strings), "interned strings");
}

/* They live as long as the process, in memory of malloc. */
static void engine_tables(struct visitor *v)
{
	refer_native_data(v, CG(function_table), "functions");
	refer_native_data(v, CG(class_table), "classes");
	refer_native_data(v, CG(auto_globals), "superglobals");
	refer_native_data(v, EG(zend_constants), "constants");
	refer_native_data(v, EG(ini_directives), "ini");
	refer_native_data(v, &module_registry, "modules");
}

static void engine_memory(struct visitor *v)
{
	struct gc_buffer gc;

	v->class = RGD_ROOT_RUNTIME;
	v->context = 0;
	engine_tables(v);
	if (gc_buffer(v->walk, &gc))
		root_storage(v, gc.roots, "the collector's buffer");
	if (!php_in_request())
		return;
	root_storage(v, EG(objects_store).object_buckets, "objects store");
	root_storage(v, EG(get_gc_buffer).start, "the collector's buffer");
	root_data(v, &EG(weakrefs), "weak references");
	for (const struct _zend_vm_stack *page = EG(vm_stack); page; page = page->prev)
		root_storage(v, page, "VM stack");
	for (const zend_arena *arena = CG(arena); arena; arena = arena->prev)
		root_storage(v, arena, "compiler's arena");
	for (zend_array **unused = EG(symtable_cache); unused < EG(symtable_cache_ptr); unused++) {
		root_storage(v, *unused, "unused symbol table");
		root_data(v, *unused, "unused symbol table");
	}
	interned_strings(v);
	root_data(v, &EG(symbol_table), "$GLOBALS");
}

static void frames(struct visitor *v)
{
	v->class = RGD_ROOT_LOCAL;
	if (php_in_request())
		frames_roots(v);
}

void roots_discover(struct visitor *v)
{
	engine_memory(v);
	named(v);
	tables(v);
	frames(v);
}

void graph_roots(struct walk *walk)
{
	struct visitor v = {
		.walk = walk, .writing = true, .rooting = true, .kind = RGD_EDGE_STRONG};

	roots_discover(&v);
	v.class = RGD_ROOT_RUNTIME;
	v.context = 0;
	v.kind = RGD_EDGE_INTERNAL; /* the store counts none, and frees them at the end */
	orphans(&v);
}
