#include "scf/log_reader.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace hybrid::scf {
namespace {

// What the directory may hold beside segments without being something else than a store.
bool belongs_to_store(std::string_view name) {
  return name == "lock" || name.starts_with('.') || name == "lost+found";
}

// The segments by number.
Result<std::vector<std::pair<SegmentNumber, std::string>>> segment_names(
    io::FileSystem& files, const std::string& directory) {
  auto names = files.list(directory);
  if (!names) return std::unexpected(names.error());
  std::vector<std::pair<SegmentNumber, std::string>> segments;
  std::string foreign;
  for (std::string& name : *names) {
    if (const auto number = parse_segment_name(name)) {
      segments.emplace_back(*number, std::move(name));
    } else if (name.ends_with(".scf")) {
      return std::unexpected(Error{
          Errc::corrupt,
          "'" + directory + "/" + name + "' is not the name of a segment; move the file away"});
    } else if (foreign.empty() && !belongs_to_store(name)) {
      foreign = std::move(name);
    }
  }
  if (segments.empty() && !foreign.empty()) {
    return std::unexpected(
        Error{Errc::invalid_argument, "'" + directory + "' is no store: it holds '" + foreign +
                                          "'; name an empty or a new directory"});
  }
  std::ranges::sort(segments);
  return segments;
}

class Reading {
 public:
  Reading(io::FileSystem& files, const std::string& directory, const LogVisitor& visitor)
      : files_(files), directory_(directory), visitor_(visitor) {}

  Result<LogSummary> run() {
    if (auto listed = list_segments(); !listed) return std::unexpected(listed.error());
    if (damaged()) return std::move(log_);
    link_chain();
    for (std::size_t i = 0; i < chain_.size() && log_.verdict == Verdict::sound; ++i) {
      if (auto read = read_segment(i); !read) return std::unexpected(read.error());
    }
    if (log_.verdict == Verdict::sound && !cut_off_.empty()) {
      if (auto judged = judge_headerless(); !judged) return std::unexpected(judged.error());
    }
    if (log_.verdict == Verdict::sound) {
      if (auto checked = check_unused(); !checked) return std::unexpected(checked.error());
    }
    if (!damaged() && log_.has_lost_start && segment(0).header.first_lsn > log_.low_water) {
      damage(chain_[0], Offset{0}, "the segments before this one are missing", Lsn{1},
             segment(0).header.predecessor_last_lsn);
    }
    return std::move(log_);
  }

 private:
  bool damaged() const { return log_.verdict == Verdict::damaged; }
  SegmentSummary& segment(std::size_t chain_index) { return log_.segments[chain_[chain_index]]; }

  void damage(std::size_t index, Offset at, std::string why, Lsn from = {}, Lsn to = {}) {
    log_.verdict = Verdict::damaged;
    log_.why = std::move(why);
    log_.at_segment = index;
    log_.at = at;
    log_.missing_from = from;
    log_.missing_to = to;
  }

  Result<void> list_segments() {
    auto names = segment_names(files_, directory_);
    if (!names) return std::unexpected(names.error());
    for (const auto& [number, name] : *names) {
      log_.segments.push_back({.number = number, .path = directory_ + "/" + name});
    }
    for (std::size_t i = 0; i < log_.segments.size() && !damaged(); ++i) {
      if (auto opened = read_header(i); !opened) return opened;
    }
    return {};
  }

  Result<void> read_header(std::size_t index) {
    SegmentSummary& summary = log_.segments[index];
    const auto reader = SegmentReader::open(files_, summary.path);
    if (!reader) return std::unexpected(reader.error());
    summary.file_bytes = reader->file_bytes();
    bytes_total_ += summary.file_bytes;
    if (!reader->header()) {
      switch (reader->header().error()) {
        case HeaderFault::unused: break;
        case HeaderFault::invalid:
          damage(index, Offset{0}, "the segment's header is damaged");
          break;
        case HeaderFault::newer:
          return std::unexpected(
              Error{Errc::unsupported,
                    "'" + summary.path + "' was written by a newer hybrid; open it with that one"});
      }
      return {};
    }
    summary.header = *reader->header();
    summary.role = SegmentRole::superseded;  // until link_chain() reaches it
    if (summary.header.number != summary.number) {
      damage(index, Offset{32},
             "the file is a copy of segment " + segment_name(summary.header.number) +
                 "; move it away");
    } else if (!store_) {
      store_ = summary.header.store;
    } else if (*store_ != summary.header.store) {
      damage(index, Offset{16}, "the segment belongs to another store; move it away");
    }
    return {};
  }

