#include "symbol/demangle.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The C++ runtime's own demangler; we are C, so it is declared here as the Itanium ABI does. */
extern char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *status);

static const char *const clone_suffixes[] = {".cold",	  ".part",	 ".constprop", ".isra",
					     ".lto_priv", ".localalias", ".llvm"};

static bool is_clone_suffix(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(clone_suffixes) / sizeof(*clone_suffixes); i++)
		if (strlen(clone_suffixes[i]) == length &&
		    strncmp(clone_suffixes[i], text, length) == 0)
			return true;
	return false;
}

static bool is_number(const char *text)
{
	if (*text != '.')
		return false;
	for (text++; *text; text++)
		if (!isdigit((unsigned char)*text))
			return false;
	return true;
}

/* Takes ".constprop.0.cold" off the end, part by part. */
static void drop_clone_suffixes(char *name)
{
	for (char *dot; (dot = strrchr(name, '.')) && dot != name;) {
		if (is_number(dot)) {
			char *before;
			*dot = 0;
			before = strrchr(name, '.');
			if (!before || !is_clone_suffix(before, strlen(before))) {
				*dot = '.'; /* "state.3": a static variable of a function */
				return;
			}
			*before = 0;
		} else if (is_clone_suffix(dot, strlen(dot))) {
			*dot = 0;
		} else {
			return;
		}
	}
}

char *demangle(const char *name)
{
	char *plain = strdup(name), *readable;
	int status;

	if (!plain)
		return NULL;
	drop_clone_suffixes(plain);
	if (strncmp(plain, "_Z", 2) != 0)
		return plain;
	readable = __cxa_demangle(plain, NULL, NULL, &status);
	if (!readable)
		return plain;
	free(plain);
	return readable;
}

char *demangle_type(const char *name)
{
	int status;
	char *readable = __cxa_demangle(name, NULL, NULL, &status);
	size_t n = readable ? strlen(readable) : 0;

	if (n > 3 && strcmp(readable + n - 3, " []") == 0)
		memcpy(readable + n - 3, "[]", 3);
	return readable ? readable : strdup(name);
}
