#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/sqlite/internal/database.h"

namespace tributary::store::sqlite {

// Interned names (table `name`) in memory: few, and asked for on every row. 0 is the empty name.
// Only the writer interns; everybody looks up.
class Names {
 public:
  Result<void> load(Database& database);
  // The writer only, inside its transaction.
  Result<std::int64_t> intern(Database& database, std::string_view text);
  // What the running transaction interned is forgotten again.
  void commit() { fresh_.clear(); }
  void rollback();

  // -1 when it is not there.
  std::int64_t find(std::string_view text) const;
  std::string text(std::int64_t id) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> ids_;
  std::unordered_map<std::int64_t, std::string> texts_;
  std::vector<std::string> fresh_;
};

}  // namespace tributary::store::sqlite
