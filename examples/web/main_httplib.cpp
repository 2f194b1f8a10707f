// The site on cpp-httplib.
#include <httplib.h>

#include <hybrid/http/httplib.hpp>

#include "app.hpp"

int main(int argc, char** argv) {
  example::Site site{argc, argv};
  const auto handle = hybrid::http::cpp_httplib::with_session(
      site.sessions, [](const httplib::Request& request, httplib::Response& response,
                        hybrid::http::RequestSession& session) {
        const auto answer = example::answer(
            {request.method, request.path, example::parse_form(request.body)}, session);
        response.status = answer.status;
        for (const auto& [name, value] : answer.headers) response.set_header(name, value);
        response.set_content(answer.body, "text/html; charset=utf-8");
      });

  httplib::Server server;
  server.set_payload_max_length(8192);
  server.Get(".*", handle);
  server.Post(".*", handle);
  if (site.port == 0)
    site.port = server.bind_to_any_port("127.0.0.1");
  else if (!server.bind_to_port("127.0.0.1", site.port))
    return 1;
  example::say_ready(site.port);
  server.listen_after_bind();
}
