/*
 * locals.c - blocks that only known local variables hold, in nested frames of threads that sleep in read(), wait for a condition, run,
 * and allocate. Takes a snapshot when all of them are there, and ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "refgraph.h"

#define FAR __attribute__((noinline, noclone))

struct item {
	struct item *next;
	long number;
};
struct request {
	long id;
	struct {
		char *start, *end;
	} buf;
	struct item *items[3];
};
struct session {
	struct session *peer;
	struct request *current;
	char name[16];
};

static struct sink {
	volatile long n;
} sink;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int silent[2];
static int ready, over;

__thread struct session *mine;
static __thread struct {
	int depth;
	struct item *kept;
} state;

static FAR struct item *make_item(long number)
{
	struct item *i = malloc(sizeof *i);

	i->number = number;
	i->next = 0;
	return i;
}

static FAR struct session *make_session(const char *name)
{
	struct session *s = malloc(sizeof *s);

	memset(s, 0, sizeof *s);
	strcpy(s->name, name);
	return s;
}

static FAR void here(void)
{
	pthread_mutex_lock(&mutex);
	ready++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

/* ---- blocked in read() ---- */

static FAR long read_more(struct request *req, struct item *head)
{
	char byte;
	struct item *last = make_item(head->number + 1);

	head->next = 0;
	here();
	sink.n += read(silent[0], &byte, 1);
	return last->number + req->id + (head->next != 0);
}

static FAR long process_request(long id)
{
	struct request req = {.id = id};
	struct item *first = make_item(id);
	long n;

	req.buf.start = malloc(100);
	req.items[2] = make_item(7);
	n = read_more(&req, first);
	return n + req.buf.start[0] + req.items[2]->number + first->number;
}

static void *reader(void *argument)
{
	struct session *session = make_session("reader");

	mine = make_session("tls");
	state.kept = make_item(99);
	sink.n += process_request(100);
	sink.n += session->name[0] + mine->name[0] + state.kept->number;
	return argument;
}

/* ---- waits for a condition ---- */

static FAR long wait_for_work(struct session *owner)
{
	struct item *waiting = make_item(300);

	pthread_mutex_lock(&mutex);
	ready++;
	pthread_cond_broadcast(&changed);
	while (!over)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	return waiting->number + owner->name[0];
}

static void *waiter(void *argument)
{
	struct session *session = make_session("waiter");
	struct item *pair[2] = {make_item(301), make_item(302)};

	sink.n += wait_for_work(session) + pair[0]->number + pair[1]->number + session->name[1];
	return argument;
}

/* ---- runs ---- */

static FAR long spin(struct item *spun, struct session *by)
{
	long n = 0;

	here();
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		n += spun->number + by->name[0];
	return n + spun->number + by->name[0];
}

static void *runner(void *argument)
{
	struct session *session = make_session("runner");
	struct item *item = make_item(400);

	sink.n += spin(item, session) + item->number + session->name[0];
	return argument;
}

/* ---- allocates: stops at the end of a hook ---- */

static FAR long churn(struct item *held)
{
	long n = 0;

	here();
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		void *p = malloc(48);

		__asm__ volatile("" : "+r"(p));
		n += held->number;
		free(p);
	}
	return n + held->number;
}

static void *allocator(void *argument)
{
	struct item *item = make_item(500);

	sink.n += churn(item) + item->number;
	return argument;
}

int main(void)
{
	void *(*const bodies[])(void *) = {reader, waiter, runner, allocator};
	static const char *const names[] = {"reader", "waiter", "runner", "allocator"};
	struct session *owner = make_session("main");
	pthread_t threads[4];

	if (pipe(silent))
		return 1;
	for (int i = 0; i < 4; i++) {
		pthread_create(&threads[i], NULL, bodies[i], NULL);
		pthread_setname_np(threads[i], names[i]);
	}
	pthread_mutex_lock(&mutex);
	while (ready < 4)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	refgraph_snapshot("here");
	if (getenv("LOCALS_CORE"))
		abort();
	pthread_mutex_lock(&mutex);
	over = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	sink.n += write(silent[1], "x", 1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return owner->name[0] == 'x';
}
