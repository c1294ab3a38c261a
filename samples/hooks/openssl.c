/*
 * openssl.c - certificates of OpenSSL.        packages: libcrypto        rules: openssl
 *
 *   refgraph run --rules openssl --on-exit openssl missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <openssl/x509.h>

static X509 *take(X509 *certificate)
{
	X509_up_ref(certificate);
	return certificate;
}

#define OBJECT X509 *
#define MAKE(i) X509_new()
#define TAKE(o) take(o)
#define GIVE(o) X509_free(o)
#include "lives.h"
