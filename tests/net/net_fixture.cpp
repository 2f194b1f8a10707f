#include "net_fixture.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <cstring>
#include <future>

namespace hybrid::testing {

std::chrono::microseconds processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
         std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
}

// --- Client

struct Client::Tls {
  SSL_CTX* context = ::SSL_CTX_new(::TLS_client_method());
  SSL* session = nullptr;
  ~Tls() {
    ::SSL_free(session);
    ::SSL_CTX_free(context);
  }
};

namespace {

sockaddr_un unix_name(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path.c_str(), sizeof name.sun_path - 1);
  return name;
}

net::Socket connected(const sockaddr* address, socklen_t size) {
  net::Socket socket{::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  EXPECT_EQ(::connect(socket.descriptor(), address, size), 0) << std::strerror(errno);
  return socket;
}

}  // namespace

Client::Client(net::Socket socket) : socket_(std::move(socket)) {}
Client::~Client() = default;

Client Client::tcp(const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    throw std::runtime_error("no such address: " + address);
  Client client{connected(found->ai_addr, found->ai_addrlen)};
  ::freeaddrinfo(found);
  client.set_tcp_option(TCP_NODELAY, 1);
  return client;
}

Client Client::unix_path(const std::string& path) {
  const sockaddr_un name = unix_name(path);
  return Client{connected(reinterpret_cast<const sockaddr*>(&name), sizeof name)};
}

bool Client::visits(const std::string& path) {
  const sockaddr_un name = unix_name(path);
  const net::Socket socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  return ::connect(socket.descriptor(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
}

Client Client::tls(std::uint16_t port, int version_max, std::string_view first) {
  Client client = tcp("127.0.0.1", port);
  client.tls_ = std::make_shared<Tls>();
  if (version_max != 0) {
    ::SSL_CTX_set_min_proto_version(client.tls_->context, 0);
    ::SSL_CTX_set_max_proto_version(client.tls_->context, version_max);
    ::SSL_CTX_set_security_level(client.tls_->context, 0);  // or old versions are not even tried
  }
  client.tls_->session = ::SSL_new(client.tls_->context);
  ::SSL_set_fd(client.tls_->session, client.descriptor());
  if (!first.empty()) client.set_tcp_option(TCP_CORK, 1);  // the hello goes 200 ms later
  ::SSL_connect(client.tls_->session);
  client.send(first);
  client.set_tcp_option(TCP_CORK, 0);
  return client;
}

std::string Client::tls_version() const {
  if (::SSL_is_init_finished(tls_->session) == 0) return "none";
  return ::SSL_get_version(tls_->session);
}

bool Client::renegotiates() {
  return ::SSL_renegotiate(tls_->session) == 1 && ::SSL_do_handshake(tls_->session) == 1;
}

void Client::set_tcp_option(int option, int value) {
  EXPECT_EQ(::setsockopt(descriptor(), IPPROTO_TCP, option, &value, sizeof value), 0);
}

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t sent = 0;
    if (tls_) {
      ASSERT_EQ(::SSL_write_ex(tls_->session, bytes.data(), bytes.size(), &sent), 1);
    } else {
      const ssize_t count = ::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(count, 0) << std::strerror(errno);
      sent = static_cast<std::size_t>(count);
    }
    bytes.remove_prefix(sent);
  }
}

