#include "server/write_health.hpp"

#include "server/reply_error.hpp"

namespace hybrid::server {

void WriteHealth::worked() {
  if (is_good() || good_.exchange(true)) return;
  if (told_.exchange(false) && log_) log_("changes are written again");
}

void WriteHealth::refused(std::string_view text) {
  constexpr std::chrono::minutes kInterval{1};
  if (!text.starts_with(kNotWritten)) return;
  good_.store(false, std::memory_order_relaxed);
  // On a full disk some may be written in between.
  const auto now = SteadyClock::now();
  auto may_at = may_log_at_.load(std::memory_order_relaxed);
  if (told_ || now < may_at || !log_) return;
  if (!may_log_at_.compare_exchange_strong(may_at, now + kInterval)) return;
  told_ = true;
  log_("changes are refused: " + std::string{text.substr(kNotWritten.size())});
}

}  // namespace hybrid::server
