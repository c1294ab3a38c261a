<?php
/* fibers.php DUMP - three suspended fibers that a scheduler keeps, and one that nobody can resume: it is held by a variable of its own. */
class Payload { public $bytes; function __construct() { $this->bytes = str_repeat("x", 1000) . mt_rand(); } }
class Scheduler { public $fibers = []; function spawn(callable $f, ...$a) { $x = new Fiber($f); $this->fibers[] = $x; $x->start(...$a); return $x; } }
function fetch($id) { $payload = new Payload; inner($payload); return $payload; }
function inner($p) { $copy = [$p]; Fiber::suspend($copy); }
$s = new Scheduler;
for ($i = 0; $i < 3; $i++) $s->spawn('fetch', $i);
$zombie = new Fiber(function () use (&$zombie) { $held = new Payload; Fiber::suspend(); });
$zombie->start();
$z2 = $zombie; unset($zombie);
$gone = $z2; unset($z2); unset($gone);
posix_kill(getmypid(), SIGUSR2);
for ($i = 0; $i < 4000; $i++) { if (file_exists("{$argv[1]}")) break; usleep(1000); }
