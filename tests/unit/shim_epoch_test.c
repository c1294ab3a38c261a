/* The records of epochs: the start and the newest are kept, in order, however many marks there are; what is dropped is counted. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../preload/counter.c"
#include "../../preload/epoch.c"

struct config config;
__thread struct thread *thread_current;
__thread bool fork_holds;
_Atomic bool shim_sandboxed;

int log_format(char *out, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(out, size, format, ap);
	va_end(ap);
	return n;
}

static int failures;

static void report(const char *name, bool good)
{
	printf("%s epochs: %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

/* After `marks` of them. */
static bool is_kept(uint32_t marks)
{
	const struct epoch_record *list;
	size_t n = epoch_records(&list), want = marks + 1 < RECORDS_MAX ? marks + 1 : RECORDS_MAX;
	char label[32];

	if (n != want || list[0].number != 1 || strcmp(list[0].label, "the start") != 0)
		return false;
	for (size_t i = 1; i < n; i++) {
		uint32_t number = marks + 1 - (uint32_t)(n - 1 - i);

		snprintf(label, sizeof(label), "mark %u", number);
		if (list[i].number != number || strcmp(list[i].label, label) != 0)
			return false;
	}
	return true;
}

int main(void)
{
	uint32_t marks = 0, bad = 0;
	char label[32];

	epoch_advance(0, "the start");
	while (marks < 3 * RECORDS_MAX) {
		snprintf(label, sizeof(label), "mark %u", ++marks + 1);
		if (epoch_advance(1 /* a mark */, label) != marks + 1)
			bad++;
		if (marks % 16 == 0 || (marks > RECORDS_MAX - 2 && marks < RECORDS_MAX + 3))
			bad += !is_kept(marks);
	}
	report("the start and the newest, after each of many marks", !bad);
	report("what was dropped is counted",
	       counter_get(COUNTER_LOST_EPOCHS) == marks + 1 - RECORDS_MAX);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
