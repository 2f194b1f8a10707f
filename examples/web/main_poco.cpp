// The site on POCO.
#include <Poco/Net/HTTPServer.h>
#include <Poco/StreamCopier.h>

#include <csignal>
#include <hybrid/http/poco.hpp>

#include "app.hpp"

using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;

namespace {

std::string handle(HTTPServerRequest& request, HTTPServerResponse& response,
                   hybrid::http::RequestSession& session) {
  std::string body;
  Poco::StreamCopier::copyToString(request.stream(), body);
  example::Answer answer;
  try {
    answer = example::answer({request.getMethod(), request.getURI(), example::parse_form(body)},
                             session);
  } catch (const std::exception&) {
    response.setStatusAndReason(HTTPServerResponse::HTTP_INTERNAL_SERVER_ERROR);
    response.send() << "Something went wrong.\n";
    throw;
  }
  response.setStatusAndReason(static_cast<HTTPServerResponse::HTTPStatus>(answer.status));
  for (const auto& [name, value] : answer.headers) response.set(name, value);
  response.setContentType("text/html; charset=utf-8");
  return answer.body;
}

class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit Factory(const hybrid::http::Sessions& sessions) : sessions_(sessions) {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest&) override {
    return hybrid::http::poco::with_session(sessions_, handle);
  }

 private:
  const hybrid::http::Sessions& sessions_;
};

}  // namespace

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  example::Site site{argc, argv};
  Poco::Net::ServerSocket socket{
      Poco::Net::SocketAddress{"127.0.0.1", static_cast<std::uint16_t>(site.port)}};
  Poco::Net::HTTPServer server{new Factory{site.sessions}, socket, new Poco::Net::HTTPServerParams};
  server.start();
  example::say_ready(socket.address().port());
  int signal = 0;
  sigwait(&signals, &signal);
  server.stopAll();
}
