// A user's program, built against the installed package: sessions in memory, and on disk over a reopening.
// Takes the directory for the store; says nothing and returns 0 if all is well.

#include <cstdio>
#include <string>

#include <hybrid/hybrid.hpp>
#include <hybrid/version.hpp>

namespace {

bool failed(const char* what) {
  std::fprintf(stderr, "consumer: %s\n", what);
  return false;
}

bool works_in_memory() {
  auto store = hybrid::open("memory:").value();
  const std::string sid = hybrid::make_session_id();
  hybrid::Session session = store->init(sid).value();
  session.set("visits", 41).value();
  session.set("visits", session.get<int>("visits").value().value_or(0) + 1).value();
  if (session.get<int>("visits").value() != 42) return failed("a value was not kept");
  store->destroy(sid).value();
  if (store->exists(sid)) return failed("a destroyed session lives");
  return true;
}

bool survives_reopening(const std::string& directory) {
  const std::string sid = hybrid::make_session_id();
  {
    auto store = hybrid::open(directory).value();
    store->init(sid).value().set("user", "ada").value();
  }
  auto store = hybrid::open(directory).value();
  auto session = store->find(sid).value();
  if (!session) return failed("a session did not survive reopening");
  if (session->get<std::string>("user").value() != "ada") return failed("a value was not stored");
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || hybrid::kVersion.empty()) return 2;
  return works_in_memory() && survives_reopening(argv[1]) ? 0 : 1;
}
