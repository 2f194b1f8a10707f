// Question: what does a session cost a cpp-httplib handler? Serves /without, /read and /changed for bench/run-http.
//
//   bench_http_httplib DIRECTORY      prints its port
#include <httplib.h>

#include <cstdio>
#include <hybrid/http/httplib.hpp>
#include <hybrid/hybrid.hpp>

#include "bench/http/page.hpp"

int main(int argc, char** argv) {
  const auto store = hybrid::open(argc > 1 ? argv[1] : "memory:").value();
  const auto sessions = bench::make_sessions(*store);
  httplib::Server server;
  server.set_keep_alive_max_count(1'000'000'000);
  server.set_tcp_nodelay(true);
  server.Get("/without", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(bench::page(0), "text/html");
  });
  server.Get("/read", hybrid::http::cpp_httplib::with_session(
                          sessions, [](const httplib::Request&, httplib::Response& response,
                                       hybrid::Session& session) {
                            response.set_content(bench::page(bench::read(session)), "text/html");
                          }));
  server.Get("/changed", hybrid::http::cpp_httplib::with_session(
                             sessions, [](const httplib::Request&, httplib::Response& response,
                                          hybrid::Session& session) {
                               response.set_content(bench::page(bench::change(session)),
                                                    "text/html");
                             }));
  std::printf("%d\n", server.bind_to_any_port("127.0.0.1"));
  std::fflush(stdout);
  server.listen_after_bind();
}
