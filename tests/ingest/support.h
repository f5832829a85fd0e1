#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "ingest/compartment.h"
#include "ingest/intake.h"
#include "ingest/source.h"
#include "store/sqlite/sqlite_store.h"
#include "terminology/definitions.h"

namespace tributary::ingest::test {

inline std::filesystem::path definitionsFile() {
  const char* cache = std::getenv("TRIBUTARY_CACHE");
  const std::filesystem::path folder = cache != nullptr && *cache != '\0' ? std::filesystem::path(cache)
                                                                          : std::filesystem::path(TRIBUTARY_SOURCE_DIR) / ".cache";
  return folder / "definitions.bin";
}

// A folder that goes with the test.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tributary-ingest-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A real store and the real definitions, so that a connector is tested up to the disk.
class IngestTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!std::filesystem::exists(definitionsFile())) return;
    definitions_ = *terminology::Definitions::open(definitionsFile());
    compartments_ = *CompartmentIndex::load(*definitions_, "Patient");
  }

  void SetUp() override {
    if (!definitions_) GTEST_SKIP() << "Skipped: no compiled definitions (deploy/install makes them)";
    store::SqliteOptions options;
    options.path = folder_.path() / "test.db";
    options.clock = &clock_;
    auto opened = store::openSqliteStore(options);
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
    context_.store = store_.get();
    context_.append = [this](const store::AppendBatch& batch) { return store_->append(batch); };
    context_.definitions = definitions_;
    context_.compartments = compartments_;
  }

  // Runs a source on a thread until `done` says so, or 20 seconds have gone (then the test fails).
  void runUntil(Source& source, const std::function<bool()>& done) {
    std::jthread thread([&](std::stop_token stop) { source.run(stop); });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_TRUE(done()) << "the source did not get there: " << source.status().doing << " " << source.status().last_error;
  }

  store::SourceCounts counts(const std::string& source) {
    auto all = store_->reconcile();
    EXPECT_TRUE(all) << (all ? "" : all.error().text);
    if (!all) return {};
    return all->sources[source];
  }

  inline static std::shared_ptr<const terminology::Definitions> definitions_;
  inline static std::shared_ptr<const CompartmentIndex> compartments_;
  TempFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  IntakeContext context_;
};

inline LogLine noLog() {
  return [](std::string_view, std::string_view, std::string_view) {};
}

}  // namespace tributary::ingest::test
