// The records of the Session Change File and their bytes.
// Format: docs/formats/scf.md, section 3
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/digest.hpp"

namespace hybrid::scf {

enum class Op : std::uint8_t { create = 0, destroy = 1, change_id = 2, modify = 3, touch = 4 };
inline constexpr std::uint8_t kOpMax = 4;
std::string_view to_string(Op op);

inline constexpr std::size_t kSidBytes = 32;
// No record is larger, so no frame: four times what a session may hold, since small keys and values cost more to tell than to keep.
inline constexpr std::size_t kRecordBytesMax = std::size_t{256} << 20;
inline constexpr std::size_t kRecordOverheadBytes = 1 + kSidBytes + 4;  // OP, SID and LEN

// One record within a payload.
struct Record {
  Op op = Op::create;
  Digest sid;
  ByteView data;
};

void append_record(std::string& out, Op op, const Digest& sid, std::string_view data);
// The same in steps: begin, append DATA to `out`, end. `out` must be empty at first.
void begin_record(std::string& out, Op op, const Digest& sid);
void end_record(std::string& out);

// The records of a payload, oldest first; nothing if it does not split exactly.
std::optional<std::vector<Record>> split_payload(ByteView payload);

// --- DATA of modify

enum class ChangeKind : std::uint8_t { create = 0, erase = 1, update = 2, clear = 3 };
std::string_view to_string(ChangeKind kind);

struct ChangeView {
  ChangeKind kind = ChangeKind::create;
  std::string_view key{};
  std::string_view value{};
};

void append_change(std::string& out, const ChangeView& change);
// Nothing if malformed or empty.
std::optional<std::vector<ChangeView>> parse_changes(ByteView data);
// The same into memory that is there already; false if malformed or empty.
bool parse_changes(ByteView data, std::vector<ChangeView>& changes);

// --- DATA of create, when it is not empty

inline constexpr std::size_t kImageNumberBytes = 10;  // tag, length, and an integer of 8 bytes

struct Image {
  Millis created = 0;
  Millis last_access = 0;
  std::uint64_t version = 0;
  std::vector<std::pair<std::string_view, std::string_view>> entries;  // key, value
};

std::optional<Image> parse_image(ByteView data);
// The same into memory that is there already; false if malformed.
bool parse_image(ByteView data, Image& image);

// A create record with an image, written entry by entry into memory of its exact size: a session may be too large for one
// more copy of it.
class ImageRecord {
 public:
  // Entries are announced first, for the size, and put in the same order afterwards.
  void announce(std::string_view key, std::string_view value);
  std::size_t bytes() const { return kRecordOverheadBytes + data_bytes_; }

  // `to`: bytes() long. Of `image` the numbers only.
  void begin(std::span<std::byte> to, const Digest& sid, const Image& image);
  void put(std::string_view key, std::string_view value);
  void end();

 private:
  std::size_t data_bytes_ = 3 * kImageNumberBytes;
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
};
// The same for an image that is in memory anyway.
std::string image_record(const Digest& sid, const Image& image);

// --- DATA of change id

std::optional<Digest> parse_new_sid(ByteView data);

// --- DATA of touch

struct Touch {
  Digest sid;
  Millis last_access = 0;
};
inline constexpr std::size_t kTouchBytes = kSidBytes + 8;

void append_touch(std::string& out, const Touch& touch);
std::optional<std::vector<Touch>> parse_touches(ByteView data);

}  // namespace hybrid::scf
