/* late LIBRARY: a C program without a C++ runtime loads a C++ library, which keeps 123456 bytes, throws inside, and goes. */
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *h = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	int (*work)(void) = h ? (int (*)(void))dlsym(h, "work") : NULL;

	if (!work)
		return puts(dlerror()), 1;
	printf("%d\n", work());
	return 0;
}
