<?php

declare(strict_types=1);

use App\Deployment;

require __DIR__ . '/../vendor/autoload.php';

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

if ($path === '/health') {
    header('Content-Type: application/json');
    echo json_encode(['status' => 'ok']);
} elseif ($path === '/') {
    $deployment = new Deployment();
    require __DIR__ . '/../templates/home.php';
} else {
    http_response_code(404);
    header('Content-Type: text/plain; charset=utf-8');
    echo "There is no such page.\n";
}
