#pragma once
#include <chrono>
#include <filesystem>
#include <string>

#include "deliver/destination.h"

namespace tributary::deliver {

struct FolderOptions {
  std::string name = "folder";
  std::filesystem::path folder = {};    // made when it is not there
  std::filesystem::path receipts = {};  // empty: <folder>/receipts
  Duration poll_interval = std::chrono::seconds(10);
  ReceiptLimits receipt_limits = {};
  std::uint32_t receipts_per_poll = 500;
};

// Hands files over through a folder (README.md, "Folder conventions"). A rename makes a file appear at once
// and whole; after a crash it is there or not there, so submit() never leaves an unknown outcome.
class FolderDestination final : public Destination {
 public:
  static Result<FolderDestination> open(FolderOptions options);

  SubmitOutcome submit(const Submission& submission, const std::string& known_transport_id = {}) override;
  SubmitOutcome resolve(const Submission& submission, const std::string& known_transport_id = {}) override;
  Result<PollReport> poll(const ReceiptSink& sink) override;
  Duration pollInterval() const override { return options_.poll_interval; }
  Result<ProbeReport> probe() override;
  std::string name() const override { return options_.name; }

 private:
  explicit FolderDestination(FolderOptions options) : options_(std::move(options)) {}
  FolderOptions options_;
};

}  // namespace tributary::deliver
