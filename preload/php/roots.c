/*
 * roots.c - where reachability starts in PHP: the same enumeration finds the objects (discover) and names the roots.
 */
#include "php.h"

#include <ext/standard/basic_functions.h>
#include <ext/standard/file.h>

static uint32_t text(struct visitor *v, const char *format, const char *name)
{
	char out[256];
	int n;

	if (!v->rooting)
		return 0;
	n = snprintf(out, sizeof(out), format, name);
	return shim->string(v->walk, out, n < (int)sizeof(out) ? (size_t)n : sizeof(out) - 1);
}

/* ---- what is known by a name in the whole program: $GLOBALS, classes, functions ------------------------------------------------ */

static void classes(struct visitor *v)
{
	const zend_class_entry *ce;
	zend_string *key;

	ZEND_HASH_FOREACH_STR_KEY_PTR(EG(class_table), key, ce)
	{
		/* a second name of the class (class_alias) has another key; internal ones hold only what is theirs for ever */
		if (key && ce->type == ZEND_USER_CLASS)
			refer(v, ce, TAG_CLASS, text(v, "class %s", ZSTR_VAL(ce->name)), 0);
		else if (key)
			refer(v, ce, TAG_CLASS, text(v, "internal class %s", ZSTR_VAL(ce->name)),
			      0);
	}
	ZEND_HASH_FOREACH_END();
}

static void functions(struct visitor *v)
{
	const zend_function *f;

	ZEND_HASH_FOREACH_PTR(EG(function_table), f)
	{
		if (f->type == ZEND_USER_FUNCTION)
			refer(v, &f->op_array, TAG_FUNCTION,
			      text(v, "function %s()", ZSTR_VAL(f->common.function_name)), 0);
	}
	ZEND_HASH_FOREACH_END();
}

static void named(struct visitor *v)
{
	v->class = RGD_ROOT_MODULE;
	v->context = 0;
	if (php_in_request())
		refer(v, &EG(symbol_table), TAG_GLOBALS, text(v, "%s", "$GLOBALS"), 0);
	classes(v);
	functions(v);
}

/* ---- the engine's own tables ----------------------------------------------------------------------------------------------------- */

static void constants(struct visitor *v)
{
	const zend_constant *c;

	ZEND_HASH_FOREACH_PTR(EG(zend_constants), c)
	{
		if (Z_REFCOUNTED(c->value))
			refer_zval(v, &c->value, text(v, "constant %s", ZSTR_VAL(c->name)), 0);
	}
	ZEND_HASH_FOREACH_END();
}

static void stack_of_zvals(struct visitor *v, const zend_stack *stack, const char *name)
{
	for (int i = 0; stack->elements && i < stack->top; i++)
		refer_zval(v, (const zval *)stack->elements + i, text(v, "%s", name), 0);
}

static void handlers(struct visitor *v)
{
	refer_zval(v, &EG(user_error_handler), text(v, "%s", "error handler"), 0);
	refer_zval(v, &EG(user_exception_handler), text(v, "%s", "exception handler"), 0);
	stack_of_zvals(v, &EG(user_error_handlers), "former error handler");
	stack_of_zvals(v, &EG(user_exception_handlers), "former exception handler");
	if (EG(exception) && !zend_is_unwind_exit(EG(exception)))
		refer(v, EG(exception), TAG_OBJECT, text(v, "%s", "exception"), 0);
	if (EG(prev_exception))
		refer(v, EG(prev_exception), TAG_OBJECT, text(v, "%s", "exception"), 0);
}

static void shutdown_functions(struct visitor *v)
{
	const php_shutdown_function_entry *f;

	if (!BG(user_shutdown_function_names))
		return;
	ZEND_HASH_FOREACH_PTR(BG(user_shutdown_function_names), f)
	{
		refer_zval(v, &f->fci.function_name, text(v, "%s", "shutdown function"), 0);
		for (uint32_t i = 0; i < f->fci.param_count; i++)
			refer_zval(v, &f->fci.params[i],
				   text(v, "%s", "argument of a shutdown function"), 0);
	}
	ZEND_HASH_FOREACH_END();
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
}

static void frames(struct visitor *v)
{
	v->class = RGD_ROOT_LOCAL;
	if (php_in_request())
		frames_roots(v);
	for (const struct _zend_vm_stack *page = php_in_request() ? EG(vm_stack) : NULL; page;
	     page = page->prev)
		refer_storage(v, page, "VM stack");
}

void roots_discover(struct visitor *v)
{
	named(v);
	tables(v);
	frames(v);
}

void graph_roots(struct walk *walk)
{
	struct visitor v = {.walk = walk, .writing = true, .rooting = true};

	roots_discover(&v);
}
