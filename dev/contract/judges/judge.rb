# See judge.py.

require "#{ENV.fetch("EXAMPLE")}/verify"

$stdin.each_line(chomp: true) do |line|
  secret, now, *encoded = line.split("\t", -1)
  id, timestamp, signature, body = encoded.map { |field| field.unpack1("m") }
  headers = { "webhook-id" => id, "webhook-timestamp" => timestamp, "webhook-signature" => signature }
  Webhook.verify(secret, headers, body, now.to_i)
  puts "accept"
rescue Webhook::Refused => e
  puts "refuse: #{e.message}"
end
