// Any bytes as a store's segments: an answer or an Error, never undefined behaviour, and never another answer the second time.
//
// Input: flags u8 | for each segment: number u8 | length u16 | bytes. With flag 1 set, the checksums are made right first, so that
// what stands behind them is reached, too.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/crc32c.hpp"
#include "scf/log_reader.hpp"
#include "store/store.hpp"
#include "testing/fault_file_system.hpp"
#include "testing/manual_clock.hpp"

namespace {

using namespace hybrid;

void mend_checksums(std::vector<std::byte>& segment) {
  if (segment.size() < scf::kSegmentHeaderBytes) return;
  std::byte* const at = segment.data();
  store_le(at + 124, crc32c(ByteView{segment}.first(124)));
  for (std::size_t p = scf::kSegmentHeaderBytes; p + scf::kFrameHeaderBytes <= segment.size();
       p += scf::kFrameAlignment) {
    if (std::memcmp(at + p, "SCFf", 4) != 0) continue;
    store_le(at + p + 4, crc32c(ByteView{segment}.subspan(p + 8, 44)));
    const auto length = load_le<std::uint32_t>(at + p + scf::kPayloadWordOffset);
    if (length > segment.size() - p - scf::kFrameHeaderBytes) continue;
    store_le(at + p + 60, crc32c(ByteView{segment}.subspan(p + scf::kFrameHeaderBytes, length)));
  }
}

using Sessions = std::map<std::string, std::vector<std::pair<std::string, std::string>>>;

Sessions sessions_of(Provider& store) {
  Sessions sessions;
  store
      .for_each([&](Session& session) {
        auto entries = session.backend()->entries();
        if (entries) {
          std::ranges::sort(*entries);
          sessions[std::to_string(sessions.size())] = *entries;
        }
        return true;
      })
      .value();
  return sessions;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader in{std::as_bytes(std::span{data, size})};
  const auto flags = in.integer<std::uint8_t>();
  if (!flags) return 0;
  hybrid::testing::FaultFileSystem files;
  static_cast<void>(files.make_directory("/store"));
  for (;;) {
    const auto number = in.integer<std::uint8_t>();
    const auto length = in.integer<std::uint16_t>();
    if (!number || !length) break;
    const auto bytes = in.take(std::min<std::size_t>(*length, in.remaining()));
    std::vector<std::byte> segment{bytes->begin(), bytes->end()};
    if ((*flags & 1) != 0) mend_checksums(segment);
    auto file = files.open("/store/" + scf::segment_name({*number}), io::OpenMode::create_new);
    if (file) static_cast<void>((*file)->write_at(0, segment));
  }

  const hybrid::testing::ManualClock clock;
  store::EmbeddedStore::Options options;
  options.files = &files;
  options.directory = "/store";
  options.clock = &clock;
  options.background = false;
  options.first_segment_bytes = 4096;
  Sessions first;
  {
    auto opened = store::EmbeddedStore::open(options);
    if (!opened) return 0;
    first = sessions_of(**opened);
    (*opened)->run_duties();
    static_cast<void>((*opened)->load("one more"));
    static_cast<void>((*opened)->destroy("one more"));
    if (!(*opened)->close()) return 0;  // a made-up log may be too large for the test's files
  }
  auto again = store::EmbeddedStore::open(options);
  if (!again || sessions_of(**again).size() != first.size()) std::abort();
  return 0;
}
