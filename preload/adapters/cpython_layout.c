/* cpython_layout.c - the columns of cpython_layout.h, one struct per version. */
#include <stddef.h>

#include "cpython_layout.h"

#define FIRST_MINOR 8
static const struct layout layouts[] = {
#define COLUMN(name, type, member, v8, v9, v10, v11, v12, v13) .name = v8,
	{LAYOUT_VARY(COLUMN)},
#undef COLUMN
#define COLUMN(name, type, member, v8, v9, v10, v11, v12, v13) .name = v9,
	{LAYOUT_VARY(COLUMN)},
#undef COLUMN
#define COLUMN(name, type, member, v8, v9, v10, v11, v12, v13) .name = v10,
	{LAYOUT_VARY(COLUMN)},
#undef COLUMN
#define COLUMN(name, type, member, v8, v9, v10, v11, v12, v13) .name = v11,
	{LAYOUT_VARY(COLUMN)},
#undef COLUMN
#define COLUMN(name, type, member, v8, v9, v10, v11, v12, v13) .name = v12,
	{LAYOUT_VARY(COLUMN)},
#undef COLUMN
#define COLUMN(name, type, member, v8, v9, v10, v11, v12, v13) .name = v13,
	{LAYOUT_VARY(COLUMN)},
#undef COLUMN
};

const struct layout *layout_of(unsigned minor)
{
	if (minor < FIRST_MINOR || minor - FIRST_MINOR >= sizeof(layouts) / sizeof(layouts[0]))
		return NULL;
	return &layouts[minor - FIRST_MINOR];
}
