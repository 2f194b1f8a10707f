#include "http/request_state.hpp"

#include <algorithm>
#include <utility>

#include "base/no_session.hpp"
#include "http/secrets.hpp"

namespace hybrid::http::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kRememberedMax = std::chrono::days{400};  // what browsers keep a cookie
constexpr int kRenewalsALifetime = 8;
constexpr std::size_t kCookiesTried = 4;

// What Attribute::web holds: when the cookie was last sent, and for how many seconds the browser is remembered.
using WebAttribute = std::tuple<std::int64_t, std::int64_t>;

TimePoint now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

template <class T>
std::string encoded(const T& value) {
  Buffer buffer;
  Encoder out{buffer};
  encode(out, value);
  return std::string{buffer.view()};
}

std::unexpected<Error> request_is_over() {
  return std::unexpected(
      Error{Errc::session_gone, "the request that this session is of has ended"});
}

}  // namespace

RequestState::RequestState(Provider& provider, std::shared_ptr<const Options> options,
                           const Request& request)
    : provider_(provider),
      options_(std::move(options)),
      peer_(request.peer),
      is_secure_(request.is_secure) {}

void RequestState::tell(Event::Kind kind) const {
  if (options_->on_event)
    options_->on_event({.kind = kind, .peer = peer_, .is_secure = is_secure_});
}

UpdateView& RequestState::view() {
  if (view_ == nullptr) {
    cache_ =
        std::make_unique<ReadCache>(session_ ? session_->backend() : std::make_shared<NoSession>());
    view_ = std::make_shared<UpdateView>(*cache_);
  }
  return *view_;
}

void RequestState::drop_view() {
  if (view_ != nullptr) view_->abandon();
  view_.reset();
  cache_.reset();
}

Result<void> RequestState::check() const {
  if (broken_) return std::unexpected(*broken_);
  if (finished_) return request_is_over();
  return {};
}

// --- From the cookies to the session

void RequestState::open(std::string_view cookie_header) {
  const MutexLock lock{mutex_};
  const Options& options = *options_;
  auto values = cookie_values(cookie_header, options.cookie.name);
  had_cookie_ = !values.empty();
  if (values.size() > kCookiesTried) values.resize(kCookiesTried);
  for (const std::string_view value : values) {
    const CookieId id = parse_cookie_value(value, options.cookie.name, options.signing_keys);
    if (id.is != CookieId::Is::good) {
      tell(id.is == CookieId::Is::forged ? Event::Kind::forged_id : Event::Kind::malformed_id);
      continue;
    }
    auto found = provider_.find(id.sid);
    if (!found) {
      broken_ = std::move(found.error());
      return;
    }
    if (!*found) {
      tell(Event::Kind::unknown_id);
      continue;
    }
    session_ = std::move(**found);
    sid_ = id.sid;
    if (id.by_old_key) cookie_ = CookieIs::sent;
    if (auto read = read_renewal(); !read) broken_ = std::move(read.error());
    return;
  }
}

Result<void> RequestState::read_renewal() {
  const auto web = session_->get<WebAttribute>(Attribute::web);
  if (!web && web.error().code() != Errc::session_gone) return std::unexpected(web.error());
  if (!web) return {};
  const auto [sent_at, remembered] = web->value_or(WebAttribute{0, 0});
  remembered_ = std::clamp(seconds{remembered}, seconds{0}, kRememberedMax);
  if (lifetime().count() == 0 && !cookie_is_persistent()) return {};
  const auto span = lifetime().count() > 0 ? Result<seconds>{lifetime()} : max_age();
  if (!span) return std::unexpected(span.error());
  const TimePoint next{milliseconds{sent_at} + milliseconds{*span} / kRenewalsALifetime};
  renewal_is_due_ = now() >= next;
  return {};
}

seconds RequestState::lifetime() const {
  return remembered_.count() > 0 ? remembered_ : options_->idle_timeout;
}

