<?php
// Puts the name and e-mail of each new customer on a mailing list, a file of JSON lines:
// WEBHOOK_SECRET=whsec_… MAILING_LIST=list.jsonl php -S 127.0.0.1:9000 mailing-list.php

declare(strict_types=1);

require __DIR__ . '/../../verify/php/verify.php';

/** Whoever is on the list already stays there once, so a message that arrives twice does no harm. */
function subscribe(string $email, string $name): string
{
    $file = fopen(getenv('MAILING_LIST') ?: 'list.jsonl', 'a+');
    flock($file, LOCK_EX);
    while (($line = fgets($file)) !== false) {
        if (json_decode($line)->email === $email) {
            return 'already on the list';
        }
    }
    fwrite($file, json_encode(['email' => $email, 'name' => $name], JSON_UNESCAPED_UNICODE) . "\n");
    return 'added';
}

function answer(int $status, string $text): void
{
    http_response_code($status);
    header('content-type: text/plain');
    echo $text;
}

$body = file_get_contents('php://input');
$headers = array_change_key_case(getallheaders(), CASE_LOWER);
try {
    verify_webhook((string) getenv('WEBHOOK_SECRET'), $headers, $body, time());
} catch (RuntimeException $why) {
    answer(400, $why->getMessage());
    return;
}
if (($headers['webhook-event'] ?? '') !== 'customer_created') {
    answer(200, 'not for me');
    return;
}
$customer = json_decode($body);
answer(200, subscribe($customer->customer_user_email, $customer->customer_name));
