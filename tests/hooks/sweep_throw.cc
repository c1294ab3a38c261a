/*
 * sweep_throw.cc - exceptions through functions that are all hooked, libstdc++'s and libgcc's too: caught near and far, in threads, rethrown, at
 * the cancellation of a thread. Prints sums that any lost destructor or handler would change.
 */
#include <atomic>
#include <cstdio>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

struct counted {
	int *n;
	~counted()
	{
		++*n;
	}
};

extern "C" __attribute__((noinline)) int thrower(int n, int *ended)
{
	counted c{ended};

	if (n % 3 == 0)
		throw std::runtime_error("n" + std::to_string(n));
	return n;
}

extern "C" __attribute__((noinline)) int middle(int n, int *ended)
{
	counted c{ended};

	return thrower(n, ended) + 1;
}

static long catches(int count)
{
	long sum = 0;
	int ended = 0;

	for (int i = 0; i < count; i++) {
		try {
			sum += middle(i, &ended);
		} catch (std::exception &e) {
			sum += e.what()[1];
		}
	}
	return sum * 100000 + ended;
}

static std::atomic<bool> inside;

static void *cancelled(void *seen)
{
	try {
		for (;;) {
			catches(2);
			inside = true;
			pthread_testcancel();
		}
	} catch (...) {
		++*static_cast<int *>(seen);
		throw;
	}
}

int main()
{
	std::vector<std::thread> threads;
	std::atomic<long> sum{0};
	pthread_t thread;
	int seen = 0;

	printf("%ld\n", catches(3000));
	for (int k = 0; k < 8; k++)
		threads.emplace_back([&] { sum += catches(500); });
	for (auto &t : threads)
		t.join();
	printf("%ld\n", sum.load());
	pthread_create(&thread, nullptr, cancelled, &seen);
	while (!inside)
		usleep(100);
	pthread_cancel(thread);
	pthread_join(thread, nullptr);
	printf("cancelled %d\n", seen);
	try {
		std::rethrow_exception(std::make_exception_ptr(5));
	} catch (int i) {
		printf("%d\n", i);
	}
}
