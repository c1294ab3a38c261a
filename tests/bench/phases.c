/*
 * phases DUMP - how long each step of the analysis takes in one process: one line "NAME WALL CPU PEAK" a step, in seconds and KiB
 * (peak memory of the process so far).
 */
#include <err.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "dump/model.h"
#include "graph/csr.h"
#include "report/alive.h"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void lap(const char *name)
{
	static double last_wall, last_cpu;
	struct rusage u;
	double wall = seconds(), cpu;

	getrusage(RUSAGE_SELF, &u);
	cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	      (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
	if (name)
		printf("%s %.6f %.6f %ld\n", name, wall - last_wall, cpu - last_cpu, u.ru_maxrss);
	last_wall = seconds();
	last_cpu = cpu;
}

static void must(struct error *e)
{
	if (e)
		errx(3, "%s", e->text ? e->text : e->message);
}

int main(int argc, char **argv)
{
	struct reverse reverse;
	struct model *m;
	struct alive alive;

	if (argc != 2)
		errx(2, "usage: phases DUMP");
	lap(NULL);
	must(model_open(argv[1], &m));
	lap("open");
	must(model_load(m, MODEL_EDGES));
	lap("edges");
	must(graph_reverse(&m->graph, NULL, &reverse));
	lap("reverse");
	reverse_deinit(&reverse);
	lap("drop");
	must(alive_init(&alive, m));
	lap("judge");
	must(alive_dominators(&alive));
	lap("dominators");
	must(alive_reach(&alive));
	printf("graph %u %u %u\n", m->nobjects, m->nedges, alive.npreorder);
	alive_deinit(&alive);
	model_close(m);
	return 0;
}
