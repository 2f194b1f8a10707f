#include "http/request_state.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/attributes.hpp"
#include "base/clock.hpp"
#include "base/no_session.hpp"
#include "http/cookie_values.hpp"
#include "http/secrets.hpp"

namespace hybrid::http::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kRememberedMax = std::chrono::days{400};  // what browsers keep a cookie
constexpr int kRenewalsALifetime = 8;
constexpr seconds kLifetimeMax = std::chrono::days{36500};
// Of those that may be ours. Others of that name, which any host of the domain may have planted, cost little.
constexpr std::size_t kIdsLookedUp = 4;
constexpr std::size_t kCookiesToldOf = 4;

TimePoint now() { return to_time_point(SystemClock{}.now()); }

// The request knows it by an id that it does not have any more: whoever has the new one has logged in since.
std::unexpected<Error> has_new_id() {
  return std::unexpected(
      Error{Errc::session_gone, "the session has got another id since this request began"});
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

ReadCache& RequestState::cache() {
  static NoSession nothing;
  if (!cache_) cache_.emplace(session_ ? *session_->backend() : nothing);
  return *cache_;
}

UpdateView& RequestState::view() {
  if (view_ == nullptr) view_ = std::make_shared<UpdateView>(cache());
  return *view_;
}

void RequestState::drop_view() {
  if (view_ != nullptr) view_->abandon();
  view_.reset();
  cache_.reset();
}

void RequestState::rebase() {
  const std::shared_ptr<UpdateView> before = std::move(view_);
  // The session may have gone: nobody may look at it, whatever comes.
  if (before != nullptr) before->abandon();
  cache_.reset();
  std::vector<Change> changes;  // they point into the view
  if (before != nullptr) changes = before->finish();
  if (!changes.empty())
    static_cast<void>(view().apply(changes, std::nullopt));  // they were within limits before
}

bool RequestState::is_ours() const { return !session_ || session_->backend()->has_id(sid_.view()); }

Result<void> RequestState::check() const {
  if (broken_) return std::unexpected(*broken_);
  if (finished_) return request_is_over();
  return {};
}

// One is made for each request: beyond this malloc() takes several times as long.
static_assert(sizeof(RequestState) <= 1000);

// --- From the cookies to the session

void RequestState::open(std::string_view cookie_header) {
  const SmallMutexLock lock{mutex_};
  const Options& options = *options_;
  CookieValues values{cookie_header, options.cookie.name};
  std::size_t told = 0;
  const auto ignore = [&](Event::Kind why) {
    if (told++ < kCookiesToldOf) tell(why);
  };
  for (std::size_t looked_up = 0; looked_up < kIdsLookedUp;) {
    const auto value = values.next();
    if (!value) return;
    had_cookie_ = true;
    const CookieId id = parse_cookie_value(*value, options.cookie.name, options.signing_keys);
    if (id.is != CookieId::Is::good) {
      ignore(id.is == CookieId::Is::forged ? Event::Kind::forged_id : Event::Kind::malformed_id);
      continue;
    }
    ++looked_up;
    auto found = provider_.find(id.sid);
    const auto adopted = found && *found ? adopt(id.sid, std::move(**found)) : Result<bool>{false};
    if (!found || !adopted) {
      broken_ = found ? adopted.error() : found.error();
      return;
    }
    if (*adopted) {
      if (id.by_old_key) cookie_ = CookieIs::sent;
      return;
    }
    ignore(Event::Kind::unknown_id);
  }
}

Result<bool> RequestState::adopt(std::string_view sid, Session found) {
  auto web = found.get<WebAttribute>(Attribute::web);
  if (!web) {
    const Errc why = web.error().code();
    if (why == Errc::session_gone || why == Errc::type_mismatch) return false;
    return std::unexpected(std::move(web.error()));
  }
  // What else is in the store, another site's sessions among it, is not for who knows its key.
  if (!*web || std::get<0>(**web) != options_->cookie.name) return false;
  session_ = std::move(found);
  sid_ = Sid{sid};
  web_seen_ = std::move(**web);
  auto read = read_renewal(*web_seen_);
  if (read) return true;
  if (read.error().code() != Errc::session_gone) return std::unexpected(std::move(read.error()));
  // It has ended since it was found.
  session_.reset();
  sid_ = {};
  forget_browser();
  return false;
}

Result<void> RequestState::read_renewal(const WebAttribute& web) {
  const auto& [name, renewed_at_ms, lifetime_s, is_remembered] = web;
  const seconds lifetime_then = std::clamp(seconds{lifetime_s}, seconds{0}, kLifetimeMax);
  if (is_remembered) remembered_ = std::min(lifetime_then, kRememberedMax);
  if (lifetime_then != lifetime()) {
    // idle_timeout is another by now, and the deadline that it left would stay.
    is_forgotten_ = lifetime().count() == 0;
    renewal_is_due_ = true;
    return {};
  }
  if (lifetime().count() == 0 && !cookie_is_persistent()) return {};
  const TimePoint now = detail::now();
  const TimePoint renewed_at{std::clamp(milliseconds{renewed_at_ms}, milliseconds{0},
                                        milliseconds{now.time_since_epoch()})};
  const auto span = lifetime().count() > 0 ? Result<seconds>{lifetime()} : max_age();
  if (!span) return std::unexpected(span.error());
  renewal_is_due_ = now >= renewed_at + milliseconds{*span} / kRenewalsALifetime;
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
  const SmallMutexLock lock{mutex_};
  return std::string{sid_.view()};
}

// That it is ours is asked after the read: what was read while it was is what we may see.
Result<bool> RequestState::get(std::string_view key, Buffer& value) {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  // Without changes there is nothing to look for in front of it.
  auto found = view_ != nullptr ? view_->get(key, value) : cache().get(key, value);
  if (!is_ours()) return has_new_id();
  return found;
}

Result<void> RequestState::apply(std::span<const Change> changes,
                                 std::optional<std::uint64_t> if_version) {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  if (if_version && session_) {
    // Only the store can tell.
    if (auto committed = commit(Renew::no); !committed) return committed;
    auto applied = session_->backend()->apply_if_id(sid_.view(), changes, if_version);
    rebase();
    return applied;
  }
  if (auto applied = view().apply(changes, if_version); !applied) return applied;
  return options_->commit == Commit::at_once ? commit(Renew::no) : Result<void>{};
}

Result<void> RequestState::update(
    const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) {
  const auto self = std::this_thread::get_id();
  {
    const SmallMutexLock lock{mutex_};
    if (auto checked = check(); !checked) return checked;
    if (updating_ == self) {
      return std::unexpected(
          Error{Errc::locked, "within update() use the view that it calls the function with"});
    }
  }
  const MutexLock one_at_a_time{update_mutex_};
  std::shared_ptr<SessionBackend> session;  // none: there is none
  Sid sid;
  {
    const SmallMutexLock lock{mutex_};
    if (auto checked = check(); !checked) return checked;
    if (auto committed = commit(Renew::no); !committed) return committed;
    updating_ = self;
    sid = sid_;
    if (session_) session = session_->backend();
  }
  struct Ended {
    RequestState& state;
    ~Ended() {
      const SmallMutexLock lock{state.mutex_};
      state.updating_ = {};
      // What others have set meanwhile stays.
      if (state.session_ && !state.finished_) state.rebase();
    }
  } const ended{*this};
  if (session == nullptr) return update_absent(fn);
  return session->update([&](std::shared_ptr<SessionBackend> view) -> Result<void> {
    if (!session->has_id(sid.view())) return has_new_id();  // and it gets none until we are done
    return fn(std::move(view));
  });
}

// Nobody but this request can change it, nor know its id if one is made meanwhile.
Result<void> RequestState::update_absent(
    const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) {
  const auto changed = std::make_shared<UpdateView>(*this);
  const struct Abandon {
    UpdateView& view;
    ~Abandon() { view.abandon(); }
  } abandon{*changed};
  if (auto done = fn(changed); !done) return done;
  const std::vector<Change> changes = changed->finish();
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  if (auto applied = view().apply(changes, std::nullopt); !applied) return applied;
  const bool is_at_once = session_ || options_->commit == Commit::at_once;
  return is_at_once ? commit(Renew::no) : Result<void>{};
}

Result<std::vector<std::pair<std::string, std::string>>> RequestState::entries() {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  auto entries = view().entries();
  if (!is_ours()) return has_new_id();
  return entries;
}

Result<SessionInfo> RequestState::info() {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  auto info = view().info();
  if (!is_ours()) return has_new_id();
  return info;
}

Result<void> RequestState::touch() {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  return view().touch();
}

Result<void> RequestState::destroy() {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  if (session_) {
    // Whatever its id is by now.
    if (auto destroyed = session_->destroy(); !destroyed) return destroyed;
    tell(Event::Kind::ended);
  }
  if (session_ || had_cookie_) cookie_ = CookieIs::removed;
  drop_view();
  session_.reset();
  sid_ = {};
  forget_browser();
  return {};
}

// --- What a session of a browser does beside

bool RequestState::is_there() const {
  const SmallMutexLock lock{mutex_};
  return session_.has_value();
}

void RequestState::forget_browser() {
  remembered_ = seconds{0};
  web_seen_.reset();
  is_forgotten_ = false;
  remember_was_called_ = false;
  renewal_is_due_ = false;
}

void RequestState::begin_anew() {
  session_.reset();
  sid_ = {};
  if (!remember_was_called_) forget_browser();
  rebase();
}

Result<void> RequestState::renew() {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  if (session_) {
    const Sid new_sid{make_session_id()};
    auto changed = provider_.change_id(sid_.view(), new_sid.view());
    if (changed) {
      sid_ = new_sid;
      cookie_ = CookieIs::sent;
      tell(Event::Kind::renewed);
      return {};
    }
    const Errc why = changed.error().code();
    if (why != Errc::not_found && why != Errc::session_gone) return changed;
    // It has ended, or another request gave it a new id, which is not for us.
    begin_anew();
  }
  return create_empty();
}

Result<void> RequestState::remember(seconds duration) {
  if (duration.count() < 0 || duration > kRememberedMax) {
    return std::unexpected(
        Error{Errc::invalid_argument, "a browser is remembered for 0 seconds to 400 days"});
  }
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return checked;
  is_forgotten_ = duration.count() == 0 && (is_forgotten_ || remembered_.count() > 0);
  remembered_ = duration;
  remember_was_called_ = true;
  renewal_is_due_ = true;
  return {};
}

Result<std::string> RequestState::csrf_token() {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  if (!is_ours()) return has_new_id();
  if (!session_) {
    if (auto made = create_empty(); !made) return std::unexpected(made.error());
  }
  return make_csrf_token(sid_.view());
}

bool RequestState::csrf_ok(std::string_view token) const {
  const SmallMutexLock lock{mutex_};
  if (!check()) return false;
  if (session_ && is_csrf_token(token, sid_.view()) && is_ours()) return true;
  tell(Event::Kind::forged_form);
  return false;
}

// --- The end

Result<void> RequestState::commit(Renew renew) {
  const std::shared_ptr<UpdateView> before = std::move(view_);
  std::vector<Change> changes;  // they point into it
  if (before != nullptr) changes = before->finish();
  cache_.reset();
  // To erase from what is not there makes nothing.
  if (!session_)
    std::erase_if(changes, [](const Change& change) { return change.kind != Change::Kind::set; });

  Result<void> done{};
  if (!session_) {
    if (!changes.empty()) done = create(std::move(changes));
  } else if (renew == Renew::if_due && renewal_is_due_) {
    done = apply_renewed(std::move(changes));
  } else if (!changes.empty()) {
    done = session_->backend()->apply_if_id(sid_.view(), changes, std::nullopt);
  } else if (!is_ours()) {
    done = has_new_id();
  }
  // finish() must not say that they were made.
  const bool is_lost = !done && done.error().code() != Errc::session_gone;
  if (is_lost && options_->commit == Commit::at_end) broken_ = done.error();
  return done;
}

Result<void> RequestState::create(std::vector<Change> changes) {
  const Renewal renewal = this->renewal();
  add_renewal(renewal, changes);
  const Sid sid{make_session_id()};
  auto made = provider_.put(sid.view(), changes);
  if (!made) {
    // A provider that cannot put() in one step may have made it.
    static_cast<void>(provider_.destroy(sid.view()));
    return std::unexpected(std::move(made.error()));
  }
  session_ = std::move(*made);
  sid_ = sid;
  cookie_ = CookieIs::sent;
  renewal_is_due_ = false;
  tell(Event::Kind::created);
  return {};
}

Result<void> RequestState::create_empty() {
  if (auto made = create({}); !made) return made;
  rebase();
  return {};
}

RequestState::Renewal RequestState::renewal() const {
  return {options_->cookie.name, now(), lifetime(), remembered_.count() > 0};
}

// If another request renews it at the same time, or says for how long it is remembered, that one has done it.
Result<void> RequestState::apply_renewed(std::vector<Change> changes) {
  const Renewal renewal = this->renewal();
  std::vector<Change> renewed = changes;
  add_renewal(renewal, renewed);
  const std::optional<WebAttribute> seen = web_seen_;
  const bool is_said_here = remember_was_called_;
  bool is_due = true;
  const std::shared_ptr<SessionBackend>& session = session_->backend();
  const std::string_view sid = sid_.view();
  auto done = session_->update([&](Session& view) -> Result<void> {
    if (!session->has_id(sid)) return has_new_id();
    const auto web = view.get<WebAttribute>(Attribute::web);
    is_due = is_said_here || (web ? *web : std::nullopt) == seen;
    return view.backend()->apply(is_due ? renewed : changes, std::nullopt);
  });
  if (done && is_due && (cookie_is_persistent() || is_forgotten_)) cookie_ = CookieIs::sent;
  renewal_is_due_ = false;
  return done;
}

void RequestState::add_renewal(const Renewal& renewal, std::vector<Change>& changes) const {
  const auto set = [&](Attribute attribute, std::string_view value) {
    changes.push_back({.kind = Change::Kind::set, .key = attribute_key(attribute), .value = value});
  };
  if (lifetime().count() > 0)
    set(Attribute::deadline, renewal.deadline.view());
  else if (is_forgotten_)
    changes.push_back({.kind = Change::Kind::erase, .key = attribute_key(Attribute::deadline)});
  set(Attribute::web, renewal.web.view());
}

Result<std::optional<std::string>> RequestState::finish() {
  const SmallMutexLock lock{mutex_};
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  if (view_ == nullptr && !renewal_is_due_ && cookie_ == CookieIs::kept) {  // it was read at most
    finished_ = true;
    drop_view();
    return std::nullopt;
  }
  auto committed = commit(Renew::if_due);
  // It has ended meanwhile, by another request's log-out, or its time is over. What comes late does not bring it back.
  const bool has_ended = !committed && committed.error().code() == Errc::session_gone;
  if (!committed && !has_ended) return std::unexpected(std::move(committed.error()));
  finished_ = true;
  drop_view();
  if (has_ended) return std::nullopt;
  return cookie();
}

std::optional<std::string> RequestState::give_up() {
  const SmallMutexLock lock{mutex_};
  if (std::exchange(finished_, true)) return std::nullopt;
  drop_view();
  return cookie();
}

std::optional<std::string> RequestState::cookie() const {
  const Options& options = *options_;
  if (cookie_ == CookieIs::kept) return std::nullopt;
  if (cookie_ == CookieIs::removed) return options.cookie.set("", seconds{0}).value();
  // The browser gets the new id from the request that made it.
  if (!is_ours()) return std::nullopt;
  std::optional<seconds> age;
  if (cookie_is_persistent()) {
    const auto left = max_age();
    if (left) {
      age = *left;
    } else if (left.error().code() == Errc::session_gone) {
      return std::nullopt;
    }
    // Else the store cannot be asked: the browser keeps the id until it is closed, and hears more with its next request.
  }
  return options.cookie
      .set(cookie_value(sid_.view(), options.cookie.name, options.signing_keys), age)
      .value();  // Sessions::make has tried
}

}  // namespace hybrid::http::detail
