# tests/tools/attack.sh - sourced after lib.sh by tests/shim/attack_*.sh: a program of tests/shim/attack/ runs alone, then under
# the shim with a snapshot asked for every 50 ms. Output, exit status and standard error must be the same, it must not hang,
# and the snapshots must be sound dumps.

ATTACK_SECONDS=${ATTACK_SECONDS:-90} # then it counts as hung

# build NAME: $TMP/NAME from tests/shim/attack/NAME.c; more compiler words may follow
build() {
	local name=$1; shift
	gcc -O1 -g -w -fno-builtin-malloc -o "$TMP/$name" "$ROOT/tests/shim/attack/$name.c" \
		$(sed -n 's|^// LIBS: ||p' "$ROOT/tests/shim/attack/$name.c") "$@" 2>"$TMP/build.err" ||
		{ fail "attack: build $name" "$(head -c 300 "$TMP/build.err")"; return 1; }
}

# alive PID: it runs, and is no zombie (one whose first thread alone has ended is alive)
alive() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 1
	case $state in
	'' | X*) return 1 ;;
	Z*) [ "$(ls "/proc/$1/task" 2>/dev/null | wc -l)" -gt 1 ] ;;
	esac
}

# storm PID MINIMUM: snapshots until it is gone; says when there are enough of them, and prints how many were made. The last good one stays as $TMP/storm.rgd.
storm() {
	local pid=$1 minimum=$2 made=0 failures=0
	while alive "$pid"; do
		if timeout 30 "$REFGRAPH" snapshot "$pid" -o "$TMP/storm.new" >/dev/null 2>"$TMP/storm.err"; then
			made=$((made + 1))
			mv -f "$TMP/storm.new" "$TMP/storm.rgd"
		else
			failures=$((failures + 1))
		fi
		[ $made -lt "$minimum" ] && [ $failures -lt 50 ] || : >"$TMP/storm.enough"
		sleep 0.05
	done
	echo $made
}

# run_bounded OUT ERR COMMAND...: runs it in the background; its pid in $bounded
run_bounded() {
	local out=$1 err=$2; shift 2
	"$@" >"$out" 2>"$err" </dev/null &
	bounded=$!
	test_pids+=($bounded)
}

# await PID: its status in $status, "hung" after ATTACK_SECONDS
await() {
	local pid=$1 n=$((ATTACK_SECONDS * 10))
	while alive "$pid"; do
		n=$((n - 1))
		if [ $n -le 0 ]; then
			status="hung: $(for t in /proc/"$pid"/task/*; do echo "$(cat "$t/comm") $(cat "$t/wchan" 2>/dev/null);"; done | tr '\n' ' ')"
			kill -9 "$pid"; { wait "$pid"; } 2>/dev/null
			return
		fi
		sleep 0.1
	done
	{ wait "$pid"; } 2>/dev/null # no "Aborted" of the shell
	status=$?
}

# attack NAME MINIMUM PROGRAM ARG...: the case. At least MINIMUM snapshots must have been made. More variables for
# the shim in the array shim_env; more preloads in $preload_before, $preload_after (for the plain run too).
shim_env=()
attack() {
	local name=$1 minimum=$2 made plain_status; shift 2
	local others="${preload_before:+$preload_before:}${preload_after:+$preload_after}"
	rm -f "$TMP"/storm.*
	run_bounded "$TMP/plain.out" "$TMP/plain.err" env LD_PRELOAD="${others%:}" "$@"
	await $bounded
	plain_status=$status
	run_bounded "$TMP/shim.out" "$TMP/shim.err" env REFGRAPH_DIR="$TMP" ATTACK_ENOUGH="$TMP/storm.enough" ${shim_env[@]+"${shim_env[@]}"} \
		LD_PRELOAD="${preload_before:+$preload_before:}$SHIM${preload_after:+:$preload_after}" "$@"
	local pid=$bounded
	storm $pid "$minimum" >"$TMP/storm.made" &
	local stormer=$!
	await $pid
	wait $stormer
	made=$(cat "$TMP/storm.made")
	sed -i '/^refgraph: /d' "$TMP/shim.err"
	# descriptors of this shell, addresses and the like are the same in both runs
	if [ "$status" != "$plain_status" ]; then
		fail "$name" "status $status, alone $plain_status; $(head -c 300 "$TMP/shim.err" | tr '\n' '|')"
	elif ! cmp -s "$TMP/plain.out" "$TMP/shim.out"; then
		fail "$name" "output: $(diff "$TMP/plain.out" "$TMP/shim.out" | head -5 | tr '\n' '|')"
	elif ! cmp -s "$TMP/plain.err" "$TMP/shim.err"; then
		fail "$name" "standard error: $(diff "$TMP/plain.err" "$TMP/shim.err" | head -5 | tr '\n' '|')"
	elif [ "$made" -lt "$minimum" ]; then
		fail "$name" "$made snapshots: $(head -c 300 "$TMP/storm.err" 2>/dev/null)"
	elif [ "$made" -gt 0 ] && ! "$REFGRAPH" check "$TMP/storm.rgd" >"$TMP/check.out" 2>&1; then
		fail "$name" "the last of $made dumps is not sound: $(head -c 300 "$TMP/check.out")"
	else
		ok "$name"
	fi
	[ -z "${ATTACK_VERBOSE:-}" ] || echo "# $name: $made snapshots, status $status" >&2
}
