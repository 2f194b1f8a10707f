// Where a server can listen, and what it says where it cannot.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "net_fixture.hpp"
#include "testing/outcome.hpp"

namespace hybrid::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A unix socket with a name, on which nobody listens yet.
net::Socket bound(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path.c_str(), sizeof name.sun_path - 1);
  net::Socket socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  EXPECT_EQ(::bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  return socket;
}

struct Listen : NetTest {
  Listen() { make({.loops = 1, .make_handler = echo()}); }

  void expect_echo() {
    auto one = client();
    one.send("hello");
    EXPECT_EQ(one.receive(5), "hello");
  }
};

TEST_F(Listen, NamesItsAddresses) {
  const std::string v4 = std::to_string(server().listen_tcp("127.0.0.1", 0).value());
  const std::string tls = std::to_string(
      server().listen_tcp("127.0.0.1", 0, make_certificate(directory.path())).value());
  ASSERT_EQ(outcome(server().listen_unix(path())), "fine");
  EXPECT_THAT(server().addresses(),
              ElementsAre("127.0.0.1:" + v4, "tls:127.0.0.1:" + tls, "unix:" + path()));
  EXPECT_NE(v4, "0");
}

TEST_F(Listen, ListensOnBothKindsOfAddressWithOnePort) {
  const auto v6 = server().listen_tcp("::", 0);
  if (!v6) GTEST_SKIP() << v6.error().message();
  EXPECT_EQ(outcome(server().listen_tcp("0.0.0.0", *v6)), "fine");
  EXPECT_THAT(server().addresses().front(), "[::]:" + std::to_string(*v6));
}

TEST_F(Listen, SaysWhatIsWrong) {
  const std::uint16_t taken = server().listen_tcp("127.0.0.1", 0).value();
  std::ofstream{path("file")} << "x";
  const struct {
    const char* name;
    Result<std::uint16_t> got;
    std::string code, says;
  } cases[] = {
      {"taken", server().listen_tcp("127.0.0.1", taken), "locked",
       "127.0.0.1:" + std::to_string(taken)},
      {"not ours", server().listen_tcp("203.0.113.1", 0), "invalid_argument", "203.0.113.1:0"},
      {"a name", server().listen_tcp("localhost", 0), "invalid_argument", "'localhost'"},
      {"nothing", server().listen_tcp("", 0), "invalid_argument", "not an IP address"},
      {"no certificate", server().listen_tcp("127.0.0.1", 0, net::TlsFiles{path("c"), path("k")}),
       "not_found", path("c")},
      {"no PEM", server().listen_tcp("127.0.0.1", 0, net::TlsFiles{path("file"), path("file")}),
       "invalid_argument", "no certificate"},
  };
  for (const auto& [name, got, code, says] : cases) {
    EXPECT_EQ(outcome(got), code) << name;
    EXPECT_THAT(got ? "" : got.error().message(), HasSubstr(says)) << name;
  }
}

TEST_F(Listen, RefusesAKeyOfAnotherCertificate) {
  const net::TlsFiles one = make_certificate(directory.path(), "one");
  const net::TlsFiles two = make_certificate(directory.path(), "two");
  const auto got = server().listen_tcp("127.0.0.1", 0, net::TlsFiles{one.certificate, two.key});
  EXPECT_EQ(outcome(got), "invalid_argument");
  EXPECT_THAT(got.error().message(), AllOf(HasSubstr(one.certificate), HasSubstr(two.key)));
  EXPECT_TRUE(server().addresses().empty());
}

TEST_F(Listen, SaysWhatIsWrongWithAPath) {
  std::ofstream{path("file")} << "x";
  const struct {
    const char* name;
    Result<void> got;
    std::string code;
  } cases[] = {
      {"a file is there", server().listen_unix(path("file")), "already_exists"},
      {"no directory", server().listen_unix(path("x/socket")), "not_found"},
      {"in a file", server().listen_unix(path("file/socket")), "invalid_argument"},
      {"too long", server().listen_unix(path(std::string(108, 'x'))), "invalid_argument"},
      {"empty", server().listen_unix(""), "invalid_argument"},
      {"with a zero", server().listen_unix(std::string("/tmp/\0x", 7)), "invalid_argument"},
  };
  for (const auto& [name, got, code] : cases) EXPECT_EQ(outcome(got), code) << name;
  EXPECT_TRUE(std::filesystem::is_regular_file(path("file"))) << "it stays";
}

