<?php
// What the engine's own benchmark of the language times, written anew: calls, loops, arrays, strings, sorting, objects. Most of it
// allocates little.

function calls(int $n): int
{
    return $n < 2 ? 1 : calls($n - 1) + calls($n - 2);
}

function mandelbrot(int $width): int
{
    $inside = 0;
    for ($y = 0; $y < $width; $y++) {
        for ($x = 0; $x < $width; $x++) {
            [$cr, $ci, $zr, $zi] = [2.0 * $x / $width - 1.5, 2.0 * $y / $width - 1.0, 0.0, 0.0];
            for ($i = 0; $i < 50 && $zr * $zr + $zi * $zi < 4.0; $i++) {
                [$zr, $zi] = [$zr * $zr - $zi * $zi + $cr, 2.0 * $zr * $zi + $ci];
            }
            $inside += $i === 50 ? 1 : 0;
        }
    }
    return $inside;
}

function sieve(int $n): int
{
    $flags = array_fill(2, $n, true);
    for ($i = 2; $i * $i <= $n; $i++) {
        for ($k = $i * $i; $flags[$i] && $k <= $n; $k += $i) {
            $flags[$k] = false;
        }
    }
    return count(array_filter($flags));
}

function hashes(int $n): int
{
    $words = [];
    for ($i = 0; $i < $n; $i++) {
        $words[dechex($i)] = $i;
    }
    $found = 0;
    for ($i = $n; $i > 0; $i--) {
        $found += isset($words[(string) $i]) ? 1 : 0;
    }
    return $found;
}

function matrix(int $n): float
{
    $make = function (int $n): array {
        $rows = [];
        for ($i = 0; $i < $n; $i++) {
            for ($j = 0; $j < $n; $j++) {
                $rows[$i][$j] = $i + $j / 7;
            }
        }
        return $rows;
    };
    [$a, $b, $sum] = [$make($n), $make($n), 0.0];
    for ($i = 0; $i < $n; $i++) {
        for ($j = 0; $j < $n; $j++) {
            $x = 0.0;
            for ($k = 0; $k < $n; $k++) {
                $x += $a[$i][$k] * $b[$k][$j];
            }
            $sum += $x;
        }
    }
    return $sum;
}

function strings(int $n): int
{
    $text = '';
    for ($i = 0; $i < $n; $i++) {
        $text .= 'line ' . $i . ': ' . strrev((string) ($i * 37)) . "\n";
    }
    return count(array_unique(array_map(fn ($line) => substr($line, -4), explode("\n", $text))));
}

final class Point
{
    public function __construct(public int $x, public int $y)
    {
    }

    public function plus(Point $other): Point
    {
        return new Point($this->x + $other->x, $this->y ^ $other->y);
    }
}

function objects(int $n): int
{
    $at = new Point(0, 0);
    for ($i = 0; $i < $n; $i++) {
        $at = $at->plus(new Point($i & 7, $i));
    }
    return $at->x;
}

function sorting(int $n): int
{
    $seed = 1;
    $numbers = [];
    for ($i = 0; $i < $n; $i++) {
        $numbers[] = $seed = $seed * 1103515245 + 12345 & 0x7fffffff;
    }
    usort($numbers, fn ($a, $b) => $a <=> $b);
    return $numbers[$n >> 1];
}

echo calls(27), ' ', mandelbrot(90), ' ', sieve(300000), ' ', hashes(150000), ' ', round(matrix(70)), ' ', strings(60000), ' ',
    objects(600000), ' ', sorting(40000), "\n";
