<?php
// Stands in for the parts of WordPress that the bridge uses: hooks, options, cron and the database, kept in an SQLite
// file between requests. It counts the time that the bridge takes.

declare(strict_types=1);

final class Hooks
{
    public static array $callbacks = [];
    public static array $running = [];
    public static float $bridgeSeconds = 0.0;

    public static function run(string $name, array $arguments): mixed
    {
        self::$running[] = $name;
        $priorities = self::$callbacks[$name] ?? [];
        ksort($priorities);
        foreach (array_keys($priorities) as $priority) {
            // Looked up anew, since a callback may unhook one that comes later.
            foreach (array_keys(self::$callbacks[$name][$priority] ?? []) as $key) {
                [$callback, $count] = self::$callbacks[$name][$priority][$key] ?? [null, 0];
                if ($callback !== null) {
                    $arguments[0] = self::call($callback, array_slice($arguments, 0, $count)) ?? $arguments[0] ?? null;
                }
            }
        }
        array_pop(self::$running);
        return $arguments[0] ?? null;
    }

    private static function call(callable $callback, array $arguments): mixed
    {
        $started = microtime(true);
        $result = $callback(...$arguments);
        if (is_array($callback) && $callback[0] instanceof Semnal_Bridge) {
            self::$bridgeSeconds += microtime(true) - $started;
        }
        return $result;
    }

    public static function key(callable|array $callback): string
    {
        return is_array($callback) ? spl_object_id($callback[0]) . $callback[1] : spl_object_id($callback) . '';
    }
}

function add_action(string $name, $callback, int $priority = 10, int $count = 1): void
{
    Hooks::$callbacks[$name][$priority][Hooks::key($callback)] = [$callback, $count];
}

function add_filter(string $name, $callback, int $priority = 10, int $count = 1): void
{
    add_action($name, $callback, $priority, $count);
}

function remove_action(string $name, $callback, int $priority = 10): void
{
    unset(Hooks::$callbacks[$name][$priority][Hooks::key($callback)]);
}

function has_action(string $name, $callback): bool
{
    foreach (Hooks::$callbacks[$name] ?? [] as $callbacks) {
        if (isset($callbacks[Hooks::key($callback)])) {
            return true;
        }
    }
    return false;
}

function do_action(string $name, ...$arguments): void
{
    Hooks::run($name, $arguments);
}

function apply_filters(string $name, $value)
{
    return Hooks::run($name, [$value]);
}

function current_filter(): string
{
    return end(Hooks::$running);
}

// Of MySQL's dialect the three things that SQLite spells differently are translated.
final class Wpdb_On_Sqlite
{
    public string $base_prefix = 'wp_';

    public function __construct(private PDO $pdo)
    {
    }

    public function get_charset_collate(): string
    {
        return '';
    }

    public function prepare(string $sql, ...$values): string
    {
        return preg_replace_callback('/%([sd])/', function (array $match) use (&$values): string {
            $value = array_shift($values);
            return $match[1] === 'd' ? (string) (int) $value : $this->pdo->quote((string) $value);
        }, $sql);
    }

    public function query(string $sql): int
    {
        $sql = str_replace('INSERT IGNORE', 'INSERT OR IGNORE', $sql);
        $sql = str_replace('bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY', 'INTEGER PRIMARY KEY AUTOINCREMENT', $sql);
        return $this->pdo->exec($sql);
    }

    public function get_results(string $sql, string $form): array
    {
        return $this->pdo->query($sql)->fetchAll(PDO::FETCH_ASSOC);
    }

    public function get_var(string $sql): mixed
    {
        $value = $this->pdo->query($sql)->fetchColumn();
        return $value === false ? null : $value;
    }

    public function insert(string $table, array $row): int
    {
        $names = implode(', ', array_keys($row));
        return $this->query("INSERT INTO $table ($names) VALUES (" . implode(', ', $this->quoted($row)) . ')');
    }

    public function update(string $table, array $row, array $where): int
    {
        return $this->query("UPDATE $table SET " . $this->pairs($row, ', ') . ' WHERE ' . $this->pairs($where, ' AND '));
    }

    public function delete(string $table, array $where): int
    {
        return $this->query("DELETE FROM $table WHERE " . $this->pairs($where, ' AND '));
    }

    private function quoted(array $row): array
    {
        return array_map(fn ($value): string => is_int($value) ? (string) $value : $this->pdo->quote($value), $row);
    }

    private function pairs(array $row, string $between): string
    {
        $quoted = $this->quoted($row);
        return implode($between, array_map(fn (string $name): string => "$name = {$quoted[$name]}", array_keys($quoted)));
    }
}

const ABSPATH = __DIR__ . '/';
const ARRAY_A = 'ARRAY_A';

function open_database(string $file): void
{
    global $wpdb;
    $pdo = new PDO("sqlite:$file");
    $pdo->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
    $pdo->exec('PRAGMA synchronous = OFF');
    $pdo->exec('CREATE TABLE IF NOT EXISTS options (name TEXT PRIMARY KEY, value TEXT NOT NULL)');
    $wpdb = new Wpdb_On_Sqlite($pdo);
}

function get_site_option(string $name): mixed
{
    global $wpdb;
    $text = $wpdb->get_var($wpdb->prepare('SELECT value FROM options WHERE name = %s', $name));
    return $text === null ? false : json_decode($text, true);
}

function update_site_option(string $name, mixed $value): void
{
    global $wpdb;
    $wpdb->query($wpdb->prepare('INSERT OR REPLACE INTO options (name, value) VALUES (%s, %s)', $name, json_encode($value)));
}

function wp_next_scheduled(string $hook): int|false
{
    return get_site_option("cron $hook");
}

function wp_schedule_event(int $at, string $interval, string $hook): void
{
    if (!isset(apply_filters('cron_schedules', [])[$interval])) {
        throw new RuntimeException("there is no interval $interval");
    }
    update_site_option("cron $hook", $at);
    update_site_option("scheduled $hook", 1 + (int) get_site_option("scheduled $hook"));
}

function is_main_site(): bool
{
    return SCRIPT['main_site'] ?? true;
}

function current_user_can(string $capability): bool
{
    return $capability === (SCRIPT['capability'] ?? 'manage_network');
}

function esc_html(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES);
}

function wp_json_encode(mixed $value, int $flags = 0): string|false
{
    return json_encode($value, $flags);
}

function wp_generate_uuid4(): string
{
    return vsprintf('%s%s-%s-4%s-a%s-%s%s%s', [
        ...str_split(bin2hex(random_bytes(6)), 4),
        substr(bin2hex(random_bytes(2)), 1), substr(bin2hex(random_bytes(2)), 1), ...str_split(bin2hex(random_bytes(6)), 4),
    ]);
}
