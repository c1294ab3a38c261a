#!/usr/bin/env bash
# node, java and a GTK program: they bring their own allocators, signal handlers, threads and code generators.
. "$(dirname "$0")/../foreign.sh"

if command -v node >/dev/null; then
	cat >"$TMP/a.js" <<-'END'
		const { Worker, isMainThread, parentPort } = require('worker_threads');
		const { spawnSync } = require('child_process');
		if (!isMainThread) { let s = 0; for (let i = 0; i < 2e6; i++) s = (s + i * 7) % 1000003; parentPort.postMessage(s); return; }
		const zlib = require('zlib'), crypto = require('crypto');
		const b = Buffer.alloc(1 << 20, 'refgraph'); console.log(zlib.inflateSync(zlib.deflateSync(b)).equals(b));
		console.log(crypto.createHash('sha256').update(b).digest('hex'));
		const r = spawnSync('sh', ['-c', 'echo out; exit 3']); console.log(r.status, r.stdout.toString());
		let n = 0; for (let w = 0; w < 3; w++) new Worker(__filename).on('message', m => { console.log(m); if (++n == 3) setTimeout(() => process.exit(5), 1200); });
	END
	same "node" node "$TMP/a.js"
	same "node: an uncaught error" -s 's/[0-9]+ *$//' node -e 'throw new Error("x")'
else skip node "not installed"; fi

if command -v java >/dev/null; then
	same "java -version" java -version
	if command -v javac >/dev/null; then
		mkdir "$TMP/java"
		cat >"$TMP/java/A.java" <<-'END'
			import java.util.*; import java.util.concurrent.*;
			public class A { public static void main(String[] a) throws Exception {
				ExecutorService e = Executors.newFixedThreadPool(4); List<Future<Integer>> f = new ArrayList<>();
				for (int i = 0; i < 8; i++) { final int k = i; f.add(e.submit(() -> { Map<Integer, String> m = new HashMap<>(); for (int j = 0; j < 50000; j++) m.put(j * k, "v" + j); return m.size(); })); }
				for (Future<Integer> x : f) System.out.println(x.get()); e.shutdown();
				try { int[] z = null; System.out.println(z[0]); } catch (NullPointerException x) { System.out.println("npe"); }
				try { deep(0); } catch (StackOverflowError x) { System.out.println("overflow"); }
				System.gc(); Process p = new ProcessBuilder("sh", "-c", "exit 4").start(); System.out.println(p.waitFor()); Thread.sleep(1100); System.exit(3); }
				static int deep(int n) { return deep(n + 1) + 1; } }
		END
		(cd "$TMP/java" && javac A.java) >"$TMP/javac.out" 2>&1
		same "java: threads, null checks, stack overflow, a child" java -Xmx128m -cp "$TMP/java" A
		same "javac" sh -c "cp '$TMP/java/A.java' . && javac A.java && ls"
	fi
else skip java "not installed"; fi

if command -v xvfb-run >/dev/null && /usr/bin/python3 -c 'import gi; gi.require_version("Gtk", "3.0"); from gi.repository import Gtk' 2>/dev/null; then
	cat >"$TMP/gtk.py" <<-'END'
		import gi, sys, threading
		gi.require_version("Gtk", "3.0")
		from gi.repository import Gtk, GLib
		w = Gtk.Window(title="t"); box = Gtk.VBox(); w.add(box)
		store = Gtk.ListStore(int, str); view = Gtk.TreeView(model=store)
		view.append_column(Gtk.TreeViewColumn("n", Gtk.CellRendererText(), text=0)); box.add(view)
		w.show_all()
		state = {"ticks": 0}
		def tick():
		    state["ticks"] += 1
		    for i in range(50): store.append([i, "row %d" % i])
		    w.resize(300 + state["ticks"], 200)
		    if state["ticks"] == 15:
		        print("rows", len(store)); Gtk.main_quit(); return False
		    return True
		GLib.timeout_add(100, tick)
		threading.Thread(target=lambda: GLib.idle_add(lambda: print("from a thread"))).start()
		Gtk.main()
		sys.exit(9)
	END
	export NO_AT_BRIDGE=1 GTK_MODULES= GSETTINGS_BACKEND=memory
	# the shim goes into the program, not into the X server and its script
	gtk() { # MODE
		xvfb-run -a env ${1:+LD_PRELOAD="$SHIM" REFGRAPH_DIR="$DUMPS" $1} /usr/bin/python3 "$TMP/gtk.py" >"$TMP/gtk.out" 2>"$TMP/gtk.err"
		echo "status $?"; sort "$TMP/gtk.out"; grep -vE 'dconf|dbus|Xlib' "$TMP/gtk.err"
	}
	gtk '' >"$TMP/gtk.plain"
	contains "gtk: plain run is sound" "$(cat "$TMP/gtk.plain")" "rows 750"
	equal "gtk (shim)" "$(gtk REFGRAPH_VERBOSE=0)" "$(cat "$TMP/gtk.plain")"
	equal "gtk (busy)" "$(gtk "REFGRAPH_EVERY=1s REFGRAPH_ON_EXIT=1")" "$(cat "$TMP/gtk.plain")"
else skip gtk "xvfb-run or python3-gi with GTK 3 is not installed"; fi
dumps_good "runtimes"
exit $failed
