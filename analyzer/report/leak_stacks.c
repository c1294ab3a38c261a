#include "report/leak_stacks.h"

#include <inttypes.h>
#include <string.h>

static const char *name_of(const struct model *m, uint32_t frame)
{
	const char *name = NULL;

	if (m->frames[frame].kind == RGD_FRAME_NATIVE && m->namer.function)
		name = m->namer.function(m->namer.context, frame);
	return name ? name : "";
}

/* libc's, below main() or a thread's function: where a stripped program's main() has no name, too */
static bool is_start(const char *name)
{
	return strncmp(name, "__libc_start_", 13) == 0 || strcmp(name, "start_thread") == 0;
}

void leak_stack_text(struct model *m, const struct leak_record *r, uint64_t callers,
		     struct str *out)
{
	uint64_t n = 0, more = 0;

	if (!callers || r->stack == MODEL_NONE || m->stacks[r->stack].parent == MODEL_NONE)
		return;
	str_printf(out, "#%" PRIu32 " %s, %" PRIu64 " block%s of %s\n", r->example,
		   leak_kind_names[r->kind], r->own.blocks, r->own.blocks == 1 ? "" : "s",
		   model_type_name(m, r->example));
	for (uint32_t s = r->stack; s != MODEL_NONE; s = m->stacks[s].parent) {
		const char *name = name_of(m, m->stacks[s].frame);

		if (n && is_start(name))
			break;
		if (n == callers) {
			more++;
		} else {
			str_add(out, n++ ? "   by " : "   at ");
			model_frame_text(m, m->stacks[s].frame, out);
			str_char(out, '\n');
		}
		if (strcmp(name, "main") == 0)
			break;
	}
	if (more)
		str_printf(out, "   and %" PRIu64 " more: --num-callers %" PRIu64 " shows them\n",
			   more, n + more);
}
