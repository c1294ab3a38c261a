/*
 * labels.c - how references are called, as numbers of labels. A dump has no contents of the program beyond names: a key is
 * shown when it is an identifier, or when it is written in the program's source (interned) and looks like a name of a
 * service, an event, a class. Others only with REFGRAPH_VALUES.
 */
#include "php.h"

#define CACHE 8192u /* a power of two */
#define LONGEST 80u

struct known {
	uintptr_t text;
	uint32_t kind_class; /* + 1 */
	uint32_t label;
};
static struct known cache[CACHE];

static struct known *slot(const struct visitor *v, uintptr_t text, unsigned kind, unsigned class)
{
	uint32_t want = ((uint32_t)v->rooting << 16 | kind << 8 | class) + 1;
	struct known *k = &cache[(text / 8 * 31 + text + want) & (CACHE - 1)];

	if (k->text == text && k->kind_class == want)
		return k;
	k->text = text;
	k->kind_class = want;
	k->label = UINT32_MAX;
	return k;
}

/* The collector does not look at keys: strings hold nothing. */
static bool is_traversed(unsigned kind, unsigned class)
{
	return kind == RGD_EDGE_STRONG && class != RGD_LABEL_IS_KEY;
}

static uint32_t make(struct visitor *v, unsigned kind, unsigned class, const char *text,
		     size_t length)
{
	unsigned flags = is_traversed(kind, class) ? RGD_LABEL_F_TRAVERSED : 0;

	if (v->rooting)
		return shim->string(v->walk, text, length);
	return shim->label(v->walk, kind, class, flags,
			   length ? shim->string(v->walk, text, length) : 0);
}

uint32_t label_text(struct visitor *v, enum rgd_edge_kind kind, enum rgd_label_class class,
		    const char *literal)
{
	struct known *k;

	if (!v->writing)
		return 0;
	k = slot(v, (uintptr_t)literal, kind, class);
	if (k->label == UINT32_MAX)
		k->label = make(v, kind, class, literal, strlen(literal));
	return k->label;
}

uint32_t label_unseen(struct visitor *v, enum rgd_label_class class, const char *literal)
{
	size_t n = strlen(literal);

	if (!v->writing)
		return 0;
	return v->rooting ? shim->string(v->walk, literal, n)
			  : shim->label(v->walk, RGD_EDGE_STRONG, class, 0,
					shim->string(v->walk, literal, n));
}

uint32_t part(struct visitor *v, const char *literal)
{
	return label_text(v, RGD_EDGE_STRONG, RGD_LABEL_PART, literal);
}

static bool letter(unsigned char c)
{
	return (unsigned)(c | 32) - 'a' < 26u || c == '_' || c >= 0x80;
}

static bool digit(unsigned char c)
{
	return (unsigned)c - '0' < 10u;
}

bool is_name(const zend_string *s)
{
	const unsigned char *p = (const unsigned char *)ZSTR_VAL(s);
	bool wide = ZSTR_IS_INTERNED(s);
	size_t n = ZSTR_LEN(s);

	if (!n || n > LONGEST || !(letter(p[0]) || (wide && strchr("\\.:/@#-", p[0]))))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!p[i] || !(letter(p[i]) || digit(p[i]) || (wide && strchr("\\.:/@#- ", p[i]))))
			return false;
	return true;
}

uint32_t label_name(struct visitor *v, enum rgd_edge_kind kind, enum rgd_label_class class,
		    const zend_string *name)
{
	struct known *k;

	if (!v->writing)
		return 0;
	k = slot(v, (uintptr_t)name, kind, class);
	if (k->label == UINT32_MAX)
		k->label = make(v, kind, class, ZSTR_VAL(name), ZSTR_LEN(name));
	return k->label;
}

static uint32_t prefixed(struct visitor *v, unsigned kind, unsigned class, const char *name,
			 size_t length)
{
	char text[LONGEST * 4];
	int n = snprintf(text, sizeof(text), "%s: $%.*s", v->prefix, (int)length, name);

	return make(v, kind, class, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

uint32_t label_variable(struct visitor *v, enum rgd_edge_kind kind, enum rgd_label_class class,
			const zend_string *name)
{
	char text[LONGEST + 2] = "$";
	size_t n = ZSTR_LEN(name) < LONGEST ? ZSTR_LEN(name) : LONGEST;
	struct known *k;

	if (!v->writing)
		return 0;
	if (v->prefix)
		return prefixed(v, kind, class, ZSTR_VAL(name), n);
	k = slot(v, (uintptr_t)name + 1, kind, class);
	if (k->label == UINT32_MAX) {
		memcpy(text + 1, ZSTR_VAL(name), n);
		k->label = make(v, kind, class, text, n + 1);
	}
	return k->label;
}

uint32_t label_key(struct visitor *v, enum rgd_label_class class, const zend_string *key)
{
	struct known *k;

	if (!v->writing)
		return 0;
	k = slot(v, (uintptr_t)key, RGD_EDGE_STRONG, class);
	if (k->label != UINT32_MAX)
		return k->label;
	if (is_name(key))
		k->label = make(v, RGD_EDGE_STRONG, class, ZSTR_VAL(key), ZSTR_LEN(key));
	else if (shim->values(v->walk))
		k->label = make(v, RGD_EDGE_STRONG, RGD_LABEL_KEY_TEXT, ZSTR_VAL(key),
				ZSTR_LEN(key) < LONGEST ? ZSTR_LEN(key) : LONGEST);
	else
		k->label = make(v, RGD_EDGE_STRONG, RGD_LABEL_PART, "['\xe2\x80\xa6']", 7);
	return k->label;
}

#define SMALL_KEY 65536u

uint32_t label_index(struct visitor *v, zend_ulong index, zend_ulong *next, uint64_t *value)
{
	bool follows = index == *next;

	if (!v->writing)
		return 0;
	*value = index;
	if (index < SMALL_KEY || *next == index) {
		*next = index + 1;
		return label_text(v, RGD_EDGE_STRONG, follows ? RGD_LABEL_NEXT : RGD_LABEL_INDEX,
				  "");
	}
	if (shim->values(v->walk)) {
		*value = (index << 1) ^ (uint64_t)((zend_long)index >> 63);
		return label_text(v, RGD_EDGE_STRONG, RGD_LABEL_KEY_INT, "");
	}
	return part(v, "[\xe2\x80\xa6]");
}
