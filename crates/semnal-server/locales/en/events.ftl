# Events, and the catalogue of what can happen.
events-title = Events
events-text = What happened, newest first, and how each event fared.
events-filter = Event name, such as payment_received
events-fan-out = Deliveries
events-event-id = Event ID
events-nobody = no webhook
events-empty = No events yet
events-empty-text = An event appears here when your application sends it, or when you send a test event to a webhook.
events-open-catalogue = See which events there are
event-resend = { $count ->
    [one] Resend
   *[other] Resend to all { $count }
}
event-resent = It is being sent to its webhooks again.
event-channels = Channels
event-payload = Payload
event-matched = { $count ->
    [one] Sent to one webhook
   *[other] Sent to { $count } webhooks
}
event-nobody = No webhook wanted this event when it was accepted.
event-not-shown = { $count ->
    [one] One more is not shown.
   *[other] { $count } more are not shown.
}
event-others = { $count ->
    [one] One webhook did not get it
   *[other] { $count } webhooks did not get it
}
event-today = The reasons are judged by what the webhooks are set to today.
event-why-type = It does not want { $event }.
event-why-channel = It wants other channels.
event-why-younger = It was made after the event.
event-why-changed = It would get it today. Its settings have changed since.
catalogue-title = Event catalogue
catalogue-text = Every event that there is, what it means and what it carries.
catalogue-add = Add an event type
catalogue-search = Search by name or description
catalogue-show-archived = { $count ->
    [one] Show one archived
   *[other] Show { $count } archived
}
catalogue-empty = The catalogue is empty
catalogue-empty-text = Add the events that your application sends, so that people can choose them for their webhooks.
catalogue-no-group = Without a group
catalogue-description = Description
catalogue-subscribers = Webhooks
catalogue-week = Last 7 days
catalogue-webhook = Create webhook for this event
catalogue-edit = Edit
catalogue-edit-title = Edit { $name }
catalogue-archive = Archive
catalogue-restore = Take out of the archive
catalogue-archived-word = Archived
catalogue-deprecated = Deprecated
catalogue-nobody = None wants it yet.
catalogue-last = Last seen
catalogue-never = never
catalogue-checked = Payloads
catalogue-enforced = Those that do not satisfy the schema are refused.
catalogue-not-enforced = Accepted whether they satisfy the schema or not.
catalogue-example = Example
catalogue-no-example = No example yet.
catalogue-fields = Fields
catalogue-no-fields = The schema names no fields.
catalogue-type = Type
catalogue-required = required
catalogue-schema = JSON schema
catalogue-schema-of = JSON schema, version { $version }
catalogue-send = Send such an event
catalogue-try = Check a payload
catalogue-try-text = Paste a payload to hold it against the schema. Nothing is sent.
catalogue-try-submit = Check
catalogue-try-good = This payload is fine.
catalogue-try-bad = This payload does not fit:
catalogue-not-json = This is not JSON from line { $line }, column { $column } on.
catalogue-name = Name
catalogue-name-hint = For programs: letters, digits, dots, dashes and underscores, such as order.paid. It cannot be changed later.
catalogue-name-wrong = Enter a name of letters, digits, dots, dashes and underscores, at most 256 characters.
catalogue-name-taken = There is an event type of this name already. Choose another name, or edit that one.
catalogue-label = Title
catalogue-label-hint = For people, such as Order paid.
catalogue-description-hint = When it happens, and what it carries.
catalogue-group = Group
catalogue-group-hint = The heading under which it is listed.
catalogue-example-hint = A payload as your application sends it: a JSON object.
catalogue-schema-hint = What payloads must look like. Leave it empty to accept anything.
catalogue-enforce = Refuse payloads that do not satisfy the schema
catalogue-enforce-text = Whoever sends such an event gets an error that names the place.
catalogue-save = Save
catalogue-created = { $name } is in the catalogue.
catalogue-changed = { $name } is saved.
catalogue-archived = { $name } is archived. What exists keeps working; it is not offered any more.
catalogue-restored = { $name } is offered again.
catalogue-field-wrong = This is not accepted: { $why }
catalogue-example-wrong = The example must be a JSON object: { $why }
catalogue-schema-wrong = The schema cannot be used: { $why }
