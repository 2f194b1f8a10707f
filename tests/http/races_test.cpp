// What other requests do between the look of one at its session and its change of it; and stores whose put() has two steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hybrid/http/sessions.hpp"
#include "hybrid/provider.hpp"
#include "tests/http/browser.hpp"
#include "tests/http/site.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using http::RequestSession;

using Hook = std::function<Result<void>()>;

// A session of a store that somebody else wraps: before each change of it the hook is called.
class WrappedSession final : public SessionBackend {
 public:
  WrappedSession(std::shared_ptr<SessionBackend> inner, const Hook& before_change)
      : inner_(std::move(inner)), before_change_(before_change) {}

  std::string session_id() const override { return inner_->session_id(); }
  Result<bool> get(std::string_view key, Buffer& value) override { return inner_->get(key, value); }
  Result<void> apply(std::span<const Change> changes,
                     std::optional<std::uint64_t> if_version) override {
    if (auto done = interfere(); !done) return done;
    return inner_->apply(changes, if_version);
  }
  Result<void> update(
      const std::function<Result<void>(std::shared_ptr<SessionBackend>)>& fn) override {
    if (auto done = interfere(); !done) return done;
    return inner_->update(fn);
  }
  Result<std::vector<std::pair<std::string, std::string>>> entries() override {
    return inner_->entries();
  }
  Result<SessionInfo> info() override { return inner_->info(); }
  Result<void> touch() override { return inner_->touch(); }
  Result<void> destroy() override { return inner_->destroy(); }

 private:
  Result<void> interfere() const {
    const Hook hook = before_change_;  // which may replace itself
    return hook();
  }

  const std::shared_ptr<SessionBackend> inner_;
  const Hook& before_change_;
};

// The least that a provider must have: no put() of its own.
class WrappedStore final : public Provider {
 public:
  Hook before_change = [] { return Result<void>{}; };

  Result<void> set_params(const Params& params) override { return store_->set_params(params); }
  Result<Session> init(std::string_view sid) override { return wrapped(store_->init(sid)); }
  Result<Session> load(std::string_view sid) override { return wrapped(store_->load(sid)); }
  Result<std::optional<Session>> find(std::string_view sid) override {
    auto found = store_->find(sid);
    if (!found || !*found) return found;
    return wrapped(std::move(**found)).value();
  }
  Result<void> destroy(std::string_view sid) override { return store_->destroy(sid); }
  Result<void> change_id(std::string_view old_sid, std::string_view new_sid) override {
    return store_->change_id(old_sid, new_sid);
  }
  bool exists(std::string_view sid) override { return store_->exists(sid); }
  Result<std::size_t> gc(std::chrono::seconds max_lifetime) override {
    return store_->gc(max_lifetime);
  }
  Result<std::size_t> size() override { return store_->size(); }

  // Nobody else can be asked any more.
  void close() { store_.reset(); }

 private:
  Result<Session> wrapped(Result<Session> session) {
    if (!session) return session;
    return Session{std::make_shared<WrappedSession>(session->backend(), before_change)};
  }

  std::unique_ptr<Provider> store_ = open("memory:").value();
};

struct RacingSite {
  WrappedStore store;
  http::Sessions sessions;
  Browser browser;

  explicit RacingSite(http::Options options = {})
      : sessions(http::Sessions::make(store, std::move(options)).value()) {
    request([](RequestSession& session) { session.set("seen", 1).value(); });
  }
  void request(const std::function<void(RequestSession&)>& handler) {
    RequestSession session = sessions.begin(browser.header());
    handler(session);
    const auto cookie = session.finish().value();
    EXPECT_TRUE(!cookie || browser.receive(*cookie));
  }
  // Whoever has the browser logs in just before the next change of the session.
  void log_in_before_the_next_change() {
    store.before_change = [this]() -> Result<void> {
      store.before_change = [] { return Result<void>{}; };
      request([](RequestSession& session) {
        session.renew().value();
        session.set("user", "ada").value();
      });
      return {};
    };
  }
};

TEST(ARequestWithTheOldId, ChangesNothingHoweverCloselyALogInPrecedesIt) {
  const struct {
    const char* name;
    std::function<void(RequestSession&)> change;
  } cases[] = {
      {"set",
       [](RequestSession& session) { ASSERT_TRUE(session.set("email", "mallory").has_value()); }},
      {"set, and a renewal is due",
       [](RequestSession& session) {
         ASSERT_TRUE(session.remember_me(1h).has_value());
         ASSERT_TRUE(session.set("email", "mallory").has_value());
       }},
      {"set_if_version",
       [](RequestSession& session) {
         const std::uint64_t version = session.version().value();
         EXPECT_EQ(session.set_if_version("email", "mallory", version).error().code(),
                   Errc::session_gone);
       }},
      {"update",
       [](RequestSession& session) {
         EXPECT_EQ(session.update([](Session& view) { view.set("email", "mallory").value(); })
                       .error()
                       .code(),
                   Errc::session_gone);
       }},
  };
  for (const auto& [name, change] : cases) {
    SCOPED_TRACE(name);
    RacingSite site;
    RequestSession late = site.sessions.begin(site.browser.header());
    site.log_in_before_the_next_change();
    change(late);
    EXPECT_EQ(late.finish().value(), std::nullopt);
    site.request([](RequestSession& session) {
      EXPECT_EQ(session.get<std::string>("user").value(), "ada");
      EXPECT_EQ(session.get<std::string>("email").value(), std::nullopt);
    });
  }
}

TEST(ASessionThatCannotBeMade, IsNotLeftBehindWithoutAnythingInIt) {
  RacingSite site;
  site.store.before_change = []() -> Result<void> {
    return std::unexpected(Error{Errc::no_space, "the disk is full"});
  };
  for (int i = 0; i < 3; ++i) {
    RequestSession session = site.sessions.begin("");
    ASSERT_TRUE(session.set("a", 1).has_value());
    EXPECT_EQ(session.finish().error().code(), Errc::no_space);
  }
  EXPECT_EQ(site.store.size().value(), 1U);
}

TEST(ANewId, GetsToTheBrowserThoughTheStoreCannotBeAskedForItsLifetime) {
  RacingSite site{{.persistent = true}};
  RequestSession session = site.sessions.begin(site.browser.header());
  ASSERT_TRUE(session.renew().has_value());
  const std::string sid = session.session_id();
  site.store.close();
  const auto cookie = session.finish();
  ASSERT_TRUE(cookie.has_value()) << cookie.error().message();
  ASSERT_TRUE(cookie->has_value());
  EXPECT_TRUE(site.browser.receive(**cookie));
  EXPECT_EQ(sid_of(site.browser), sid);
}

}  // namespace
}  // namespace hybrid::testing
