<?php
/* orphans.php DUMP - objects that only the objects store knows, when the dump is taken in a destructor: Leaked, whose count is one too
 * many; Last, whose destructor runs, and Waiting, the next property of the Dying that is being freed. Garbage is none of them. */
class Leaked { public $held; }
class Held { }
class Cycle { public $self; public $held; }
class Dying { public $first; public $second; }
class Waiting { public $held; }
class Last {
	function __destruct() {
		posix_kill(getmypid(), SIGUSR2);
		for ($i = 0; $i < 4000 && !file_exists($GLOBALS['argv'][1]); $i++) usleep(1000);
	}
}
truth_lose();
truth_keep();
$known = new Leaked; $known->held = new Held; truth_leak($known);
$o = new Leaked; $o->held = new Held; truth_leak($o); unset($o);
$c = new Cycle; $c->self = $c; $c->held = new Held; unset($c);
$d = new Dying; $d->first = new Last; $d->second = new Waiting; $d->second->held = new Held; unset($d);
