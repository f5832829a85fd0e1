#include <algorithm>
#include <array>
#include <charconv>

#include "collection/internal/session.h"

namespace tributary::collection {
namespace {

// Value kNone of a key: a row outside this subject.
constexpr std::uint32_t kForeign = kNone - 1;

// "Type/id" of a reference, whatever stands before it and behind; empty when it has no such form.
std::string_view literalReference(std::string_view reference) {
  reference = reference.substr(0, reference.find_first_of("#|?"));
  if (const std::size_t history = reference.find("/_history/"); history != std::string_view::npos) {
    reference = reference.substr(0, history);
  }
  const std::size_t slash = reference.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return {};
  const std::size_t before = reference.rfind('/', slash - 1);
  return before == std::string_view::npos ? reference : reference.substr(before + 1);
}

}  // namespace

void DocumentResolver::indexIds() const {
  ids.reset(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const std::string_view name = documents[i].name;
    if (!name.empty()) ids.at(name.substr(name.find('/') + 1), static_cast<std::uint32_t>(i));
  }
  ids_ready = true;
}

std::optional<fhirpath::Value> DocumentResolver::resolve(std::string_view reference,
                                                         const fhirpath::Value&) const {
  std::uint32_t found = kNone;
  if (const std::string_view name = literalReference(reference); !name.empty()) {
    found = index->find(name);
  } else if (reference.starts_with("urn:")) {
    if (!ids_ready) indexIds();
    found = ids.find(reference.substr(reference.rfind(':') + 1));
  }
  if (found == kNone) {
    if (missing.empty()) missing = reference;
    return std::nullopt;
  }
  touched->push_back(found);
  return documents[found].root;
}

Projector::Impl::Impl(std::shared_ptr<const Collection> c)
    : collection(std::move(c)), plan(collection->impl()), clock(plan.zone) {
  resolver.index = &index_;
  resolver.touched = &touched_;
  environment.definitions = plan.definitions.get();
  environment.terminology = plan.terminology.get();
  environment.resolver = &resolver;
  plain = std::make_unique<views::Runner>(environment);
  views::RunOptions with_lineage;
  with_lineage.lineage = true;
  with_lineage.results_only = true;
  traced = std::make_unique<views::Runner>(environment, with_lineage);
  setting_values.reserve(plan.settings.size());
  for (const auto& [name, value] : plan.settings) {
    setting_values.push_back(fhirpath::Value::string(value));
    const std::size_t count = value.empty() ? 0 : 1;
    settings.push_back({name, std::span<const fhirpath::Value>(&setting_values.back(), count)});
  }
  by_type_.resize(plan.types.size());
  shared_by_type_.resize(plan.types.size());
  table_rows_.resize(plan.tables.size());
  keys_.resize(plan.keys.size());
}

void Projector::Impl::prepare(std::span<const Input> subject, std::span<const Input> shared) {
  subject_ = subject;
  shared_ = shared;
  text.clear();
  touched_.clear();
  raw_.clear();
  raw_cells_.clear();
  origins_.clear();
  rows_.clear();
  cells_.clear();
  cell_origins_.clear();
  parents_.clear();
  issues_.clear();
  short_texts_.clear();
  short_ids_.reset(16);
  const std::size_t count = subject.size() + shared.size();
  documents_.assign(count, DocumentState{});
  suppressed_.assign(count, 0);
  index_.reset(count);
  for (auto& list : by_type_) list.clear();
  for (auto& list : shared_by_type_) list.clear();
  const fhir::NameId id_name = fhir::findName("id");
  for (std::size_t i = 0; i < count; ++i) {
    const fhir::Document* document = (i < subject.size() ? subject[i] : shared[i - subject.size()]).document;
    DocumentState& state = documents_[i];
    if (document == nullptr || document->empty()) continue;
    state.root = runner->evaluator().root(*document);
    const std::string_view type = document->resourceType();
    const auto known = std::find(plan.types.begin(), plan.types.end(), type);
    if (known != plan.types.end()) {
      state.type = static_cast<std::uint16_t>(known - plan.types.begin());
      (i < subject.size() ? by_type_ : shared_by_type_)[state.type].push_back(static_cast<std::uint32_t>(i));
    }
    const fhir::NodeIndex id = document->member(document->root(), id_name);
    if (id == fhir::kNoNode || type.empty()) continue;
    const std::string_view id_text = document->scalar(id);
    char* const at = text.take(type.size() + 1 + id_text.size());
    std::copy(type.begin(), type.end(), at);
    at[type.size()] = '/';
    std::copy(id_text.begin(), id_text.end(), at + type.size() + 1);
    state.name = {at, type.size() + 1 + id_text.size()};
    index_.at(state.name, static_cast<std::uint32_t>(i));
  }
  resolver.documents = documents_;
  resolver.ids_ready = false;
}

void Projector::Impl::runTable(std::uint16_t table) {
  table_raw_ = raw_.size();
  for (const std::uint16_t source : plan.table_plans[table].sources) {
    const SourcePlan& source_plan = plan.source_plans[source];
    if (!source_plan.suppressions.empty()) suppress(source_plan);
    runSource(source_plan, by_type_[source_plan.type], true);
  }
}

// Marks the documents that a resource with rows in this table refers to.
void Projector::Impl::suppress(const SourcePlan& source) {
  const fhir::NameId reference_name = fhir::findName("reference");
  for (std::size_t r = table_raw_; r < raw_.size(); ++r) {
    const SourcePlan& other = plan.source_plans[raw_[r].source];
    for (const Suppression& by : source.suppressions) {
      if (plan.types[other.type] != by.resource) continue;
      const fhir::Document& document = *(subject_[raw_[r].document].document);
      const fhir::NodeIndex element = document.member(document.root(), by.element);
      if (element == fhir::kNoNode) continue;
      const fhir::NodeIndex end = document[element].next;
      for (fhir::NodeIndex i = element; i < end; ++i) {
        if (document[i].name != reference_name || document[i].kind != fhir::Kind::kString) continue;
        const std::uint32_t found = index_.find(literalReference(document.scalar(i)));
        if (found != kNone) suppressed_[found] = source.index + 1U;
      }
    }
  }
}

void Projector::Impl::runSource(const SourcePlan& source, std::span<const std::uint32_t> documents,
                                bool account) {
  running_ = &source;
  // Bound variables keep an evaluation from its quickest way, so only views that ask for them get them.
  runner->setVariables(source.uses_settings ? std::span<const fhirpath::NamedValue>(settings)
                                            : std::span<const fhirpath::NamedValue>());
  if (options_->watch != nullptr) [[unlikely]]
    followSource(source, account);
  for (const std::uint32_t document : documents) {
    DocumentState& state = documents_[document];
    if (suppressed_[document] == source.index + 1U) {
      state.filter_rule = source.suppressed_id;
      state.filter_reason = "another resource of the same contact gives the row";
      continue;
    }
    running_document_ = document;
    resolver.missing = {};
    if (followed_ != kNotFollowed) [[unlikely]]
      follower_.clear();
    const std::size_t first = raw_.size(), first_touched = touched_.size();
    const auto outcome = runner->run(*source.view, state.root, *this);
    if (!account) continue;
    if (!outcome) {
      raw_.resize(first);
      dropAttempts(first);
      state.fault = static_cast<std::uint32_t>(issues_.size());
      RowIssue issue;
      issue.grade = Grade::kRejectRecord;
      issue.issue = outcome.error();
      issue.issue.offset = Issue::kNoOffset;
      issues_.push_back(std::move(issue));
      touched_.resize(first_touched);
      continue;
    }
    // The filter that came nearest is told; of equals, one of a source that makes rows by itself.
    const bool nearer = outcome->filtered_by > state.filter ||
                        (outcome->filtered_by == state.filter && source.mode != Mode::kFill &&
                         plan.source_plans[state.filter_source].mode == Mode::kFill);
    if (outcome->filtered_by >= 0 && nearer) {
      state.filter = outcome->filtered_by;
      state.filter_source = source.index;
    }
    if (raw_.size() == first) {
      touched_.resize(first_touched);
      continue;
    }
    for (std::size_t r = first; r < raw_.size(); ++r) {
      raw_[r].touched = static_cast<std::uint32_t>(first_touched);
      raw_[r].touched_count = static_cast<std::uint32_t>(touched_.size() - first_touched);
    }
    if (!resolver.missing.empty()) {
      const std::string_view name = literalReference(resolver.missing);
      RowIssue issue;
      issue.row = kNone - 1 - document;  // told on the rows of this document when they are known
      issue.issue.severity = Severity::kWarning;
      issue.issue.rule = "reference-unresolved";
      issue.issue.path = state.root.document().resourceType();
      issue.issue.text =
          "it refers to a resource that is not held: " + std::string(name.substr(0, name.find('/')));
      issue.issue.remedy = "Send the resource, or correct the reference.";
      issues_.push_back(std::move(issue));
    }
  }
}

bool Projector::Impl::row(std::span<const views::Cell> cells) {
  const std::size_t fields = plan.tables[running_->table].fields.size();
  RawRow raw;
  raw.source = running_->index;
  raw.document = running_document_;
  raw.cells = static_cast<std::uint32_t>(raw_cells_.size());
  raw_cells_.resize(raw_cells_.size() + fields);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const ColumnPlan& column = running_->columns[i];
    if (column.field == kNoField) {
      if (i == running_->order_column) raw.order = text.keep(cells[i].text);
      continue;
    }
    raw_cells_[raw.cells + column.field] = convert(column, cells[i], cells);
  }
  if (followed_ != kNotFollowed) [[unlikely]]
    keepAttempt(cells);
  raw_.push_back(raw);
  return true;
}

