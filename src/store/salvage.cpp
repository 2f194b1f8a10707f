#include "store/salvage.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "scf/log_reader.hpp"
#include "store/new_store.hpp"
#include "store/recovery.hpp"
#include "store/replay.hpp"

namespace hybrid::store {
namespace {

using scf::Gap;
using scf::Lsn;
using scf::Op;

// Replays what is intact. In the table are the sessions that are proven; a gap takes all of them out.
class ProvenReplay {
 public:
  Result<void> apply(const std::string& path, const scf::Frame& frame) {
    Lsn lsn = frame.header.first_lsn;
    for (const scf::Record& record : frame.records) {
      if (const char* const wrong = apply(record, lsn, frame.header.time)) {
        // Its checksum is right, and yet it cannot have been so: what it stands for is lost.
        forget({lsn, lsn, path + ", offset " + std::to_string(frame.at.value) + ": " + wrong});
      }
      lsn = lsn + 1;
    }
    return {};
  }

  void forget(Gap gap) {
    gaps_.push_back(std::move(gap));
    const std::size_t index = gaps_.size() - 1;
    static_cast<void>(
        for_each_image(*table_, [&](const Digest& sid, const scf::Image&) -> Result<void> {
          lost_.emplace(sid, index);
          return {};
        }));
    table_ = Table::make();
  }

  Table& table() { return *table_; }

  // All records below `low_water` are superseded: every session that lived had an image since.
  void report(Lsn low_water, Salvaged& to) const {
    std::vector<std::optional<std::size_t>> new_index(gaps_.size());
    for (std::size_t i = 0; i < gaps_.size(); ++i) {
      if (gaps_[i].to.value != 0 && gaps_[i].to < low_water) continue;
      new_index[i] = to.gaps.size();
      to.gaps.push_back(gaps_[i]);
    }
    for (const auto& [sid, gap] : lost_) {
      if (new_index[gap]) to.lost.push_back({sid, *new_index[gap]});
    }
    std::ranges::sort(to.lost, {}, &Salvaged::Lost::sid);
  }

 private:
  const char* apply(const scf::Record& record, Lsn lsn, Millis time) {
    if (record.op == Op::change_id && !table_->find(record.sid)) {
      const auto new_sid = scf::parse_new_sid(record.data);
      if (new_sid && table_->find(*new_sid)) return "it changes an id to one that lives";
    }
    Replay replay{*table_, !gaps_.empty()};
    const char* const wrong = replay.apply(record, nullptr, lsn, time);
    if (wrong == nullptr) follow(record);
    return wrong;
  }

  // Keeps the list of those that are not proven up to date.
  void follow(const scf::Record& record) {
    switch (record.op) {
      case Op::create:
      case Op::destroy: lost_.erase(record.sid); break;
      case Op::change_id: {
        const auto before = lost_.find(record.sid);
        const Digest new_sid = *scf::parse_new_sid(record.data);
        if (table_->find(new_sid)) break;  // it is proven, under its new id
        const std::size_t gap = before != lost_.end() ? before->second : gaps_.size() - 1;
        lost_.erase(record.sid);
        lost_.emplace(new_sid, gap);
        break;
      }
      case Op::modify:
        if (!table_->find(record.sid)) lost_.emplace(record.sid, gaps_.size() - 1);
        break;
      case Op::touch: break;  // its sessions may have ended while the batch was made
    }
  }

  Table::Owner table_ = Table::make();
  std::vector<Gap> gaps_;
  std::unordered_map<Digest, std::size_t> lost_;  // and the first gap since it was proven
};

Result<void> write(Table& table, NewStore& to) {
  return for_each_image(
      table, [&](const Digest& sid, const scf::Image& image) { return to.add(sid, image); });
}

// What opening the source gives; nothing if it is damaged.
Result<std::optional<Table::Owner>> read_whole(io::FileSystem& files, const std::string& source) {
  Table::Owner table = Table::make();
  const auto recovered = recover(files, source, *table, {});
  if (recovered) return std::optional{std::move(table)};
  if (recovered.error().code() == Errc::corrupt) return std::optional<Table::Owner>{};
  return std::unexpected(recovered.error());
}

}  // namespace

Result<Salvaged> salvage(io::FileSystem& files, const std::string& source,
                         const std::string& destination, Millis now) {
  if (destination.starts_with(source + "/")) {
    return std::unexpected(Error{Errc::invalid_argument,
                                 "'" + destination + "' is inside the store; name another place"});
  }
  auto whole = read_whole(files, source);
  if (!whole) return std::unexpected(whole.error());
  auto to = NewStore::make(files, destination, now);
  if (!to) return std::unexpected(to.error());

  Salvaged salvaged;
  ProvenReplay replay;
  if (!*whole) {
    const scf::SalvageVisitor visitor{
        .on_frame = [&](const std::string& path,
                        const scf::Frame& frame) { return replay.apply(path, frame); },
        .on_gap = [&](Gap gap) -> Result<void> {
          replay.forget(std::move(gap));
          return {};
        }};
    auto summary = scf::read_intact(files, source, visitor);
    if (!summary) return std::unexpected(summary.error());
    replay.report(summary->low_water, salvaged);
    salvaged.left_out = std::move(summary->ignored);
  }
  if (auto written = write(*whole ? ***whole : replay.table(), *to); !written)
    return std::unexpected(written.error());
  salvaged.sessions = to->sessions();
  if (auto published = to->publish(); !published) return std::unexpected(published.error());
  return salvaged;
}

}  // namespace hybrid::store
