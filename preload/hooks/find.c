/*
 * find.c - finds the functions of the rules in the modules as they come, and has them hooked.
 *
 * The loader itself says when: it calls the empty function _dl_debug_state, which is there for debuggers, each time its list of modules has
 * become consistent: after a dlopen mapped its libraries and before it runs any of their code, and after a dlclose. We stand before that
 * function as before any other. The libraries that are there at the start are done in the constructor, or when one of
 * them starts a thread before that.
 */
#include <link.h>
#include <string.h>

#include "../entry.h"
#include "around.h"
#include "elf_symbols.h"
#include "followed.h"
#include "rules.h"
#include "slices.h"

#define HOOKS_MAX 8192u
#define MODULES_SEEN 8192u
#define GLOBS 64u   /* patterns of one group that are looked for at once */
#define NAMES 1024u /* buckets of the names that are looked for in a file's .symtab */

trylock_t rules_lock;
static bool on, loader_followed;
static struct rule_hook *hooks[HOOKS_MAX];
static _Atomic uint32_t hooks_used;
static bool module_done[MODULES_SEEN];

/* ---- one function that was found ------------------------------------------------------------------------------------------ */

/* What this look has found. */
static struct hook *wanted[HOOKS_MAX + 1];
static size_t nwanted;

static const char *copy_text(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = arena_alloc(n);

	return copy ? memcpy(copy, text, n) : "";
}

/* While a module is looked through. */
struct search {
	uint32_t module;	     /* modules_get() */
	uint32_t batch;		     /* the first of its hooks that are new */
	uint32_t gone_from, gone_to; /* those from when it was there before lie here */
	const struct rule_function *rule;
	const struct rule_group *group;
	uint16_t *buckets; /* local names: function's place in the group + 1 */
	uint16_t *next;
	const struct rule_function *globs[GLOBS];
	uint32_t nglobs;
};

static bool is_known_in(uint32_t from, uint32_t to, uintptr_t address, const struct rule_type *type)
{
	for (uint32_t i = from; i < to; i++) {
		if (hooks[i]->hook.function == address && hooks[i]->rule->type == type &&
		    !hooks[i]->gone)
			return true;
	}
	return false;
}

static void search_gone(struct search *search)
{
	for (uint32_t i = 0; i < search->batch; i++) {
		if (hooks[i]->module != search->module)
			continue;
		if (!search->gone_to)
			search->gone_from = i;
		search->gone_to = i + 1;
	}
}

/* A plug-in that comes again where it was has the hooks that it had: they come and go thousands of times. */
static struct rule_hook *hook_revive(const struct symbol_found *symbol, const struct search *search,
				     const struct rule_function *rule)
{
	for (uint32_t i = search->gone_from; i < search->gone_to; i++) {
		struct rule_hook *h = hooks[i];

		if (h->gone && h->module == search->module && h->hook.function == symbol->address &&
		    h->rule == rule && !strcmp(h->symbol, symbol->name))
			return h;
	}
	return NULL;
}

static struct rule_hook *hook_make(const struct symbol_found *symbol, const struct search *search,
				   const struct rule_function *rule)
{
	uint32_t used = atomic_load_explicit(&hooks_used, memory_order_relaxed);
	struct rule_hook *h = used < HOOKS_MAX ? arena_alloc(sizeof(*h)) : NULL;

	if (!h) {
		counter_add(COUNTER_LOST_HOOKS, 1);
		return NULL;
	}
	h->hook.function = symbol->address;
	h->hook.size = symbol->size;
	h->hook.enter = record_enter;
	h->hook.leave = rule->at_return || rule->wraps ? record_leave : NULL;
	h->hook.context = h;
	h->hook.wants = rule->object.argument; /* rule_object() would say the same */
	h->hook.light = true;
	h->rule = rule;
	h->symbol = copy_text(symbol->name);
	h->module = search->module;
	h->number = used;
	hooks[used] = h;
	atomic_store_explicit(&hooks_used, used + 1, memory_order_release);
	return h;
}

static void found(const struct symbol_found *symbol, const struct search *search,
		  const struct rule_function *rule)
{
	struct rule_hook *h;

	if (is_known_in(search->batch, hooks_used, symbol->address, rule->type) ||
	    is_known_in(search->gone_from, search->gone_to, symbol->address, rule->type))
		return; /* an alias */
	h = hook_revive(symbol, search, rule);
	if (!h)
		h = hook_make(symbol, search, rule);
	if (!h)
		return;
	atomic_store_explicit(&h->gone, false, memory_order_relaxed);
	h->hook.why = symbol->indirect ? "is chosen at run time (IFUNC)" : "";
	if (!symbol->indirect && nwanted < HOOKS_MAX)
		wanted[nwanted++] = &h->hook;
}

