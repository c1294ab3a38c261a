#include "control/rules.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHIM_NAME "librefgraph.so"

/* Folders where the shim may lie, from the folder of this program. */
static const char *const shim_places[] = {"/", "/../lib/refgraph/", "/../lib/"};

struct error *shim_path(char path[PATH_MAX])
{
	const char *wish = getenv("REFGRAPH_LIB");
	char self[PATH_MAX], place[PATH_MAX + 64];
	ssize_t length;

	if (wish && wish[0]) {
		if (!realpath(wish, path))
			return error_system(errno, wish, "cannot use this shim");
		return NULL;
	}
	length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[length > 0 ? length : 0] = 0;
	if (strrchr(self, '/'))
		*strrchr(self, '/') = 0;
	for (size_t i = 0; i < sizeof(shim_places) / sizeof(*shim_places); i++) {
		snprintf(place, sizeof(place), "%s%s%s", self, shim_places[i], SHIM_NAME);
		if (realpath(place, path))
			return NULL;
	}
	return error_input(NULL, NULL, ERROR_NO_OFFSET,
			   "cannot find " SHIM_NAME " beside this program or in ../lib/refgraph; "
			   "set REFGRAPH_LIB to its path");
}

void rules_folder(const char *shim, char folder[PATH_MAX])
{
	const char *slash = strrchr(shim, '/');

	snprintf(folder, PATH_MAX, "%.*s/rules", (int)(slash ? slash - shim : 1),
		 slash ? shim : ".");
}

/* ---- which rules a user's words name ---------------------------------------------------------------------------------- */

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static struct error *unknown(const char *word, const char *folder)
{
	return error_usage("no rules %s: neither a file nor in %s; `refgraph rules` lists what "
			   "there is",
			   word, folder);
}

/* A file's absolute path, or a shipped name, appended to the shim's list. */
static struct error *resolve_word(const char *word, const char *folder, struct str *list)
{
	char path[PATH_MAX], absolute[PATH_MAX];
	bool shipped;

	snprintf(path, sizeof(path), "%.3800s/%.250s" RULES_ENDING, folder, word);
	shipped = !strcmp(word, "all") || !strcmp(word, "none") ||
		  (!strchr(word, '/') && is_file(path));
	if (!shipped && (!is_file(word) || !realpath(word, absolute)))
		return unknown(word, folder);
	if (!shipped && strchr(absolute, ':'))
		return error_usage("%s: a path with a colon cannot be in a list", absolute);
	if (list->n)
		str_char(list, ':');
	str_add(list, shipped ? word : absolute);
	return list->failed ? error_memory() : NULL;
}

struct error *rules_resolve(const char *wish, const char *shim, struct str *list)
{
	char folder[PATH_MAX], *words = strdup(wish), *state, *word;
	struct error *error = words ? NULL : error_memory();

	rules_folder(shim, folder);
	for (word = words ? strtok_r(words, ":,", &state) : NULL; word && !error;
	     word = strtok_r(NULL, ":,", &state))
		error = resolve_word(word, folder, list);
	free(words);
	return error;
}

/* ---- what is in them ------------------------------------------------------------------------------------------------------ */

static const char *const roles[] = {"create", "destroy", "ref",	  "unref",
				    "sink",   "floats",	 "defer", "acquire"};

static bool is_role(const char *word)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		if (!strcmp(roles[i], word))
			return true;
	}
	return false;
}

static void keep(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

struct listing {
	struct rules_line line;
	char about[256], type[128], role[16], libraries[256];
	void (*each)(const struct rules_line *line, void *context);
	void *context;
};

static void list_functions(struct listing *l, const char *role, char *rest)
{
	char *state, *word = strtok_r(rest, " \t\n", &state);

	keep(l->role, sizeof(l->role), role);
	for (; word; word = strtok_r(NULL, " \t\n", &state)) {
		if (!strcmp(word, "wrapping") || !strcmp(word, "counting") || !strcmp(word, "own"))
			continue;
		l->line.function = word;
		l->each(&l->line, l->context);
	}
}

static void list_line(struct listing *l, char *text)
{
	char *word = text + strspn(text, " \t"), *rest;
	size_t n = strcspn(word, " \t");

	rest = word + n;
	if (*rest)
		*rest++ = 0;
	rest += strspn(rest, " \t");
	if (!strcmp(word, "family")) {
		n = strcspn(rest, " \t");
		keep(l->about, sizeof(l->about), rest + n + strspn(rest + n, " \t"));
	} else if (!strcmp(word, "library")) {
		keep(l->libraries, sizeof(l->libraries), rest);
	} else if (!strcmp(word, "type")) {
		rest[strcspn(rest, " \t")] = 0;
		keep(l->type, sizeof(l->type), rest);
	} else if (is_role(word)) {
		list_functions(l, word, rest);
	}
}

/* Drops the comment and the line's end; true: the next line goes on where this one ends. */
static bool trim(char *text)
{
	size_t n = strcspn(text, "\n");
	char *p;

	text[n] = 0;
	for (p = text; *p && !(*p == '#' && (p == text || p[-1] == ' ' || p[-1] == '\t')); p++)
		;
	*p = 0;
	n = strlen(text);
	if (!n || text[n - 1] != '\\')
		return false;
	text[n - 1] = ' ';
	return true;
}

static struct error *list_file(const char *path, const char *name,
			       void (*each)(const struct rules_line *line, void *context),
			       void *context)
{
	struct listing l = {.each = each, .context = context};
	FILE *f = fopen(path, "re");
	struct str whole = {0};
	char *line = NULL;
	size_t room = 0;
	bool goes_on;

	if (!f)
		return error_system(errno, path, "cannot read");
	l.line = (struct rules_line){name, l.about, l.type, l.role, NULL, l.libraries};
	while (getline(&line, &room, f) >= 0) {
		goes_on = trim(line);
		str_add(&whole, line);
		if (goes_on)
			continue;
		if (whole.data)
			list_line(&l, whole.data);
		str_clear(&whole);
	}
	free(line);
	str_free(&whole);
	fclose(f);
	return NULL;
}

static int is_rules_file(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name), ending = strlen(RULES_ENDING);

	return n > ending && !strcmp(entry->d_name + n - ending, RULES_ENDING);
}

struct error *rules_each(const char *folder, const char *name,
			 void (*each)(const struct rules_line *line, void *context), void *context)
{
	struct dirent **list;
	struct error *error = NULL;
	char path[PATH_MAX];
	bool found = false;
	int n = scandir(folder, &list, is_rules_file, alphasort);

	if (n < 0)
		return error_system(errno, folder, "cannot list the shipped rules");
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
		list[i]->d_name[strlen(list[i]->d_name) - strlen(RULES_ENDING)] = 0;
		if (!error && (!name || !strcmp(name, list[i]->d_name))) {
			error = list_file(path, list[i]->d_name, each, context);
			found = true;
		}
		free(list[i]);
	}
	free(list);
	if (error || found || !name)
		return error;
	return is_file(name) ? list_file(name, name, each, context) : unknown(name, folder);
}
