<?php
// Verifies webhooks signed after Standard Webhooks, schemes v1 and v1a, with what PHP 8 brings along.

declare(strict_types=1);

const TOLERANCE_SECONDS = 300;

/**
 * Returns the id of the message, or throws. $secret is the endpoint's `whsec_…`, or its public key `whpk_…`. $headers
 * has lower-case names. $body is what arrived, byte for byte. $now is in seconds since 1970.
 */
function verify_webhook(string $secret, array $headers, string $body, int $now): string
{
    $header = fn (string $part): string => $headers["webhook-$part"] ?? $headers["svix-$part"] ?? '';
    [$id, $timestamp, $signatures] = [$header('id'), $header('timestamp'), $header('signature')];
    if ($id === '' || !preg_match('/\A[0-9]{1,12}\z/', $timestamp)) {
        throw new RuntimeException('the id or the timestamp is missing or malformed');
    }
    if (abs($now - (int) $timestamp) > TOLERANCE_SECONDS) {
        throw new RuntimeException('the timestamp is more than 5 minutes off');
    }
    $matches = signature_matcher($secret, "$id.$timestamp.$body");
    // While a secret is being rotated there are several signatures; one that matches is enough.
    foreach (explode(' ', $signatures) as $signature) {
        if ($matches($signature)) {
            return $id;
        }
    }
    throw new RuntimeException('no signature matches');
}

function signature_matcher(string $secret, string $signed): callable
{
    [$kind, $encoded] = explode('_', $secret, 2) + ['', ''];
    $key = base64_decode($encoded, true);
    if ($kind === 'whsec' && $key !== false) {
        $expected = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $key, true));
        return fn (string $given): bool => hash_equals($expected, $given);
    }
    if ($kind === 'whpk' && $key !== false) {
        return function (string $given) use ($signed, $key): bool {
            $bytes = str_starts_with($given, 'v1a,') ? base64_decode(substr($given, 4), true) : false;
            return is_string($bytes) && strlen($bytes) === SODIUM_CRYPTO_SIGN_BYTES
                && sodium_crypto_sign_verify_detached($bytes, $signed, $key);
        };
    }
    throw new RuntimeException('this needs a secret that begins with whsec_, or a public key that begins with whpk_');
}