bool RequestState::cookie_is_persistent() const {
  return options_->persistent || remembered_.count() > 0;
}

// As long as the session lives if nobody comes any more.
Result<seconds> RequestState::max_age() const {
  const auto expires_at = session_->expires_at();
  if (!expires_at) return std::unexpected(expires_at.error());
  if (!*expires_at) return kRememberedMax;
  return std::clamp(std::chrono::ceil<seconds>(**expires_at - now()), seconds{1}, kRememberedMax);
}

// --- What a Session does

std::string RequestState::session_id() const {
  const MutexLock lock{mutex_};
  return session_ ? session_->session_id() : std::string{};
}

Result<bool> RequestState::get(std::string_view key, Buffer& value) {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  return view().get(key, value);
}

Result<void> RequestState::apply(std::span<const Change> changes,
                                 std::optional<std::uint64_t> if_version) {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  if (if_version && session_) {
    // Only the store can tell.
    if (auto committed = commit(); !committed) return committed;
    auto applied = session_->backend()->apply(changes, if_version);
    drop_view();
    return applied;
  }
  if (auto applied = view().apply(changes, if_version); !applied) return applied;
  return options_->commit == Commit::at_once ? commit() : Result<void>{};
}

Result<void> RequestState::update(
    const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) {
  std::shared_ptr<UpdateView> view;
  std::optional<Session> session;
  {
    const MutexLock lock{mutex_};
    if (auto checked = check(); !checked) return checked;
    if (auto committed = commit(); !committed) return committed;
    session = session_;
    if (!session) {
      static_cast<void>(this->view());
      view = view_;
    }
  }
  // One that is not there nobody else can change.
  auto updated = session ? session->backend()->update(fn) : view->update(fn);
  const MutexLock lock{mutex_};
  if (session) drop_view();
  if (!updated || session || options_->commit == Commit::at_end) return updated;
  return commit();
}

Result<std::vector<std::pair<std::string, std::string>>> RequestState::entries() {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  return view().entries();
}

Result<SessionInfo> RequestState::info() {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  return view().info();
}

Result<void> RequestState::touch() {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  return view().touch();
}

Result<void> RequestState::destroy() {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  if (session_) {
    // Whatever its id is by now.
    if (auto destroyed = session_->destroy(); !destroyed) return destroyed;
    tell(Event::Kind::ended);
  }
  if (session_ || had_cookie_) cookie_ = CookieIs::removed;
  session_.reset();
  sid_.clear();
  remembered_ = seconds{0};
  is_forgotten_ = false;
  renewal_is_due_ = false;
  drop_view();
  return {};
}

// --- What a session of a browser does beside

bool RequestState::is_there() const {
  const MutexLock lock{mutex_};
  return session_.has_value();
}

void RequestState::begin_anew() {
  session_.reset();
  sid_.clear();
  if (view_ == nullptr) return;
  const std::shared_ptr<UpdateView> before = std::move(view_);
  const std::unique_ptr<ReadCache> cache_before = std::move(cache_);
  const std::vector<Change> changes = before->finish();    // they point into it
  static_cast<void>(view().apply(changes, std::nullopt));  // they were within limits before
}

Result<void> RequestState::renew() {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  if (session_) {
    std::string new_sid = make_session_id();
    // Another request may have given it a new id since.
    auto changed = provider_.change_id(session_->session_id(), new_sid);
    if (changed) {
      sid_ = std::move(new_sid);
      cookie_ = CookieIs::sent;
      tell(Event::Kind::renewed);
      return {};
    }
    const Errc why = changed.error().code();
    if (why != Errc::not_found && why != Errc::session_gone) return changed;
    begin_anew();
  }
  return commit(Make::always);
}

Result<void> RequestState::remember(seconds duration) {
  if (duration.count() < 0 || duration > kRememberedMax) {
    return std::unexpected(
        Error{Errc::invalid_argument, "a browser is remembered for 0 seconds to 400 days"});
  }
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  is_forgotten_ = remembered_.count() > 0 && duration.count() == 0;
  remembered_ = duration;
  renewal_is_due_ = true;
  return {};
}

