/*
 * php.c - PHP, as the shim sees it: finds the engine, reads which build it is, and loads the adapter module that was compiled
 * against the headers of that very build.
 *
 * A PHP binary is told by its API number, thread safety and debug mode ("API20220829,NTS"): each module of PHP itself carries
 * that text, and the engine refuses extensions with another one. So do we: adapters/refgraph-php-API20220829-NTS.so beside
 * the shim is loaded for that text and no other. Modules cannot be told from a binary before PHP has registered its own, so
 * the constructor only chains zend_post_startup_cb, which the engine calls between the start of its modules and the first request
 * (with -n, with opcache and its preloading, in FPM's master, in Apache, in an embedding program). A PHP that was already
 * running when its library was found is attached to at once.
 *
 * How to add a version: php_link.h.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "php_link.h"

static struct {
	const struct adapter_host *host;
	const struct php_module *module; /* in force when not NULL */
	void *handle;			 /* of libphp, when it came by dlopen */
	int (**post_startup)(void);
	int (*next)(void); /* what was in *post_startup before us */
	bool found, refused;
} php;

static const struct php_link link_table = {
	.version = PHP_LINK_VERSION,
	.size = sizeof(struct php_link),
	.add = walk_add,
	.block_add = walk_block_add,
	.has = walk_has,
	.claimed = walk_claimed,
	.readable = walk_readable,
	.block = walk_block,
	.string = walk_string,
	.label = walk_label,
	.type = walk_type,
	.edge = walk_edge,
	.scan = walk_scan,
	.words = walk_words,
	.property = walk_property,
	.root = walk_root,
	.thread = walk_thread,
	.gc = walk_gc,
	.runtime = walk_runtime,
	.counter = walk_counter,
	.heap = walk_heap,
	.meta = walk_meta,
	.values = walk_values,
	.memory = walk_memory,
};

/* ---- which build ---------------------------------------------------------------------------------------------------- */

/* The parts of the engine's structures that are the same in all versions from 7.0 on. */
struct module_entry {
	uint16_t size; /* of the whole entry, whose last member is the text */
	uint32_t api;
	uint8_t debug, thread_safe;
};
struct bucket {
	const struct module_entry *pointer;
	uint32_t type, next;
};
struct hash_table {
	uint64_t count_and_type;
	uint32_t flags, mask;
	const struct bucket *buckets;
	uint32_t used;
};

static const struct {
	uint32_t api;
	const char *version;
} versions[] = {
	{20190902, "PHP 7.4"}, {20200930, "PHP 8.0"}, {20210902, "PHP 8.1"}, {20220829, "PHP 8.2"},
	{20230831, "PHP 8.3"}, {20240924, "PHP 8.4"}, {20250925, "PHP 8.5"},
};

static const char *version_name(uint32_t api)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
		if (versions[i].api == api)
			return versions[i].version;
	return "PHP";
}

/* The first module that PHP registered; NULL while there is none. */
static const struct module_entry *first_module(void)
{
	const struct hash_table *registry = php.host->symbol(php.handle, "module_registry");

	if (!registry || !registry->used || registry->used > 10000 || !registry->buckets)
		return NULL;
	return (uint8_t)registry->buckets[0].type ? registry->buckets[0].pointer : NULL;
}

static bool refuse(const char *version, const char *note)
{
	php.refused = true;
	php.host->refuse(RGD_RT_PHP, version, note);
	return false;
}

/* "API20220829,NTS" of the running engine. False: refused. */
static bool read_build(const struct module_entry *m, char *out, size_t size)
{
	const char *text;
	size_t length;

	if (!m || m->size < 64 || m->size > 1024 || m->api < 20000000 || m->api > 21000000)
		return refuse("PHP",
			      "its module entries are not what they were from 7.0 to 8.5: not "
			      "supported");
	memcpy(&text, (const char *)m + m->size - sizeof(text), sizeof(text));
	if (m->thread_safe)
		return refuse(version_name(m->api),
			      "a thread-safe build (ZTS): not supported, native "
			      "blocks are followed, its objects are not");
	if (m->debug)
		return refuse(version_name(m->api),
			      "a debug build: not supported, native blocks are "
			      "followed, its objects are not");
	length = text ? strlen(text) : 0;
	if (!text || strncmp(text, "API", 3) != 0 || length >= size || strchr(text, '/'))
		return refuse(version_name(m->api),
			      "it does not state its build as API...,NTS: not "
			      "supported");
	memcpy(out, text, length + 1);
	return true;
}

/* ---- the module ----------------------------------------------------------------------------------------------------- */

/* DIRECTORY-OF-THE-SHIM/adapters/refgraph-php-API20220829-NTS.so */
static bool module_path(const char *build, char *out, size_t size)
{
	static const char before[] = "adapters/refgraph-php-", after[] = ".so";
	Dl_info info;
	const char *slash;
	char *name;
	size_t length;

	if (!dladdr(&php, &info) || !(slash = strrchr(info.dli_fname, '/')))
		return false;
	length = (size_t)(slash + 1 - info.dli_fname);
	if (length + sizeof(before) + strlen(build) + sizeof(after) > size)
		return false;
	memcpy(out, info.dli_fname, length);
	memcpy(out + length, before, sizeof(before) - 1);
	name = out + length + sizeof(before) - 1;
	memcpy(name, build, strlen(build));
	memcpy(name + strlen(build), after, sizeof(after));
	for (char *p = name; *p; p++)
		if (*p == ',')
			*p = '-';
	return true;
}

