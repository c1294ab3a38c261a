/*
 * shim_unwind_test.c - the parts of the built-in unwinder that whole stacks do not show: rules of known rows, the cache and what it
 * forgets, what may be read, and walks over nonsense, which must stop and never fault.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../preload/unwind_cfi.c"
#include "../../preload/unwind_fast.c"
#include "../../preload/unwind_stack.c"
#include "../../preload/unwind_wide.c"

struct config config = {.stack_depth = 64};
__thread struct thread *thread_current TLS_FAST;
_Atomic bool shim_sandboxed;

void *arena_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

const char hook_thunk_return[1]; /* no call is hooked here */
const struct around *around_find(uintptr_t pc, uintptr_t cfa)
{
	return NULL;
}

uint32_t memo_stack(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer)
{
	return 0;
}

static int failed;

static void check(const char *name, unsigned long got, unsigned long want)
{
	if (got == want) {
		printf("ok %s\n", name);
		return;
	}
	printf("not ok %s: got %#lx, want %#lx\n", name, got, want);
	failed = 1;
}

/* ---- rules ------------------------------------------------------------------------------------------------------------- */

#define FUNCTION(name, body)                                                                       \
	extern const char name[];                                                                  \
	__asm__(".text\n" #name ":\n.cfi_startproc\n" body "nop\nret\n.cfi_endproc\n")

FUNCTION(f_entry, "");
FUNCTION(f_pushed, ".cfi_def_cfa_offset 64\n.cfi_offset %rbp, -48\n");
FUNCTION(f_frame_pointer, ".cfi_def_cfa %rbp, 16\n.cfi_offset %rbp, -16\n");
/* CFA = *(rbp - 8), rbp at *rbp: what gcc writes for a realigned stack */
FUNCTION(f_drap, ".cfi_escape 0x0f,0x03,0x76,0x78,0x06\n.cfi_escape 0x10,0x06,0x02,0x76,0x00\n");
FUNCTION(f_by_rbx, ".cfi_def_cfa %rbx, 32\n");
FUNCTION(f_huge, ".cfi_def_cfa_offset 0x4000000\n");
FUNCTION(f_odd_offset, ".cfi_def_cfa_offset 12\n");
FUNCTION(f_outermost, ".cfi_undefined %rip\n");
FUNCTION(f_signal, ".cfi_signal_frame\n");
FUNCTION(f_rbp_in_rax, ".cfi_register %rbp, %rax\n");
FUNCTION(f_restored, ".cfi_remember_state\n.cfi_def_cfa_offset 48\n.cfi_restore_state\n");
/* the linker's row of a PLT: 8 more from byte 11 of each 16 on */
extern const char f_plt[];
__asm__(".text\n.balign 16\nf_plt:\n.cfi_startproc\n.cfi_escape "
	"0x0f,11,0x77,0x08,0x80,0x00,0x3f,0x1a,0x3b,0x2a,0x33,0x24,0x22\n"
	".fill 16, 1, 0x90\n.cfi_endproc\n");

static uint32_t rule(const char *function)
{
	bool keep;
	return cfi_rule((uintptr_t)function, &keep);
}

static void rules(void)
{
	check("rule-entry", rule(f_entry), RULE_MAKE(RULE_RSP, 0, 1));
	check("rule-pushed", rule(f_pushed), RULE_MAKE(RULE_RSP, 6, 8));
	check("rule-frame-pointer", rule(f_frame_pointer), RULE_MAKE(RULE_RBP, 2, 2));
	check("rule-drap", rule(f_drap), RULE_MAKE(RULE_DRAP, 0, 1));
	check("rule-by-rbx", rule(f_by_rbx), RULE_MAKE(RULE_WIDE, 0, 0));
	check("rule-huge", rule(f_huge), RULE_MAKE(RULE_WIDE, 0, 0));
	check("rule-odd-offset", rule(f_odd_offset), RULE_MAKE(RULE_WIDE, 0, 0));
	check("rule-outermost", rule(f_outermost), RULE_MAKE(RULE_END, 0, 0));
	check("rule-signal", rule(f_signal), RULE_MAKE(RULE_SIGNAL, 0, 0));
	check("rule-rbp-elsewhere", rule(f_rbp_in_rax), RULE_MAKE(RULE_WIDE, 0, 0));
	check("rule-restored", rule(f_restored), RULE_MAKE(RULE_RSP, 0, 1));
	check("rule-plt-first", rule(f_plt + 10), RULE_MAKE(RULE_RSP, 0, 1));
	check("rule-plt-second", rule(f_plt + 11), RULE_MAKE(RULE_RSP, 0, 2));
	check("rule-nowhere", rule((const char *)0x1000), RULE_MAKE(RULE_UNKNOWN, 0, 0));
	bool keep = true;
	cfi_rule(0x1000, &keep);
	check("rule-nowhere-is-not-kept", keep, false);
}

/* ---- the cache ------------------------------------------------------------------------------------------------------------ */

static bool cached(const char *function)
{
	uint64_t hash = rule_hash((uintptr_t)function), *set = rule_set(hash);
	return (set[0] && !((set[0] ^ hash << 31) >> 31)) ||
	       (set[1] && !((set[1] ^ hash << 31) >> 31));
}

static void cache(void)
{
	check("cache-empty", cached(f_pushed), false);
	check("cache-first", rule_get((uintptr_t)f_pushed), RULE_MAKE(RULE_RSP, 6, 8));
	check("cache-kept", cached(f_pushed), true);
	check("cache-second", rule_get((uintptr_t)f_pushed), RULE_MAKE(RULE_RSP, 6, 8));
	rule_get((uintptr_t)f_drap);
	uint32_t generation = unwind_generation;
	unwinder_fast.forget((uintptr_t)f_pushed, (uintptr_t)f_pushed + 1);
	check("forget-inside", cached(f_pushed), false);
	check("forget-outside", cached(f_drap), true);
	check("forget-generation", unwind_generation, generation + 1);
	/* two hundred thousand addresses: what the cache says is what the tables say */
	unsigned long wrong = 0;
	for (uintptr_t i = 0; i < 200000; i++) {
		uintptr_t address = (uintptr_t)&printf + i * 3;
		bool keep;
		uint32_t first = rule_get(address), again = rule_get(address);
		wrong += first != cfi_rule(address, &keep) || again != first;
	}
	check("cache-agrees", wrong, 0);
	/* now there are more rules than places are remembered for */
	rule_get((uintptr_t)f_pushed);
	rule_get((uintptr_t)f_drap);
	unwinder_fast.forget((uintptr_t)f_pushed, (uintptr_t)f_pushed + 1);
	check("forget-inside-of-many", cached(f_pushed), false);
	check("forget-outside-of-many", cached(f_drap), true);
	unwinder_fast.forget(0, UINTPTR_MAX);
	check("forget-all", cached(f_drap), false);
}

/* ---- what may be read -------------------------------------------------------------------------------------------------------- */

static void views(void)
{
	char *memory =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(memory + 2 * PAGE, PAGE, PROT_NONE);
	munmap(memory + 3 * PAGE, PAGE);
	uintptr_t base = (uintptr_t)memory, value;
	uint64_t before = 0, after = 0; /* the kernel's sets, which are shorter than libc's */
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &before, 8);
	*(uintptr_t *)(base + 2 * PAGE - 8) = 77;
	struct stack_view view = view_open(base + 16);
	check("view-own-page", view_read(&view, base + PAGE - 8, &value), true);
	check("view-next-page", view_read(&view, base + 2 * PAGE - 8, &value) ? value : 0, 77);
	check("view-no-access", view_read(&view, base + 2 * PAGE, &value), false);
	check("view-unmapped", view_read(&view, base + 3 * PAGE, &value), false);
	check("view-odd", view_read(&view, base + 20, &value), false);
	check("view-kernel", view_read(&view, 0xffff800000000000, &value), false);
	check("view-null", view_read(&view, 0, &value), false);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &after, 8);
	check("view-mask-unchanged", after, before);
}

