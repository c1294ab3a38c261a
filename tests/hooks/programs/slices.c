/*
 * slices.c - counted objects that lie in slices of GLib's (before 2.76), whose memory is used again at once. What the allocator does is printed.
 *
 *   variant|param|object    one ends, others of its kind come, a third party gives back the first: once too often
 *   many                    a thousand come and go, one at a time
 *   twice                   a slice is freed by its last owner, and by another who does not know
 *   threads                 eight threads end what others made
 */
#include <glib-object.h>
#include <stdio.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noclone))

/* With private data, which lies in front of the instance. */
typedef struct {
	GObject parent;
} Boat;
typedef struct {
	GObjectClass parent;
} BoatClass;
typedef struct {
	char cargo[40];
} BoatPrivate;
G_DEFINE_TYPE_WITH_PRIVATE(Boat, boat, G_TYPE_OBJECT)

static void boat_class_init(BoatClass *class)
{
	(void)class;
}

static void boat_init(Boat *boat)
{
	memset(boat_get_instance_private(boat), 'c', sizeof(BoatPrivate));
}

/* One of the program's own. */
struct thing {
	long count;
	char text[56];
};

NOINLINE struct thing *thing_new(void)
{
	struct thing *t = g_slice_new0(struct thing);

	t->count = 1;
	return t;
}

NOINLINE void thing_unref(struct thing *t)
{
	if (!--t->count)
		g_slice_free(struct thing, t);
}

static NOINLINE gpointer make(const char *kind)
{
	if (!strcmp(kind, "variant"))
		return g_variant_ref_sink(g_variant_new("(si)", "a text that is longer than sixteen bytes", 1));
	if (!strcmp(kind, "param"))
		return g_param_spec_ref_sink(g_param_spec_int("number", "", "", 0, 9, 5, 0));
	return strcmp(kind, "object") ? (gpointer)thing_new() : g_object_new(boat_get_type(), NULL);
}

static void give(const char *kind, gpointer o)
{
	if (!strcmp(kind, "variant"))
		g_variant_unref(o);
	else if (!strcmp(kind, "param"))
		g_param_spec_unref(o);
	else if (!strcmp(kind, "object"))
		g_object_unref(o);
	else
		thing_unref(o);
}

static NOINLINE void rightful(const char *kind, gpointer o)
{
	give(kind, o);
	__asm__ volatile("");
}

static NOINLINE void hasty(const char *kind, gpointer o)
{
	give(kind, o);
	__asm__ volatile("");
}

#define SUCCESSORS 500 /* as many as a slice that is free may have to wait for */

static void surplus(const char *kind)
{
	gpointer first, more[SUCCESSORS];
	int n = 0;

	for (int i = 0; i < 20; i++)
		rightful(kind, make(kind));
	first = make(kind);
	rightful(kind, first);
	do
		more[n] = make(kind);
	while (more[n++] != first && n < SUCCESSORS);
	printf("%p %s\n", first, more[n - 1] == first ? "used again" : "kept");
	fflush(stdout);
	hasty(kind, first);
	while (n)
		rightful(kind, more[--n]);
}

static void many(void)
{
	GHashTable *seen = g_hash_table_new(NULL, NULL);

	for (int i = 0; i < 1000; i++) {
		gpointer o = make("thing");

		g_hash_table_add(seen, o);
		rightful("thing", o);
	}
	printf("%u\n", g_hash_table_size(seen));
	g_hash_table_unref(seen);
}

static void twice(void)
{
	struct thing *t = make("thing");

	rightful("thing", t);
	g_slice_free1(sizeof(*t), t);
	printf("freed twice\n");
}

#define THREADS 8
#define TURNS 20000
static GAsyncQueue *queues[THREADS];

/* A ring: each ends what the one before it made, and finds it whole. */
static gpointer turn(gpointer number)
{
	int me = GPOINTER_TO_INT(number);
	long wrong = 0;

	for (int i = 0; i < TURNS; i++) {
		struct thing *mine = thing_new(), *other;

		memset(mine->text, 'a' + me, sizeof(mine->text));
		g_async_queue_push(queues[(me + 1) % THREADS], mine);
		other = g_async_queue_pop(queues[me]);
		for (unsigned k = 0; k < sizeof(other->text); k++)
			wrong += other->text[k] != 'a' + (me + THREADS - 1) % THREADS;
		wrong += other->count != 1;
		thing_unref(other);
	}
	return GINT_TO_POINTER(wrong);
}

static void threads(void)
{
	GThread *all[THREADS];
	long wrong = 0;

	for (int i = 0; i < THREADS; i++)
		queues[i] = g_async_queue_new();
	for (int i = 0; i < THREADS; i++)
		all[i] = g_thread_new("turn", turn, GINT_TO_POINTER(i));
	for (int i = 0; i < THREADS; i++)
		wrong += GPOINTER_TO_INT(g_thread_join(all[i]));
	for (int i = 0; i < THREADS; i++)
		g_async_queue_unref(queues[i]);
	printf("%ld wrong\n", wrong);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "many";

	if (!strcmp(what, "many"))
		many();
	else if (!strcmp(what, "twice"))
		twice();
	else if (!strcmp(what, "threads"))
		threads();
	else
		surplus(what);
	return 0;
}
