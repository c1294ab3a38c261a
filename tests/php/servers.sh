#!/usr/bin/env bash
# PHP in other programs: idle and working processes of FPM, a program that embeds libphp by dlopen. Each worker's request is
# answered as without us.
. "$(dirname "$0")/../php_tests.sh"
cat >page.php <<'END'
<?php
class Page { public $self; public static $all = []; }
for ($i = 0; $i < 10; $i++) { $p = new Page; $p->self = $p; Page::$all[] = $p; }
if (isset($_GET['wait'])) { file_put_contents(__DIR__ . '/waits', getmypid()); while (!file_exists(__DIR__ . '/go')) usleep(50000); }
echo count(Page::$all);
END
cat >ask.py <<'END'
import socket, struct, sys
def record(kind, body):
    return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body
def pair(key, value):
    return bytes([len(key), len(value)]) + key.encode() + value.encode()
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
script, query = sys.argv[2], sys.argv[3]
s.sendall(record(1, struct.pack(">HB5x", 1, 0)) + record(4, b"".join(pair(k, v) for k, v in {
    "SCRIPT_FILENAME": script, "REQUEST_METHOD": "GET", "REQUEST_URI": "/page.php", "QUERY_STRING": query}.items())) +
    record(4, b"") + record(5, b""))
data = b"".join(iter(lambda: s.recv(65536), b""))
out = b""
while data:
    kind, length, pad = data[1], *struct.unpack(">HB", data[4:7])
    out += data[8:8 + length] if kind == 6 else b""
    data = data[8 + length + pad:]
print(out.decode().split("\r\n\r\n", 1)[1])
END
fpm=$(command -v php-fpm8.2)
if [ -n "$fpm" ] && [ "$(id -u)" = 0 ]; then
	printf '%s\n' '[global]' "error_log=$TMP/fpm.log" daemonize=no '[www]' "listen=$TMP/fpm.sock" user=root group=root pm=static pm.max_children=2 >fpm.conf
	LD_PRELOAD=$SHIM "$fpm" -n -R -y fpm.conf >fpm.out 2>&1 </dev/null &
	master=$!; test_pids+=("$master")
	wait_for 30 grep -q 'ready to handle' fpm.log || fail "servers: FPM is ready" "$(cat fpm.out)"
	/usr/bin/python3 ask.py fpm.sock "$TMP/page.php" "wait=1" >answer &
	asker=$!
	wait_for 30 test -s waits; worker=$(cat waits)
	idle=$(pgrep -P "$master" | grep -vx "$worker")
	take worker "$worker"; take idle "$idle"; take master "$master"
	touch go; wait "$asker"
	equal "servers: FPM: the answer" "$(cat answer)" 10
	equal "servers: FPM: objects of the worker" "$(rg count Page worker.rgd) $(path 'Page[3]' worker.rgd)" "10 Page::\$all[3]"
	equal "servers: FPM: an idle worker and the master have none" "$(rg count Page idle.rgd) $(rg count Page master.rgd)" "0 0"
	equal "servers: FPM: all are whole" "$(for i in worker idle master; do rg info $i.rgd | grep -cE 'runtime.php +8.2.[0-9]+, ok'; done | tr '\n' ' ')" "1 1 1 "
	kill -QUIT "$master"; wait "$master"; equal "servers: FPM: ends well" $? 0
else
	skip "servers: FPM" "php8.2-fpm is not installed, or this is not root"
fi
cat >embed.c <<'END'
#include <dlfcn.h>
int main(int argc, char **argv)
{
	void *php = dlopen("libphp8.2.so", RTLD_NOW | RTLD_LOCAL);
	int (*begin)(int, char **);
	int (*eval)(const char *, void *, const char *);
	void (*end)(void);
	if (!php)
		return 77;
	*(void **)&begin = dlsym(php, "php_embed_init");
	*(void **)&eval = dlsym(php, "zend_eval_string");
	*(void **)&end = dlsym(php, "php_embed_shutdown");
	begin(0, 0);
	eval("class Page { public $self; } $page = new Page; $page->self = $page; echo 'ready ', getmypid(), \"\\n\"; flush(); fgets(fopen('php://stdin', 'r'));", 0, "embedded");
	end();
	return 0;
}
END
gcc -o embed embed.c -ldl && LD_PRELOAD= ./embed </dev/null >/dev/null 2>&1
if [ $? = 77 ]; then
	skip "servers: embedded" "libphp8.2-embed is not installed"
else
	# no ini file: its modules could not be loaded, because libphp is not in the global scope
	start env PHP_INI_SCAN_DIR="$TMP" PHPRC="$TMP" ./embed
	take embed
	equal "servers: embedded: path" "$(path Page embed.rgd)" "\$GLOBALS['page']"
	finish
fi
exit $failed
