/*
 * libxml2_dict.c - dictionaries of libxml2, which are counted.        packages: libxml-2.0        rules: libxml2
 *
 *   refgraph run --rules libxml2 --on-exit libxml2_dict missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <libxml/tree.h>

static xmlDict *take(xmlDict *dict)
{
	xmlDictReference(dict);
	return dict;
}

#define OBJECT xmlDict *
#define MAKE(i) xmlDictCreate()
#define TAKE(o) take(o)
#define GIVE(o) xmlDictFree(o)
#include "lives.h"
