/* inside.c - a GTK program that tells what it is made of, by GTK's and GObject's own functions: one line
 *	widget ADDRESS TYPE REFCOUNT FLOATING PARENT
 *	data ADDRESS KEY TARGET		binding ADDRESS SOURCE TARGET
 * for each. Seeded: the first argument. */
#include <gtk/gtk.h>
#include <stdlib.h>

static unsigned count;

static void on_click(GtkWidget *widget, gpointer data)
{
}

static void tell(GtkWidget *widget, gpointer data)
{
	printf("widget %zu %s %u %d %zu\n", (size_t)widget, G_OBJECT_TYPE_NAME(widget), G_OBJECT(widget)->ref_count,
	       g_object_is_floating(widget), (size_t)gtk_widget_get_parent(widget));
	gpointer friend = g_object_get_data(G_OBJECT(widget), "friend");
	if (friend)
		printf("data %zu friend %zu\n", (size_t)widget, (size_t)friend);
	if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), tell, NULL);
}

static GtkWidget *leaf(void)
{
	switch (rand() % 6) {
	case 0:
		return gtk_button_new_with_label("button");
	case 1:
		return gtk_label_new("label");
	case 2:
		return gtk_entry_new();
	case 3:
		return gtk_check_button_new();
	case 4:
		return gtk_spin_button_new_with_range(0, 9, 1);
	default:
		return gtk_image_new();
	}
}

static GtkWidget *tree(int depth)
{
	static GtkWidget *last;
	GtkWidget *box;

	if (!depth || count > 300)
		return leaf();
	box = rand() % 2 ? gtk_box_new(GTK_ORIENTATION_VERTICAL, 0) : gtk_grid_new();
	for (int i = rand() % 5 + 1; i-- > 0; count++) {
		GtkWidget *child = tree(depth - 1);
		gtk_container_add(GTK_CONTAINER(box), child);
		if (last && rand() % 3 == 0)
			g_object_set_data_full(G_OBJECT(child), "friend", g_object_ref(last), g_object_unref);
		if (rand() % 4 == 0)
			g_object_ref(child); /* somebody */
		if (GTK_IS_BUTTON(child))
			g_signal_connect(child, "clicked", G_CALLBACK(on_click), box);
		if (last && rand() % 5 == 0)
			printf("binding %zu %zu %zu\n",
			       (size_t)g_object_bind_property(last, "sensitive", child, "sensitive", G_BINDING_DEFAULT),
			       (size_t)last, (size_t)child);
		last = child;
	}
	return box;
}

int main(int argc, char **argv)
{
	GList *tops;

	srand((unsigned)atoi(argv[1]));
	gtk_init(&argc, &argv);
	for (int i = 0; i < 2; i++) {
		GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
		gtk_container_add(GTK_CONTAINER(window), tree(5));
		if (i)
			gtk_widget_show_all(window);
	}
	while (gtk_events_pending())
		gtk_main_iteration();
	tops = gtk_window_list_toplevels();
	for (GList *top = tops; top; top = top->next)
		tell(top->data, NULL);
	g_list_free(tops);
	exit(0);
}
