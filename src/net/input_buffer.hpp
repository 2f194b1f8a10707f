// What a connection received and its handler did not consume yet, in one piece. Takes no memory while it is empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/assert.hpp"

namespace hybrid::net {

class InputBuffer {
 public:
  static constexpr std::size_t kRoomMin = std::size_t{16} << 10;
  static constexpr std::size_t kRoomMax = std::size_t{64} << 10;

  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }
  std::string_view bytes() const { return {bytes_.get() + begin_, end_ - begin_}; }

  // Where to receive what follows, of which `wanted` bytes are known to come (0: not known). No more than there is already, so that a
  // peer that only says that much will follow does not get memory for it; and enough that what is copied is of the order of
  // what comes.
  std::span<char> room(std::size_t wanted) {
    const std::size_t size = end_ - begin_;
    const std::size_t most = std::max(size, kRoomMax);
    if (capacity_ - end_ < kRoomMin) {
      move_to(size + (wanted != 0 ? std::clamp(wanted, kRoomMin, most) : std::max(size, kRoomMin)));
    }
    return {bytes_.get() + end_, std::min(capacity_ - end_, most)};
  }
  // So many bytes were put into the room.
  void add(std::size_t count) {
    HYBRID_ASSERT(count <= capacity_ - end_);
    end_ += count;
  }
  // To an empty one.
  void assign(std::string_view bytes) {
    HYBRID_ASSERT(empty());
    if (bytes.empty()) return;
    move_to(bytes.size());
    std::memcpy(bytes_.get(), bytes.data(), bytes.size());
    end_ = bytes.size();
  }
  void consume(std::size_t count) {
    HYBRID_ASSERT(count <= end_ - begin_);
    begin_ += count;
  }
  // Gives back memory that is not in use. Not between room() and add().
  void trim() {
    const std::size_t size = end_ - begin_;
    if (size == 0) {
      *this = InputBuffer{};
    } else if (capacity_ > 2 * size + kSlackBytes) {
      move_to(size);
    }
  }

 private:
  static constexpr std::size_t kSlackBytes = 4096;

  void move_to(std::size_t capacity) {
    auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
    const std::size_t size = end_ - begin_;
    if (size != 0) std::memcpy(bytes.get(), bytes_.get() + begin_, size);
    bytes_ = std::move(bytes);
    begin_ = 0;
    end_ = size;
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace hybrid::net
