#include <cstring>
#include <system_error>

#include <hybrid/error.hpp>

namespace hybrid {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::not_found: return "not_found";
    case Errc::already_exists: return "already_exists";
    case Errc::session_gone: return "session_gone";
    case Errc::type_mismatch: return "type_mismatch";
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::too_large: return "too_large";
    case Errc::conflict: return "conflict";
    case Errc::locked: return "locked";
    case Errc::corrupt: return "corrupt";
    case Errc::unsupported: return "unsupported";
    case Errc::permission_denied: return "permission_denied";
    case Errc::no_space: return "no_space";
    case Errc::read_only: return "read_only";
    case Errc::io: return "io";
    case Errc::unavailable: return "unavailable";
    case Errc::timeout: return "timeout";
  }
  return "unknown";
}

Error::Error(Errc code, std::string detail, int system_error)
    : detail_(std::make_shared<const std::string>(std::move(detail))),
      system_error_(system_error),
      code_(code) {}

std::string Error::message() const {
  std::string text{to_string(code_)};
  const std::string_view what = detail_ ? std::string_view{*detail_} : std::string_view{what_};
  if (!what.empty()) text.append(": ").append(what);
  if (system_error_ != 0) text.append(": ").append(std::generic_category().message(system_error_));
  return text;
}

}  // namespace hybrid
