/*
 * gobject_task.c - operations of GIO's, which hold themselves while they are under way.        packages: gio-2.0        rules: gobject
 *
 *   refgraph run --rules gobject --on-exit gobject_task missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <gio/gio.h>

#define OBJECT GTask *
#define MAKE(i) g_task_new(NULL, NULL, NULL, NULL)
#define TAKE(o) g_object_ref(o)
#define GIVE(o) g_object_unref(o)
#include "lives.h"
