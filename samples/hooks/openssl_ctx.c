/*
 * openssl_ctx.c - contexts of OpenSSL; a connection takes a reference on its context.        packages: libssl libcrypto        rules: openssl
 *
 *   refgraph run --rules openssl --on-exit openssl_ctx missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <openssl/ssl.h>

static SSL_CTX *take(SSL_CTX *context)
{
	SSL *connection = SSL_new(context);

	SSL_CTX_up_ref(context);
	SSL_free(connection);
	return context;
}

#define OBJECT SSL_CTX *
#define MAKE(i) SSL_CTX_new(TLS_method())
#define TAKE(o) take(o)
#define GIVE(o) SSL_CTX_free(o)
#include "lives.h"
