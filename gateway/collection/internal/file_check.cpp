#include "collection/file_check.h"

#include <algorithm>

#include "base/hash.h"
#include "collection/internal/plan.h"

namespace tributary::collection {

FileCheck::FileCheck(std::shared_ptr<const Collection> collection)
    : collection_(std::move(collection)), counts_(collection_->tables().size(), 0) {
  const Collection::Impl& impl = collection_->impl();
  for (std::size_t t = 0; t < impl.table_plans.size(); ++t) {
    for (const Check& check : impl.table_plans[t].distincts) {
      distinct_.push_back({check.rule, static_cast<std::uint16_t>(t), check.field, check.other, {}});
    }
  }
}

bool FileCheck::watches(std::uint16_t table) const {
  return std::any_of(distinct_.begin(), distinct_.end(), [&](const Distinct& one) { return one.table == table; });
}

bool FileCheck::add(std::uint16_t table, std::string_view key, std::span<const std::string_view> cells) {
  ++counts_[table];
  bool fits = true;
  for (Distinct& distinct : distinct_) {
    if (distinct.table != table || cells[distinct.field].empty()) continue;
    const std::uint64_t holder = fastHash(cells[distinct.by]);
    const auto [at, fresh] = distinct.holders.try_emplace(fastHash(cells[distinct.field]), holder);
    if (fresh || at->second == holder) continue;
    const Rule& rule = collection_->rules()[distinct.rule];
    findings_.push_back({distinct.rule, rule.grade, table, std::string(key), rule.text});
    fits = false;
  }
  return fits;
}

std::vector<FileFinding> FileCheck::finish() {
  const auto tables = collection_->tables();
  for (std::size_t t = 0; t < tables.size(); ++t) {
    if (!tables[t].mandatory || counts_[t] != 0 || tables[t].scope == Scope::kHeader) continue;
    findings_.push_back({FileFinding::kNoRule,
                         Grade::kRejectFile,
                         static_cast<std::uint16_t>(t),
                         {},
                         "the mandatory table " + tables[t].name + " has no row"});
  }
  return std::move(findings_);
}

}  // namespace tributary::collection
