<?php
/**
 * Plugin Name: Semnal bridge for Ultimate Multisite
 * Description: Hands every event of the network to Semnal, which signs, delivers and retries it.
 * Version: 1.0.0
 * Requires PHP: 7.4
 * License: MIT OR Apache-2.0
 *
 * A must-use plugin in one file: put it into wp-content/mu-plugins. README.md says how it is set up and what it does.
 *
 * An event is written to a table of the network's database when it happens. When the page is done, what the table
 * holds is posted to Semnal, oldest first, for one second at most; WP-Cron posts the rest. A row goes when Semnal has
 * answered that the event is on its disk. A row keeps its event id, so that Semnal knows a repeat.
 */

defined( 'ABSPATH' ) || exit;

/** Catches events, keeps them until Semnal has them, and posts them. */
final class Semnal_Bridge {

	/** How long all posts of one page load may take together, in seconds. */
	const PAGE_SECONDS_MAX = 1.0;
	/** How long one run of cron posts, in seconds. */
	const CRON_SECONDS_MAX = 20.0;
	/** No post is started with less time than this left, in seconds. */
	const POST_SECONDS_MIN = 0.1;
	/** A post that had less time than this and ran out of it says nothing about the server, in seconds. */
	const FAIR_SECONDS = 0.5;
	/** Who posts does so alone for this long; must be longer than CRON_SECONDS_MAX. In seconds. */
	const LEASE_SECONDS = 60;
	/** The longest wait between two tries when Semnal cannot be reached, in seconds. */
	const BACK_OFF_SECONDS_MAX = 300;
	/** How many events wait at most. More are left to the original's own sender. */
	const ROWS_MAX = 100000;
	/** How long an event that Semnal refuses for good is kept for a person to look at, in seconds. */
	const REFUSED_SECONDS = 2592000;
	/** How many rows are read from the table at once. */
	const ROWS_PER_READ = 50;
	/** The name of our hook in WP-Cron. */
	const CRON_HOOK = 'semnal_bridge_post';
	/** Rises when the tables change. */
	const TABLES_VERSION = '1';

	/** Changes of these fields alone make no event: every login and heartbeat makes them. */
	const NOISE = array( 'last_login', 'ips', 'date_modified' );

	/** Names that never leave the network, wherever they stand in a payload. */
	const PRIVATE_NAMES = '/pass(word|wd)?$|user_pass|activation_key|session_tokens|secret|_hash$/i';

	/** Events for which the original only writes a row in its log: the models they are about, and their own keys. */
	const LOGGED_EVENTS = array(
		'checkout_started'          => array( array(), array( 'form_slug', 'user_id', 'ip_address', 'referrer' ) ),
		'checkout_step_completed'   => array( array( 'membership', 'customer' ), array( 'cart_type', 'is_free' ) ),
		'checkout_completed'        => array(
			array( 'payment', 'membership', 'customer' ),
			array( 'cart_type', 'gateway', 'is_free' ),
		),
		'checkout_failed'           => array( array(), array( 'error_codes', 'error_messages', 'user_id' ) ),
		'subsite_post_created'      => array(
			array( 'site', 'membership' ),
			array( 'post_id', 'post_title', 'post_type', 'post_status', 'post_author_id' ),
		),
		'subsite_cpt_created'       => array(
			array( 'site', 'membership' ),
			array( 'post_id', 'post_title', 'post_type', 'post_status', 'post_author_id' ),
		),
		'subsite_user_registered'   => array(
			array( 'site', 'membership' ),
			array( 'new_user_id', 'new_user_login', 'new_user_email', 'new_user_role' ),
		),
		'subsite_woocommerce_order' => array(
			array( 'site', 'membership' ),
			array( 'order_id', 'order_total', 'order_status', 'order_items' ),
		),
	);

	/** How many events of each slug `wu_event` has announced in this request and the log has not yet shown. */
	private $announced = array();

	/** Events "… updated" of this request by a hash of what they say. */
	private $updates = array();

	/** Whether this request has written an event to the table. */
	private $has_stored = false;

	/** The connection to Semnal, kept open for all posts of a request. */
	private $curl = null;

