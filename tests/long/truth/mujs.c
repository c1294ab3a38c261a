/* Runs a script, and takes a dump while its state is alive. */
#include <mujs.h>

#include "refgraph.h"

int main(int argc, char **argv)
{
	js_State *J = js_newstate(0, 0, JS_STRICT);

	if (js_dofile(J, argv[1]))
		return 1;
	refgraph_snapshot("truth");
	return 0;
}
