/*
 * freetype.c - instances of FreeType.        packages: freetype2        rules: text
 *
 *   refgraph run --rules text --on-exit freetype missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_MODULE_H

static FT_Library make(void)
{
	FT_Library library;

	return FT_Init_FreeType(&library) ? NULL : library;
}

static FT_Library take(FT_Library library)
{
	FT_Reference_Library(library);
	return library;
}

#define OBJECT FT_Library
#define MAKE(i) make()
#define TAKE(o) take(o)
#define GIVE(o) FT_Done_Library(o)
#include "lives.h"
