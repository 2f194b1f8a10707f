#!/usr/bin/env python3
"""The recipes of docs/adapters.md compile and keep what they promise: with the framework, as browsers meet it, where Debian has it and it
is installed, else with stand_ins/frameworks.hpp."""
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("HYBRID_SOURCE_DIR") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("HYBRID_BINARY") or ROOT / "build/dev/hybrid").parent


text = (ROOT / "docs/adapters.md").read_text()
recipes = dict(re.findall(r"```cpp compiled: (\S+)\n(.*?)```", text, re.DOTALL))
recipes_like = dict(re.findall(r"```cpp like: (\S+)\n(.*?)```", text, re.DOTALL))

# What a program that takes the recipe has around it.
AROUND = {
    "drogon": r"""using namespace drogon;
%s
hybrid::Session& session_of(const HttpRequestPtr& request) { return *request->attributes()->get<RequestSessionPtr>("session"); }
""",
    "crow": r"""%s
hybrid::Session& session_of(crow::App<WithSession>& app, crow::request& request) {
  return *app.get_context<WithSession>(request).session;
}
""",
    "oat++": "struct Visits : oatpp::ApiController {\n  const hybrid::http::Sessions& sessions;\n%s\n};",
    "userver": r"""const hybrid::http::Sessions& sessions();
%s
template <class T> concept Whole = !std::is_abstract_v<T>;
static_assert(Whole<WithSession>);
hybrid::Session& session_of(server::request::RequestContext& context) {
  return *context.GetData<std::shared_ptr<hybrid::http::RequestSession>>("session");
}
""",
}

# Where a recipe may go wrong, as programs that end with 1 if it does.
STORE = r"""
#include <cstdio>
#include <hybrid/hybrid.hpp>
void say_port(int port) { std::printf("%d\n", port); std::fflush(stdout); }
void expect(bool is_so, const char* what) { if (!is_so) { std::puts(what); std::exit(1); } }
// So large that the store does not keep it.
void set_too_much(hybrid::Session& session) {
  for (int key = 0; key < 5; ++key) session.set(key, std::string(std::size_t{15} << 20, 'x')).value();
}
const auto store = hybrid::open("memory:").value();
const auto sessions = hybrid::http::Sessions::make(*store, {}).value();
"""
RUNS = {
    "drogon": STORE + r"""
HttpResponsePtr answer(WithSession& middleware, const HttpResponsePtr& response, void (*change)(hybrid::Session&)) {
  HttpResponsePtr sent;
  const auto request = std::make_shared<HttpRequest>();
  middleware.invoke(request, [&](MiddlewareCallback&& done) { change(session_of(request)); done(response); },
                    [&](const HttpResponsePtr& response) { sent = response; });
  return sent;
}
int main() {
  const auto nothing = [](hybrid::Session&) {};
  const auto set = [](hybrid::Session& session) { session.set("a", 1).value(); };
  WithSession middleware{sessions};
  for (const auto& [code, expiry] : {std::pair{k404NotFound, -1}, {k404NotFound, 0}, {k200OK, 5}}) {
    const auto shared = HttpResponse::newHttpResponse(code, CT_TEXT_HTML);
    shared->expiry = expiry;
    shared->setContentTypeCodeAndCustomString(CT_TEXT_HTML, "text/x");
    shared->setBody("page");
    shared->addHeader("x-other", "1");
    expect(answer(middleware, shared, nothing) == shared, "a response is copied without need");
    const auto sent = answer(middleware, shared, set);
    expect(!shared->headers().contains("Set-Cookie"), "a cookie got into what other visitors are sent");
    expect(sent->headers().contains("Set-Cookie") && sent->headers().contains("x-other"), "a header was lost");
    expect(sent->body() == "page" && sent->statusCode() == code && sent->contentTypeString() == "text/x", "the copy differs");
  }
  const auto own = HttpResponse::newHttpResponse(k200OK, CT_TEXT_HTML);
  expect(answer(middleware, own, set) == own && own->headers().contains("Set-Cookie"), "no cookie");
  const auto failed = answer(middleware, HttpResponse::newHttpResponse(k200OK, CT_TEXT_HTML), set_too_much);
  expect(failed->statusCode() == k503ServiceUnavailable && !failed->headers().contains("Set-Cookie"), "no 503");
}
""",
    "crow": STORE + r"""
struct Refuses {
  struct context {};
  bool does = false;
  void before_handle(crow::request&, crow::response& response, context&) {
    if (!does) return;
    response.code = 401;
    response.end();
  }
  void after_handle(crow::request&, crow::response&, context&) {}
};
int main() {
  crow::App<WithSession, Refuses> app;
  app.get_middleware<WithSession>().sessions = &sessions;
  crow::request request;
  crow::response answered{200};
  const auto answer = [&](const std::function<void(hybrid::Session&)>& handler) {
    answered = crow::response{200};
    app.handle(request, answered, handler ? std::function<void()>{[&] { handler(*app.get_context<WithSession>(request).session); }}
                                          : std::function<void()>{});
    return std::move(answered);
  };
  const auto set = [](hybrid::Session& session) { session.set("a", 1).value(); };
  expect(answer(nullptr).code == 404, "an unknown path, at first");
  expect(answer(set).headers.count("Set-Cookie") == 1, "no cookie");
  const auto unknown = answer(nullptr);
  expect(unknown.code == 404 && unknown.headers.empty(), "an unknown path, after another request of the connection");
  const auto failed = answer([&](hybrid::Session& session) {
    set_too_much(session);
    answered.body = "It is all there.";
    answered.add_header("ETag", "large");
  });
  expect(failed.code == 503, "no 503");
  expect(failed.body.empty() && failed.headers.empty(), "a 503 with something of the handler's");
  app.get_middleware<Refuses>().does = true;
  const auto refused = answer([](hybrid::Session&) { expect(false, "the handler runs"); });
  expect(refused.code == 401 && refused.is_completed, "what another middleware answered is not sent");
  crow::response kept{200};
  kept.end();
  WithSession::context context;
  app.get_middleware<WithSession>().before_handle(request, kept, context);
  set_too_much(*context.session);
  app.get_middleware<WithSession>().after_handle(request, kept, context);
  expect(kept.code == 503 && kept.is_completed, "the handler would run after 503");
}
""",
}

