#!/usr/bin/env python3
"""Scripts: every reply here is that of Redis 7.0. With HYBRID_TEST_SERVER=redis the tests run against Debian's redis-server."""
import hashlib
import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from served import PASSWORD, SECONDS_MAX, ClientsTest, main, need_server, wait_until  # noqa: E402


class Client:
    """A client by hand, of either protocol: replies are bytes, numbers, lists, dicts, sets, and the texts "OK" and "ERR ..."."""

    def __init__(self, server, protocol=2):
        self.socket = socket.create_connection(("127.0.0.1", server.port), SECONDS_MAX)
        self.input = self.socket.makefile("rb")
        self("HELLO", protocol, "AUTH", "default", PASSWORD)

    def close(self):
        self.input.close()
        self.socket.close()

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.reply()

    def eval(self, script, *words):
        """The reply; the script's SHA-1 is <sha> in it."""
        reply = self("EVAL", script, *(words or [0]))
        if isinstance(reply, str):
            sha = hashlib.sha1(script if isinstance(script, bytes) else script.encode()).hexdigest()
            reply = reply.replace(sha, "<sha>")
        return reply

    def reply(self):
        line = self.input.readline()
        if not line.endswith(b"\r\n"):
            raise AssertionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind in b"+-":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b",":
            return float(rest)
        if kind == b"(":
            return ("big", rest)
        if kind == b"#":
            return rest == b"t"
        if kind == b"_" or rest == b"-1":
            return None
        if kind in b"$=":
            text = self.input.read(int(rest) + 2)[:-2]
            return text if kind == b"$" else ("verbatim", text)
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"~":
            return {self.reply() for _ in range(int(rest))}
        if kind == b"%":
            return {self.reply(): self.reply() for _ in range(int(rest))}
        raise AssertionError(f"not a reply: {line!r}")


def at(line=1):
    return f" script: <sha>, on @user_script:{line}."


# What a script returns, and the reply in RESP2.
VALUES = [
    ("return 1", 1), ("return 1.9", 1), ("return -1.9", -1), ("return 1e300", -2**63), ("return 0/0", -2**63),
    ("return 9007199254740993", 2**53), ("return '9' + 1", 10),
    ("return true", 1), ("return false", None), ("return nil", None), ("", None), ("return", None), ("return 1, 2", 1),
    ("return 'a\\0b'", b"a\0b"), ("return {}", []), ("return function() end", None),
    ("return {1, 2, nil, 4}", [1, 2]), ("return {1, false, true, 4}", [1, None, 1, 4]), ("return {[0] = 1}", []),
    ("return {1, 'two', {3, {4}}, function() end, 5}", [1, b"two", [3, [4]], None, 5]),
    ("return {ok = 'fine'}", "fine"), ("return {ok = 'a\\r\\nb'}", "a  b"), ("return {ok = 5}", []),
    ("return {err = 'MY error'}", "MY error"), ("return {err = 'plain'}", "plain"), ("return {err = 1}", []),
    ("return {err = 'a\\nb'}", "a b"), ("return {err = 'E x', ok = 'y'}", "E x"),
    ("return {double = 1.5}", b"1.5"), ("return {double = 3}", b"3"), ("return {double = 'x'}", []),
    ("return {double = 1/0}", b"inf"), ("return {map = {a = 1}}", [b"a", 1]), ("return {map = {[1] = false}}", [1, None]),
    ("return {set = {a = true}}", [b"a"]), ("return {big_number = '12\\n34'}", b"12 34"),
    ("return {verbatim_string = {string = 'abc', format = 'txt'}}", b"abc"),
    ("return {verbatim_string = {string = 'abc'}}", []),
    ("return setmetatable({}, {__index = function() return 5 end})", []),
    ("return redis.status_reply('x')", "x"), ("return redis.status_reply('x').ok", b"x"),
    ("return redis.status_reply()", "ERR wrong number or type of arguments"),
    ("return redis.error_reply('x')", "ERR x"), ("return redis.error_reply('MY x')", "MY x"),
    ("return redis.error_reply('-MY x')", "MY x"), ("return redis.error_reply('x').err", b"ERR x"),
    ("return redis.error_reply('')", "ERR "), ("return redis.error_reply(1)", "ERR wrong number or type of arguments"),
]

