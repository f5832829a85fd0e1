#include "collection/cell_watch.h"

#include <algorithm>

#include "collection/internal/session.h"

namespace tributary::collection {

// The runner that hears enough for the watch.
views::Runner* Projector::Impl::watching() {
  attempts_.clear();
  if (!options_->watch->on_empty) return traced.get();
  if (looking == nullptr) {
    views::RunOptions options;
    options.lineage = options.results_only = options.nulls = true;
    looking = std::make_unique<views::Runner>(environment, options);
  }
  return looking.get();
}

void Projector::Impl::followSource(const SourcePlan& source, bool account) {
  const CellWatch& watch = *options_->watch;
  followed_ = kNotFollowed;
  for (std::size_t i = 0; account && source.table == watch.table && i < source.columns.size(); ++i) {
    if (source.columns[i].field == watch.field) followed_ = i;
  }
  runner->follow(followed_, followed_ == kNotFollowed ? nullptr : &follower_);
}

// Called before the raw row is there: it will be the next.
void Projector::Impl::keepAttempt(std::span<const views::Cell> cells) {
  Attempt attempt;
  attempt.source = running_->index;
  attempt.column = followed_;
  attempt.resource = running_document_;
  attempt.value = cells[followed_].text;
  follower_.tell(plan.terminology.get(), attempt);
  attempts_.emplace_back(static_cast<std::uint32_t>(raw_.size()), std::move(attempt));
}

void Projector::Impl::dropAttempts(std::size_t raw_rows) {
  while (!attempts_.empty() && attempts_.back().first >= raw_rows) attempts_.pop_back();
}

void Projector::Impl::tellWatch(std::uint32_t index, const Row& out) {
  const CellWatch& watch = *options_->watch;
  const WorkRow& row = rows_[index];
  if (watch.on_row && row.table == watch.table) {
    told_.clear();
    for (std::uint32_t raw = row.raw; raw != kNone; raw = row.alone ? kNone : raw_[raw].next) {
      const auto found = std::lower_bound(attempts_.begin(), attempts_.end(), raw,
                                          [](const auto& one, std::uint32_t wanted) { return one.first < wanted; });
      if (found != attempts_.end() && found->first == raw) told_.push_back(found->second);
    }
    watch.on_row(out, told_);
  }
  if (!watch.on_empty) return;
  const Table& table = plan.tables[row.table];
  for (std::size_t f = 0; f < table.fields.size(); ++f) {
    const CellOrigin& cell = cell_origins_[row.cells + f];
    if (!table.fields[f].sent || !out.cells[f].empty() || cell.origins == 0) continue;
    seen_.clear();
    for (std::uint32_t o = 0; o < cell.origins; ++o) {
      const Origin& origin = origins_[cell.origin + o];
      seen_.push_back({origin.document, origin.node, origin.condition});
    }
    watch.on_empty(out, static_cast<std::uint16_t>(f), cell.source, seen_);
  }
}

}  // namespace tributary::collection
