/* pools_apr.c - pools of APR with known sizes: pools_known.py has the answers. */
#include <apr_pools.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refgraph.h"

apr_pool_t *server;
static void *far; /* a block of malloc that only a pool holds */

int main(void)
{
	apr_pool_t *request[3], *sub;
	void **slot;

	apr_initialize();
	apr_pool_create(&server, NULL);
	apr_pool_tag(server, "server");
	for (int i = 0; i < 3; i++) {
		apr_pool_create(&request[i], server);
		apr_pool_tag(request[i], "request");
		apr_palloc(request[i], 1000);
	}
	apr_pool_create(&sub, request[1]);
	apr_pool_tag(sub, "sub");
	apr_palloc(sub, 20000); /* a node of its own */
	apr_psprintf(sub, "%d and more", 17);
	slot = apr_pcalloc(sub, 64);
	far = malloc(777);
	memset(far, 0, 777);
	slot[2] = far;
	far = NULL;
	apr_pool_destroy(request[2]);
	request[2] = sub = NULL;
	slot = NULL;
	refgraph_snapshot(NULL);
	apr_terminate();
	return 0;
}
