# The list of webhooks.
webhooks-title = Webhooks
webhooks-text = URLs that receive your events as they happen.
webhooks-add = Add New Webhook
webhooks-search = Search by name or URL
webhooks-url = Target URL
webhooks-event = Trigger Event
webhooks-all-events = All events
webhooks-day = Last 24 hours
webhooks-success = { $percent } % OK
webhooks-last = Last delivery
webhooks-never = never
webhooks-pause = Pause
webhooks-resume = Resume
webhooks-pause-title = Pause { $name }?
webhooks-pause-text = Nothing is sent to it until you resume it. Its events are kept, and sent then.
webhooks-paused = { $name } is paused. Its events are kept until you resume it.
webhooks-resumed = { $name } is active. What was kept is being sent.
webhooks-not-paused = { $name } is disabled and was not paused. Resume it first, or leave it as it is.
webhooks-troubled = { $count ->
    [one] One webhook needs a hand: it keeps failing or was disabled for it.
   *[other] { $count } webhooks need a hand: they keep failing or were disabled for it.
}
webhooks-empty = No webhooks yet
webhooks-empty-text = Three steps, and your first event arrives:
webhooks-empty-test = Send a test event from its row.
webhooks-any-state = Any state
webhooks-failing = Failing
webhooks-sort = Order
webhooks-newest = Newest first
webhooks-oldest = Oldest first
webhooks-by-name = By name
webhooks-all = All on this page
webhooks-chosen = Chosen ones:
webhooks-choose = Choose
webhooks-none-chosen = Nothing was chosen. Tick webhooks first.
webhooks-did-pause = Paused: { $name }.
webhooks-did-resume = Resumed: { $name }.
webhooks-did-delete = Deleted: { $name }.
webhooks-name = Name, ID
