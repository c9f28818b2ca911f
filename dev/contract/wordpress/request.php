<?php
// One page load of a network with the bridge: reads from standard input what happens in it, prints what came of it.
//
// SCRIPT: plugin (its file), database (a file), constants, event_types, blocks, steps. A step is a list of a word and
// what belongs to it: `event` slug payload · `save` model fields is_new · `log` slug payload · `cron` · `later` seconds.

declare(strict_types=1);

define('SCRIPT', json_decode(file_get_contents('php://stdin'), true, 1024, JSON_THROW_ON_ERROR));

require __DIR__ . '/wordpress.php';
require __DIR__ . '/network.php';

use WP_Ultimo\Managers\Event_Manager;
use WP_Ultimo\Managers\Webhook_Manager;

ini_set('error_log', SCRIPT['database'] . '.log');
open_database(SCRIPT['database']);
foreach (SCRIPT['constants'] as $name => $value) {
    define($name, $value);
}
$originalSender = Webhook_Manager::get_instance();
add_action('init', [$originalSender, 'register_webhook_listeners']);
if (SCRIPT['original_announces_models'] ?? false) {
    foreach (['customer', 'membership', 'payment'] as $model) {
        add_action("wu_{$model}_post_save", [Event_Manager::get_instance(), 'dispatch_base_model_event'], 10, 3);
    }
}
require SCRIPT['plugin'];
do_action('init');
foreach (SCRIPT['steps'] as $step) {
    take($step);
}
$beforeShutdown = Hooks::$bridgeSeconds;
do_action('shutdown');
$seconds = Hooks::$bridgeSeconds;
ob_start();
do_action('network_admin_notices');
echo json_encode([
    'sentByOriginal' => $originalSender->sent,
    'seconds' => $seconds,
    'secondsBeforeShutdown' => $beforeShutdown,
    'notices' => ob_get_clean(),
    'timesScheduled' => (int) get_site_option('scheduled semnal_bridge_post'),
], JSON_THROW_ON_ERROR);

function take(array $step): void
{
    global $wpdb;
    switch ($step[0]) {
        case 'event':
            wu_do_event($step[1], $step[2]);
            break;
        case 'save':
            $model = new $step[1]($step[2]);
            // The original hands over the row without what is no column.
            do_action("wu_{$step[1]}_post_save", array_diff_key($step[2], ['before' => 0]), $model, $step[3]);
            break;
        case 'log':
            $row = new event(['id' => 1, 'slug' => $step[1], 'payload' => $step[2]]);
            do_action('wu_event_post_save', [], $row, true);
            break;
        case 'cron':
            do_action('semnal_bridge_post');
            break;
        case 'later':
            $wpdb->query($wpdb->prepare("UPDATE wp_semnal_state SET value = value - %d WHERE name IN ('retry_at', 'lease_until')", $step[1]));
            $wpdb->query($wpdb->prepare('UPDATE wp_semnal_events SET created_at = created_at - %d', $step[1]));
            break;
        default:
            throw new RuntimeException("there is no step $step[0]");
    }
}
