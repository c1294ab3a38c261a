<?php
/* One Held for each place that can hold a value; its name says where it must be found. */
class Held
{
	public function __construct(public string $at) {}
	public function method() {}
}
class Loader
{
	public $held;
	public function load($class) {}
}
class Statics
{
	public static $member;
	public const LIST = [1, 2];
	public $declared;
	private $hidden;
	public static function fill($a, $b): self { $s = new self; $s->declared = $a; $s->hidden = $b; return $s; }
}
enum Suit: string { case A = 'a'; case B = 'b'; }

$global = new Held('global');
$array = ['key' => ['deep' => [3 => new Held('array')]]];
$alias = &$array['alias'];
$alias = new Held('reference');
Statics::$member = [new Held('static')];
$object = Statics::fill(new Held('property'), new Held('private'));
$std = new stdClass;
$std->dynamic = new Held('dynamic');
$closure = (function () { $used = new Held('use'); return static function () use ($used) { static $kept; return $kept ??= new Held('static variable'); }; })();
$closure();
function inner() { $in = new Held('yield from'); yield 1; }
function gen() { $local = new Held('generator'); yield from inner(); }
$generator = gen();
$generator->current();
function deep() { $low = new Held('fiber, inner'); Fiber::suspend(new Held('suspended')); }
$fiber = new Fiber(function () { $high = new Held('fiber'); deep(); });
$fiber->start();
$map = new WeakMap;
$map[$global] = new Held('weak map');
$weak = WeakReference::create($global);
$storage = new SplObjectStorage;
$storage[new Held('storage key')] = new Held('storage');
$list = new SplDoublyLinkedList;
$list[] = new Held('list');
$heap = new SplMinHeap;
$heap->insert([1, new Held('heap')]);
$fixed = SplFixedArray::fromArray([new Held('fixed')]);
$wrapped = new ArrayObject([new Held('array object')]);
define('CONSTANT', new Held('constant'));
$context = stream_context_create(['http' => ['notify' => new Held('context')]]);
set_error_handler([new Held('error handler'), 'method']);
set_exception_handler([new Held('exception handler'), 'method']);
register_shutdown_function(function ($held) {}, new Held('shutdown function'));
$loader = new Loader;
$loader->held = new Held('autoloader');
spl_autoload_register([$loader, 'load']);
unset($loader);
header_register_callback([new Held('header callback'), 'method']);
ob_start([new Held('output buffer'), 'method']);
ob_end_clean();
ob_start((function () { $at = new Held('output handler'); return function ($text) use ($at) { return $text; }; })());
function ready(Held $argument, ...$rest)
{
	$variable = new Held('variable');
	array_map(function ($temporary) { fwrite(STDERR, 'ready ' . getmypid() . "\n"); fgets(STDIN); }, [new Held('argument of a call')]);
}
ready(new Held('argument'), new Held('rest'));
