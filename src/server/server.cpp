#include "server/server.hpp"

#include <utility>

#include "server/client.hpp"

namespace hybrid::server {

Server::Server(Provider& provider, ServerOptions options)
    : service_(provider, options.service),
      net_({.limits = options.limits,
            .loops = options.threads,
            .make_handler = [this](net::Connection& connection) -> std::unique_ptr<net::Handler> {
              return std::make_unique<Client>(connection, service_);
            },
            .log = [this](std::string line) { service_.log(std::move(line)); },
            .refusal = "-ERR max number of clients reached\r\n",
            .on_refused =
                [this] { service_.counters().rejected.fetch_add(1, std::memory_order_relaxed); }}) {
}

}  // namespace hybrid::server
