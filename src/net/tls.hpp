// TLS 1.2 and 1.3 over a socket that does not wait, by OpenSSL. Knows nothing of loops and connections.
//
// OpenSSL reads and writes the socket itself: boost::asio::ssl would put two buffers of 17 KiB and a second copy of every byte between
// the two, for each connection, and cannot try a write at once.
// Its calls may raise SIGPIPE, which the threads of loops block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <hybrid/error.hpp>

#include "base/thread.hpp"
#include "base/thread_annotations.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace hybrid::net {

// PEM files. Clients are not asked for certificates.
struct TlsFiles {
  std::string certificate;  // and those between it and the root, if any, after it
  std::string key;          // not encrypted
};

// How a transfer ended.
enum class Transfer : std::uint8_t {
  done,         // goes on
  wants_read,   // goes on once the socket can be read
  wants_write,  // goes on once the socket can be written
  ended,        // the peer sends no more
  failed,       // the connection is of no use any more
};

struct Transferred {
  std::size_t bytes = 0;
  Transfer how = Transfer::done;
};

// One connection's. Not thread-safe.
class TlsSession {
 public:
  TlsSession(ssl_ctx_st* context, int descriptor);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  Transfer shake_hands();
  // Reads until `room` is full or nothing more is there.
  Transferred read(std::span<char> room);
  // Writes until all is written or the socket is full. After wants_write the next call begins with the same bytes, and at least as many.
  Transferred write(std::string_view bytes);
  // Whether something was received that read() did not return yet: the socket does not become readable for it.
  bool has_pending() const;
  // Tells the peer that nothing follows, if that can be done at once.
  void say_goodbye();
  // Why the last call failed; never what the peer sent.
  std::string failure() const { return failure_; }

 private:
  Transfer outcome(int result);

  ssl_st* ssl_;
  bool usable_ = false;  // between the end of the handshake and the first failure
  const char* failure_ = "";
};

// What the connections to one listener share. Thread-safe.
class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> load(const TlsFiles& files);
  // Reads the files again, for handshakes from now on. On error all stays as it was.
  Result<void> reload();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  std::unique_ptr<TlsSession> session(int descriptor) const;

 private:
  TlsContext(TlsFiles files, ssl_ctx_st* context) : files_(std::move(files)), context_(context) {}

  const TlsFiles files_;
  mutable Mutex mutex_;
  ssl_ctx_st* context_ HYBRID_GUARDED_BY(mutex_);  // which its sessions have, too
};

}  // namespace hybrid::net
