# refgraph.bash - completion for bash: commands, options, their choices, and the types in the dump that the line names (else in the
# newest *.rgd of this folder). refgraph itself knows them all: refgraph-complete(1).
_refgraph() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		COMPREPLY+=("$line")
	done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _refgraph refgraph
