#!/usr/bin/env bash
# redis and nginx under load, with snapshots taken meanwhile: they answer everything, and end as they do alone.
. "$(dirname "$0")/../foreign.sh"

# snapshots PID: as many as fit until the file $TMP/stop is there
snapshots() {
	local n=0
	while [ ! -e "$TMP/stop" ]; do
		"$REFGRAPH" snapshot "$1" -o "$DUMPS/$2.$n.rgd" >"$TMP/snapshot.out" 2>&1 || { cp "$TMP/snapshot.out" "$TMP/snapshot.failed"; break; }
		n=$((n + 1)); sleep 0.1
	done
	echo $n >"$TMP/taken"
}

redis() { # MODE: a summary of what it did, in "$TMP/redis.$1"
	local mode=$1 d=$TMP/redis-$1 pid rc
	mkdir "$d"
	exec_in_mode "$mode" redis-server --port 0 --unixsocket "$d/s" --dir "$d" --save "" --io-threads 2 --io-threads-do-reads yes --loglevel warning >"$d/log" 2>&1 &
	pid=$!; test_pids+=($pid)
	local cli="redis-cli -s $d/s"
	wait_for 10 $cli ping || { echo "no answer: $(tail -2 "$d/log")"; return; }
	rm -f "$TMP/stop" "$TMP/snapshot.failed"
	if [ "$mode" = busy ]; then snapshots "$pid" redis & local shots=$!; fi
	redis-benchmark -s "$d/s" -n 20000 -c 20 -P 8 -r 1000 -t set,get,lpush,hset,zadd -q >"$d/bench" 2>&1
	echo "benchmark: status $?, $(grep -c 'requests per second' "$d/bench") tests"
	for i in 1 2 3; do $cli eval 'for i=1,2000 do redis.call("set", "e" .. ARGV[1] .. ":" .. i, string.rep("v", i % 50)) end return redis.call("dbsize") > 0' 0 $i; done
	$cli bgsave >/dev/null
	wait_for 20 sh -c "$cli info persistence | grep -q rdb_bgsave_in_progress:0" || echo "bgsave hangs"
	$cli info persistence | grep -E 'rdb_last_bgsave_status' | tr -d '\r'
	$cli eval 'local n = 0 for i=1,2000 do n = n + redis.call("strlen", "e2:" .. i) end return n' 0
	touch "$TMP/stop"
	if [ "$mode" = busy ]; then wait $shots; fi
	$cli shutdown nosave
	wait $pid; rc=$?
	echo "exit $rc; log: $(grep -cE 'BUG|crash|Killed|[Ww]arning.*signal' "$d/log")"
	ls "$d" | grep -vE '^(bench|log)$'
}
if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
	for mode in plain shim busy; do redis $mode >"$TMP/redis.$mode" 2>&1; done
	contains "redis: plain run is sound" "$(cat "$TMP/redis.plain")" "benchmark: status 0"
	for mode in shim busy; do equal "redis ($mode)" "$(cat "$TMP/redis.$mode")" "$(cat "$TMP/redis.plain")"; done
	if [ -e "$TMP/snapshot.failed" ] || [ "$(cat "$TMP/taken")" -lt 1 ]; then fail "redis: snapshots under load" "$(cat "$TMP/taken") taken; $(cat "$TMP/snapshot.failed" 2>/dev/null)"
	else ok "redis: $(cat "$TMP/taken") snapshots under load"; fi
else skip redis "redis-server or redis-benchmark is not installed"; fi

chmod 755 "$TMP"; chmod 1777 "$DUMPS" # its workers are another user
nginx_run() { # MODE
	local mode=$1 d=$TMP/nginx-$1 pid rc port
	port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	mkdir -p "$d/www"; chmod 755 "$d" "$d/www"
	seq 2000 >"$d/www/index.html"
	cat >"$d/conf" <<-END
		daemon off; worker_processes 2; pid $d/pid; error_log $d/error.log warn;
		events { worker_connections 256; }
		http { access_log off; client_body_temp_path $d/b; proxy_temp_path $d/p; fastcgi_temp_path $d/f; uwsgi_temp_path $d/u; scgi_temp_path $d/s;
		server { listen 127.0.0.1:$port; root $d/www; gzip on; gzip_types *; gzip_min_length 10; } }
	END
	exec_in_mode "$mode" nginx -p "$d" -c "$d/conf" >"$d/log" 2>&1 &
	pid=$!; test_pids+=($pid)
	local get="curl -fsS -o /dev/null http://127.0.0.1:$port/"
	command -v curl >/dev/null || get="ab -n 1 http://127.0.0.1:$port/"
	wait_for 10 $get || { echo "no answer: $(cat "$d/log" "$d/error.log")"; return; }
	rm -f "$TMP/stop" "$TMP/snapshot.failed"
	if [ "$mode" = busy ]; then snapshots "$(cat /proc/$pid/task/$pid/children | awk '{print $1}')" nginx & local shots=$!; fi
	ab -n 5000 -c 20 -H 'Accept-Encoding: gzip' "http://127.0.0.1:$port/" 2>&1 | grep -E 'Complete requests|Failed requests|Non-2xx'
	kill -HUP $pid; sleep 0.5 # new workers, the old ones finish
	ab -n 1000 -c 5 "http://127.0.0.1:$port/" 2>&1 | grep -E 'Complete requests|Failed requests|Non-2xx'
	echo "workers $(cat /proc/$pid/task/$pid/children | wc -w)"
	touch "$TMP/stop"
	if [ "$mode" = busy ]; then wait $shots; fi
	kill -QUIT $pid; wait $pid; rc=$?
	echo "exit $rc; errors: $(grep -cE 'emerg|alert|crit|signal (6|9|11)' "$d/error.log")"
}
if command -v nginx >/dev/null && command -v ab >/dev/null; then
	for mode in plain shim busy; do nginx_run $mode >"$TMP/nginx.$mode" 2>&1; done
	contains "nginx: plain run is sound" "$(cat "$TMP/nginx.plain")" "exit 0; errors: 0"
	for mode in shim busy; do equal "nginx ($mode)" "$(cat "$TMP/nginx.$mode")" "$(cat "$TMP/nginx.plain")"; done
	if [ "$(cat "$TMP/taken")" -lt 1 ]; then fail "nginx: snapshots under load" "$(cat "$TMP/snapshot.failed" 2>/dev/null)"
	else ok "nginx: $(cat "$TMP/taken") snapshots under load"; fi
else skip nginx "nginx or ab is not installed"; fi
if ls "$DUMPS"/*.rgd >/dev/null 2>&1; then dumps_good "servers"; fi
exit $failed
