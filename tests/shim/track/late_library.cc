#include <new>
#include <cstdint>
#include <cstddef>
#include <stdexcept>
#include <string>
void *kept;
static volatile std::size_t huge = PTRDIFF_MAX;
extern "C" __attribute__((noinline)) void keeper() { kept = ::operator new(123456); }
extern "C" int work()
{
	int caught = 0;
	keeper();
	try { kept = ::operator new(huge); } catch (std::bad_alloc &) { caught++; }
	try { std::string s(10, 'x'); s.at(20); } catch (std::out_of_range &) { caught++; }
	return caught;
}
