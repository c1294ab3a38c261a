/* C++ objects whose classes are known by their vtables; takes one dump and ends. Built by tests/cli/types.py. */
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "refgraph.h"

namespace ns {
struct Base {
	virtual ~Base() {}
	int x = 1;
};
template <class T> struct Derived : Base {
	T *p = nullptr;
};
} // namespace ns
namespace {
struct Hidden : ns::Base {
	char more[100];
};
} // namespace
struct Left {
	virtual ~Left() {}
	long a = 1;
};
struct Right {
	virtual ~Right() {}
	long b = 2;
};
struct Both : Left, Right {
	Both *other = nullptr;
};
struct Operations { /* in C's way: no class */
	void (*run)();
};
static void run() {}
static const Operations operations = {run};
struct Driver {
	const Operations *operations;
	long value;
};

struct Shop { /* what its containers hold counts to it on request */
	std::map<int, std::string> names;
	std::vector<long> numbers;
};
Shop *shop;
ns::Base *one, *hidden, *many;
Right *second;
std::shared_ptr<Both> shared;
Driver *driver;
std::vector<ns::Base *> all;

int main()
{
	one = new ns::Derived<int>;
	hidden = new Hidden;
	many = new ns::Derived<long>[5];
	Both *both = new Both;
	both->other = new Both;
	second = both;
	shared = std::make_shared<Both>();
	driver = new Driver{&operations, 1};
	for (int i = 0; i < 10; i++)
		all.push_back(new ns::Derived<std::string>);
	shop = new Shop;
	shop->numbers.reserve(20);
	for (int i = 0; i < 10; i++)
		shop->names[i] = "a name of exactly thirty chars";
	refgraph_snapshot("typed");
	return 0;
}
