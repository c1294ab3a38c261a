/*
 * fontconfig.c - patterns of fontconfig.        packages: fontconfig        rules: text
 *
 *   refgraph run --rules text --on-exit fontconfig missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <fontconfig/fontconfig.h>

static FcPattern *take(FcPattern *pattern)
{
	FcPatternReference(pattern);
	return pattern;
}

#define OBJECT FcPattern *
#define MAKE(i) FcPatternCreate()
#define TAKE(o) take(o)
#define GIVE(o) FcPatternDestroy(o)
#include "lives.h"
