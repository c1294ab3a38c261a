/*
 * shim_rules_test.c - rules as they are read: each statement, each mistake with its line, the shipped files; what calls say by them; and
 * what comes of files that were damaged at random, in memory that ends where they do.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../preload/hooks/read.c"
#define load load_file
#include "../../preload/hooks/rules.c"

_Atomic bool shim_sandboxed;
struct config config;
static int failures;
static char said[4096];

void *arena_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void arena_unmap(void *p, size_t size)
{
	munmap(p, size);
}

/* One pool, begun anew by rounds(). */
static char pool[64u << 20] __attribute__((aligned(16)));
static size_t pool_used;

void *arena_alloc(size_t size)
{
	char *p = pool + pool_used;

	size = (size + 15) & ~(size_t)15;
	if (pool_used + size > sizeof(pool))
		return NULL;
	pool_used += size;
	return memset(p, 0, size);
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
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s|", text);
}

uint32_t modules_find(uintptr_t address)
{
	return 1;
}

uint64_t hook_outside(const void *function, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return ((uint64_t(*)(uint64_t, uint64_t, uint64_t, uint64_t))(uintptr_t)function)(a, b, c, d);
}

static void report(const char *name, bool good)
{
	printf("%s rules: %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

static void same(const char *name, const char *got, const char *want)
{
	bool good = !strcmp(got ? got : "fine", want);

	printf("%s rules: %s", good ? "ok" : "not ok", name);
	if (!good)
		printf(": got «%s», want «%s»", got ? got : "fine", want);
	printf("\n");
	failures += !good;
}

static void reset(void)
{
	types_used = functions_used = groups_used = needs_used = 0;
	said[0] = 0;
}

static const char *parse(const char *text)
{
	size_t n = strlen(text);
	char *copy_of = arena_alloc(n + 1);

	memcpy(copy_of, text, n + 1);
	return rules_parse(copy_of, n);
}

/* ---- statements ------------------------------------------------------------------------------------------------------- */

static void test_whole(void)
{
	static const char text[] = "# what it is about\n"
				   "family shop baskets   of libshop\n"
				   "library libshop.so.* libshop2.so # two\n"
				   "type basket\n"
				   "	count u16 at 8->-4 mask 0xff0 shift 4 bias -1\n"
				   "	floating u32 at 24 mask 4\n"
				   "	detail string at 0->8\n"
				   "	only is_basket 80\n"
				   "	create basket_new basket_open(*2)==0 \\\n"
				   "	       basket_make(return->0)\n"
				   "	ref basket_ref\n"
				   "	unref own wrapping basket_unref@V1.0(*1->0x10)\n"
				   "	sink counting basket_sink\r\n"
				   "symbols local\n"
				   "	destroy basket_*_free(3)[5&0x10]\n"
				   "type receipt\n"
				   "	object number\n"
				   "	acquire receipt_id(2)\n"
				   "library program\n"
				   "type other\n"
				   "	count result\n"
				   "	unref Release";
	const struct rule_group *const *g;
	const struct rule_type *const *t;
	const struct rule_function *f;

	reset();
	same("a whole file", parse(text), "fine");
	report("its groups", rules_groups(&g) == 2 && g[0]->nlibraries == 2 &&
				     !strcmp(g[0]->libraries[1], "libshop2.so") &&
				     g[0]->first == 0 && g[0]->functions == 8 && g[1]->first == 8 &&
				     g[1]->functions == 1);
	report("its types", rules_types(&t) == 3 && !strcmp(t[0]->family, "shop") &&
				    !strcmp(t[0]->name, "basket") && !t[0]->id && t[1]->id &&
				    t[1]->number == 1);
	report("a count", t[0]->count_from == RULE_COUNT_FIELD && t[0]->count_width == 2 &&
				  t[0]->count_path.loads == 1 && t[0]->count_path.offset[0] == 8 &&
				  t[0]->count_offset == -4 && t[0]->count_mask == 0xff0 &&
				  t[0]->count_shift == 4 && t[0]->count_bias == -1);
	report("who floats, what it is",
	       t[0]->floating_width == 4 && t[0]->floating_offset == 24 &&
		       t[0]->floating_mask == 4 && t[0]->name_from == RULE_NAME_STRING &&
		       t[0]->name_detail && t[0]->name_path.offset[0] == 0 &&
		       t[0]->name_offset == 8 && t[0]->only_argument == 80 &&
		       !strcmp(t[0]->only_call.function, "is_basket"));
	report("who ends at zero", !t[0]->dies_at_zero && t[1]->dies_at_zero);
	f = rules_function(0);
	report("create: the result, at the return",
	       f->role == RULE_CREATE && f->at_return && !f->object.argument && !f->object.loads);
	f = rules_function(1);
	report("create: what an argument points to, when it succeeds",
	       f->success == RULE_IF_ZERO && f->at_return && f->object.argument == 2 &&
		       f->object.loads == 1 && f->object.offset[0] == 0 &&
		       !strcmp(f->pattern, "basket_open"));
	report("a line that goes on", !strcmp(rules_function(2)->pattern, "basket_make"));
	f = rules_function(3);
	report("ref: argument 1, at the entry",
	       f->role == RULE_REF && !f->at_return && f->object.argument == 1 && !f->local);
	f = rules_function(4);
	report("a version, a path, wrapping",
	       f->wraps && f->own && !strcmp(f->version, "V1.0") && f->object.loads == 2 &&
		       f->object.offset[1] == 0x10 && !strcmp(f->pattern, "basket_unref"));
	report("counting", rules_function(5)->counts && !rules_function(5)->wraps);
	f = rules_function(6);
	report("a pattern, local, by an argument's bits", f->glob && f->local && f->when == 5 &&
								  f->when_bits == 0x10 &&
								  f->object.argument == 3);
	report("a number is known at the entry", !rules_function(7)->at_return);
	f = rules_function(8);
	report("a count by results is known at the return",
	       f->at_return && !f->local && f->type->count_from == RULE_COUNT_RESULT);
	report("no more", !rules_function(9));
}

static void test_mistakes(void)
{
	static const char *const cases[][2] = {
		{"", "1: no function is named in this file"},
		{"familly x",
		 "1: familly: no such statement; there are family, needs, library, symbols, "
		 "type, object, count, floating, name, detail, only, dies, and create, "
		 "destroy, ref, unref, sink, floats, defer, acquire"},
		{"family f\nlibrary l\ntype t\ncount u33 at 8",
		 "4: u33: no width; write u8, u16, u32, u64, i8, i16, i32 or i64"},
		{"family f\nlibrary l\ntype t\n\n# x\ncount u32 at x",
		 "6: x: no place; write an offset in bytes, 8, or words to go through, 8->24"},
		{"family f\nlibrary l\ntype t\ncount u32 at 1->2->3->4->5",
		 "4: 1->2->3->4->5: no place; write an offset in bytes, 8, or words to go through, "
		 "8->24"},
		{"family f\nlibrary l\ntype t\ncount u32 at 70000",
		 "4: 70000: no place; write an offset in bytes, 8, or words to go through, 8->24"},
		{"family f\ntype t", "2: type: a line `library NAME ...` comes first"},
		{"library l\ntype t", "2: type: a line `family NAME ...` comes first"},
		{"family f\nlibrary l\nref r",
		 "3: ref: what type is this about? write a line `type NAME` before it"},
		{"family f\nlibrary l\ntype t\nref r(7)",
		 "4: (7): where is the object? write (1) to (6) for an argument, (return) or (*2)"},
		{"family f\nlibrary l\ntype t\nref r(1", "4: (1: `)` is missing"},
		{"family f\nlibrary l\ntype t\nref r(1->1->2->3->4)",
		 "4: (1->1->2->3->4): a path has at most 3 steps, each ->OFFSET"},
		{"family f\nlibrary l\ntype t\nref r==1",
		 "4: ==1: no condition; write ==0, !=0 or >=0"},
		{"family f\nlibrary l\ntype t\nref r[5]",
		 "4: [5]: write [5&1]: when argument 5 has one of these bits"},
		{"family f\nlibrary l\ntype t\nunref r(*1)==0",
		 "4: r: what its argument pointed to is gone when its result is known; leave the "
		 "condition out"},
		{"family f\nlibrary l\ntype t\nref (1)", "4: (1): no name of a function"},
		{"family f\nlibrary l\ntype t\nref a\nneeds /x",
		 "5: needs /x: a name of shipped rules, not a path"},
		{"family f\nlibrary l\ntype t\nref a\001b",
		 "4: a control character; rules are plain text"},
		{"family f\nlibrary l\ntype t\nname words u8 at 0",
		 "4: name: write `name string at OFFSET`, `name text at OFFSET`, `name vtable`, "
		 "`name "
		 "call FUNCTION` or `name words u32 at OFFSET WORD...`"},
		{"family f\nlibrary l\ntype t \\\n u\nref x", "3: type: write `type NAME`"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char name[64];

		reset();
		snprintf(name, sizeof(name), "mistake %zu", i + 1);
		same(name, parse(cases[i][0]), cases[i][1]);
		if (types_used || functions_used || groups_used || needs_used)
			report("nothing of it stays", false);
	}
	reset();
	parse("family f\nlibrary l\ntype t\nref a");
	parse("family f\nlibrary l\ntype t\nref b\nref c d(9)");
	report("the file before it stays",
	       functions_used == 1 && types_used == 1 && groups_used == 1);
}

static void test_globs(void)
{
	static const struct {
		const char *pattern, *name;
		bool fits;
	} cases[] = {{"a*c", "abc", true},
		     {"a*c", "ac", true},
		     {"a*c", "abcd", false},
		     {"*", "", true},
		     {"?", "", false},
		     {"a?c", "abc", true},
		     {"*a*a*", "aXXa", true},
		     {"*a*a*", "Xa", false},
		     {"ab", "ab", true},
		     {"lib*.so.*", "libx.so.0", true},
		     {"_ZN*6AddRefEv", "_ZN3Foo6AddRefEv", true},
		     {"*aab", "aaab", true},
		     {"x_*_create*", "x_a_create", true}};
	bool good = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		good = good && rule_glob(cases[i].pattern, cases[i].name) == cases[i].fits;
	report("patterns", good);
}

/* ---- what a call says ------------------------------------------------------------------------------------------------------ */

struct thing {
	const char **class;
	uint32_t flags;
	uint16_t count;
	char name[10];
};

static uint64_t is_thing(uint64_t object, uint64_t argument)
{
	return ((struct thing *)object)->flags == argument;
}

static const char *name_of(uint64_t object)
{
	return ((struct thing *)object)->name;
}

static void test_reading(void)
{
	static const char *class[] = {"", "Thing"};
	static struct thing thing = {class, 7, 3 << 4 | 5, "inner"};
	static struct thing *where = &thing, **handle = &where;
	struct hook_call call = {
		.argument = {(uint64_t)&thing, (uint64_t)&where, (uint64_t)&handle, 4},
		.result = 0};
	const struct rule_type *const *t;
	uint64_t object;
	int64_t count;
	char name[32];

	reset();
	same("rules of a thing",
	     parse("family f\nlibrary l\ntype thing\ncount u16 at 12 mask 0xfff0 shift 4\n"
		   "floating u32 at 8 mask 8\nname string at 0->8\nonly is_thing 7\n"
		   "create make(1)==0 other(*2)\nref r(*2) s(*3->0) u(1)[4&4] v(1)[4&3]\n"
		   "type text\nname text at 14\nref w\n"
		   "type call\ndetail call name_of\nref x\n"
		   "type word\ndetail words u16 at 12 a b\nref y\n"
		   "type number\nobject number\nref z(4)"),
	     "fine");
	rules_types(&t);
	report("not of this type while nobody can be asked",
	       !rule_object(rules_function(0), &call, &object));
	((struct rule_type *)t[0])->only_call.address = (uintptr_t)is_thing;
	((struct rule_type *)t[2])->name_call.address = (uintptr_t)name_of;
	report("an argument, at the return",
	       rule_object(rules_function(0), &call, &object) && object == (uint64_t)&thing);
	thing.flags = 8;
	report("not of this type", !rule_object(rules_function(0), &call, &object));
	call.result = 1;
	report("a call that failed", !rule_object(rules_function(0), &call, &object));
	for (uint32_t i = 2; i < 5; i++)
		report("through words", rule_object(rules_function(i), &call, &object) &&
						object == (uint64_t)&thing);
	report("without the bits of an argument", !rule_object(rules_function(5), &call, &object));
	report("the count", rule_count(t[0], (uint64_t)&thing, &count) && count == 3);
	report("it floats", rule_floating(t[0], (uint64_t)&thing));
	thing.flags = 7;
	report("it floats no more", !rule_floating(t[0], (uint64_t)&thing));
	rule_name(t[0], (uint64_t)&thing, name, sizeof(name));
	same("a name by a string", name, "Thing");
	rule_name(t[1], (uint64_t)&thing, name, sizeof(name));
	same("a name that lies there", name, "inner");
	rule_name(t[2], (uint64_t)&thing, name, sizeof(name));
	same("a detail by a call", name, "call inner");
	rule_name(t[2], (uint64_t)&thing, name, 7);
	same("a name that is cut", name, "call i");
	rule_name(t[3], (uint64_t)&thing, name, sizeof(name));
	same("a word that there is not", name, "word");
	thing.count = 1;
	rule_name(t[3], (uint64_t)&thing, name, sizeof(name));
	same("a word", name, "word b");
	report("a number", rule_object(rules_function(9), &call, &object) && object == 4);
	call.argument[3] = 0xffffffff;
	report("no number", !rule_object(rules_function(9), &call, &object));
	call.argument[0] = call.argument[1] = 0;
	report("NULL", !rule_object(rules_function(4), &call, &object) &&
			       !rule_object(rules_function(2), &call, &object));
}

/* ---- files ------------------------------------------------------------------------------------------------------------------- */

static void test_shipped(const char *folder)
{
	size_t n;

	reset();
	pool_used = 0;
	report("all shipped rules", rules_read("all", folder) && !*said);
	if (*said)
		printf("# %s\n", said);
	n = functions_used;
	rules_read("gobject:all:cairo", folder);
	report("no file counts twice", functions_used == n && n > 500);
	rules_read("nothing-of-this-name:none", folder);
	report("a file that is not there",
	       strstr(said, "cannot be opened; these rules are not in force"));
	said[0] = 0;
}

/* The text ends where the mapping does, but for the one byte more. */
static char *edge(const char *text, size_t n)
{
	static char *area;
	size_t room = 1u << 16;

	if (!area) {
		area = mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		mprotect(area + room, 4096, PROT_NONE);
	}
	return memcpy(area + room - n - 1, text, n);
}

static void test_damaged(const char *folder)
{
	static const char pieces[] = "(*)->@[&]=!#\\\n\t 0123456789xurefstype";
	static const char *const names[] = {"gobject", "wayland", "ffmpeg", "json", "x11"};
	unsigned seed = 7, good = 0, bad = 0;
	char path[1024];
	size_t size;
	const char *why;

	for (unsigned round = 0; round < 20000; round++) {
		static char text[1u << 15];
		char *whole;

		if (round % 4000 == 0) {
			snprintf(path, sizeof(path), "%s/%s.rules", folder, names[round / 4000]);
			whole = load_file(path, &size, &why);
			if (!whole || size >= sizeof(text))
				break;
			memcpy(text, whole, size);
		}
		reset();
		pool_used = 0;
		whole = edge(text, size);
		for (unsigned i = rand_r(&seed) % 4; i < 4; i++) {
			size_t at = (size_t)rand_r(&seed) % size;

			whole[at] = rand_r(&seed) % 8
					    ? pieces[(size_t)rand_r(&seed) % (sizeof(pieces) - 1)]
					    : (char)rand_r(&seed);
		}
		if (rules_parse(whole, round % 3 ? size : (size_t)rand_r(&seed) % size))
			bad++;
		else
			good++;
	}
	report("20000 damaged files", good + bad == 20000 && good > 1000 && bad > 1000);
}

int main(int argc, char **argv)
{
	char folder[1024];

	/* the build's folder: argv[0] is $(O)/tests/unit/... */
	snprintf(folder, sizeof(folder), "%s", argv[0]);
	for (int i = 0; i < 3; i++)
		*strrchr(folder, '/') = 0;
	strcat(folder, "/rules");
	test_whole();
	test_mistakes();
	test_globs();
	test_reading();
	test_shipped(folder);
	test_damaged(folder);
	return failures > 0;
}
