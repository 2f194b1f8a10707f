# Rack::Session::Redis, of redis-rack and redis-store.
require "json"
require "rack"
require "rack/session/redis"
require_relative "serve"

app = lambda do |env|
  session, query = env["rack.session"], Rack::Utils.parse_query(env["QUERY_STRING"])
  case env["PATH_INFO"]
  when "/login"
    session.options[:renew] = true
    session.options[:expire_after] = query["seconds"].to_i if query["seconds"]
    session["user"], session["visits"] = query["user"], 0
  when "/visit"
    session["visits"] += 1
  when "/rotate"
    session.options[:renew] = true
  when "/logout"
    session.destroy
  end
  session.options[:skip] = true unless session["user"]  # or else an id that is dead makes an empty session
  [200, {}, [{ user: session["user"], visits: session["visits"] || 0 }.to_json]]
end

serve(Rack::Session::Redis.new(app, redis_server: "#{ENV["REDIS_URL"]}/0/#{ENV["NAME"]}", expire_after: 600))