	/** Hooks what there is to hook; without its settings, or without curl, only a notice. */
	public static function start() {
		$bridge = new self();
		add_action( 'network_admin_notices', array( $bridge, 'show_notice' ) );
		if ( self::what_is_missing() ) {
			return;
		}
		add_action( 'init', array( $bridge, 'prepare' ) );
		add_action( 'wu_event', array( $bridge, 'on_event' ), 10, 2 );
		foreach ( array( 'customer', 'membership', 'payment' ) as $model ) {
			// Later than the original's own listener, which is asked for.
			add_action( "wu_{$model}_post_save", array( $bridge, 'on_model_saved' ), 20, 3 );
		}
		add_action( 'wu_event_post_save', array( $bridge, 'on_log_written' ), 10, 3 );
		add_action( 'shutdown', array( $bridge, 'on_page_done' ), PHP_INT_MAX );
		add_filter( 'cron_schedules', array( $bridge, 'add_schedule' ) );
		add_action( self::CRON_HOOK, array( $bridge, 'on_cron' ) );
	}

	/** Returns why the bridge cannot work, in words for a person, or an empty string. */
	private static function what_is_missing() {
		if ( ! defined( 'SEMNAL_URL' ) || ! defined( 'SEMNAL_API_KEY' ) ) {
			return 'define SEMNAL_URL and SEMNAL_API_KEY in wp-config.php';
		}
		if ( ! preg_match( '#\Ahttps?://#', SEMNAL_URL ) ) {
			return 'SEMNAL_URL in wp-config.php must begin with https:// or http://';
		}
		if ( ! function_exists( 'curl_init' ) ) {
			return 'PHP has no curl extension here (Debian: apt install php-curl)';
		}
		return '';
	}

	// ---- catching -----------------------------------------------------------------------------------------------

	/** Takes an event that the original announces, and keeps its own sender from sending it too. */
	public function on_event( $slug, $payload ) {
		$this->announced[ $slug ] = ( $this->announced[ $slug ] ?? 0 ) + 1;
		$this->catch_event( $slug, $payload );
	}

	/** Makes "created" and "updated" events of customers, memberships and payments, unless the original does. */
	public function on_model_saved( $data, $model, $is_new = false ) {
		$name = (string) ( $model->model ?? '' );
		if ( $this->original_announces( $name ) || ( ! $is_new && self::is_noise( (array) $data, $model ) ) ) {
			return;
		}
		try {
			$payload = self::model_payload( $name, $model );
		} catch ( Throwable $error ) {
			self::complain( "the {$name} that was saved could not be read: " . $error->getMessage() );
			return;
		}
		$slug = $name . ( $is_new ? '_created' : '_updated' );
		// A page may save the same thing several times.
		$content = md5( $slug . wp_json_encode( $payload ) );
		if ( ! $is_new && isset( $this->updates[ $content ] ) ) {
			return;
		}
		$this->updates[ $content ] = true;
		$this->catch_event( $slug, $payload );
	}

	/** Makes an event of a row in the original's log, of those that are nothing but a row there. */
	public function on_log_written( $data, $row, $is_new = true ) {
		$slug = is_object( $row ) && method_exists( $row, 'get_slug' ) ? $row->get_slug() : '';
		if ( ! $is_new || ! isset( self::LOGGED_EVENTS[ $slug ] ) ) {
			return;
		}
		if ( ! empty( $this->announced[ $slug ] ) ) {
			// A version of the original that announces it: the row is only its record.
			--$this->announced[ $slug ];
			return;
		}
		$this->catch_event( $slug, (array) $row->get_payload() );
	}

	/** Whether the original's own listener for saved models is at work, so that `wu_event` will tell. */
	private function original_announces( $model ) {
		$manager = '\WP_Ultimo\Managers\Event_Manager';
		return class_exists( $manager )
			&& has_action( "wu_{$model}_post_save", array( $manager::get_instance(), 'dispatch_base_model_event' ) );
	}

	/** Whether nothing was changed but what changes all the time. */
	private static function is_noise( array $data, $model ) {
		if ( ! method_exists( $model, '_get_original' ) ) {
			return false;
		}
		$original = (array) $model->_get_original();
		$changed  = array();
		foreach ( $data as $field => $value ) {
			if ( self::as_stored( $original[ $field ] ?? null ) !== self::as_stored( $value ) ) {
				$changed[] = $field;
			}
		}
		// Without any difference it is something that is kept elsewhere, such as a billing address.
		return $changed && ! array_diff( $changed, self::NOISE );
	}

	/** Returns a value as a database column shows it, where null is nothing and no is 0. */
	private static function as_stored( $value ) {
		if ( is_bool( $value ) ) {
			return $value ? '1' : '0';
		}
		return null === $value || is_scalar( $value ) ? (string) $value : serialize( $value );
	}

