// The site on Boost.Beast, with coroutines.
#include <hybrid/http/beast.hpp>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <iostream>

#include "app.hpp"

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::use_awaitable;
using asio::ip::tcp;
using Request = beast::http::request<beast::http::string_body>;
using Response = beast::http::response<beast::http::string_body>;

namespace {

std::string text(beast::string_view view) { return {view.data(), view.size()}; }

Response respond(const Request& request, const example::Answer& answer) {
  Response response{static_cast<beast::http::status>(answer.status), request.version()};
  response.set(beast::http::field::content_type, "text/html; charset=utf-8");
  for (const auto& [name, value] : answer.headers) response.set(name, value);
  response.keep_alive(request.keep_alive());
  response.body() = answer.body;
  response.prepare_payload();
  return response;
}

asio::awaitable<Response> handle(const Request& request, hybrid::http::RequestSession& session) {
  co_return respond(request, example::answer({text(request.method_string()), text(request.target()),
                                              example::parse_form(request.body())},
                                             session));
}

asio::awaitable<void> converse(tcp::socket socket, const hybrid::http::Sessions& sessions) {
  const auto with_session = hybrid::http::beast::with_session(sessions, handle);
  const std::string peer = socket.remote_endpoint().address().to_string();
  beast::tcp_stream stream{std::move(socket)};
  beast::flat_buffer buffer{65536};
  for (bool goes_on = true; goes_on;) {
    stream.expires_after(std::chrono::seconds{30});
    Request request;
    co_await beast::http::async_read(stream, buffer, request, use_awaitable);
    Response response;
    try {
      response = co_await with_session(request, {.peer = peer, .is_secure = false});
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
      response = respond(request, {.status = 500, .body = "Something went wrong.\n"});
    }
    goes_on = response.keep_alive();
    co_await beast::http::async_write(stream, response, use_awaitable);
  }
}

asio::awaitable<void> accept_all(tcp::acceptor acceptor, const hybrid::http::Sessions& sessions) {
  for (;;) {
    boost::system::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(use_awaitable, error));
    if (error) continue;  // it has gone already
    // A peer that goes away, or does not speak HTTP, is none of our errors.
    co_spawn(acceptor.get_executor(), converse(std::move(socket), sessions),
             [](std::exception_ptr) {});
  }
}

}  // namespace

int main(int argc, char** argv) {
  example::Site site{argc, argv};
  asio::io_context context;
  tcp::acceptor acceptor{
      context, {asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(site.port)}};
  example::say_ready(acceptor.local_endpoint().port());
  co_spawn(context, accept_all(std::move(acceptor), site.sessions), asio::detached);
  context.run();
}
