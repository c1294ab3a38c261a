<?php
/*
 * A repository whose objects know it, and a static cache that knows the repository.
 *
 * The bug       Repository::$instances keeps each repository for ever: they are made per tenant, and never dropped. Repository and
 *               rows refer to each other, so that even without the cache only the collector could free them.
 *
 * The command   refgraph run -- php samples/php/static_cache.php          (prints "ready PID"; each line on its standard input
 *               refgraph snapshot PID -o 1.rgd                             serves ten tenants)
 *               refgraph why 'Row[0]' 1.rgd
 *               refgraph cycles 1.rgd
 *
 * The answer    why: Repository::$instances['tenant0']->rows[0], and that cutting $instances['tenant0'] frees the repository with
 *               all of its rows. cycles: Repository ->rows [] ->owner, one per tenant.
 */
class Row
{
	public function __construct(public Repository $owner, public int $number) {}
}

class Repository
{
	public static array $instances = [];
	private array $rows = [];

	public static function of(string $tenant): self
	{
		return self::$instances[$tenant] ??= new self;
	}

	public function add(int $number): void
	{
		$this->rows[] = new Row($this, $number);
	}
}

function serve(int $from): void
{
	for ($i = $from; $i < $from + 10; $i++)
		for ($row = 0; $row < 5; $row++)
			Repository::of("tenant$i")->add($row);
}

$served = 0;
do {
	serve($served);
	$served += 10;
	echo 'ready ', getmypid(), "\n";
} while (fgets(STDIN) && $served < 30);
