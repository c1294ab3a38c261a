#!/usr/bin/env bash
# Limits, sandboxes, other roots and users, closed descriptors under a storm of snapshots.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/tools/attack.sh"
mkdir "$TMP/root"
if build limits; then
	for what in as data nofile fsize nproc cpu stack lock sigpending; do
		minimum=1
		case $what in fsize | nproc | as) minimum=0 ;; esac
		attack "attack: limit $what" $minimum "$TMP/limits" $what
	done
fi
if build hide; then
	for what in close closeall chroot user userns fs strict filter dumpable name daemon; do
		minimum=1
		case $what in userns | strict | daemon | user) minimum=0 ;; esac
		attack "attack: hide $what" $minimum "$TMP/hide" $what "$TMP/root"
	done
fi
build vfs && attack "attack: a look at oneself" 5 "$TMP/vfs"
exit $failed
