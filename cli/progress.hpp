// One line on standard error that says how far a long read or write has come. Shown only if standard error is a terminal
// and standard output is none (whose lines show it as well), and only after a second. Used by one thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace hybrid::cli {

class ProgressLine {
 public:
  // `doing`: what has been done with the bytes; a literal.
  explicit ProgressLine(const char* doing = "read");
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  // Clears the line.
  ~ProgressLine();

  void show(std::uint64_t bytes, std::uint64_t bytes_total);

 private:
  const char* doing_;
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace hybrid::cli
