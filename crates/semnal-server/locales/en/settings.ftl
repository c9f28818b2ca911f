# Settings, and the dashboard.
settings-keys = API keys
settings-keys-text = Programs use them to send events and to change webhooks.
settings-keys-empty = No API keys yet
settings-keys-empty-text = Create one for the application that sends your events.
settings-key = Begins with
settings-key-made = This is the new key. Copy it now: it is not shown again.
settings-key-valid = Valid
settings-key-expired = Expired
settings-key-revoked = Revoked
settings-key-name-hint = What uses it, such as shop or Zapier.
settings-key-name-wrong = Enter a name of at most 256 characters.
settings-key-was-revoked = { $name } is revoked. Whoever has the key is refused from now on.
settings-new-key = New key
settings-create-key = Create key
settings-scopes = May
settings-scopes-hint = Without a choice the key may do everything.
settings-scope-all = everything
settings-scope-read = Read everything but secrets
settings-scope-send = Send events
settings-scope-manage = Change settings, read secrets, resend
settings-created = Created
settings-ends = Ends
settings-never-ends = never
settings-days = { $count ->
    [one] in one day
   *[other] in { $count } days
}
settings-revoke = Revoke
settings-revoke-title = Revoke { $name }?
settings-revoke-text = Programs that use this key are refused at once. It cannot be taken back.
settings-look = Appearance
settings-times = Times
settings-server = Server
settings-version = Version
settings-url = Address
settings-data = Data directory
settings-body-limit = Largest event
settings-schedule = Attempts
settings-attempts = { $count ->
    [one] One attempt.
   *[other] { $count } attempts, with these waits between them:
}
dashboard-text = The last 24 hours of this application.
dashboard-delivered = Delivered
dashboard-failed = Failed
dashboard-success = Attempts that succeeded
dashboard-durations = Half of the attempts took at most
dashboard-pending = Waiting
dashboard-oldest = oldest:
dashboard-left-out = { $count ->
    [one] One older webhook is not part of these numbers.
   *[other] { $count } older webhooks are not part of these numbers.
}
dashboard-events = { $count ->
    [one] One event in 24 hours
   *[other] { $count } events in 24 hours
}
dashboard-now = now (UTC)
dashboard-table = As a table
dashboard-hour = Hour from
dashboard-trouble = Webhooks that need a hand
dashboard-no-trouble = None. Every webhook takes what it is sent.
dashboard-empty = Nothing to show yet
dashboard-empty-text = Add a webhook and send an event; the numbers follow by themselves.

# Integrations: keys for other systems.
integrations-title = Integrations
integrations-text = Keys for systems that speak the way Ultimate Multisite does: Zapier, your scripts, and your network itself. Each opens one application.
integrations-empty = No integrations yet
integrations-empty-text = Create a key and a secret to connect Zapier, or an address to which your network posts its events.
integrations-new = New integration
integrations-name-hint = What uses it, such as Zapier or the network.
integrations-kind = What for
integrations-pair = Key and secret
integrations-pair-text = For Zapier and for scripts that used Ultimate Multisite's REST API.
integrations-source = Address for events
integrations-source-text = For the webhooks of an Ultimate Multisite network, pointed here.
integrations-opens-pair = Webhooks and events of { $application }
integrations-opens-source = Takes events of { $application }
integrations-pair-made = This is the new key with its secret. Copy both now: they are not shown again.
integrations-source-made = This is the new address. Copy it now: it is not shown again.
integrations-key = API Key
integrations-secret = API Secret
integrations-pair-next = In Zapier, connect Semnal with these three.
integrations-source-next = In the network, add a webhook with this URL for each event, with the event's name in place of {"{event}"}, such as payment_received.
