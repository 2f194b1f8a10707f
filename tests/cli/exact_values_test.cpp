// Whatever MessagePack a store holds, export and import give back the very same bytes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "store/new_store.hpp"
#include "store/recovery.hpp"
#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using namespace testing;

// Any MessagePack value without extension types, also in forms longer than need be.
class AnyMessagePack {
 public:
  explicit AnyMessagePack(std::uint64_t seed) : random_(seed) {}

  std::string value(int depth = 0) {
    const std::size_t kind = below(depth > 4 ? 9 : 12);
    switch (kind) {
      case 0: return std::string(1, one_of({"\xc0", "\xc2", "\xc3"})[0]);
      case 1:
        return std::string(1, static_cast<char>(below(2) == 0 ? below(128) : 0xe0 + below(32)));
      case 2: {  // integers of all widths
        const std::size_t width = below(8);
        return std::string(1, static_cast<char>(0xcc + width)) +
               bytes(std::size_t{1} << (width % 4));
      }
      case 3: return '\xca' + bytes(4);
      case 4: return '\xcb' + bytes(8);
      case 5:
        return one_of({"\xca\x7f\x80\0\0", "\xca\x7f\xc0\0\0", "\xcb\x7f\xf8\x01",
                       "\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", "\xca\x80\0\0\0"});
      case 6: return text();
      case 7: return sized({"\xc4", "\xc5", "\xc6"}, bytes(below(20)));
      case 8: return sized({"\xd9", "\xda", "\xdb"}, bytes(below(20)));
      case 9: return array(depth);
      case 10: return map(depth);
      default: return std::string(below(130), '\x91') + '\xc0';  // deep
    }
  }

 private:
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  std::string bytes(std::size_t size) {
    std::string made;
    for (; size > 0; --size) made.push_back(static_cast<char>(below(256)));
    return made;
  }
  std::string one_of(std::vector<const char*> choices) {
    const std::string_view chosen{choices[below(choices.size())]};
    // Written as C strings, so that what is left out are zeros.
    const auto first = static_cast<unsigned char>(chosen[0]);
    std::string made{chosen};
    made.resize(first == 0xca ? 5 : first == 0xcb ? 9 : 1, '\0');
    return made;
  }
  std::string text() {
    static constexpr const char* kTexts[] = {
        "", "a", "$map", "$", "caf\xc3\xa9", "\xe2\x80\xae", "\"\\\n", "\xf0\x9f\x98\x80"};
    const std::string chosen = kTexts[below(std::size(kTexts))];
    return static_cast<char>(0xa0 + chosen.size()) + chosen;
  }
  // With a length of 1, 2 or 4 bytes.
  std::string sized(std::vector<const char*> heads, const std::string& content) {
    const std::size_t width = below(3);
    std::string made = heads[width];
    for (std::size_t i = std::size_t{1} << width; i > 0; --i)
      made.push_back(static_cast<char>(content.size() >> (8 * (i - 1))));
    return made + content;
  }
  std::string array(int depth) {
    const std::size_t count = below(6);
    std::string made = below(4) == 0 ? std::string{"\xdc\0", 2} + static_cast<char>(count)
                                     : std::string(1, static_cast<char>(0x90 + count));
    for (std::size_t i = 0; i < count; ++i) made += value(depth + 1);
    return made;
  }
  std::string map(int depth) {
    const std::size_t count = below(8) == 0 ? 40 : below(6);
    std::string made = count > 15 ? std::string{"\xde\0", 2} + static_cast<char>(count)
                                  : std::string(1, static_cast<char>(0x80 + count));
    const bool texts = below(2) == 0;
    for (std::size_t i = 0; i < count; ++i) {
      made += texts ? text() : value(depth + 1);
      made += value(depth + 1);
    }
    return made;
  }

  std::mt19937_64 random_;
};

using Content =
    std::map<Digest, std::tuple<Millis, Millis, std::uint64_t, std::map<std::string, std::string>>>;

Content content_of(const std::string& directory) {
  Content content;
  const auto table = store::Table::make();
  store::recover(io::posix_file_system(), directory, *table, {}).value();
  store::for_each_image(*table, [&](const Digest& sid, const scf::Image& image) -> Result<void> {
    std::map<std::string, std::string> entries;
    for (const auto& [key, value] : image.entries) entries.emplace(key, value);
    content[sid] = {image.created, image.last_access, image.version, entries};
    return {};
  }).value();
  return content;
}

RC_GTEST_PROP(ExactValues, AreTheSameBytesAfterExportAndImport, (std::uint64_t seed)) {
  const TempDirectory temporary;
  const std::string directory = temporary.path() + "/sessions";
  AnyMessagePack any{seed};
  {
    auto store = store::NewStore::make(io::posix_file_system(), directory, 1).value();
    for (int i = 0; i < 5; ++i) {
      std::map<std::string, std::string> entries;
      for (int k = 0; k < 40; ++k) entries[any.value()] = any.value();
      scf::Image image{.created = i,
                       .last_access = 253'402'300'799'999 - i,
                       .version = UINT64_MAX - static_cast<std::uint64_t>(i),
                       .entries = {}};
      for (const auto& [key, value] : entries) image.entries.emplace_back(key, value);
      store.add(digest_of("s" + std::to_string(i)), image).value();
    }
    store.publish().value();
  }
  const Outcome exported = run_program({"export", directory});
  RC_ASSERT(exported.code == 0);
  const Outcome imported = run_program({"import", "-", temporary.path() + "/copy"}, exported.out);
  RC_LOG() << imported.err;
  RC_ASSERT(imported.code == 0);
  RC_ASSERT(content_of(temporary.path() + "/copy") == content_of(directory));
}

}  // namespace
}  // namespace hybrid
