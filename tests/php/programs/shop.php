<?php
// What the requests of the tests ask for: it says what it was asked, keeps objects to its end, and takes memory when told to.
class Cart
{
    public $items = [];
    public $note;

    public function add($item)
    {
        $this->items[] = $item;
        $this->note = str_repeat("item $item ", 3);
        return $this;
    }
}

function fill($n)
{
    $carts = [];
    for ($i = 0; $i < $n; $i++) {
        $carts[] = (new Cart())->add($i);
    }
    return $carts;
}

$kept = fill(200);
$blob = isset($_GET['megabytes']) ? str_repeat('x', $_GET['megabytes'] << 20) : '';
while (isset($_GET['exhaust'])) {
    $kept[] = fill(50);
}
echo 'n=', $_GET['n'] ?? '', ' kept=', count($kept), ' blob=', strlen($blob), ' pid=', getmypid(), "\n";
