# A webhook receiver: gem install webrick; WEBHOOK_SECRET=whsec_… PORT=9000 ruby receiver.rb

require "json"
require "webrick"
require_relative "verify"

SECRET = ENV.fetch("WEBHOOK_SECRET")

# A message can arrive twice. Remember its id when the work is done, best in the same transaction, for as long as retries
# last. A hash that is lost at the end of the process is for this example only.
SEEN = {}

# Your work. Do it in the background when it takes more than a few seconds: the sender waits for the answer.
def handle(id, event_type, payload)
  puts "verified #{id} #{event_type} #{JSON.generate(payload)}"
end

server = WEBrick::HTTPServer.new(
  BindAddress: "127.0.0.1", Port: ENV.fetch("PORT", "9000").to_i,
  Logger: WEBrick::Log.new(File::NULL), AccessLog: []
)
server.mount_proc("/") do |request, response|
  body = request.body.to_s
  id = Webhook.verify(SECRET, request, body, Time.now.to_i)
  if SEEN.key?(id)
    puts "repeated #{id}"
    response.body = "repeated"
  else
    handle(id, request["webhook-event"], JSON.parse(body))
    SEEN[id] = true
    response.body = "verified"
  end
rescue Webhook::Refused => e
  response.status = 400
  response.body = e.message
end
$stdout.sync = true
trap("TERM") { server.shutdown }
server.start
