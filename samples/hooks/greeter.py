"""greeter.py - a D-Bus service and its client in one, as PyGObject's users write them: each call leaks a GDBusMethodInvocation. The bug is not planted: it is
GLib's and PyGObject's of Debian 12 (GLib 2.74, PyGObject 3.42). register_object() is g_dbus_connection_register_object_with_closures(), which hands its
callback a reference that no binding can know of (GLib's issue 2600). PyGObject 3.49 gives it back by hand; GLib 2.84 has a function that does not take it.

  dbus-run-session -- refgraph run --rules gobject --on-exit -- python3 greeter.py 50 leaky       every call leaks
  ... 50 both                                                                                      every other one is given back, as PyGObject 3.49 does
  refgraph balance                                                                                 GDBusMethodInvocation comes first

rules: gobject
"""
import sys

from gi.repository import Gio, GLib

XML = """<node><interface name='org.example.Greeter'><method name='Greet'>
<arg type='s' direction='in'/><arg type='s' direction='out'/></method></interface></node>"""
calls, bug = int(sys.argv[1]), sys.argv[2]
done = 0


def on_call(connection, sender, path, interface, method, parameters, invocation):
    invocation.return_value(GLib.Variant("(s)", ("Hello, %s!" % parameters.unpack()[0],)))
    if bug == "fixed" or bug == "both" and done % 2:
        invocation._unref()


def greet():
    bus.call(bus.get_unique_name(), "/greeter", "org.example.Greeter", "Greet", GLib.Variant("(s)", ("you",)), None, 0, -1, None, greeted)


def greeted(source, result):
    global done
    source.call_finish(result)
    done += 1
    greet() if done < calls else loop.quit()


loop = GLib.MainLoop()
bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
bus.register_object("/greeter", Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0], on_call, None, None)
greet()
loop.run()
