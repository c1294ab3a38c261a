#!/usr/bin/env bash
# samples/php/worker_static.php: a static array that grows with each job of a worker.
. "$(dirname "$0")/../php_tests.sh"
php_sample worker_static
take 1; go_on; take 2
equal "worker_static: growth" "$(rg show-growth --limit 0 1.rgd 2.rgd | grep '^Job' | tr -s ' ')" "Job 200 +100"
equal "worker_static: chain" "$(rg find-backref-chain --columns edge,type --no-header 'Job[50]' 2.rgd | tr -s ' ' | sed 's/ $//' | sed "s/job_[0-9]*/job_N/" | tr '\n' ';')" "handle() function;static \$seen reference;& array;['job_N'] Job;"
equal "worker_static: path" "$(path 'Job[50]' 2.rgd | sed 's/job_[0-9]*/job_N/')" "handle():\$seen['job_N']"
finish
exit $failed