  std::optional<std::size_t> index_of(SegmentNumber number) const {
    const auto found = std::ranges::lower_bound(log_.segments, number, {}, &SegmentSummary::number);
    if (found == log_.segments.end() || found->number != number) return std::nullopt;
    return static_cast<std::size_t>(found - log_.segments.begin());
  }

  // From the newest segment that was begun down to the oldest that it continues.
  void link_chain() {
    std::optional<std::size_t> index = newest_begun_below(log_.segments.size());
    while (index) {
      SegmentSummary& summary = log_.segments[*index];
      summary.role = SegmentRole::chain;
      chain_.push_back(*index);
      log_.low_water = std::max(log_.low_water, summary.header.low_water);
      const SegmentHeader& header = summary.header;
      if (header.predecessor.value == 0) break;
      const auto before = index_of(header.predecessor);
      if (!before) {
        log_.has_lost_start = true;
        break;
      }
      if (log_.segments[*before].role == SegmentRole::unused) {
        // Its header did not reach the disk, or was erased: the log ends before it, one way or the other.
        cut_off_.insert(cut_off_.end(), chain_.begin(), chain_.end());
        chain_.clear();
        headerless_ = *before;
        index = newest_begun_below(*before);
        continue;
      }
      if (log_.segments[*before].header.epoch != header.predecessor_epoch) {
        damage(*before, Offset{40},
               "segment " + segment_name(summary.number) +
                   " does not continue this file but another of its name");
        break;
      }
      index = before;
    }
    std::ranges::reverse(chain_);
    if (!chain_.empty()) log_.next_lsn = segment(0).header.first_lsn;
  }

  // A seal is written once its successor is there, filled with zeros: whatever a crash does, a file is there.
  bool has_file_after(std::size_t index) const {
    return std::any_of(log_.segments.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                       log_.segments.end(),
                       [](const SegmentSummary& s) { return s.file_bytes >= kSegmentHeaderBytes; });
  }

  std::optional<std::size_t> newest_begun_below(std::size_t index) const {
    while (index-- > 0) {
      if (log_.segments[index].role != SegmentRole::unused) return index;
    }
    return std::nullopt;
  }

  Result<void> read_segment(std::size_t i) {
    SegmentSummary& summary = segment(i);
    const bool last = i + 1 == chain_.size();
    std::optional<Offset> end;
    if (!last) end = segment(i + 1).header.predecessor_end;
    auto reader = SegmentReader::open(files_, summary.path);
    if (!reader) return std::unexpected(reader.error());
    believe_durable(summary.header.durable);
    summary.end = reader->position();

    FrameKind last_kind = FrameKind::records;
    bool closed = false;
    for (;;) {
      auto step = reader->next(log_.next_lsn, end);
      if (!step) return std::unexpected(step.error());
      if (const auto* bad = std::get_if<BadFrame>(&*step)) return judge(i, *reader, *bad);
      if (std::holds_alternative<FramesEnd>(*step)) break;
      const Frame& frame = std::get<Frame>(*step);
      if (auto accepted = accept(chain_[i], frame, reader->position()); !accepted) return accepted;
      last_kind = frame.header.kind;
      closed = last_kind == FrameKind::closed || (closed && last_kind == FrameKind::seal);
    }
    log_.last = chain_[i];
    read_before_ += summary.file_bytes;
    if (!last) {
      const Lsn next = segment(i + 1).header.first_lsn;
      if (log_.next_lsn > next) {
        damage(chain_[i], summary.end, "it holds records that its successor holds too");
      } else if (log_.next_lsn < next) {
        return judge(i, *reader, BadFrame{summary.end, "records are missing at the segment's end"});
      }
      log_.bytes_kept += summary.end.value;
      return {};
    }
    log_.bytes_kept += summary.end.value;
    log_.closed = last_kind == FrameKind::closed && summary.end.value == summary.file_bytes;
    log_.sealed = last_kind == FrameKind::seal;
    if (summary.header.allocated > summary.file_bytes && !closed && !log_.sealed) {
      damage(chain_[i], summary.end, "the file was cut short");
      log_.missing_from = log_.next_lsn;
    } else if (log_.sealed && !has_file_after(chain_[i])) {
      damage(chain_[i], summary.end, "the segments after this one are missing");
      log_.missing_from = log_.next_lsn;
    } else if (log_.durable >= log_.next_lsn) {
      damage(chain_[i], summary.end, "the last frames are missing", log_.next_lsn, log_.durable);
    }
    return {};
  }

