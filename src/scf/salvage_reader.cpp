#include "scf/salvage_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <memory>
#include <optional>

namespace hybrid::scf {
namespace {

constexpr Lsn kNoLsn{std::numeric_limits<std::uint64_t>::max()};

// A file that may hold a segment.
struct Piece {
  std::string path;
  std::uint64_t bytes = 0;
  bool certain = false;  // its header is intact
  bool erased = false;   // its header is zeros, but frames follow
  SegmentHeader header;  // as it was read; what is in doubt is checked before use
};

// One segment, of which there may be several copies.
struct Segment {
  SegmentHeader header;
  bool certain = false;
  bool erased = false;
  bool linked = false;        // it continues the one before in the list
  std::vector<Piece> copies;  // the one with the right name first
};

// As the start of a file is that was prepared and not begun, but for a few bits that were hit.
bool nearly_zero(ByteView bytes) {
  constexpr int kBitsMax = 4;
  int bits = 0;
  for (const std::byte byte : bytes) bits += std::popcount(std::to_integer<unsigned>(byte));
  return bits <= kBitsMax;
}

class Salvaging {
 public:
  Salvaging(io::FileSystem& files, const std::string& directory, const SalvageVisitor& visitor)
      : files_(files), directory_(directory), visitor_(visitor) {}

  Result<SalvageSummary> run() {
    if (auto found = find_pieces(); !found) return std::unexpected(found.error());
    if (auto chosen = choose_store(); !chosen) return std::unexpected(chosen.error());
    group();
    link();
    if (auto claimed = find_claims(); !claimed) return std::unexpected(claimed.error());
    for (std::size_t i = 0; i < chain_.size() && !ended_; ++i) {
      if (auto read = read_segment(i); !read) return std::unexpected(read.error());
    }
    if (auto judged = judge_end(); !judged) return std::unexpected(judged.error());
    summary_.next_lsn = next_;
    return std::move(summary_);
  }

 private:
  // --- Which files there are

  Result<void> find_pieces() {
    auto names = files_.list(directory_);
    if (!names) return std::unexpected(names.error());
    std::ranges::sort(*names);
    for (const std::string& name : *names) {
      if (!name.ends_with(".scf")) continue;
      if (auto found = find_piece(name); !found) return found;
    }
    return {};
  }

  Result<void> find_piece(const std::string& name) {
    Piece piece{.path = directory_ + "/" + name, .header = {}};
    auto file = files_.open(piece.path, io::OpenMode::read);
    if (!file) return std::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    piece.bytes = *size;
    std::array<std::byte, kSegmentHeaderBytes + kFrameHeaderBytes> start{};
    const auto got = (*file)->read_at(0, start);
    if (!got) return std::unexpected(got.error());
    const auto header = decode_segment_header(
        ByteView{start}.first(std::min<std::size_t>(*got, kSegmentHeaderBytes)));
    if (header) {
      piece.certain = true;
      piece.header = *header;
    } else if (header.error() == HeaderFault::newer) {
      return std::unexpected(
          Error{Errc::unsupported,
                "'" + piece.path + "' was written by a newer hybrid; salvage it with that one"});
    } else {
      if (piece.bytes >= kSegmentHeaderBytes)
        greatest_prepared_ = std::max(greatest_prepared_, number_by_name(name));
      // The first frame's place is ours alone: nothing that a user stored can stand there.
      const auto frame = decode_frame_header(ByteView{start}.subspan(kSegmentHeaderBytes));
      piece.erased = header.error() == HeaderFault::unused || nearly_zero(start);
      if (!frame) {
        if (!piece.erased) unreadable_.push_back({number_by_name(name), piece.path});
        return {};
      }
      if (!piece.erased) piece.header = guess_segment_header(start);
      piece.header.number = number_by_name(name);
      piece.header.epoch = frame->epoch;
      piece.header.first_lsn = frame->first_lsn;
    }
    pieces_.push_back(std::move(piece));
    return {};
  }

  static SegmentNumber number_by_name(const std::string& name) {
    return parse_segment_name(name).value_or(SegmentNumber{});
  }

  void ignore(const std::string& path, const char* why) {
    summary_.ignored.push_back(path + ": " + why);
  }

  // The store that most segments belong to.
  Result<void> choose_store() {
    std::map<Uuid, std::size_t> votes;
    for (const Piece& piece : pieces_) {
      if (piece.certain) ++votes[piece.header.store];
    }
    if (votes.empty()) return {};
    const auto most =
        std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
    const auto as_many =
        std::ranges::count(votes, most->second, [](const auto& vote) { return vote.second; });
    if (as_many > 1) {
      return std::unexpected(Error{Errc::corrupt, "'" + directory_ + "' holds segments of " +
                                                      std::to_string(as_many) +
                                                      " stores, and it cannot be told which is "
                                                      "meant; move those of others away"});
    }
    store_ = most->first;
    std::erase_if(pieces_, [this](const Piece& piece) {
      const bool foreign = piece.certain && piece.header.store != *store_;
      if (foreign) ignore(piece.path, "it belongs to another store");
      return foreign;
    });
    return {};
  }

