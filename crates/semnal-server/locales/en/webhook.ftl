# One webhook: its form, its page, its secret, its test.
webhook-new-text = It is active as soon as it is saved.
webhook-edit-title = Edit { $name }
webhook-edit = Edit
webhook-save = Save
webhook-delete = Delete
webhook-name-hint = For you. Without one, the host of the URL is shown.
webhook-url-hint = Where the event is sent, for example https://example.com/hooks
webhook-use-bin = Use a request bin
webhook-events = Event
webhook-all-text = Also those that come later
webhook-chosen = Only these
webhook-find = Find an event
webhook-found = Events found
webhook-more = Secret, headers, filter, retries, limits
webhook-secret = Signing secret
webhook-secret-hint = Leave it empty and one is made. Otherwise whsec_… of 24 to 75 bytes.
webhook-secret-text = The receiver checks with it that a request comes from here.
webhook-secret-show = Show
webhook-secret-hide = Hide
webhook-headers = Custom headers
webhook-headers-hint = One a line, name: value. For a key that the receiver wants to see.
webhook-channels = Channels
webhook-channels-hint = Only events on one of these channels; empty for all.
webhook-retry = Retries
webhook-retry-hint = Empty for the usual ({ $words }); otherwise waits, such as 5s, 5m, 2h.
webhook-rate = Attempts a second
webhook-rate-hint = Empty: no limit.
webhook-concurrency = Attempts at once
webhook-concurrency-hint = Empty: as many as it takes well.
webhook-made = { $name } was added and is active.
webhook-saved = { $name } was saved.
webhook-rotated = { $name } has a new secret. Give it to the receiver.
webhook-next = Next: try it
webhook-next-text = Give the secret below to the receiver, then send a test event and see what comes of it.
webhook-test = Send Test Event
webhook-recent = Recent deliveries
webhook-recent-none = None yet. A test event is a delivery too.
webhook-recent-all = All deliveries of this webhook
webhook-facts = Settings
webhook-integration = Integration
webhook-created = Added
webhook-updated = Changed
webhook-runs = { $count ->
    [one] { $count } event was meant for it so far
   *[other] { $count } events were meant for it so far
}
webhook-why-paused = It is paused: its events are kept, and sent when you resume it.
webhook-why-disabled = It is disabled by request: its events are kept, and sent when you resume it.
webhook-why-gone = It was disabled because its receiver answered 410 Gone. Its events are kept. Change the URL, then resume it.
webhook-why-failing = It was disabled because it did nothing but fail for days. Its events are kept; one is tried now and then, and a success brings it back.
webhook-delivered = Delivered
webhook-held = Held
webhook-pending = Pending
webhook-failed = Failed
webhook-cancelled = Cancelled
webhook-expired = Expired
webhook-rotate = New secret
webhook-rotate-title = Make a new secret for { $name }?
webhook-rotate-text = Requests are signed with the new one from now on.
webhook-rotate-old = The old secret
webhook-rotate-day = Signs beside it for 24 hours
webhook-rotate-day-text = Time to change it in the receiver.
webhook-rotate-now = Ends at once
webhook-rotate-now-text = When somebody else knows it. Until the receiver has the new one it refuses what is sent.
webhook-delete-title = Delete { $name }?
webhook-delete-several = { $count ->
    [one] Delete { $count } webhook?
   *[other] Delete { $count } webhooks?
}
webhook-delete-text = What was not delivered yet is cancelled. This cannot be undone; to stop it for a while, pause it.
offer-preview = Preview
offer-preview-empty = Choose an event to see what it sends.
offer-title = All events
offer-text = { $count ->
    [one] { $count } event, with what it means and what it sends.
   *[other] { $count } events, with what they mean and what they send.
}
offer-example = Payload
offer-no-example = It has no example payload.
offer-fields = { $count ->
    [one] { $count } field
   *[other] { $count } fields
}
offer-required = always there
offer-schema = Schema
offer-curl = Send one with curl
offer-use = Use this event
offer-deprecated = going away
offer-unlisted = Not in the catalogue
offer-none = The catalogue has no events. Choose all of them, or add some to the catalogue.
schedule-once = One attempt, none after it
schedule-words = { $count ->
    [one] { $count } attempt over { $length }: at once, then after { $waits }
   *[other] { $count } attempts over { $length }: at once, then after { $waits }
}
length-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
length-hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
length-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
length-seconds = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
}
field-name = Name: at most 4,096 characters.
field-url-missing = URL: write where the events are sent.
field-url-whole = URL: write the whole address, beginning with https://
field-url-scheme = URL: only https:// and http:// can receive webhooks.
field-url-https = URL: plain http is turned off on this server; use https://
field-url-userinfo = URL: it has credentials before "@". Send them in a custom header instead.
field-url-no-host = URL: the host is missing between // and the path.
field-url-port = URL: the port is no number from 1 to 65535, or reserved for another service.
field-url-local = URL: this host names the server itself. Use a public name.
field-url-space = URL: it has spaces or control characters. Remove them.
field-url-odd = URL: the host is not one that can be written so. Compare it with the receiver's address.
field-url-address = URL: this address is private or local, and deliveries may not go there.
field-events = Event: choose at least one, or all.
field-channels = Channels: at most 10, of letters, digits, "-", "_" and ".".
field-secret = Secret: base64 of 24 to 75 bytes, with or without whsec_, or an ed25519 key pair.
field-headers = Headers: { $why }
field-headers-line = Headers: "{ $line }" has no colon. Write name: value.
field-headers-twice = Headers: { $name } is there twice.
field-retry = Retries: waits with a unit, such as 5s, 5m, 2h, 1d; at most 64, each up to 30 days.
field-number = Limits: a whole number from 1 to 65535, or empty.
test-title = Send a test event to { $name }
test-text = It goes the way of real events, signed, to
test-mark = Test
test-own = Events of this webhook
test-others = Other events
test-example = Show its example
test-payload = Payload
test-payload-hint = The example, to be changed as you like.
test-once = A test carries the header webhook-test: true. It is sent once and not tried again.
test-busy = Sending, and waiting for the answer…
test-delivered = Delivered
test-failed = Not delivered
test-held = Not sent yet
test-open = Still under way
test-open-text = The receiver takes its time. Look again in a moment.
test-again = Look again
test-waits = A test would wait too.
test-delivery = Open the delivery
test-answer = The receiver's answer
test-no-body = The body is empty. That is fine: only the status counts.
test-cut = Only the first 16 KiB are kept.
test-headers = { $count ->
    [one] { $count } header
   *[other] { $count } headers
}
test-no-event = Event: choose one of the catalogue.
test-not-json = Payload: this is not JSON at line { $line }, column { $column }.
test-not-object = Payload: write a JSON object, { "{" } … { "}" }, nested at most 128 levels.
test-schema = Payload: it does not fit the event's schema: { $why }
test-none = No events to send
test-none-text = Add one to the event catalogue first.
