/* Has the program been under attack for long enough? attack() says so by a file once it has its snapshots; alone there are none to wait for. */
#include <stdlib.h>
#include <unistd.h>

static int enough(void)
{
	const char *file = getenv("ATTACK_ENOUGH");

	return !file || !access(file, F_OK);
}
