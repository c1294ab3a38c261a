/* contents.c - see contents.h. */
#include "report/contents.h"

#include <ctype.h>
#include <string.h>

bool contents_inside(const struct model *m, uint32_t object)
{
	return m->block_owner && object < m->nobjects && m->block_owner[object];
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Names that a program must not use itself. */
static bool is_internal(const char *name, size_t n)
{
	return n > 2 && name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1]));
}

static size_t separator(const char *text)
{
	return text[0] == '.' ? 1 : text[0] == '-' && text[1] == '>' ? 2 : 0;
}

void contents_clean(const char *text, struct str *out)
{
	bool begins = true; /* a name may begin here */

	while (*text) {
		size_t sep = separator(text), n = 0;

		while ((sep || begins) && is_word(text[sep + n]))
			n++;
		if (n && is_internal(text + sep, n)) {
			text += sep + n;
			begins = false;
			continue;
		}
		n = sep + n ? sep + n : 1;
		str_bytes(out, text, n);
		begins = !is_word(text[n - 1]) && text[n - 1] != ']';
		text += n;
	}
}

/* Lists', trees' and hash tables' nodes hold one item each. */
static bool is_node(struct model *m, uint32_t object)
{
	return strstr(model_type_name(m, object), "_node<");
}

/* Which bucket it is tells nobody anything. */
static bool is_buckets(struct model *m, uint32_t object)
{
	const char *name = model_type_name(m, object);

	return strncmp(name, "std::__detail::_Hash_node_base *[]", 33) == 0 ||
	       strstr(name, "__hash_node_base");
}

void contents_add(struct model *m, uint32_t source, const char *text, struct contents *c,
		  struct str *out)
{
	bool inside = contents_inside(m, source);
	struct str part = {0};
	const char *rest;

	if (inside && is_buckets(m, source))
		return;
	contents_clean(text, &part);
	rest = str_text(&part);
	if (!inside) {
		c->node = false;
		str_add(out, part.n ? rest : text);
	} else if (is_node(m, source) && !part.n) {
		c->node = true;
	} else if (is_node(m, source)) {
		c->node = false;
		if (separator(rest) == 2) /* the item lies in the node itself */
			rest += 2;
		str_printf(out, "[]%s%s", separator(rest) || *rest == '[' ? "" : ".", rest);
	} else {
		contents_end(c, out);
		if (part.n && !separator(rest) && *rest != '[' && out->n)
			str_char(out, '.');
		str_add(out, rest);
	}
	str_free(&part);
}

void contents_end(struct contents *c, struct str *out)
{
	if (c->node)
		str_add(out, "[]");
	c->node = false;
}
