#!/usr/bin/env bash
# refgraph run: environment, exit status, names with anything in them, and the programs it keeps out of.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
for v in ${!REFGRAPH_@}; do unset "$v"; done
SHIM=$(realpath "$SHIM") # that is how it is named

# ---- what the program sees
show="$TMP/show.sh"
cat >"$show" <<'SH'
#!/bin/sh
for v in LD_PRELOAD $(env | sed -n 's/^\(REFGRAPH_[A-Z_]*\)=.*/\1/p' | grep -v _LIB | sort); do
	eval "printf '%s=%s\n' $v \"\$$v\""
done
SH
chmod +x "$show"
unset LD_PRELOAD
export ASAN_OPTIONS=verify_asan_link_order=0 # for a tool that was built with sanitizers
equal run_sets_preload "$("$REFGRAPH" run --no-helper "$show")" "LD_PRELOAD=$SHIM
REFGRAPH_ANALYZER=$REFGRAPH
REFGRAPH_HELPER=off
REFGRAPH_LEAK_OPTIONS=--show-leak-kinds=definite,possible
--errors-for-leak-kinds=definite,possible"
mkdir "$TMP/dumps of mine"
equal run_sets_variables "$("$REFGRAPH" run --no-helper --stacks caller --python-stacks site --every 10s --growth 64M \
	--signal USR2 --on-exit --on-fatal --dir "dumps of mine" --dump 'a b.%p' --values "$show" | sort | grep -v '^LD_PRELOAD\|^REFGRAPH_ANALYZER\|^REFGRAPH_LEAK\|^--\|^$')" \
"REFGRAPH_DIR=$TMP/dumps of mine
REFGRAPH_DUMP=a b.%p
REFGRAPH_EVERY=10s
REFGRAPH_GROWTH=64M
REFGRAPH_HELPER=off
REFGRAPH_ON_EXIT=1
REFGRAPH_ON_FATAL=1
REFGRAPH_PYTHON_STACKS=site
REFGRAPH_SIGNAL=USR2
REFGRAPH_STACKS=caller
REFGRAPH_VALUES=1"
equal run_dump_with_folder "$("$REFGRAPH" run --no-helper --dump 'dumps of mine/%e.rgd' "$show" | grep 'REFGRAPH_D' | sort)" \
"REFGRAPH_DIR=$TMP/dumps of mine
REFGRAPH_DUMP=%e.rgd"
refuses() # NAME STATUS WORDS OPTIONS...: before the program runs
{
	local name=$1 status=$2 words=$3 s
	shift 3
	"$REFGRAPH" run --no-helper "$@" "$show" >out 2>err; s=$?
	equal "$name" "$s $(wc -c <out) $(grep -cF -- "$words" err)" "$status 0 1"
}
refuses run_bad_time 2 "'30ms' is no time between snapshots; try 10s, 5m, 1h" --every 30ms
refuses run_bad_size 2 "'64X' is no number of bytes; try 512K, 64M, 1G" --growth 64X
refuses run_dump_of_no_name 2 "'dumps of mine/' is none" --dump "dumps of mine/"
refuses run_dump_in_no_folder 3 "cannot use this folder for dumps" --dump "no such/x.rgd"
refuses run_two_folders 2 "names a folder, and so does --dir" --dir . --dump "dumps of mine/x.rgd"
echo 'int other_preload;' | gcc -x c -shared -fPIC -o "$TMP/other.so" - || exit 1
equal run_keeps_preload "$(LD_PRELOAD=$TMP/other.so "$REFGRAPH" run --no-helper "$show" | head -1)" "LD_PRELOAD=$SHIM:$TMP/other.so"
mkdir old; cp other.so old/librefgraph.so
equal run_names_shim_once "$(LD_PRELOAD="$TMP/old/librefgraph.so $TMP/other.so" "$REFGRAPH" run --no-helper "$show" | head -1)" \
	"LD_PRELOAD=$SHIM:$TMP/other.so"

# ---- exit status and arguments
"$REFGRAPH" run --no-helper sh -c 'exit 7'; equal run_exit_status $? 7
{ "$REFGRAPH" run --no-helper -- sh -c 'kill -KILL $$'; } 2>/dev/null; equal run_killed_status $? 137
odd="$TMP/ü p'r\"o g.sh"
printf '#!/bin/sh\nfor a; do printf "<%%s>" "$a"; done\n' >"$odd"; chmod +x "$odd"
equal run_odd_names "$("$REFGRAPH" run --no-helper -- "$odd" 'a b' "c'd" 'e"f' 'ö' '' --stacks '*')" "<a b><c'd><e\"f><ö><><--stacks><*>"
equal run_options_end_at_program "$("$REFGRAPH" run --no-helper echo --stacks none -h)" "--stacks none -h"
printf 'echo plain script\n' >plain; chmod +x plain
equal run_script_without_line "$("$REFGRAPH" run --no-helper ./plain)" "plain script"

"$REFGRAPH" run ./no-such-program 2>err; equal run_missing_status $? 127
equal run_missing_message "$(cat err)" "refgraph: ./no-such-program: No such file or directory"
"$REFGRAPH" run no-such-program 2>err; equal run_missing_in_path_status $? 127
echo text >not-executable
"$REFGRAPH" run ./not-executable 2>err; equal run_not_executable_status $? 126
equal run_not_executable_message "$(cat err)" "refgraph: ./not-executable: Permission denied"
"$REFGRAPH" run "$TMP" 2>/dev/null; equal run_folder_status $? 126
"$REFGRAPH" run 2>/dev/null; equal run_nothing_status $? 2
"$REFGRAPH" run --dir /no/such/folder true 2>/dev/null; equal run_bad_dir_status $? 3

