/* draw.c - see draw.h. */
#include "cmd/draw.h"

#include <stdio.h>
#include <string.h>

#include "out/json.h"
#include "out/render.h"

/* With --fold: looked at, so that they can be drawn as few. */
#define FOLDED_NEIGHBOURS 5000
#define FOLDED_NODES 20000
#define PICTURE_NODES 80u /* that can be laid out in a second, and be read */

const char *draw_filename(const struct context *context)
{
	return option_text(context, OPT_FILENAME, option_text(context, OPT_OUTPUT, NULL));
}

struct error *draw_options(const struct context *context, size_t starts,
			   struct picture_query *query)
{
	bool picture;

	query->max_depth = (uint32_t)option_number(context, OPT_MAX_DEPTH, 3);
	query->by_retained = strcmp(option_text(context, OPT_SHADE, "depth"), "retained") == 0;
	picture = context->style.format != TABLE_JSON &&
		  render_is_picture(draw_filename(context), option_text(context, OPT_FORMAT, NULL));
	query->fit = option_number(context, OPT_MAX_NODES, picture ? PICTURE_NODES : 0);
	query->cycles = option_flag(context, OPT_CLUSTER, picture);
	query->fold = option_flag(context, OPT_FOLD, query->fit && starts > query->fit);
	query->max_nodes = query->fold || query->fit ? FOLDED_NODES : 0;
	query->too_many =
		option_number(context, OPT_TOO_MANY, query->fold ? FOLDED_NEIGHBOURS : 10);
	query->extra_ignore = option_text(context, OPT_EXTRA_IGNORE, NULL);
	query->filter = option_text(context, OPT_FILTER, NULL);
	query->highlight = option_text(context, OPT_HIGHLIGHT, NULL);
	query->extra_info = option_text(context, OPT_EXTRA_INFO, NULL);
	query->extra_node_attrs = option_text(context, OPT_EXTRA_NODE_ATTRS, NULL);
	query->refcounts = option_flag(context, OPT_REFCOUNTS, false);
	query->long_names = !option_flag(context, OPT_SHORTNAMES, true);
	query->legend = option_flag(context, OPT_LEGEND, false);
	return NULL;
}

static void print_node(const struct drawing *drawing, const struct drawing_node *node)
{
	struct json json;

	json_begin(&json, stdout);
	json_text(&json, "kind", node->root ? "root" : "node");
	json_text(&json, "name", node->name);
	json_text(&json, "label", node->label);
	json_number(&json, "depth", node->depth);
	json_bool(&json, "start", node->start);
	json_bool(&json, "module", node->module);
	json_bool(&json, "highlighted", node->highlighted);
	json_bool(&json, "finalizer", node->finalizer);
	json_number(&json, "more", node->more);
	json_number(&json, "count", node->members ? node->members : 1);
	if (node->cycle)
		json_number(&json, "cycle", node->cycle);
	if (drawing->by_weight)
		json_number(&json, "retained", node->weight);
	json_end(&json);
}

static void print_edge(const struct drawing *drawing, const struct drawing_edge *edge)
{
	static const char *const styles[] = {
		[EDGE_STRONG] = "strong",     [EDGE_WEAK] = "weak",
		[EDGE_INTERNAL] = "internal", [EDGE_CONSERVATIVE] = "conservative",
		[EDGE_BORROWED] = "borrowed",
	};
	struct json json;

	json_begin(&json, stdout);
	json_text(&json, "kind", "edge");
	json_text(&json, "from", drawing->nodes[edge->from].name);
	json_text(&json, "to", drawing->nodes[edge->to].name);
	json_text(&json, "label", edge->label);
	json_text(&json, "reference", styles[edge->style]);
	json_end(&json);
}

static void print_json(const struct drawing *drawing)
{
	for (size_t i = 0; i < drawing->node_count; i++)
		print_node(drawing, &drawing->nodes[i]);
	for (size_t i = 0; i < drawing->edge_count; i++)
		print_edge(drawing, &drawing->edges[i]);
}

struct error *draw_output(const struct context *context, const struct drawing *drawing)
{
	const char *name = draw_filename(context);

	if (context->options[OPT_FILENAME].given && context->options[OPT_OUTPUT].given)
		return error_usage("--filename and --output are the same thing; give one");

	if (drawing->note)
		fprintf(stderr, "refgraph: %s; see --max-nodes\n", drawing->note);
	if (context->style.format == TABLE_JSON) {
		print_json(drawing);
		return NULL;
	}
	TRY(render_drawing(drawing, name, option_text(context, OPT_FORMAT, NULL)));
	if (name && strcmp(name, "-") != 0)
		printf("Graph written to %s (%zu nodes)\n", name, drawing->node_count);
	return NULL;
}

struct error *draw_picture(const struct context *context, struct model *model,
			   const struct picture_query *query)
{
	struct drawing drawing = {0};
	struct error *error = picture_make(model, query, &drawing);

	if (!error)
		error = draw_output(context, &drawing);
	drawing_free(&drawing);
	return error;
}

struct error *draw_selected(struct context *context, bool backwards)
{
	struct picture_query query = {.backwards = backwards};
	struct universe universe;
	struct model *model;
	struct ids starts = {0};
	struct error *error;

	TRY(context_model(context, 0, &model));
	TRY(context_universe(context, model, &universe));
	error = context_select(context, model, &universe, &starts);
	if (!error)
		error = draw_options(context, starts.n, &query);
	query.universe = &universe;
	query.starts = &starts;
	if (!error)
		error = draw_picture(context, model, &query);
	VEC_FREE(&starts);
	return error;
}

/* Fields of --json. */
static const struct column node_columns[] = {
	{"kind", NULL, CELL_TEXT, .about = "node, or root"},
	{"name", NULL, CELL_TEXT, .about = "its name in DOT"},
	{"label", NULL, CELL_TEXT, .about = "what is written in it"},
	{"depth", NULL, CELL_NUMBER, .about = "steps from the start"},
	{"start", NULL, CELL_BOOL, .about = "what was asked for"},
	{"module", NULL, CELL_BOOL, .about = "a module"},
	{"highlighted", NULL, CELL_BOOL, .about = "by --highlight"},
	{"finalizer", NULL, CELL_BOOL, .about = "its type has one"},
	{"more", NULL, CELL_NUMBER, .about = "neighbours that are not drawn"},
	{"count", NULL, CELL_NUMBER, .about = "objects that it stands for"},
	{"cycle", NULL, CELL_NUMBER, .about = "of the frame around it", .optional = true},
	{"retained", NULL, CELL_SIZE, .about = "with --shade=retained", .optional = true},
};

/* Fields of --json. */
static const struct column edge_columns[] = {
	{"kind", NULL, CELL_TEXT, .about = "edge"},
	{"from", NULL, CELL_TEXT, .about = "name of a node"},
	{"to", NULL, CELL_TEXT, .about = "name of a node"},
	{"label", NULL, CELL_TEXT, .about = "what is written on it"},
	{"reference", NULL, CELL_TEXT, .about = "strong, weak, internal, conservative, borrowed"},
};

const struct record *const draw_records[] = {
	RECORD_IF("kind", "node", node_columns),
	RECORD_IF("kind", "root", node_columns),
	RECORD_IF("kind", "edge", edge_columns),
	NULL,
};
