#!/usr/bin/env bash
# tests/python/real_programs.py --all, with the packages of the distribution that its programs come from.
set -u
cd "$(dirname "$0")/../.." || exit 2
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-celery python3-redis \
	python3-django python3-sphinx python3-importlib-metadata python3-pygments redis-server mercurial \
	python3-numpy python3-lxml python3-pil >/dev/null 2>&1
exec tests/python/real_programs.py --all
