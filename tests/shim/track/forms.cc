/*
 * forms: every form of operator new and delete, each from a function of its own and with a size of its own; prints "SIZE FUNCTION"
 * of what lives. With an argument it leaves out the requests that nobody can grant. -DOWN_NEW: with an operator new of its own.
 */
#include <cstdio>
#include <cstdlib>
#include <cstdint>
#include <new>
#include <string>
#include <vector>
#include <map>

#ifdef OWN_NEW /* replaces the plain form only: the library's others call it */
static unsigned own_calls;
void *operator new(std::size_t n) { own_calls++; char *p = (char *)malloc(n + 64); if (!p) throw std::bad_alloc(); return p + 64; }
void operator delete(void *p) noexcept { if (p) free((char *)p - 64); }
void operator delete(void *p, std::size_t) noexcept { operator delete(p); }
#endif

void *kept[100];
static unsigned used;
static volatile std::size_t zero;

#define KEEP(p, size) (kept[used++] = (p), std::printf("%d %s\n", size, __func__))
#define KIND __attribute__((noinline)) static void
struct alignas(128) wide { char c[128]; };

extern "C" {
KIND plain() { KEEP(::operator new(100001 + zero), 100001); }
KIND array() { KEEP(::operator new[](100002 + zero), 100002); }
KIND nothrow() { KEEP(::operator new(100003 + zero, std::nothrow), 100003); }
KIND array_nothrow() { KEEP(::operator new[](100004 + zero, std::nothrow), 100004); }
KIND aligned() { void *p = ::operator new(100005 + zero, std::align_val_t(256)); if ((uintptr_t)p % 256) exit(5); KEEP(p, 100005); }
KIND array_aligned() { void *p = ::operator new[](100006 + zero, std::align_val_t(64)); if ((uintptr_t)p % 64) exit(6); KEEP(p, 100006); }
KIND aligned_nothrow() { KEEP(::operator new(100007 + zero, std::align_val_t(64), std::nothrow), 100007); }
KIND array_aligned_nothrow() { KEEP(::operator new[](100008 + zero, std::align_val_t(64), std::nothrow), 100008); }
KIND expression() { KEEP(new char[100009 + zero], 100009); }
KIND over_aligned() { KEEP(new wide[800 + zero], 102400); }

KIND deleted()
{
	::operator delete(::operator new(200001 + zero));
	::operator delete(::operator new(200002 + zero), std::size_t(200002));
	::operator delete(::operator new(200003 + zero, std::nothrow), std::nothrow);
	::operator delete[](::operator new[](200004 + zero));
	::operator delete[](::operator new[](200005 + zero), std::size_t(200005));
	::operator delete[](::operator new[](200006 + zero, std::nothrow), std::nothrow);
	std::align_val_t al{64};
	::operator delete(::operator new(200007 + zero, al), al);
	::operator delete(::operator new(200008 + zero, al), std::size_t(200008), al);
	::operator delete(::operator new(200009 + zero, al, std::nothrow), al, std::nothrow);
	::operator delete[](::operator new[](200010 + zero, al), al);
	::operator delete[](::operator new[](200011 + zero, al), std::size_t(200011), al);
	::operator delete[](::operator new[](200012 + zero, al, std::nothrow), al, std::nothrow);
	::operator delete(nullptr);
	delete[] new wide[1000 + zero];
	for (int i = 1; i < 300; i++) { /* small sized deletes: the class of a size must be the same on both sides */
		char *p = new char[i + zero];
		p[i - 1] = 1;
		::operator delete[](p, std::size_t(i));
	}
	std::map<std::string, std::vector<std::string>> m;
	for (int i = 0; i < 1000; i++)
		m[std::to_string(i % 50)].push_back(std::string(i, 'x'));
}
}

static int handled;
static void handler() { if (++handled == 3) std::set_new_handler(nullptr); }

/* The handler is called as often as it should, then bad_alloc comes. */
static void exhausted()
{
	volatile std::size_t huge = PTRDIFF_MAX;
	int caught = 0;

	try { kept[99] = ::operator new(huge); } catch (std::bad_alloc &) { caught++; }
	try { kept[99] = ::operator new[](huge - 5000, std::align_val_t(64)); } catch (std::bad_alloc &) { caught++; }
	if (::operator new(huge, std::nothrow) || ::operator new[](huge, std::align_val_t(64), std::nothrow))
		exit(7);
	std::set_new_handler(handler);
	try { kept[99] = ::operator new(huge); } catch (std::bad_alloc &) { caught++; }
	if (caught != 3 || handled != 3)
		exit(8);
}

int main(int argc, char **)
{
	static char out[4096];

	setvbuf(stdout, out, _IOFBF, sizeof out);
	plain(), array(), nothrow(), array_nothrow(), aligned(), array_aligned(), aligned_nothrow(), array_aligned_nothrow();
	expression(), over_aligned(), deleted();
#ifndef OWN_NEW
	if (argc == 1)
		exhausted();
#else
	if (own_calls < 300)
		exit(9);
#endif
	return 0;
}