/* Every state that a stack could claim, at the end of a mapping: the walk stops. */
static void nonsense(void)
{
	char *memory =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(memory + PAGE, PAGE);
	static const char *const functions[] = {f_entry,      f_pushed, f_frame_pointer,
						f_drap,	      f_by_rbx, f_huge,
						f_odd_offset, f_signal, f_rbp_in_rax};
	uintptr_t pcs[64], random = 88172645463325252ul;
	unsigned long walks = 0, frames = 0;
	for (unsigned i = 0; i < 20000; i++) {
		for (uintptr_t *word = (uintptr_t *)memory; word < (uintptr_t *)(memory + PAGE);
		     word += 1 + i % 7) {
			random ^= random << 13, random ^= random >> 7, random ^= random << 17;
			*word = random % 3 == 0	  ? (uintptr_t)functions[random / 3 % 9] + 1
				: random % 3 == 1 ? (uintptr_t)memory + random / 3 % (2 * PAGE)
						  : random;
		}
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		uintptr_t cfa = (uintptr_t)memory + 8 + random % (PAGE / 8) * 8;
		frames += unwinder_fast.walk((uintptr_t)functions[random / 7 % 9] + 1, cfa,
					     random / 9 % 2 ? cfa + 32 : random, pcs, 64);
		walks++;
	}
	check("nonsense-walks", walks, 20000);
	check("nonsense-goes-on-sometimes", frames > walks, true);
}

int main(void)
{
	check("init", unwinder_fast.init(), true);
	rules();
	cache();
	views();
	nonsense();
	return failed;
}
