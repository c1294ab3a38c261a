<?php
/*
 * A worker whose request runs out of its memory_limit: "Allowed memory size of N bytes exhausted", in a line that is innocent.
 *
 * The bug       Orders::each() reads orders one at a time, so that an export of any length fits into memory. But hydrate() puts
 *               each into the identity map, a static array, where it stays until the request ends.
 *
 * The command   refgraph run --on-fatal --dump exhausted.rgd -- php -d memory_limit=16M samples/php/memory_exhausted.php
 *               refgraph suspects exhausted.rgd
 *               refgraph why 'Order[0]' exhausted.rgd
 *               With "fixed" as argument: the map holds what others hold, and no more.
 *
 * The answer    IdentityMap::$orders keeps all orders alive; nothing else does.
 */
class Order
{
	public function __construct(public int $id, public string $customer, public array $lines) {}
}

class IdentityMap
{
	public static array $orders = [];
	public static ?WeakMap $alive = null;

	public static function remember(Order $order, bool $fixed): Order
	{
		self::$alive ??= new WeakMap;
		if ($fixed)
			self::$alive[$order] = $order->id;
		else
			self::$orders[$order->id] = $order;
		return $order;
	}
}

class Orders
{
	public function __construct(private bool $fixed) {}

	private function hydrate(int $id): Order
	{
		$lines = array_map(fn ($n) => ['article' => "article $n of $id", 'pieces' => $n], range(1, 5));
		return IdentityMap::remember(new Order($id, "customer " . $id % 1000, $lines), $this->fixed);
	}

	public function each(int $n): iterable
	{
		for ($id = 1; $id <= $n; $id++)
			yield $this->hydrate($id);
	}
}

function export(Orders $orders, $out)
{
	$bytes = 0;
	foreach ($orders->each(20000) as $order)
		$bytes += fwrite($out, json_encode($order) . "\n");
	return $bytes;
}

echo export(new Orders(($argv[1] ?? '') === 'fixed'), fopen('/dev/null', 'w')), " bytes exported\n";
