#!/usr/bin/env bash
# Programs that a followed one starts and whose loader could not load the shim: they get LD_PRELOAD without it, in every way to start
# them, and say nothing on standard error. All others get what they are given.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
loader=$(readlink -f /lib64/ld-linux-x86-64.so.2)
cat >show.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void) { const char *p = getenv("LD_PRELOAD"); printf("%s %s\n", p ? p : "none", getenv("KEPT")); return 0; }
END
ln -s "$loader" ld-musl-x86_64.so.1 # says by its name whose it is; what runs is glibc's
gcc -w -o show show.c && gcc -w -o foreign show.c -Wl,--dynamic-linker="$TMP/ld-musl-x86_64.so.1" && gcc -w -static -o static show.c || exit 1
gcc -w -shared -fPIC -o other.so -x c /dev/null
printf '#!%s\n' "$TMP/foreign" >script
printf '#! %s x\n' "$TMP/script" >script2
chmod +x script script2
cat >ways.c <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char *file = argv[2], *args[] = {file, NULL}, *name = strrchr(file, '/') + 1;
	int way = argv[1][0];
	pid_t pid;
	if (way == 's' || way == 'p') {
		if (way == 's' ? posix_spawn(&pid, file, NULL, NULL, args, environ) : posix_spawnp(&pid, name, NULL, NULL, args, environ))
			return 1;
	} else if (!(pid = vfork())) {
		switch (way) {
		case '0': execve(file, args, environ);
		case '1': execv(file, args);
		case '2': execvp(name, args);
		case '3': execvpe(name, args, environ);
		case '4': execl(file, file, NULL);
		case '5': execlp(name, file, NULL);
		case '6': execle(file, file, NULL, environ);
		case '7': fexecve(open(file, O_RDONLY), args, environ);
		case '8': execveat(AT_FDCWD, file, args, environ, 0);
		case 'r': syscall(SYS_execve, file, args, environ);
		case 'R': syscall(SYS_execveat, AT_FDCWD, file, args, environ, 0);
		case '9': execveat(open(".", O_RDONLY), name, args, environ, 0);
		}
		_exit(1);
	}
	return waitpid(pid, NULL, 0) < 0;
}
END
gcc -w -o ways ways.c || exit 1
export LC_ALL=C KEPT=kept PATH=$PATH:$TMP
run() { env LD_PRELOAD="$TMP/other.so:$SHIM" REFGRAPH_DIR="$TMP" "$@" 2>&1; }
for way in 0 1 2 3 4 5 6 7 8 9 r R s p; do
	equal "foreign: way $way to start it" "$(run ./ways $way "$TMP/foreign")" "$TMP/other.so kept"
	equal "foreign: way $way to start another" "$(run ./ways $way "$TMP/show")" "$TMP/other.so:$SHIM kept"
done
equal "foreign: a script of it" "$(run ./ways 0 "$TMP/script")" "$TMP/other.so kept"
equal "foreign: a script of a script" "$(run ./ways s "$TMP/script2")" "$TMP/other.so kept"
equal "foreign: its loader by name" "$(run env ./ld-musl-x86_64.so.1 ./show)" "$TMP/other.so kept"
equal "foreign: nothing else was preloaded" "$(shim env ./foreign)" "none kept"
equal "foreign: REFGRAPH=off" "$(REFGRAPH=off run env ./foreign)" "$TMP/other.so kept"
equal "foreign: a static program's children" "$(run env ./static)" "$TMP/other.so:$SHIM kept"
equal "foreign: an empty environment" "$(run env -i ./show)" "none (null)"
equal "foreign: not to be run" "$(run env ./show.c; run env ./nothing; echo $?)" "env: './show.c': Permission denied
env: './nothing': No such file or directory
127"
mkfifo fifo && chmod +x fifo
equal "foreign: a pipe" "$(run timeout 20 env ./fifo)" "env: './fifo': Permission denied"

# i386 without a libc: it writes its LD_PRELOAD, if any, and leaves
cat >small.s <<'END'
.globl _start
_start:	mov (%esp), %ecx
	lea 8(%esp,%ecx,4), %esi
next:	mov (%esi), %ecx
	add $4, %esi
	test %ecx, %ecx
	jz end
	cmpl $0x505f444c, (%ecx)
	jne next
	mov $4, %eax
	mov $1, %ebx
	mov $10, %edx
	int $0x80
end:	mov $1, %eax
	mov $7, %ebx
	int $0x80
END
if gcc -m32 -nostdlib -static -o small small.s 2>small.err && { ./small; [ $? = 7 ]; }; then
	equal "foreign: 32 bits" "$(run ./ways 0 "$TMP/small")" "LD_PRELOAD"
	equal "foreign: 32 bits, alone" "$(shim env ./small; echo $?)" 7
else skip "foreign: 32 bits" "$(head -1 small.err)"; fi

# sanitizers, whose library must be the first: it needs not work here, to be named is enough
printf 'void none(void) {}\n' | gcc -w -shared -fPIC -x c - -o libtsan.so.2 -Wl,-soname,libtsan.so.2
if gcc -w -o sane show.c -Wl,--no-as-needed "$TMP/libtsan.so.2" -Wl,-rpath,"$TMP"; then
	equal "foreign: built with a sanitizer" "$(run ./ways 2 "$TMP/sane")" "$TMP/other.so kept"
	equal "foreign: built with a sanitizer, refgraph run says so" "$("$REFGRAPH" run -C "$TMP" -- ./sane 2>&1)" \
		"refgraph: ./sane: it is built with a sanitizer (libtsan.so.2), which must come first; the shim stays out and it runs as without refgraph
none kept"
else fail "foreign: build with a sanitizer" "gcc"; fi

# where our file is not to be found
cp "$SHIM" away.so
equal "foreign: the file is gone" "$(LD_PRELOAD=$TMP/away.so REFGRAPH_DIR=$TMP sh -c 'rm away.so; ./show; ./ways 2 "$0"' "$TMP/show" 2>&1)" "none kept
none kept"
cp "$SHIM" away.so
chmod 700 away.so
chmod 711 "$TMP"
if [ "$(id -u)" = 0 ]; then
	equal "foreign: not readable by another user" "$(LD_PRELOAD=$TMP/away.so REFGRAPH_DIR=$TMP chroot --userspec=65534:65534 / "$TMP/show" 2>&1)" "none kept"
else skip "foreign: not readable by another user" "not root"; fi
# valgrind names each system call that it does not know
if command -v valgrind >/dev/null; then equal "foreign: below valgrind" "$(run valgrind -q --tool=none /bin/echo nothing more)" "nothing more"
else skip "foreign: below valgrind" "not installed"; fi
exit $failed
