/*
 * libxml2.c - documents of libxml2.        packages: libxml-2.0        rules: libxml2
 *
 *   refgraph run --rules libxml2 --on-exit libxml2 missing    refgraph balance: forgetful() parsed 4 documents that nobody freed
 */
#include <libxml/parser.h>

#define OBJECT xmlDoc *
#define MAKE(i) xmlReadMemory("<a><b/>text</a>", 15, "a.xml", NULL, 0)
#define END(o) xmlFreeDoc(o)
#include "lives.h"
