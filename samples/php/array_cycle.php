<?php
/*
 * An array that contains itself, by a reference.
 *
 * The bug       tree() links each node to its parent with =&, so that parent and children hold each other. Counting alone never
 *               frees such a tree; the collector does, but it only runs when 10000 candidates have come together.
 *
 * The command   refgraph run -- php samples/php/array_cycle.php           (prints "ready PID")
 *               refgraph snapshot PID -o 1.rgd
 *               refgraph collect 1.rgd
 *               refgraph cycles 1.rgd
 *
 * The answer    collect: what gc_collect_cycles() would return now: the sample calls it next and prints the number it got. The
 *               Payloads on the trees are among what it frees.
 */
class Payload
{
	public string $text = '';
}

function tree(): void
{
	$parent = ['children' => [], 'payload' => new Payload];
	for ($i = 0; $i < 3; $i++) {
		$child = ['number' => $i];
		$child['parent'] = &$parent;
		$parent['children'][] = $child;
		unset($child);
	}
}

gc_collect_cycles();
for ($i = 0; $i < 20; $i++)
	tree();
echo 'ready ', getmypid(), "\n";
fgets(STDIN);
echo 'collected ', gc_collect_cycles(), "\n";
echo 'ready ', getmypid(), "\n";
fgets(STDIN);
