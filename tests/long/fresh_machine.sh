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
for f in /etc/resolv.conf /etc/hosts /etc/apt/apt.conf.d/*proxy*; do [ -f "$f" ] && cp "$f" "$root$f"; done
cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null
[ -d /etc/apt/sources.list.d ] && cp -r /etc/apt/sources.list.d "$root/etc/apt/"
mounted=()
for m in proc sys dev dev/pts dev/shm; do
	mkdir -p "$root/$m"; mount --rbind "/$m" "$root/$m" 2>/dev/null && mount --make-rslave "$root/$m" && mounted=("$root/$m" "${mounted[@]}")
done
release() { for m in ${mounted[@]+"${mounted[@]}"}; do umount -l "$m"; done; mounted=(); cleanup; }
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
