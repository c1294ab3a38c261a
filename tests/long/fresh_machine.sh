#!/usr/bin/env bash
# The README's claim: a fresh clone on a fresh Debian 12 passes `make demo` and `make check`. A minimal system is made by
# debootstrap and entered by chroot; it needs root, the network and an hour. FRESH_MACHINE="demo" makes that only.
#
# Nothing of this machine is mounted there, and what is mounted lives in name spaces of its own: debootstrap's mounts, too. They
# end with their first process, however that ends, and whoever removes the folder sees only the folder.
. "$(dirname "$0")/../lib.sh"
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then skip fresh_machine "needs root and debootstrap"; exit 0; fi

# inside: pid 1 of the new name spaces
if [ "${1:-}" = inside ]; then
	trap - EXIT; rm -rf "$TMP"
	TMP=$2; root=$TMP/debian
	mirror=$(sed -nE 's/^deb (\[[^]]*\] )?(https?:[^ ]*) .*main.*/\2/p; s/^URIs: (.*)/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1)
	if ! debootstrap --variant=minbase --include=make,git,ca-certificates bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$TMP/debootstrap" 2>&1; then
		skip fresh_machine "debootstrap: $(tail -1 "$TMP/debootstrap")"; exit 0
	fi
	# what a network needs; its sources are Debian's own, by debootstrap: those of this machine may need keys that a fresh one has not
	for f in /etc/resolv.conf /etc/hosts /etc/apt/apt.conf.d/*proxy*; do [ -f "$f" ] && cp "$f" "$root$f"; done
	mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" || { fail "fresh_machine: /proc" "cannot be mounted"; exit 1; }
	mountpoint -q "$root/sys" || mount -t sysfs -o ro sysfs "$root/sys"
	mount -t tmpfs tmpfs "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts" && ln -sf pts/ptmx "$root/dev/ptmx"
	git clone -q "$ROOT" "$root/refgraph" 2>"$TMP/clone" || { fail "fresh_machine: clone" "$(cat "$TMP/clone")"; exit 1; }
	for command in ${FRESH_MACHINE:-demo check}; do
		chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" make -C /refgraph $command >"$TMP/$command.log" 2>&1
		rc=$?
		tail -n 40 "$TMP/$command.log"
		equal "fresh_machine: make $command" $rc 0
	done
	equal "fresh_machine: the demo's drawings" "$(ls "$root"/refgraph/demo-out/*.svg | wc -l)" 2
	exit $failed
fi

if ! unshare --mount --propagation private --pid --fork true 2>/dev/null; then skip fresh_machine "no mount and pid name spaces"; exit 0; fi
# in the background: a shell that waits for a child in the foreground heeds no signal until that has ended
unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" inside "$TMP" &
inside=$!
trap 'kill -9 $inside 2>/dev/null; wait $inside 2>/dev/null; cleanup' EXIT
trap 'exit 130' INT TERM HUP
wait $inside
rc=$?
if grep -qF " $TMP/" /proc/self/mountinfo; then fail "fresh_machine: nothing stays mounted" "$(grep -F " $TMP/" /proc/self/mountinfo)"; else ok "fresh_machine: nothing stays mounted"; fi
exit $((rc | failed))
