#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace hybrid::cli {
namespace {

constexpr auto kShowAfter = std::chrono::seconds{1};
constexpr auto kShowEvery = std::chrono::milliseconds{200};

}  // namespace

ProgressLine::ProgressLine(const char* doing)
    : doing_(doing),
      enabled_(::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) != 1),
      next_(std::chrono::steady_clock::now() + kShowAfter) {}

ProgressLine::~ProgressLine() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void ProgressLine::show(std::uint64_t bytes, std::uint64_t bytes_total) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kShowEvery;
  shown_ = true;
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  const std::uint64_t total = std::max<std::uint64_t>(bytes_total, 1);
  const std::string line =
      fmt::format("\r\x1b[Khybrid: {} {} of {} MiB ({} %)", doing_, bytes / kMiB, total / kMiB,
                  std::min<std::uint64_t>(bytes * 100 / total, 100));
  std::fputs(line.c_str(), stderr);
}

}  // namespace hybrid::cli
