#!/usr/bin/env bash
# What PHP's engine holds and what its collector frees, beside the dump, on PHP_SEEDS random heaps (3000): tests/php/random.py for
# half an hour. php_seeds.sh [FIRST_SEED]
. "$(dirname "$0")/../lib.sh"
export PHP_SEEDS=${PHP_SEEDS:-3000} PHP_FIRST=${1:-$((RANDOM * 1000))}
echo "# from seed $PHP_FIRST"
exec nice -n 10 "$ROOT/tests/php/random.py"
