#!/usr/bin/env bash
# Programs with allocators, collectors, sandboxes, signal handlers and thread counts of their own, alone, followed, and with snapshots:
# the same output, status and files. Each has found a fault once, or is of a kind that no other test has.
. "$(dirname "$0")/../foreign.sh"
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ruby lua5.4 luajit guile-3.0 sbcl ocaml-nox \
	r-base-core octave maxima swi-prolog-nox emacs-nox musl-tools bubblewrap fakeroot faketime tmux chromium firefox-esr ffmpeg \
	postgresql inkscape perl fio ghc rustc >/dev/null 2>&1
export LC_ALL=C
has() { command -v "$1" >/dev/null || { skip "$1" "not installed"; return 1; }; }

cat >"$TMP/t.rb" <<'END'
require 'digest'
q = Queue.new; r = []; m = Mutex.new
ts = 6.times.map { Thread.new { while (j = q.pop) != :end; d = Digest::SHA256.hexdigest((0...3000).map { |k| k * j }.join(',')); m.synchronize { r << [j, d] }; end } }
60.times { |j| q << j }; 6.times { q << :end }; ts.each(&:join)
r.sort.each { |j, d| puts "#{j} #{d}" }
pid = fork { GC.start; exit! 7 }; Process.wait pid; puts $?.exitstatus
def deep(n) deep(n + 1) end
begin; deep(0); rescue SystemStackError; puts "overflow"; end
GC.compact rescue nil
puts `echo sub; exit 3`, $?.exitstatus
at_exit { puts "bye"; $stdout.flush }
Process.kill("TERM", $$); sleep 5
END
has ruby && same "ruby: threads, fork, a stack overflow" ruby -W0 "$TMP/t.rb"
for lua in lua5.4 luajit; do
	has $lua && same "$lua" $lua -e "local t = {} for i = 1, 400000 do t[i % 9973] = {i, tostring(i)} end print(#t) local function d(n) return d(n + 1) + 1 end print((pcall(d, 1))) collectgarbage() os.exit(5)"
done
has guile && same "guile: parallel maps" guile --no-auto-compile -c "(use-modules (ice-9 threads)) (define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (display (par-map fib '(20 21 22 23 24))) (gc) (exit 4)"
has sbcl && same "sbcl: its collector's signals" sbcl --noinform --non-interactive --eval "(progn (print (mapcar #'sb-thread:join-thread (loop for i below 6 collect (sb-thread:make-thread (lambda () (let ((l nil)) (dotimes (k 300000) (push k l) (when (zerop (mod k 50)) (setf l nil))) (length l))))))) (gc :full t) (print (handler-case (labels ((d (n) (+ 1 (d (+ n 1))))) (d 0)) (storage-condition () :exhausted))) (terpri) (sb-ext:exit :code 6))"
has maxima && same "maxima: GCL's allocator" maxima --very-quiet --batch-string='print(factor(2^101-1)); print(integrate(1/(1+x^3),x));'
has Rscript && same "R" Rscript --vanilla -e 'set.seed(1); m <- matrix(rnorm(90000), 300); print(sum(solve(m) %*% m)); library(parallel); print(unlist(mclapply(1:4, function(i) i * 2, mc.cores = 2))); f <- function(n) f(n + 1); print(tryCatch(f(1), error = function(e) "deep")); quit(status = 4)'
has octave-cli && same "octave" octave-cli --norc --eval "a = magic(200); disp(rank(a)); try, error('x:y', 'boom'); catch e, disp(e.identifier); end; [s, o] = system('exit 3'); disp(s); exit(4)"
has swipl && same "swipl: threads" swipl -g "findall(T,(between(1,4,I),thread_create(forall(between(1,20000,K),assertz(f(I,K))),T)),Ts),forall(member(T,Ts),thread_join(T,true)),aggregate_all(count,f(_,_),C),writeln(C),halt(3)"
has emacs && same "emacs" emacs -Q --batch --eval '(progn (dotimes (i 30) (with-temp-buffer (insert (make-string 100000 ?a)) (goto-char 1) (while (re-search-forward "aaaa" nil t) (replace-match "b")))) (garbage-collect) (princ (thread-join (make-thread (lambda () (dotimes (i 1000) (thread-yield)) 42)))) (kill-emacs 5))'
has ffmpeg && same "ffmpeg" sh -c 'ffmpeg -nostdin -v error -f lavfi -i testsrc=size=320x180:rate=25:duration=3 -vf "boxblur,hue=s=0" -f framemd5 - | md5sum'
if has musl-gcc; then
	printf '#include <stdio.h>\nint main(void) { puts("musl"); return 4; }\n' >"$TMP/m.c"
	musl-gcc -o "$TMP/musl" "$TMP/m.c" && same "a musl program below a shell" sh -c "$TMP/musl; echo \$?; env $TMP/musl; echo \$?"
