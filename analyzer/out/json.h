/* json.h - one JSON object a line, written field by field. Field names come from us, values are
 * escaped. */
#ifndef REFGRAPH_JSON_H
#define REFGRAPH_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool comma;
};

void json_begin(struct json *json, FILE *out);
void json_text(struct json *json, const char *name, const char *value); /* NULL: null */
void json_number(struct json *json, const char *name, uint64_t value);
void json_signed(struct json *json, const char *name, int64_t value);
void json_bool(struct json *json, const char *name, bool value);
void json_address(struct json *json, const char *name, uint64_t value); /* "0x7f..." */
void json_end(struct json *json);

#endif
