/* Reads a file of YAML (JSON is some) as a document, and keeps it, its parser and an emitter. */
#include <stdio.h>
#include <yaml.h>

#include "refgraph.h"

static unsigned char out[1 << 20];

int main(int argc, char **argv)
{
	static yaml_parser_t parser;
	static yaml_document_t document, second;
	static yaml_emitter_t emitter;
	static yaml_event_t event;
	size_t written;
	FILE *file = fopen(argv[1], "r");

	yaml_parser_initialize(&parser);
	yaml_parser_set_input_file(&parser, file);
	if (!yaml_parser_load(&parser, &document))
		return 1;
	yaml_emitter_initialize(&emitter);
	yaml_emitter_set_output_string(&emitter, out, sizeof out, &written);
	yaml_emitter_open(&emitter);
	yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0);
	yaml_emitter_emit(&emitter, &event);
	rewind(file);
	(void)second;
	refgraph_snapshot("truth");
	return 0;
}