TEST_F(Listen, ReplacesASocketThatNobodyListensOn) {
  bound(path());  // and gone
  ASSERT_TRUE(std::filesystem::is_socket(path()));
  ASSERT_EQ(outcome(server().listen_unix(path())), "fine");
  ASSERT_EQ(outcome(server().start()), "fine");
  expect_echo();
}

TEST_F(Listen, LeavesASocketThatSomebodyListensOn) {
  ASSERT_EQ(outcome(server().listen_unix(path())), "fine");
  ASSERT_EQ(outcome(server().start()), "fine");
  {
    net::Server other{{.make_handler = echo()}};
    const auto got = other.listen_unix(path());
    EXPECT_EQ(outcome(got), "locked");
    EXPECT_THAT(got.error().message(), HasSubstr(path()));
  }
  expect_echo();
}

TEST_F(Listen, LeavesASocketWhoseQueueIsFull) {
  const net::Socket other = bound(path());
  ASSERT_EQ(::listen(other.descriptor(), 0), 0);
  const auto waits = client();
  EXPECT_EQ(outcome(server().listen_unix(path())), "locked");
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(Listen, RemovesItsSocketButNotOnesInItsPlace) {
  ASSERT_EQ(outcome(server().listen_unix(path("one"))), "fine");
  ASSERT_EQ(outcome(server().listen_unix(path("two"))), "fine");
  std::filesystem::remove(path("two"));
  net::Server other{{.make_handler = echo()}};
  ASSERT_EQ(outcome(other.listen_unix(path("two"))), "fine");
  server().stop(0ms);
  EXPECT_FALSE(std::filesystem::exists(path("one")));
  EXPECT_TRUE(std::filesystem::exists(path("two")));
}

TEST_F(Listen, LetsOnlyThoseConnectThatItWasTold) {
  const auto mode_of = [](const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  };
  ASSERT_EQ(outcome(server().listen_unix(path("default"))), "fine");
  ASSERT_EQ(outcome(server().listen_unix(path("all"), 0777)), "fine") << "whatever umask says";
  EXPECT_EQ(mode_of(path("default")), mode_t{0700});
  EXPECT_EQ(mode_of(path("all")), mode_t{0777});
}

TEST_F(Listen, AdoptsASocketThatListensAlready) {
  const int fd = ::dup(bound(path()).descriptor());
  ASSERT_EQ(::listen(fd, 10), 0);
  ASSERT_EQ(outcome(server().adopt(fd, make_certificate(directory.path()))), "fine");
  EXPECT_THAT(server().addresses(), ElementsAre("unix:" + path())) << "TLS is for TCP";
  ASSERT_EQ(outcome(server().start()), "fine");
  expect_echo();
  server().stop(0ms);
  EXPECT_TRUE(std::filesystem::exists(path())) << "it is not ours";
}

TEST_F(Listen, AdoptsNothingThatDoesNotListen) {
  EXPECT_EQ(outcome(server().adopt(::socket(AF_UNIX, SOCK_STREAM, 0))), "invalid_argument");
  EXPECT_EQ(outcome(server().adopt(::socket(AF_INET, SOCK_DGRAM, 0))), "invalid_argument");
  EXPECT_EQ(outcome(server().adopt(::memfd_create("file", 0))), "invalid_argument");
  EXPECT_EQ(outcome(server().adopt(-1)), "invalid_argument");
}

TEST_F(Listen, QueuesConnectionsUntilItIsStarted) {
  ASSERT_EQ(outcome(server().listen_unix(path())), "fine");
  auto early = client();
  early.send("early");
  ASSERT_EQ(outcome(server().start()), "fine");
  EXPECT_EQ(early.receive(5), "early");
}

}  // namespace
}  // namespace hybrid::testing
