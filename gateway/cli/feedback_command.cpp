#include "cli/feedback_command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/private_file.h"
#include "cli/stored_gateway.h"
#include "pipeline/feedback.h"

namespace tributary::cli {
namespace {

constexpr std::size_t kPage = 1000;

struct FeedbackOptions {
  std::string config, output;
  std::uint64_t submission = 0;
};

// Reads the store beside a gateway that may be running, and writes what it holds against rows.
class Listing {
 public:
  Listing(store::Store& store, const collection::Collection& collection, PrivateFile& file)
      : store_(store), collection_(collection), file_(file), feedback_(collection) {}

  std::uint64_t findings() const { return feedback_.findings(); }

  // All live rows and all quarantined ones; RecordIndex counts both, table by table.
  Result<void> everything() {
    for (const collection::Table& table : collection_.tables()) {
      std::uint64_t index = 0;
      TRY_VOID(liveRows(table.name, index));
      TRY_VOID(quarantinedRows(table.name, index));
    }
    return {};
  }

  // The rows of one file; RecordIndex is the row's number in its table of the file.
  Result<void> ofSubmission(std::uint64_t id) {
    std::string table;
    std::uint64_t index = 0;
    Result<void> told;
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t read, store_.readSubmission(id, 0, [&](const store::SubmissionRow& row) {
                 if (row.deleted) return true;
                 if (row.table != table) {
                   table = row.table;
                   index = 0;
                 }
                 ++index;
                 told = tell(row, index);
                 return told.has_value();
               }));
    return told;
  }

 private:
  Result<void> liveRows(const std::string& table, std::uint64_t& index) {
    store::RowFilter filter;
    filter.collection = collection_.id();
    filter.table = table;
    return paged(
        [&](std::uint64_t after, const auto& on_row) { return store_.readRows(filter, after, kPage, on_row); },
        [&](const store::LedgerRow& row) -> Result<void> {
          if (row.deleted) return {};
          return write(row.table, row.key, row.cells, row.issues, ++index);
        });
  }
  Result<void> quarantinedRows(const std::string& table, std::uint64_t& index) {
    store::QuarantineFilter filter;
    filter.collection = collection_.id();
    filter.table = table;
    return paged(
        [&](std::uint64_t after, const auto& on_row) { return store_.readQuarantine(filter, after, kPage, on_row); },
        [&](const store::QuarantineRecord& row) { return write(row.table, row.key, row.cells, row.issues, ++index); });
  }

  // Page after page, by the ids of the records.
  template <class Read, class Take>
  Result<void> paged(Read read, Take take) {
    for (std::uint64_t after = 0;;) {
      std::uint64_t seen = 0;
      Result<void> taken;
      TRY_ASSIGN([[maybe_unused]] const std::uint64_t count, read(after, [&](const auto& record) {
                   ++seen;
                   after = record.id;
                   taken = take(record);
                   return taken.has_value();
                 }));
      TRY_VOID(taken);
      if (seen < kPage) return {};
    }
  }

  // The findings lie with the row as it is now; those of a version that has changed since are not held.
  Result<void> tell(const store::SubmissionRow& row, std::uint64_t index) {
    TRY_ASSIGN(const auto held, store_.row(collection_.id(), row.table, row.key));
    if (!held || held->version != row.version) return {};
    return write(held->table, held->key, held->cells, held->issues, index);
  }

  Result<void> write(std::string_view table, std::string_view key, std::string_view cells, std::string_view issues, std::uint64_t index) {
    lines_.clear();
    TRY_VOID(feedback_.add(table, key, cells, issues, index, lines_));
    return file_.write(lines_);
  }

  store::Store& store_;
  const collection::Collection& collection_;
  PrivateFile& file_;
  pipeline::Feedback feedback_;
  std::string lines_;
};

void feedback(const FeedbackOptions& options) {
  const StoredGateway gateway = openStoredGateway(options.config);
  if (options.submission != 0) {
    const auto known = gateway.store->submission(options.submission);
    if (!known) failWith(known.error());
    if (!*known) failWith(fail(ErrorCode::kNotFound, "there is no submission " + std::to_string(options.submission)).error(), kExitUsage);
  }
  auto file = PrivateFile::create(options.output);
  if (!file) failWith(file.error());
  Listing listing(*gateway.store, *gateway.collection, *file);
  if (auto listed = options.submission != 0 ? listing.ofSubmission(options.submission) : listing.everything(); !listed) failWith(listed.error());
  if (auto kept = file->commit(); !kept) failWith(kept.error());
  std::printf("%s: %llu findings; the file holds patient data\n", options.output.c_str(), static_cast<unsigned long long>(listing.findings()));
}

}  // namespace

void addFeedbackCommand(CLI::App& root) {
  auto options = std::make_shared<FeedbackOptions>();
  CLI::App* const command =
      root.add_subcommand("feedback", "Write what is wrong with rows in the shape of the Data Validation Engine (JSONL)");
  command->add_option("-c,--config", options->config, "Configuration file (TOML)")->required()->check(CLI::ExistingFile);
  command->add_option("-o,--output", options->output, "File to write; mode 0600, since it holds patient data")->required();
  command->add_option("--submission", options->submission, "only the rows of this submission, numbered as in its file");
  command->callback([options] { feedback(*options); });
}

}  // namespace tributary::cli
