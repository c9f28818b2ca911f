<?php
// Stands in for Ultimate Multisite as far as the bridge meets it: models with more in them than may leave the network,
// the hooks that saving and logging fire, and the two managers with their listeners. The originals' sender only notes
// what it would send.

declare(strict_types=1);

namespace {
    final class Address
    {
        public function to_array(): array
        {
            return ['company_name' => 'Acme', 'billing_country' => 'RO'];
        }
    }

    function find(string $model, int $id): ?object
    {
        return $id === 0 ? null : new $model(['id' => $id]);
    }

    // A class per model, since the bridge asks which methods there are.
    abstract class Saved
    {
        public string $user_pass = '$P$hashedpassword';
        public string $model;

        public function __construct(public array $fields)
        {
            $this->model = static::class;
        }

        public function get_id(): int
        {
            return (int) $this->fields['id'];
        }

        public function _get_original(): array
        {
            return $this->fields['before'] ?? [];
        }
    }

    final class customer extends Saved
    {
        public function get_billing_address(): Address
        {
            return new Address();
        }
    }

    final class membership extends Saved
    {
        public function get_customer(): ?object
        {
            return find('customer', $this->fields['customer_id'] ?? 7);
        }

        public function get_billing_address(): Address
        {
            return new Address();
        }
    }

    final class payment extends Saved
    {
        public function get_membership(): ?object
        {
            return find('membership', $this->fields['membership_id'] ?? 5);
        }

        public function get_customer(): ?object
        {
            return find('customer', $this->fields['customer_id'] ?? 7);
        }
    }

    final class site extends Saved
    {
    }

    final class event extends Saved
    {
        public function get_slug(): string
        {
            return $this->fields['slug'];
        }

        public function get_payload(): array
        {
            return $this->fields['payload'];
        }
    }

    function wu_get_customer(int $id): ?object
    {
        return find('customer', $id);
    }

    function wu_get_membership(int $id): ?object
    {
        return find('membership', $id);
    }

    function wu_get_payment(int $id): ?object
    {
        return find('payment', $id);
    }

    function wu_get_site(int $id): ?object
    {
        return find('site', $id);
    }

    function wu_get_version(): string
    {
        return '2.4.13';
    }

    // The keys of each block come with the script; the values need only tell one model from another.
    function wu_generate_event_payload(string $name, ?object $model = null): array
    {
        $id = $model ? $model->get_id() : 0;
        $block = [];
        foreach (SCRIPT['blocks'][$name] as $key) {
            $block[$key] = "$key of $id";
        }
        $block["{$name}_id"] = $id;
        return $block;
    }

    function wu_do_event(string $slug, array $payload): void
    {
        $payload['wu_version'] = wu_get_version();
        do_action('wu_event', $slug, $payload);
        do_action("wu_event_$slug", $payload);
    }
}

namespace WP_Ultimo\Managers {
    trait Single
    {
        private static ?self $only = null;

        public static function get_instance(): self
        {
            return self::$only ??= new self();
        }
    }

    final class Webhook_Manager
    {
        use Single;

        public array $sent = [];

        public function register_webhook_listeners(): void
        {
            foreach (SCRIPT['event_types'] as $slug) {
                add_action("wu_event_$slug", [$this, 'send_webhooks']);
            }
        }

        public function send_webhooks(): void
        {
            $this->sent[] = substr(current_filter(), strlen('wu_event_'));
        }
    }

    final class Event_Manager
    {
        use Single;

        // As in versions whose own listener works; SCRIPT['original_announces_models'] hooks it.
        public function dispatch_base_model_event(array $data, object $model, bool $isNew): void
        {
            wu_do_event($model->model . ($isNew ? '_created' : '_updated'), wu_generate_event_payload($model->model, $model));
        }
    }
}
