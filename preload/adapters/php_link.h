/*
 * php_link.h - between librefgraph.so and the adapter module of one build of PHP (preload/php/, one shared object per API number,
 * thread safety and debug mode). Both are built from one tree and installed together; a module of another tree is refused by
 * its version.
 *
 * How to add a version of PHP
 *   1. Install its headers (phpX.Y-dev) and run `make PHP_CONFIG=php-configX.Y O=...`. The module is named by what these headers
 *      state of themselves; nothing has to be told which builds exist, the engine that runs says which one it needs.
 *   2. What is private to the engine's sources and therefore repeated here: struct closure, weak_reference and weak_map
 *      (preload/php/values.c), gc_globals and autoloader (engine.c, roots.c), fiber_stack (regions.c), ZendMM's chunk
 *      (zendmm.c). Hold each to the new sources; where the layout differs, a second struct under #if ZEND_MODULE_API_NO.
 *   3. Run tests/php/ with that version (PHP=, in tests/php_tests.sh), and `audit` on programs of its users: a reference that is
 *      not seen shows there at once.
 *   4. For a thread-safe build: every global is behind TSRM, and a process has several heaps; adapters/php.c refuses it until
 *      vm.c can stop all of PHP's threads.
 *   5. Its name in versions[] of adapters/php.c, its package in tests/tools/deps.
 *
 * The services of the walker are hidden symbols of the shim: the module gets them as a table. The module's exported symbol is
 * PHP_MODULE_SYMBOL, a struct php_module; adapters/php.c passes the shim's calls on to it.
 */
#ifndef REFGRAPH_PHP_LINK_H
#define REFGRAPH_PHP_LINK_H

#include "adapter.h"

#define PHP_LINK_VERSION 2u
#define PHP_MODULE_SYMBOL "refgraph_php_module"

/* As the functions of adapter.h, which says what they do. */
struct php_link {
	uint32_t version, size;
	const struct adapter_host *host;
	bool (*add)(struct walk *walk, uint32_t runtime, uintptr_t address, uintptr_t base,
		    unsigned tag);
	void (*block_add)(struct walk *walk, const struct walk_block *block);
	bool (*has)(struct walk *walk, uintptr_t address);
	bool (*claimed)(struct walk *walk, uintptr_t address);
	bool (*readable)(struct walk *walk, uintptr_t address, size_t size);
	bool (*block)(struct walk *walk, uintptr_t address, uint64_t *size);
	uint32_t (*string)(struct walk *walk, const char *text, size_t length);
	uint32_t (*label)(struct walk *walk, enum rgd_edge_kind kind, enum rgd_label_class class,
			  unsigned flags, uint32_t string);
	uint32_t (*type)(struct walk *walk, uint32_t runtime, const struct walk_type *type);
	bool (*edge)(struct walk *walk, uint32_t label, uint64_t value, uintptr_t target);
	void (*scan)(struct walk *walk, uintptr_t low, uintptr_t high);
	void (*words)(struct walk *walk, uint32_t label, uintptr_t low, uintptr_t high);
	void (*property)(struct walk *walk, enum rgd_property key, uint64_t value);
	void (*root)(struct walk *walk, enum rgd_root_class class, enum rgd_edge_kind kind,
		     uint32_t label_string, uint32_t owner, uint64_t value, uintptr_t target,
		     uint32_t context_string);
	uint32_t (*thread)(struct walk *walk, uintptr_t address);
	void (*gc)(struct walk *walk, uint32_t runtime, const char *name, uint64_t index,
		   uint64_t value);
	void (*runtime)(struct walk *walk, uint32_t runtime, const char *version,
			enum rgd_runtime_state state, const char *note);
	void (*counter)(struct walk *walk, const char *name, uint64_t value);
	void (*heap)(struct walk *walk, const struct walk_heap *heap);
	void (*meta)(const char *key, const char *value);
	bool (*values)(struct walk *walk);
	void *(*memory)(struct walk *walk, size_t size);
};

struct php_module {
	uint32_t version;     /* PHP_LINK_VERSION it was built with */
	const char *build_id; /* ZEND_MODULE_BUILD_ID of its headers */
	/* Once. In PHP's thread between the start of its modules and the first request; or later, then in any thread (`late`). False:
	 * cannot work, `note` says why. */
	bool (*start)(const struct php_link *link, bool late, char *note, size_t note_size);
	void (*after_fork_child)(void);
	/* The process mapped memory; any thread. */
	void (*mapped)(void);
	/* As in struct adapter. */
	int (*enter)(unsigned deadline_ms, char *note, size_t note_size);
	bool (*still)(void);
	void (*leave)(void);
	void *(*let_go)(void);
	void (*take_back)(void *token);
	uint32_t (*mix)(const uintptr_t *pcs, size_t n, bool whole);
	bool (*discover)(struct walk *walk);
	bool (*blocks)(struct walk *walk);
	bool (*block)(struct walk *walk, uintptr_t address, bool inside, struct walk_block *out);
	bool (*describe)(struct walk *walk, uintptr_t object, unsigned tag,
			 struct walk_object *out);
	void (*edges)(struct walk *walk, uintptr_t object, unsigned tag);
	void (*roots)(struct walk *walk);
	void (*state)(struct walk *walk);
};

#endif
