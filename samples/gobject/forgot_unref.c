/* forgot_unref.c - every tenth visitor is looked up with a reference that nobody gives back; one is given back twice.
 *
 *   gcc forgot_unref.c $(pkg-config --cflags --libs gobject-2.0) -o forgot_unref
 *   refgraph run --on-exit -- ./forgot_unref && refgraph audit
 */
#include <glib-object.h>

typedef struct {
	GObject parent;
	int visits;
} Visitor;
typedef GObjectClass VisitorClass;
G_DEFINE_TYPE(Visitor, visitor, G_TYPE_OBJECT)
static void visitor_class_init(VisitorClass *class)
{
}
static void visitor_init(Visitor *visitor)
{
}

static GPtrArray *visitors;

/* The caller owns what it gets; not every caller knows. */
static Visitor *look_up(unsigned number)
{
	return g_object_ref(g_ptr_array_index(visitors, number));
}

int main(void)
{
	visitors = g_ptr_array_new_with_free_func(g_object_unref);
	for (unsigned i = 0; i < 200; i++)
		g_ptr_array_add(visitors, g_object_new(visitor_get_type(), NULL));
	for (unsigned i = 0; i < 200; i++) {
		Visitor *visitor = look_up(i);

		visitor->visits++;
		if (i % 10 != 3) /* the bug: an early way out */
			g_object_unref(visitor);
	}
	Visitor *guest = g_object_new(visitor_get_type(), NULL);
	g_ptr_array_add(visitors, guest);
	g_object_set_data_full(G_OBJECT(g_ptr_array_index(visitors, 0)), "guest", guest, g_object_unref);
	return 0;
}
