/* edge_name.c - see edge_name.h. */
#include "report/edge_name.h"

#include <inttypes.h>
#include <string.h>

#include "report/edge_php.h"
#include "report/repr.h"

/* "[17].name" to "[].name" */
static void drop_numbers(struct str *text, size_t from)
{
	size_t kept = from;
	bool inside = false;

	for (size_t i = from; i < text->n; i++) {
		inside &= text->data[i] != ']';
		if (!inside)
			text->data[kept++] = text->data[i];
		inside |= text->data[i] == '[';
	}
	str_truncate(text, kept);
}

bool edge_field(struct model *m, const struct edge *e, bool general, struct str *out)
{
	size_t before = out->n;

	if (e->class != RGD_LABEL_OFFSET || !m->typer.field ||
	    !m->typer.field(m->typer.context, e->source, e->value, out))
		return false;
	if (general)
		drop_numbers(out, before);
	return true;
}

/* Without a name its offset, and "~" says that it may be no reference. */
static void add_field(struct model *m, const struct edge *e, bool bare, struct str *out)
{
	size_t before = out->n;

	if (edge_field(m, e, false, out)) {
		if (bare && out->data[before] == '-')
			str_cut(out, before, 2);
		return;
	}
	if (!bare && e->kind == RGD_EDGE_CONSERVATIVE)
		str_char(out, '~');
	str_printf(out, "+0x%" PRIx64, e->value);
}

static void word(struct model *m, const struct edge *e, bool bare, struct str *out)
{
	const char *text = model_string(m, e->string);

	if (edge_php(m, e, bare ? EDGE_PHP_BARE : EDGE_PHP_FULL, out))
		return;
	switch (e->class) {
	case RGD_LABEL_ATTRIBUTE:
		str_printf(out, "%s%s", bare ? "" : ".", text);
		break;
	case RGD_LABEL_KEY:
		str_printf(out, bare ? "%s" : "['%s']", text);
		break;
	case RGD_LABEL_INDEX:
		str_printf(out, "[%" PRIu64 "]", e->value);
		break;
	case RGD_LABEL_KEY_OBJECT:
		str_char(out, '{');
		repr_full(m, e->value, out);
		str_char(out, '}');
		break;
	case RGD_LABEL_IS_KEY:
		str_add(out, "(key)");
		break;
	case RGD_LABEL_MEMBER:
		str_add(out, "(member)");
		break;
	case RGD_LABEL_LOCAL:
		str_printf(out, "%s%s", bare ? "" : "local ", text);
		break;
	case RGD_LABEL_CELL:
		str_printf(out, "%s%s", bare ? "" : "cell ", text);
		break;
	case RGD_LABEL_OFFSET:
		add_field(m, e, bare, out);
		break;
	case RGD_LABEL_STACK:
		str_printf(out, "stack[%" PRIu64 "]", e->value);
		break;
	case RGD_LABEL_KEY_INT:
		str_printf(out, "[%" PRId64 "]",
			   (int64_t)(e->value >> 1) ^ -(int64_t)(e->value & 1));
		break;
	case RGD_LABEL_KEY_TEXT:
		str_printf(out, "[%s]", text);
		break;
	default: /* NONE, PART, and what later versions may add */
		str_add(out, text);
	}
}

void edge_label(struct model *m, const struct edge *e, struct str *out)
{
	word(m, e, true, out);
}

void edge_name(struct model *m, const struct edge *e, struct str *out)
{
	if (e->kind == RGD_EDGE_CONSERVATIVE && e->class != RGD_LABEL_OFFSET)
		str_char(out, '~');
	word(m, e, false, out);
	if (e->interior)
		str_printf(out, "->+0x%" PRIx64, e->interior);
	if (e->kind == RGD_EDGE_WEAK)
		str_add(out, " (weak)");
	else if (e->kind == RGD_EDGE_BORROWED)
		str_add(out, " (borrowed)");
}

static const char *word_kind_name(enum word_kind kind)
{
	return kind == WORD_POINTER ? "pointer" : kind == WORD_OTHER ? "other" : NULL;
}

const char *edge_declared(const struct model *m, const struct edge *e)
{
	if (e->class != RGD_LABEL_OFFSET || !m->typer.check_field)
		return NULL;
	return word_kind_name(m->typer.check_field(m->typer.context, e->source, e->value));
}

const char *root_declared(const struct model *m, const struct root *r)
{
	if (r->kind != RGD_EDGE_CONSERVATIVE || !m->typer.check_root)
		return NULL;
	return word_kind_name(m->typer.check_root(m->typer.context, r));
}

