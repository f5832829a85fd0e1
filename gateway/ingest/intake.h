#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/issue.h"
#include "base/result.h"
#include "fhir/json_reader.h"
#include "ingest/compartment.h"
#include "store/store.h"
#include "terminology/definitions.h"

namespace tributary::ingest {

// FHIR R4 2.24.0.1: [A-Za-z0-9\-\.]{1,64}
bool isResourceId(std::string_view id);

struct IntakeOptions {
  std::size_t max_resource_bytes = std::size_t{32} << 20;
  // Whether any view of the collection reads resources of this type, or refers to them; the rest is journalled as
  // filtered under rule "type-not-mapped". Empty: all types are wanted.
  std::function<bool(std::string_view type)> wants;
};

struct IntakeCounts {
  std::uint64_t stored = 0, duplicates = 0, stale = 0, rejected = 0, rejected_again = 0;
  std::uint64_t received() const { return stored + duplicates + stale + rejected + rejected_again; }
  void add(const IntakeCounts& other);
};

// What is needed to take resources in, shared by all connectors.
struct IntakeContext {
  store::Store* store = nullptr;
  // How a batch gets into the journal: Store::append, or what wraps it.
  std::function<Result<store::AppendResult>(const store::AppendBatch&)> append;
  std::shared_ptr<const terminology::Definitions> definitions;
  std::shared_ptr<const CompartmentIndex> compartments;
  IntakeOptions options;
  std::atomic<std::uint64_t>* busy_ns = nullptr;  // optional: adds up the time spent in add() and commit()
};

// The one way into the journal. A connector adds what it has (resources, Bundles, deletes, bytes that are neither),
// then commits all of it with the moves of its cursor in one transaction; only after that may it acknowledge.
// Not thread-safe; one a thread, reused.
class Intake {
 public:
  Intake(IntakeContext context, std::string source);

  // One JSON text: a resource, or a Bundle whose entries are taken one by one (transaction, batch, collection,
  // message, document, history and searchset; DELETE requests become deletes). `text` must stay alive until commit().
  // `where` is a file name, URL or peer, `line` the first line of the text there (0: not known). What cannot be taken
  // is staged as a reject; its Issue is also returned by issues(). Returns the number of entries staged.
  std::size_t add(std::string_view text, std::string_view where, std::uint64_t line = 0);
  // The same from XML, which is journalled as its JSON form (FHIR R4 2.6.2). Places of what is refused are those of the XML, or
  // none.
  std::size_t addXml(std::string_view xml, std::string_view where);
  // What add() was given last, as it was parsed; null where it could not be read. Until the next add() or clear().
  const fhir::Document* document() const { return readable_ ? &document_ : nullptr; }
  void addDelete(std::string_view type, std::string_view id, std::string_view last_updated, std::string_view version_id = {});
  void addReject(std::string_view raw, const Issue& issue, std::string_view where, std::uint64_t line = 0);

  std::size_t staged() const { return entries_.size() + rejects_.size(); }
  std::size_t stagedBytes() const { return bytes_; }
  // What was wrong with the entries since the last commit, for the answer to a push.
  std::span<const Issue> issues() const { return issues_; }
  // What is added is told of the past: see AppendEntry::past. The entries of a history Bundle always are.
  void tellsOfThePast() { past_ = true; }

  // "Type/id" of what was staged since the last commit, in order; a reject has an empty one.
  const std::vector<std::string>& keys() const { return keys_; }

  // Durable when it returns. On an error nothing is stored and what was staged stays staged.
  Result<IntakeCounts> commit(std::span<const store::CursorMove> cursors = {});
  // For resources that are in the journal already: their current versions get the subjects that they would have if they
  // came now (Store::place). Returns how many moved.
  Result<std::uint64_t> place();
  // Forgets what is staged.
  void clear();

 private:
  struct Staged {
    store::Operation operation = store::Operation::kUpsert;
    std::string type, id, version_id, last_updated;
    std::string_view body;
    Placement placement;
    std::vector<store::ResourceKey> references;
    bool wanted = true;
    bool past = false;
  };
  struct StagedReject {
    std::string where, rule, text;
    std::uint64_t line = 0;
    std::string_view raw;
  };
  struct BundleNames;  // fullUrl → "Type/id" of the Bundle at hand

  std::vector<store::AppendEntry> entries() const;  // views into entries_
  void addBundle(std::string_view where);
  void stage(const fhir::Document& document, fhir::NodeIndex resource, std::string_view assigned_id, const BundleNames* names,
             std::string_view where);
  void refuse(const fhir::Document& document, fhir::NodeIndex node, std::string rule, std::string text, std::string remedy,
              std::string_view where);

  IntakeContext context_;
  std::string source_;
  fhir::JsonReader reader_;
  fhir::Document document_, scratch_;
  std::vector<Staged> entries_;
  std::vector<StagedReject> rejects_;
  std::vector<Issue> issues_;
  std::vector<std::string> keys_;
  std::deque<std::string> rewritten_;  // bodies that had to be written: from XML, or with their references or id
  std::size_t bytes_ = 0;
  bool past_ = false;
  bool history_ = false;   // document_ is a history
  bool from_xml_ = false;  // document_ is JSON that we made
  bool readable_ = false;  // document_ holds what add() was given last
};

}  // namespace tributary::ingest
