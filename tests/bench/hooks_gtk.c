/* hooks_gtk.c - the start of a GTK program: a window with some hundreds of widgets is built, shown, drawn once, and taken apart. */
#include <gtk/gtk.h>

static gboolean enough(gpointer window)
{
	gtk_widget_destroy(window);
	gtk_main_quit();
	return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
	GtkWidget *window, *grid;

	gtk_init(&argc, &argv);
	window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	grid = gtk_grid_new();
	gtk_container_add(GTK_CONTAINER(window), grid);
	for (int i = 0; i < 200; i++) {
		char text[32];

		g_snprintf(text, sizeof text, "number %d", i);
		gtk_grid_attach(GTK_GRID(grid), gtk_label_new(text), 0, i, 1, 1);
		gtk_grid_attach(GTK_GRID(grid), gtk_button_new_with_label(text), 1, i, 1, 1);
		gtk_grid_attach(GTK_GRID(grid), gtk_entry_new(), 2, i, 1, 1);
	}
	gtk_widget_show_all(window);
	g_timeout_add(200, enough, window);
	gtk_main();
	return 0;
}
