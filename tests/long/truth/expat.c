/* Parses a file of XML up to its end, and keeps the parser; elements become a tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>

#include "refgraph.h"

struct attribute {
	struct attribute *next;
	char *name, *value;
};
struct element {
	struct element *parent, *first, *next;
	char *name;
	struct attribute *attributes;
	unsigned long line;
};
static struct element *root, *now;
static XML_Parser parser;
static char text[1 << 20];

static void start(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct element *e = calloc(1, sizeof *e);

	e->name = strdup(name);
	e->line = XML_GetCurrentLineNumber(parser);
	e->parent = now;
	if (now) {
		e->next = now->first;
		now->first = e;
	} else {
		root = e;
	}
	now = e;
	for (; *attributes; attributes += 2) {
		struct attribute *a = malloc(sizeof(struct attribute));
		a->name = strdup(attributes[0]);
		a->value = strdup(attributes[1]);
		a->next = e->attributes;
		e->attributes = a;
	}
}

static void end(void *data, const XML_Char *name)
{
	now = now->parent;
}

int main(int argc, char **argv)
{
	FILE *file = fopen(argv[1], "r");
	size_t n = fread(text, 1, sizeof text, file);

	parser = XML_ParserCreateNS(NULL, '|');
	XML_SetElementHandler(parser, start, end);
	if (XML_Parse(parser, text, n, 0) == XML_STATUS_ERROR)
		return 1;
	refgraph_snapshot("truth");
	return root == NULL;
}
