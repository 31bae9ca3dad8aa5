<?php
// Judges requests as a receiver in PHP would: hash_hmac and nothing else. `vomo-signature` as VOMO's documentation
// says; the Standard Webhooks signature by hand, as that specification says.
// One request per line on stdin, {"secret", "headers": {name: value}, "body_base64"}; one line out: `ok` or `bad: why`.

function judge(string $secret, array $headers, string $body): string
{
    $vomo = hash_hmac('sha256', $body, $secret);
    if (!hash_equals($vomo, $headers['vomo-signature'] ?? '')) {
        return 'bad: vomo-signature';
    }
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6), true) : $secret;
    $signed = ($headers['webhook-id'] ?? '') . '.' . ($headers['webhook-timestamp'] ?? '') . '.' . $body;
    $standard = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $key, true));
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $given) {
        if (hash_equals($standard, $given)) {
            return 'ok';
        }
    }
    return 'bad: webhook-signature';
}

while (($line = fgets(STDIN)) !== false) {
    $request = json_decode($line, true, 16, JSON_THROW_ON_ERROR);
    $headers = array_change_key_case($request['headers'], CASE_LOWER);
    echo judge($request['secret'], $headers, base64_decode($request['body_base64'], true)), "\n";
}
