<?php
/* Each kind of thing that counts a reference, several times over, each Payload named by what holds it: `audit` must find all holders. Used with
 * and without opcache; extensions that are not there are left out. counts.php FILE-TO-INCLUDE */
if (class_exists('DOMElement')) { class MyElement extends DOMElement { public $p; } }
class Payload { public function __construct(public string $at, public mixed $x = null) {} function m(...$a) { return true; } function __invoke(...$a) { return null; } }
function P($at) { return new Payload($at); }
$keep = [];
// SPL iterators and containers
$keep['arrayiterator'] = new ArrayIterator([P('ArrayIterator')]);
$keep['arrayobject_of_object'] = new ArrayObject(P('ArrayObject of object'));
$keep['stack'] = new SplStack; $keep['stack']->push(P('SplStack'));
$keep['queue'] = new SplQueue; $keep['queue']->enqueue(P('SplQueue'));
$keep['pq'] = new SplPriorityQueue; $keep['pq']->insert(P('PQ data'), P('PQ priority'));
$keep['multi'] = new MultipleIterator; $keep['multi']->attachIterator(new ArrayIterator([P('MultipleIterator')]), 'info');
$keep['append'] = new AppendIterator; $keep['append']->append(new ArrayIterator([P('AppendIterator')]));
$keep['caching'] = new CachingIterator(new ArrayIterator([P('CachingIterator'), 2]), CachingIterator::FULL_CACHE); foreach ($keep['caching'] as $z) break;
$keep['filter'] = new CallbackFilterIterator(new ArrayIterator([P('CallbackFilter inner')]), [P('CallbackFilter callback'), 'm']); foreach ($keep['filter'] as $z) break;
$keep['limit'] = new LimitIterator(new InfiniteIterator(new NoRewindIterator(new ArrayIterator([P('LimitIterator')]))), 0, 2); foreach ($keep['limit'] as $z) break;
$keep['rii'] = new RecursiveIteratorIterator(new RecursiveArrayIterator([[1, [P('RecursiveIteratorIterator')]]])); foreach ($keep['rii'] as $z) break;
$keep['regex'] = new RegexIterator(new ArrayIterator(['abc' . getmypid()]), '/a/'); foreach ($keep['regex'] as $z) break;
$keep['rti'] = new RecursiveTreeIterator(new RecursiveArrayIterator([['a' . getmypid()]])); foreach ($keep['rti'] as $z) break;
$keep['iterit'] = new IteratorIterator((function () { $l = P('IteratorIterator generator'); yield $l; yield 2; })()); $keep['iterit']->rewind();
$keep['dir'] = new DirectoryIterator('/tmp');
$keep['rdi'] = new RecursiveIteratorIterator(new RecursiveDirectoryIterator('/usr/share', FilesystemIterator::SKIP_DOTS)); foreach ($keep['rdi'] as $z) break;
$keep['glob'] = new GlobIterator('/usr/*');
$keep['file'] = new SplFileObject(__FILE__); $keep['file']->fgets();
$keep['temp'] = new SplTempFileObject; 
$keep['cs'] = new CachingIterator(new ArrayIterator(['x' . getmypid()])); foreach ($keep['cs'] as $z) break;
// user iterator in a suspended foreach
class Agg implements IteratorAggregate { public $in; function getIterator(): Iterator { return new ArrayIterator([P('IteratorAggregate'), 2]); } }
class UserIt implements Iterator { public $p; public $n = 0; function __construct() { $this->p = P('user iterator'); } function current(): mixed { return $this->p; } function key(): mixed { return P('key of iterator'); } function next(): void { $this->n++; } function rewind(): void {} function valid(): bool { return $this->n < 2; } }
function over($it) { foreach ($it as $k => $v) { yield $v; } }
$keep['agg'] = over(new Agg); $keep['agg']->current();
$keep['user'] = over(new UserIt); $keep['user']->current();
$keep['gen of list'] = over((function () { $l = new SplDoublyLinkedList; $l->push(P('foreach SplDoublyLinkedList')); return $l; })()); $keep['gen of list']->current();
$keep['gen of fixed'] = over(SplFixedArray::fromArray([P('foreach SplFixedArray')])); $keep['gen of fixed']->current();
$keep['gen of heap'] = over((function () { $l = new SplMinHeap; $l->insert(P('foreach SplMinHeap')); return $l; })()); $keep['gen of heap']->current();
$keep['gen of storage'] = over((function () { $l = new SplObjectStorage; $l[P('foreach SplObjectStorage')] = 1; return $l; })()); $keep['gen of storage']->current();
$keep['gen of map'] = over((function () { $l = new WeakMap; $GLOBALS['mapkey'] = P('foreach WeakMap key'); $l[$GLOBALS['mapkey']] = P('foreach WeakMap'); return $l; })()); $keep['gen of map']->current();
$keep['gen of props'] = over(P('foreach over properties')); $keep['gen of props']->current();
$keep['gen of temp array'] = over([P('foreach temp array')]); $keep['gen of temp array']->current();
$keep['gen of dateperiod'] = over(new DatePeriod(new DateTime('2020-01-01'), new DateInterval('P1D'), 3)); $keep['gen of dateperiod']->current();
$keep['yield from agg'] = (function () { yield from new Agg; })(); $keep['yield from agg']->current();
$keep['yield from array'] = (function () { yield from [P('yield from array')]; })(); $keep['yield from array']->current();
// closures
$keep['fcc'] = strlen(...);
$keep['fcc method'] = P('first-class callable')->m(...);
$keep['bound'] = Closure::bind(function () { return $this; }, P('Closure::bind'), Payload::class);
$keep['static fn'] = (function () { $x = P('arrow fn'); return fn() => $x; })();
$keep['call trampoline'] = (function () { return (new class { public $p; function __construct() { $this->p = P('__call'); } function __call($n, $a) { return 1; } })->nothing(...); })();
// exceptions
function thrower($arg) { throw new RuntimeException('outer', 3, new LogicException('inner')); }
try { thrower(P('exception trace argument')); } catch (Exception $e) { $keep['exception'] = $e; unset($e); }
// dates, reflection
$keep['date'] = new DateTimeImmutable('now', new DateTimeZone('Europe/Paris'));
$keep['interval'] = new DateInterval('P1D');
$keep['period'] = new DatePeriod(new DateTime, new DateInterval('P1D'), 3);
$keep['reflection'] = new ReflectionClass(P('x'));
$keep['refobject'] = new ReflectionObject(P('ReflectionObject'));
$keep['refmethod'] = new ReflectionMethod('Payload', 'm');
$keep['refparam'] = $keep['refmethod']->getParameters();
$keep['refclosure'] = new ReflectionFunction((function () { $u = P('ReflectionFunction'); return function () use ($u) {}; })());
$keep['refgen'] = new ReflectionGenerator((function () { $u = P('ReflectionGenerator'); yield 1; })());
$keep['refprop'] = (new ReflectionClass('Payload'))->getProperties();
$keep['reftype'] = $keep['refprop'][0]->getType();
$keep['refenum'] = null;
#[Attribute] class Att { function __construct(public $v = null) {} }
#[Att('v')] class WithAttr {}
$keep['refattr'] = (new ReflectionClass('WithAttr'))->getAttributes();
// extension objects
if (class_exists('DOMDocument')) { $d = new DOMDocument; $d->loadXML('<a><b>t</b></a>'); $d->registerNodeClass('DOMElement', 'MyElement'); $el = $d->documentElement; $el->p = P('DOMElement property'); $keep['dom'] = [$d, $el, $el->childNodes, new DOMXPath($d)]; $keep['dom'][3]->registerPhpFunctions();
  $keep['dom iter'] = over($el->childNodes); $keep['dom iter']->current(); unset($d, $el); }
