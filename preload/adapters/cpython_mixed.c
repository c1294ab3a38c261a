/*
 * cpython_mixed.c - one stack of native and Python frames (REFGRAPH_PYTHON_STACKS=mixed).
 *
 * The native stack has a frame of the interpreter's loop (_PyEval_EvalFrameDefault) for each run of Python frames: one frame up
 * to 3.10, one or more since. It is replaced by that run; other frames of the interpreter's own module are left out, those of
 * extensions and libraries stay where they are. A part of the loop that the compiler moved elsewhere (cold code) is not
 * recognized: a run that found no place in the native stack goes innermost, where such code is nearly always at work.
 */
#include <dlfcn.h>
#include <link.h>

#include "cpython.h"

#define DEPTH_MAX 256

static struct {
	uintptr_t low, high; /* of the loop */
	uintptr_t module_low, module_high;
} loop;

bool mixed_init(void)
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;
	void *start = python.host->symbol(python.handle, "_PyEval_EvalFrameDefault");

	if (!start || !dladdr1(start, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol ||
	    !symbol->st_size)
		return false;
	loop.low = (uintptr_t)start;
	loop.high = loop.low + symbol->st_size;
	return python.host->module_range(loop.low, &loop.module_low, &loop.module_high);
}

/* A return address: the call is before it. */
static bool in_loop(uintptr_t pc)
{
	return pc - 1 >= loop.low && pc - 1 < loop.high;
}

static bool in_interpreter(uintptr_t pc)
{
	return pc - 1 >= loop.module_low && pc - 1 < loop.module_high;
}

struct mix {
	struct python_run runs[DEPTH_MAX];
	uint32_t frames[DEPTH_MAX];
	size_t nruns, next; /* runs; the first that is not placed */
	size_t used;
};

static void put(struct mix *m, uint32_t frame)
{
	if (m->used < python.host->stack_depth && m->used < DEPTH_MAX)
		m->frames[m->used++] = frame;
}

/* One run: its frames, innermost first, end with the one that entered the loop. */
static void put_run(struct mix *m)
{
	while (m->next < m->nruns) {
		const struct python_run *r = &m->runs[m->next++];

		put(m, r->frame);
		if (r->entry)
			return;
	}
}

static size_t entries(const struct mix *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->nruns; i++)
		n += m->runs[i].entry;
	return n;
}

uint32_t mixed_stack(const uintptr_t *pcs, size_t n, bool whole)
{
	size_t loops = 0, runs;
	struct mix m = {.used = 0};

	m.nruns = python.mixed ? stacks_frames(m.runs, DEPTH_MAX) : 0;
	if (!m.nruns)
		return 0;
	for (size_t i = 0; i < n; i++)
		loops += in_loop(pcs[i]);
	runs = entries(&m);
	for (; whole && loops < runs; loops++)
		put_run(&m);
	for (size_t i = 0; i < n; i++)
		if (in_loop(pcs[i]))
			put_run(&m);
		else if (!in_interpreter(pcs[i]))
			put(&m, python.host->native_frame(pcs[i]));
	while (m.next < m.nruns) /* the native walk ended before */
		put_run(&m);
	return python.host->stack(m.frames, m.used);
}