RawCell Projector::Impl::convert(const ColumnPlan& column, const views::Cell& cell,
                                 std::span<const views::Cell> cells) {
  std::array<char, 32> buffer{};
  std::string_view value = cell.text;
  const views::Cell* origin = &cell;
  bool borrowed = false;
  switch (column.convert) {
    case Convert::kNone:
      break;
    case Convert::kDate:
      value = clock.date(value, buffer);
      break;
    case Convert::kTime:
      value = clock.time(value, buffer);
      break;
    case Convert::kDateTime:
      value = clock.dateTime(value, buffer);
      break;
    case Convert::kShortId:
      if (value.size() > column.limit) {
        value = shorten(value, column.limit);
        borrowed = true;
      }
      break;
    case Convert::kMinutes:
      if (!value.empty()) break;
      if (const auto minutes = CivilClock::minutesBetween(cells[column.start].text, cells[column.end].text)) {
        const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), *minutes).ptr;
        value = {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
        origin = &cells[column.end];
      }
      break;
  }
  RawCell out;
  if (!value.empty()) out.text = borrowed ? value : text.keep(value);
  out.origin = static_cast<std::uint32_t>(origins_.size());
  for (const views::Source& source : origin->sources) {
    if (source.document == nullptr || source.node == fhir::kNoNode) continue;
    origins_.push_back({source.document, source.node, source.role == views::Source::Role::kCondition});
  }
  out.origins = static_cast<std::uint32_t>(origins_.size()) - out.origin;
  return out;
}

