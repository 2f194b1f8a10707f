// Any bytes as a Cookie header: what is read of it lies within it, can be written again, and is read as it was written; and no
// value but one that we made is taken for an id.
//
// Input: the header.
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/secrets.hpp"
#include "hybrid/http/sessions.hpp"
#include "hybrid/hybrid.hpp"

namespace {

using hybrid::http::CookieId;

void require(bool holds) {
  if (!holds) std::abort();
}

const std::vector<std::string> kKeys{std::string(32, 'k'), std::string(32, 'o')};

void check(std::string_view header, std::string_view name) {
  const hybrid::http::Cookie cookie{.name = std::string{name}};
  for (const std::string_view value : hybrid::http::cookie_values(header, name)) {
    require(value.data() >= header.data() &&
            value.data() + value.size() <= header.data() + header.size());
    const auto written = cookie.set(value, std::nullopt);
    if (!written) {  // longer than browsers take
      require(name.size() + value.size() > 4096);
      continue;
    }
    require(written->find_first_of(std::string_view{"\r\n\0", 3}) == std::string::npos);
    const std::string back = written->substr(0, written->find(';'));
    const auto again = hybrid::http::cookie_values(std::string_view{back}, name);
    require(again.size() == 1 && again[0] == value);

    const CookieId id = hybrid::http::parse_cookie_value(value, name, {});
    require(id.is != CookieId::Is::good || id.sid == value);
    const CookieId signed_id = hybrid::http::parse_cookie_value(value, name, kKeys);
    require(signed_id.is != CookieId::Is::good ||
            value ==
                hybrid::http::cookie_value(signed_id.sid, name,
                                           std::span{kKeys}.subspan(signed_id.by_old_key ? 1 : 0)));
    require(!hybrid::http::is_csrf_token(value, "abcdefghijklmnopqrstuvwxyz-_0189"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy that ends where the header does, for the sanitizer.
  const std::unique_ptr<char[]> copy{new char[size]};
  std::copy_n(data, size, copy.get());
  const std::string_view header{copy.get(), size};
  check(header, "a");
  check(header, "__Host-session");

  static const std::unique_ptr<hybrid::Provider> store = hybrid::open("memory:").value();
  static const auto sessions = hybrid::http::Sessions::make(*store).value();
  auto session = sessions.begin(header);
  require(!session.is_there());
  require(!session.finish().value());
  require(store->size().value() == 0);
  return 0;
}
