"""wrappers.py - Python objects and GObjects that hold each other, as PyGObject makes them. It prints what it made, and where."""
from gi.repository import Gio, GObject


class Thing(GObject.Object):
    __gsignals__ = {"sold": (GObject.SignalFlags.RUN_LAST, None, ())}

    def __init__(self, **friends):
        super().__init__()
        self.__dict__.update(friends)

    def on_sold(self, *rest):
        pass


def say(name, thing):
    text = repr(thing)  # <__main__.Thing object at 0x7f.. (__main__+Thing at 0x55..)>
    print(name, id(thing), int(text.rsplit(" ", 1)[1].strip(")>"), 16), thing.__grefcount__)


store = Gio.ListStore.new(Thing)  # held by C alone
store.append(Thing(color="red"))
alone = Thing()  # held by its wrapper alone
watcher = Thing()
watched = Thing()
watched.connect("sold", watcher.on_sold, "extra")  # a bound method holds the watcher
store.append(watched)  # and C code holds this one too
loop = Thing()  # its closure holds its own wrapper
loop.connect("sold", loop.on_sold)
store.append(loop)
say("red", store[0])
say("alone", alone)
say("watcher", watcher)
say("watched", watched)
say("loop", loop)
del loop
