<?php
/*
 * A worker that never ends, and a function that remembers every job.
 *
 * The bug       handle() has a static array for duplicates; a script of a web server starts anew with each request, a worker does
 *               not, and the array grows for ever.
 *
 * The command   refgraph run -- php samples/php/worker_static.php         (prints "ready PID"; each line on its standard input
 *               refgraph snapshot PID -o 1.rgd                             does 100 jobs)
 *               refgraph snapshot PID -o 2.rgd
 *               refgraph show-growth 1.rgd 2.rgd
 *               refgraph find-backref-chain 'Job[150]' 2.rgd
 *
 * The answer    growth: Job 200 +100. The chain: the function handle(), its static $seen, the array, the Job.
 */
class Job
{
	public function __construct(public string $id, public array $data) {}
}

function handle(Job $job): bool
{
	static $seen = [];
	if (isset($seen[$job->id]))
		return false;
	$seen[$job->id] = $job;
	return true;
}

$done = 0;
do {
	for ($i = 0; $i < 100; $i++, $done++)
		handle(new Job("job_$done", ['number' => $done]));
	echo 'ready ', getmypid(), "\n";
} while (fgets(STDIN));
