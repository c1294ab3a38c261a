/* Objects that begin with a member that has a constructor, lost, so that only the code behind each new tells what they are. Built by tests/cli/types.py. */
#include <string>
#include <vector>

#include "refgraph.h"

struct Connection { /* twice as large as its first member */
	std::string peer;
	std::vector<long> data;
	Connection *next;
};
struct Label { /* as large as its first member */
	std::string text;
};
struct Base {
	std::string name;
};
struct Derived : Base {
	std::string more;
	long numbers[5];
};
namespace shop {
template <class T> struct Order {
	std::string key;
	T what[3];
	Order(const char *k) : key(k), what{} {}
};
} // namespace shop

template <class T> __attribute__((noinline)) T *create()
{
	T *t = new T;
	return t;
}

__attribute__((noinline)) static void order(const char *key)
{
	auto *o = new shop::Order<int>(key);
	o->what[1] = 7;
	__asm__ volatile("" : : "r"(o) : "memory"); /* or the compiler leaves it all out */
}

int main(int argc, char **)
{
	for (int i = 0; i < 3; i++) {
		create<Connection>()->data.resize((size_t)argc + 1);
		create<Label>()->text = "n";
		create<Derived>()->more = "m";
		order("short");
	}
	refgraph_snapshot_(nullptr);
	return 0;
}
