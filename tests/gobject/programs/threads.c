/* threads.c - threads that make, connect, list and free objects as fast as they can, beside 777 that stay; until it reads a line. */
#include <glib-object.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 3
#define OBJECTS 64
static int stop;
static GObject *kept[777];

static void on_notify(GObject *object, GParamSpec *property, gpointer data)
{
}

struct lists {
	GList *list;
	GSList *single;
	GHashTable *table;
};

static GObject *make(struct lists *lists, GType type)
{
	GObject *object = g_object_new(type, NULL);

	g_object_set_data_full(object, "text", g_strdup("text"), g_free);
	g_signal_connect(object, "notify", G_CALLBACK(on_notify), NULL);
	lists->list = g_list_prepend(lists->list, object);
	lists->single = g_slist_append(lists->single, object);
	g_hash_table_add(lists->table, object);
	return object;
}

static void drop(struct lists *lists, GObject *object)
{
	g_hash_table_remove(lists->table, object);
	lists->list = g_list_remove(lists->list, object);
	lists->single = g_slist_remove(lists->single, object);
	g_object_unref(object);
}

static gpointer work(gpointer number)
{
	unsigned seed = GPOINTER_TO_UINT(number);
	GObject *mine[OBJECTS] = {0};
	struct lists lists = {NULL, NULL, g_hash_table_new(NULL, NULL)};

	while (!g_atomic_int_get(&stop)) {
		unsigned i = (unsigned)rand_r(&seed) % OBJECTS;

		if (mine[i])
			drop(&lists, mine[i]);
		mine[i] = mine[i] ? NULL : make(&lists, i % 2 ? G_TYPE_OBJECT : G_TYPE_INITIALLY_UNOWNED);
	}
	return NULL;
}

int main(void)
{
	GThread *threads[THREADS];

	for (int i = 0; i < 777; i++) {
		kept[i] = g_object_new(G_TYPE_OBJECT, NULL);
		g_object_set_data(kept[i], "kept", kept[0]);
	}
	for (int i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("worker", work, GUINT_TO_POINTER(i + 1));
	puts("ready");
	fflush(stdout);
	getchar();
	g_atomic_int_set(&stop, 1);
	for (int i = 0; i < THREADS; i++)
		g_thread_join(threads[i]);
	puts("done");
	return 0;
}
