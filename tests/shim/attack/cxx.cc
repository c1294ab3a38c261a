// C++: exceptions through operator new, new handlers that throw, replaced operators for a class, all forms of delete, threads.
// LIBS: -lpthread -lstdc++
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <map>
#include <unistd.h>

static int handled;
static void handler()
{
	if (++handled % 3 == 0)
		throw std::runtime_error("handler");
	if (handled % 3 == 1)
		std::set_new_handler(handler);
	else
		throw std::bad_alloc();
}
struct alignas(256) Wide {
	char c[300];
};
struct Throws {
	Throws()
	{
		throw 5;
	}
};
struct Own {
	static void *operator new(size_t n)
	{
		return std::malloc(n + 1);
	}
	static void operator delete(void *p)
	{
		std::free(p);
	}
	int x[9];
};

static int round(volatile size_t huge)
{
	int n = 0;
	try {
		char *p = new char[huge];
		n += 1000 * (p != nullptr);
	} catch (std::bad_alloc &) {
		n++;
	} catch (std::runtime_error &) {
		n += 2;
	}
	if (!new (std::nothrow) char[huge / 3])
		n += 4;
	try {
		new Throws[3];
	} catch (int i) {
		n += i;
	}
	Wide *w = new Wide[3];
	n += (reinterpret_cast<size_t>(w) & 255) != 0;
	delete[] w;
	std::unique_ptr<Wide> u(new Wide);
	Own *o = new Own;
	delete o;
	std::map<int, std::string> m;
	for (int i = 0; i < 50; i++)
		m[i] = std::string(i * 3, 'x');
	::operator delete(::operator new(100, std::align_val_t(64)), 100, std::align_val_t(64));
	::operator delete(::operator new(10), 10);
	::operator delete[](::operator new[](10));
	delete static_cast<char *>(nullptr);
	try {
		std::vector<int> v;
		v.resize(v.max_size() / 2);
	} catch (std::bad_alloc &) {
		n += 16;
	} catch (std::length_error &) {
		n += 16;
	} catch (std::runtime_error &) {
		n += 16;
	}
	return n;
}

int main()
{
	long sum = 0;
	std::vector<std::thread> threads;
	long per[4] = {};
	for (int i = 0; i < 300; i++) {
		try {
			sum += round(static_cast<size_t>(1) << 62) > 0;
		} catch (std::exception &e) {
			std::puts(e.what());
		}
		usleep(1000);
	}
	std::set_new_handler(handler);
	for (int i = 0; i < 30; i++)
		sum += round(static_cast<size_t>(1) << 62);
	std::set_new_handler(nullptr);
	for (int t = 0; t < 4; t++)
		threads.emplace_back([&per, t] {
			for (int i = 0; i < 2000; i++)
				per[t] += round(static_cast<size_t>(1) << 62);
		});
	for (auto &t : threads)
		t.join();
	std::printf("%ld %ld %d\n", sum, per[0] + per[1] + per[2] + per[3], handled);
	return 0;
}
