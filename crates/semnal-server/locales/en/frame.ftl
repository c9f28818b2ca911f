# The frame of every page, and what its components say.
frame-skip = Skip to the content
frame-menu = Main menu
frame-menu-open = Open the menu
frame-menu-close = Close the menu
frame-dev = Development mode: deliveries may go to this machine.
frame-application = Application
frame-switch = Switch
frame-search = Search deliveries
frame-language = Language
frame-theme = Theme
frame-account = Account
frame-portal = Portal of one application
frame-shortcuts-off = Switch keyboard shortcuts off
frame-shortcuts-on = Switch keyboard shortcuts on
frame-logout = Log out
frame-copy = Copy
frame-copied = Copied
frame-close = Close
frame-cancel = Cancel
frame-lost = The server did not answer. Try again.
nav-start = Start
nav-dashboard = Dashboard
nav-webhooks = Webhooks
nav-events = Events
nav-deliveries = Deliveries
nav-bins = Request bins
nav-catalogue = Event catalogue
nav-settings = Settings
theme-system = As the system
theme-light = Light
theme-dark = Dark
keys-title = Keyboard shortcuts
keys-help = Show this help
keys-search = Search
keys-move = Next and previous row
keys-open = Open the row
keys-back = Close or go back
keys-select = Select the row
keys-copy = Copy the row's id
keys-resend = Send again
keys-theme = Change the theme
keys-times = Times: how long ago, or exactly
times-relative = How long ago
times-utc = Exact times, UTC
keys-pause = Pause live updates
column-state = State
column-name = Name
column-actions = Actions
filter-apply = Filter
filter-clear = Clear the filter
empty-no-match = Nothing matches
empty-no-match-text = No entry fits the filter. Change it, or clear it to see everything.
empty-again = Try again
empty-loading = Not loaded yet
pages = Pages
pages-previous = Previous
pages-next = Next
form-errors = { $count ->
    [one] One field needs a change
   *[other] { $count } fields need a change
}
state-active = Active
state-paused = Paused
state-failing-since = Failing since { $time }
state-disabled = Disabled
state-disabled-gone = Disabled: 410 Gone
state-disabled-failing = Disabled: kept failing
sparkline = Last 24 hours: { $good } succeeded, { $bad } failed
time-now = just now
time-seconds-ago = { $count ->
    [one] { $count } second ago
   *[other] { $count } seconds ago
}
time-minutes-ago = { $count ->
    [one] { $count } minute ago
   *[other] { $count } minutes ago
}
time-hours-ago = { $count ->
    [one] { $count } hour ago
   *[other] { $count } hours ago
}
time-days-ago = { $count ->
    [one] yesterday
   *[other] { $count } days ago
}
time-seconds-ahead = { $count ->
    [one] in { $count } second
   *[other] in { $count } seconds
}
time-minutes-ahead = { $count ->
    [one] in { $count } minute
   *[other] in { $count } minutes
}
time-hours-ahead = { $count ->
    [one] in { $count } hour
   *[other] in { $count } hours
}
time-days-ahead = { $count ->
    [one] tomorrow
   *[other] in { $count } days
}
problem-home = Back to the start
problem-login = Log in first
problem-login-do = Your session has ended. Log in and try again.
problem-not-found = There is nothing here
problem-not-found-do = The page does not exist, or what it showed was deleted.
problem-forbidden = You may not see this
problem-forbidden-do = Your access does not include it. Ask whoever gave it to you for more.
problem-form = The form was not accepted
problem-form-do = It comes from another site or from an earlier login. Go back, load the page again and send it once more.
problem-unreadable = The form could not be read
problem-unreadable-do = It is too long or arrived incomplete. Make it shorter and send it again.
problem-logins = Too many logins failed
problem-logins-do = { $count ->
    [one] Wait a minute, then try again.
   *[other] Wait { $count } minutes, then try again.
}
problem-link = The link counts no longer
problem-link-do = It was used, or it is older than 24 hours. Start the server again for a new one, or run: semnal users reset-password
problem-open = Passwords do not go over this connection
problem-open-do = It is not encrypted, and it leaves this machine. Open the console over https (set SEMNAL_PUBLIC_URL to that address), or on the machine itself over 127.0.0.1.
problem-building = The lists are being built
problem-building-do = Events are accepted and delivered meanwhile. Load the page again in a moment.
problem-streams = Too many pages listen for news
problem-streams-do = This page shows what there was when it was loaded. Close pages that nobody looks at, or load this one again.
problem-full = The disk is full
problem-full-do = Nothing was changed. Make room for the data directory, then try again.
problem-failed = Something went wrong
problem-failed-do = The server's log says what. Nothing was changed that you were not told of.
gallery-title = Components
gallery-text = Everything that pages are made of.
