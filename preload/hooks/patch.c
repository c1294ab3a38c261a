/*
 * patch.c - hooks in force: slots in near pages, the jump at a function's entry, and out again.
 *
 * Slots   are written to fresh pages that are writable, which then become executable and never change again: no page is both. Where a
 *         page must not become executable (PR_SET_MDWE, a systemd service, SELinux), a file in memory is mapped so from the first.
 * Patches are written with write(2) to /proc/self/mem (where that is not to be had, as on the way back), those of one page together: the mapping stays as it is, read only and executable, and
 *         other bytes of its pages, which are written as they are, can be run meanwhile. It is no atomic store, so it is for code that nobody can be running: one thread, or a module that has just been
 *         mapped and is not relocated.
 * One     instruction that is all that a patch covers: nobody can be in the middle of it. It is replaced while threads run, as on the way back.
 * Back    while threads run: they may stand before the jump, or be in the slot, but not within the jump. A copy of the page with the old bytes takes
 *         the page's place by mremap(2), which for all of them is one moment.
 * Else    functions are hooked in the tables of imports (got.c).
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../entry.h"
#include "around.h"
#include "got.h"
#include "relocate.h"
#include "scan.h"
#include "thunk.h"

#define PAGE 4096ul
#define REACH 0x70000000l /* of a jump with 32 bits, less what a module and its slots may be long */

/* A function that is hooked. Its slot stays when the hook is removed, since threads may be inside, and goes with the module. */
struct patched {
	struct hook *hook; /* NULL: removed or forgotten */
	uintptr_t function, patch;
	uint8_t before[PATCH_SIZE], after[PATCH_SIZE];
	struct patched *next, *same; /* of all, in the same bucket */
};
static struct patched *patched_list;

/* What one call installed in one module: gone with it. A place for the next one then: plug-ins come and go thousands of times. */
struct batch {
	uint8_t *pages;	     /* NULL: not in use */
	size_t room, n;	     /* of pages; records */
	uintptr_t low, high; /* of the module */
	struct patched *records;
	struct batch *next;
};
static struct batch *batches;
#define BUCKETS 4096u
static struct patched *buckets[BUCKETS]; /* by function */

static struct got *got_list;

static const char no_memory[] = "there is no memory for it";

static struct patched **bucket(uintptr_t function)
{
	return &buckets[(function >> 4) % BUCKETS];
}

static struct patched *patched_find(uintptr_t function)
{
	for (struct patched *p = *bucket(function); p; p = p->same)
		if (p->hook && p->hook->function == function)
			return p;
	return NULL;
}

/* ---- executable pages ---------------------------------------------------------------------------------------------------- */

/* In the place of the writable pages at `pages`, whose content stays. */
static bool seal_by_file(void *pages, size_t size)
{
	long fd = sys(SYS_memfd_create, "refgraph-hooks", MFD_CLOEXEC), mapped = -1;

	if (fd < 0)
		return false;
	if (sys_write_all((int)fd, pages, size) == 0)
		mapped = sys(SYS_mmap, pages, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
			     fd, 0);
	sys(SYS_close, fd);
	return mapped == (long)(uintptr_t)pages;
}

static bool make_executable(void *pages, size_t size)
{
	return sys(SYS_mprotect, pages, size, PROT_READ | PROT_EXEC) == 0 ||
	       seal_by_file(pages, size);
}

static uint8_t *map_at(uintptr_t address, size_t size)
{
	long p = sys(SYS_mmap, address, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p < 0 && p > -4096)
		return NULL;
	if ((uintptr_t)p == address)
		return (uint8_t *)p;
	sys(SYS_munmap, p, size); /* a kernel before 4.17 takes it for a wish */
	return NULL;
}

/* Below the module first: above a program its heap grows. In steps that grow, so that a full neighbourhood is soon behind. */
static uint8_t *map_around(const struct image *image, size_t size)
{
	uintptr_t low = image->low & ~(PAGE - 1), high = (image->high + PAGE - 1) & ~(PAGE - 1);
	uint8_t *p;

	for (uintptr_t step = size + PAGE; step < REACH && low > step + (1ul << 16);
	     step += (step / 8 + PAGE) & ~(PAGE - 1))
		if ((p = map_at(low - step, size)))
			return p;
	for (uintptr_t step = size; step < 1ul << 28 && low > step + (1ul << 16); step += 1ul << 16)
		if ((p = map_at(low - step, size)))
			return p;
	for (uintptr_t step = 1ul << 30; step < REACH; step += 1ul << 24)
		if ((p = map_at(high + step, size)))
			return p;
	return NULL;
}

