/* hooks_tls.c - TLS 1.3 handshakes between a client and a server in one process, with a certificate of their own. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define HANDSHAKES 1000

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"here", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_sign(x, key, EVP_sha256());
	return x;
}

static int handshake(SSL_CTX *client_context, SSL_CTX *server_context)
{
	SSL *client = SSL_new(client_context), *server = SSL_new(server_context);
	BIO *a, *b;
	int c = 0, s = 0;

	BIO_new_bio_pair(&a, 0, &b, 0);
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int i = 0; i < 20 && (c != 1 || s != 1); i++) {
		c = SSL_do_handshake(client);
		s = SSL_do_handshake(server);
	}
	SSL_free(client);
	SSL_free(server);
	return c == 1 && s == 1;
}

int main(void)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *server = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make_certificate(key);
	int good = 0;

	SSL_CTX_use_certificate(server, certificate);
	SSL_CTX_use_PrivateKey(server, key);
	for (int i = 0; i < HANDSHAKES; i++)
		good += handshake(client, server);
	X509_free(certificate);
	EVP_PKEY_free(key);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
	return good != HANDSHAKES;
}
