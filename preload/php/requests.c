/*
 * requests.c - requests as epochs, and snapshots at moments that a PHP developer asks for: the end of a request, a size, the
 * fatal error of an exhausted memory_limit.
 *
 * Everything that ZendMM hands out goes at the end of its request. What a long-running process keeps beyond is persistent
 * memory, of malloc; its blocks bear the epoch, and so the request, that they were allocated in. A worker that is one long loop
 * on the command line has one request only: there each call of a function that the user names begins an epoch.
 */
#include "php.h"

#include <stdatomic.h>

#include "alloc.h"

#define LABEL 120u
#define FATAL_MOST                                                                                 \
	4u /* of a process: one that runs out of memory with each request shall not fill the disk */

static struct {
	uint64_t begun; /* requests */
	char label[LABEL];
	bool is_server; /* more requests than one */
	unsigned fatal; /* snapshots of fatal errors */
	uint64_t level; /* of memory, for the next snapshot */
	_Atomic bool grown;
	uint64_t calls; /* of the function that begins epochs */
	void (*next_error)(int type, zend_string *file, const uint32_t line, zend_string *message);
	void (*next_interrupt)(zend_execute_data *execute_data);
} requests;

static void say(const char *what, const char *why)
{
	char line[320];

	snprintf(line, sizeof(line), "%s: %s", what, why);
	host->log(line);
}

static void snapshot(const char *reason, const char *label)
{
	char message[256];

	if (host->snapshot(reason, label, message, sizeof(message)))
		say("no dump", message);
}

/* ---- labels ----------------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* As the client sent it. FPM has the script's name in its place, and what it was sent among the variables. */
static const char *request_uri(void)
{
	const char *uri = SG(server_context) && sapi_module.getenv
				  ? sapi_module.getenv("REQUEST_URI", sizeof("REQUEST_URI") - 1)
				  : NULL;

	return uri ? uri : SG(request_info).request_uri;
}

/* "GET /shop/cart index.php"; what follows the question mark is data, and stays out. */
static void make_label(void)
{
	const sapi_request_info *info = &SG(request_info);
	const char *script = base_name(info->path_translated), *uri = request_uri();
	int length = uri ? (int)strcspn(uri, "?") : 0;

	if (!length)
		snprintf(requests.label, LABEL, "%s", script ? script : "(no script)");
	else
		snprintf(requests.label, LABEL, "%s%s%.*s%s%s",
			 info->request_method ? info->request_method : "",
			 info->request_method ? " " : "", length > 80 ? 80 : length, uri,
			 script ? " " : "", script ? script : "");
}

/* ---- the end of a request ------------------------------------------------------------------------------------------------- */

static bool wants_end(void)
{
	return host->php_request == requests.begun + 1;
}

static void request_begin(void)
{
	requests.begun++;
	make_label();
	host->mark(requests.label);
}

static void request_end(void)
{
	if (host->php_request == requests.begun)
		snapshot("php-request", requests.label);
}

static void request_gone(void)
{
	/* the engine's own start ends with it too */
	if (requests.is_server && php_in_request())
		host->task_done("php request");
}

/* ---- a size ------------------------------------------------------------------------------------------------------------------ */

/* In any mmap() of the process: between two opcodes it will be looked at. */
void requests_mapped(void)
{
	if (!requests.level || !php_in_request() || atomic_load(&requests.grown))
		return;
	atomic_store(&requests.grown, true);
	zend_atomic_bool_store(&EG(vm_interrupt), true);
}

static void on_interrupt(zend_execute_data *execute_data)
{
	if (requests.level && atomic_exchange(&requests.grown, false) &&
	    zend_memory_usage(true) >= requests.level) {
		while (requests.level <= zend_memory_usage(true))
			requests.level *= 2;
		snapshot("php-memory", requests.label);
	}
	if (requests.next_interrupt)
		requests.next_interrupt(execute_data);
}

/* ---- a fatal error ------------------------------------------------------------------------------------------------------------ */

static bool starts_with(const zend_string *text, const char *with)
{
	return ZSTR_LEN(text) >= strlen(with) && !memcmp(ZSTR_VAL(text), with, strlen(with));
}

static bool is_exhaustion(int type, const zend_string *message)
{
	return type & E_ERROR && message &&
	       (starts_with(message, "Allowed memory size of ") ||
		starts_with(message, "Out of memory"));
}

/* The engine calls this from within the allocator, or soon after: all frames are there, and ZendMM's lists are whole. */
static void on_error(int type, zend_string *file, const uint32_t line, zend_string *message)
{
	char label[256];

	alloc_again();
	if (host->on_fatal && is_exhaustion(type, message) && requests.fatal < FATAL_MOST) {
		requests.fatal++;
		snprintf(label, sizeof(label), "%s in %s:%u", ZSTR_VAL(message),
			 file ? base_name(ZSTR_VAL(file)) : "?", line);
		snapshot("fatal", label);
	}
	requests.next_error(type, file, line, message);
}

/* ---- calls as epochs --------------------------------------------------------------------------------------------------------- */

static void on_call(zend_execute_data *execute_data)
{
	char label[LABEL];

	requests.calls++;
	snprintf(label, sizeof(label), "%s #%llu", host->php_epoch_function,
		 (unsigned long long)requests.calls);
	host->mark(label);
	host->task_done(host->php_epoch_function);
}

static bool is_named(const zend_function *f)
{
	const char *wanted = host->php_epoch_function, *colons = strstr(wanted, "::");
	const zend_class_entry *class = f->common.scope;

	wanted += *wanted == '\\';
	if (!f->common.function_name)
		return false;
	if (!colons)
		return !class && !strcasecmp(ZSTR_VAL(f->common.function_name), wanted);
	return class && ZSTR_LEN(class->name) == (size_t)(colons - wanted) &&
	       !strncasecmp(ZSTR_VAL(class->name), wanted, (size_t)(colons - wanted)) &&
	       !strcasecmp(ZSTR_VAL(f->common.function_name), colons + 2);
}

/* Asked once for each function, when it is first called. */
static zend_observer_fcall_handlers observe(zend_execute_data *execute_data)
{
	zend_observer_fcall_handlers handlers = {NULL, NULL};

	if (is_named(execute_data->func))
		handlers.begin = on_call;
	return handlers;
}

/* The engine reserves room for observers just before it calls us; with another one's room there is none for ours. */
static void observe_calls(void)
{
	if (ZEND_OBSERVER_ENABLED) {
		say("REFGRAPH_PHP_EPOCH_FUNCTION does nothing",
		    "another extension observes function calls");
		return;
	}
	zend_observer_fcall_register(observe);
	zend_observer_post_startup();
}

/* ---- start ------------------------------------------------------------------------------------------------------------------------ */

static void startup(bool late)
{
	requests.is_server =
		strcmp(sapi_module.name, "cli") != 0 && strcmp(sapi_module.name, "embed") != 0;
	requests.level = host->php_memory;
	requests.next_error = zend_error_cb;
	zend_error_cb = on_error;
	if (requests.level) {
		requests.next_interrupt = zend_interrupt_function;
		zend_interrupt_function = on_interrupt;
	}
	if (host->php_epoch_function[0] && !late)
		observe_calls();
}

static void after_fork(void)
{
	requests.fatal = 0;
	requests.level = host->php_memory;
}

const struct event_handlers requests_events = {
	.startup = startup,
	.wants_end = wants_end,
	.request_begin = request_begin,
	.request_end = request_end,
	.request_gone = request_gone,
	.after_fork = after_fork,
};
