/*
 * curl.c - shares of libcurl.        packages: libcurl        rules: curl
 *
 *   refgraph run --rules curl --on-exit curl missing    refgraph balance: forgetful() made 4 shares that nobody cleaned up
 */
#include <curl/curl.h>

#define OBJECT CURLSH *
#define MAKE(i) curl_share_init()
#define END(o) curl_share_cleanup(o)
#include "lives.h"
