#include "store/sqlite/internal/names.h"

namespace tributary::store::sqlite {

Result<void> Names::load(Database& database) {
  const std::unique_lock lock(mutex_);
  Rows rows = database.query("SELECT id, text FROM name");
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    ids_[rows->text(1)] = rows->integer(0);
    texts_[rows->integer(0)] = rows->text(1);
  }
}

Result<std::int64_t> Names::intern(Database& database, std::string_view text) {
  if (text.empty()) return 0;
  if (const std::int64_t id = find(text); id >= 0) return id;
  TRY_VOID(database.run("INSERT INTO name(text) VALUES(?)", text));
  const auto id = static_cast<std::int64_t>(database.lastId());
  const std::unique_lock lock(mutex_);
  ids_.emplace(text, id);
  texts_.emplace(id, text);
  fresh_.emplace_back(text);
  return id;
}

void Names::rollback() {
  const std::unique_lock lock(mutex_);
  for (const std::string& text : fresh_) {
    const auto found = ids_.find(text);
    texts_.erase(found->second);
    ids_.erase(found);
  }
  fresh_.clear();
}

std::int64_t Names::find(std::string_view text) const {
  if (text.empty()) return 0;
  const std::shared_lock lock(mutex_);
  const auto found = ids_.find(text);
  return found == ids_.end() ? -1 : found->second;
}

std::string Names::text(std::int64_t id) const {
  const std::shared_lock lock(mutex_);
  const auto found = texts_.find(id);
  return found == texts_.end() ? std::string() : found->second;
}

}  // namespace tributary::store::sqlite
