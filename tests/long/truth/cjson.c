/* Reads a file of JSON and keeps it. */
#include <stdio.h>
#include <stdlib.h>

#include <cJSON.h>
#include <cJSON_Utils.h>

#include "refgraph.h"

static char text[1 << 20];

int main(int argc, char **argv)
{
	FILE *file = fopen(argv[1], "r");
	cJSON *tree, *copy, *patch;
	char *print;

	text[fread(text, 1, sizeof text - 1, file)] = 0;
	tree = cJSON_Parse(text);
	copy = cJSON_Duplicate(tree, 1);
	cJSON_AddStringToObject(copy, "new", "a value");
	patch = cJSONUtils_GeneratePatches(tree, copy);
	print = cJSON_Print(copy);
	refgraph_snapshot("truth");
	return !print || !patch;
}
