// unwind_cpp.cc - C++ for the unwinder's tests: new, exceptions through several frames, destructors and catch blocks that allocate,
// an exception allocated while another one is being handled, threads, std containers, virtual calls and lambdas.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct Noisy {
	std::string text;
	explicit Noisy(int n) : text(40, static_cast<char>('a' + n % 26)) {}
	~Noisy() { std::string copy = text + "!"; if (copy.size() == 1) std::cout << copy; }
};

__attribute__((noinline)) static int thrower(int n)
{
	Noisy here(n);
	if (n == 0)
		throw std::runtime_error(std::string(50, 'x'));
	return thrower(n - 1) + 1;
}

__attribute__((noinline)) static int nested(int n)
{
	try {
		return thrower(n);
	} catch (const std::exception &first) {
		std::string message = first.what();
		try {
			thrower(n / 2);
		} catch (...) {
			message += "again";
		}
		if (n % 5 == 0)
			throw;
		return static_cast<int>(message.size());
	}
}

struct Shape {
	virtual ~Shape() = default;
	virtual std::unique_ptr<Shape> copy(int n) const = 0;
};
template <int I> struct Kind : Shape {
	char room[I * 24];
	std::unique_ptr<Shape> copy(int n) const override
	{
		if (n <= 0)
			return std::make_unique<Kind<I>>(*this);
		return std::make_unique<Kind<I % 5 + 1>>()->copy(n - 1);
	}
};

static int work(int seed)
{
	int caught = 0;
	for (int i = 0; i < 500; i++) {
		try {
			nested((i + seed) % 11 * 5);
		} catch (const std::runtime_error &) {
		}
		caught++;
		std::unique_ptr<Shape> shape = std::make_unique<Kind<1>>()->copy(i % 6);
	}
	std::map<std::string, std::vector<int>> map;
	for (int i = 0; i < 500; i++)
		map["key" + std::to_string(i % 50)].push_back(i);
	std::vector<std::string> names;
	for (auto &entry : map)
		names.push_back(entry.first);
	std::sort(names.begin(), names.end(), [](std::string a, std::string b) { return a > b; });
	std::function<std::string(int)> f = [&](int n) { return n ? f(n - 1) + names[0] : std::string(); };
	f(20);
	return caught;
}

int main()
{
	int a = 0;
	std::thread other([&] { a = work(3); });
	other.join();
	std::cout << "caught " << work(0) << " " << a << std::endl;
}