/* The module's references are to the engine's symbols: a libphp in a scope of its own is brought into the global one. */
static void publish_engine(void)
{
	Dl_info info;
	void *symbol = php.host->symbol(php.handle, "executor_globals");

	if (php.handle && symbol && dladdr(symbol, &info))
		dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

static bool module_load(const char *version, const char *build, bool late)
{
	const struct php_module *module;
	struct php_link *link = php.host->memory(sizeof(*link));
	char path[1100], note[128] = "";
	void *handle;

	if (!link || !module_path(build, path, sizeof(path)))
		return refuse(version, "no place to look for its adapter in");
	publish_engine();
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	module = handle ? dlsym(handle, PHP_MODULE_SYMBOL) : NULL;
	if (!module)
		return refuse(version,
			      "no adapter for this build beside librefgraph.so: not supported, "
			      "native blocks are followed, its objects are not");
	if (module->version != PHP_LINK_VERSION || strcmp(module->build_id, build) != 0)
		return refuse(version, "its adapter was built for another refgraph or another PHP");
	*link = link_table;
	link->host = php.host;
	if (!module->start(link, late, note, sizeof(note)))
		return refuse(version, note);
	php.module = module;
	return true;
}

/* What the loader allocates for the module is ours, not the program's. */
static void attach(bool late)
{
	const struct module_entry *m = first_module();
	char build[64];
	bool inside;

	if (php.module || php.refused || !read_build(m, build, sizeof(build)))
		return;
	inside = php.host->block_enter();
	module_load(version_name(m->api), build, late);
	if (inside)
		php.host->block_leave();
}

/* Apache's libphp is often met in the midst of its start, when it asks for a locale: modules have begun to register. */
static bool has_started(void)
{
	int (*initialized)(void) = php.host->symbol(php.handle, "php_get_module_initialized");

	return first_module() && (!initialized || initialized());
}

static int post_startup(void)
{
	int (*next)(void) = php.next;
	int saved = errno;

	php.next = NULL;
	attach(false);
	errno = saved;
	return next ? next() : 0 /* SUCCESS */;
}

static bool probe(const struct adapter_host *host, void *handle)
{
	php.host = host;
	php.post_startup = host->symbol(handle, "zend_post_startup_cb");
	if (!php.post_startup || !host->symbol(handle, "module_registry"))
		return false;
	php.handle = handle;
	php.found = true;
	if (!host->symbol(handle, "executor_globals")) {
		refuse("PHP", "its globals are not visible (ZTS, or a stripped build): not "
			      "supported, native blocks are followed, its objects are not");
		return true;
	}
	if (has_started()) { /* without us */
		attach(true);
		return true;
	}
	php.next = *php.post_startup;
	*php.post_startup = post_startup;
	return true;
}

/* ---- passed on -------------------------------------------------------------------------------------------------------- */

static void after_fork_child(void)
{
	if (php.module)
		php.module->after_fork_child();
}

static int enter(unsigned deadline_ms, char *note, size_t note_size)
{
	if (!php.found)
		return ENODEV;
	return php.module ? php.module->enter(deadline_ms, note, note_size) : ENXIO;
}

static bool still(void)
{
	return php.module->still();
}

static void leave(void)
{
	php.module->leave();
}

static void recheck(void)
{
	if (php.module)
		php.module->mapped();
}

static void *let_go(void)
{
	return php.module ? php.module->let_go() : NULL;
}

static void take_back(void *token)
{
	php.module->take_back(token);
}

static uint32_t mix(const uintptr_t *pcs, size_t n, bool whole)
{
	return php.module && php.module->mix ? php.module->mix(pcs, n, whole) : 0;
}

static bool discover(struct walk *walk)
{
	return php.module->discover(walk);
}

static bool blocks(struct walk *walk)
{
	return php.module->blocks(walk);
}

static bool block(struct walk *walk, uintptr_t address, bool inside, struct walk_block *out)
{
	return php.module && php.module->block(walk, address, inside, out);
}

static bool describe(struct walk *walk, uintptr_t object, unsigned tag, struct walk_object *out)
{
	return php.module->describe(walk, object, tag, out);
}

static void edges(struct walk *walk, uintptr_t object, unsigned tag)
{
	php.module->edges(walk, object, tag);
}

static void roots(struct walk *walk)
{
	php.module->roots(walk);
}

static void state(struct walk *walk)
{
	if (php.module)
		php.module->state(walk);
}

const struct adapter adapter_php = {
	.runtime = RGD_RT_PHP,
	.name = "php",
	.probe = probe,
	.after_fork_child = after_fork_child,
	.mix = mix,
	.enter = enter,
	.still = still,
	.leave = leave,
	.recheck = recheck,
	.let_go = let_go,
	.take_back = take_back,
	.blocks = blocks,
	.block = block,
	.discover = discover,
	.describe = describe,
	.edges = edges,
	.roots = roots,
	.state = state,
};
