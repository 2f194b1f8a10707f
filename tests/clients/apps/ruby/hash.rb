# A session in a hash, by hand, on redis-rb: MULTI, a pipeline, WATCH.
require "json"
require "rack"
require "redis"
require "securerandom"
require_relative "serve"

REDIS = Redis.new(url: ENV["REDIS_URL"])

def key(sid) = "#{ENV["NAME"]}:#{sid}"

def log_in(user, seconds)
  SecureRandom.hex.tap do |sid|
    REDIS.multi do |transaction|
      transaction.hset(key(sid), "user", user, "visits", 0)
      transaction.expire(key(sid), seconds)
    end
  end
end

# Only a session that is there is counted in: one that was logged out must not come back.
def visit(sid)
  REDIS.watch(key(sid)) do
    return REDIS.unwatch unless REDIS.exists?(key(sid))
    REDIS.multi { |transaction| transaction.hincrby(key(sid), "visits", 1) }
  end
end

def rotate(sid)
  SecureRandom.hex.tap { |fresh| REDIS.renamenx(key(sid), key(fresh)) }
end

app = lambda do |env|
  request = Rack::Request.new(env)
  sid = request.cookies["sid"] || "none"
  case request.path_info
  when "/login" then sid = log_in(request.params["user"], (request.params["seconds"] || 600).to_i)
  when "/visit" then visit(sid)
  when "/rotate" then sid = rotate(sid)
  when "/logout" then REDIS.del(key(sid))
  end
  session, seconds_left = REDIS.pipelined do |pipeline|
    pipeline.hgetall(key(sid))
    pipeline.ttl(key(sid))
  end
  raise "a session without an end" if seconds_left == -1
  [200, { "Set-Cookie" => "sid=#{sid}" }, [{ user: session["user"], visits: session["visits"].to_i }.to_json]]
end

serve(app)
