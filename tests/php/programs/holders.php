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
enum Suit: string { case A = 'a'; case B = 'b'; static function keep() { static $kept; $kept ??= new Held('enum'); } }
trait Shared { public static $shared; }
class UsesShared { use Shared; }
final class Fixed { public function __construct(public readonly array $only) {} }
class Filter extends php_user_filter { public $held; public function onCreate(): bool { $this->held = new Held('stream filter'); return true; } }
class Wrapper { public $context, $held; function stream_open($path, $mode, $options, &$opened) { $this->held = new Held('stream wrapper'); return true; } function stream_close() {} }
class Numbers implements Iterator { public $inner; public $n = 0; function current(): mixed { return $this->n; } function key(): mixed { return 0; } function next(): void { $this->n++; } function rewind(): void {} function valid(): bool { return $this->n < 2; } }
function numbers() { $it = new Numbers; $it->inner = new Held('foreach'); return $it; }

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
Suit::keep();
UsesShared::$shared = new Held('trait');
$readonly = new Fixed([new Held('readonly')]);
$callable = (new Held('callable'))->method(...);
stream_filter_register('held', 'Filter');
stream_filter_append($filtered = fopen('php://memory', 'w+'), 'held');
stream_wrapper_register('held', 'Wrapper');
${'wrapped stream'} = fopen('held://x', 'r');
$loop = (function () { foreach (numbers() as $n) yield $n; })();
$loop->current();
class Sessions extends SessionHandler { public $held; public function read($id): string|false { return ''; } public function write($id, $data): bool { return true; } public function open($path, $name): bool { return true; } public function close(): bool { return true; } }
$sessions = new Sessions;
$sessions->held = new Held('session handler');
session_set_save_handler($sessions);
unset($sessions);
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
session_start();
$_SESSION['cart'] = new Held('session data');
register_tick_function([new Held('tick function'), 'method'], new Held('tick argument'));
set_error_handler([new Held('former error handler'), 'method']);
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