# ---- the shim itself
REFGRAPH_LIB=/no/such.so "$REFGRAPH" run true 2>err; equal run_no_shim_status $? 125
contains run_no_shim_message "$(cat err)" "/no/such.so: cannot use this shim"
REFGRAPH_LIB=$show "$REFGRAPH" run true 2>err; equal run_bad_shim_status $? 125
contains run_bad_shim_message "$(cat err)" "cannot be preloaded: not a shared object for this machine"
mkdir "with blank"; cp "$SHIM" "with blank/librefgraph.so"
REFGRAPH_LIB="with blank/librefgraph.so" "$REFGRAPH" run true 2>err; equal run_blank_in_shim_status $? 125
contains run_blank_in_shim_message "$(cat err)" "set REFGRAPH_LIB to a copy in another folder"

# ---- programs the shim cannot follow: one line, the program's own output and status, no LD_PRELOAD
# stays_out NAME PROGRAM REASON [STATUS]
stays_out() {
	local out
	out=$("$REFGRAPH" run --stacks none "$2" 2>err); equal "run_$1_status" $? "${4:-5}"
	equal "run_$1_message" "$(cat err)" "refgraph: $2: $3; the shim stays out and it runs as without refgraph"
	equal "run_$1_output" "$out" "preload="
}
cat >who.c <<'C'
#include <stdio.h>
#include <stdlib.h>
int main(void) { const char *p = getenv("LD_PRELOAD"); printf("preload=%s\n", p ? p : ""); return 5; }
C
gcc -o dynamic who.c && gcc -static -o static who.c && gcc -static-pie -o static-pie who.c || fail run_build "no static libc"
equal run_dynamic_is_followed "$("$REFGRAPH" run --no-helper ./dynamic 2>&1)" "preload=$SHIM"
stays_out static "$TMP/static" "it is statically linked"
stays_out static_pie "$TMP/static-pie" "it is statically linked"

cat >gonote.s <<'S'
	.section .note.GNU-stack, "", @progbits
	.section .note.go.buildid, "a", @note
	.balign 4
	.long 4, 4, 4
	.asciz "Go\0"
	.asciz "abc"
S
gcc -static -o go who.c gonote.s
stays_out go "$TMP/go" "it is a static Go program, whose runtime manages its memory alone"

if [ "$(id -u)" = 0 ]; then
	cp dynamic setuid; chown 65534 setuid; chmod 4755 setuid
	stays_out setuid "$TMP/setuid" "it is set-uid, and the loader preloads nothing into such programs"
	cp dynamic setgid; chgrp 65534 setgid; chmod 2755 setgid
	stays_out setgid "$TMP/setgid" "it is set-gid, and the loader preloads nothing into such programs"
	cp dynamic own-setuid; chmod 4755 own-setuid
	equal run_own_setuid_is_followed "$("$REFGRAPH" run --no-helper ./own-setuid 2>&1)" "preload=$SHIM"
else
	skip run_setuid "needs root"
fi

if command -v musl-gcc >/dev/null && musl-gcc -o musl who.c 2>/dev/null && [ -e "$(readelf -l musl | sed -n 's/.*interpreter: \(.*\)]/\1/p')" ]; then
	stays_out musl "$TMP/musl" "it uses the musl libc, not glibc"
else
	skip run_musl "no musl-gcc"
fi

# other machines: only the headers matter; running them fails as without us
head -c 64 dynamic >elf32; printf '\001' | dd of=elf32 bs=1 seek=4 conv=notrunc 2>/dev/null; chmod +x elf32
"$REFGRAPH" run ./elf32 2>err; equal run_32bit_status $? 126
equal run_32bit_message "$(cat err)" "refgraph: ./elf32: it is a 32-bit program; the shim stays out and it runs as without refgraph
refgraph: ./elf32: Exec format error"
head -c 64 dynamic >arm; printf '\267' | dd of=arm bs=1 seek=18 conv=notrunc 2>/dev/null; chmod +x arm
"$REFGRAPH" run ./arm 2>err
contains run_aarch64_message "$(head -1 err)" "it is a program for AArch64; the shim stays out"

printf '#!%s/static\n' "$TMP" >script-static; chmod +x script-static
stays_out script_of_static "$TMP/script-static" "its interpreter $TMP/static: it is statically linked"
printf '#!/usr/bin/env -S A=b static\n' >script-env; chmod +x script-env
PATH=$TMP:$PATH stays_out script_by_env "$TMP/script-env" "its interpreter $TMP/static: it is statically linked"
cp script-env script-loop; printf '#!%s/script-loop\n' "$TMP" >script-loop
"$REFGRAPH" run ./script-loop 2>err; equal run_script_loop_status $? 126

# damaged files are no reason to say no ourselves
head -c 20 dynamic >short; chmod +x short
"$REFGRAPH" run ./short 2>err; equal run_short_elf_status $? 126
equal run_short_elf_message "$(cat err)" "refgraph: ./short: Exec format error"
: >empty; chmod +x empty
"$REFGRAPH" run ./empty; equal run_empty_file_status $? 0
exit $failed
