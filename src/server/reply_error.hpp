// How a command refuses: by throwing one of these, with the text of the error reply. Only within src/server: execute() catches it.
#pragma once

#include <string>
#include <utility>

#include "hybrid/error.hpp"

namespace hybrid::server {

class ReplyError {
 public:
  // `text` with its code in front: "ERR no such key".
  explicit ReplyError(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The key was there when the command looked, and is not any more: it has expired. The command is called once more.
class KeyGone final : public ReplyError {
 public:
  KeyGone() : ReplyError("ERR the key has just expired") {}
};

// The log could not be written.
class NotWritten final : public ReplyError {
 public:
  explicit NotWritten(const Error& error) : ReplyError("MISCONF " + error.message()) {}
};

[[noreturn]] inline void refuse(std::string text) { throw ReplyError{std::move(text)}; }

// What the store refused, with a code that clients know.
[[noreturn]] void refuse(const Error& error);

// The value, or refuse().
template <class T>
T must(Result<T> result) {
  if (!result) refuse(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace hybrid::server
