#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tributary::cli {

// A file with patient data: mode 0600 from its first byte on, in place when it is whole.
class PrivateFile {
 public:
  static Result<PrivateFile> create(const std::filesystem::path& target);
  PrivateFile(PrivateFile&& other) noexcept;
  PrivateFile& operator=(PrivateFile&&) = delete;
  ~PrivateFile();  // not committed: it is removed

  Result<void> write(std::string_view bytes);
  Result<void> commit();

 private:
  PrivateFile(std::filesystem::path target, std::filesystem::path part, int fd);
  std::filesystem::path target_, part_;
  int fd_;
};

}  // namespace tributary::cli
