#!/usr/bin/env bash
# Who may include whom. The borders are STYLE's: the two halves share one header, hooks know neither the unwinder nor the
# format, algorithms know neither names nor drawing, and each foreign library has one includer.
. "$(dirname "$0")/../lib.sh"
shopt -s extglob

# A rule: the files it is about (a pattern on their path), then what each of their includes must match (only) or must not
# match (never). Includes are paths from the source's root, or <name.h>. A file is held to every rule that names it.
rules() {
	cat <<-'END'
	include/refgraph.h               only   ^<std(def|int)\.h>$
	include/refgraph_dump.h          only   ^<stdint\.h>$
	preload/*                        only   ^preload/|^include/refgraph(_dump)?\.h$|^<
	preload/*                        never  ^<(stdio|assert|Python|glib|gmodule)\.h>
	preload/entry_*                  never  unwind_|libunwind|preload/adapters/|preload/(writer|nodes|walk)\.h|zstd|xxh
	preload/php/*                    only   ^preload/php/|^preload/adapters/php_link\.h$|^<
	preload/adapters/*               only   ^preload/adapters/|^include/refgraph_dump\.h$|^<
	analyzer/*                       only   ^analyzer/|^include/refgraph_dump\.h$|^<
	analyzer/util/*                  only   ^analyzer/util/|^<
	analyzer/dump/*                  only   ^analyzer/(util|dump)/|^analyzer/graph/csr\.h$|^include/refgraph_dump\.h$|^<
	analyzer/graph/*                 only   ^analyzer/(util|graph)/|^<
	analyzer/graph/*                 never  ^<(stdio|zstd|locale|wchar)\.h>|libdw|libelf|gelf
	analyzer/report/*                only   ^analyzer/(util|dump|graph|report)/|^analyzer/out/dot\.h$|^include/refgraph_dump\.h$|^<
	analyzer/symbol/*                only   ^analyzer/(util|dump|symbol)/|^include/refgraph_dump\.h$|^<
	analyzer/types/*                 only   ^analyzer/(util|dump|symbol|types)/|^include/refgraph_dump\.h$|^<
	analyzer/control/*               only   ^analyzer/(util|control)/|^include/refgraph_dump\.h$|^<
	analyzer/out/*                   only   ^analyzer/(util|out)/|^<
	analyzer/cmd/*                   only   ^analyzer/(util|dump|graph|report|symbol|types|out|control)/|^analyzer/cmd/(cmd|draw|gc_php|leak_check|memory_views|replay|subject|why)\.h$|^include/refgraph_dump\.h$|^<
	analyzer/cmd/*                   never  ^analyzer/dump/reader
	END
}

# Headers that only some may name: foreign libraries' have one includer each.
owners() {
	cat <<-'END'
	cgraph|cdt\.h|gvc|graphviz       analyzer/out/dot.c
	uthash                           analyzer/util/hash.[ch]
	^include/refgraph\.h$            preload/api.c
	^analyzer/out/dot\.h$            analyzer/@(out|report|cmd)/*
	^analyzer/graph/csr\.h$          analyzer/@(dump/model|dump/model_internal|dump/edges|graph/*|report/*|cmd/*)*
	sqlite                           analyzer/report/query.c
	^<(php|SAPI|zend|ext/)           preload/php/*
	libunwind                        preload/unwind_libunwind.c
	zstd                             @(preload|analyzer/dump)/*
	libelf|libdw|gelf|dwarf          analyzer/@(symbol|types)/*
	END
}

# includes ROOT [FILE]: "FILE INCLUDE" for every include of the source under ROOT; quoted names are resolved as the compiler does
includes() {
	local what=(include preload analyzer)
	[ -n "${2:-}" ] && what=("$2")
	(cd "$1" && grep -rHnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]' "${what[@]}" |
		sed -nE 's|^([^:]+):[0-9]+:[[:space:]]*#[[:space:]]*include[[:space:]]*(["<][^">]+[">]).*|\1 \2|p' |
		while read -r file inc; do
			case $inc in
			\"*)
				inc=${inc//\"/}
				for at in "$(dirname "$file")" analyzer preload include .; do
					if [ -e "$at/$inc" ]; then inc=$(realpath -m --relative-to=. "$at/$inc"); break; fi
				done
				;;
			esac
			printf '%s %s\n' "$file" "$inc"
		done)
}

# violations ROOT [FILE]: one line for each include that a rule forbids
violations() {
	local file inc who verdict what list
	list=$(includes "$@")
	while read -r who verdict what; do
		while read -r file inc; do
			# shellcheck disable=SC2053 # a pattern, on purpose
			[[ $file == $who ]] || continue
			case $verdict in
			only) [[ $inc =~ $what ]] || echo "$file includes $inc: only $what" ;;
			never) [[ $inc =~ $what ]] && echo "$file includes $inc: never $what" ;;
			esac
		done <<<"$list"
	done < <(rules)
	while read -r what who; do
		while read -r file inc; do
			[[ $inc =~ $what ]] || continue
			# shellcheck disable=SC2053
			[[ $file == $who ]] || echo "$file includes $inc: only $who may"
		done <<<"$list"
	done < <(owners)
}

n=$(includes "$ROOT" | wc -l)
if [ "$n" -gt 50 ]; then ok "layers: $n includes read"; else fail "layers: includes read" "only $n: the test is blind"; fi
found=$(violations "$ROOT")
if [ -z "$found" ]; then ok "layers: borders hold"; else fail "layers: borders hold" "$(tr '\n' '|' <<<"$found")"; fi

# The test itself: a copy with one planted violation each must be caught.
plant() {
	local what=$1 file=$2 line=$3 copy=$TMP/copy
	rm -rf "$copy"; mkdir "$copy"; cp -r "$ROOT"/{include,preload,analyzer} "$copy"
	mkdir -p "$(dirname "$copy/$file")"
	printf '%s\n' "$line" >>"$copy/$file"
	if [ "$(violations "$copy" "$file" | grep -cF "$file includes")" -gt 0 ]; then ok "layers: catches $what"; else fail "layers: catches $what" "not seen"; fi
}
plant "cgraph outside of out/dot" analyzer/graph/planted.c '#include <graphviz/cgraph.h>'
plant "an algorithm that prints" analyzer/graph/planted.c '#include <stdio.h>'
plant "the shim's header in the analyzer" analyzer/util/planted.c '#include "../../preload/shim.h"'
plant "stdio in the shim" preload/planted.c '#  include <stdio.h>'
plant "a hook that knows adapters" preload/entry_planted.c '#include "adapters/adapter.h"'
plant "an adapter that knows the shim" preload/adapters/planted.c '#include "../shim.h"'
plant "Python's headers in the shim" preload/adapters/planted.c '#include <Python.h>'
plant "PHP's headers in the shim" preload/adapters/planted.c '#include <php.h>'
plant "a module of PHP's that knows the shim" preload/php/planted.c '#include "../shim.h"'
plant "a second includer of uthash" analyzer/dump/planted.c '#include <uthash.h>'
plant "a command that includes another" analyzer/cmd/planted.c '#include "cmd/planted.h"'
plant "a type of ours in the public header" include/refgraph.h '#include "refgraph_dump.h"'
exit $failed
