/* basket.c - one of each: what a GObject can hold another by. It prints what it made, and where.
 *
 *   gcc basket.c $(pkg-config --cflags --libs gobject-2.0) -o basket && refgraph run --on-exit -- ./basket
 */
#include <glib-object.h>
#include <stdio.h>

typedef struct _Item Item;
typedef GObjectClass ItemClass;
typedef struct {
	Item *friend;
	long pad[3];
} ItemPrivate;
struct _Item {
	GObject parent;
	int price;
};
G_DEFINE_TYPE_WITH_PRIVATE(Item, item, G_TYPE_OBJECT)
static void item_class_init(ItemClass *class)
{
	g_signal_new("sold", item_get_type(), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}
static void item_init(Item *item)
{
	item->price = 7;
}
static void set_friend(Item *item, Item *friend)
{
	((ItemPrivate *)item_get_instance_private(item))->friend = g_object_ref(friend);
}

typedef struct {
	Item parent;
	GList *items;
	GHashTable *by_name;
	GPtrArray *array;
	Item *toggled;
} Basket;
typedef ItemClass BasketClass;
G_DEFINE_TYPE(Basket, basket, item_get_type())
static void basket_class_init(BasketClass *class)
{
}
static void basket_init(Basket *basket)
{
}

static void on_sold(Item *item, gpointer data)
{
}
static void on_toggle(gpointer data, GObject *object, gboolean last)
{
}
static void on_gone(gpointer data, GObject *object)
{
}

static Item *made(const char *name, Item *item)
{
	printf("%s %p %u\n", name, (void *)item, G_OBJECT(item)->ref_count);
	return item;
}
static Item *new_item(void)
{
	return g_object_new(item_get_type(), NULL);
}

static Basket *basket;
static Item *weak_pointer;
static GWeakRef weak_ref;

int main(void)
{
	Item *items[12];

	basket = g_object_new(basket_get_type(), NULL);
	for (int i = 0; i < 12; i++)
		items[i] = new_item();
	for (int i = 0; i < 3; i++)
		basket->items = g_list_append(basket->items, items[i]);
	basket->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_object_unref);
	g_hash_table_insert(basket->by_name, g_strdup("apple"), items[3]);
	g_hash_table_insert(basket->by_name, g_strdup("pear"), items[4]);
	basket->array = g_ptr_array_new_with_free_func(g_object_unref);
	g_ptr_array_add(basket->array, items[5]);
	set_friend(items[0], items[6]);
	g_object_unref(items[6]);
	g_object_set_data_full(G_OBJECT(basket), "owner", items[7], g_object_unref);
	g_object_set_data(G_OBJECT(basket), "visitor", items[0]);
	g_signal_connect_data(basket, "sold", G_CALLBACK(on_sold), items[8], (GClosureNotify)(void *)g_object_unref, 0);
	g_signal_connect_object(basket, "notify::price", G_CALLBACK(on_sold), items[1], 0);
	basket->toggled = items[9];
	g_object_add_toggle_ref(G_OBJECT(items[9]), on_toggle, basket);
	weak_pointer = items[10];
	g_object_add_weak_pointer(G_OBJECT(items[10]), (gpointer *)&weak_pointer);
	g_object_weak_ref(G_OBJECT(items[10]), on_gone, basket);
	g_weak_ref_init(&weak_ref, items[11]);
	/* a closure that holds its own object: nobody can free it any more */
	Item *loop = new_item();
	g_signal_connect_data(loop, "sold", G_CALLBACK(on_sold), loop, (GClosureNotify)(void *)g_object_unref, 0);
	g_object_set_data_full(G_OBJECT(basket), "ten", items[10], g_object_unref);
	g_object_set_data_full(G_OBJECT(basket), "eleven", items[11], g_object_unref);
	g_object_set_data_full(G_OBJECT(basket), "nine", items[9], g_object_unref);
	Item *floating = g_object_new(G_TYPE_INITIALLY_UNOWNED, NULL);
	g_object_set_data(G_OBJECT(basket), "floating", floating);
	made("basket", (Item *)basket);
	for (int i = 0; i < 12; i++) {
		char name[8];
		snprintf(name, sizeof name, "%d", i);
		made(name, items[i]);
		items[i] = NULL;
	}
	made("loop", loop);
	loop = NULL;
	made("floating", floating);
	return basket->parent.price - 7;
}
