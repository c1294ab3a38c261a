<?php
/*
 * Fibers that wait for something that never comes.
 *
 * The bug       fetch() suspends its fiber until the answer is there. When a request is given up, its fiber is dropped from the
 *               scheduler's list, but it is still in $waiting, and with it all that its frames hold: a zombie.
 *
 * The command   refgraph run -- php samples/php/fiber_zombie.php          (prints "ready PID")
 *               refgraph snapshot PID -o 1.rgd
 *               refgraph why 'Buffer[0]' 1.rgd
 *               refgraph show Fiber 1.rgd
 *
 * The answer    $GLOBALS['scheduler']->waiting[0]:fetch(): $buffer: the fiber's frame of fetch() holds the Buffer. show: the
 *               Fiber is suspended, its frames are {closure}(), fetch() and Fiber::suspend(), with their lines.
 */
class Buffer
{
	public string $bytes;

	public function __construct()
	{
		$this->bytes = str_repeat('.', 10000);
	}
}

class Scheduler
{
	public array $running = [];
	public array $waiting = [];

	public function spawn(callable $work): void
	{
		$fiber = new Fiber($work);
		$this->running[] = $fiber;
		$fiber->start($this);
	}

	public function giveUp(): void
	{
		$this->running = [];
	}
}

function fetch(Scheduler $scheduler): string
{
	$buffer = new Buffer;
	$scheduler->waiting[] = Fiber::getCurrent();
	Fiber::suspend();
	return $buffer->bytes;
}

$scheduler = new Scheduler;
for ($i = 0; $i < 5; $i++)
	$scheduler->spawn(function (Scheduler $scheduler) {
		return strlen(fetch($scheduler));
	});
$scheduler->giveUp();
echo 'ready ', getmypid(), "\n";
fgets(STDIN);
