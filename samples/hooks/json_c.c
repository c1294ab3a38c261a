/*
 * json_c.c - values of json-c.        packages: json-c        rules: json
 *
 *   refgraph run --rules json --on-exit json_c missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <json-c/json.h>

#define OBJECT struct json_object *
#define MAKE(i) json_tokener_parse("{\"a\": [1, 2, \"three\"]}")
#define TAKE(o) json_object_get(o)
#define GIVE(o) json_object_put(o)
#include "lives.h"
