/* edge_php.c - see edge_php.h. */
#include "report/edge_php.h"

#include <string.h>

static const struct type *php_type(const struct model *m, uint32_t object)
{
	const struct type *t;

	if (!m->type || m->type[object] >= m->ntypes)
		return NULL;
	t = &m->types[m->type[object]];
	return t->runtime == RGD_RT_PHP ? t : NULL;
}

/* Static members and constants of classes, properties of objects. */
static void attribute(const struct type *source, const char *text, enum edge_php_form form,
		      struct str *out)
{
	if (form != EDGE_PHP_BARE)
		str_add(out, source->flags & RGD_TYPE_F_IS_TYPE ? "::" : "->");
	str_add(out, text);
}

static bool is_function(const struct type *source)
{
	return (source->flags & (RGD_TYPE_F_IS_MODULE | RGD_TYPE_F_IS_TYPE)) ==
	       RGD_TYPE_F_IS_MODULE;
}

bool edge_php(const struct model *m, const struct edge *e, enum edge_php_form form, struct str *out)
{
	const struct type *source = php_type(m, e->source);
	const char *text = model_string(m, e->string);

	if (!source)
		return false;
	switch (e->class) {
	case RGD_LABEL_ATTRIBUTE:
		attribute(source, text, form, out);
		return true;
	case RGD_LABEL_LOCAL:
		if (form == EDGE_PHP_PATH)
			str_printf(out, ":%s", text);
		else
			str_printf(out, "%s%s", is_function(source) ? "static " : "", text);
		return true;
	case RGD_LABEL_CELL:
		str_printf(out, form == EDGE_PHP_PATH ? ":use(%s)" : "use (%s)", text);
		return true;
	case RGD_LABEL_PART:
		/* a variable that is a reference is written as the variable */
		return form == EDGE_PHP_PATH && strcmp(text, "&") == 0;
	default:
		return false;
	}
}
