<?php
// Documents are read, changed, grouped, sorted and written: nothing but arrays and strings comes and goes.
$rows = [];
for ($i = 0; $i < 6000; $i++) {
    $rows[] = ['id' => $i, 'name' => "row $i", 'tags' => ["t" . $i % 7, "u" . $i % 11], 'inner' => ['a' => $i, 'b' => [$i, $i + 1]]];
}
$text = json_encode($rows);
$sum = 0;
for ($round = 0; $round < 6; $round++) {
    $groups = [];
    foreach (json_decode($text, true) as $row) {
        $row['tags'][] = strtoupper($row['name']);
        $groups[$row['tags'][0]][] = $row + ['round' => $round];
    }
    ksort($groups);
    $flat = array_merge(...array_values(array_map(fn ($group) => array_column($group, 'inner', 'name'), $groups)));
    $sum += strlen(json_encode($groups)) + count($flat) + count(unserialize(serialize($groups)));
}
echo $sum, "\n";