static void on_exported(const struct symbol_found *symbol, void *context)
{
	const struct search *search = context;

	found(symbol, search, search->rule);
}

static void on_exported_glob(const struct symbol_found *symbol, void *context)
{
	const struct search *search = context;

	for (uint32_t i = 0; i < search->nglobs; i++) {
		const char *pattern = search->globs[i]->pattern;

		/* nearly all differ in the first letter */
		if ((*pattern == *symbol->name || *pattern == '*' || *pattern == '?') &&
		    rule_glob(pattern, symbol->name))
			found(symbol, search, search->globs[i]);
	}
}

/* ---- one module ----------------------------------------------------------------------------------------------------------------- */

static void search_globs(const struct exports *e, struct search *search)
{
	if (search->nglobs)
		exports_each(e, on_exported_glob, search);
	search->nglobs = 0;
}

/* A name by itself comes before a pattern that it fits, too. */
static void search_exports(const struct exports *e, struct search *search)
{
	const struct rule_group *g = search->group;

	for (uint32_t i = 0; i < g->functions; i++) {
		search->rule = rules_function(g->first + i);
		if (!search->rule->glob)
			exports_find(e, search->rule->pattern, search->rule->version, on_exported,
				     search);
	}
	for (uint32_t i = 0; i < g->functions; i++) {
		const struct rule_function *f = rules_function(g->first + i);

		if (f->glob)
			search->globs[search->nglobs++] = f;
		if (search->nglobs == GLOBS)
			search_globs(e, search);
	}
	search_globs(e, search);
}

static void on_local(const struct symbol_found *symbol, void *context)
{
	const struct search *search = context;
	uint32_t bucket = gnu_hash_of(symbol->name) % NAMES;

	for (uint32_t i = search->buckets[bucket]; i; i = search->next[i - 1]) {
		const struct rule_function *f = rules_function(search->group->first + i - 1);

		if (!strcmp(f->pattern, symbol->name))
			found(symbol, search, f);
	}
	for (uint32_t i = search->buckets[NAMES]; i; i = search->next[i - 1]) {
		const struct rule_function *f = rules_function(search->group->first + i - 1);

		if (rule_glob(f->pattern, symbol->name))
			found(symbol, search, f);
	}
}

