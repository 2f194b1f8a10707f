#include <hybrid/provider.hpp>

namespace hybrid {
namespace {

std::unexpected<Error> not_offered() {
  return std::unexpected(Error{Errc::unsupported, "this provider does not offer the call"});
}

}  // namespace

Result<std::vector<std::optional<Session>>> Provider::find_many(
    std::span<const std::string_view> sids) {
  std::vector<std::optional<Session>> found;
  found.reserve(sids.size());
  for (const std::string_view sid : sids) {
    auto session = find(sid);
    if (!session) return std::unexpected(std::move(session.error()));
    found.push_back(std::move(*session));
  }
  return found;
}

Result<Session> Provider::put(std::string_view sid, std::span<const Change> changes) {
  auto session = load(sid);
  if (!session || changes.empty()) return session;
  if (auto applied = session->backend()->apply(changes, std::nullopt); !applied)
    return std::unexpected(std::move(applied.error()));
  return session;
}

Result<std::size_t> Provider::size() { return not_offered(); }
Result<void> Provider::for_each(const std::function<bool(Session&)>&) { return not_offered(); }
Result<std::uint64_t> Provider::scan(std::uint64_t, std::size_t,
                                     const std::function<void(Session&)>&) {
  return not_offered();
}
Result<Stats> Provider::stats() { return not_offered(); }
Result<std::uint64_t> Provider::memory_bytes() { return not_offered(); }
Result<void> Provider::flush() { return not_offered(); }
Result<void> Provider::compact(const OnProgress&) { return not_offered(); }
Result<void> Provider::backup(const std::string&, const OnProgress&) { return not_offered(); }
Result<void> Provider::on_event(std::function<void(const Event&)>) { return not_offered(); }

}  // namespace hybrid
