#include "net/tls.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <new>

#include "net/socket.hpp"

namespace hybrid::net {
namespace {

// OpenSSL's reason for the last failure of this thread.
const char* reason() {
  const char* text = ::ERR_reason_error_string(::ERR_peek_last_error());
  return text != nullptr ? text : "unknown";
}

std::unexpected<Error> refused(std::string what) {
  what.append(": ").append(reason());
  ::ERR_clear_error();
  return std::unexpected(Error{Errc::invalid_argument, std::move(what)});
}

// That the file is there and may be read: OpenSSL's own answer to that is hard to understand.
Result<void> check_readable(const char* what, const std::string& path) {
  if (Socket{::open(path.c_str(), O_RDONLY | O_CLOEXEC)}) return {};
  const Errc code = errno == ENOENT   ? Errc::not_found
                    : errno == EACCES ? Errc::permission_denied
                                      : Errc::io;
  return std::unexpected(
      Error{code, std::string{"cannot read the "} + what + " '" + path + "'", errno});
}

// Nobody is there to be asked for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

struct FreeContext {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, FreeContext>;

Result<ContextPtr> read_files(const TlsFiles& files) {
  if (auto fine = check_readable("certificate", files.certificate); !fine)
    return std::unexpected(fine.error());
  if (auto fine = check_readable("key", files.key); !fine) return std::unexpected(fine.error());

  ::ERR_clear_error();
  ContextPtr made{::SSL_CTX_new(::TLS_server_method())};
  SSL_CTX* const context = made.get();
  if (context == nullptr) return refused("cannot use TLS");
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A connection that just ends is an end like any other: what is sent over it says itself where it is complete.
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_read_ahead(context, 1);  // a record by one system call, not two
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets need none
  ::SSL_CTX_set_default_passwd_cb(context, no_passphrase);

  if (::SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return refused("'" + files.certificate + "' holds no certificate in PEM form");
  if (::SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return refused("'" + files.key + "' holds no key that fits '" + files.certificate +
                   "', in PEM form and without a passphrase");
  if (::SSL_CTX_check_private_key(context) != 1)
    return refused("the key '" + files.key + "' does not fit '" + files.certificate + "'");
  return made;
}

}  // namespace

// --- TlsContext

Result<std::shared_ptr<TlsContext>> TlsContext::load(const TlsFiles& files) {
  auto made = read_files(files);
  if (!made) return std::unexpected(made.error());
  return std::shared_ptr<TlsContext>{new TlsContext{files, made->release()}};
}

Result<void> TlsContext::reload() {
  auto made = read_files(files_);
  if (!made) return std::unexpected(made.error());
  const MutexLock lock{mutex_};
  ContextPtr old{std::exchange(context_, made->release())};
  return {};
}

TlsContext::~TlsContext() { ::SSL_CTX_free(context_); }

std::unique_ptr<TlsSession> TlsContext::session(int descriptor) const {
  const MutexLock lock{mutex_};
  return std::make_unique<TlsSession>(context_, descriptor);
}

// --- TlsSession

TlsSession::TlsSession(ssl_ctx_st* context, int descriptor) : ssl_(::SSL_new(context)) {
  if (ssl_ == nullptr || ::SSL_set_fd(ssl_, descriptor) != 1) {
    ::SSL_free(ssl_);
    throw std::bad_alloc{};
  }
  ::SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() { ::SSL_free(ssl_); }

Transfer TlsSession::outcome(int result) {
  switch (::SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return Transfer::wants_read;
    case SSL_ERROR_WANT_WRITE: return Transfer::wants_write;
    case SSL_ERROR_ZERO_RETURN: return Transfer::ended;
    default:
      usable_ = false;
      failure_ = ::ERR_peek_last_error() != 0 ? reason() : "the connection broke";
      ::ERR_clear_error();
      return Transfer::failed;
  }
}

Transfer TlsSession::shake_hands() {
  ::ERR_clear_error();
  const int result = ::SSL_do_handshake(ssl_);
  if (result != 1) return outcome(result);
  usable_ = true;
  return Transfer::done;
}

Transferred TlsSession::read(std::span<char> room) {
  std::size_t total = 0;
  do {
    ::ERR_clear_error();
    std::size_t bytes = 0;
    const int result = ::SSL_read_ex(ssl_, room.data() + total, room.size() - total, &bytes);
    if (result != 1) return {total, outcome(result)};
    total += bytes;
  } while (total < room.size() && has_pending());  // else the socket tells when there is more
  return {total, Transfer::done};
}

Transferred TlsSession::write(std::string_view bytes) {
  std::size_t total = 0;
  while (total < bytes.size()) {
    ::ERR_clear_error();
    std::size_t written = 0;
    const int result = ::SSL_write_ex(ssl_, bytes.data() + total, bytes.size() - total, &written);
    if (result != 1) return {total, outcome(result)};
    total += written;
  }
  return {total, Transfer::done};
}

bool TlsSession::has_pending() const { return ::SSL_has_pending(ssl_) == 1; }

void TlsSession::say_goodbye() {
  if (!std::exchange(usable_, false)) return;
  ::ERR_clear_error();
  ::SSL_shutdown(ssl_);
  ::ERR_clear_error();
}

}  // namespace hybrid::net
