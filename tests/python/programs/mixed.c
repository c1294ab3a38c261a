/* mixed.c - calls back into Python from two C functions, and keeps a block of 777 bytes. */
#include <stdlib.h>

void *mixed_kept;

__attribute__((noinline)) int mixed_inner(int (*callback)(void))
{
	int answer;

	mixed_kept = malloc(777);
	answer = callback();
	return answer + 1;
}

__attribute__((noinline)) int mixed_outer(int (*callback)(void))
{
	return mixed_inner(callback) + 1;
}
