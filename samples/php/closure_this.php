<?php
/*
 * A report that is cached as a closure, and with it all that its maker has.
 *
 * The bug       Report::lazy() returns a closure that needs the title alone; but a closure made in a method binds $this, and
 *               $this has the rows.
 *
 * The command   refgraph run -- php samples/php/closure_this.php          (prints "ready PID")
 *               refgraph snapshot PID -o 1.rgd
 *               refgraph why 'Report[0]' 1.rgd
 *
 * The answer    $GLOBALS['cache'][0]:$this: the closure is what holds the Report; static function () would not. Ten Reports with a
 *               thousand rows each live by it.
 */
class Report
{
	private array $rows;

	public function __construct(private string $title)
	{
		for ($i = 0; $i < 1000; $i++)
			$this->rows[] = "row $i of $title";
	}

	public function lazy(): Closure
	{
		$title = $this->title;
		return function () use ($title) {
			return strtoupper($title);
		};
	}
}

$cache = [];
for ($i = 0; $i < 10; $i++)
	$cache[] = (new Report("report $i"))->lazy();
echo 'ready ', getmypid(), "\n";
fgets(STDIN);
