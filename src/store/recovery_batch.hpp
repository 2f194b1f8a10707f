// Frames of the log on their way to the table, with a copy of what their records are views of, shared out among those who apply them.
//
// Each share has the records of its part of the ids, in the order of the log. Touches, which are of many sessions, are in all shares.
// A session whose new id is another share's is handed over: the share of the old id gives it, the other takes it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "scf/segment_reader.hpp"
#include "store/table.hpp"

namespace hybrid::store {

// One session's way from share to share.
struct Handover {
  Entry* entry = nullptr;  // none: it does not live
  std::atomic<bool> given{false};
};

class Batch {
 public:
  struct Frame {
    scf::SegmentNumber segment;
    scf::Offset at;
    scf::Lsn first_lsn;
    Millis time = 0;
  };
  struct Item {
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
    enum class Role : std::uint8_t { whole, gives, takes };

    scf::Record
        record;  // of who takes: the sid is the new one, so that each share looks for ids of its own only
    scf::Lsn lsn;
    std::uint32_t frame = 0;         // in frames()
    std::uint32_t handover = kNone;  // for gives and takes
    Role role = Role::whole;
  };

  // Large enough that handing one over costs little beside applying it, small enough to stay in a cache.
  static constexpr std::size_t kBytes = std::size_t{512} << 10;

  explicit Batch(std::size_t shares) : shares_(shares) {}
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() { drop_handovers(); }

  const std::vector<Item>& share(std::size_t share) const { return shares_[share]; }
  const Frame& frame(const Item& item) const { return frames_[item.frame]; }
  Handover& handover(const Item& item) { return handovers_[item.handover]; }
  std::uint64_t records() const { return records_; }
  std::size_t bytes() const { return used_; }
  bool empty() const { return frames_.empty(); }
  scf::Lsn first_lsn() const { return frames_.front().first_lsn; }
  bool has_room_for(const scf::Frame& frame) const {
    return used_ + frame.payload.size() <= kBytes;
  }

  void add(scf::SegmentNumber segment, const scf::Frame& frame) {
    if (bytes_.size() < used_ + frame.payload.size())
      bytes_.resize(std::max(kBytes, frame.payload.size()));  // the first frame: no views yet
    std::byte* const copy = bytes_.data() + used_;
    copy_bytes(copy, frame.payload);
    used_ += frame.payload.size();
    Item item{.record = {},
              .lsn = frame.header.first_lsn,
              .frame = static_cast<std::uint32_t>(frames_.size())};
    frames_.push_back({.segment = segment,
                       .at = frame.at,
                       .first_lsn = frame.header.first_lsn,
                       .time = frame.header.time});
    for (const scf::Record& record : frame.records) {
      item.record = record;
      item.record.data =
          ByteView{copy + (record.data.data() - frame.payload.data()), record.data.size()};
      share_out(item);
      item.lsn = item.lsn + 1;
    }
    records_ += frame.records.size();
  }

  // Nobody may be applying it.
  void clear() {
    drop_handovers();
    if (bytes_.size() > kBytes) bytes_ = {};
    frames_.clear();
    for (auto& share : shares_) share.clear();
    records_ = 0;
    used_ = 0;
    read = 0;
    total = 0;
  }

  bool lost_start = false;  // of the log, see Replay
  // How far reading had come, of how much; 0 if nobody has said.
  std::uint64_t read = 0;
  std::uint64_t total = 0;

 private:
  void share_out(const Item& item) {
    if (shares_.size() == 1) return shares_.front().push_back(item);
    if (item.record.op == scf::Op::touch) {
      for (auto& share : shares_) share.push_back(item);
      return;
    }
    const std::size_t of = Table::share_of(item.record.sid, shares_.size());
    if (item.record.op == scf::Op::change_id) {
      const auto new_sid = scf::parse_new_sid(item.record.data);
      const std::size_t to = new_sid ? Table::share_of(*new_sid, shares_.size()) : of;
      if (to != of) return hand_over(item, of, *new_sid, to);
    }
    shares_[of].push_back(item);
  }

  void hand_over(Item item, std::size_t of, const Digest& new_sid, std::size_t to) {
    item.handover = static_cast<std::uint32_t>(handovers_.size());
    handovers_.emplace_back();
    item.role = Item::Role::gives;
    shares_[of].push_back(item);
    item.role = Item::Role::takes;
    item.record.sid = new_sid;
    shares_[to].push_back(item);
  }

  // What was given and, since recovery was given up, not taken.
  void drop_handovers() {
    for (Handover& handover : handovers_) {
      if (handover.entry != nullptr) const EntryRef index_reference{handover.entry};
    }
    handovers_.clear();
  }

  std::vector<Frame> frames_;
  std::vector<std::vector<Item>> shares_;
  std::deque<Handover> handovers_;
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace hybrid::store