Result<std::string> RequestState::csrf_token() {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  if (!session_) {
    if (auto made = commit(Make::always); !made) return std::unexpected(made.error());
  }
  return make_csrf_token(sid_);
}

bool RequestState::csrf_ok(std::string_view token) const {
  const MutexLock lock{mutex_};
  if (check() && session_ && is_csrf_token(token, sid_)) return true;
  tell(Event::Kind::forged_form);
  return false;
}

// --- The end

Result<void> RequestState::create(std::vector<Change> changes) {
  std::string sid = make_session_id();
  auto made = provider_.put(sid, changes);
  if (!made) return std::unexpected(std::move(made.error()));
  session_ = std::move(*made);
  sid_ = std::move(sid);
  cookie_ = CookieIs::sent;
  tell(Event::Kind::created);
  return {};
}

Result<void> RequestState::commit(Make make) {
  const std::shared_ptr<UpdateView> before = std::move(view_);
  const std::unique_ptr<ReadCache> cache_before = std::move(cache_);
  std::vector<Change> changes;  // they point into what was before
  if (before != nullptr) changes = before->finish();
  // To erase from what is not there makes nothing.
  if (!session_)
    std::erase_if(changes, [](const Change& change) { return change.kind != Change::Kind::set; });
  if (!session_ && changes.empty() && make == Make::if_needed) return {};

  Renewal renewal;
  const bool renews = session_ ? renewal_is_due_ : lifetime().count() > 0 || cookie_is_persistent();
  if (renews) add_renewal(renewal, changes);
  Result<void> done{};
  if (!session_)
    done = create(std::move(changes));
  else if (!changes.empty())
    done = session_->backend()->apply(changes, std::nullopt);
  if (done && renews) {
    renewal_is_due_ = false;
    cookie_ = CookieIs::sent;
  }
  return done;
}

void RequestState::add_renewal(Renewal& renewal, std::vector<Change>& changes) const {
  const TimePoint at = now();
  renewal = {.deadline_key = encoded(Attribute::deadline),
             .deadline = encoded(at + lifetime()),
             .web_key = encoded(Attribute::web),
             .web = encoded(WebAttribute{at.time_since_epoch().count(), remembered_.count()})};
  if (lifetime().count() > 0) {
    changes.push_back(
        {.kind = Change::Kind::set, .key = renewal.deadline_key, .value = renewal.deadline});
  } else if (is_forgotten_) {
    changes.push_back({.kind = Change::Kind::erase, .key = renewal.deadline_key});
  }
  changes.push_back({.kind = Change::Kind::set, .key = renewal.web_key, .value = renewal.web});
}

Result<std::optional<std::string>> RequestState::finish() {
  const MutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  auto committed = commit();
  finished_ = true;
  drop_view();
  // It has ended meanwhile, by another request's log-out, or its time is over. What comes late does not bring it back.
  if (!committed && committed.error().code() == Errc::session_gone) return std::nullopt;
  if (!committed) return std::unexpected(std::move(committed.error()));

  const Options& options = *options_;
  if (cookie_ == CookieIs::kept) return std::nullopt;
  if (cookie_ == CookieIs::removed) return options.cookie.set("", seconds{0});
  std::optional<seconds> age;
  if (cookie_is_persistent()) {
    const auto left = max_age();
    if (!left && left.error().code() == Errc::session_gone) return std::nullopt;
    if (!left) return std::unexpected(left.error());
    age = *left;
  }
  return options.cookie.set(cookie_value(sid_, options.cookie.name, options.signing_keys), age);
}

void RequestState::abandon() {
  const MutexLock lock{mutex_};
  finished_ = true;
  drop_view();
}

}  // namespace hybrid::http::detail
