#include <hybrid/session.hpp>

namespace hybrid {

Result<void> SessionBackend::apply_if_id(std::string_view sid, std::span<const Change> changes,
                                         std::optional<std::uint64_t> if_version) {
  return update([&](const std::shared_ptr<SessionBackend>& view) -> Result<void> {
    if (!has_id(sid))
      return std::unexpected(Error{Errc::session_gone, "the session has got another id"});
    return view->apply(changes, if_version);
  });
}

}  // namespace hybrid
