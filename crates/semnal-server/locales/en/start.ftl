# The walk-through.
start-title = Get started
start-text = Four steps from nothing to an event that has arrived. Everything stays on this server.
start-progress = Steps done
start-done = { $count ->
    [one] { $count } of 4 steps done
   *[other] { $count } of 4 steps done
}
start-step-done = Done
start-bin = Create a request bin
start-bin-text = A bin is a URL that shows whatever is sent to it. With one you can try webhooks without writing code.
start-bin-action = Create a bin
start-webhook = Add a webhook
start-webhook-text = Give it a name, the URL of your bin, and an event, such as Payment Received.
start-webhook-action = Add New Webhook
start-test = Send a test event
start-test-text = Semnal sends the example payload the way it sends real events, and tells you what the receiver answered.
start-test-action = Send Test Event
start-look = Look at the bin
start-look-text = The payload has arrived, with its headers and signature.
start-look-action = Open the bin
start-all-done = It works. Now your own events
start-all-done-text = Your program sends them with an API key, and every webhook that wants them gets them.
start-docs = Read the API