# The same in RESP3, and if the script asks for that as well.
VALUES_3 = [
    ("return true", 1, True), ("return false", None, False), ("return nil", None, None),
    ("return {double = 1.5}", 1.5, 1.5), ("return {map = {a = {map = {b = 1}}}}", {b"a": {b"b": 1}}, {b"a": {b"b": 1}}),
    ("return {set = {a = true}}", {b"a"}, {b"a"}), ("return {big_number = '123'}", ("big", b"123"), ("big", b"123")),
    ("return {verbatim_string = {string = 'abc', format = 'txt'}}", ("verbatim", b"txt:abc"), ("verbatim", b"txt:abc")),
    ("return redis.call('hgetall', 'hash')", [b"a", b"1"], {b"a": b"1"}),
    ("return redis.call('smembers', 'set')", [b"m"], {b"m"}),
    ("return redis.call('get', 'none')", None, None),
    ("return tostring(redis.call('get', 'none'))", b"false", b"nil"),
    ("return redis.call('mget', 'string', 'none')", [b"1", None], [b"1"]),
    ("return redis.call('hgetall', 'hash').map and 1", None, 1),
    ("return redis.call('smembers', 'set').set and 1", None, 1),
    ("return type(redis.call('info', 'server'))", b"string", b"table"),
]

