#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "simulator/mesh_server.h"

namespace tributary::simulator {

struct TableTally {
  std::uint64_t received = 0;  // rows in files that were read, deletes included
  std::uint64_t accepted = 0, rejected = 0, warned = 0;
  std::uint64_t deleted = 0;   // accepted deletes
  std::uint64_t repeated = 0;  // upserts of a row with a key that is held with the same content: delivered twice
  std::uint64_t current = 0;   // rows held now
};

struct NationalSummary {
  std::uint64_t submissions = 0;  // files received
  std::uint64_t files_accepted = 0, files_rejected = 0;
  std::uint64_t duplicate_submissions = 0;  // a submission id that was received before
  std::uint64_t rows = 0, accepted = 0, rejected = 0, repeated = 0, deleted = 0;
  std::map<std::string, TableTally> tables;
  std::map<std::string, std::uint64_t> findings;  // by code
};
std::string summaryJson(const NationalSummary& summary);

struct RowFinding {
  std::string table;
  std::uint64_t row_number = 0;  // from 1, within table and action
  bool is_delete = false;
  bool rejected = true;  // false: warning
  std::string code, field, text;
};

// What the national side says about one file.
struct Verdict {
  bool readable = false;
  bool duplicate = false;  // the submission id was received before; nothing was counted again
  std::string submission_id;
  std::vector<std::string> file_errors;  // not readable: why
  std::vector<RowFinding> findings;
  std::uint64_t rows = 0, rejected_rows = 0;
};

// The national side behind the mailbox: opens what comes (a zip with one CSV a table and manifest.json, or
// NDJSON; gateway/deliver/README.md), checks it by rules of its own (national/csds-1.6.txt: tables, fields,
// formats, mandation, code lists, keys, parents, NHS number, periods), keeps every accepted row by key, and
// knows what came twice. Safe from any number of threads.
class NationalCollector {
 public:
  explicit NationalCollector(const Clock& clock);
  ~NationalCollector();
  NationalCollector(const NationalCollector&) = delete;
  NationalCollector& operator=(const NationalCollector&) = delete;

  // `submission_id` is the transport's (Mex-LocalID); a manifest that names another one is a file error.
  Verdict receive(std::string_view content, const std::string& file_name, const std::string& submission_id);

  NationalSummary summary() const;
  // Rows held now, as canonical JSON objects sorted by key.
  std::vector<std::string> rows(const std::string& table) const;

  // Answers `mailbox`'s messages with InfAck and BusAck (workflow + "_ACK"), and serves GET /national/summary
  // and GET /national/rows?table=CYP101. Before the server starts; the collector must outlive it.
  void attach(MeshServer& server, const std::string& mailbox);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The acknowledgements as JSON.
std::string infAck(const Verdict& verdict, const std::string& file_name, const std::string& message_id,
                   Instant at);
std::string busAck(const Verdict& verdict, const std::string& file_name, const std::string& message_id,
                   Instant at);

}  // namespace tributary::simulator
