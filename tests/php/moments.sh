#!/usr/bin/env bash
# Snapshots at moments of PHP: in a tight loop, with opcache, under the JIT, after preloading, in a call that waits, in the idle
# processes of FPM. Each finds what a function's variable holds, by name.
. "$(dirname "$0")/../php_tests.sh"
cat >moment.php <<'END'
<?php
class Node { public $next; public $list; }
function work(string $how, string $stop): void
{
	$kept = new Node;
	$kept->list = [1, new Node];
	echo 'ready ', getmypid(), "\n";
	for ($n = 0; $how === 'loop' ? ($n % 100000 || !file_exists($stop)) : !file_exists($stop); $n++)
		if ($how === 'sleep') usleep(200000);
		elseif ($how === 'read') { fgets(STDIN); touch($stop); }
}
work($argv[1], $argv[2]);
END
# moment NAME HOW PHP-OPTION...
moment() {
	local name=$1 how=$2 pid; shift 2
	rm -f stop out in; mkfifo in
	LD_PRELOAD=$SHIM "$PHP" "$@" moment.php "$how" "$TMP/stop" <in >out 2>err &
	test_pids+=($!); pid=$!
	exec 8>in
	wait_for 30 grep -q ready out || { fail "moment: $name: ready" "$(cat err)"; return; }
	take m
	equal "moment: $name: path" "$(path 'Node[0]' m.rgd | sed -E 's/:[0-9]+\)/:N)/')" "(local \$kept of work() moment.php:N)"
	equal "moment: $name: both" "$(rg count Node m.rgd)" 2
	equal "moment: $name: whole" "$(rg info m.rgd | grep -c partial)" 0
	echo >&8; exec 8>&-; touch stop
	wait $pid; equal "moment: $name: ends well" "$? $(cat err)" "0 "
}
opcache=$("$PHP" -n -r 'echo ini_get("extension_dir");')/opcache.so
moment loop loop -n
moment "a call that waits" sleep -n
moment "reading a pipe" read -n
if [ -e "$opcache" ]; then
	with=(-n -d zend_extension="$opcache" -d opcache.enable_cli=1)
	moment opcache loop "${with[@]}"
	moment "JIT, tracing" loop "${with[@]}" -d opcache.jit_buffer_size=16M -d opcache.jit=tracing
	moment "JIT, functions" loop "${with[@]}" -d opcache.jit_buffer_size=16M -d opcache.jit=function
	echo '<?php class Preloaded { static $kept = []; }' >preload.php
	moment preload sleep "${with[@]}" -d opcache.preload="$TMP/preload.php" -d opcache.preload_user=root
	equal "moment: preload: the class is there" "$(rg query 'select count(*) from objects where type = "x"' m.rgd >/dev/null 2>&1; rg by-type class m.rgd | grep -c Preloaded)" 1
	# as the children of make and of everything that uses posix_spawn() are: opcache, loaded with RTLD_DEEPBIND, calls libc's setgid() itself
	gcc -o ignoring -x c - <<-'END'
	#include <stdint.h>
	#include <sys/syscall.h>
	#include <unistd.h>
	int main(int argc, char **argv)
	{
		struct { uintptr_t handler; unsigned long flags; uintptr_t restorer; uint64_t mask; } ignored = {.handler = 1};
		syscall(SYS_rt_sigaction, 32, &ignored, 0, 8);
		syscall(SYS_rt_sigaction, 33, &ignored, 0, 8);
		execvp(argv[1], argv + 1);
		return 127;
	}
	END
	equal "moment: preload, libc's two signals ignored" "$(LD_PRELOAD=$SHIM timeout 60 ./ignoring "$PHP" "${with[@]}" -d opcache.preload="$TMP/preload.php" \
		-d opcache.preload_user=root -r 'echo Preloaded::class;' 2>&1)" Preloaded
else
	skip "moment: opcache" "it is not installed"
fi
exit $failed
