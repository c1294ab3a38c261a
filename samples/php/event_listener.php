<?php
/*
 * Listeners that are never removed.
 *
 * The bug       Each Widget listens to the dispatcher and never stops: the array [$widget, 'onChange'] in the dispatcher's list
 *               keeps it alive after its page is gone.
 *
 * The command   refgraph run -- php samples/php/event_listener.php        (prints "ready PID"; each line on its standard input
 *               refgraph snapshot PID -o 1.rgd                             shows one more page of 20 widgets)
 *               refgraph snapshot PID -o 2.rgd
 *               refgraph show-growth 1.rgd 2.rgd
 *               refgraph why 'Widget[0]' 2.rgd
 *
 * The answer    growth: Widget 40 +20. why: $GLOBALS['dispatcher']->listeners['change'][0][0], in one chain.
 */
class Dispatcher
{
	private array $listeners = [];

	public function listen(string $event, callable $listener): void
	{
		$this->listeners[$event][] = $listener;
	}
}

class Widget
{
	public function __construct(Dispatcher $dispatcher)
	{
		$dispatcher->listen('change', [$this, 'onChange']);
	}

	public function onChange(): void {}
}

function page(Dispatcher $dispatcher): void
{
	$widgets = [];
	for ($i = 0; $i < 20; $i++)
		$widgets[] = new Widget($dispatcher);
}

$dispatcher = new Dispatcher;
do {
	page($dispatcher);
	echo 'ready ', getmypid(), "\n";
} while (fgets(STDIN));