if (function_exists('simplexml_load_string')) { $keep['sxe'] = simplexml_load_string('<a><b x="1">t</b><b/></a>'); $keep['sxe b'] = $keep['sxe']->b; $keep['sxe iter'] = over($keep['sxe']->b); $keep['sxe iter']->current(); }
if (class_exists('XMLReader')) { $keep['xmlreader'] = new XMLReader; $keep['xmlreader']->XML('<a/>'); $keep['xmlwriter'] = new XMLWriter; $keep['xmlwriter']->openMemory(); }
if (function_exists('xml_parser_create')) { $keep['xml'] = xml_parser_create(); xml_set_element_handler($keep['xml'], [P('xml_parser start'), 'm'], [P('xml_parser end'), 'm']); xml_set_object($keep['xml'], P('xml_set_object')); }
if (class_exists('XSLTProcessor')) { $keep['xsl'] = new XSLTProcessor; $keep['xsl']->setParameter('', 'k' . getmypid(), 'v' . getmypid()); $keep['xsl']->registerPHPFunctions(['strlen']); }
if (class_exists('PDO')) { $pdo = new PDO('sqlite::memory:'); $pdo->sqliteCreateFunction('f', [P('PDO sqlite function'), 'm']); $pdo->sqliteCreateCollation('c', [P('PDO collation'), 'm']); $st = $pdo->prepare('select :v'); $bound = P('PDO bound'); $bv = 'b' . getmypid(); $st->bindParam(':v', $bv); $st->execute(); $st->setFetchMode(PDO::FETCH_CLASS, 'Payload', [P('PDO ctor argument')]); $keep['pdo'] = [$pdo, $st]; $keep['pdo iter'] = over($pdo->query('select 1 as a union select 2')); $keep['pdo iter']->current(); unset($pdo, $st, $bound, $bv); }
if (class_exists('SQLite3')) { $s = new SQLite3(':memory:'); $s->createFunction('f', [P('SQLite3 function'), 'm']); $s->createAggregate('ag', [P('SQLite3 step'), 'm'], [P('SQLite3 final'), 'm']); $s->createCollation('cc', [P('SQLite3 collation'), 'm']); $s->setAuthorizer([P('SQLite3 authorizer'), '__invoke']); $s->setAuthorizer(null); $st = $s->prepare('select :a'); $sv = 'q' . getmypid(); $st->bindParam(':a', $sv); $keep['sqlite3'] = [$s, $st, $st->execute()]; unset($s, $st, $sv); }
if (function_exists('curl_init')) { $c = curl_init('http://127.0.0.1/'); curl_setopt($c, CURLOPT_WRITEFUNCTION, [P('curl write function'), 'm']); curl_setopt($c, CURLOPT_HEADERFUNCTION, [P('curl header function'), 'm']); curl_setopt($c, CURLOPT_READFUNCTION, [P('curl read function'), 'm']); curl_setopt($c, CURLOPT_PROGRESSFUNCTION, [P('curl progress function'), 'm']); curl_setopt($c, CURLOPT_XFERINFOFUNCTION, [P('curl xferinfo'), 'm']); curl_setopt($c, CURLOPT_FNMATCH_FUNCTION, [P('curl fnmatch'), 'm']); curl_setopt($c, CURLOPT_PRIVATE, P('curl private')); curl_setopt($c, CURLOPT_POSTFIELDS, ['f' => 'v' . getmypid(), 'g' => new CURLFile(__FILE__)]); curl_setopt($c, CURLOPT_HTTPHEADER, ['X: ' . getmypid()]); curl_setopt($c, CURLOPT_FILE, fopen('php://memory', 'w')); $m = curl_multi_init(); curl_multi_add_handle($m, $c); $sh = curl_share_init(); curl_multi_setopt($m, CURLMOPT_PUSHFUNCTION, [P('curl push function'), 'm']); $keep['curl'] = [$c, $m, $sh]; unset($c, $m, $sh); }
if (class_exists('mysqli')) { $keep['mysqli'] = mysqli_init(); }
if (class_exists('Collator')) { $keep['intl'] = [new Collator('fr'), new NumberFormatter('fr', 1), new IntlDateFormatter('fr', 0, 0), IntlBreakIterator::createWordInstance('fr'), new ResourceBundle('fr', null), Transliterator::create('Latin-ASCII'), IntlCalendar::createInstance(), IntlTimeZone::createDefault(), new MessageFormatter('fr', '{0}'), new Spoofchecker]; $keep['intl'][3]->setText('some text ' . getmypid()); $keep['intl iter'] = over($keep['intl'][3]->getPartsIterator()); $keep['intl iter']->current(); }
if (class_exists('FFI')) { $f = FFI::cdef('int getpid(void); struct s { int a; char *p; }; '); $keep['ffi'] = [$f, $f->new('struct s[3]'), FFI::type('int')]; unset($f); }
if (function_exists('openssl_pkey_new')) { $keep['openssl'] = [openssl_pkey_new(['private_key_bits' => 1024])]; }
if (function_exists('imagecreate')) { $keep['gd'] = imagecreate(10, 10); }
if (function_exists('socket_create_pair')) { socket_create_pair(AF_UNIX, SOCK_STREAM, 0, $pair); $keep['socket'] = $pair; unset($pair); $keep['ss'] = socket_import_stream(stream_socket_server('tcp://127.0.0.1:0')); }
if (function_exists('shm_attach')) { $keep['shm'] = shmop_open(ftok(__FILE__, 'z'), 'c', 0600, 100); $keep['sem'] = sem_get(ftok(__FILE__, 'y')); }
$keep['hash'] = hash_init('sha256'); hash_update($keep['hash'], 'x');
$keep['inflate'] = inflate_init(ZLIB_ENCODING_GZIP); $keep['deflate'] = deflate_init(ZLIB_ENCODING_GZIP, ['dictionary' => 'd' . getmypid() . "\0"]);
$keep['finfo'] = class_exists('finfo') ? new finfo : null;
$keep['dirh'] = dir('/tmp');
// streams
class Wrap { public $context; public $p; function stream_open($path, $mode, $o, &$opened) { $this->p = P('user stream wrapper'); return true; } function stream_read($n) { return ''; } function stream_eof() { return true; } function stream_stat() { return []; } function stream_close() {} }
stream_wrapper_register('wrap', 'Wrap'); $keep['wrap'] = fopen('wrap://x', 'r');
class Filt extends php_user_filter { public $p; function onCreate(): bool { $this->p = P('user filter'); return true; } function filter($in, $out, &$consumed, $closing): int { return PSFS_PASS_ON; } }
stream_filter_register('filt', 'Filt'); $h = fopen('php://memory', 'w+'); $keep['filter res'] = stream_filter_append($h, 'filt', STREAM_FILTER_WRITE, P('filter params')); $keep['filtered'] = $h; unset($h);
$keep['ctx'] = stream_context_create(['http' => ['header' => 'X: ' . getmypid()]], ['notification' => [P('notification'), 'm']]);
stream_context_set_default(['ssl' => ['k' . getmypid() => P('default context')]]);
$keep['proc'] = proc_open(['true'], [['pipe', 'r'], ['pipe', 'w']], $pipes); $keep['pipes'] = $pipes; unset($pipes);
$keep['tmpf'] = tmpfile(); fwrite($keep['tmpf'], 'x');
$keep['data'] = fopen('data:text/plain,' . getmypid(), 'r');
$keep['server'] = stream_socket_server('tcp://127.0.0.1:0');
// engine tables
set_error_handler([P('error handler 1'), 'm']); set_error_handler([P('error handler 2'), 'm']);
set_exception_handler([P('exception handler 1'), 'm']); set_exception_handler([P('exception handler 2'), 'm']);
register_shutdown_function([P('shutdown function'), 'm'], P('shutdown argument'));
spl_autoload_register([P('autoloader'), 'm']);
spl_autoload_register((function () { $x = P('autoloader closure'); return function () use ($x) {}; })());
register_tick_function([P('tick function'), 'm'], P('tick argument'));
ini_set('user_agent', 'agent ' . getmypid());
assert_options(ASSERT_CALLBACK, [P('assert callback'), 'm']);
if (function_exists('pcntl_signal')) pcntl_signal(SIGUSR1, [P('signal handler'), 'm']);
if (function_exists('readline_completion_function')) readline_completion_function([P('readline completion'), 'm']);
if (function_exists('libxml_set_external_entity_loader')) libxml_set_external_entity_loader([P('entity loader'), 'm']);
if (function_exists('libxml_set_streams_context')) libxml_set_streams_context(stream_context_create(['http' => ['x' => P('libxml context')]]));
if (function_exists('libxml_use_internal_errors')) { libxml_use_internal_errors(true); }
if (function_exists('iterator_apply')) {}
mb_substitute_character(63);
setlocale(LC_ALL, 'C.UTF-8');
if (class_exists('SessionHandlerInterface')) { class SH implements SessionHandlerInterface { public $p; function open($a, $b): bool { return true; } function close(): bool { return true; } function read($i): string|false { return ''; } function write($a, $b): bool { return true; } function destroy($i): bool { return true; } function gc($i): int|false { return 1; } } $sh = new SH; $sh->p = P('session handler'); session_set_save_handler($sh); unset($sh); ini_set('session.use_cookies', '0'); ini_set('session.cache_limiter', ''); session_start(); $_SESSION['cart'] = P('session data'); }
ob_start([P('output callback'), 'm']);
trait T { private static $ts; private $shared = [1, 2]; function t(array $a = ['x'], ?Payload $p = null, int|string|null $u = 3): static { static $calls = 0; $calls++; return $this; } static function put($v) { self::$ts = $v; } abstract function need(self $x): ?iterable; }
class UsesT { use T { t as protected renamed; t as public; } function need(self $x): ?iterable { return null; } /** doc */ public const DOC = ['a', 'b']; }
class UsesT2 extends UsesT { use T; public readonly array $ro; function __construct() { $this->ro = [P('readonly')]; } }
UsesT::put(P('static member of a trait')); UsesT2::put(P('static member of a trait, 2'));
$keep['uses'] = [new UsesT, new UsesT2]; $keep['uses'][0]->t(); $keep['uses'][1]->t();
enum Suit: string { case A = 'a'; case B = 'b'; const X = self::A; public static function f() { static $v; return $v ??= P('static variable of an enum'); } }
Suit::f(); $keep['suit'] = Suit::X; $keep['from'] = Suit::from('b');
abstract class Parent_ { static $inherited; static function fill() { static::$inherited = P('inherited static'); static $s = null; $s ??= P('static of inherited method'); } } class Child_ extends Parent_ {} class Child2_ extends Parent_ { static $inherited; } Child_::fill(); Child2_::fill();
class LateConst { const A = self::B . 'x'; const B = 'b'; public $d = self::A . 'y'; function f($p = self::A . 'z', $q = new Payload('new in initializer')) { static $s = PHP_OS; return $q; } } $keep['late'] = new LateConst; $keep['late r'] = $keep['late']->f();
class_alias('Payload', 'Alias' . getmypid());
define('DYN' . getmypid(), 'v' . getmypid()); define('ARR', [P('constant array')]); const HERE = ['x' => [1]];
$ref1 = P('reference'); $ref2 = &$ref1; $typed = new class { public ?Payload $p = null; public int $i = 1; }; $typed->p = P('typed reference'); $ref3 = &$typed->p; $ref4 = &$typed->i;
$GLOBALS['z'] = P('GLOBALS'); ${'odd name ' . getmypid()} = P('odd global');
$arr = ['k' => [3 => P('deep array')]]; $copy = $arr; $arr['self'] = &$arr;
$fiber = new Fiber(function ($a) { $low = P('fiber local'); $x = (function ($p) { $in = P('fiber inner'); return Fiber::suspend(P('fiber suspended value')); })(P('fiber call argument')); }); $fiber->start(P('fiber start argument'));
$done = new Fiber(function () { return P('fiber result'); }); $done->start();
$unstarted = new Fiber([P('fiber not started'), 'm']);
$genInFiber = (function () { $g = P('generator in fiber'); Fiber::suspend(); yield 1; })(); $fiber2 = new Fiber(function () use ($genInFiber) { $genInFiber->current(); }); $fiber2->start();
$gen = (function ($a) { $l = P('generator local'); try { $r = f2(P('call under way'), yield P('yielded key') => P('yielded value')); } finally { $l = 1; } return P('never'); })(P('generator argument')); $gen->current();
function f2(...$a) {}
$fingen = (function () { yield 1; return P('generator return value'); })(); foreach ($fingen as $z); unset($z);
$wr = WeakReference::create($keep['uses'][0]); $wm = new WeakMap; $wm[$keep['uses'][0]] = P('weak map value'); $wm[$keep['suit']] = [P('weak map array')];
$cycle = P('cycle'); $cycle->x = $cycle;
function withextra() { $GLOBALS['c'] = 1; $n = func_get_args(); inner(...func_get_args()); }
function named(...$rest) { again($rest); }
function again(&$r) { $local = $r; $str = 'local ' . getmypid(); $o = P('local'); $f = array_map(function ($v) use ($o) { static $n; $n = 'n' . getmypid(); extract(['dynvar' . getmypid() => P('symbol table')]); eval('$evald = P("eval local"); stop_here();'); return $v; }, [1]); }
function stop_here() { $s = "x" . getmypid() . wait_here("a" . getmypid(), [P('call argument')]) . "y"; }
function wait_here($a) { fwrite(STDERR, "ready\n"); fgets(STDIN); return 'r'; }
function inner() { named(...['a' => P('named argument'), 'b' => 'nb' . getmypid()]); }
if (isset($argv[1])) require $argv[1];
withextra(P('extra argument'), 'extra' . getmypid());