  // --- Which segments they are

  // V4. An erased header names nobody: then the successor must.
  bool is_ours(const Piece& piece) const {
    if (piece.certain) return true;
    if (!store_) return !piece.erased;
    const auto knows = [&](const Piece& other) {
      return other.certain &&
             (other.header.epoch == piece.header.epoch ||
              other.header.predecessor_epoch == piece.header.epoch ||
              (!piece.erased && piece.header.predecessor_epoch == other.header.epoch));
    };
    return (!piece.erased && piece.header.store == *store_) || std::ranges::any_of(pieces_, knows);
  }

  void group() {
    std::map<std::uint64_t, Segment> by_epoch;
    for (const Piece& piece : pieces_) {
      if (!is_ours(piece)) {
        if (piece.erased) continue;  // unused, but for what its frames claim
        unreadable_.push_back({piece.header.number, piece.path});
        continue;
      }
      Segment& segment = by_epoch[piece.header.epoch];
      const bool better = segment.copies.empty() || (piece.certain && !segment.certain);
      if (better) {
        segment.header = piece.header;
        segment.certain = piece.certain;
        segment.erased = piece.erased;
      }
      segment.copies.push_back(piece);
    }
    for (auto& [epoch, segment] : by_epoch) {
      const std::string name = directory_ + "/" + segment_name(segment.header.number);
      std::ranges::sort(segment.copies, {}, [&](const Piece& piece) { return piece.path != name; });
      segments_.push_back(std::move(segment));
    }
    std::ranges::sort(segments_, {}, [](const Segment& segment) { return segment.header.number; });
  }

  std::optional<std::size_t> predecessor_of(const Segment& segment) const {
    const SegmentHeader& header = segment.header;
    if (segment.erased) return std::nullopt;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      const SegmentHeader& other = segments_[i].header;
      if (other.number >= header.number) continue;
      const bool number = other.number == header.predecessor;
      const bool epoch = other.epoch == header.predecessor_epoch;
      // Of a damaged header either may be what was hit.
      if (segment.certain ? epoch : (number || epoch)) return i;
    }
    return std::nullopt;
  }

  // From the newest segment down. Where one is missing, the older ones follow as they are, to tell what is lost.
  void link() {
    std::vector<bool> used(segments_.size(), false);
    if (segments_.empty()) return;
    std::optional<std::size_t> at = segments_.size() - 1;
    std::vector<std::size_t> order;
    while (at) {
      used[*at] = true;
      order.push_back(*at);
      Segment& segment = segments_[*at];
      const auto before = predecessor_of(segment);
      segment.linked = before && !used[*before];
      at = segment.linked ? before : std::nullopt;
    }
    std::ranges::reverse(order);
    if (segments_[order.front()].header.first_lsn > Lsn{1}) {
      std::vector<std::size_t> older;
      for (std::size_t i = 0; i < order.front(); ++i) {
        if (!used[i]) older.push_back(i);
      }
      order.insert(order.begin(), older.begin(), older.end());
    }
    for (const std::size_t i : order) chain_.push_back(segments_[i]);
  }

  // --- What was on the disk

  Result<void> find_claims() {
    for (const Segment& segment : chain_) {
      summary_.low_water =
          std::max(summary_.low_water, segment.certain ? segment.header.low_water : Lsn{1});
      if (segment.certain) claimed_ = std::max(claimed_, segment.header.durable);
      for (const Piece& piece : segment.copies) {
        if (auto found = find_claims_in(piece); !found) return found;
      }
    }
    for (const Piece& piece : pieces_) {
      if (!piece.erased || is_ours(piece)) continue;
      if (auto found = find_claims_in(piece); !found) return found;
    }
    return {};
  }

  Result<void> find_claims_in(const Piece& piece) {
    auto reader = SegmentReader::open(files_, piece.path);
    if (!reader) return std::unexpected(reader.error());
    reader->assume_epoch(piece.header.epoch);
    Offset from{kSegmentHeaderBytes};
    for (;;) {
      const auto found = reader->find_frame(from);
      if (!found) return std::unexpected(found.error());
      if (!*found) return {};
      claimed_ = std::max(claimed_, (*found)->header.durable);
      from = (*found)->at + kFrameAlignment;
    }
  }

  // --- Reading

