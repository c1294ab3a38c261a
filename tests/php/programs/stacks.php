<?php
/*
 * stacks.php SEED STEPS - objects that are made in frames of every kind, by chance. Says as JSON how many are alive by the stack that made
 * them, in the tool's words, from debug_backtrace().
 */
[, $seed, $steps] = $argv;
mt_srand((int)$seed);
class T0 {}
$GLOBALS['seen'] = [];
$GLOBALS['kept'] = [];

function stack(): void
{
	$words = [];
	$line = null;
	foreach (debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS) as $i => $frame) {
		if ($i > 0)
			$words[] = name($frame, $line);
		$line = isset($frame['line']) ? "$frame[file]:$frame[line]" : '';
	}
	if ($line !== '')
		$words[] = "{main} ($line)";
	$key = implode(' < ', $words);
	$GLOBALS['seen'][$key] = ($GLOBALS['seen'][$key] ?? 0) + 1;
}

function name(array $frame, string $line): string
{
	if ($frame['function'] === 'eval')
		return "{main} ($line)";
	$name = isset($frame['class']) ? $frame['class'] . '::' . $frame['function'] : $frame['function'];
	return $line === '' ? $name : "$name ($line)";
}

function make(): object { $o = new T0; stack(); $GLOBALS['kept'][] = $o; return $o; }

class Many
{
	private $n;
	function __construct($n) { $this->n = $n; $GLOBALS['kept'][] = new T0; stack(); }
	function __call($name, $arguments) { $GLOBALS['kept'][] = new T0; stack(); go($this->n - 1); }
	function __toString(): string { $GLOBALS['kept'][] = new T0; stack(); go($this->n - 1); return 'x'; }
	static function still($n) { go($n); $GLOBALS['kept'][] = new T0; stack(); }
	function __destruct() { $GLOBALS['kept'][] = new T0; stack(); go($this->n - 2); }
	function __invoke($n) { go($n); make(); }
}

function gen($n) { $GLOBALS['kept'][] = new T0; stack(); go($n); yield 1; $GLOBALS['kept'][] = new T0; stack(); yield from inner($n - 1); make(); }
function inner($n) { go($n); yield make(); $GLOBALS['kept'][] = new T0; stack(); }
function cleanup($n) { try { if ($n % 2) throw new Exception('x'); go($n); } catch (Exception $e) { make(); } finally { $GLOBALS['kept'][] = new T0; stack(); } }
function ways(int $n, callable $f) { $f($n); $f($n); make(); }

$pending = [];
function go(int $n): void
{
	try { step($n); } catch (FiberError $e) { make(); } /* of a destructor within another fiber */
}
function step(int $n): void
{
	global $pending, $left;
	if ($n <= 0 || --$left < 0)
		return;
	switch (mt_rand(0, 17)) {
	case 0: make(); go($n - 1); break;
	case 1: $GLOBALS['kept'][] = new T0; stack(); go($n - 1); make(); break;
	case 2: array_map(function ($x) use ($n) { $GLOBALS['kept'][] = new T0; stack(); go($n - 1); return $x; }, [1, 2]); break;
	case 3: $a = [3, 1, 2]; usort($a, fn ($x, $y) => (make() && 0) + ($x <=> $y)); break;
	case 4: foreach (gen($n - 1) as $x) { go($n - 2); } break;
	case 5: $g = gen($n - 2); $g->current(); $pending[] = $g; break;
	case 6: if ($pending) { $g = array_pop($pending); $g instanceof Generator ? $g->next() : $g->isTerminated() || $g->resume(); go($n - 1); } break;
	case 7: $f = new Fiber(function () use ($n) { $GLOBALS['kept'][] = new T0; stack(); go($n - 1); Fiber::suspend(); make(); }); $f->start(); if (mt_rand(0, 1)) { $pending[] = $f; } else { $f->isTerminated() || $f->resume(); } break;
	case 8: (new Many($n))->anything($n); break;
	case 9: $x = "a" . new Many($n - 1); break;
	case 10: Many::still($n - 1); break;
	case 11: cleanup($n - 1); break;
	case 12: eval('make(); go($n - 1);'); break;
	case 13: ways($n - 1, 'go'); break;
	case 14: ways($n - 1, go(...)); break;
	case 15: ways($n - 2, new Many($n - 2)); break;
	case 16: $f = function ($n) use (&$f) { make(); if ($n > 0 && mt_rand(0, 2)) { $f($n - 1); } go($n - 1); }; $f(mt_rand(1, 40)); break;
	case 17: call_user_func_array([new Many(1), 'still'], [$n - 1]); break;
	}
}
gc_disable();
for ($i = 0; $i < $steps; $i++) { $left = 60; go(mt_rand(2, 30)); }
$live = $GLOBALS['seen'];
ksort($live);
echo json_encode($live);
exit(0);
