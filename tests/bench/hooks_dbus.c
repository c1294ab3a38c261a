/* hooks_dbus.c - round trips over D-Bus: a method of the bus itself is called, its answer read and given back. */
#include <dbus/dbus.h>

#define CALLS 20000

int main(void)
{
	DBusConnection *bus = dbus_bus_get(DBUS_BUS_SESSION, NULL);
	int good = 0;

	for (int i = 0; bus && i < CALLS; i++) {
		DBusMessage *call = dbus_message_new_method_call("org.freedesktop.DBus", "/org/freedesktop/DBus",
								 "org.freedesktop.DBus", "GetId");
		DBusMessage *answer = dbus_connection_send_with_reply_and_block(bus, call, -1, NULL);
		const char *id;

		if (answer && dbus_message_get_args(answer, NULL, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID))
			good++;
		if (answer)
			dbus_message_unref(answer);
		dbus_message_unref(call);
	}
	return good != CALLS;
}