  Result<void> gap(Lsn from, Lsn to, std::string why) {
    return visitor_.on_gap({from, to, std::move(why)});
  }

  // A valid frame with an LSN of at least next_, or why there is none at `at`.
  struct Step {
    std::optional<std::size_t> copy;
    Frame frame;
    Offset end;
    bool clean_end = false;
    Offset bad_at;
    std::string why;
  };

  Result<Step> step_at(std::vector<SegmentReader>& copies, Offset at, Lsn expected,
                       std::optional<Offset> end) {
    Step step{.copy = {}, .frame = {}, .end = at, .clean_end = true, .bad_at = at, .why = {}};
    for (std::size_t i = 0; i < copies.size(); ++i) {
      copies[i].seek(at);
      auto next = copies[i].next(expected, end);
      if (!next) return std::unexpected(next.error());
      if (auto* const frame = std::get_if<Frame>(&*next)) {
        step.copy = i;
        step.frame = std::move(*frame);
        step.end = copies[i].position();
        return step;
      }
      if (const auto* const bad = std::get_if<BadFrame>(&*next); bad != nullptr && step.clean_end) {
        step.clean_end = false;
        step.bad_at = bad->at;
        step.why = bad->why;
      }
    }
    return step;
  }

  // V3. The first valid frame behind `from` that is of this part of the log.
  Result<Step> resynchronize(std::vector<SegmentReader>& copies, Offset from, Lsn until,
                             std::optional<Offset> end) {
    Step best{.copy = {}, .frame = {}, .end = from, .clean_end = false, .bad_at = from, .why = {}};
    std::optional<std::pair<Offset, Lsn>> place;
    for (SegmentReader& copy : copies) {
      for (Offset at = from;;) {
        const auto found = copy.find_frame(at);
        if (!found) return std::unexpected(found.error());
        if (!*found || (place && (*found)->at >= place->first)) break;
        const Lsn first = (*found)->header.first_lsn;
        at = (*found)->at + kFrameAlignment;
        if (first < next_ || first >= until || (end && at > *end)) continue;
        copy.seek((*found)->at);
        const auto next = copy.next(first, end);
        if (!next) return std::unexpected(next.error());
        if (!std::holds_alternative<Frame>(*next)) continue;
        place = {(*found)->at, first};
        break;
      }
    }
    if (!place) return best;
    return step_at(copies, place->first, place->second, end);
  }

  Result<void> read_segment(std::size_t i) {
    const Segment& segment = chain_[i];
    const bool last = i + 1 == chain_.size();
    const Segment* const after = last ? nullptr : &chain_[i + 1];
    std::optional<Offset> end;
    if (after != nullptr && after->linked && after->certain) end = after->header.predecessor_end;
    const Lsn until = after == nullptr ? kNoLsn : after->header.first_lsn;
    const std::string& path = segment.copies.front().path;

    if (!segment.linked && segment.header.first_lsn > Lsn{1}) {
      const Lsn to = segment.header.first_lsn - 1;
      if (auto told =
              gap(std::min(next_, to), to, path + ": the segment before this one is missing");
          !told)
        return told;
      next_ = segment.header.first_lsn;
    } else if (!segment.linked) {
      next_ = segment.header.first_lsn;
    }
    if (segment.erased && claimed_ < segment.header.first_lsn) {
      ended_ = true;  // its header never was on the disk: the log ends before it
      return {};
    }

    std::vector<SegmentReader> copies;
    for (const Piece& piece : segment.copies) {
      auto reader = SegmentReader::open(files_, piece.path);
      if (!reader) return std::unexpected(reader.error());
      reader->assume_epoch(segment.header.epoch);
      copies.push_back(std::move(*reader));
    }
    Offset at{kSegmentHeaderBytes};
    end_ = End{.segment = i, .at = at, .time = end_.time};
    while (next_ < until) {
      auto step = step_at(copies, at, next_, end);
      if (!step) return std::unexpected(step.error());
      if (!step->copy && !step->clean_end) {
        end_.bad_at = step->bad_at;
        end_.why = step->why;
        if (claimed_ < next_) break;
        const Offset bad_at = step->bad_at;
        const std::string why = step->why;
        step = resynchronize(copies, bad_at, until, end);
        if (!step) return std::unexpected(step.error());
        if (step->copy && step->frame.header.first_lsn > next_) {
          if (auto told = lost_in(path, bad_at, step->frame.header.first_lsn, why); !told)
            return told;
        }
      }
      if (!step->copy) break;
      if (step->frame.last_lsn() >= until) break;  // of another time
      if (auto seen = accept(segment.copies[*step->copy].path, *step); !seen) return seen;
      at = step->end;
    }
    if (last || next_ >= until || !after->linked) return {};
    if (claimed_ < next_) {
      ended_ = true;  // torn
      return {};
    }
    return lost_in(path, end_.bad_at.value_or(end_.at), until,
                   end_.why.empty() ? "records are missing at the segment's end" : end_.why);
  }

