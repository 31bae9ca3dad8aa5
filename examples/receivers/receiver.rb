# WEBHOOK_SECRET=whsec_… PORT=9000 ruby receiver.rb        gem install webrick (Debian: ruby-webrick)
require "json"
require "openssl"
require "webrick"

secret = ENV.fetch("WEBHOOK_SECRET")
port = Integer(ENV.fetch("PORT", "9000"))
server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: port, AccessLog: [], Logger: WEBrick::Log.new($stderr, 1))

server.mount_proc "/" do |request, response|
  body = request.body # the bytes as they came: parsed and printed again, they no longer match
  expected = OpenSSL::HMAC.hexdigest("SHA256", secret, body)
  unless OpenSSL.secure_compare(expected, request["vomo-signature"].to_s)
    response.status = 401
    next
  end
  event = JSON.parse(body)
  # Put the work in a queue and answer: there are three seconds. The same webhook-id again is the same delivery.
  puts "#{event["type"]} for organization #{event["organization_id"]}, #{request["webhook-id"]}"
  response.status = 204
end

trap("INT") { server.shutdown }
puts "listening on http://127.0.0.1:#{port}"
$stdout.flush
server.start
