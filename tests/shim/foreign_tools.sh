#!/usr/bin/env bash
# sqlite3, jq, perl, git, gcc, tar, sort: same output, status and files with and without the shim.
. "$(dirname "$0")/../foreign.sh"

if command -v sqlite3 >/dev/null; then
	same "sqlite3" sqlite3 t.db "pragma journal_mode=wal; create table t(a integer primary key, b text);
		with recursive n(i) as (select 1 union all select i+1 from n where i < 50000) insert into t select i, hex(i * 7919) from n;
		create index x on t(b); select count(*), sum(length(b)), max(b) from t; select b from t where a % 5000 = 0;
		delete from t where a % 3 = 0; vacuum; pragma integrity_check; pragma journal_mode=delete;"
	same "sqlite3: a failing statement" sqlite3 :memory: "select * from nothing;"
else skip sqlite3 "not installed"; fi

if command -v jq >/dev/null; then
	same "jq" jq -n '[range(20000) | {n: ., s: (tostring * 3), l: [range(. % 7)]}] | group_by(.n % 10) | map({k: .[0].n, c: length, t: (map(.n) | add)}), ([limit(3; repeat("x"))] | join("-"))'
	same "jq: bad input" sh -c 'echo "{" | jq .'
	same "jq: halt_error" jq -n '"stop" | halt_error(7)'
else skip jq "not installed"; fi

same "perl" perl -e 'my %h; $h{$_ % 977} .= "v$_," for 1..100000; my @k = sort { length $h{$b} <=> length $h{$a} or $a <=> $b } keys %h; print "$_ ", length $h{$_}, "\n" for @k[0..9];
	my $pid = fork; if (!$pid) { exit 7 } waitpid $pid, 0; print "child ", $? >> 8, "\n"; print sort `printf "b\na\n"`; $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 3; kill "KILL", $$'

if command -v git >/dev/null; then
	setup() { :; }
	same "git" -s 's/[0-9a-f]{40}/HASH/g' env HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b \
		GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' bash -c '
		set -e
		git init -q -b main one && cd one
		for i in $(seq 60); do seq $i > f$i; done; git add . && git commit -q -m first
		for i in 1 2 3; do echo $i >> f1; git commit -q -am "change $i"; done
		git -c gc.auto=0 -c pack.threads=2 repack -q -a -d && rm -f .git/index
		git reset -q; git log --stat --format="%H %s" | cat; git diff HEAD~2 | cat
		cd .. && git clone -q one two && cd two && git log --oneline | wc -l && git fsck
		git checkout -q -b side HEAD~1; echo side > f2; git commit -q -am side; git merge -q -m merge main; git log --graph --format=%s | cat
		rm -f .git/index ../one/.git/index; git grep -c 3 HEAD | tail -3; git status --short | head -3; rm -rf .git ../one/.git; git log'
else skip git "not installed"; fi

if command -v gcc >/dev/null; then
	unset -f setup
	same "gcc" sh -c "gcc -O2 -c -frandom-seed=1 -o image.o -I'$ROOT/analyzer' '$ROOT/samples/hash_table.c' && size image.o && objdump -d image.o | sed -n 3,50p && gcc -O1 -o p image.o && echo | ./p | sed 's/ready [0-9]*/ready/'"
	same "gcc: an error" gcc -c -o x.o -x c /dev/null/none
	same "gcc: a warning and an error in the source" sh -c 'printf "int main(void) { int x; return y; }\n" > a.c; gcc -Wall -c a.c'
fi
same "make -j2 with sub-makes" sh -c 'printf "all: a b\na b:\n\t@\$(MAKE) -s t N=\$@ -f Makefile\nt:\n\t@echo \$(N) > \$(N)\n" > Makefile; make -s -j2; cat a b'
same "tar, gzip, sort, xargs" sh -c 'seq 20000 | sort -R --random-source=/usr/bin/env | sort -n -S 1M --parallel=2 > s; tail -1 s; tar czf - s | tar xzOf - | md5sum; seq 50 | xargs -P 4 -n 5 sh -c "exit 0"; echo $?; seq 3 | xargs -n 1 false; echo $?'
dumps_good "tools"
exit $failed