# What commands reply, as a script sees it. There are a string, a hash and a set.
CALLS = [
    ("return redis.call('ping')", "PONG"), ("return redis.call('ping').ok", b"PONG"),
    ("return redis.call('get', 'string')", b"1"), ("return redis.call('get', 'none')", None),
    ("return tostring(redis.call('get', 'none'))", b"false"), ("return redis.call('exists', 'string') + 1", 2),
    ("return redis.call('mget', 'string', 'none', 'hash')", [b"1", None, None]),
    ("return #redis.call('hgetall', 'hash')", 2), ("return redis.call('hgetall', 'hash')[2]", b"1"),
    ("return tostring(redis.call('set', 'string', '1', 'nx'))", b"false"),
    ("return redis.call('echo', 1.5)", b"1.5"), ("return redis.call('echo', 0.1)", b"0.10000000000000001"),
    ("return redis.call('echo', 1e15)", b"1000000000000000"), ("return redis.call('echo', 1e17)", b"1e+17"),
    ("return redis.call('echo', 100)", b"100"), ("return redis.call('echo', 2^53)", b"9007199254740992"),
    ("return redis.call('ECHO', 'x')", b"x"),
    ("return redis.call()", "ERR Please specify at least one argument for this redis lib call" + at()),
    ("return redis.pcall()", "ERR Please specify at least one argument for this redis lib call"),
    ("return redis.call('get', {})", "ERR Lua redis lib command arguments must be strings or integers" + at()),
    ("return redis.call('echo', true)", "ERR Lua redis lib command arguments must be strings or integers" + at()),
    ("return redis.call('foo')", "ERR Unknown Redis command called from script" + at()),
    ("return redis.call('get')", "ERR Wrong number of args calling Redis command from script" + at()),
    ("return redis.call('get', 'a', 'b')", "ERR Wrong number of args calling Redis command from script" + at()),
    *(("return redis.call('" + words.replace(" ", "', '") + "')", "ERR This Redis command is not allowed from script" + at())
      for words in ("eval x 0", "script flush", "multi", "exec", "watch a", "subscribe a", "auth x", "hello", "client id",
                    "config get x", "shutdown", "save", "quit", "debug sleep 0")),
    ("return redis.call('get', 'hash')", "WRONGTYPE Operation against a key holding the wrong kind of value" + at()),
    ("return redis.pcall('get', 'hash')", "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ("return redis.pcall('get', 'hash').err", b"WRONGTYPE Operation against a key holding the wrong kind of value"),
    ("return {1, redis.pcall('foo'), 2}", [1, "ERR Unknown Redis command called from script", 2]),
    ("local ok, e = pcall(redis.call, 'get', 'hash') return {tostring(ok), e}",
     [b"false", b"WRONGTYPE Operation against a key holding the wrong kind of value"]),
    ("error(redis.pcall('foo'))", "ERR Unknown Redis command called from script" + at()),
    ("return assert(redis.pcall('foo'))", "ERR Unknown Redis command called from script"),
    ("local function f()\n return redis.call('foo') end\nlocal x = f()\nreturn x",
     "ERR Unknown Redis command called from script" + at(2)),
    ("return redis.call('set', 'a', 1, 'foo')", "ERR syntax error" + at()),
    ("return redis.call('select', 99)", "ERR DB index is out of range" + at()),
    ("return tostring(redis.acl_check_cmd('get', 'x'))", b"true"),
    ("return redis.acl_check_cmd('foo')", "ERR Invalid command passed to redis.acl_check_cmd()" + at()),
]

ERRORS = [
    ("error('x')", "ERR user_script:1: x" + at()), ("error('x', 0)", "ERR x" + at()), ("error()", "ERR nil" + at()),
    ("error(true)", "ERR true" + at()), ("error(12)", "ERR user_script:1: 12" + at()),
    ("error({err = 'MY x'})", "MY x" + at()), ("error({err = 5})", "5" + at()), ("\nerror('x')", "ERR user_script:2: x" + at(2)),
    ("local t return t.x", "ERR user_script:1: attempt to index local 't' (a nil value)" + at()),
    ("return 5 + nil", "ERR user_script:1: attempt to perform arithmetic on a nil value" + at()),
    ("return redis.foo()", "ERR user_script:1: attempt to call field 'foo' (a nil value)" + at()),
    ("return assert(false, 'x')", "ERR user_script:1: x" + at()), ("return assert(nil)", "ERR user_script:1: assertion failed!" + at()),
    ("local f f = function() return f() + 1 end return f()", "ERR user_script:1: stack overflow" + at()),
    ("coroutine.yield(1)", "ERR attempt to yield across metamethod/C-call boundary" + at()),
    ("coroutine.wrap(function() redis.call('foo') end)()", "ERR Unknown Redis command called from script" + at()),
    ("return string.char(256)", "ERR user_script:1: bad argument #1 to 'char' (invalid value)" + at()),
    ("return {unpack({}, 1, 1e8)}", "ERR user_script:1: too many results to unpack" + at()),
    ("table.sort({3, 'x', 2})", "ERR attempt to compare string with number" + at()),
    ("table.sort({3, 1, 2, 5, 4}, function() return true end)", "ERR user_script:1: invalid order function for sorting" + at()),
    ("return x", "ERR user_script:1: Script attempted to access nonexistent global variable 'x'" + at()),
    ("x = 1", "ERR user_script:1: Attempt to modify a readonly table" + at()),
    ("redis.call = 1", "ERR user_script:1: Attempt to modify a readonly table" + at()),
    ("KEYS = 1", "ERR user_script:1: Attempt to modify a readonly table" + at()),
    ("rawset(_G, 'x', 1)", "ERR Attempt to modify a readonly table" + at()),
    ("table.insert(string, 1)", "ERR Attempt to modify a readonly table" + at()),
    ("setmetatable(_G, {})", "ERR Attempt to modify a readonly table" + at()),
    ("return redis.setresp(4)", "ERR RESP version must be 2 or 3." + at()),
    ("return redis.setresp()", "ERR redis.setresp() requires one argument." + at()),
    ("return redis.sha1hex()", "ERR wrong number of arguments" + at()),
    ("return redis.log(1)", "ERR redis.log() requires two arguments or more." + at()),
    ("return redis.log('x', 'y')", "ERR First argument must be a number (log level)." + at()),
    ("return redis.log(10, 'y')", "ERR Invalid debug level." + at()),
    ("return +", "ERR Error compiling script (new function): user_script:1: unexpected symbol near '+'"),
    ("return 'a", "ERR Error compiling script (new function): user_script:1: unfinished string near '<eof>'"),
    (b"\x1bLua", "ERR Error compiling script (new function): user_script:1: unexpected symbol near 'char(27)'"),
    ("local x = " + "{" * 250 + "}" * 250, "ERR Error compiling script (new function): user_script:1: chunk has too many syntax levels"),
]

LIBRARIES = [
    ("return redis.sha1hex('')", b"da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("return redis.replicate_commands()", 1),
    ("return {redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING}", [0, 1, 2, 3]),
    ("return redis.log(redis.LOG_DEBUG, 'x')", None), ("return redis.set_repl(redis.REPL_ALL)", None), ("return _VERSION", b"Lua 5.1"),
    ("return {redis.REDIS_VERSION, redis.REDIS_VERSION_NUM}", [b"7.0.15", 0x07000F]),
    ("math.randomseed(42) return {math.random(1000000), math.random(1000000), math.random(3, 9)}", [744526, 342702, 3]),
    ("return math.random(5, 1)", "ERR user_script:1: bad argument #2 to 'random' (interval is empty)" + at()),
    ("return {string.gsub('hello world', '(o)', '%1%1')}", [b"helloo woorld", 2]),
    ("return {string.find('key=value', '(%w+)=(%w+)')}", [1, 9, b"key", b"value"]),
    ("local t = {} for w in string.gmatch('a bc d', '%a+') do t[#t + 1] = w end return t", [b"a", b"bc", b"d"]),
    ("return {string.match('THE (quick) fox', '%((%a+)%)'), string.match('x', '()'), string.find('a.b', '.', 1, true)}", [b"quick", 1, 2, 2]),
    ("return {string.gsub('THE (quick) fox', '%f[%a]%a+', string.lower)}", [b"the (quick) fox", 3]),
    ("return string.match('[[x]]', '%b[]')", b"[[x]]"), ("return string.find('a', '[a')",
     "ERR user_script:1: malformed pattern (missing ']')" + at()),
    ("return ('x'):rep(3) .. ('x'):rep(0)", b"xxx"), ("return string.format('%5.1f|%s', 3.14159, 'x')", b"  3.1|x"),
    ("local a = {3, 1, 2} table.sort(a) return a", [1, 2, 3]),
    ("local a = {3, 1, 2} table.sort(a, function(x, y) return x > y end) return a", [3, 2, 1]),
    ("return {select('#', 1, 2), select(2, 'a', 'b')}", [2, b"b"]), ("return {unpack({1, 2, 3}, 2)}", [2, 3]),
    ("return {pcall(function() return 1, 2 end)}", [1, 1, 2]), ("return select(2, pcall(5))", b"attempt to call a number value"),
    ("return select(2, xpcall(function() error('q') end, function(e) return 'saw ' .. e end))", b"saw user_script:1: q"),
    ("return select(2, xpcall(function() error('q') end, function() error('r') end))", b"error in error handling"),
    ("return loadstring('return KEYS[1]')()", b"k", 1, "k"), ("local f, e = loadstring('return +') return e",
     b"[string \"return +\"]:1: unexpected symbol near '+'"),
    ("local p, i = {'return ', '7'}, 0 return load(function() i = i + 1 return p[i] end)()", 7),
    ("local f = loadstring('x = 1', '=foo') return select(2, pcall(f))", b"foo:1: Attempt to modify a readonly table"),
    ("return tostring(setmetatable({}, {__tostring = function() return 'hey' end}))", b"hey"),
    ("return coroutine.wrap(function() return redis.call('ping') end)()", "PONG"),
    ("return cjson.encode({1, 2, {a = 1}})", b'[1,2,{"a":1}]'), ("return cjson.decode('{\"a\":[1,2.5,\"x\"]}').a", [1, 2, b"x"]),
    ("return cjson.encode({a = '/\"\\\\ \\1'})", b'{"a":"\\/\\"\\\\ \\u0001"}'), ("return tostring(cjson.decode('null') == cjson.null)", b"true"),
    ("return cjson.encode({[1] = 1, [100] = 2})", "ERR user_script:1: Cannot serialise table: excessively sparse array" + at()),
    ("return cjson.encode(0/0)", "ERR user_script:1: Cannot serialise number: must not be NaN or Inf" + at()),
    ("return cjson.decode('x')", "ERR user_script:1: Expected value but found invalid token at character 1" + at()),
    ("return cjson.encode()", "ERR user_script:1: bad argument #1 to 'encode' (expected 1 argument)" + at()),
    ("local t = {} for i = 1, 5000 do t = {t} end return cjson.encode(t)",
     "ERR user_script:1: Cannot serialise, excessive nesting (1001)" + at()),
    ("return cmsgpack.pack(1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, -128, -129, 2^31, 2^32, -2^31 - 1)",
     bytes.fromhex("01ff7fcc80e0d0dfccffcd0100cdffffce00010000d080d1ff7fce80000000cf0000000100000000d3ffffffff7fffffff")),
    ("return cmsgpack.pack(1.5, 0.1, 1/0, 2^63, 2^63 + 2^11, 1e300)",
     bytes.fromhex("ca3fc00000cb3fb999999999999aca7f800000ca5f000000cb43e0000000000001cb7e37e43c8800759c")),
    ("return cmsgpack.pack(nil, true, false, redis.call, '', 'abc', ('x'):rep(32))", b"\xc0\xc3\xc2\xc0\xa0\xa3abc\xd9\x20" + b"x" * 32),
    ("return cmsgpack.pack({}, {1, 2}, {a = 1}, {1, nil, 3}, {[1.5] = 1})",
     bytes.fromhex("90920102" "81a16101" "8201010303" "81ca3fc0000001")),
    ("local t = {} for i = 1, 20 do t = {t} end return cmsgpack.pack(t)", b"\x91" * 16 + b"\xc0"),
    ("return {cmsgpack._NAME, cmsgpack._VERSION}", [b"cmsgpack", b"lua-cmsgpack 0.4.0"]),
    ("return cmsgpack.pack()", "ERR user_script:1: bad argument #0 to 'pack' (MessagePack pack needs input.)" + at()),
    ("return {cmsgpack.unpack(cmsgpack.pack(1, 'a', {1, {2}}, false, {x = 'y'}))}", [1, b"a", [1, [2]], None, []]),
    ("return cmsgpack.unpack(cmsgpack.pack({x = {1, y = {2}}})).x.y", [2]),
    ("return {cmsgpack.unpack('\\1\\207\\0\\0\\0\\1\\0\\0\\0\\0\\211\\255\\255\\255\\255\\255\\255\\255\\254')}",
     [1, 2**32, -2]),
    ("return {cmsgpack.unpack('')}", []), ("return {cmsgpack.unpack_one('\\1\\2\\3', 1)}", [2, 2]),
    ("return {cmsgpack.unpack_one('\\1\\2', 1)}", [-1, 2]), ("return {cmsgpack.unpack_limit('\\1\\2\\3', 2)}", [2, 1, 2]),
    ("return {cmsgpack.unpack_limit('\\1\\2\\3', 5, 1)}", [-1, 2, 3]), ("return {cmsgpack.unpack_limit('\\1\\2', 0)}", [1, 2]),
    ("return #cmsgpack.unpack('\\147\\1\\192\\3')", 1), ("return {cmsgpack.unpack_limit('\\1', 2^32, 0)}", [-1, 1]),
    ("return {cmsgpack.unpack_limit('\\1\\2', 0, 1)}", [1]), ("return {cmsgpack.unpack_one('\\1\\2', 1.7)}", [-1, 2]),
    ("return #cmsgpack.unpack(cmsgpack.pack(string.rep('x', 3000000)))", 3000000),
    ("return cmsgpack.unpack('\\146\\1')", "ERR user_script:1: Missing bytes in input." + at()),
    ("return cmsgpack.unpack('\\221\\255\\255\\255\\255')", "ERR user_script:1: Missing bytes in input." + at()),
    ("return cmsgpack.unpack('\\193')", "ERR user_script:1: Bad data format in input." + at()),
    ("return cmsgpack.unpack('\\212\\1\\1')", "ERR user_script:1: Bad data format in input." + at()),
    ("cmsgpack.pack = 1", "ERR user_script:1: Attempt to modify a readonly table" + at()),
    ("local t = {} for i = 1, 7999 do t[i] = i end return #redis.call('echo', unpack(t))",
     "ERR Wrong number of args calling Redis command from script" + at()),
    ("return {bit.band(255, 15), bit.bor(1, 2), bit.bxor(3, 1), bit.bnot(0), bit.lshift(1, 31), bit.rshift(-1, 28)}",
     [15, 3, 2, -1, -2**31, 15]),
    ("return {bit.arshift(-16, 2), bit.rol(1, 33), bit.ror(1, 1), bit.bswap(1), bit.tobit(2^32 + 5), bit.band('7', 1.5)}",
     [-4, 2, -2**31, 2**24, 5, 2]),
    ("return {bit.tohex(255), bit.tohex(-1, -4), bit.tohex(10, 20), bit.tohex(-1, -2147483648)}",
     [b"000000ff", b"FFFF", b"0000000a", b"FFFFFFFF"]),
    ("return bit.band()", "ERR user_script:1: bad argument #1 to 'band' (number expected, got no value)" + at()),
]

SHEBANGS = [
    ("#!lua\nreturn 1", 1), ("#!lua flags=no-writes,allow-stale,allow-oom\nreturn 1", 1), ("#!lua flags=\nreturn 1", 1),
    ("#!lua flags=no-writes\nreturn redis.call('set', 'a', 1)", "ERR Write commands are not allowed from read-only scripts." + at(2)),
    ("#!lua\nerror('x')", "ERR user_script:2: x" + at(2)), ("#!lua", "ERR Invalid script shebang"),
    ("#!foo\nreturn 1", "ERR Unexpected engine in script shebang: #!foo"),
    ("#!lua flags=foo\nreturn 1", "ERR Unexpected flag in script shebang: foo"),
    ("#!lua bar=1\nreturn 1", "ERR Unknown lua shebang option: bar=1"),
]

# Scripts of clients.
UNLOCK = 'if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end'
EXTEND = """
    local token = redis.call('get', KEYS[1])
    if not token or token ~= ARGV[1] then
        return 0
    end
    local expiration = redis.call('pttl', KEYS[1])
    if not expiration then
        expiration = 0
    end
    if expiration < 0 then
        return 0
    end
    local newttl = ARGV[2]
    if ARGV[3] == "0" then
        newttl = ARGV[2] + expiration
    end
    redis.call('pexpire', KEYS[1], newttl)
    return 1
"""
RATE_LIMIT = """
    local windowMs = tonumber(ARGV[2])
    local resetOnChange = ARGV[1] == "1"
    local timeToExpire = redis.call("PTTL", KEYS[1])
    if timeToExpire <= 0 then
      redis.call("SET", KEYS[1], 1, "PX", windowMs)
      return { 1, windowMs }
    end
    local totalHits = redis.call("INCR", KEYS[1])
    if resetOnChange then
      redis.call("PEXPIRE", KEYS[1], windowMs)
      timeToExpire = windowMs
    end
    return { totalHits, timeToExpire }
"""
DJANGO_INCR = """
    local exists = redis.call('EXISTS', KEYS[1])
    if (exists == 1) then
        return redis.call('INCRBY', KEYS[1], ARGV[1])
    else return false end
"""


class ScriptsTest(ClientsTest):
    def setUp(self):
        self.client = self.connect()
        self.client("FLUSHALL")
        self.client("SCRIPT", "FLUSH")
        self.client("SET", "string", "1")
        self.client("HSET", "hash", "a", "1")
        self.client("SADD", "set", "m")

    def connect(self, protocol=2):
        client = Client(self.server, protocol)
        self.addCleanup(client.close)
        return client

    def check(self, cases):
        for script, reply, *words in cases:
            with self.subTest(script=script):
                self.assertEqual(self.client.eval(script, *words), reply)

    def test_values_become_replies(self):
        self.check(VALUES)

    def test_values_become_replies_of_resp3(self):
        client = self.connect(3)
        for script, reply, reply_3 in VALUES_3:
            with self.subTest(script=script):
                self.assertEqual(client.eval(script), reply)
                self.assertEqual(client.eval(f"redis.setresp(3) {script}"), reply_3)

    def test_replies_become_values(self):
        self.check(CALLS)

    def test_errors(self):
        self.check(ERRORS)

    def test_libraries(self):
        self.check(LIBRARIES)

    def test_first_lines(self):
        self.check(SHEBANGS)

    def test_keys_and_arguments(self):
        client = self.client
        self.assertEqual(client.eval("return {KEYS[1], KEYS[2], ARGV[1], #ARGV}", 2, "a", "", b"\x00\xff", "d"),
                         [b"a", b"", b"\x00\xff", 2])
        self.assertEqual(client.eval("KEYS[1] = 5 return KEYS", 1, "a"), [5])
        for words, error in ((("x",), "ERR value is not an integer or out of range"),
                             ((-1,), "ERR Number of keys can't be negative"),
                             ((1,), "ERR Number of keys can't be greater than number of args"),
                             ((), "ERR wrong number of arguments for 'eval' command")):
            self.assertEqual(client("EVAL", "return 1", *words), error)

    def test_scripts_are_known_by_their_sha(self):
        client, text = self.client, "return ARGV[1]"
        sha = hashlib.sha1(text.encode()).hexdigest()
        unknown = "NOSCRIPT No matching script. Please use EVAL."
        self.assertEqual(client("EVALSHA", sha, 0, "x"), unknown)
        self.assertEqual(client("EVALSHA_RO", "x", 0), unknown)
        self.assertEqual(client("SCRIPT", "LOAD", text), sha.encode())
        self.assertEqual(client("EVALSHA", sha.upper(), 0, "x"), b"x")
        self.assertEqual(client("EVALSHA_RO", sha, 0, "x"), b"x")
        self.assertEqual(client("SCRIPT", "EXISTS", sha, "x", sha), [1, 0, 1])
        for words in ((), ("ASYNC",), ("sync",)):
            self.assertEqual(client("SCRIPT", "FLUSH", *words), "OK")
            self.assertEqual(client("SCRIPT", "EXISTS", sha), [0])
            self.assertEqual(client("EVALSHA", sha, 0, "x"), unknown)
            self.assertEqual(client("EVAL", text, 0, "y"), b"y")
            self.assertEqual(client("EVALSHA", sha, 0, "x"), b"x")
        client("EVAL", "return +", 0)
        self.assertEqual(client("SCRIPT", "EXISTS", hashlib.sha1(b"return +").hexdigest()), [0])
        self.assertEqual(client("SCRIPT", "LOAD", "return +"),
                         "ERR Error compiling script (new function): user_script:1: unexpected symbol near '+'")

    def test_other_subcommands(self):
        for words, reply in ((("KILL",), "NOTBUSY No scripts in execution right now."),
                             (("FOO",), "ERR unknown subcommand 'FOO'. Try SCRIPT HELP."),
                             (("LOAD",), "ERR wrong number of arguments for 'script|load' command"),
                             (("EXISTS",), "ERR wrong number of arguments for 'script|exists' command"),
                             (("FLUSH", "FOO"), "ERR SCRIPT FLUSH only support SYNC|ASYNC option"),
                             ((), "ERR wrong number of arguments for 'script' command")):
            self.assertEqual(self.client("SCRIPT", *words), reply)

    def test_a_script_that_may_only_read_only_reads(self):
        client = self.client
        self.assertEqual(client("EVAL_RO", "return redis.call('get', KEYS[1])", 1, "string"), b"1")
        for command in ("'set', 'string', 2", "'del', 'string'", "'publish', 'a', 'b'"):
            self.assertEqual(client("EVAL_RO", f"return redis.pcall({command})", 0),
                             "ERR Write commands are not allowed from read-only scripts.")
        self.assertEqual(client("EVAL_RO", "#!lua\nreturn 1", 0), "ERR Can not execute a script with write flag using *_ro command.")
        self.assertEqual(client("EVAL_RO", "#!lua flags=no-writes\nreturn 1", 0), 1)
        self.assertEqual(client("GET", "string"), b"1")

    def test_the_database_is_the_clients_again(self):
        client = self.client
        self.assertEqual(client.eval("redis.call('select', 3) redis.call('set', 'x', 1) return redis.call('get', 'x')"), b"1")
        self.assertEqual(client("GET", "x"), None)
        client("SELECT", 3)
        self.assertEqual(client("GET", "x"), b"1")

    def test_within_a_transaction(self):
        client = self.client
        self.assertEqual(client("MULTI"), "OK")
        for words in (("SET", "n", 1), ("EVAL", "redis.call('incr', 'n') return redis.call('incr', 'n')", 0),
                      ("EVAL", "redis.call('incr', 'n') return redis.call('foo')", 0), ("EVALSHA", "x", 0), ("GET", "n")):
            self.assertEqual(client(*words), "QUEUED")
        *replies, error, unknown, last = client("EXEC")
        self.assertEqual((replies, last), (["OK", 3], b"4"))
        self.assertRegex(error, "^ERR Unknown Redis command called from script script: [0-9a-f]{40}, on @user_script:1.$")
        self.assertEqual(unknown, "NOSCRIPT No matching script. Please use EVAL.")

    def test_a_watched_key_that_a_script_changes(self):
        client, other = self.client, self.connect()
        client("WATCH", "string")
        other.eval("redis.call('set', 'string', 2)")
        client("MULTI")
        client("PING")
        self.assertEqual(client("EXEC"), None)

    def test_what_a_script_did_before_its_error_stays(self):
        self.client.eval("redis.call('set', 'x', 1) error('no')")
        self.assertEqual(self.client("GET", "x"), b"1")

    def test_scripts_of_locks(self):
        client = self.client
        client("SET", "lock", "me", "PX", 60000)
        self.assertEqual(client.eval(UNLOCK, 1, "lock", "you"), 0)
        self.assertEqual(client.eval(EXTEND, 1, "lock", "you", 1000, "0"), 0)
        self.assertEqual(client.eval(EXTEND, 1, "lock", "me", 60000, "0"), 1)
        self.assertTrue(100000 < client("PTTL", "lock") <= 120000)
        self.assertEqual(client.eval(EXTEND, 1, "lock", "me", 5000, "1"), 1)
        self.assertTrue(0 < client("PTTL", "lock") <= 5000)
        self.assertEqual(client.eval(UNLOCK, 1, "lock", "me"), 1)
        self.assertEqual(client.eval(UNLOCK, 1, "lock", "me"), 0)

    def test_script_of_a_rate_limit(self):
        client = self.client
        self.assertEqual(client.eval(RATE_LIMIT, 1, "rate", 0, 60000), [1, 60000])
        hits, left = client.eval(RATE_LIMIT, 1, "rate", 0, 60000)
        self.assertTrue(hits == 2 and 50000 < left <= 60000)
        self.assertEqual(client.eval(RATE_LIMIT, 1, "rate", 1, 90000), [3, 90000])
        self.assertTrue(60000 < client("PTTL", "rate") <= 90000)

    def test_script_of_django(self):
        self.assertEqual(self.client.eval(DJANGO_INCR, 1, "none", 5), None)
        self.assertEqual(self.client.eval(DJANGO_INCR, 1, "string", 5), 6)

    def test_a_counter_and_its_deadline_survive_kill_9_together(self):
        wait_until(lambda: self.client.eval("redis.call('incr', 'n') redis.call('pexpire', 'n', 600000) return redis.call('get', 'n')")
                   == b"50", "it counts")
        self.kill_and_start_server()
        client = self.connect()
        self.assertEqual(client("GET", "n"), b"50")
        self.assertTrue(0 < client("PTTL", "n") <= 600000)


if __name__ == "__main__":
    need_server()
    main()
