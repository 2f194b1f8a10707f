// Question: what does a session cost a Boost.Beast handler? Serves /without, /read and /changed for bench/run-http, on one thread.
//
//   bench_http_beast DIRECTORY      prints its port
#include <hybrid/http/beast.hpp>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <hybrid/hybrid.hpp>

#include "bench/http/page.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::use_awaitable;
using asio::ip::tcp;
using Request = beast::http::request<beast::http::string_body>;
using Response = beast::http::response<beast::http::string_body>;

Response respond(const Request& request, int visits) {
  Response response{beast::http::status::ok, request.version()};
  response.set(beast::http::field::content_type, "text/html");
  response.keep_alive(request.keep_alive());
  response.body() = bench::page(visits);
  response.prepare_payload();
  return response;
}

asio::awaitable<void> converse(tcp::socket socket, const hybrid::http::Sessions& sessions) {
  const auto read = hybrid::http::beast::with_session(
      sessions, [](const Request& request, hybrid::Session& session) {
        return respond(request, bench::read(session));
      });
  const auto change = hybrid::http::beast::with_session(
      sessions, [](const Request& request, hybrid::Session& session) {
        return respond(request, bench::change(session));
      });
  beast::tcp_stream stream{std::move(socket)};
  beast::flat_buffer buffer;
  for (;;) {
    Request request;
    co_await beast::http::async_read(stream, buffer, request, use_awaitable);
    Response response = request.target() == "/read"      ? read(request, {})
                        : request.target() == "/changed" ? change(request, {})
                                                         : respond(request, 0);
    co_await beast::http::async_write(stream, response, use_awaitable);
  }
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor, const hybrid::http::Sessions& sessions) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
    socket.set_option(tcp::no_delay{true});
    co_spawn(acceptor.get_executor(), converse(std::move(socket), sessions),
             [](std::exception_ptr) {});
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto store = hybrid::open(argc > 1 ? argv[1] : "memory:").value();
  const auto sessions = bench::make_sessions(*store);
  asio::io_context context{1};
  tcp::acceptor acceptor{context, {asio::ip::make_address("127.0.0.1"), 0}};
  std::printf("%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  co_spawn(context, accept_all(acceptor, sessions), asio::detached);
  context.run();
}
