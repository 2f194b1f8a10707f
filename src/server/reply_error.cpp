#include "server/reply_error.hpp"

namespace hybrid::server {

void refuse(const Error& error) {
  if (error.code() == Errc::session_gone) throw KeyGone{};
  const bool not_written =
      error.code() == Errc::no_space || error.code() == Errc::io || error.code() == Errc::read_only;
  if (not_written) throw NotWritten{error};
  refuse("ERR " + error.message());
}

}  // namespace hybrid::server
