<?php
class Node { public $v; public $w; }
function leaf($i) { $n = new Node;
  $n->v = str_repeat('x', 20 + $i % 3);
  $n->w = [$i,
     "s$i"]; return $n; }
$e = eval('return function ($n) { $r = []; for ($i = 0; $i < $n; $i++) $r[] = new ArrayObject([$i]); return $r; };');
function tree($d) { return $d ? [tree($d - 1), leaf($d)] : leaf(0); }
$t = tree(5); $x = $e(7);
$m = array_map(function ($i) { return new Node; }, range(1, 9));
class Magic { function __call($n, $a) { return new SplObjectStorage; } function __get($n) { return new SplQueue; } }
$q = new Magic; $a1 = $q->foo(); $a2 = $q->bar;
function gen() { while (true) { yield new DateTime; } }
$g = gen(); $d1 = $g->current(); $g->next(); $d2 = $g->current();
$many = [];
for ($i = 0; $i < 3000; $i++) { $many[] = new SplFixedArray(3); if ($i % 2) $many[$i - 1] = null; }
for ($i = 0; $i < 20; $i++) { eval("\$many[] = new SplMinHeap; // line $i"); }
