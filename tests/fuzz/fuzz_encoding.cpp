// Any bytes as a stored value, read as every kind of type.
#include <cstdlib>
#include <map>
#include <optional>

#include "hybrid/encoding.hpp"

namespace {

struct Item {
  std::string name;
  int count = 0;
  std::vector<double> prices;
};

// What could be read is stored and read again as the same.
template <class T>
void read_as(std::string_view encoded) {
  const hybrid::Value value{encoded};
  const auto read = value.as<T>();
  if (!read) return;
  hybrid::Buffer buffer;
  hybrid::Encoder out{buffer};
  hybrid::encode(out, *read);
  if (!hybrid::Value{buffer.view()}.as<T>()) std::abort();
}

}  // namespace

template <>
inline constexpr auto hybrid::fields<Item> =
    hybrid::field_list(hybrid::field("name", &Item::name), hybrid::field("count", &Item::count),
                       hybrid::field("prices", &Item::prices));

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  read_as<bool>(bytes);
  read_as<std::int8_t>(bytes);
  read_as<std::uint64_t>(bytes);
  read_as<float>(bytes);
  read_as<double>(bytes);
  read_as<std::string>(bytes);
  read_as<std::vector<std::byte>>(bytes);
  read_as<std::vector<std::vector<std::string>>>(bytes);
  read_as<std::map<std::string, std::optional<std::int64_t>>>(bytes);
  read_as<std::pair<int, std::string>>(bytes);
  read_as<Item>(bytes);
  return 0;
}
