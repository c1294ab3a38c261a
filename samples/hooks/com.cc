/*
 * com.cc - a class with AddRef and Release.        rules: com
 *
 *   refgraph run --rules com --on-exit com missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <cstdlib>

#define STDCALL __attribute__((noinline))

class Document {
	unsigned count = 1;

public:
	virtual STDCALL unsigned AddRef();
	virtual STDCALL unsigned Release();
	virtual ~Document() = default;
};

unsigned Document::AddRef()
{
	return ++count;
}

unsigned Document::Release()
{
	unsigned left = --count;

	if (!left)
		delete this;
	return left;
}

static Document *take(Document *document)
{
	document->AddRef();
	return document;
}

#define OBJECT Document *
#define MAKE(i) new Document
#define TAKE(o) take(o)
#define GIVE(o) (o)->Release()
#include "lives.h"
