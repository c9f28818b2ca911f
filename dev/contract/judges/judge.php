<?php
// See judge.py.

declare(strict_types=1);

require getenv('EXAMPLE') . '/verify.php';

foreach (explode("\n", rtrim(stream_get_contents(STDIN), "\n")) as $line) {
    [$secret, $now, $id, $timestamp, $signature, $body] = explode("\t", $line);
    $headers = [
        'webhook-id' => base64_decode($id, true),
        'webhook-timestamp' => base64_decode($timestamp, true),
        'webhook-signature' => base64_decode($signature, true),
    ];
    try {
        verify_webhook($secret, $headers, base64_decode($body, true), (int) $now);
        echo "accept\n";
    } catch (RuntimeException $why) {
        echo 'refuse: ', $why->getMessage(), "\n";
    }
}
