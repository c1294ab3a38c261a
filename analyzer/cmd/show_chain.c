/* show_chain.c - `refgraph show-chain SELECTOR DUMP`: draws the shortest chain that holds an object (or that it holds). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/draw.h"
#include "report/chain.h"

struct chains {
	struct ids starts; /* where the drawing begins: one object per chain */
	struct ids all;	   /* all objects of all chains, ascending, each once */
	uint32_t longest;  /* objects in the longest chain */
};

/* A chain that was found, backwards: its last object is where objgraph's drawing begins; forwards its first. */
static struct error *add_chain(struct chains *chains, struct model *model,
			       struct chain_query *query, uint32_t start)
{
	struct ids chain = {0};
	bool found = false, good;
	struct error *error;

	query->start = start;
	error = chain_find(model, query, &chain, &found);
	if (error) {
		VEC_FREE(&chain);
		return error;
	}
	if (!found)
		fprintf(stderr,
			"refgraph: no chain for #%" PRIu32 " within --max-depth %" PRIu32
			"; it is drawn alone\n",
			start, query->max_depth);
	good = VEC_PUSH(&chains->starts, start);
	for (size_t i = 0; i < chain.n; i++)
		good = good && VEC_PUSH(&chains->all, chain.data[i]);
	if (chain.n > chains->longest)
		chains->longest = (uint32_t)chain.n;
	VEC_FREE(&chain);
	return good ? NULL : error_memory();
}

static struct error *find_chains(struct context *context, struct model *model,
				 const struct universe *universe, bool backwards,
				 struct chains *chains)
{
	struct chain_query query = {
		.backwards = backwards,
		.universe = universe,
		.predicate = option_text(context, OPT_PREDICATE, NULL),
		.any_root = option_flag(context, OPT_ALL_ROOTS, false),
		.extra_ignore = option_text(context, OPT_EXTRA_IGNORE, NULL),
		.max_depth = (uint32_t)option_number(context, OPT_MAX_DEPTH, 20),
	};
	struct ids selected = {0};
	struct error *error = context_select(context, model, universe, &selected);

	for (size_t i = 0; i < selected.n && !error; i++)
		error = add_chain(chains, model, &query, selected.data[i]);
	VEC_FREE(&selected);
	ids_sort_unique(&chains->all, 0);
	return error;
}

static struct error *run(struct context *context)
{
	struct picture_query query = {.backwards = option_flag(context, OPT_BACKREFS, true)};
	struct chains chains = {0};
	struct universe universe;
	struct model *model;
	struct error *error;

	TRY(context_model(context, 0, &model));
	TRY(context_universe(context, model, &universe));
	error = find_chains(context, model, &universe, query.backwards, &chains);
	if (!error)
		error = draw_options(context, chains.starts.n, &query);
	query.universe = &universe;
	query.starts = &chains.starts;
	query.only = &chains.all;
	query.max_depth = chains.longest ? chains.longest - 1 : 0;
	if (!error)
		error = draw_picture(context, model, &query);
	VEC_FREE(&chains.starts);
	VEC_FREE(&chains.all);
	return error;
}

const struct command cmd_show_chain = {
	.name = "show-chain",
	.usage = "SELECTOR... DUMP",
	.summary = "draw the shortest chain of references that holds an object",
	.about = "The chain is that of find-backref-chain; with --no-backrefs that of "
		 "find-ref-chain.",
	.options =
		OPTIONS_UNIVERSE | OPTIONS_DRAW | OPTIONS_CHAIN | OPTIONS_SHOW_CHAIN | OPTIONS_JSON,
	.records = draw_records,
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
