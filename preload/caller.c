/*
 * caller.c - where the program called us. A thread that takes a snapshot by itself (refgraph_snapshot(), a leak check, at exit) has our own
 * frames on top of its stack, and those of exit(3): their words that nobody has written yet are still what the program's calls left
 * there before, pointers to lost blocks among them. So the thread steps out of these frames first, by the tables for unwinding, and
 * its roots begin at the program's own frame, with the registers that a call preserves as the program had them.
 */
#include <sys/auxv.h>

#include "entry.h"
#include "unwind.h"

#define STEPS_MAX 64u

static uintptr_t exit_function, loader;

void caller_init(void)
{
	exit_function = (uintptr_t)entry_next("exit");
	loader = getauxval(AT_BASE);
}

static bool ours(const struct wide_registers *regs)
{
	uint32_t module = modules_find(regs->r[DW_PC] - 1);

	return module && modules_get(module - 1)->own;
}

/* In libc, which ends a process, or in the loader, which runs its destructors. */
static bool ends(const struct wide_registers *regs)
{
	uint32_t module = modules_find(regs->r[DW_PC] - 1);

	return module && (module == modules_find(exit_function) || module == modules_find(loader));
}

static bool outwards(struct wide_registers *regs, struct stack_view *view)
{
	uintptr_t pc = regs->r[DW_PC], cfa;
	struct cfi_row row;

	return cfi_find(regs->exact ? pc : pc - 1, &row) == CFI_OK && !row.signal_frame &&
	       wide_cfa(&row, regs, view, &cfa) && cfa > regs->r[DW_RSP] &&
	       wide_caller(&row, cfa, regs, view);
}

/* Out of exit() to who called it, or to whom main() returned, unless something of the program's lies between. */
static void leave_exit(struct wide_registers *regs, struct stack_view *view)
{
	struct wide_registers at = *regs;
	uintptr_t start = cfi_start(exit_function);

	for (unsigned n = 0; start && n < STEPS_MAX && ends(&at); n++) {
		bool last = cfi_start(at.r[DW_PC] - 1) == start;

		if (!outwards(&at, view))
			return;
		if (last) {
			*regs = at;
			return;
		}
	}
}

__attribute__((noinline)) void caller_find(struct thread *t, bool at_exit)
{
	struct wide_registers regs;
	struct stack_view view;

	wide_here(&regs);
	/* on a stack of the program's making nobody knows where it ends */
	if (t->stack_top < regs.r[DW_RSP])
		return;
	view = (struct stack_view){regs.r[DW_RSP], t->stack_top};
	for (unsigned n = 0; n == 0 || ours(&regs); n++)
		if (n == STEPS_MAX || !outwards(&regs, &view))
			return;
	if (at_exit)
		leave_exit(&regs, &view);
	if ((regs.known & KEPT_REGISTERS) != KEPT_REGISTERS)
		return;
	for (unsigned i = 0; i < CALLER_REGISTERS; i++)
		t->caller[i] = KEPT_REGISTERS >> i & 1 ? regs.r[i] : 0;
	__atomic_store_n(&t->called_at, regs.r[DW_RSP], __ATOMIC_RELEASE);
}

void caller_forget(struct thread *t)
{
	__atomic_store_n(&t->called_at, 0, __ATOMIC_RELEASE);
}
