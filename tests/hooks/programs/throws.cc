/*
 * throws.cc - exceptions that leave hooked calls of things.c's kind, caught near and far, thrown again, through two of them at once; more often than a
 * thread has places for calls under way. Built with each of the unwinders that there are (throws.sh). Prints sums that any lost destructor or
 * handler would change.
 */
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#define API extern "C" __attribute__((noinline, noclone, visibility("default")))

struct thing {
	const char *name;
	std::atomic<int> count;
	int payload;
	struct thing *other;
};

struct counted {
	int *n;
	~counted()
	{
		++*n;
	}
};

static int ended, depth, throws;

API struct thing *thing_new(const char *name)
{
	counted c{&ended};

	if (depth && depth--)
		return thing_new(name);
	if (throws)
		throw std::runtime_error("no thing");
	struct thing *thing = static_cast<struct thing *>(calloc(1, sizeof *thing));

	thing->name = name;
	thing->count = 1;
	return thing;
}

API struct thing *thing_ref(struct thing *thing)
{
	thing->count++;
	return thing;
}

API void thing_unref(struct thing *thing)
{
	if (--thing->count == 0)
		free(thing);
}

__attribute__((noinline)) static int middle(int within)
{
	counted c{&ended};

	depth = within;
	thing_unref(thing_new("Thing"));
	return 1;
}

__attribute__((noinline)) static int again(int within)
{
	try {
		return middle(within);
	} catch (std::logic_error &) {
		return 100;
	} catch (std::exception &) {
		++ended;
		throw;
	}
}

__attribute__((noinline)) static long one(int i)
{
	throws = i % 2;
	try {
		if (i % 5)
			return again(i % 3);
		depth = i % 3;
		thing_unref(thing_new("Near"));
		return 10;
	} catch (std::exception &e) {
		return e.what()[3];
	}
}

int main()
{
	long sum = 0;

	for (int i = 0; i < 6000; i++)
		sum += one(i);
	printf("%ld %d\n", sum, ended);
}
