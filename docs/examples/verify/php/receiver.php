<?php
// A webhook receiver: WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:9000 receiver.php

declare(strict_types=1);

require __DIR__ . '/verify.php';

/** Your work. Do it in the background when it takes more than a few seconds: the sender waits for the answer. */
function handle(string $id, string $event_type, mixed $payload): void
{
    error_log("verified $id $event_type " . json_encode($payload));
}

/**
 * A message can arrive twice. Remember its id when the work is done, best in the same transaction, for as long as
 * retries last. Files in a directory for temporary ones are for this example only.
 */
function seen_file(string $id): string
{
    $directory = getenv('SEEN_DIRECTORY') ?: sys_get_temp_dir() . '/webhooks-seen';
    is_dir($directory) || mkdir($directory, 0700, true);
    return $directory . '/' . hash('sha256', $id);
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
    $id = verify_webhook((string) getenv('WEBHOOK_SECRET'), $headers, $body, time());
} catch (RuntimeException $why) {
    answer(400, $why->getMessage());
    return;
}
if (file_exists(seen_file($id))) {
    error_log("repeated $id");
    answer(200, 'repeated');
    return;
}
handle($id, $headers['webhook-event'] ?? '', json_decode($body));
touch(seen_file($id));
answer(200, 'verified');
