#!/usr/bin/env bash
# A GLib that we do not know, and one that is not what it says: named and refused, and the rest of the dump is there.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1

# fake MINOR: a libglib and a libgobject that say so, and nothing else
fake() {
	cat >glib.c <<-END
	const char *glib_check_version(unsigned major, unsigned minor, unsigned micro) { return minor * 100 + micro > $1 * 100 + 3 ? "too old" : 0; }
	const char *g_quark_to_string(unsigned quark) { return 0; }
	void g_nullify_pointer(void *p) {}
	unsigned g_str_hash(const void *p) { return 0; }
	END
	cat >gobject.c <<-END
	const char *g_type_name(unsigned long type) { return 0; }
	void *g_type_class_peek(unsigned long type) { return 0; }
	void g_object_unref(void *p) {}
	void g_closure_unref(void *p) {}
	END
	gcc -shared -fPIC -o libglib-2.0.so.0 glib.c && gcc -shared -fPIC -o libgobject-2.0.so.0 gobject.c
	printf '#include <stdlib.h>\nconst char *g_type_name(unsigned long);const char *glib_check_version(unsigned, unsigned, unsigned);void *kept;int main(void) { kept = malloc(123); g_type_name(0); return glib_check_version(2, 0, 0) != 0; }\n' >main.c
	gcc -o main main.c -L. -l:libgobject-2.0.so.0 -l:libglib-2.0.so.0 -Wl,-rpath,"$TMP"
}
while read -r minor why; do
	fake "$minor" || { fail "refused: build" "$minor"; continue; }
	rm -f ./*.rgd
	REFGRAPH_ON_EXIT=1 REFGRAPH_DUMP="$minor.%n.rgd" shim ./main
	equal "refused: GLib 2.$minor.3, by name" "$("$REFGRAPH" info "$minor.1.rgd" | sed -n 's/^runtime.gobject *//p')" "2.$minor.3, refused: $why"
	contains "refused: blocks are there with 2.$minor.3" "$("$REFGRAPH" by-type -w 'size = 123' 'malloc in main' "$minor.1.rgd" 2>&1)" 123
done <<'END'
90 only GLib 2.62 to 2.78 is supported: GObjects are only blocks here
40 only GLib 2.62 to 2.78 is supported: GObjects are only blocks here
70 the table of types was not found
END
exit $failed
