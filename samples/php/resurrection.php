<?php
/*
 * A destructor that brings its object back.
 *
 * The bug       Connection::__destruct() puts the connection into a pool "to reuse it". It is never destructed again, and nothing
 *               takes it from the pool: it lives for ever, with its destructor already run.
 *
 * The command   refgraph run -- php samples/php/resurrection.php          (prints "ready PID")
 *               refgraph snapshot PID -o 1.rgd
 *               refgraph show Connection 1.rgd
 *               refgraph why 'Connection[0]' 1.rgd
 *
 * The answer    show: the flag finalized: the destructor ran, and yet it is there. why: Pool::$free[0].
 */
class Pool
{
	public static array $free = [];
}

class Connection
{
	public array $buffer = [1, 2, 3];

	public function __destruct()
	{
		Pool::$free[] = $this;
	}
}

function query(): void
{
	$connection = new Connection;
	$connection->buffer[] = 4;
}

for ($i = 0; $i < 3; $i++)
	query();
echo 'ready ', getmypid(), "\n";
fgets(STDIN);
