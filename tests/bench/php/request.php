<?php
// One request of the loop under FPM: a small application that builds its services, reads a document and answers with JSON.
final class Container
{
    private array $made = [];

    public function __construct(private array $makers)
    {
    }

    public function get(string $name): object
    {
        return $this->made[$name] ??= ($this->makers[$name])($this);
    }
}

final class Store
{
    public array $rows = [];

    public function __construct(int $n)
    {
        for ($i = 0; $i < $n; $i++) {
            $this->rows[$i] = (object) ['id' => $i, 'name' => "item $i", 'price' => $i * 7 % 1000];
        }
    }
}

final class Router
{
    private array $routes = [];

    public function on(string $pattern, callable $handler): void
    {
        $this->routes["~^$pattern\$~"] = $handler;
    }

    public function run(string $uri): string
    {
        foreach ($this->routes as $pattern => $handler) {
            if (preg_match($pattern, $uri, $found)) {
                return $handler(...array_slice($found, 1));
            }
        }
        return 'none';
    }
}

$container = new Container([
    'store' => fn () => new Store(400),
    'router' => function (Container $c) {
        $router = new Router();
        $router->on('/item/(\d+)', fn ($id) => json_encode($c->get('store')->rows[$id % 400]));
        $router->on('/list', fn () => json_encode(array_map(fn ($row) => ['text' => "$row->name: $row->price"], $c->get('store')->rows)));
        return $router;
    },
]);
$uri = strtok($_SERVER['REQUEST_URI'] ?? '/list', '?');
header('Content-Type: application/json');
echo $container->get('router')->run($uri), ' ', $_GET['n'] ?? '';
