/*
 * libxml2_node.c - nodes that are taken out of a tree.        packages: libxml-2.0        rules: libxml2
 *
 *   refgraph run --rules libxml2 --on-exit libxml2_node missing    refgraph balance: forgetful() made 4 nodes that nobody linked or freed
 */
#include <libxml/tree.h>

static xmlNode tree = {.type = XML_ELEMENT_NODE};

static xmlNode *make(void)
{
	xmlNode *node = xmlNewNode(NULL, BAD_CAST "node");

	xmlAddChild(&tree, node);
	xmlUnlinkNode(node);
	return node;
}

#define OBJECT xmlNode *
#define MAKE(i) make()
#define END(o) xmlFreeNode(o)
#include "lives.h"
