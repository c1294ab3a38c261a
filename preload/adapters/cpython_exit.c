/*
 * cpython_exit.c - the snapshot at exit, taken while the heap is whole.
 *
 * When the process's own exit handlers run, Py_FinalizeEx has taken the modules, and most objects with them, down already.
 * So with REFGRAPH_ON_EXIT a function of ours is registered with atexit, as early as possible: those registered first
 * are called last. That happens in a pending call, which the interpreter makes between two bytecodes of its main thread.
 */
#include <string.h>

#include "cpython.h"

bool exit_pending;

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

/*
 * Is this thread in the middle of an import? The import system's own code is Python, and its locks do not bear another import
 * between two of its bytecodes.
 */
static bool importing(void)
{
	char file[64];
	uintptr_t tstate = python.api.thread_state(), frame = tstate ? frame_of_thread(tstate) : 0;
	for (unsigned i = 0; frame && i < 1000; i++, frame = frame_caller(frame)) {
		if (python.minor >= 11 && frame_owner(frame) == OWNER_C_STACK)
			continue;
		uintptr_t code = frame_code(frame);
		if (!code)
			continue;
		text_of(word_at(code, python.at->code_filename), file, sizeof(file));
		if (strncmp(file, "<frozen importlib", 17) == 0)
			return true;
	}
	return false;
}

/* A pending call: the interpreter's main thread, between two bytecodes. */
static int register_at_exit(void *unused)
{
	if (importing()) { /* later */
		exit_pending = true;
		alloc_stacks();
		return 0;
	}
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

void exit_arrange(void)
{
	exit_pending = python.host->on_exit;
}

/*
 * Called for each block until it succeeds. Outside of imports, so that the call finds no import under way: a program compiles its
 * main module before it runs it, and what is posted there is called at the first bytecodes of the program; what is posted
 * last is called when the interpreter ends, before the functions of atexit.
 */
void exit_register(void)
{
	static bool initialized;
	static unsigned calls;
	if (!initialized && ++calls % 64)
		return;
	initialized = python.api.is_initialized();
	if (!initialized || python.api.is_finalizing() || importing())
		return;
	exit_pending = false;
	if (python.api.add_pending_call(register_at_exit, NULL))
		exit_pending = true; /* the queue is full: later */
}
