// The server: sessions of one store, by the Redis protocol, on any number of sockets.
//
//   auto server = Server::make(*store, options).value();
//   server->listen_tcp("127.0.0.1", 6380).value();
//   server->start().value();
//   ... server->stop(5s);
//
// Used by one thread. The store outlives it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/server.hpp"
#include "server/service.hpp"

namespace hybrid::server {

struct ServerOptions {
  ServiceOptions service{};
  net::Limits limits{};
  unsigned threads = 0;  // 0: one per processor
};

class Server {
 public:
  Server(Provider& provider, ServerOptions options);

  net::Server& net() { return net_; }
  Service& service() { return service_; }

 private:
  Service service_;  // before net_, whose connections use it
  net::Server net_;
};

}  // namespace hybrid::server
