#!/usr/bin/env bash
# Large C++ and C programs with every block's whole stack followed, alone and with snapshots: the same output, status and files.
. "$(dirname "$0")/../foreign.sh"
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends cmake clang-format clang gdb g++ graphviz >/dev/null 2>&1
export REFGRAPH_STACKS=exact
[ -x /usr/bin/cmake ] && same "cmake: its manual" cmake --help-full
[ -x /usr/bin/cmake ] && same "cmake: a project" -s 's/\([0-9.]+s\)//' sh -c 'printf "cmake_minimum_required(VERSION 3.10)\nproject(p CXX)\nadd_executable(p p.cc)\n" >CMakeLists.txt; echo "int main() {}" >p.cc
	cmake -S . -B b >out 2>&1; s=$?; sed -E "s/\([0-9.]+s\)//" out; rm -rf out b; exit $s'
for i in $(seq 300); do printf 'template <int N> struct s%d { int a[N];   std::map<int,std::vector<std::string>> b; };\n' "$i"; done >"$TMP/m.cc"
sed -i '1i #include <map>\n#include <string>\n#include <vector>' "$TMP/m.cc"
command -v clang-format >/dev/null && same "clang-format" clang-format --style=Google "$TMP/m.cc"
command -v clang++ >/dev/null && same "clang++" clang++ -O1 -S -o - "$TMP/m.cc"
command -v gdb >/dev/null && same "gdb" gdb -nx -batch -ex "info functions hash" -ex "break main" -ex "ptype struct model" "$REFGRAPH"
{ echo 'digraph {'; for i in $(seq 200); do printf 'n%d -> n%d;\n' "$i" $((i * 7 % 200)); done; echo '}'; } >"$TMP/m.dot"
command -v dot >/dev/null && same "dot" dot -Tsvg "$TMP/m.dot"
dumps_good "large programs"
exit $failed
