# Verifies webhooks signed after Standard Webhooks, schemes v1 and v1a, with Ruby's standard library alone.

require "openssl"

module Webhook
  TOLERANCE_SECONDS = 300
  # What stands before the 32 bytes of an ed25519 key to make it a public key in DER (RFC 8410).
  ED25519_DER_PREFIX = ["302a300506032b6570032100"].pack("H*")

  # Why a request is not accepted.
  class Refused < StandardError; end

  # Returns the id of the message, or raises Refused. `secret` is the endpoint's `whsec_…`, or its public key `whpk_…`.
  # `headers` answers `[]` with lower-case names. `body` is what arrived, byte for byte. `now` is in seconds since 1970.
  def self.verify(secret, headers, body, now)
    id, timestamp, signatures = %w[id timestamp signature].map do |part|
      headers["webhook-#{part}"] || headers["svix-#{part}"] || ""
    end
    if id.empty? || !timestamp.match?(/\A[0-9]{1,12}\z/)
      raise Refused, "the id or the timestamp is missing or malformed"
    end
    raise Refused, "the timestamp is more than 5 minutes off" if (now - timestamp.to_i).abs > TOLERANCE_SECONDS

    signed = "#{id}.#{timestamp}.".b + body.b
    # While a secret is being rotated there are several signatures; one that matches is enough.
    unless signatures.split(" ").any? { |signature| matches?(secret, signed, signature) }
      raise Refused, "no signature matches"
    end

    id
  end

  def self.matches?(secret, signed, signature)
    kind, encoded = secret.split("_", 2)
    key = encoded.to_s.unpack1("m")
    case kind
    when "whsec"
      expected = "v1," + [OpenSSL::HMAC.digest("SHA256", key, signed)].pack("m0")
      OpenSSL.secure_compare(expected, signature)
    when "whpk"
      public_key = OpenSSL::PKey.read(ED25519_DER_PREFIX + key)
      signature.start_with?("v1a,") && public_key.verify(nil, signature.delete_prefix("v1a,").unpack1("m"), signed)
    else
      raise Refused, "this needs a secret that begins with whsec_, or a public key that begins with whpk_"
    end
  end
end