std::size_t Client::send_what_fits(std::string_view bytes) {
  const ssize_t count =
      ::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::ptrdiff_t Client::receive_some(char* to, std::size_t size) {
  if (!tls_) return ::recv(descriptor(), to, size, 0);
  const int count = ::SSL_read(tls_->session, to, static_cast<int>(size));
  if (count > 0) return count;
  return ::SSL_get_error(tls_->session, count) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

std::string Client::receive(std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const std::ptrdiff_t count = receive_some(bytes.data() + got, size - got);
    EXPECT_GE(count, 0) << std::strerror(errno);
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  bytes.resize(got);
  return bytes;
}

std::string Client::receive_line() {
  std::string line;
  while (!line.ends_with('\n')) {
    const std::string byte = receive(1);
    if (byte.empty()) break;
    line += byte;
  }
  return line;
}

std::string Client::receive_all() {
  std::string bytes;
  char part[65536];
  for (;;) {
    const std::ptrdiff_t count = receive_some(part, sizeof part);
    if (count < 0) return bytes + (errno == EAGAIN ? "(nothing more came)" : "(reset)");
    if (count == 0) return bytes;
    bytes.append(part, static_cast<std::size_t>(count));
  }
}

bool Client::has_input() const {
  pollfd poll{.fd = descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&poll, 1, 0) == 1;
}

void Client::end_sending() {
  if (tls_) {
    ::SSL_shutdown(tls_->session);
  } else {
    ::shutdown(descriptor(), SHUT_WR);
  }
}

// --- Certificates

net::TlsFiles make_certificate(const std::string& directory, const std::string& name) {
  const net::TlsFiles files{.certificate = directory + "/" + name + ".crt",
                            .key = directory + "/" + name + ".key"};
  const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key{
      ::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), ::EVP_PKEY_free};
  const std::unique_ptr<X509, decltype(&::X509_free)> certificate{::X509_new(), ::X509_free};
  ::X509_set_version(certificate.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -3600);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), 3600);
  ::X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const subject = ::X509_get_subject_name(certificate.get());
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  ::X509_set_issuer_name(certificate.get(), subject);
  ::X509_sign(certificate.get(), key.get(), ::EVP_sha256());

  const auto write = [](const std::string& path, auto writer) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    EXPECT_TRUE(file != nullptr && writer(file) == 1) << path;
    if (file != nullptr) std::fclose(file);
  };
  write(files.certificate,
        [&](std::FILE* file) { return ::PEM_write_X509(file, certificate.get()); });
  write(files.key, [&](std::FILE* file) {
    return ::PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return files;
}

// --- Handlers

namespace {

class FunctionHandler final : public net::Handler {
 public:
  FunctionHandler(net::Connection& connection, OnInput on_input)
      : connection_(connection), on_input_(std::move(on_input)) {}
  std::size_t on_input(std::string_view input) override { return on_input_(connection_, input); }

 private:
  net::Connection& connection_;
  OnInput on_input_;
};

}  // namespace

net::HandlerFactory handlers(OnInput on_input) {
  return [on_input = std::move(on_input)](net::Connection& connection) {
    return std::make_unique<FunctionHandler>(connection, on_input);
  };
}

net::HandlerFactory echo() {
  return handlers([](net::Connection& connection, std::string_view input) {
    connection.output() += input;
    connection.allow_all();
    return input.size();
  });
}

net::HandlerFactory lines(std::function<void(net::Connection&, std::string_view)> fn) {
  return handlers([fn = std::move(fn)](net::Connection& connection, std::string_view input) {
    std::size_t consumed = 0;
    for (std::size_t end; (end = input.find('\n', consumed)) != std::string_view::npos;) {
      const std::string_view line = input.substr(consumed, end - consumed);
      consumed = end + 1;
      fn(connection, line);
    }
    return consumed;
  });
}

// --- NetTest

net::Server& NetTest::make(net::Server::Config config) {
  config.log = [this](std::string line) {
    const std::lock_guard lock{mutex_};
    log_lines_.push_back(std::move(line));
  };
  server_ = std::make_unique<net::Server>(std::move(config));
  return *server_;
}

void NetTest::start(net::Server::Config config) {
  make(std::move(config));
  server_->listen_unix(path()).value();
  server_->start().value();
}

void NetTest::on_loop(std::size_t index, std::function<void(net::Connection&)> fn) {
  const auto connection = kept(index).lock();
  ASSERT_NE(connection, nullptr);
  const auto done = std::make_shared<std::promise<void>>();
  connection->post([done, fn = std::move(fn)](net::Connection& c) {
    fn(c);
    done->set_value();
  });
  ASSERT_EQ(done->get_future().wait_for(20s), std::future_status::ready)
      << "the connection is gone";
}

}  // namespace hybrid::testing