/* Libraries lie side by side: what was found for one, or a little below it, is near to the next. */
static uint8_t *map_near(const struct image *image, size_t size)
{
	static uintptr_t last;
	uint8_t *p = NULL;

	if (last > size && last - size < image->low && image->high - (last - size) < REACH)
		p = map_at(last - size, size);
	if (!p)
		p = map_around(image, size);
	if (p)
		last = (uintptr_t)p;
	return p;
}

/* ---- text ---------------------------------------------------------------------------------------------------------------- */

static uint8_t *map_anywhere(size_t size)
{
	long p = sys(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p < 0 && p > -4096 ? NULL : (uint8_t *)p;
}

/* /proc/self/mem: opened by the first who writes, until text_done(). */
static long memory = -1;

static void text_done(void)
{
	if (memory >= 0)
		sys(SYS_close, memory);
	memory = -1;
}

static bool text_write(uintptr_t address, const uint8_t *bytes, size_t size)
{
	if (memory < 0)
		memory = sys(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
	return memory >= 0 && sys(SYS_pwrite64, memory, bytes, size, address) == (long)size &&
	       !memcmp((const void *)address, bytes, size);
}

/* All of the code is about to be read: one call instead of a page fault every 16 pages. */
static void text_populate(const struct image *image)
{
	for (unsigned i = 0; i < image->ncode; i++) {
		uintptr_t low = image->code[i].low & ~(PAGE - 1);

		sys(SYS_madvise, low, image->code[i].high - low, MADV_POPULATE_READ);
	}
}

/* Pages with these bytes in the place of those at `address`, at once. */
static bool text_replace(uintptr_t address, const uint8_t *bytes, size_t size)
{
	uintptr_t low = address & ~(PAGE - 1), high = (address + size + PAGE - 1) & ~(PAGE - 1);
	uint8_t *copy = map_anywhere(high - low);

	if (!copy)
		return false;
	memcpy(copy, (const void *)low, high - low);
	memcpy(copy + (address - low), bytes, size);
	if (make_executable(copy, high - low) &&
	    sys(SYS_mremap, copy, high - low, high - low, MREMAP_MAYMOVE | MREMAP_FIXED, low) ==
		    (long)low)
		return true;
	sys(SYS_munmap, copy, high - low);
	return false;
}

/* One thread: the folder of tasks has a link for each, and two. Without /proc libc's word is taken, which counts those that it made. */
static bool alone(void)
{
	struct stat tasks;
	const char *single;

	if (sys(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &tasks, 0) == 0)
		return tasks.st_nlink == 3;
	single = entry_symbol(NULL, "__libc_single_threaded"); /* since glibc 2.32 */
	return single && *single;
}

/* ---- installing ------------------------------------------------------------------------------------------------------------ */

struct work {
	struct hook *hook;
	struct proof proof;
	struct patched *record;
	uintptr_t slot;
	size_t order; /* among the hooks asked for */
};

static void refuse(struct hook *hook, const char *why)
{
	hook->way = HOOK_NOT;
	hook->why = why;
	hook->trampoline = NULL;
}

/* test of the argument with itself; je over `size` bytes behind all of it; a nop of three bytes. */
static void slot_test(uint8_t *to, unsigned argument, size_t size)
{
	static const uint8_t tests[6][3] = {{0x48, 0x85, 0xff}, {0x48, 0x85, 0xf6},
					    {0x48, 0x85, 0xd2}, {0x48, 0x85, 0xc9},
					    {0x4d, 0x85, 0xc0}, {0x4d, 0x85, 0xc9}};

	memcpy(to, tests[argument - 1], 3);
	to[3] = 0x74;
	to[4] = (uint8_t)(3 + size);
	memcpy(to + 5, "\x0f\x1f\0", 3);
}

/* The slot's own code: see thunk.h. Its length. */
static size_t slot_begin(const struct hook *hook, uint8_t *to)
{
	const void *thunk = hook->leave ? hook_thunk_around : hook_thunk_enter;
	size_t size = hook->leave ? SLOT_PUSH : SLOT_CALL, test = hook->wants ? SLOT_TEST : 0;

	memcpy(to + test, &hook, 8);
	memcpy(to + 8 - test, &thunk, 8);
	to += SLOT_HEAD;
	if (test)
		slot_test(to, hook->wants, size);
	to += test;
	if (!hook->leave) {
		memcpy(to, "\xff\x15\xf2\xff\xff\xff", SLOT_CALL); /* call *-14(%rip) */
		to[2] = (uint8_t)(0xf2 - 2 * test);
	} else {
		memcpy(to,
		       "\xff\x35\xea\xff\xff\xff"  /* push -22(%rip) */
		       "\xff\x25\xec\xff\xff\xff", /* jmp *-20(%rip) */
		       SLOT_PUSH);
		to[8] = (uint8_t)(0xec - 2 * test);
	}
	return test + size;
}

static size_t slot_write(struct work *w, uint8_t *to)
{
	size_t head = SLOT_HEAD + slot_begin(w->hook, to),
	       n = relocate(&w->proof, to + head, (uintptr_t)to + head);

	w->slot = n ? (uintptr_t)to + SLOT_HEAD : 0;
	w->hook->trampoline = to + head;
	return n ? (head + n + 15) & ~15ul : 0;
}

/* False: the slot is too far away. */
static bool patch_make(struct work *w)
{
	int64_t distance = (int64_t)(w->slot - (w->proof.patch + PATCH_SIZE));
	int32_t displacement = (int32_t)distance;
	struct patched *p = w->record;

	*p = (struct patched){
		.hook = w->hook, .function = w->hook->function, .patch = w->proof.patch};
	memcpy(p->before, (const void *)p->patch, PATCH_SIZE);
	p->after[0] = 0xe9;
	memcpy(p->after + 1, &displacement, 4);
	return w->slot && distance == displacement;
}

static void patch_in_force(struct work *w)
{
	struct patched *p = w->record;

	w->hook->way = HOOK_ENTRY;
	w->hook->why = "";
	p->next = patched_list;
	patched_list = p;
	p->same = *bucket(w->hook->function);
	*bucket(w->hook->function) = p;
}

/* All of them are proved and begin in one page, ascending. `at_once`: others may be running the code. */
static void page_patch(struct work *work, size_t n, bool at_once)
{
	static uint8_t text[PAGE + PATCH_SIZE];
	uintptr_t low = work[0].proof.patch, size = work[n - 1].proof.patch + PATCH_SIZE - low;

	memcpy(text, (const void *)low, size);
	for (size_t i = 0; i < n; i++)
		memcpy(text + (work[i].proof.patch - low), work[i].record->after, PATCH_SIZE);
	/* no /proc, or a kernel that lets nobody write to code by it */
	if (at_once || !text_write(low, text, size))
		text_replace(low, text, size);
	for (size_t i = 0; i < n; i++) {
		const struct patched *p = work[i].record;

		if (!memcmp((const void *)p->patch, p->after, PATCH_SIZE))
			patch_in_force(&work[i]);
		else
			refuse(work[i].hook, "its code cannot be written");
	}
}

static void patch_all(struct work *work, size_t n, bool at_once)
{
	for (size_t i = 0; i < n; i++)
		if (!work[i].hook->why && !patch_make(&work[i]))
			refuse(work[i].hook, "no page near enough is free");
	for (size_t i = 0, end; i < n; i = end) {
		uintptr_t page = work[i].proof.patch / PAGE;

		end = i + 1;
		if (work[i].hook->why)
			continue;
		while (end < n && !work[end].hook->why && work[end].proof.patch / PAGE == page)
			end++;
		page_patch(&work[i], end - i, at_once);
	}
}

static void refuse_all(struct work *work, size_t n, const char *why)
{
	for (size_t i = 0; i < n; i++)
		if (!work[i].hook->why)
			refuse(work[i].hook, why);
}

/* Those that are proved, all of one module. */
static struct batch *batch_make(const struct image *image, size_t n)
{
	struct batch *b = batches;

	while (b && (b->pages || b->n < n))
		b = b->next;
	if (!b) {
		b = arena_alloc(sizeof(*b) + n * sizeof(struct patched));
		if (!b)
			return NULL;
		b->records = (struct patched *)(b + 1);
		b->n = n;
		b->next = batches;
		batches = b;
	}
	b->room = (n * (SLOT_HEAD + SLOT_TEST + SLOT_PUSH + RELOCATED_MAX + 16) + PAGE - 1) &
		  ~(PAGE - 1);
	b->low = image->low;
	b->high = image->high;
	b->pages = map_near(image, b->room);
	return b;
}

static void batch_drop(struct batch *b)
{
	sys(SYS_munmap, b->pages, b->room);
	b->pages = NULL;
}

static void install_proved(const struct image *image, struct work *work, size_t n, bool at_once)
{
	struct batch *batch = batch_make(image, n);
	uint8_t *to = batch ? batch->pages : NULL;

	if (!to) {
		refuse_all(work, n, batch ? "no page near enough is free" : no_memory);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		work[i].record = &batch->records[i];
		if (!work[i].hook->why)
			to += slot_write(&work[i], to);
	}
	if (!make_executable(batch->pages, batch->room)) {
		refuse_all(work, n, "memory must not become executable here");
		batch_drop(batch);
		return;
	}
	patch_all(work, n, at_once);
}

/* ---- the tables of imports ------------------------------------------------------------------------------------------------ */

#define STUB_MAX 64u
/* A slot whose function is elsewhere: "jmp *0(%rip)" and its address. */
static size_t stub_write(struct hook *hook, uint8_t *to)
{
	size_t head = SLOT_HEAD + slot_begin(hook, to);

	memcpy(to + head, "\xff\x25\0\0\0\0", 6);
	memcpy(to + head + 6, &hook->function, 8);
	return (head + 14 + 15) & ~15ul;
}

static void got_install(struct work *w, uint8_t *stub)
{
	struct got *g = arena_alloc(sizeof(*g));
	const char *why = w->hook->why;

	if (!g)
		return;
	*g = (struct got){w->hook, w->hook->function, (uintptr_t)stub + SLOT_HEAD, got_list};
	w->hook->trampoline = (void *)w->hook->function;
	if (!got_redirect(g)) {
		refuse(w->hook, why);
		return;
	}
	w->hook->way = HOOK_GOT;
	got_list = g;
}

/* What was refused for its entry. */
static void install_got(struct work *work, size_t n)
{
	size_t refused = 0, room;
	uint8_t *pages, *to;

	for (size_t i = 0; i < n; i++)
		refused += work[i].hook->way == HOOK_NOT;
	room = (refused * STUB_MAX + PAGE - 1) & ~(PAGE - 1);
	if (!refused || (pages = map_anywhere(room)) == NULL)
		return;
	to = pages;
	for (size_t i = 0; i < n; i++)
		if (work[i].hook->way == HOOK_NOT) {
			work[i].slot = (uintptr_t)to;
			to += stub_write(work[i].hook, to);
		}
	if (!make_executable(pages, room)) {
		sys(SYS_munmap, pages, room);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (work[i].hook->way == HOOK_NOT)
			got_install(&work[i], (uint8_t *)work[i].slot);
}

void hook_refresh(void)
{
	for (struct got *g = got_list; g; g = g->next)
		if (g->hook)
			got_redirect(g);
}

/* `quiet`: nobody can be running the module's code. Else only what is a single instruction may change: see above. */
static void prove_all(const struct image *image, struct work *work, size_t n, struct proof **proofs,
		      uint8_t *marks, bool quiet)
{
	text_populate(image);
	for (size_t i = 0; i < n; i++) {
		struct proof *p = proofs[i] = &work[i].proof;

		prove_entry(image, work[i].hook->function, work[i].hook->size, p);
		if (!p->why && !quiet && (p->nmoved > 1 || p->moved_end < p->patch + PATCH_SIZE))
			p->why = "other threads run, and may be in it";
	}
	prove_module(image, proofs, n, marks);
	for (size_t i = 0; i < n; i++)
		if (work[i].proof.why)
			refuse(work[i].hook, work[i].proof.why);
}

static void install_module(const struct image *image, struct work *work, size_t n)
{
	size_t room = marks_size(image->low, image->high);
	uint8_t *marks = arena_map(room);
	struct proof **proofs = arena_map(n * sizeof(*proofs));
	bool quiet = image_fresh(image) || alone();

	if (marks && proofs) {
		prove_all(image, work, n, proofs, marks, quiet);
		install_proved(image, work, n, !quiet);
	} else {
		refuse_all(work, n, no_memory);
	}
	install_got(work, n);
	arena_unmap(marks, room);
	arena_unmap(proofs, n * sizeof(*proofs));
}

static bool before(const struct work *a, const struct work *b)
{
	uintptr_t x = a->hook->function, y = b->hook->function;

	return x < y || (x == y && a->order < b->order);
}

/* Heapsort. */
static void sift(struct work *work, size_t at, size_t n)
{
	for (size_t child; (child = 2 * at + 1) < n; at = child) {
		struct work swap;

		if (child + 1 < n && before(&work[child], &work[child + 1]))
			child++;
		if (!before(&work[at], &work[child]))
			return;
		swap = work[at];
		work[at] = work[child];
		work[child] = swap;
	}
}

static void sort(struct work *work, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(work, i, n);
	for (size_t end = n; end-- > 1;) {
		struct work swap = work[0];

		work[0] = work[end];
		work[end] = swap;
		sift(work, 0, end);
	}
}

static void install_sorted(struct work *work, size_t n)
{
	struct image image;

	for (size_t i = 0, end; i < n; i = end) {
		uintptr_t first = work[i].hook->function;

		end = i + 1;
		if (!image_find(&image, first)) {
			refuse(work[i].hook, "is not in the code of a module");
			continue;
		}
		while (end < n && work[end].hook->function < image.high)
			end++;
		install_module(&image, work + i, end - i);
	}
}

static void share(struct hook *hook, const struct hook *first)
{
	hook->way = first->way;
	hook->why = first->way == HOOK_NOT ? first->why : "shares the hook of another name of it";
	hook->trampoline = first->trampoline;
}

/* Those that are not hooked yet, each function once, in order. */
static size_t collect(struct hook *const *hooks, size_t n, struct work *work)
{
	size_t todo = 0, kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!patched_find(hooks[i]->function)) {
			work[todo].hook = hooks[i];
			work[todo++].order = i;
		}
	sort(work, todo);
	for (size_t i = 0; i < todo; i++)
		if (!i || work[i].hook->function != work[kept - 1].hook->function)
			work[kept++] = work[i];
	return kept;
}

/* Two names of one function, in this call or from an earlier one. `work` is sorted. */
static void share_all(struct hook *const *hooks, size_t n, const struct work *work, size_t kept)
{
	for (size_t i = 0; i < n; i++) {
		struct patched *p = patched_find(hooks[i]->function);
		size_t low = 0, high = kept;

		if (p && p->hook != hooks[i])
			share(hooks[i], p->hook);
		if (p || hooks[i]->why)
			continue;
		while (high - low > 1) {
			size_t middle = (low + high) / 2;

			if (work[middle].hook->function <= hooks[i]->function)
				low = middle;
			else
				high = middle;
		}
		share(hooks[i], work[low].hook);
	}
}

size_t hook_install(struct hook *const *hooks, size_t n)
{
	struct work *work = n ? arena_map(n * sizeof(*work)) : NULL;
	size_t kept, in_force = 0;
	const char *why = !thunk_init()	   ? "functions are hooked on x86-64 only"
			  : shim_sandboxed ? "the program is in a sandbox"
			  : work	   ? NULL
					   : no_memory;

	for (size_t i = 0; i < n; i++) {
		hooks[i]->way = HOOK_NOT;
		hooks[i]->why = why;
	}
	if (why) {
		if (work)
			arena_unmap(work, n * sizeof(*work));
		return 0;
	}
	kept = collect(hooks, n, work);
	install_sorted(work, kept);
	text_done();
	share_all(hooks, n, work, kept);
	arena_unmap(work, n * sizeof(*work));
	for (size_t i = 0; i < n; i++)
		in_force += hooks[i]->way != HOOK_NOT;
	return in_force;
}

static bool entry_restore(struct patched *p)
{
	/* who patched it after us leads to us: it stays */
	if (memcmp((const void *)p->patch, p->after, PATCH_SIZE) != 0)
		return false;
	return (alone() && text_write(p->patch, p->before, PATCH_SIZE)) ||
	       text_replace(p->patch, p->before, PATCH_SIZE);
}

static void remove_one(struct hook *hook)
{
	for (struct patched *p = *bucket(hook->function); p; p = p->same)
		if (p->hook == hook && entry_restore(p)) {
			p->hook = NULL;
			refuse(hook, "was removed");
		}
	for (struct got *g = got_list; g; g = g->next)
		if (g->hook == hook) {
			got_restore(g);
			g->hook = NULL;
			refuse(hook, "was removed");
		}
}

void hook_remove(struct hook *const *hooks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		remove_one(hooks[i]);
	text_done();
}

static void unlink_all(uintptr_t low, uintptr_t high)
{
	for (struct patched **at = &patched_list, *p; (p = *at);) {
		struct patched **same;

		if (p->patch < low || p->patch >= high) {
			at = &p->next;
			continue;
		}
		for (same = bucket(p->function); *same && *same != p;)
			same = &(*same)->same;
		if (*same)
			*same = p->same;
		if (p->hook)
			refuse(p->hook, "its module is gone");
		*at = p->next;
	}
}

void hook_forget(uintptr_t low, uintptr_t high)
{
	unlink_all(low, high);
	/* who were still in a slot would go on in code that is no more */
	for (struct batch *b = batches; b; b = b->next)
		if (b->pages && b->low >= low && b->high <= high)
			batch_drop(b);
	for (struct got *g = got_list; g; g = g->next)
		if (g->hook && g->function >= low && g->function < high) {
			refuse(g->hook, "its module is gone");
			g->hook = NULL;
		}
}
