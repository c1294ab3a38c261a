/*
 * rules.c - libFuzzer on files of rules, which users write, as the shim reads them: in memory that ends where the file does. What is read must hold
 * together, since nobody looks at it again; what is refused must be named by its line, and leave nothing behind. tests/fuzz/rules.dict has the words.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define load load_file
#include "../../preload/hooks/rules.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct config config;

/* What the shim allocates stays; here it goes after each file. */
static struct {
	void *blocks[1u << 15];
	size_t n;
} arena;

void *arena_alloc(size_t size)
{
	void *p = arena.n < sizeof arena.blocks / sizeof *arena.blocks ? calloc(1, size) : NULL;

	if (p)
		arena.blocks[arena.n++] = p;
	return p;
}

void *arena_map(size_t size)
{
	return arena_alloc(size);
}

void arena_unmap(void *p, size_t size)
{
}

int log_vformat(char *buffer, size_t size, const char *format, va_list list)
{
	int n = vsnprintf(buffer, size, format, list);

	return n < (int)size ? n : (int)size - 1;
}

int log_format(char *buffer, size_t size, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = log_vformat(buffer, size, format, list);
	va_end(list);
	return n;
}

void log_line(const char *text)
{
}

static void must(int holds)
{
	if (!holds)
		abort();
}

static void check_path(const struct rule_path *p)
{
	must(p->argument <= 6 && p->loads <= RULE_LOADS);
}

static void check_function(const struct rule_function *f)
{
	must(f->type && f->role > 0 && f->role < RULE_ROLES && f->success <= RULE_IF_NOT_NEGATIVE && f->when <= 6);
	must(f->pattern[0] && f->version != NULL);
	must(f->glob == (strcspn(f->pattern, "*?") < strlen(f->pattern)));
	check_path(&f->object);
	must(f->at_return || (f->success == RULE_ALWAYS && f->object.argument)); /* a result is only there at the return */
	must(!f->counts || f->role == RULE_SINK);
	rule_glob(f->pattern, "cairo_image_surface_create_for_data");
	must(f->glob || rule_glob(f->pattern, f->pattern));
}

static void check_type(const struct rule_type *t)
{
	must(t->family && t->name && t->name[0]);
	must(t->count_from != RULE_COUNT_FIELD || (t->count_width && t->count_width <= 8 && !(t->count_width & (t->count_width - 1))));
	must(t->count_from != RULE_COUNT_CALL || t->count_call.function);
	must(t->name_from != RULE_NAME_CALL || t->name_call.function);
	must(t->count_shift < 64);
	must(t->name_from != RULE_NAME_WORDS || t->name_nwords);
	for (uint32_t i = 0; i < t->name_nwords; i++)
		must(t->name_words[i] && t->name_words[i][0]);
	check_path(&t->count_path);
	check_path(&t->name_path);
}

static void check_all(void)
{
	const struct rule_group *const *g;
	const struct rule_type *const *t;
	size_t ngroups = rules_groups(&g), ntypes = rules_types(&t), next = 0;

	for (size_t i = 0; i < ngroups; i++) { /* each function is in one group */
		must(g[i]->first == next && g[i]->nlibraries);
		next += g[i]->functions;
		for (uint32_t k = 0; k < g[i]->nlibraries; k++)
			must(g[i]->libraries[k][0]);
	}
	must(next == functions_used && next);
	for (size_t i = 0; i < ntypes; i++) {
		must(t[i]->number == i);
		check_type(t[i]);
	}
	for (uint32_t i = 0; i < next; i++) {
		must(rules_function(i)->number == i);
		check_function(rules_function(i));
	}
	must(!rules_function((uint32_t)next));
}

static void check_error(const char *error, size_t lines)
{
	char *end;
	unsigned long line = strtoul(error, &end, 10);

	must(line >= 1 && line <= lines && !strncmp(end, ": ", 2) && end[2]);
	must(!types_used && !functions_used && !groups_used && !needs_used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* as load_file() leaves it */
	const char *error;
	size_t lines = 2;

	memcpy(text, data, size);
	text[size] = 0;
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	types_used = functions_used = groups_used = needs_used = 0;
	error = rules_parse(text, size);
	if (error)
		check_error(error, lines);
	else
		check_all();
	while (arena.n)
		free(arena.blocks[--arena.n]);
	free(text);
	return 0;
}
