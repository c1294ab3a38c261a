/*
 * cxx.cc - what std::shared_ptr points to, without optimization: then each copy is a call.        rules: cxx
 *
 *   refgraph run --rules cxx --on-exit cxx missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <memory>

struct Engine {
	int power = 100;
};
using shared = std::shared_ptr<Engine>;

static shared *take(shared *from)
{
	return new shared(*from);
}

#define OBJECT shared *
#define MAKE(i) new shared(std::make_shared<Engine>())
#define TAKE(o) take(o)
#define GIVE(o) delete (o)
/* as a class does that frees the memory of another one's member by hand */
#define GIVE_TOO_MUCH(o)                                                                           \
	do {                                                                                       \
		alignas(shared) char copy[sizeof(shared)];                                         \
		memcpy(copy, (void *)(o), sizeof(copy));                                           \
		((shared *)copy)->~shared();                                                       \
	} while (0)
#include "lives.h"
