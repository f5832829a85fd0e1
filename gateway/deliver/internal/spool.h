#pragma once
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tributary::deliver {

// Bytes kept aside until it is their turn: in memory, and beyond a megabyte in an unlinked file.
class Spool {
 public:
  explicit Spool(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();

  Result<void> append(std::string_view bytes);
  // Gives back all that was appended, in order and in pieces, and is empty again.
  Result<void> drain(const std::function<Result<void>(std::string_view bytes)>& write);

 private:
  Result<void> spill();

  std::filesystem::path folder_;
  std::string memory_;
  int fd_ = -1;
  off_t size_ = 0;
};

}  // namespace tributary::deliver
