// Any bytes as the payload of a frame and as the DATA of its records.
#include <cstdlib>

#include "scf/record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hybrid;
  const ByteView bytes = std::as_bytes(std::span{data, size});
  if (const auto records = scf::split_payload(bytes)) {
    std::string again;
    for (const scf::Record& record : *records)
      append_record(again, record.op, record.sid, as_chars(record.data));
    if (again != as_chars(bytes)) std::abort();
  }
  if (const auto changes = scf::parse_changes(bytes)) {
    std::string again;
    for (const scf::ChangeView& change : *changes) append_change(again, change);
    const auto same = scf::parse_changes(as_bytes(again));
    if (!same || same->size() != changes->size()) std::abort();
  }
  if (const auto image = scf::parse_image(bytes)) {
    const std::string again = scf::image_record(Digest{}, *image);
    const auto records = scf::split_payload(as_bytes(again));
    if (!records || records->size() != 1) std::abort();
    const auto same = scf::parse_image(records->front().data);
    if (!same || same->entries != image->entries || same->version != image->version) std::abort();
  }
  static_cast<void>(scf::parse_touches(bytes));
  static_cast<void>(scf::parse_new_sid(bytes));
  return 0;
}
