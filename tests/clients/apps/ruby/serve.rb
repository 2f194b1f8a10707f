# Serves a Rack application on a free port, and says on which.
require "webrick"

def serve(app)
  Rack::Handler::WEBrick.run(app, Host: "127.0.0.1", Port: 0, AccessLog: []) do |server|
    $stdout.puts "listening #{server.listeners[0].addr[1]}"
    $stdout.flush
  end
end
