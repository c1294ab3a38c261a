<?php
// Objects that code outside of PHP's own makes and ends by the engine's functions, here by FFI.        rules: php
//
//   refgraph run --rules php --php-request=1 -- php -d ffi.enable=1 php.php missing    refgraph balance: 4 objects that nobody ended
$engine = FFI::cdef('extern void *zend_standard_class_def; void *zend_objects_new(void *class); void zend_objects_store_del(void *object);');
$bug = $argv[1] ?? 'correct';
for ($i = 0; $i < 40; $i++) {
	$object = $engine->zend_objects_new($engine->zend_standard_class_def);
	if ($bug != 'missing' || $i % 10 != 7)
		$engine->zend_objects_store_del($object);
	if ($bug == 'surplus' && $i == 39)
		$engine->zend_objects_store_del($object);
}