// A stable stand-in for a business identifier that is too long: its SHA-256 in Crockford's base 32, 5 bits a
// character.
std::string_view Projector::Impl::shorten(std::string_view value, std::size_t limit) {
  std::uint32_t& known = short_ids_.at(text.keep(value), static_cast<std::uint32_t>(short_texts_.size()));
  if (known < short_texts_.size() && short_texts_[known].size() == limit) return short_texts_[known];
  static constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const Sha256 digest = sha256(value);
  char* const at = text.take(limit);
  std::uint32_t bits = 0, held = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < limit; ++i) {
    if (held < 5) {
      bits = bits << 8 | (next < digest.size() ? static_cast<std::uint32_t>(digest[next++]) : 0U);
      held += 8;
    }
    held -= 5;
    at[i] = kAlphabet[bits >> held & 31];
  }
  known = static_cast<std::uint32_t>(short_texts_.size());
  short_texts_.emplace_back(at, limit);
  return short_texts_.back();
}

// Keys of tables that other subjects fill (staff), from the shared resources at hand.
void Projector::Impl::foreignKeys() {
  for (std::size_t s = 0; s < plan.keys.size(); ++s) {
    const KeySlot& slot = plan.keys[s];
    keys_[s].reset(16);
    if (plan.tables[slot.table].scope != Scope::kProvider) continue;
    const std::size_t rows = raw_.size(), touched = touched_.size(), origins = origins_.size();
    for (const std::uint16_t source : plan.table_plans[slot.table].sources) {
      const SourcePlan& source_plan = plan.source_plans[source];
      if (source_plan.mode != Mode::kFill) runSource(source_plan, shared_by_type_[source_plan.type], false);
    }
    for (std::size_t r = rows; r < raw_.size(); ++r) {
      const std::string_view key = raw_cells_[raw_[r].cells + slot.field].text;
      if (!key.empty()) keys_[s].at(key, kForeign);
    }
    raw_.resize(rows);
    touched_.resize(touched);
    origins_.resize(origins);
  }
}

}  // namespace tributary::collection
