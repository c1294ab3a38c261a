<?php
// A page with a layout, a loop and filters, rendered by twig as Debian packages it; its cache of compiled templates is off, as the
// first request of a worker has it, then a thousand pages of the compiled ones.
require '/usr/share/php/Twig/autoload.php';

$loader = new \Twig\Loader\ArrayLoader([
    'layout' => '<html><head><title>{% block title %}shop{% endblock %}</title></head><body>{% block body %}{% endblock %}</body></html>',
    'row' => '<li class="{{ loop_class }}"><a href="/item/{{ item.id }}">{{ item.name|title }}</a> {{ item.price|number_format(2) }} ' .
        '{% if item.tags %}({{ item.tags|join(", ") }}){% endif %}</li>',
    'page' => '{% extends "layout" %}{% block title %}{{ parent() }} - {{ title|upper }}{% endblock %}{% block body %}<ul>' .
        '{% for item in items %}{% include "row" with {loop_class: cycle(["odd", "even"], loop.index0)} %}{% else %}<li>none</li>{% endfor %}' .
        '</ul>{{ items|length }} of {{ total }}{% endblock %}',
]);
$twig = new \Twig\Environment($loader, ['autoescape' => 'html', 'strict_variables' => true]);
$items = [];
for ($i = 0; $i < 40; $i++) {
    $items[] = ['id' => $i, 'name' => "thing number $i & co", 'price' => $i * 1.37, 'tags' => $i % 3 ? ['a', "b$i"] : []];
}
$bytes = 0;
for ($i = 0; $i < 1500; $i++) {
    $bytes += strlen($twig->render('page', ['title' => "page $i", 'items' => $items, 'total' => 4000]));
}
echo $bytes, "\n";