# Servers with the recipes of frameworks that are installed. They say what port they have. At /large the recipe's handler goes on with what
# is given here: it has answered, and cannot keep what it has set.
SPOILS = 'session.renew().value(); set_too_much(session); '
SERVERS = {
    "restinio/all.hpp": (("-lfmt", "-lhttp_parser"), """if (request->header().path() == "/large") {
  response.append_header("ETag", "large").append_header("Content-Encoding", "identity").append_header("Set-Cookie", "large=yes");
  response.set_body("It is all there."); %s }""", r"""
int main() {
  std::atomic<int> port = 0;
  const auto server = restinio::run_async<>(restinio::own_io_context(), restinio::server_settings_t<>{}
      .address("127.0.0.1").port(0).request_handler(handler(sessions))
      .acceptor_post_bind_hook([&](auto& acceptor) { port = acceptor.local_endpoint().port(); }), 1);
  say_port(port);
  std::getchar();
}
"""),
    "pistache/endpoint.h": (("-lpistache",), """if (request.resource() == "/large") {
  writer.headers().add<Pistache::Http::Header::ContentEncoding>(Pistache::Http::Header::Encoding::Identity);
  writer.cookies().add({"large", "yes"}); %s }""", r"""
struct Answers : Pistache::Http::Handler {
  HTTP_PROTOTYPE(Answers)
  void onRequest(const Pistache::Http::Request& request, Pistache::Http::ResponseWriter writer) override {
    answer(sessions, request, std::move(writer));
  }
};
int main() {
  Pistache::Http::Endpoint server{Pistache::Address{"127.0.0.1", Pistache::Port{0}}};
  server.init(Pistache::Http::Endpoint::options());
  server.setHandler(Pistache::Http::make_handler<Answers>());
  server.serveThreaded();
  say_port(server.getPort());
  std::getchar();
}
"""),
}

# Of cpp-httplib's adapter: what a small site does not do.
STREAMS = r"""
int main() {
  int released = 0;
  const auto handler = hybrid::http::cpp_httplib::with_session(
      sessions, [&](const httplib::Request&, httplib::Response& response, hybrid::Session& session) {
    response.set_chunked_content_provider("text/x", [](std::size_t, httplib::DataSink&) { return true; }, [&](bool) { ++released; });
    response.set_header("ETag", "large");
    set_too_much(session);
  });
  httplib::Response response;
  response.version = "HTTP/1.1";
  response.set_header("Server", "mine");
  handler(httplib::Request{}, response);
  expect(response.status == 503 && !response.content_provider_ && response.body == hybrid::http::kUnavailableText, "no 503");
  expect(released == 1, "what the content provider holds is not released, or twice");
  expect(response.version == "HTTP/1.1" && response.get_header_value("Server") == "mine", "what was there before is lost");
  expect(!response.has_header("ETag") && response.get_header_value_count("Content-Type") == 1, "a header of the handler's");
}
"""


def is_sanitized(build):
    cache = build / "CMakeCache.txt"
    return not cache.exists() or re.search(r"^HYBRID_SANITIZE:\w+=.+$", cache.read_text(), re.MULTILINE) is not None