	/** Writes one event to the table. Nothing that goes wrong here may reach the page. */
	private function catch_event( $slug, $payload ) {
		try {
			$payload = self::flat_payload( $slug, (array) $payload );
			$stored  = $this->store( $slug, $payload );
		} catch ( Throwable $error ) {
			self::complain( "the event {$slug} was not stored: " . $error->getMessage() );
			$stored = false;
		}
		$this->has_stored = $this->has_stored || $stored;
		self::switch_original_sender( $slug, ! $stored );
	}

	/** Unhooks the original's sender for an event that we have, and hooks it again for one that we could not take. */
	private static function switch_original_sender( $slug, $on ) {
		$manager = '\WP_Ultimo\Managers\Webhook_Manager';
		if ( ( defined( 'SEMNAL_KEEP_ORIGINAL_SENDER' ) && SEMNAL_KEEP_ORIGINAL_SENDER ) || ! class_exists( $manager ) ) {
			return;
		}
		$sender = array( $manager::get_instance(), 'send_webhooks' );
		remove_action( "wu_event_{$slug}", $sender );
		if ( $on ) {
			add_action( "wu_event_{$slug}", $sender );
		}
	}

	// ---- payloads -----------------------------------------------------------------------------------------------

	/** Returns the documented flat keys of an event: no models, no made-up people, nothing private. */
	private static function flat_payload( $slug, array $payload ) {
		if ( isset( self::LOGGED_EVENTS[ $slug ] ) ) {
			list( $models, $keys ) = self::LOGGED_EVENTS[ $slug ];
			$flat                  = array();
			foreach ( $models as $model ) {
				$flat = array_merge( $flat, self::block_of( $model, $payload ) );
			}
			$payload = array_merge( $flat, array_intersect_key( $payload, array_flip( $keys ) ) );
		} else {
			foreach ( array( 'site', 'membership', 'customer', 'payment' ) as $model ) {
				if ( isset( $payload[ $model ] ) && ! is_scalar( $payload[ $model ] ) ) {
					// demo_site_expiring carries whole models where its description promises flat keys.
					$whole = (array) $payload[ $model ];
					$id    = $whole['id'] ?? ( $whole['blog_id'] ?? 0 );
					if ( $id ) {
						$payload = array_merge( self::block_of( $model, array( "{$model}_id" => $id ) ), $payload );
						unset( $payload[ $model ] );
					}
				}
			}
		}
		foreach ( array( 'payment', 'membership', 'customer' ) as $model ) {
			// A missing customer or membership is filled with an invented one, whose id is 0.
			if ( array_key_exists( "{$model}_id", $payload ) && ! $payload[ "{$model}_id" ] ) {
				$payload = array_filter(
					$payload,
					function ( $key ) use ( $model ) {
						return 0 !== strpos( (string) $key, "{$model}_" );
					},
					ARRAY_FILTER_USE_KEY
				);
			}
		}
		if ( ! isset( $payload['wu_version'] ) && function_exists( 'wu_get_version' ) ) {
			$payload['wu_version'] = wu_get_version();
		}
		return self::without_private( $payload );
	}

	/** Returns the keys of the model whose id is in the payload, or those of this model that are there already. */
	private static function block_of( $model, array $payload ) {
		$get   = "wu_get_{$model}";
		$id    = $payload[ "{$model}_id" ] ?? 0;
		$found = $id && function_exists( $get ) ? $get( $id ) : false;
		if ( $found ) {
			return wu_generate_event_payload( $model, $found );
		}
		return array_filter(
			$payload,
			function ( $key ) use ( $model ) {
				return 0 === strpos( (string) $key, "{$model}_" );
			},
			ARRAY_FILTER_USE_KEY
		);
	}

	/** Returns the keys of a saved model, of its membership and customer when it has them, and its billing address. */
	private static function model_payload( $name, $model ) {
		$payload    = wu_generate_event_payload( $name, $model );
		$membership = method_exists( $model, 'get_membership' ) ? $model->get_membership() : null;
		$customer   = method_exists( $model, 'get_customer' ) ? $model->get_customer() : null;
		if ( $membership ) {
			$payload = array_merge( $payload, wu_generate_event_payload( 'membership', $membership ) );
		}
		if ( $customer ) {
			$payload = array_merge( $payload, wu_generate_event_payload( 'customer', $customer ) );
		}
		$billed  = method_exists( $model, 'get_billing_address' ) ? $model : $membership;
		$address = $billed ? $billed->get_billing_address() : null;
		return $address ? array_merge( $payload, array_filter( (array) $address->to_array(), 'is_scalar' ) ) : $payload;
	}

