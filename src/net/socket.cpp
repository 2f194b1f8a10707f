#include "net/socket.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace hybrid::net {
namespace {

// Copied out, since the bytes of an Address are of no such type.
template <class Kind>
Kind as(const Address& address) {
  Kind kind{};
  std::memcpy(&kind, &address.bytes, sizeof kind);
  return kind;
}

std::string unix_path(const Address& address) {
  constexpr std::size_t kPathAt = offsetof(sockaddr_un, sun_path);
  if (address.size <= kPathAt) return {};
  std::string path{as<sockaddr_un>(address).sun_path, address.size - kPathAt};
  if (path[0] == '\0') {
    path[0] = '@';  // an abstract name, as tools write it
  } else {
    path.resize(std::strlen(path.c_str()));
  }
  return path;
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool Address::is_loopback() const {
  switch (bytes.ss_family) {
    case AF_UNIX: return true;
    case AF_INET: return ntohl(as<sockaddr_in>(*this).sin_addr.s_addr) >> 24 == 127;
    case AF_INET6: {
      const in6_addr address = as<sockaddr_in6>(*this).sin6_addr;
      return std::memcmp(&address, &in6addr_loopback, sizeof address) == 0;
    }
    default: return false;
  }
}

unsigned Address::port() const {
  switch (bytes.ss_family) {
    case AF_INET: return ntohs(as<sockaddr_in>(*this).sin_port);
    case AF_INET6: return ntohs(as<sockaddr_in6>(*this).sin6_port);
    default: return 0;
  }
}

std::string Address::text() const {
  char host[INET6_ADDRSTRLEN] = "?";
  switch (bytes.ss_family) {
    case AF_UNIX: return "unix:" + unix_path(*this);
    case AF_INET: {
      const auto v4 = as<sockaddr_in>(*this);
      ::inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
      return std::string{host} + ":" + std::to_string(port());
    }
    case AF_INET6: {
      const auto v6 = as<sockaddr_in6>(*this);
      ::inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
      std::string text = std::string{"["} + host;
      char name[IF_NAMESIZE];
      if (v6.sin6_scope_id != 0 && ::if_indextoname(v6.sin6_scope_id, name) != nullptr)
        text.append("%").append(name);
      return text + "]:" + std::to_string(port());
    }
    default: return "?";
  }
}

Address local_address(int descriptor) {
  Address address;
  if (::getsockname(descriptor, address.get(), &address.size) != 0) return {};
  return address;
}

}  // namespace hybrid::net
