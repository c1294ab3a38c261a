/*
 * dbus.c - messages of libdbus.        packages: dbus-1        rules: dbus
 *
 *   refgraph run --rules dbus --on-exit dbus missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <dbus/dbus.h>

#define OBJECT DBusMessage *
#define MAKE(i) dbus_message_new_signal("/a/path", "an.interface", "Name")
#define TAKE(o) dbus_message_ref(o)
#define GIVE(o) dbus_message_unref(o)
#include "lives.h"
