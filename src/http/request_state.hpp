// One request's view of its session, between begin() and finish().
//
// Called by the threads of its request.
//   R1  Nothing is written but by commit(), and what renew(), logout() and update() do at once.
//   R2  A session is made by commit() only, with a new id of ours, and only if something was set or an id is needed.
//   R3  What another request gave a new id has ended for this one, but for log-out: the new id, and what is in the session since,
//       belong to whoever has logged in.
//   R4  The cookie is removed by logout() only: an id that is unknown may belong to a session that another request, under way at the
//       same time, gave a new id, whose cookie is on its way.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "base/small_mutex.hpp"
#include "base/thread.hpp"
#include "base/update_view.hpp"
#include "http/read_cache.hpp"
#include "http/secrets.hpp"
#include "hybrid/http/sessions.hpp"

namespace hybrid::http::detail {

class RequestState final : public SessionBackend {
 public:
  RequestState(Provider& provider, std::shared_ptr<const Options> options, const Request& request);

  void open(std::string_view cookie_header);
  bool is_there() const;
  Result<void> renew();
  Result<void> remember(std::chrono::seconds duration);
  Result<std::string> csrf_token();
  bool csrf_ok(std::string_view token) const;
  Result<std::optional<std::string>> finish();
  std::optional<std::string> give_up();

  std::string session_id() const override;
  Result<bool> get(std::string_view key, Buffer& value) override;
  Result<void> apply(std::span<const Change> changes,
                     std::optional<std::uint64_t> if_version) override;
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) override;
  Result<std::vector<std::pair<std::string, std::string>>> entries() override;
  Result<SessionInfo> info() override;
  Result<void> touch() override;
  Result<void> destroy() override;  // log out

 private:
  enum class Renew : bool { no, if_due };
  // What Attribute::web holds, which makes a session one of ours: the cookie's name; when its lifetime was last renewed, in ms
  // since 1970, and for how many seconds; whether the browser is remembered.
  template <class Name>
  using Web = std::tuple<Name, std::int64_t, std::int64_t, bool>;
  using WebAttribute = Web<std::string>;
  enum class CookieIs : std::uint8_t { kept, sent, removed };

  Result<void> update_absent(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn);
  // An error if no call is possible any more, or none ever was.
  Result<void> check() const HYBRID_REQUIRES(mutex_);
  Result<void> commit(Renew renew) HYBRID_REQUIRES(mutex_);
  Result<void> apply_renewed(std::vector<Change> changes) HYBRID_REQUIRES(mutex_);
  Result<void> create(std::vector<Change> changes) HYBRID_REQUIRES(mutex_);
  // One without anything in it; what was changed stays to be made.
  Result<void> create_empty() HYBRID_REQUIRES(mutex_);
  // Values of deadline and cookie, which changes point into.
  struct Renewal {
    Renewal(std::string_view cookie_name, TimePoint now, std::chrono::seconds lifetime,
            bool is_remembered)
        : deadline(now + lifetime),
          web({cookie_name, now.time_since_epoch().count(), lifetime.count(), is_remembered}) {}
    hybrid::detail::Encoded<TimePoint> deadline;
    hybrid::detail::Encoded<Web<std::string_view>> web;
  };
  Renewal renewal() const HYBRID_REQUIRES(mutex_);
  void add_renewal(const Renewal& renewal, std::vector<Change>& changes) const
      HYBRID_REQUIRES(mutex_);
  // The session as it was when it was first looked at; and with the changes since.
  ReadCache& cache() HYBRID_REQUIRES(mutex_);
  UpdateView& view() HYBRID_REQUIRES(mutex_);
  // The next view() is of the session as it is then, without changes.
  void drop_view() HYBRID_REQUIRES(mutex_);
  // The next view() is of the session as it is then, with the changes since.
  void rebase() HYBRID_REQUIRES(mutex_);
  // The session has the id that this request knows, or there is none. May be otherwise at once: what changes it asks again.
  bool is_ours() const HYBRID_REQUIRES(mutex_);
  // The session has gone: what was changed in it goes into a new one.
  void begin_anew() HYBRID_REQUIRES(mutex_);
  void forget_browser() HYBRID_REQUIRES(mutex_);

  // How long the session lives without requests, if we say so; 0: we do not.
  std::chrono::seconds lifetime() const HYBRID_REQUIRES(mutex_);
  bool cookie_is_persistent() const HYBRID_REQUIRES(mutex_);
  // What was found of that id becomes this request's session, if a browser has it from us; false if not.
  Result<bool> adopt(std::string_view sid, Session found) HYBRID_REQUIRES(mutex_);
  Result<void> read_renewal(const WebAttribute& web) HYBRID_REQUIRES(mutex_);
  Result<std::chrono::seconds> max_age() const HYBRID_REQUIRES(mutex_);
  std::optional<std::string> cookie() const HYBRID_REQUIRES(mutex_);
  void tell(Event::Kind kind) const;

  Provider& provider_;
  const std::shared_ptr<const Options> options_;
  const std::string peer_;
  const bool is_secure_;

  Mutex update_mutex_;  // taken before mutex_, and held while update() calls its function
  mutable SmallMutex mutex_;
  std::optional<Error> broken_ HYBRID_GUARDED_BY(mutex_);  // the store could not be asked
  std::thread::id updating_ HYBRID_GUARDED_BY(mutex_);     // the thread whose update() it is
  bool finished_ HYBRID_GUARDED_BY(mutex_) = false;
  std::optional<Session> session_ HYBRID_GUARDED_BY(mutex_);  // of the store
  Sid sid_ HYBRID_GUARDED_BY(mutex_);  // of session_, as the browser knows it
  std::optional<ReadCache> cache_
      HYBRID_GUARDED_BY(mutex_);  // of session_; none: nothing was asked for
  std::shared_ptr<UpdateView> view_
      HYBRID_GUARDED_BY(mutex_);  // over cache_; none: nothing was changed
  CookieIs cookie_ HYBRID_GUARDED_BY(mutex_) = CookieIs::kept;
  bool had_cookie_ HYBRID_GUARDED_BY(mutex_) = false;
  std::chrono::seconds remembered_ HYBRID_GUARDED_BY(mutex_){0};
  std::optional<WebAttribute> web_seen_ HYBRID_GUARDED_BY(mutex_);
  bool remember_was_called_ HYBRID_GUARDED_BY(mutex_) = false;
  bool is_forgotten_ HYBRID_GUARDED_BY(mutex_) = false;    // the deadline that we kept is to go
  bool renewal_is_due_ HYBRID_GUARDED_BY(mutex_) = false;  // of deadline and cookie
};

}  // namespace hybrid::http::detail