class AdaptersTest(unittest.TestCase):
    def compiles(self, code, *flags):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
            file.write(code)
            file.flush()
            done = subprocess.run(["g++", "-std=c++23", "-I", ROOT / "include", "-I", ROOT / "tests/docs/stand_ins", file.name, *flags],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr[:3000])

    def test_the_recipes_compile(self):
        for header, code in recipes.items():
            if not Path("/usr/include", header).exists():
                continue
            with self.subTest(header):
                self.compiles(f"#include <hybrid/http/exchange.hpp>\n#include <{header}>\n{code}", "-fsyntax-only")

    @unittest.skipUnless((BUILD / "libhybrid.a").exists() and not is_sanitized(BUILD), "there is no library to link with")
    @unittest.skipUnless(Path("/usr/include/httplib.h").exists(), "there is no cpp-httplib")
    def test_what_streams_ends_with_the_answer_that_is_not_sent(self):
        with tempfile.TemporaryDirectory() as directory:
            built = Path(directory, "httplib")
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", "cpp-httplib"], capture_output=True, text=True, check=True).stdout
            self.compiles("#include <hybrid/http/httplib.hpp>\n" + STORE + STREAMS, BUILD / "libhybrid.a", *flags.split(), "-lssl", "-lcrypto", "-lisal",
                          "-pthread", "-o", built)
            ran = subprocess.run([built], capture_output=True, text=True, timeout=60)
            self.assertEqual(ran.returncode, 0, ran.stdout)

    def whole(self, framework):
        return '#include "frameworks.hpp"\n#include <hybrid/http/exchange.hpp>\n' + AROUND[framework] % recipes_like[framework]

    def test_the_recipes_for_frameworks_that_debian_has_not_compile_with_what_stands_in(self):
        self.assertEqual(recipes_like.keys(), AROUND.keys())
        for framework in recipes_like:
            with self.subTest(framework):
                self.compiles(self.whole(framework), "-fsyntax-only", "-Wall", "-Wextra", "-Werror")

    @unittest.skipUnless((BUILD / "libhybrid.a").exists() and not is_sanitized(BUILD), "there is no library to link with")
    def test_the_recipes_keep_what_they_promise(self):
        for framework, program in RUNS.items():
            with self.subTest(framework), tempfile.TemporaryDirectory() as directory:
                built = Path(directory, "recipe")
                self.compiles(self.whole(framework) + program, BUILD / "libhybrid.a", "-lcrypto", "-lisal", "-pthread", "-o", built)
                ran = subprocess.run([built], capture_output=True, text=True, timeout=60)
                self.assertEqual(ran.returncode, 0, ran.stdout)

    @unittest.skipUnless((BUILD / "libhybrid.a").exists() and not is_sanitized(BUILD), "there is no library to link with")
    def test_the_recipes_serve_browsers(self):
        self.assertEqual(recipes.keys(), SERVERS.keys())
        for header, (libraries, spoils, main) in SERVERS.items():
            if not Path("/usr/include", header).exists():
                continue
            with self.subTest(header), tempfile.TemporaryDirectory() as directory:
                handler = 'session.set("visits", visits).value();'
                code = recipes[header].replace(handler, handler + spoils % SPOILS).replace("[&](hybrid::Session&", "[&](hybrid::http::RequestSession&")
                self.assertIn(SPOILS, code)
                built = Path(directory, "recipe")
                self.compiles(f"#include <hybrid/http/exchange.hpp>\n#include <{header}>\n" + STORE + code + main, BUILD / "libhybrid.a",
                              "-lcrypto", "-lisal", "-pthread", *libraries, "-o", built)
                with subprocess.Popen([built], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
                    try:
                        self.serves_a_browser(int(server.stdout.readline()))
                    finally:
                        server.kill()

    def serves_a_browser(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        cookie = "a=b"

        def get(path):
            nonlocal cookie
            connection.request("GET", path, headers={"Cookie": f"other=1; {cookie}"})
            answer = connection.getresponse()
            sent = answer.msg.get_all("Set-Cookie") or []
            cookie = sent[0].split(";")[0] if sent else cookie
            return answer.status, answer.read().decode(), sent, answer.headers

        try:
            status, body, sent, _ = get("/")
            self.assertEqual((status, body, len(sent)), (200, "1", 1))
            self.assertRegex(sent[0], "^__Host-session=[^;]{32}; Path=/; Secure; HttpOnly; SameSite=Lax$")
            self.assertEqual(get("/")[:3], (200, "2", []))
            before = cookie
            status, body, sent, headers = get("/large")
            self.assertEqual((status, body), (503, ""))
            self.assertIsNone(headers["ETag"])
            self.assertIsNone(headers["Content-Encoding"])
            self.assertEqual(len(sent), 1, "that of give_up() alone")
            self.assertNotEqual(cookie, before)
            self.assertEqual(get("/")[:3], (200, "3", []))
        finally:
            connection.close()


if __name__ == "__main__":
    assert len(recipes) == 2
    if not shutil.which("g++"):
        print("skipped: there is no g++")
        sys.exit(77)
    unittest.main()
