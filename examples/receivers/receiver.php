<?php // WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:9000 receiver.php
$body = file_get_contents('php://input');
$signature = hash_hmac('sha256', $body, getenv('WEBHOOK_SECRET'));
if (!hash_equals($signature, $_SERVER['HTTP_VOMO_SIGNATURE'] ?? '')) {
    http_response_code(401);
    exit;
}
$event = json_decode($body, true);
error_log("{$event['type']} for organization {$event['organization_id']}");
http_response_code(204);
