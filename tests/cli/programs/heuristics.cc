/* heuristics.cc - blocks of which only the inside is pointed to, one for each of memcheck's heuristics, and one each that just misses;
 * tests/cli/leaks_heuristics.py asks memcheck and refgraph about each function's block. */
#include <cstdint>
#include <cstdlib>
#include <cstring>

#define CASE extern "C" __attribute__((noinline, noclone, used)) void

static char *roots[16] __attribute__((used));
struct Holder { /* the same from another block */
	void *inside;
};
static Holder *holder;

static char *block(size_t size)
{
	void *p = calloc(1, size);

	__asm__ volatile("" : "+r"(p)::"memory");
	return (char *)p;
}

static char *old_string(uint64_t length, uint64_t capacity, size_t size)
{
	char *p = block(size);

	((uint64_t *)p)[0] = length;
	((uint64_t *)p)[1] = capacity;
	return p + 24;
}

CASE case_stdstring(void) { roots[0] = old_string(10, 20, 45); }
CASE case_stdstring_not(void) { roots[1] = old_string(10, 20, 53); }
CASE case_stdstring_long(void) { roots[2] = old_string(21, 20, 45); }
CASE case_length64(void)
{
	char *p = block(35);

	*(uint64_t *)p = 27;
	roots[3] = p + 8;
}
CASE case_length64_not(void)
{
	char *p = block(35);

	*(uint64_t *)p = 28;
	roots[4] = p + 8;
}
CASE case_newarray(void)
{
	char *p = block(8 + 5 * 12);

	*(uint64_t *)p = 5;
	roots[5] = p + 8;
}
CASE case_newarray_not(void)
{
	char *p = block(8 + 5 * 12);

	*(uint64_t *)p = 7;
	roots[6] = p + 8;
}
struct Element {
	~Element() { roots[15] = nullptr; }
	int n[3];
};
CASE case_newarray_real(void) { roots[7] = (char *)new Element[4]; }
struct Left {
	virtual ~Left() {}
	long a;
};
struct Right {
	virtual ~Right() {}
	virtual void more() {}
	long b;
};
struct Both : Left, Right {
	long c;
};
CASE case_inheritance(void) { roots[8] = (char *)static_cast<Right *>(new Both); }
CASE case_inheritance_not(void) { roots[9] = (char *)new Both + 32; }
CASE case_indirect(void)
{
	holder = (Holder *)block(sizeof(Holder));
	holder->inside = static_cast<Right *>(new Both);
}

int main(void)
{
	void (*const cases[])(void) = {case_stdstring, case_stdstring_not, case_stdstring_long, case_length64, case_length64_not, case_newarray,
				       case_newarray_not, case_newarray_real, case_inheritance, case_inheritance_not, case_indirect};

	for (auto f : cases)
		f();
	return 0;
}