  Result<void> accept(std::size_t index, const Frame& frame, Offset end) {
    SegmentSummary& summary = log_.segments[index];
    if (visitor_.on_frame) {
      if (auto seen = visitor_.on_frame(summary, frame); !seen) return seen;
    }
    summary.end = end;
    summary.records += frame.records.size();
    log_.records += frame.records.size();
    log_.next_lsn = frame.last_lsn() + 1;
    log_.low_water = std::max(log_.low_water, frame.header.low_water);
    log_.latest_time = std::max(log_.latest_time, frame.header.time);
    if (!frame.records.empty()) {
      log_.not_durable.push_back({index, frame.at, end, frame.header.first_lsn, frame.last_lsn()});
    }
    believe_durable(frame.header.durable);
    report_progress(read_before_ + end.value);
    return {};
  }

  // A claim of a segment's header or of a frame. They come in order, so what they cover is at the front.
  void believe_durable(Lsn claim) {
    log_.durable = std::max(log_.durable, claim);
    const auto first = std::ranges::find_if(
        log_.not_durable, [&](const FramePlace& place) { return place.last_lsn > log_.durable; });
    if (first != log_.not_durable.begin()) {
      log_.last_durable = *std::prev(first);
      log_.not_durable.erase(log_.not_durable.begin(), first);
    }
  }

  void report_progress(std::uint64_t bytes) {
    constexpr std::uint64_t kEvery = std::uint64_t{1} << 20;
    if (!visitor_.on_progress || bytes < reported_ + kEvery) return;
    reported_ = bytes;
    visitor_.on_progress(bytes, bytes_total_);
  }

  // The log ends here. Was what is missing on the disk once? Then it is damage, else a crash's torn tail.
  Result<void> judge(std::size_t i, SegmentReader& reader, const BadFrame& bad) {
    SegmentSummary& summary = segment(i);
    const bool last = i + 1 == chain_.size();
    const Lsn expected = log_.next_lsn;
    std::optional<Offset> end;
    if (!last) end = segment(i + 1).header.predecessor_end;

    auto claim = reader.find_durable_claim(bad.at, end, expected);
    if (!claim) return std::unexpected(claim.error());
    if (!*claim && log_.durable >= expected) *claim = log_.durable + 1;
    if (!*claim) {
      claim = find_claim_after(i, expected);
      if (!claim) return std::unexpected(claim.error());
    }
    if (*claim) {
      // The claim's own frame may be all that is left, so the range ends before it or at its first record.
      damage(chain_[i], bad.at, bad.why, expected, std::max(expected, **claim - 1));
      return {};
    }
    if (last && summary.header.allocated > summary.file_bytes) {
      damage(chain_[i], bad.at, bad.why, expected);
      return {};
    }

    log_.verdict = Verdict::torn;
    log_.why = bad.why;
    log_.at_segment = chain_[i];
    log_.at = bad.at;
    log_.last = chain_[i];
    log_.bytes_kept += summary.end.value;
    const auto content_end = reader.content_end(summary.end);
    if (!content_end) return std::unexpected(content_end.error());
    log_.bytes_cut = (end ? std::min(*end, *content_end) : *content_end).value - summary.end.value;
    cut_off_.insert(cut_off_.end(), chain_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    chain_.end());
    drop_cut_off();
    return {};
  }

