// A rival that is a program of its own, reached over a unix socket.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace bench {

class Server {
 public:
  // Starts the program, which is found by PATH, and waits until it has made `socket`.
  Server(const std::vector<std::string>& command, const std::string& socket);
  // Kills it.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Its own memory, and what its children do not share with it.
  std::size_t resident_bytes() const;
  // That it has used so far.
  double processor_seconds() const;

 private:
  pid_t process_;
};

// Of a process's own memory, without what it maps of files.
std::size_t resident_bytes_of(const std::string& process);

}  // namespace bench
