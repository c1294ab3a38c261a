#!/usr/bin/env bash
# Shell scripts: pipes, jobs, traps, descriptors and every form of wait; a shim that left a child, a descriptor or a signal
# behind would show here.
. "$(dirname "$0")/../foreign.sh"

for sh in bash dash; do
	command -v $sh >/dev/null || { skip "$sh" "not installed"; continue; }
	same "$sh: pipes and statuses" $sh -c 'seq 1000 | grep 7 | sort -r | head -5 | cat; echo $?; false | true; echo $?; (exit 3); echo $?; sh -c "kill -TERM \$\$"; echo $?; ! true; echo $?'
	same "$sh: jobs and wait" $sh -c 'for i in 1 2 3 4; do (sleep 0.$i; exit $i) & p="$p $!"; done; for q in $p; do wait $q; echo $?; done; wait; echo $?; sleep 5 & kill $!; wait $! 2>/dev/null; echo $?'
	same "$sh: traps" $sh -c 'trap "echo usr1" USR1; trap "echo chld" CHLD; trap "echo exit \$?" EXIT; kill -USR1 $$; /bin/true; (exit 5); exit 4'
	same "$sh: descriptors" -s "s#/proc/[0-9]+#/proc/N#g" $sh -c 'exec 3>out 4<&0; ls -1 /proc/self/fd | wc -l; echo three >&3; exec 3>&-; cat out; echo /proc/$$/fd/*'
	same "$sh: killed by a signal" $sh -c 'kill -SEGV $$'
	same "$sh: no children but its own" $sh -c 'sleep 0.3; /bin/true; wait; read -r c < /proc/$$/task/$$/children; echo "children: $c"'
done
same "bash: coproc, process substitution, mapfile" bash -c 'coproc C { while read -r l; do echo "<$l>"; done; }; echo a >&${C[1]}; read -r x <&${C[0]}; echo $x; eval "exec ${C[1]}>&-"; wait $C_PID; diff <(seq 5) <(seq 6); mapfile -t a < <(seq 100); echo ${#a[@]} ${a[99]}'
same "bash: wait -n, disown, SIGPIPE" bash -c '(exit 9) & wait -n; echo $?; yes | head -1; echo ${PIPESTATUS[@]}; sleep 0.1 & disown; wait; echo $?'
same "bash: job control" -s "/^\[1\]/d" bash -c 'set -m; sleep 2 & jobs -r | wc -l; fg >/dev/null; echo $?; (kill -STOP $BASHPID; echo continued) & sleep 0.3; jobs -s | wc -l; kill -CONT %%; wait; echo $?'
same "bash: ulimits" bash -c 'ulimit -n 20; exec 10</dev/null 11</dev/null; /bin/true; echo $?; ulimit -f 0; echo x 2>/dev/null >f; echo $?'
same "bash: a closed terminal, closed descriptors" bash -c 'exec 0<&- 1>&- 2>&-; /bin/true; exit 6'
same "bash: SIGCHLD count" bash -c 'n=0; trap "n=\$((n+1))" CHLD; for i in 1 2 3 4 5; do /bin/true; done; sleep 0.2; echo $n'
same "timeout and env" sh -c 'timeout 0.2 sleep 5; echo $?; env -i /bin/echo empty; env -i /usr/bin/env; echo $?'
same "su-like ids" sh -c 'id -u; setpriv --reuid=65534 --regid=65534 --clear-groups id -u; echo $?'
same "chroot" sh -c 'mkdir r; chroot r /none 2>/dev/null; echo $?'
dumps_good "bash"
exit $failed
