#!/usr/bin/env bash
# tests/python/real_programs.py with the programs that need larger packages: django, sphinx, a celery worker with redis.
set -u
cd "$(dirname "$0")/../.." || exit 2
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-celery python3-redis \
	python3-django python3-sphinx redis-server >/dev/null 2>&1
exec tests/python/real_programs.py --all
