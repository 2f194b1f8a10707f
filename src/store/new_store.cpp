#include "store/new_store.hpp"

namespace hybrid::store {
namespace {

// They grow with what is written.
constexpr std::uint64_t kFirstSegmentBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kSyncEvery = std::uint64_t{16} << 20;

}  // namespace

Result<NewStore> NewStore::make(io::FileSystem& files, const std::string& directory, Millis now) {
  auto staged = io::StagedDirectory::make(files, directory);
  if (!staged) return std::unexpected(staged.error());
  auto log = CommitLog::open({.files = files,
                              .directory = staged->path(),
                              .segment_bytes = Params{}.segment_bytes,
                              .first_segment_bytes = kFirstSegmentBytes,
                              .durability = Durability::interval,
                              .background = false},
                             scf::LogSummary{}, now);
  if (!log) return std::unexpected(log.error());
  return NewStore{std::move(*staged), std::move(*log), now};
}

Result<void> NewStore::add(const Digest& sid, const scf::Image& image) {
  const std::string record = scf::image_record(sid, image);
  bytes_ += record.size();
  log_->set_live_bytes(bytes_);
  const auto place = log_->append(record, now_, {});
  if (!place) return std::unexpected(place.error());
  if (auto done = log_->acknowledge(*place); !done) return done;
  ++sessions_;
  unsynced_bytes_ += record.size();
  if (unsynced_bytes_ >= kSyncEvery) {
    unsynced_bytes_ = 0;
    log_->run_duties();  // lets go of segments that are full
  }
  return {};
}

Result<void> NewStore::publish() {
  if (auto closed = log_->close(); !closed) return closed;
  log_.reset();
  return staged_.publish();
}

Result<void> for_each_image(
    Table& table, const std::function<Result<void>(const Digest&, const scf::Image&)>& fn) {
  for (std::size_t i = 0; Chunk* const chunk = table.chunk(i); ++i) {
    for (Entry& entry : chunk->entries) {
      if (entry.state != State::live) continue;
      scf::Image image{.created = entry.created().load(std::memory_order_relaxed),
                       .last_access = entry.access.load(std::memory_order_relaxed),
                       .version = entry.rest().version,
                       .entries = {}};
      entry.block.for_each([&](std::string_view key, std::string_view value) {
        image.entries.emplace_back(key, value);
      });
      if (auto done = fn(entry.digest, image); !done) return done;
    }
  }
  return {};
}

}  // namespace hybrid::store