fi
printf '#include <stdlib.h>\n#include <stdio.h>\nint main(void) { puts("sanitized"); return malloc(20) == 0; }\n' >"$TMP/s.c"
for s in address thread leak; do
	gcc -w -g -fsanitize=$s -o "$TMP/san" "$TMP/s.c" 2>/dev/null && same "a program with -fsanitize=$s below a shell" -s 's/==[0-9]+==//; s/0x[0-9a-f]+//g' sh -c "$TMP/san; echo \$?"
done
has bwrap && same "bwrap: a sandbox without the shim's file" bwrap --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --dev /dev --proc /proc --unshare-all sh -c 'ls /; exit 3'
has fakeroot && same "fakeroot" fakeroot -- sh -c 'touch a; chown 5:6 a; stat -c %u:%g a; id -u'
has faketime && same "faketime" faketime '2020-01-01 00:00:00' sh -c 'date +%Y; python3 -c "import time; print(time.gmtime().tm_year)"'
has tmux && same "tmux" sh -c 'tmux -S s -f /dev/null new -d -s a "seq 5; cat"; sleep 1; tmux -S s send-keys -t a hello Enter; sleep 1; tmux -S s capture-pane -p -t a; tmux -S s kill-server; rm -f s'
cat >"$TMP/page.html" <<'END'
<html><body><div id=o></div><script>let s = 0; for (let i = 0; i < 300000; i++) s = (s * 31 + i) % 1000003; document.getElementById('o').textContent = s;</script></body></html>
END
has chromium && same "chromium: zygotes that count threads" sh -c "timeout 100 /usr/lib/chromium/chromium --headless --no-sandbox --disable-gpu --user-data-dir=\$PWD/h --virtual-time-budget=3000 --dump-dom file://$TMP/page.html 2>/dev/null; rm -rf h"
has firefox-esr && same "firefox" sh -c "export HOME=\$PWD/h; mkdir h; timeout 100 firefox-esr --headless --no-remote --profile \$PWD/h --screenshot \$PWD/a.png file://$TMP/page.html >/dev/null 2>&1; echo \$?; test -s a.png && echo shot; rm -rf h a.png"
perl -Mthreads -e1 2>/dev/null && same "perl: threads, an alarm" perl -e 'use threads; my @t = map { my $k = $_; threads->create(sub { my %h; $h{$_ * $k} = "v$_" for 1 .. 20000; scalar keys %h }) } 1 .. 4; print $_->join(), "\n" for @t; local $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; sleep 3; exit 6'
has fio && same "fio: io_uring" sh -c 'fio --name=a --ioengine=io_uring --rw=randrw --size=8m --bs=4k --iodepth=16 --numjobs=3 --thread --time_based --runtime=2 --filename=f --output=/dev/null; echo $?; rm -f f'
has ghc && same "ghc: its compiler, and a program with green threads" sh -c 'printf "import Control.Concurrent\nimport qualified Data.Map as M\nmain = do { v <- newEmptyMVar; mapM_ (\\\\k -> forkIO (putMVar v \$! M.size (M.fromList [(i*k,show i)|i<-[1..20000::Int]]))) [1..6]; r <- mapM (const (takeMVar v)) [1..6::Int]; print (sum r) }\n" >a.hs; ghc -v0 -threaded -rtsopts a.hs && ./a +RTS -N4; echo $?; rm -f a a.*'
has rustc && same "rustc: its compiler, and a program with a panic" sh -c 'echo "use std::thread; fn main() { println!(\"{}\", thread::spawn(|| { panic!(\"x\") }).join().is_err()); std::process::exit(3) }" >a.rs; rustc -O a.rs && ./a 2>/dev/null; echo $?; rm -f a'
dumps_good "published programs"
exit $failed
