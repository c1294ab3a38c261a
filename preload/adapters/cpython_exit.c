/*
 * cpython_exit.c - the snapshot at exit, taken while the heap is whole.
 *
 * When the process's own exit handlers run, Py_FinalizeEx has taken the modules, and most objects with them, down already.
 * So with REFGRAPH_ON_EXIT a function of ours is registered with atexit, as early as possible: those registered first
 * are called last. That happens in a pending call, which the interpreter makes between two bytecodes of its main thread.
 */
#include "cpython.h"

/* PyMethodDef */
struct method_definition {
	const char *name;
	void *(*function)(void *, void *);
	int flags;
	const char *doc;
};
#define METH_NOARGS 4

static void *at_exit(void *self, void *arguments)
{
	static bool done;
	if (!done) {
		done = true;
		void *token = gil_let_go();
		python.host->exiting();
		gil_take_back(token);
	}
	python.api.incref((void *)python.none);
	return (void *)python.none;
}

static struct method_definition definition = {"refgraph_exit", at_exit, METH_NOARGS, NULL};

/* A pending call: the interpreter's main thread, between two bytecodes. */
static int register_at_exit(void *unused)
{
	void *module = python.api.import_module("atexit");
	void *function = module ? python.api.new_function(&definition, NULL, NULL) : NULL;
	void *result = function ? python.api.call_method(module, "register", "O", function) : NULL;
	if (!result)
		python.api.clear_error();
	if (result)
		python.api.decref(result);
	if (function)
		python.api.decref(function);
	if (module)
		python.api.decref(module);
	return 0;
}

bool exit_pending;

void exit_arrange(void)
{
	exit_pending = python.host->on_exit;
}

void exit_register(void)
{
	static unsigned calls;
	if (++calls % 64 || !python.api.is_initialized() || python.api.is_finalizing())
		return;
	exit_pending = false;
	python.api.add_pending_call(register_at_exit, NULL);
}