  Result<void> lost_in(const std::string& path, Offset at, Lsn next, const std::string& why) {
    const Lsn from = next_;
    next_ = next;
    return gap(from, next - 1, path + ", offset " + std::to_string(at.value) + ": " + why);
  }

  Result<void> accept(const std::string& path, const Step& step) {
    const Frame& frame = step.frame;
    next_ = frame.last_lsn() + 1;
    summary_.low_water = std::max(summary_.low_water, frame.header.low_water);
    const bool closed = frame.header.kind == FrameKind::closed ||
                        (end_.closed && frame.header.kind == FrameKind::seal);
    end_ = End{.segment = end_.segment,
               .at = step.end,
               .time = std::max(end_.time, frame.header.time),
               .closed = closed,
               .sealed = frame.header.kind == FrameKind::seal};
    return visitor_.on_frame(path, frame);
  }

  // --- The end

  // V2.
  Result<void> judge_end() {
    const auto lost = [this](const std::string& path, std::string why) {
      return gap(next_, {}, path + ": " + std::move(why));
    };
    const SegmentNumber last = chain_.empty() ? SegmentNumber{} : chain_.back().header.number;
    for (const auto& [number, path] : unreadable_) {
      if (number > last)
        return lost(path, "the segment's header is damaged, and nothing tells what it holds");
    }
    for (const auto& [number, path] : unreadable_)
      ignore(path, "its header is damaged, and nothing tells whose it is");
    if (claimed_ >= next_) {
      const std::string path = chain_.empty() ? directory_ : chain_.back().copies.front().path;
      return gap(next_, claimed_, path + ": the last frames are missing");
    }
    if (chain_.empty() || ended_) return {};
    const Segment& segment = chain_.back();
    const Piece& file = *std::ranges::max_element(segment.copies, {}, &Piece::bytes);
    if (end_.sealed) {
      if (greatest_prepared_ > segment.header.number) return {};
      return lost(file.path, "the segments after this one are missing");
    }
    if (end_.closed || segment.header.allocated <= file.bytes) return {};
    const auto closed = was_closed(file);
    if (!closed) return std::unexpected(closed.error());
    if (*closed) return {};
    return lost(file.path, "the file was cut short");
  }

  // A close writes a frame that says nothing new, so it is known even if a few of its bits are not what they were.
  Result<bool> was_closed(const Piece& piece) {
    constexpr int kBitsMax = 4;
    const std::uint64_t at = align_up(end_.at.value, kSyncAlignment);
    if (piece.bytes != at + kFrameHeaderBytes) return false;
    auto file = files_.open(piece.path, io::OpenMode::read);
    if (!file) return std::unexpected(file.error());
    FrameHeaderBytes there{};
    const auto got = (*file)->read_at(at, there);
    if (!got) return std::unexpected(got.error());
    const FrameHeaderBytes expected = encode(FrameHeader{.epoch = chain_.back().header.epoch,
                                                         .first_lsn = next_,
                                                         .durable = next_ - 1,
                                                         .low_water = summary_.low_water,
                                                         .time = end_.time,
                                                         .kind = FrameKind::closed});
    int different = 0;
    for (std::size_t i = 0; i < there.size(); ++i) {
      different += std::popcount(std::to_integer<unsigned>(there[i] ^ expected[i]));
    }
    return different <= kBitsMax;
  }

  io::FileSystem& files_;
  const std::string& directory_;
  const SalvageVisitor& visitor_;
  SalvageSummary summary_;

  std::vector<Piece> pieces_;
  std::vector<std::pair<SegmentNumber, std::string>> unreadable_;
  SegmentNumber greatest_prepared_;  // of the files without an intact header
  std::optional<Uuid> store_;
  std::vector<Segment> segments_;  // by number
  std::vector<Segment> chain_;     // those to read, in order
  Lsn claimed_;                    // records up to this one were on the disk

  Lsn next_{1};
  bool ended_ = false;  // the log ends before the chain does
  // Where reading has come to in its segment.
  struct End {
    std::size_t segment = 0;
    Offset at{kSegmentHeaderBytes};
    Millis time = 0;
    bool closed = false;
    bool sealed = false;
    std::optional<Offset> bad_at{};
    std::string why{};
  };
  End end_;
};

}  // namespace

Result<SalvageSummary> read_intact(io::FileSystem& files, const std::string& directory,
                                   const SalvageVisitor& visitor) {
  return Salvaging{files, directory, visitor}.run();
}

}  // namespace hybrid::scf
