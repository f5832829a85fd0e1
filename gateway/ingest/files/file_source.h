#pragma once
#include <filesystem>
#include <set>
#include <string>

#include "ingest/files/line_reader.h"
#include "ingest/intake.h"
#include "ingest/source.h"

namespace tributary::ingest {

struct FileOptions {
  std::string name = "files";
  std::filesystem::path folder;              // in/ is watched; work/, done/ and failed/ are ours
  bool remove_done = false;
  Duration interval{1'000};                  // between looks into in/
  Duration settle{300};                      // a file changed more recently than this is left to its writer
  std::size_t batch_entries = 1000;          // journalled in one transaction …
  std::size_t batch_bytes = std::size_t{4} << 20;  // … or this many bytes
  std::uint64_t expanded_limit = std::uint64_t{1} << 40;  // of a gzip file
  std::size_t bundle_bytes = std::size_t{512} << 20;      // of a file that is one JSON text
};

// A watched folder: Bundles and single resources as JSON or XML, and NDJSON, each plain or gzip. A file is claimed by a rename into work/
// (so that two gateways never read it), journalled in batches with a cursor in each transaction, and only then moved to
// done/. After a crash the file is still in work/ and goes on behind the last journalled line. A file that cannot be
// read to its end, or holds no JSON or XML, goes to failed/ with FILE.reason.txt beside it; the lines
// before the fault are kept.
class FileSource final : public Source {
 public:
  FileSource(IntakeContext context, FileOptions options, const Clock& clock, LogLine log);

  void run(std::stop_token stop) override;
  void wake() override { sleeper_.wake(); }
  SourceStatus status() const override { return board_.get(); }

 private:
  // One look: everything in work/ and in/. True when all of it is done.
  bool look(std::stop_token stop);
  // Tells once of each entry of in/ that is no regular file and so stays there, and of each file that was put beside in/.
  // What status is to say of them; empty when there are none.
  std::string tellStrangers();
  void tellFault(const std::string& text);
  Result<void> take(const std::filesystem::path& file, std::stop_token stop);
  Result<void> takeLines(const std::string& name, LineReader& reader, std::stop_token stop);
  Result<void> takeWhole(const std::string& name, LineReader& reader);
  // Records a file that holds nothing for us; what failed/ is to say of it.
  Result<void> refuse(const std::string& name, std::string_view head, std::string_view what);
  Result<void> commit(std::string_view file, std::uint64_t line);

  IntakeContext context_;
  FileOptions options_;
  const Clock& clock_;
  LogLine log_;
  StatusBoard board_;
  Sleeper sleeper_;
  Intake intake_;
  std::set<std::string> strangers_;  // entries of in/, and files beside it, that have been told of
};

}  // namespace tributary::ingest
