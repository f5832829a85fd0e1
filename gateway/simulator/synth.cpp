#include "simulator/synth.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "simulator/internal/text.h"

namespace tributary::simulator {
namespace {
namespace fs = std::filesystem;

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Written under a hidden name, renamed when complete: a folder that is watched never shows half a file.
class OutFile {
 public:
  static Result<OutFile> open(const fs::path& folder, const std::string& name) {
    OutFile out;
    out.target_ = folder / name;
    out.partial_ = folder / ("." + name + ".part");
    out.file_.reset(std::fopen(out.partial_.c_str(), "wb"));
    if (!out.file_)
      return fail(ErrorCode::kUnavailable,
                  "cannot write " + out.partial_.string() + ": " + std::strerror(errno));
    std::setvbuf(out.file_.get(), nullptr, _IOFBF, 1 << 18);
    return out;
  }
  void write(std::string_view text) {
    good_ = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() && good_;
  }
  Result<void> finish() {
    good_ = std::fclose(file_.release()) == 0 && good_;
    std::error_code error;
    if (good_) fs::rename(partial_, target_, error);
    if (!good_ || error) return fail(ErrorCode::kUnavailable, "cannot finish " + target_.string());
    return {};
  }

 private:
  fs::path target_, partial_;
  std::unique_ptr<std::FILE, Closer> file_;
  bool good_ = true;
};

Result<SynthReport> writeNdjson(const Caseload& caseload, const fs::path& folder) {
  SynthReport report;
  std::map<std::string, OutFile, std::less<>> files;
  Result<void> outcome;
  caseload.writeAll([&](const Change& c) {
    if (c.deleted || !outcome) return;
    auto it = files.find(c.type);
    if (it == files.end()) {
      auto file = OutFile::open(folder, std::string(c.type) + ".ndjson");
      if (!file) {
        outcome = std::unexpected(std::move(file).error());
        return;
      }
      it = files.emplace(std::string(c.type), std::move(*file)).first;
    }
    it->second.write(c.json);
    it->second.write("\n");
    ++report.resources;
    ++report.by_type[it->first];
    report.bytes += c.json.size() + 1;
  });
  TRY_VOID(std::move(outcome));
  for (auto& [type, file] : files) TRY_VOID(file.finish());
  report.files = files.size();
  return report;
}

class BundleFile {
 public:
  void add(const Change& c) {
    if (c.deleted) return;
    simulator::add(text_, text_.empty() ? R"({"resourceType":"Bundle","type":"transaction","entry":[)" : ",",
                   R"({"resource":)", c.json, R"(,"request":{"method":"PUT","url":")", c.type, '/', c.id,
                   R"("}})");
    ++resources_;
  }
  Result<void> finish(const fs::path& folder, const std::string& name, SynthReport& report) {
    text_ += "]}\n";
    TRY_ASSIGN(OutFile file, OutFile::open(folder, name));
    file.write(text_);
    TRY_VOID(file.finish());
    report.resources += resources_;
    report.bytes += text_.size();
    ++report.files;
    text_.clear();
    resources_ = 0;
    return {};
  }

 private:
  std::string text_;
  std::uint64_t resources_ = 0;
};

Result<SynthReport> writeBundles(const Caseload& caseload, const fs::path& folder) {
  SynthReport report;
  BundleFile bundle;
  const auto take = [&](const Change& c) {
    bundle.add(c);
    if (!c.deleted) ++report.by_type[std::string(c.type)];
  };
  caseload.writeShared(take);
  TRY_VOID(bundle.finish(folder, "shared.json", report));
  for (std::uint64_t i = 0; i < caseload.options().patients; ++i) {
    caseload.writePatient(i, take);
    std::string name;
    add(name, 'p', Padded{i, 7}, ".json");
    TRY_VOID(bundle.finish(folder, name, report));
  }
  return report;
}

}  // namespace

Result<SynthReport> writeCaseload(const Caseload& caseload, const fs::path& folder, SynthForm form) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(ErrorCode::kUnavailable, "cannot make " + folder.string() + ": " + error.message());
  return form == SynthForm::kNdjson ? writeNdjson(caseload, folder) : writeBundles(caseload, folder);
}

std::string faultsJson(const Caseload& caseload) {
  std::string out = "[";
  for (const PlantedFault& f : caseload.faults()) {
    add(out, out.size() > 1 ? ",\n" : "", R"({"kind":")", faultName(f.kind), R"(","outcome":")",
        outcomeName(f.outcome), R"(","resource":")", f.type, '/', f.id, R"(","table":")", f.table,
        R"(","field":")", f.field, R"(","key":")", f.key, R"("})");
  }
  out += "]\n";
  return out;
}

}  // namespace tributary::simulator