  // The log is whole up to a segment that has no header, and others follow that one.
  Result<void> judge_headerless() {
    const auto claim = find_claim_after(chain_.size(), log_.next_lsn);
    if (!claim) return std::unexpected(claim.error());
    if (*claim) {
      damage(headerless_, Offset{0}, "the segment's header was erased", log_.next_lsn,
             std::max(log_.next_lsn, **claim - 1));
      return {};
    }
    log_.verdict = Verdict::torn;
    log_.why = "the segment has no header";
    log_.at_segment = headerless_;
    log_.at = Offset{0};
    log_.closed = false;
    log_.bytes_cut = log_.segments[headerless_].file_bytes;
    drop_cut_off();
    return {};
  }

  void drop_cut_off() {
    for (const std::size_t index : cut_off_) {
      log_.segments[index].role = SegmentRole::superseded;
      log_.bytes_cut += log_.segments[index].file_bytes;
    }
  }

  // A claim in the segments that follow the chain's ith, or in unused ones.
  Result<std::optional<Lsn>> find_claim_after(std::size_t i, Lsn lsn) {
    std::vector<std::size_t> later{cut_off_};
    for (std::size_t j = i + 1; j < chain_.size(); ++j) later.push_back(chain_[j]);
    for (const std::size_t index : later) {
      const SegmentHeader& header = log_.segments[index].header;
      if (header.durable >= lsn) return header.first_lsn;
      auto claim = find_claim_in(index, lsn);
      if (!claim || *claim) return claim;
    }
    return find_claim_in_unused(lsn);
  }

  Result<std::optional<Lsn>> find_claim_in(std::size_t index, Lsn lsn) {
    auto reader = SegmentReader::open(files_, log_.segments[index].path);
    if (!reader) return std::unexpected(reader.error());
    return reader->find_durable_claim(Offset{kSegmentHeaderBytes}, std::nullopt, lsn);
  }

  Result<std::optional<Lsn>> find_claim_in_unused(Lsn lsn) {
    for (std::size_t index = 0; index < log_.segments.size(); ++index) {
      if (log_.segments[index].role != SegmentRole::unused) continue;
      auto claim = find_claim_in(index, lsn);
      if (!claim || *claim) {
        if (claim && *claim) claim_in_ = index;
        return claim;
      }
    }
    return std::optional<Lsn>{};
  }

  // A segment whose header was lost after it had been synced looks unused but for what its frames claim.
  Result<void> check_unused() {
    const auto claim = find_claim_in_unused(log_.next_lsn);
    if (!claim) return std::unexpected(claim.error());
    if (*claim)
      damage(claim_in_, Offset{0}, "the segment's header was erased", log_.next_lsn, **claim);
    return {};
  }

  io::FileSystem& files_;
  const std::string& directory_;
  const LogVisitor& visitor_;
  LogSummary log_;
  std::vector<std::size_t> chain_;    // indices into log_.segments, oldest first
  std::vector<std::size_t> cut_off_;  // begun, but what they continue is not there
  std::size_t headerless_ = 0;        // the segment without a header that cut them off
  std::optional<Uuid> store_;
  std::size_t claim_in_ = 0;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t read_before_ = 0;  // bytes of the segments that were read to their end
  std::uint64_t reported_ = 0;
};

}  // namespace

std::string_view to_string(SegmentRole role) {
  switch (role) {
    case SegmentRole::chain: return "log";
    case SegmentRole::unused: return "unused";
    case SegmentRole::superseded: return "superseded";
  }
  return "unknown";
}

std::string LogSummary::describe() const {
  std::string text = segments.empty() ? std::string{} : segments[at_segment].path;
  text += ", offset " + std::to_string(at.value) + ": " + why;
  if (missing_from.value != 0) {
    const std::string from = std::to_string(missing_from.value);
    if (missing_to > missing_from) {
      text +=
          "; records " + from + " to " + std::to_string(missing_to.value) + " are lost or damaged";
    } else if (missing_to == missing_from) {
      text += "; record " + from + " is lost or damaged";
    } else {
      text += "; records from " + from + " on are lost or damaged";
    }
  }
  return text;
}

Result<void> check_is_store(io::FileSystem& files, const std::string& directory) {
  const auto names = segment_names(files, directory);
  if (!names) return std::unexpected(names.error());
  return {};
}

Result<LogSummary> read_log(io::FileSystem& files, const std::string& directory,
                            const LogVisitor& visitor) {
  return Reading{files, directory, visitor}.run();
}

}  // namespace hybrid::scf