/* ---- roots ----------------------------------------------------------------------------------- */

static const char *const x86_64_registers[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
					       "rbp", "rsp", "r8",  "r9",  "r10", "r11",
					       "r12", "r13", "r14", "r15", "rip"};

static void add_module(const struct model *m, uint32_t owner, struct str *out)
{
	const char *path, *slash;

	if (owner >= m->nmodules)
		return;
	path = model_string(m, m->modules[owner].path);
	slash = strrchr(path, '/');
	str_add(out, slash ? slash + 1 : path);
}

static void add_thread(const struct model *m, uint32_t owner, struct str *out)
{
	const char *name;

	if (owner >= m->nthreads) {
		str_add(out, "a thread");
		return;
	}
	name = model_string(m, m->threads[owner].name);
	str_printf(out, "thread %" PRIu64, m->threads[owner].tid);
	if (name[0])
		str_printf(out, " (%s)", name);
}

static void global_name(const struct model *m, const struct root *r, const char *label,
			struct str *out)
{
	const char *symbol = NULL;
	struct str variable = {0};

	if (!label[0] && r->owner < m->nmodules && m->typer.variable &&
	    m->typer.variable(m->typer.context, r->owner, r->value, &variable))
		label = str_text(&variable);
	if (!label[0] && m->namer.data && r->owner < m->nmodules)
		symbol = m->namer.data(m->namer.context, r->owner, r->value);
	if (label[0] || symbol) {
		str_printf(out, "%s%s", label[0] ? label : symbol,
			   r->owner < m->nmodules ? " in " : "");
		add_module(m, r->owner, out);
		str_free(&variable);
		return;
	}
	if (r->owner >= m->nmodules)
		str_add(out, "global");
	add_module(m, r->owner, out);
	str_printf(out, "+0x%" PRIx64, r->value);
}

/* ": handler() req.buf at server.c:120" */
static void add_local(const struct model *m, const struct root *r, struct str *out)
{
	struct str text = {0};

	if (m->typer.local && m->typer.local(m->typer.context, r, &text))
		str_printf(out, ": %s", str_text(&text));
	str_free(&text);
}

static void register_name(const struct model *m, const struct root *r, struct str *out)
{
	const size_t known = sizeof x86_64_registers / sizeof *x86_64_registers;

	if (dump_header(m->dump)->machine == 62 && r->value < known)
		str_printf(out, "register %s of ", x86_64_registers[r->value]);
	else
		str_printf(out, "register %" PRIu64 " of ", r->value);
	add_thread(m, r->owner, out);
}

/* Classes, functions, $GLOBALS: known by their names alone. */
static bool is_php(const struct model *m, uint32_t object)
{
	return m->type && m->type[object] < m->ntypes &&
	       m->types[m->type[object]].runtime == RGD_RT_PHP;
}

void root_name(struct model *m, const struct root *r, struct str *out)
{
	const char *label = model_string(m, r->label), *context = model_string(m, r->context);

	switch (r->class) {
	case RGD_ROOT_MODULE:
		str_printf(out, is_php(m, r->target) ? "%s" : "sys.modules['%s']", label);
		break;
	case RGD_ROOT_GLOBAL:
		global_name(m, r, label, out);
		break;
	case RGD_ROOT_STACK:
		str_add(out, "stack of ");
		add_thread(m, r->owner, out);
		if (label[0])
			str_printf(out, ": %s", label);
		else
			add_local(m, r, out);
		break;
	case RGD_ROOT_REGISTER:
		register_name(m, r, out);
		add_local(m, r, out);
		break;
	case RGD_ROOT_TLS:
		str_add(out, "thread-local storage of ");
		add_thread(m, r->owner, out);
		add_local(m, r, out);
		break;
	case RGD_ROOT_LOCAL:
		str_printf(out, "local %s%s%s", label, context[0] ? " of " : "", context);
		context = "";
		break;
	case RGD_ROOT_RUNTIME:
		str_add(out, label);
		if (r->owner < m->nthreads) {
			str_add(out, " of ");
			add_thread(m, r->owner, out);
		}
		break;
	case RGD_ROOT_REGION:
		str_printf(out, "mapped memory at 0x%" PRIx64, r->value);
		break;
	case RGD_ROOT_PINNED:
		str_printf(out, "pinned%s%s", label[0] ? ": " : "", label);
		break;
	default:
		str_add(out, label[0] ? label : model_root_class_name(r->class));
	}
	if (context[0])
		str_printf(out, " (%s)", context);
}
