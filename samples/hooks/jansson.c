/*
 * jansson.c - values of jansson, whose counting is inlined: who made what was never deleted is seen, who took the reference is not.
 *                                                              packages: jansson        rules: json
 *   refgraph run --rules json --on-exit jansson missing    refgraph balance: forgetful() made 4 values that were not deleted
 */
#include <jansson.h>

#define OBJECT json_t *
#define MAKE(i) json_pack("{s:i, s:[i]}", "a", i, "b", i)
#define END(o) json_decref(o)
#include "lives.h"
