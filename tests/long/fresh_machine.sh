#!/usr/bin/env bash
# The README's claim: a fresh clone on a fresh Debian 12 passes `make demo` and `make check`. A minimal system is made by
# debootstrap and entered by chroot; it needs root, the network and an hour.
. "$(dirname "$0")/../lib.sh"
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then skip fresh_machine "needs root and debootstrap"; exit 0; fi
root=$TMP/debian
mirror=$(sed -nE 's/^deb (\[[^]]*\] )?(https?:[^ ]*) .*main.*/\2/p; s/^URIs: (.*)/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1)
if ! debootstrap --variant=minbase --include=make,git,ca-certificates bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$TMP/debootstrap" 2>&1; then
	skip fresh_machine "debootstrap: $(tail -1 "$TMP/debootstrap")"; exit 0
fi
# what a network needs; its sources are Debian's own, by debootstrap: those of this machine may need keys that a fresh one has not
for f in /etc/resolv.conf /etc/hosts /etc/apt/apt.conf.d/*proxy*; do [ -f "$f" ] && cp "$f" "$root$f"; done
for m in proc sys dev; do
	mount --rbind "/$m" "$root/$m" && mount --make-rslave "$root/$m"
done
# nothing is removed below a mount that did not go: it is this machine's
release() {
	for m in proc sys dev; do umount -l "$root/$m" 2>/dev/null; done
	if grep -qF " $root/" /proc/self/mounts; then echo "still mounted below $root: not removed"; else cleanup; fi
}
trap release EXIT
git clone -q "$ROOT" "$root/refgraph" 2>"$TMP/clone" || { fail "fresh_machine: clone" "$(cat "$TMP/clone")"; exit 1; }
for command in demo check; do
	chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" make -C /refgraph $command >"$TMP/$command.log" 2>&1
	rc=$?
	tail -n 40 "$TMP/$command.log"
	equal "fresh_machine: make $command" $rc 0
done
equal "fresh_machine: the demo's drawings" "$(ls "$root"/refgraph/demo-out/*.svg | wc -l)" 2
exit $failed
