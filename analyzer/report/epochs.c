/* epochs.c - see epochs.h. */
#include "report/epochs.h"

#include <stdlib.h>
#include <string.h>

struct error *epoch_last(struct model *m, uint32_t *ret)
{
	uint64_t last = 0;

	TRY(model_load(m, MODEL_EPOCHS | MODEL_STRINGS));
	for (uint32_t i = 0; i < m->nepochs; i++)
		if (m->epochs[i].number > last)
			last = m->epochs[i].number;
	*ret = last < UINT32_MAX ? last : UINT32_MAX;
	return NULL;
}

struct error *epoch_find(struct model *m, const char *command, const char *text, uint32_t *ret)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	TRY(model_load(m, MODEL_EPOCHS | MODEL_STRINGS));
	for (uint32_t i = m->nepochs; i-- > 0;)
		if (strcmp(model_string(m, m->epochs[i].label), text) == 0) {
			*ret = (uint32_t)m->epochs[i].number;
			return NULL;
		}
	if (end != text && !*end && number < UINT32_MAX) {
		*ret = (uint32_t)number;
		return NULL;
	}
	return error_usage("%s: %s knows of no mark '%s', and it is no number of an epoch", command,
			   m->path, text);
}

struct error *epoch_name(struct model *m, uint32_t epoch, struct str *out)
{
	static const char *const kinds[] = {"start", "mark", "snapshot", "fork"};

	TRY(model_load(m, MODEL_EPOCHS | MODEL_STRINGS));
	if (!epoch)
		str_add(out, "(unknown)");
	for (uint32_t i = 0; i < m->nepochs; i++) {
		const struct epoch *e = &m->epochs[i];

		if (e->number != epoch)
			continue;
		if (model_string(m, e->label)[0])
			str_printable(out, model_string(m, e->label));
		else
			str_add(out, e->kind < 4 ? kinds[e->kind] : "other");
		break;
	}
	return NULL;
}