	/** Leaves out objects and names that are private, at every depth. */
	private static function without_private( array $values ) {
		$kept = array();
		foreach ( $values as $key => $value ) {
			if ( is_object( $value ) || is_resource( $value ) || preg_match( self::PRIVATE_NAMES, (string) $key ) ) {
				continue;
			}
			$kept[ $key ] = is_array( $value ) ? self::without_private( $value ) : $value;
		}
		return $kept;
	}

	// ---- the table ----------------------------------------------------------------------------------------------

	/** Makes the tables once, and sees to it that cron comes by every minute. */
	public function prepare() {
		global $wpdb;
		if ( self::TABLES_VERSION !== get_site_option( 'semnal_bridge_tables' ) ) {
			$charset = $wpdb->get_charset_collate();
			$wpdb->query(
				'CREATE TABLE IF NOT EXISTS ' . self::spool() . " (
					id bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
					event_id varchar(64) NOT NULL,
					slug varchar(191) NOT NULL,
					payload longtext NOT NULL,
					created_at bigint(20) NOT NULL,
					refused varchar(255) NOT NULL DEFAULT ''
				) {$charset}"
			);
			$wpdb->query(
				'CREATE TABLE IF NOT EXISTS ' . self::state() . " (
					name varchar(32) NOT NULL PRIMARY KEY,
					value bigint(20) NOT NULL,
					note varchar(255) NOT NULL DEFAULT ''
				) {$charset}"
			);
			foreach ( array( 'lease_until', 'retry_at', 'failures', 'lost' ) as $name ) {
				$sql = 'INSERT IGNORE INTO ' . self::state() . ' (name, value) VALUES (%s, 0)';
				$wpdb->query( $wpdb->prepare( $sql, $name ) );
			}
			update_site_option( 'semnal_bridge_tables', self::TABLES_VERSION );
		}
		if ( is_main_site() && ! wp_next_scheduled( self::CRON_HOOK ) ) {
			wp_schedule_event( time(), 'semnal_bridge_minute', self::CRON_HOOK );
		}
	}

	/** Adds our minute to WordPress's intervals. */
	public function add_schedule( $schedules ) {
		$schedules['semnal_bridge_minute'] = array(
			'interval' => 60,
			'display'  => 'Every minute (Semnal)',
		);
		return $schedules;
	}

	/** Stores an event under a new id. Returns whether it is stored. */
	private function store( $slug, array $payload ) {
		global $wpdb;
		$text = wp_json_encode( (object) $payload );
		if ( false === $text ) {
			$text = wp_json_encode( (object) $payload, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE );
		}
		// From the first that waits to the last one, which costs little however many there are. Those before it were refused.
		$first = '(SELECT id FROM ' . self::spool() . " WHERE refused = '' ORDER BY id LIMIT 1)";
		$rows  = (int) $wpdb->get_var( "SELECT COALESCE(MAX(id) - {$first} + 1, 0) FROM " . self::spool() );
		if ( $rows < self::rows_max() ) {
			$row = array(
				'event_id'   => 'wp-' . wp_generate_uuid4(),
				'slug'       => $slug,
				'payload'    => $text,
				'created_at' => time(),
			);
			if ( $wpdb->insert( self::spool(), $row ) ) {
				return true;
			}
		}
		$wpdb->query( 'UPDATE ' . self::state() . " SET value = value + 1 WHERE name = 'lost'" );
		self::complain( "the event {$slug} could not be stored" );
		return false;
	}

	private static function rows_max() {
		return defined( 'SEMNAL_ROWS_MAX' ) ? (int) SEMNAL_ROWS_MAX : self::ROWS_MAX;
	}

	private static function spool() {
		global $wpdb;
		return $wpdb->base_prefix . 'semnal_events';
	}

	private static function state() {
		global $wpdb;
		return $wpdb->base_prefix . 'semnal_state';
	}

	private static function value_of( $name ) {
		global $wpdb;
		return (int) $wpdb->get_var( $wpdb->prepare( 'SELECT value FROM ' . self::state() . ' WHERE name = %s', $name ) );
	}

	private static function set_value( $name, $value, $note = '' ) {
		global $wpdb;
		$row = array(
			'value' => $value,
			'note'  => substr( $note, 0, 255 ),
		);
		$wpdb->update( self::state(), $row, array( 'name' => $name ) );
	}

	// ---- posting ------------------------------------------------------------------------------------------------

	/** Posts what this request stored, after the visitor has the page wherever PHP can do that. */
	public function on_page_done() {
		if ( ! $this->has_stored ) {
			return;
		}
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			fastcgi_finish_request();
		} elseif ( function_exists( 'litespeed_finish_request' ) ) {
			litespeed_finish_request();
		}
		$this->post_waiting( self::PAGE_SECONDS_MAX );
	}

	/** Posts what is left over, and forgets refused events in time. */
	public function on_cron() {
		global $wpdb;
		$this->post_waiting( self::CRON_SECONDS_MAX );
		$sql = 'DELETE FROM ' . self::spool() . " WHERE refused <> '' AND created_at < %d";
		$wpdb->query( $wpdb->prepare( $sql, time() - self::REFUSED_SECONDS ) );
	}

	/** Posts waiting events in their order for so many seconds, unless another request does or Semnal needs time. */
	private function post_waiting( $seconds ) {
		$give_up_at = microtime( true ) + $seconds;
		if ( self::value_of( 'retry_at' ) > time() ) {
			return;
		}
		$lease = $this->take_lease();
		if ( ! $lease ) {
			return;
		}
		try {
			while ( $this->post_some( $give_up_at ) ) {
				continue;
			}
		} catch ( Throwable $error ) {
			self::complain( 'posting stopped: ' . $error->getMessage() );
		}
		$this->give_back( $lease );
	}

	/** Becomes the only one that posts. Returns what to give back, or 0 when another request posts. */
	private function take_lease() {
		global $wpdb;
		$now = time();
		$sql = 'UPDATE ' . self::state() . " SET value = %d WHERE name = 'lease_until' AND value <= %d";
		$won = $wpdb->query( $wpdb->prepare( $sql, $now + self::LEASE_SECONDS, $now ) );
		return $won ? $now + self::LEASE_SECONDS : 0;
	}

	private function give_back( $lease ) {
		global $wpdb;
		$sql = 'UPDATE ' . self::state() . " SET value = 0 WHERE name = 'lease_until' AND value = %d";
		$wpdb->query( $wpdb->prepare( $sql, $lease ) );
	}

	/** Posts one reading of the table. Returns whether there may be more to do. */
	private function post_some( $give_up_at ) {
		global $wpdb;
		$sql  = 'SELECT id, event_id, slug, payload FROM ' . self::spool() . " WHERE refused = '' ORDER BY id LIMIT %d";
		$rows = $wpdb->get_results( $wpdb->prepare( $sql, self::ROWS_PER_READ ), ARRAY_A );
		foreach ( $rows as $row ) {
			$seconds = $give_up_at - microtime( true );
			if ( $seconds < self::POST_SECONDS_MIN || ! $this->post_row( $row, $seconds ) ) {
				return false;
			}
		}
		return count( $rows ) > 0;
	}

	/** Posts one event and notes what came of it. Returns whether the next one should be posted. */
	private function post_row( array $row, $seconds ) {
		global $wpdb;
		list( $status, $answer ) = $this->post( $row, $seconds );
		// 409: it was there already; the answer to an earlier post was lost on its way.
		if ( ( $status >= 200 && $status < 300 ) || 409 === $status ) {
			$wpdb->delete( self::spool(), array( 'id' => $row['id'] ) );
			if ( self::value_of( 'failures' ) ) {
				self::set_value( 'failures', 0 );
			}
			return true;
		}
		// These say that this event can never be accepted; the others say something about the server or the settings.
		if ( self::is_refusal( $status, $answer ) ) {
			$refused = array( 'refused' => substr( "{$status} {$answer}", 0, 255 ) );
			$wpdb->update( self::spool(), $refused, array( 'id' => $row['id'] ) );
			self::complain( "Semnal refuses the event {$row['event_id']}: {$status} {$answer}" );
			return true;
		}
		if ( 0 === $status && CURLE_OPERATION_TIMEDOUT === curl_errno( $this->curl ) && $seconds < self::FAIR_SECONDS ) {
			return false;
		}
		$failures = self::value_of( 'failures' ) + 1;
		self::set_value( 'failures', $failures, $status ? "{$status} {$answer}" : $answer );
		self::set_value( 'retry_at', time() + min( self::BACK_OFF_SECONDS_MAX, 2 ** min( $failures, 10 ) ) );
		return false;
	}

	/** Whether Semnal itself refuses an event for good. A proxy that answers so says something about the settings. */
	private static function is_refusal( $status, $answer ) {
		$said = json_decode( $answer, true );
		if ( 422 === $status ) {
			return is_array( $said ) && is_array( $said['detail'] ?? null );
		}
		return is_array( $said ) && in_array( $said['code'] ?? '', array( 'invalid_json', 'body_too_large' ), true );
	}

	/** Makes one request. Returns the status, 0 without an answer, and the body or what went wrong. */
	private function post( array $row, $seconds ) {
		$application = defined( 'SEMNAL_APP' ) ? SEMNAL_APP : 'default';
		$body        = '{"eventType":' . wp_json_encode( $row['slug'] ) . ',"eventId":' . wp_json_encode( $row['event_id'] )
			. ',"payload":' . $row['payload'] . '}';
		$path        = '/api/v1/app/' . rawurlencode( $application ) . '/msg';
		if ( null === $this->curl ) {
			$this->curl = curl_init();
		}
		curl_setopt_array(
			$this->curl,
			array(
				CURLOPT_URL               => rtrim( SEMNAL_URL, '/' ) . $path,
				CURLOPT_POST              => true,
				CURLOPT_POSTFIELDS        => $body,
				CURLOPT_HTTPHEADER        => array(
					'authorization: ' . self::signature( $row['event_id'], $path, $body ),
					'content-type: application/json',
					'expect:',
				),
				CURLOPT_USERAGENT         => 'semnal-wordpress-bridge/1.0',
				CURLOPT_RETURNTRANSFER    => true,
				CURLOPT_FOLLOWLOCATION    => false,
				CURLOPT_NOSIGNAL          => true,
				CURLOPT_TIMEOUT_MS        => (int) ( $seconds * 1000 ),
				CURLOPT_CONNECTTIMEOUT_MS => (int) ( $seconds * 1000 ),
			)
		);
		$answer = curl_exec( $this->curl );
		if ( false === $answer ) {
			return array( 0, curl_error( $this->curl ) );
		}
		return array( (int) curl_getinfo( $this->curl, CURLINFO_RESPONSE_CODE ), (string) $answer );
	}

	/** Proves that we have the key, without sending it: signs id, time, request line and body. */
	private static function signature( $id, $path, $body ) {
		$at   = time();
		$own  = hash_hmac( 'sha256', 'signed request', SEMNAL_API_KEY, true );
		$sign = base64_encode( hash_hmac( 'sha256', "{$id}\n{$at}\nPOST {$path}\n{$body}", $own, true ) );
		return 'Signed key=' . substr( SEMNAL_API_KEY, 0, 11 ) . ", id={$id}, at={$at}, signature={$sign}";
	}

	// ---- telling people -----------------------------------------------------------------------------------------

	/** Tells network admins what is missing, what waits and what was refused; nothing when all is well. */
	public function show_notice() {
		if ( ! current_user_can( 'manage_network' ) ) {
			return;
		}
		foreach ( $this->notices() as $text ) {
			echo '<div class="notice notice-warning"><p><strong>Semnal:</strong> ' . esc_html( $text ) . '</p></div>';
		}
	}

	private function notices() {
		global $wpdb;
		$missing = self::what_is_missing();
		if ( $missing ) {
			return array( "events do not go to Semnal. To change that, see to this: {$missing}." );
		}
		$notices = array();
		$note    = (string) $wpdb->get_var( 'SELECT note FROM ' . self::state() . " WHERE name = 'failures'" );
		if ( self::value_of( 'failures' ) ) {
			$waiting   = (int) $wpdb->get_var( 'SELECT COUNT(*) FROM ' . self::spool() . " WHERE refused = ''" );
			$notices[] = "{$waiting} events wait, since the server does not take them: {$note}";
		}
		$refused = $wpdb->get_results( 'SELECT refused FROM ' . self::spool() . " WHERE refused <> '' ORDER BY id DESC", ARRAY_A );
		if ( $refused ) {
			$notices[] = count( $refused ) . ' events were refused for good, the last one with: ' . $refused[0]['refused'];
		}
		$lost = self::value_of( 'lost' );
		if ( $lost ) {
			$notices[] = "{$lost} events could not be stored and were left to the original's own sender.";
		}
		return $notices;
	}

	/** Writes to PHP's log; never a payload and never the key. */
	private static function complain( $text ) {
		error_log( 'Semnal bridge: ' . $text );
	}
}

Semnal_Bridge::start();
