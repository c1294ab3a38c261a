#!/usr/bin/env bash
# tests/php/fpm.py for PHP_FPM_SECONDS (600) with six reloads.
exec env PHP_FPM_SECONDS="${PHP_FPM_SECONDS:-600}" PHP_FPM_RELOADS="${PHP_FPM_RELOADS:-6}" "$(dirname "$0")/../php/fpm.py"
