/*
 * libc: blocks that libc makes on the program's behalf are its callers' to free and must be known: prints "SIZE FUNCTION" of
 * those with an exact size, and "count FUNCTION" of the others.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

void *kept[20];
static char text[150001];

int main(int argc, char **argv)
{
	static char out[4096];
	char *line = NULL;
	size_t size = 0;
	FILE *f;
	DIR *d;

	setvbuf(stdout, out, _IOFBF, sizeof(out));
	memset(text, 'x', 150000);
	kept[0] = strdup(text);
	puts("150001 strdup");
	kept[1] = strndup(text, 140000);
	puts("140001 strndup");
	if (asprintf((char **)&kept[2], "%s", text + 20000) != 130000)
		return 1;
	puts("130001 asprintf");
	f = fopen(argv[1], "r");
	if (getline(&line, &size, f) != 120000) /* one line of 119999 letters */
		return 2;
	printf("%zu getline\n", size);
	kept[3] = line;
	free(strdup(text + 10)); /* gone again */
	kept[4] = wcsdup(L"wide");
	puts("20 wcsdup");
	kept[5] = realpath("/", NULL);
	puts("some realpath");
	d = opendir("/");
	puts("some opendir");
	kept[6] = f;
	kept[7] = d;
	puts("472 fopen");
	return 0;
}
