<?php
// For php -S: sessions by the handler that session.save_handler names, or with PREDIS_URL by that of Predis.
// Looking around makes no session: one is started for those who log in, or who come with a cookie.
$seconds = $_GET['seconds'] ?? 600;
$page = trim(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), '/');

ini_set('session.gc_maxlifetime', $seconds);
if (getenv('PREDIS_URL')) {
    require 'Predis/autoload.php';
    $client = new Predis\Client(getenv('PREDIS_URL'), ['prefix' => getenv('NAME') . ':']);
    (new Predis\Session\Handler($client, ['gc_maxlifetime' => $seconds]))->register();
}

if ($page === 'login' || isset($_COOKIE[session_name()])) {
    session_start();
}
if ($page === 'login') {
    session_regenerate_id(true);
    $_SESSION = ['user' => $_GET['user'], 'visits' => 0];
} elseif ($page === 'visit') {
    $visits = $_SESSION['visits'];
    usleep(20000);  // time for another request to come in between
    $_SESSION['visits'] = $visits + 1;
} elseif ($page === 'rotate') {
    session_regenerate_id(true);
} elseif ($page === 'logout') {
    $_SESSION = [];
}

$answer = ['user' => $_SESSION['user'] ?? null, 'visits' => $_SESSION['visits'] ?? 0];
if (session_status() === PHP_SESSION_ACTIVE) {
    $answer['user'] === null ? session_destroy() : session_write_close();
}
header('Content-Type: application/json');
echo json_encode($answer);