/* The names by their hash; globs in a bucket of their own. */
static void search_file(const struct module *m, struct search *search)
{
	const struct rule_group *g = search->group;
	size_t size = (NAMES + 1 + g->functions) * sizeof(uint16_t);
	bool any = false;
	const char *why = "";

	search->buckets = arena_map(size);
	if (!search->buckets)
		return;
	search->next = search->buckets + NAMES + 1;
	for (uint32_t i = 0; i < g->functions; i++) {
		const struct rule_function *f = rules_function(g->first + i);
		uint32_t bucket = f->glob ? NAMES : gnu_hash_of(f->pattern) % NAMES;

		if (!f->local)
			continue;
		any = true;
		search->next[i] = search->buckets[bucket];
		search->buckets[bucket] = (uint16_t)(i + 1);
	}
	if (any && !file_symbols_each(m, on_local, search, &why) && config.verbose)
		log_line2(m->path, why);
	arena_unmap(search->buckets, size);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The program itself is the first that the loader lists. */
static bool in_group(const struct rule_group *g, uint32_t module, const char *soname)
{
	for (uint32_t i = 0; i < g->nlibraries; i++) {
		const char *pattern = g->libraries[i];

		if (!strcmp(pattern, "program")
			    ? module == 0
			    : (*soname && rule_glob(pattern, soname)) ||
				      rule_glob(pattern, last_part(modules_get(module)->path)))
			return true;
	}
	return false;
}

static void resolve(struct rule_call *call, const struct exports *e)
{
	if (call->function && !atomic_load_explicit(&call->address, memory_order_relaxed))
		atomic_store_explicit(&call->address, exports_address(e, call->function),
				      memory_order_release);
}

static void forget_call(struct rule_call *call, const struct module *m)
{
	uintptr_t address = atomic_load_explicit(&call->address, memory_order_relaxed);

	if (address >= m->low && address < m->high)
		atomic_store_explicit(&call->address, 0, memory_order_release);
}

static void each_call(const struct module *m, const struct exports *e)
{
	const struct rule_type *const *types;
	size_t n = rules_types(&types);

	for (size_t i = 0; i < n; i++) {
		struct rule_type *type = (struct rule_type *)types[i];

		if (e) {
			resolve(&type->name_call, e);
			resolve(&type->count_call, e);
			resolve(&type->only_call, e);
			resolve(&type->floating_call, e);
		} else {
			forget_call(&type->name_call, m);
			forget_call(&type->count_call, m);
			forget_call(&type->only_call, m);
			forget_call(&type->floating_call, m);
		}
	}
}

static void module_came(uint32_t index)
{
	const struct module *m = modules_get(index);
	const struct rule_group *const *groups;
	size_t ngroups = rules_groups(&groups);
	struct search search = {.module = index, .batch = hooks_used};
	struct hook *slices;
	struct exports e;
	bool exports = !m->own && exports_open(m, &e);

	if (m->own)
		return;
	search_gone(&search);
	if (exports) {
		each_call(m, &e);
		if (strcmp(e.soname, "libgcc_s.so.1") != 0 &&
		    exports_address(&e, "_Unwind_RaiseException"))
			around_other_unwinder();
	}
	for (size_t i = 0; i < ngroups; i++) {
		search.group = groups[i];
		if (!in_group(groups[i], index, exports ? e.soname : ""))
			continue;
		if (exports)
			search_exports(&e, &search);
		search_file(m, &search);
	}
	/* behind the rules': one of them may name the same function */
	slices = exports ? slices_came(&e) : NULL;
	if (slices)
		wanted[nwanted++] = slices;
}

static void module_went(uint32_t index)
{
	const struct module *m = modules_get(index);

	hook_forget(m->low, m->high);
	slices_went(m->low, m->high);
	each_call(m, NULL);
	for (uint32_t i = 0; i < hooks_used; i++) {
		if (hooks[i]->module == index)
			atomic_store_explicit(&hooks[i]->gone, true, memory_order_relaxed);
	}
}

/* ---- all ------------------------------------------------------------------------------------------------------------------------ */

static void look_again(void)
{
	size_t count = modules_count();

	if (!on || !trylock(&rules_lock))
		return;
	for (uint32_t i = 0; i < count && i < MODULES_SEEN; i++) {
		bool there = !modules_get(i)->unloaded;

		if (there == module_done[i])
			continue;
		module_done[i] = there;
		if (there)
			module_came(i);
		else
			module_went(i);
	}
	if (nwanted)
		hook_install(wanted, nwanted);
	nwanted = 0;
	trylock_release(&rules_lock);
}

void rules_modules(void)
{
	if (!on || loader_followed || shim_sandboxed)
		return;
	look_again();
	hook_refresh();
}

bool rules_on(void)
{
	return on;
}

size_t rules_hooks(const struct rule_hook *const **ret)
{
	*ret = (const struct rule_hook *const *)hooks;
	return atomic_load_explicit(&hooks_used, memory_order_acquire);
}

/* ---- the loader's word ------------------------------------------------------------------------------------------------------------ */

/* In the thread that loads, which holds the loader's lock. */
static void on_loader(struct hook_call *call)
{
	struct hook_own own;

	/* in a sandbox a system call of ours may end the program */
	if (_r_debug.r_state != RT_CONSISTENT || shim_sandboxed || !thread_self())
		return;
	own = hook_own_begin();
	ERRNO_KEPT({
		modules_poll();
		look_again();
		hook_refresh(); /* what came earlier is relocated by now */
	});
	hook_own_end(own);
}

static struct hook loader_hook = {.size = 1, .enter = on_loader};

static void say_unfollowed(const char *why)
{
	char line[512];
	bool debugger = strstr(why, "breakpoint");

	log_format(line, sizeof(line),
		   "rules: %s: of libraries that come by dlopen only calls through tables of "
		   "imports will be seen, and not the first ones%s%s",
		   debugger ? "somebody else stands at the loader's _dl_debug_state (a debugger "
			      "that started the program?)"
			    : "the loader's _dl_debug_state cannot be hooked",
		   debugger ? "; to see all, start the program without it and attach it later"
			    : "; it ",
		   debugger ? "" : why);
	log_line(line);
}

static void follow_loader(void)
{
	struct hook *list[] = {&loader_hook};

	loader_hook.function = (uintptr_t)_r_debug.r_brk;
	loader_followed =
		loader_hook.function && hook_install(list, 1) == 1 && loader_hook.way == HOOK_ENTRY;
	if (!loader_followed)
		say_unfollowed(loader_hook.why);
}

/* The folder `rules` beside the shim. */
static void shipped_folder(char *folder, size_t size)
{
	const struct module *own = modules_get(modules_find((uintptr_t)shipped_folder) - 1);
	char *slash;

	log_format(folder, size, "%s", own->path);
	slash = strrchr(folder, '/');
	log_format(slash ? slash : folder, size - (size_t)(slash ? slash - folder : 0), "%s",
		   slash ? "/rules" : "rules");
}

void rules_start(void)
{
	char folder[1100];

	if (!*config.rules || !modules_find((uintptr_t)rules_start))
		return;
	shipped_folder(folder, sizeof(folder));
	followed_start();
	on = rules_read(config.rules, folder);
	if (!on)
		return;
	follow_loader();
	look_again();
}
