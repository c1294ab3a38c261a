/* places.c - what a frame of PHP is: whose code, where in it, and what that is called. */
#include "php.h"

#include "alloc.h"

#define NAME_MOST 200u

/* "Namespace\Class::method", "function", "{closure}", "{main}". */
static void name_of(const zend_function *f, char *out, size_t size)
{
	const zend_class_entry *class = f->common.scope;
	const zend_string *name = f->common.function_name;

	if (!name)
		snprintf(out, size, "{main}");
	else if (class && class->name)
		snprintf(out, size, "%s::%s", ZSTR_VAL(class->name), ZSTR_VAL(name));
	else
		snprintf(out, size, "%s", ZSTR_VAL(name));
}

static bool is_trampoline(const zend_function *f)
{
	return (f->common.fn_flags & ZEND_ACC_CALL_VIA_TRAMPOLINE) != 0;
}

bool place_is_user(const zend_execute_data *ex)
{
	return ex->func && ZEND_USER_CODE(ex->func->type) && !is_trampoline(ex->func);
}

uint32_t place_line(const zend_execute_data *ex)
{
	const zend_op_array *code = &ex->func->op_array;
	const zend_op *op = place_is_left(ex) ? EG(opline_before_exception) : ex->opline;

	if (!ZEND_USER_CODE(code->type))
		return 0;
	if (op < code->opcodes || op >= code->opcodes + code->last)
		return code->line_start; /* it was just made and has no instruction yet */
	return op->lineno;
}

uint32_t place_frame(const zend_execute_data *ex)
{
	const zend_string *file =
		ZEND_USER_CODE(ex->func->type) ? ex->func->op_array.filename : NULL;
	char name[NAME_MOST];

	name_of(ex->func, name, sizeof(name));
	return host->frame(RGD_FRAME_PHP, name, file ? ZSTR_VAL(file) : "", place_line(ex));
}

uint32_t place_frame_engine(const char *what, const char *file)
{
	return host->frame(RGD_FRAME_PHP, what, file, 0);
}

uint64_t place_names(const zend_function *f)
{
	const zend_string *file = ZEND_USER_CODE(f->type) ? f->op_array.filename : NULL;
	const zend_string *name = f->common.function_name;
	const zend_class_entry *class = f->common.scope;
	uint64_t h = file ? zend_string_hash_val((zend_string *)file) : 0;

	h = h * 31 + (name ? zend_string_hash_val((zend_string *)name) : 0);
	return h * 31 + (class && class->name ? zend_string_hash_val(class->name) : 0);
}
