/* commands.c - all commands, in the order of `refgraph help`. */
#include "cmd/cmd.h"

extern const struct command cmd_run, cmd_ps, cmd_snapshot, cmd_mark, cmd_watch, cmd_info, cmd_check,
	cmd_count, cmd_typestats, cmd_most_common_types, cmd_show_most_common_types, cmd_by_type,
	cmd_at, cmd_at_addrs, cmd_show, cmd_roots, cmd_growth, cmd_show_growth,
	cmd_find_backref_chain, cmd_find_ref_chain, cmd_show_backrefs, cmd_show_refs,
	cmd_show_chain, cmd_retained, cmd_dominators, cmd_cycles, cmd_why, cmd_get_new_ids,
	cmd_get_leaking_objects, cmd_is_proper_module, cmd_referents, cmd_referrers, cmd_refcount,
	cmd_gc, cmd_diff, cmd_leaks, cmd_collect, cmd_query, cmd_suspects, cmd_audit, cmd_complete,
	cmd_stacks, cmd_memory, cmd_tasks, cmd_slopes, cmd_survivors, cmd_index, cmd_types;

const struct command *const commands[] = {
	/* processes */
	&cmd_run,
	&cmd_ps,
	&cmd_snapshot,
	&cmd_mark,
	&cmd_watch,
	/* what is there */
	&cmd_info,
	&cmd_count,
	&cmd_typestats,
	&cmd_most_common_types,
	&cmd_show_most_common_types,
	&cmd_types,
	&cmd_growth,
	&cmd_show_growth,
	&cmd_slopes,
	&cmd_survivors,
	&cmd_get_new_ids,
	&cmd_stacks,
	&cmd_memory,
	&cmd_diff,
	/* objects and who holds them */
	&cmd_by_type,
	&cmd_at,
	&cmd_at_addrs,
	&cmd_show,
	&cmd_tasks,
	&cmd_is_proper_module,
	&cmd_get_leaking_objects,
	&cmd_referents,
	&cmd_referrers,
	&cmd_refcount,
	&cmd_find_backref_chain,
	&cmd_find_ref_chain,
	&cmd_show_backrefs,
	&cmd_show_refs,
	&cmd_show_chain,
	&cmd_roots,
	&cmd_suspects,
	&cmd_query,
	&cmd_retained,
	&cmd_dominators,
	&cmd_cycles,
	&cmd_why,
	&cmd_leaks,
	/* CPython's collector */
	&cmd_gc,
	&cmd_collect,
	&cmd_audit,
	/* files */
	&cmd_check,
	&cmd_index,
	/* shells */
	&cmd_complete,
	NULL,
};
