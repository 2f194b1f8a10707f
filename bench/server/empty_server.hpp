// A server that looks at nothing but where requests end, and answers constants: what is left for any other to lose.
#pragma once

#include <string>
#include <thread>

namespace bench {

class EmptyServer {
 public:
  explicit EmptyServer(const std::string& socket);
  ~EmptyServer();
  EmptyServer(const EmptyServer&) = delete;
  EmptyServer& operator=(const EmptyServer&) = delete;

 private:
  void run();

  int listener_;
  int poller_;
  int stop_;  // an eventfd
  std::thread thread_;
};

}  // namespace bench
