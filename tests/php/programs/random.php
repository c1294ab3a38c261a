<?php
/*
 * random.php SEED DUMP-DIRECTORY - a random heap of everything that holds things in PHP, each object of a class of its own
 * (N0, N1, ...), then a dump by signal, then what the engine itself says: truth_write() and gc_collect_cycles(). Some of the objects are
 * let go before the dump, so that cycles are left for the collector.
 */
[, $seed, $where] = $argv;
mt_srand((int)$seed);

function pick(int $n): int { return mt_rand(0, $n - 1); }

class Base
{
	public $a, $b;
	protected $c;
	private $d;
	public static $shared = [];
	function put(string $name, &$value, bool $reference): void
	{
		if ($reference)
			$this->$name = &$value;
		else
			$this->$name = $value;
	}
	function own(): Closure { return function () { return $this; }; }
	function count() { static $calls = []; $calls[] = $this; return count($calls); }
	function give() { $kept = yield $this; $more = [$kept, $this]; yield $more; }
	function over() { $inner = $this->give(); yield from $inner; }
}
class Noisy extends Base
{
	public static int $gone = 0;
	function __destruct() { self::$gone++; }
}
class Lazarus extends Base
{
	public static $back = [];
	function __destruct() { self::$back[] = $this; }
}
final class Typed { public ?Base $one = null; public array $many = []; public readonly mixed $fixed; function __construct($x) { $this->fixed = $x; } }
enum Suit { case Hearts; case Spades; const Wild = self::Spades; }
abstract class Cache { static $items = []; static ?Base $last = null; }
function remember($x) { static $all = []; if ($x !== null) $all[] = $x; return $all; }

$number = 0;
/* A new thing that may hold others. */
function thing(): mixed
{
	global $number;
	$id = $number++;
	switch (pick(15)) {
	case 0: $parent = 'Noisy'; break;
	case 1: return new ArrayObject([]);
	case 2: return new SplObjectStorage;
	case 3: return new SplDoublyLinkedList;
	case 4: return new SplFixedArray(4);
	case 5: $o = new stdClass; $o->{"dynamic$id"} = [$id]; return $o;
	case 6: return new WeakMap;
	case 7: return new Typed([[$id], "text" . $id]);
	case 8: return new SplPriorityQueue;
	default: $parent = 'Base';
	}
	eval("#[AllowDynamicProperties] class N$id extends $parent { public \$p$id; static \$s$id; }");
	$class = "N$id";
	return new $class;
}

/* One more reference, from `from` to `to`, of a kind by chance. */
function join_them(mixed $from, mixed $to): void
{
	if (pick(5) == 0)
		$to = pick(2) ? [$to] : ['k' => $to, 7 => [$to]];
	else if (pick(9) == 0)
		$to = "a string of its own: " . mt_rand();
	if ($from instanceof Base) {
		$names = ['a', 'b', 'dyn', 'more'];
		switch (pick(11)) {
		case 0: $from->put($names[pick(4)], $to, true); $GLOBALS['references'][] = &$to; break;
		case 1: $from->b = function () use ($to) { return $to; }; break;
		case 2: $from->a = function () use (&$to) { static $kept; $kept = $to; return $kept; }; break;
		case 3: $from->more = $from->own(); break;
		case 4: $from->b = $from->give(); $from->b->current(); if (pick(2)) $from->b->send($to); break;
		case 5: $from->a = new Fiber(function ($x) use ($from) { $local = [$x]; Fiber::suspend($local); return $x; }); if (pick(3)) $from->a->start($to); break;
		case 6: $class = get_class($from); if (property_exists($class, 's' . substr($class, 1))) $class::${'s' . substr($class, 1)} = $to; break;
		case 7: if (is_object($to)) $from->dyn = WeakReference::create($to); break;
		case 8: $from->b = $from->over(); $from->b->current(); break;
		case 9: $from->a = [$from, 'own']; $from->b = Closure::fromCallable($from->a); break;
		default: $from->put($names[pick(4)], $to, false);
		}
	} elseif ($from instanceof ArrayObject) {
		$from[] = $to;
	} elseif ($from instanceof SplObjectStorage) {
		if (is_object($to)) $from[$to] = $from;
	} elseif ($from instanceof SplDoublyLinkedList) {
		$from->push($to);
	} elseif ($from instanceof SplFixedArray) {
		$from[pick(4)] = $to;
	} elseif ($from instanceof SplPriorityQueue) {
		$from->insert($to, pick(10));
	} elseif ($from instanceof WeakMap) {
		if (is_object($to)) $from[$to] = pick(2) ? [$to] : $from;
	} elseif ($from instanceof Typed) {
		if ($to instanceof Base) $from->one = $to;
		$from->many[] = $to;
	} else {
		$from->{'p' . pick(4)} = $to;
	}
}

function build(int $n): array
{
	$all = [];
	for ($i = 0; $i < $n; $i++)
		$all[] = thing();
	for ($i = 0; $i < $n * 2; $i++)
		join_them($all[pick($n)], $all[pick($n)]);
	return $all;
}

gc_disable();
$references = [];
build(4 + pick(30)); /* let go at once: what is in cycles stays */
$all = build(8 + pick(40));
foreach ($all as $i => $one) {
	switch (pick(12)) {
	case 0: Cache::$items["k$i"] = $one; break;
	case 1: remember($one); break;
	case 2: $GLOBALS["global$i"] = $one; break;
	case 3: Base::$shared[] = $one; break;
	case 4: if ($one instanceof Base) $one->count(); break;
	case 5: if ($i % 5 == 0) define("KEPT$i", pick(2) ? $one : [$one]); break;
	}
}
if (pick(6) == 0) { set_error_handler(function (...$x) use ($all) { return false; }); }
if (pick(3) == 0) register_shutdown_function(function () {}, $all[0]);
if (pick(3) == 0) spl_autoload_register(function ($class) use ($one) {});
$suit = Suit::Hearts;
unset($one, $all);
if (pick(2)) $references = [];

/* a frame with locals below the one that takes the dump */
function deep(int $n, $held)
{
	$local = [$n, new stdClass];
	if ($n > 0)
		return deep($n - 1, $local);
	$answer = measure();
	return [$answer, count($local), $held];
}

function measure(): array
{
	global $where;
	$before = gc_status();
	posix_kill(getmypid(), SIGUSR2);
	while (!glob("$where/*.rgd"))
		usleep(500);
	truth_write("$where/truth");
	$freed = gc_collect_cycles();
	$status = gc_status();
	truth_write("$where/after");
	return ['before' => $before, 'freed' => $freed, 'after' => $status, 'gone' => Noisy::$gone];
}
[$answer] = deep(pick(4), $suit);
file_put_contents("$where/answer", json_encode($answer));
exit(0);
