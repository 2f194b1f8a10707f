#include "net/listening_socket.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace hybrid::net {
namespace {

constexpr int kBacklog = 511;
// A peer whose machine has gone is noticed after about ten minutes.
constexpr int kKeepaliveIdleSeconds = 300;
constexpr int kKeepaliveIntervalSeconds = 60;
constexpr int kKeepaliveProbes = 5;

std::unexpected<Error> failed(const std::string& where, int error) {
  const std::string what = "cannot listen on " + where;
  switch (error) {
    case EADDRINUSE:
      return std::unexpected(
          Error{Errc::locked, what + ": another program does; stop it, or choose another", error});
    case EADDRNOTAVAIL:
      return std::unexpected(
          Error{Errc::invalid_argument, what + ": this machine does not have that address", error});
    case EAFNOSUPPORT:
      return std::unexpected(Error{
          Errc::unsupported, what + ": this machine does not have that kind of address", error});
    case EACCES:
    case EPERM:
      return std::unexpected(
          Error{Errc::permission_denied, what + ": the system does not let us", error});
    case EROFS: return std::unexpected(Error{Errc::read_only, what, error});
    case ENOSPC: return std::unexpected(Error{Errc::no_space, what, error});
    case ENOENT:
      return std::unexpected(Error{Errc::not_found, what + ": make its directory first", error});
    case ENOTDIR:
    case ELOOP: return std::unexpected(Error{Errc::invalid_argument, what, error});
    default: return std::unexpected(Error{Errc::io, what, error});
  }
}

void set_option(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

// Also for the connections that are accepted: they inherit it.
void set_tcp_options(int socket) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

Socket new_socket(int family) {
  return Socket{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
}

// Removes a socket at `path` that nobody listens on. Anything else that is there stays.
Result<void> remove_stale(const Address& address, const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return failed("'" + path + "'", errno);
  }
  if (!S_ISSOCK(status.st_mode))
    return std::unexpected(
        Error{Errc::already_exists, "cannot listen on '" + path +
                                        "': something else than a socket is there; remove it, or "
                                        "choose another path"});
  const Socket probe = new_socket(AF_UNIX);
  if (!probe) return failed("'" + path + "'", errno);
  if (::connect(probe.descriptor(), address.get(), address.size) == 0 || errno == EAGAIN)
    return failed("'" + path + "'", EADDRINUSE);
  if (errno == ECONNREFUSED && (::unlink(path.c_str()) == 0 || errno == ENOENT)) return {};
  if (errno == ENOENT) return {};
  return failed("'" + path + "'", errno);
}

}  // namespace

Result<ListeningSocket> ListeningSocket::tcp(const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int resolved = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found{list, ::freeaddrinfo};
  if (resolved != 0 || address.empty())
    return std::unexpected(Error{Errc::invalid_argument,
                                 "cannot listen on '" + address +
                                     "': not an IP address; give one such as 127.0.0.1 or ::1"});

  Address wanted;
  std::memcpy(&wanted.bytes, found->ai_addr, found->ai_addrlen);
  wanted.size = found->ai_addrlen;
  Socket socket = new_socket(found->ai_family);
  if (!socket) return failed(wanted.text(), errno);
  const int fd = socket.descriptor();
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (found->ai_family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  set_tcp_options(fd);
  if (::bind(fd, wanted.get(), wanted.size) != 0 || ::listen(fd, kBacklog) != 0)
    return failed(wanted.text(), errno);
  return ListeningSocket{std::move(socket)};
}

Result<ListeningSocket> ListeningSocket::unix_path(const std::string& path, mode_t mode) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof name.sun_path || path.find('\0') != std::string::npos)
    return std::unexpected(Error{Errc::invalid_argument,
                                 "cannot listen on '" + path + "': the path of a socket has 1 to " +
                                     std::to_string(sizeof name.sun_path - 1) + " bytes"});
  std::memcpy(name.sun_path, path.data(), path.size());
  Address address;
  std::memcpy(&address.bytes, &name, sizeof name);
  address.size = sizeof name;

  if (auto fine = remove_stale(address, path); !fine) return std::unexpected(fine.error());
  Socket socket = new_socket(AF_UNIX);
  if (!socket) return failed("'" + path + "'", errno);
  // Before it has a name, so that it is never open to others than `mode` says; what umask takes away is put back after.
  ::fchmod(socket.descriptor(), mode);
  if (::bind(socket.descriptor(), address.get(), address.size) != 0)
    return failed("'" + path + "'", errno);

  ListeningSocket made{std::move(socket)};
  struct stat status{};
  if (::chmod(path.c_str(), mode) != 0 || ::stat(path.c_str(), &status) != 0 ||
      ::listen(made.descriptor(), kBacklog) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return failed("'" + path + "'", error);
  }
  made.path_ = path;
  made.device_ = status.st_dev;
  made.inode_ = status.st_ino;
  return made;
}

Result<ListeningSocket> ListeningSocket::adopt(int descriptor) {
  Socket socket{descriptor};
  const auto option = [descriptor](int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
  };
  const int family = option(SO_DOMAIN);
  if (option(SO_ACCEPTCONN) != 1 || option(SO_TYPE) != SOCK_STREAM ||
      (family != AF_INET && family != AF_INET6 && family != AF_UNIX))
    return std::unexpected(Error{
        Errc::invalid_argument,
        "descriptor " + std::to_string(descriptor) + " is no TCP or unix socket that listens"});
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  if (family != AF_UNIX) set_tcp_options(descriptor);
  return ListeningSocket{std::move(socket)};
}

ListeningSocket::~ListeningSocket() {
  if (!socket_ || path_.empty()) return;
  struct stat status{};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    ::unlink(path_.c_str());
}

}  // namespace hybrid::net
