/*
 * events.c - the engine's own pointers, each chained once; what happens is passed on to event_handlers[].
 *
 * No zend_extension and no PHP module is registered: get_loaded_extensions(), php -m and phpinfo() show nothing of us.
 *
 *   request begins    sapi_module.activate, which the engine calls when symbol tables exist and before the script
 *   request ends      a shutdown function of ours, that appends itself again until it is the last; it costs the request a
 *                     few hundred bytes of its memory, so it is there only when some feature wants to know. The modules have
 *                     begun the request when its script is compiled: only then there is a list to append to
 *   request is gone   sapi_module.deactivate: objects are destroyed, the memory manager is not shut down yet
 *   collector         gc_collect_cycles, a pointer
 *   fibers            the engine's observers
 */
#include "php.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <ext/standard/basic_functions.h>

const struct event_handlers *const event_handlers[] = {
	&vm_events,    &regions_events,	 &engine_events,
	&alloc_events, &requests_events, &collector_events,
	NULL};

#define EACH(event, ...)                                                                           \
	for (const struct event_handlers *const *each_ = event_handlers; *each_; each_++)          \
		if ((*each_)->event)                                                               \
	(*each_)->event(__VA_ARGS__)

static struct {
	int (*activate)(void);
	int (*deactivate)(void);
	int (*collect)(void);
	zend_op_array *(*compile_file)(zend_file_handle *file, int type);
	zend_op_array *(*compile_first)(zend_file_handle *file, int type);
	zend_op_array *(*compile_string)(zend_string *source, const char *file,
					 zend_compile_position position);
	uint32_t thread;
	bool in_request;
	bool end_is_wanted;	     /* and no shutdown function is appended yet */
	zend_internal_function last; /* the shutdown function */
	void *last_cache
		[8]; /* its run-time cache: observers of functions keep their own words there */
} events;

uint32_t php_thread(void)
{
	return events.thread;
}

bool php_in_request(void)
{
	return events.in_request;
}

void events_note_thread(void)
{
	events.thread = (uint32_t)syscall(SYS_gettid);
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

static void append_last(void);

/* Others may have been appended meanwhile, by functions that ran before this one: then once more, behind them. */
static void last_function(zend_execute_data *execute_data, zval *return_value)
{
	HashTable *table = BG(user_shutdown_function_names);
	const zval *z, *end = NULL;

	ZEND_HASH_FOREACH_VAL(table, z)
	end = z;
	ZEND_HASH_FOREACH_END();
	if (end &&
	    ((const php_shutdown_function_entry *)Z_PTR_P(end))->fci_cache.function_handler !=
		    (const zend_function *)&events.last)
		append_last();
	else
		EACH(request_end);
}

static void append_last(void)
{
	php_shutdown_function_entry entry = {.fci = empty_fcall_info,
					     .fci_cache = empty_fcall_info_cache};

	entry.fci.size = sizeof(entry.fci);
	entry.fci_cache.function_handler = (zend_function *)&events.last;
	append_user_shutdown_function(&entry);
}

static void make_last(void)
{
	events.last = (zend_internal_function){
		.type = ZEND_INTERNAL_FUNCTION,
		.function_name = ZSTR_CHAR('_'),
		.handler = last_function,
	};
	ZEND_MAP_PTR_INIT(events.last.run_time_cache, events.last_cache);
}

static bool end_is_wanted(void)
{
	for (const struct event_handlers *const *h = event_handlers; *h; h++)
		if ((*h)->request_end && (!(*h)->wants_end || (*h)->wants_end()))
			return true;
	return false;
}

static void want_end(void)
{
	if (!events.end_is_wanted || !EG(active))
		return;
	events.end_is_wanted = false;
	append_last();
}

static zend_op_array *on_compile_file(zend_file_handle *file, int type)
{
	want_end();
	EACH(compiles);
	return events.compile_file(file, type);
}

static zend_op_array *on_compile_string(zend_string *source, const char *file,
					zend_compile_position position)
{
	want_end();
	EACH(compiles);
	return events.compile_string(source, file, position);
}

/* opcache puts its own before ours after we have started, and answers by itself for what it has. */
static zend_op_array *on_compile_first(zend_file_handle *file, int type)
{
	want_end();
	EACH(compiles);
	return events.compile_first(file, type);
}

static void come_first(void)
{
	if (events.compile_first || zend_compile_file == on_compile_file)
		return;
	events.compile_first = zend_compile_file;
	zend_compile_file = on_compile_first;
}

static int on_activate(void)
{
	int status = events.activate ? events.activate() : SUCCESS;

	events_note_thread();
	come_first();
	events.in_request = true;
	events.end_is_wanted = end_is_wanted();
	EACH(request_begin);
	return status;
}

static int on_deactivate(void)
{
	EACH(request_gone);
	events.in_request = false;
	return events.deactivate ? events.deactivate() : SUCCESS;
}

/* ---- the collector, fibers ------------------------------------------------------------------------------------------- */

static int on_collect(void)
{
	int collected;

	EACH(gc_begin);
	collected = events.collect();
	EACH(gc_end, collected);
	return collected;
}

static void on_fiber_begin(zend_fiber_context *context)
{
	EACH(fiber_begin, context);
}

static void on_fiber_end(zend_fiber_context *context)
{
	EACH(fiber_end, context);
}

/* ---- all --------------------------------------------------------------------------------------------------------------- */

void events_start(bool late)
{
	/* a late start is the helper's: whose thread runs a request, the next interrupt tells; between requests it is the main one */
	if (!late)
		events_note_thread();
	else if (!EG(active))
		events.thread = (uint32_t)getpid();
	make_last();
	events.activate = sapi_module.activate;
	sapi_module.activate = on_activate;
	events.deactivate = sapi_module.deactivate;
	sapi_module.deactivate = on_deactivate;
	events.compile_file = zend_compile_file;
	zend_compile_file = on_compile_file;
	events.compile_string = zend_compile_string;
	zend_compile_string = on_compile_string;
	events.collect = gc_collect_cycles;
	gc_collect_cycles = on_collect;
	zend_observer_fiber_init_register(on_fiber_begin);
	zend_observer_fiber_destroy_register(on_fiber_end);
	events.in_request = late && EG(active);
	EACH(startup, late);
}

void events_after_fork(void)
{
	events_note_thread();
	EACH(after_fork);
}
