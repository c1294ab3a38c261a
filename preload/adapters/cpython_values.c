/*
 * cpython_values.c - short representations of values. Used only when the user asked for values (REFGRAPH_VALUES=1): a dump
 * holds no contents otherwise. (But for int_of(), by which the counters of known libraries are read.)
 */
#include <string.h>

#include "cpython.h"

#define REPR_MAX 40
struct text {
	char bytes[128];
	size_t used;
};

static void put(struct text *t, char c)
{
	if (t->used + 1 < sizeof(t->bytes))
		t->bytes[t->used++] = c;
}

static void put_text(struct text *t, const char *s)
{
	while (*s)
		put(t, *s++);
}

static void put_number(struct text *t, uint64_t n)
{
	char digits[24], *p = digits + sizeof(digits) - 1;
	*p = 0;
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put_text(t, p);
}

/* ---- int: digits of 30 bits ----------------------------------------------------------------------------------------------------- */

struct small_int {
	uint64_t magnitude;
	bool negative, fits;
};

static struct small_int read_int(uintptr_t object)
{
	struct small_int n = {.fits = false};
	uint64_t count;
	if (python.minor >= 12) {
		uintptr_t tag = word_at(object, python.at->long_tag);
		count = tag >> 3;
		n.negative = (tag & 3) == 2;
	} else {
		intptr_t size = (intptr_t)size_of(object);
		count = (uint64_t)(size < 0 ? -size : size);
		n.negative = size < 0;
	}
	if (count > 2)
		return n;
	n.fits = true;
	for (uint64_t i = count; i-- > 0;)
		n.magnitude = n.magnitude << 30 | half_at(object, (long)(24 + i * 4));
	return n;
}

bool int_of(uintptr_t object, uint64_t *value)
{
	struct small_int n;
	if (!object || !has_flag(type_of(object), TPFLAG_LONG))
		return false;
	n = read_int(object);
	*value = n.magnitude;
	return n.fits && !n.negative;
}

static void put_int(struct text *t, uintptr_t object)
{
	struct small_int n = read_int(object);
	if (!n.fits) {
		put_text(t, "<big int>");
		return;
	}
	if (n.negative)
		put(t, '-');
	put_number(t, n.magnitude);
}

/* Six significant digits: enough to recognize a value, and no libc. */
static void put_float(struct text *t, uintptr_t object)
{
	double d;
	int exponent = 0;
	memcpy(&d, (const void *)(object + FLOAT_VALUE), sizeof(d));
	if (d != d) {
		put_text(t, "nan");
		return;
	}
	if (d < 0) {
		put(t, '-');
		d = -d;
	}
	if (d > 1.7976931348623157e308) {
		put_text(t, "inf");
		return;
	}
	if (d == 0) {
		put_text(t, "0.0");
		return;
	}
	for (; d >= 1e6; exponent++)
		d /= 10;
	for (; d < 1e5; exponent--)
		d *= 10;
	uint64_t digits = (uint64_t)(d + 0.5); /* six digits, times 10^exponent */
	char all[8];
	for (int i = 5; i >= 0; i--, digits /= 10)
		all[i] = (char)('0' + digits % 10);
	int point = 6 + exponent; /* position of the decimal point in them */
	int last = 5;
	while (last > 0 && all[last] == '0')
		last--;
	if (point > 0 && point <= 6) {
		for (int i = 0; i <= (last < point ? point : last); i++) {
			if (i == point)
				put(t, '.');
			put(t, i < 6 ? all[i] : '0');
		}
		return;
	}
	put(t, all[0]);
	put(t, '.');
	for (int i = 1; i <= last || i == 1; i++)
		put(t, all[i]);
	put(t, 'e');
	if (point - 1 < 0)
		put(t, '-');
	put_number(t, (uint64_t)(point - 1 < 0 ? 1 - point : point - 1));
}

static void put_quoted(struct text *t, const char *bytes, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	put(t, '\'');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];
		if (c == '\'' || c == '\\') {
			put(t, '\\');
			put(t, (char)c);
		} else if (c < 0x20 || c == 0x7f) {
			put_text(t, "\\x");
			put(t, hex[c >> 4]);
			put(t, hex[c & 15]);
		} else {
			put(t, (char)c);
		}
	}
	put(t, '\'');
}

static void put_bytes(struct text *t, uintptr_t object)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t n = size_of(object);
	const unsigned char *data = (const unsigned char *)(object + BYTES_DATA);
	put_text(t, "b'");
	for (uint64_t i = 0; i < n && i < REPR_MAX / 2; i++) {
		if (data[i] >= 0x20 && data[i] < 0x7f && data[i] != '\'' && data[i] != '\\') {
			put(t, (char)data[i]);
		} else {
			put_text(t, "\\x");
			put(t, hex[data[i] >> 4]);
			put(t, hex[data[i] & 15]);
		}
	}
	put(t, '\'');
}

static bool put_value(struct text *t, uintptr_t object, enum shape shape)
{
	char buffer[REPR_MAX + 1];
	size_t n;
	switch (shape) {
	case SHAPE_STR:
		n = text_of(object, buffer, sizeof(buffer));
		put_quoted(t, buffer, n);
		return true;
	case SHAPE_BYTES:
		put_bytes(t, object);
		return true;
	case SHAPE_INT:
		if (type_of(object) == python.type_bool)
			put_text(t, read_int(object).magnitude ? "True" : "False");
		else
			put_int(t, object);
		return true;
	case SHAPE_FLOAT:
		put_float(t, object);
		return true;
	default:
		if (object == python.none)
			put_text(t, "None");
		return object == python.none;
	}
}

void describe_value(struct walk *walk, uintptr_t object, const struct py_class *c)
{
	struct text t = {.used = 0};
	if (put_value(&t, object, c->shape))
		walk_property(walk, RGD_PROP_REPR, walk_string(walk, t.bytes, t.used));
}

bool value_key(struct walk *walk, uintptr_t key, enum rgd_edge_kind kind, unsigned flags,
	       uint32_t *label, uint64_t *value)
{
	const struct py_class *c = class_of_type(walk, type_of(key));
	struct text t = {.used = 0};
	if (c->shape == SHAPE_INT && c->exact && type_of(key) == python.type_int) {
		struct small_int n = read_int(key);
		if (n.fits && n.magnitude < 1ull << 62) {
			*label = walk_label(walk, kind, RGD_LABEL_KEY_INT, flags, 0);
			*value = n.negative ? n.magnitude * 2 - 1 : n.magnitude * 2;
			return true;
		}
	}
	if (!c->exact || !put_value(&t, key, c->shape))
		return false;
	*label = walk_label(walk, kind, RGD_LABEL_KEY_TEXT, flags,
			    walk_string(walk, t.bytes, t.used));
	return true;
}
