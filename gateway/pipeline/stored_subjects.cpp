#include "pipeline/stored_subjects.h"

#include <unordered_set>

namespace tributary::pipeline {
namespace {

constexpr std::size_t kSubjectBytes = std::size_t{64} << 20, kSharedBytes = std::size_t{32} << 20;
constexpr std::size_t kPage = 1000;
constexpr int kSteps = 4;  // from reference to reference, as in the store

}  // namespace

struct StoredSubjects::Held {
  std::string text, type, id;
  std::uint64_t seq = 0;  // 0: there is no such resource
  fhir::Document document;
  std::vector<std::string> references;
};

StoredSubjects::StoredSubjects(store::Store& store, std::shared_ptr<const ingest::CompartmentIndex> compartments,
                               const Clock& clock)
    : store_(store), compartments_(std::move(compartments)), clock_(clock) {}
StoredSubjects::~StoredSubjects() = default;

Result<StoredSubjects::Held*> StoredSubjects::shared(const std::string& source, const std::string& key) {
  auto& slot = shared_[source + '\n' + key];
  if (slot != nullptr) return slot.get();
  slot = std::make_unique<Held>();
  const std::size_t slash = key.find('/');
  const store::ResourceKey wanted[] = {{key.substr(0, slash), key.substr(slash + 1)}};
  auto loaded = store_.load(source, wanted, kSubjectBytes, [&](const store::StoredResource& resource) {
    slot->text.assign(resource.body);
    slot->type.assign(resource.type);
    slot->id.assign(resource.id);
    slot->seq = resource.seq;
    return true;
  });
  if (!loaded) return std::unexpected(std::move(loaded).error());
  if (slot->seq != 0 && reader_.read(slot->text, slot->document)) {
    slot->references = compartments_->place(slot->document, 0, slot->type, slot->id).references;
  } else {
    slot->seq = 0;
  }
  shared_bytes_ += slot->text.size() + slot->document.memory() + 256;
  return slot.get();
}

Result<void> StoredSubjects::loadShared(const std::string& source) {
  std::unordered_set<std::string> seen;
  std::vector<std::string> wanted, next;
  const auto want = [&](const std::vector<std::string>& keys, std::vector<std::string>& to) {
    for (const std::string& key : keys) {
      if (seen.insert(key).second) to.push_back(key);
    }
  };
  for (const Held& held : held_)
    want(compartments_->place(held.document, 0, held.type, held.id).references, wanted);
  for (int step = 0; step < kSteps && !wanted.empty(); ++step, wanted.swap(next), next.clear()) {
    for (const std::string& key : wanted) {
      TRY_ASSIGN(Held* const one, shared(source, key));
      if (one->seq == 0) continue;
      shared_inputs_.push_back({&one->document, one->seq});
      want(one->references, next);
    }
  }
  return {};
}

Result<StoredSubjects::Subject> StoredSubjects::load(const store::SubjectLease& subject) {
  held_.clear();
  inputs_.clear();
  shared_inputs_.clear();
  if (shared_bytes_ > kSharedBytes) {
    shared_.clear();
    shared_bytes_ = 0;
  }
  TRY_ASSIGN(const store::LoadResult loaded,
             store_.loadSubject(subject, kSubjectBytes, [&](const store::StoredResource& resource) {
               Held& one = held_.emplace_back();
               one.text.assign(resource.body);
               one.type.assign(resource.type);
               one.id.assign(resource.id);
               one.seq = resource.seq;
               return true;
             }));
  if (!loaded.complete) return fail(ErrorCode::kLimit, "the resources of one subject are together too large");
  for (Held& one : held_) {
    if (auto read = reader_.read(one.text, one.document); !read)
      return fail(ErrorCode::kCorrupt, "journal entry " + std::to_string(one.seq) + " cannot be read: " + read.error().text);
    inputs_.push_back({&one.document, one.seq});
  }
  TRY_VOID(loadShared(subject.source));
  Subject out{subject.source, subject.subject, inputs_, shared_inputs_, {}};
  out.options.scope =
      subject.subject.starts_with("Patient/") ? collection::Scope::kPatient : collection::Scope::kProvider;
  out.options.now = clock_.now();
  return out;
}

Result<std::optional<store::SubjectLease>> StoredSubjects::find(std::string_view source, std::string_view subject) {
  std::optional<store::SubjectLease> out;
  if (subject.empty()) return out;
  TRY_ASSIGN([[maybe_unused]] const std::uint64_t found,
             store_.readSubjects(source, subject, 0, 1, [&](const store::SubjectLease& one) {
               out = one;
               return false;
             }));
  return out;
}

Result<void> StoredSubjects::each(const std::function<Result<void>(const Subject&)>& visit) {
  std::vector<store::SubjectLease> page;
  for (std::uint64_t after = 0;;) {
    page.clear();
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t count,
               store_.readSubjects({}, {}, after, kPage, [&](const store::SubjectLease& one) {
                 page.push_back(one);
                 return true;
               }));
    if (page.empty()) return {};
    after = page.back().subject_id;
    for (const store::SubjectLease& one : page) {
      TRY_ASSIGN(const Subject subject, load(one));
      if (!subject.inputs.empty()) TRY_VOID(visit(subject));
    }
  }
}

}  // namespace tributary::pipeline
