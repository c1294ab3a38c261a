/* subject.h - how the commands begin that ask who keeps what alive in a dump. */
#ifndef REFGRAPH_SUBJECT_H
#define REFGRAPH_SUBJECT_H

#include "cmd/cmd.h"
#include "report/alive.h"

struct subject {
	struct model *m;   /* the context's */
	bool selected;	   /* selectors or --where were given */
	struct ids chosen; /* what they name: ascending, each once; may be none */
	struct alive alive;
};

/* The last dump, what was selected of it, and its liveness. `must`: to
 * select nothing is a usage error. After an error, too, subject_deinit() is due. */
struct error *subject_init(struct context *context, bool must, struct subject *ret);
void subject_deinit(struct subject *subject);

/* The first of the chosen; says on stderr that there are others, and whose answer this is: "the path of". None is a usage error. */
struct error *subject_one(const struct subject *subject, const struct context *context,
			  const char *whose, uint32_t *ret);

#endif
