# Request bins.
decimal-mark = .
bins-title = Request bins
bins-text = URLs that record whatever is sent to them, byte for byte.
bins-name = Name
bins-name-hint = Optional: without one the bin gets a number.
bins-name-wrong = The name cannot be used: { $detail }.
bins-create = Create a bin
bins-unnamed = Request bin { $number }
bins-created = { $name } is ready. Send something to its URL.
bins-too-many = { $count ->
    [one] There is one bin, which is the most that there can be. Delete it first.
   *[other] There are { $count } bins, which is the most that there can be. Delete one first.
}
bins-none = No bins yet
bins-none-text = Create one with the button above: it takes one click, and its URL catches requests at once.
bins-away = Request bins are not available
bins-off = They are turned off on this server: bin_listen is none in its settings.
bins-broken = Their file cannot be used. The server's log says why; deliveries go on meanwhile.
bins-search = Search by name or URL
bins-url = URL
bins-requests = Requests
bins-size = Size
bins-used = Last used
bins-expires = Goes away
bins-unread = { $count ->
    [one] { $count } new
   *[other] { $count } new
}
bins-empty = Empty
bins-empty-title = Empty { $name }?
bins-empty-text = { $count ->
    [one] The request that it holds is deleted. This cannot be undone.
   *[other] All { $count } requests that it holds are deleted. This cannot be undone.
}
bins-emptied = { $name } is empty.
bins-delete = Delete
bins-delete-title = Delete { $name }?
bins-delete-text = Its URL stops working, and what it caught is deleted. This cannot be undone.
bins-delete-used = { $count ->
    [one] Its URL stops working, and what it caught is deleted. One webhook sends to it and will fail from then on.
   *[other] Its URL stops working, and what it caught is deleted. { $count } webhooks send to it and will fail from then on.
}
bins-deleted = { $name } is deleted.
bins-saved = { $name } is saved.
bins-expiry-wrong = The time cannot be used: { $detail }.
bin-goes = Goes away
bin-answer = Response
bin-export = Export
bin-edit = Name and expiry
bin-save = Save
bin-expiry-use = A while after it was last used
bin-expiry-at = At a time
bin-expiry-time = Time, in UTC
bin-expiry-hint = Counts only when it goes away at a time.
bin-try = Send something to see it here
bin-search = Search in heads and bodies
bin-pause = Pause
bin-reload = Load again
bin-newest = Newest
bin-older = Older
bin-new = { $count ->
    [one] { $count } new request
   *[other] { $count } new requests
}
bin-held = { $count ->
    [one] { $count } request of { $limit } at most · { $size }
   *[other] { $count } requests of { $limit } at most · { $size }
}
bin-nothing = Nothing has arrived
bin-nothing-text = Requests appear here as they come.
bin-is-new = new
bin-has-problem = not valid HTTP
bin-is-delivery = delivery
bin-back = All requests
bin-request = Request { $number }
bin-request-newest = Newest: request { $number }
bin-newer-one = The next newer request
bin-older-one = The next older request
bin-neighbours = Requests beside this one
bin-problem = This is not valid HTTP and was answered with 400:
bin-request-line = Request line
bin-received = Received
bin-from = From
bin-body = Body
bin-event = Event
bin-attempt = attempt { $number }
bin-delivery = its delivery
bin-download = Download
bin-request-delete = Delete
bin-request-deleted = Request { $name } is deleted.
bin-readings = Readings of the request
bin-tab-tree = Tree
bin-tab-pretty = Pretty
bin-tab-raw = Raw
bin-tab-hex = Hex
bin-tab-form = Form
bin-tab-headers = Headers
bin-tab-query = Query
bin-reveal = Reveal
bin-entries = { $count ->
    [one] { $count } entry
   *[other] { $count } entries
}
bin-no-body = The request has no body.
bin-no-headers = The request has no headers.
bin-no-query = The URL has no query.
bin-no-json = The body is no JSON. Raw and Hex show it as it came.
bin-note-cut = Only the first { $kept } of { $whole } were kept.
bin-note-first = The first { $size } are shown; the download has everything.
bin-note-unpacked = The body came compressed; this is what it holds: { $size }.
bin-note-unpacked-cut = The body came compressed and is very large; these are its first { $size }.
bin-note-unpacked-broken = The body came compressed, but ends in something that cannot be unpacked; these are its first { $size }.
bin-note-broken = From byte { $offset } on this is no JSON: expected { $expected }.
bin-note-tokens = { $count ->
    [one] The first { $count } part is read.
   *[other] The first { $count } parts are read; Raw has more.
}
bin-note-lines = { $count ->
    [one] The first { $count } line is shown.
   *[other] The first { $count } lines are shown; the download has everything.
}
bin-note-deep = { $count ->
    [one] What is nested deeper than { $count } level is not shown.
   *[other] What is nested deeper than { $count } levels is not shown; Raw has it.
}
bin-note-value = { $count ->
    [one] Values are cut after { $count } character.
   *[other] Values are cut after { $count } characters; Raw has them whole.
}
bin-note-pairs = { $count ->
    [one] The first { $count } pair is shown.
   *[other] The first { $count } pairs are shown; Raw has everything.
}
bin-copy = Copy as
bin-copy-text = The command sends the same request again, secrets included.
bin-copy-raw = As it came
bin-copy-cut = Only a part of the body was kept, so this does not send all of it.
bin-copy-long = This is too long to be shown here. Download the request instead.
bin-verify = Verify signature
bin-verify-text = Checks the signature as it was at the moment of arrival.
bin-verify-webhook = With the secret of a webhook that sends here
bin-verify-secret = Or with a secret
bin-verify-secret-hint = whsec_… or whpk_…; it is used once and kept nowhere.
bin-verify-secret-wrong = This is no secret: { $detail }.
bin-verify-nothing = Paste a secret: no webhook sends to this bin.
bin-verify-valid = The signature holds.
bin-verify-missing = The signature cannot be checked: { $detail }.
bin-verify-timestamp = The timestamp is no number of seconds.
bin-verify-old = The timestamp is too old: receivers refuse what is more than 5 minutes off.
bin-verify-new = The timestamp is too far in the future: receivers refuse what is more than 5 minutes off.
bin-verify-cut = Only a part of the body was kept, so its signature cannot be checked.
bin-verify-no-match = No signature is that of this secret. Compare what was signed, and whether the secret is the right one.
bin-verify-seconds = { $seconds } s before arrival
bin-verify-got = Signatures that came
bin-verify-expected = Signature of this secret
bin-verify-base = What is signed
bin-replay = Replay
bin-replay-text = Sends the request once more, by the way that deliveries take. What you do not edit is sent byte for byte.
bin-replay-url = Send to
bin-replay-url-hint = A full URL; the rules are those of webhooks.
bin-replay-method = Method
bin-replay-headers-hint = One a line, Name: value. A masked secret is sent as it came.
bin-replay-body = The body is sent as it came: it is long, or not plain text.
bin-replay-send = Send
bin-replay-answer = What the receiver answered
bin-replay-cut = Only the beginning of the answer is shown.
bin-replay-good = Delivered · { $status } · { $duration } ms
bin-replay-bad = Not delivered · { $status } · { $duration } ms
bin-replay-failed = Not delivered · { $detail } · { $duration } ms
bin-replay-before = The time before: { $before }.
bin-replay-same = The same as the time before: { $before }.
bin-replay-conflict = The request cannot be sent like this: { $detail }.
bin-replay-url-wrong = The URL cannot be used: { $detail }.
bin-replay-method-wrong = The method cannot be used: it { $detail }.
bin-replay-headers-wrong = The headers cannot be used: { $detail }.
bin-diff = Compare
bin-diff-with = Compare with request
bin-diff-show = Compare
bin-diff-same = They are the same.
bin-diff-gone = − only in request { $number }
bin-diff-new = + only in request { $number }
bin-diff-cut = The comparison is long; its beginning is shown.
bin-diff-none = Nothing to compare with
bin-diff-none-text = The bin holds only this request.
bin-diff-equal = { $count ->
    [one] { $count } equal line
   *[other] { $count } equal lines
}
bin-answer-text = What the bin answers to whoever sends something. Empty fields have their default.
bin-answer-saved = { $name } answers so from now on.
bin-answer-status = Status
bin-answer-status-wrong = The status { $detail }.
bin-answer-sequence = Statuses of the next requests
bin-answer-sequence-hint = One each, such as 500, 500, 200. The last one stays.
bin-answer-sequence-wrong = The list { $detail }.
bin-answer-type = Content type
bin-answer-type-wrong = The content type { $detail }.
bin-answer-headers-hint = One a line, Name: value.
bin-answer-headers-wrong = A header cannot be sent: { $detail }.
bin-answer-body-hint = Empty: a small JSON object that says that the request was captured.
bin-answer-bytes = The body is no text. Leave this empty to keep it.
bin-answer-body-wrong = The body { $detail }.
bin-answer-delay = Delay in milliseconds
bin-answer-delay-hint = 30,000 at most.
bin-answer-delay-wrong = The delay { $detail }.
bin-answer-handshake = Handshake
bin-answer-sender = Answer the handshake of
bin-answer-sender-hint = Senders that first ask whether the URL is yours get what they want; other requests get the answer above.
bin-answer-none = Nothing
bin-answer-secret = Secret of the handshake
bin-answer-secret-hint = Zoom's secret token or Meta's verify token; Slack and Asana have none.
bin-answer-secret-kept = There is one. Leave this empty to keep it.
bin-answer-handshake-wrong = The handshake { $detail }.
bin-answer-fault = Faults on purpose
bin-answer-kind = What goes wrong
bin-answer-fault-wrong = The fault { $detail }.
bin-fault-status = Another status
bin-fault-timeout = No answer
bin-fault-drip = The answer comes byte by byte
bin-fault-reset = The connection is reset
bin-fault-percent = In how many of 100 requests
bin-fault-with = The other status

bin-lead = Open in bin
bin-lead-request = See the captured request
