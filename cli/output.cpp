#include "cli/output.hpp"

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iterator>

namespace hybrid::cli {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{64} << 10;

// The length of the UTF-8 character that `text` begins with, and its code point; 1 and 0xFFFD if it is none.
struct Character {
  std::size_t bytes = 1;
  char32_t code = 0xFFFD;
};
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (bytes == 0 || text.size() < bytes) return {};
  char32_t code = lead & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  return {bytes, code};
}

// Control characters, and those that hide or reorder what stands beside them.
bool is_harmful(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || code == 0xFFFD;
}

}  // namespace

void Output::line(std::string_view text) {
  lines_.append(text).push_back('\n');
  if (lines_.size() >= kFlushBytes) flush();
}

void Output::flush() {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) throw OutputClosed{};
      throw OutputFailed{errno};
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  lines_.clear();
}

// Takes no memory: it may be that there is none left which is said.
void say(std::string_view line) noexcept {
  char end = '\n';
  const iovec parts[] = {{const_cast<char*>(line.data()), line.size()}, {&end, 1}};
  // At once, so that lines of several threads do not mix.
  static_cast<void>(!::writev(STDERR_FILENO, parts, std::size(parts)));
}

int complain(int code, std::string_view message) {
  say("hybrid: " + printable(message));
  return code;
}

int complain(const Error& error) {
  return complain(error.code() == Errc::corrupt ? kAnswerIsNo : kWrongUse, message_of(error));
}

std::string message_of(const Error& error) {
  const std::string text = error.message();
  const std::string prefix = std::string{to_string(error.code())} + ": ";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

std::string printable(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const auto [bytes, code] = first_character(text);
    if (is_harmful(code)) {
      safe += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
    } else {
      safe += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return safe;
}

std::string with_thousands(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", with_thousands(number), noun, number == 1 ? "" : "s");
}

std::string time_text(Millis time) {
  using namespace std::chrono;
  // Years 0 to 9999; a log may hold any number.
  if (time < -62'167'219'200'000 || time > 253'402'300'799'999) return fmt::format("{} ms", time);
  const sys_time<milliseconds> at{milliseconds{time}};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss clock{at - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace hybrid::cli
