// hybrid::open: which URL means which provider.
#include <hybrid/provider.hpp>

#include "store/store.hpp"

namespace hybrid {
namespace {

std::unexpected<Error> wrong_url(std::string_view url, const char* why) {
  return std::unexpected(
      Error{Errc::invalid_argument, "cannot open '" + std::string{url} + "': " + why});
}

// Without what may follow, a password for one.
std::string_view scheme_of(std::string_view url) { return url.substr(0, url.find(':') + 3); }

}  // namespace

Result<std::unique_ptr<Provider>> open(std::string_view url, Params params) {
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kMemory = "memory:";
  store::EmbeddedStore::Options options{.params = std::move(params)};
  if (url.starts_with(kMemory)) {
    if (url != kMemory) return wrong_url(url, "nothing may follow 'memory:'");
  } else {
    std::string_view directory = url.starts_with(kFile) ? url.substr(kFile.size()) : url;
    const std::size_t scheme = directory.find("://");
    if (scheme != std::string_view::npos && directory.find('/') == scheme + 1) {
      return wrong_url(scheme_of(directory),
                       "no provider for it; name a directory, 'file:DIR' or 'memory:'");
    }
    while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
    if (directory.empty()) return wrong_url(url, "the directory's name is empty");
    if (directory.find('\0') != std::string_view::npos)
      return wrong_url(url, "the directory's name holds a NUL");
    options.files = &io::posix_file_system();
    options.directory = directory;
  }
  auto opened = store::EmbeddedStore::open(std::move(options));
  if (!opened) return std::unexpected(opened.error());
  return std::unique_ptr<Provider>{std::move(*opened)};
}

}  // namespace hybrid
