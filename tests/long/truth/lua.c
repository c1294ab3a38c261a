/* Runs a script, and takes a dump while its state is alive. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

#include "refgraph.h"

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();

	luaL_openlibs(L);
	if (luaL_dofile(L, argv[1])) {
		puts(lua_tostring(L, -1));
		return 1;
	}
	refgraph_snapshot("truth");
	return 0;
}
