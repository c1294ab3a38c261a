/* module.c - the module's one exported symbol. */
#include "php.h"

#include <zend_modules.h>

const struct php_link *shim;
const struct adapter_host *host;

static bool start(const struct php_link *given, bool late, char *note, size_t note_size)
{
	if (given->version != PHP_LINK_VERSION || given->size != sizeof(*given)) {
		snprintf(note, note_size, "its adapter was built for another refgraph");
		return false;
	}
	shim = given;
	host = given->host;
	events_start(late);
	return true;
}

__attribute__((visibility("default"))) const struct php_module refgraph_php_module = {
	.version = PHP_LINK_VERSION,
	.build_id = ZEND_MODULE_BUILD_ID,
	.start = start,
	.after_fork_child = events_after_fork,
	.mapped = requests_mapped,
	.enter = vm_enter,
	.still = vm_still,
	.leave = vm_leave,
	.let_go = vm_let_go,
	.take_back = vm_take_back,
	.blocks = zendmm_blocks,
	.block = zendmm_find,
	.discover = graph_discover,
	.describe = graph_describe,
	.edges = graph_edges,
	.roots = graph_roots,
	.state = graph_state,
};
