/*
 * sd_event.c - sources of sd-event, some of which go by sd_event_source_disable_unref().        packages: libsystemd        rules: systemd
 *
 *   refgraph run --rules systemd --on-exit sd_event missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <systemd/sd-event.h>

static sd_event *loop;

static int on_event(sd_event_source *source, void *context)
{
	return 0;
}

static sd_event_source *make(void)
{
	sd_event_source *source = NULL;

	sd_event_add_defer(loop, &source, on_event, NULL);
	return source;
}

#define OBJECT sd_event_source *
#define MAKE(i) make()
#define TAKE(o) sd_event_source_ref(o)
#define GIVE(o) sd_event_source_disable_unref(o)
#define BEGIN sd_event_new(&loop)
#include "lives.h"
