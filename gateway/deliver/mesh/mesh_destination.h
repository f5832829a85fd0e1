#pragma once
#include <memory>
#include <string>

#include "base/clock.h"
#include "deliver/destination.h"
#include "deliver/mesh/mesh_config.h"

namespace tributary::deliver {

// Hands files over through MESH (README.md, "MESH conventions"). Safe from any thread.
class MeshDestination final : public Destination {
 public:
  // kInvalidArgument when an option is missing or out of its bounds. No network.
  static Result<std::unique_ptr<MeshDestination>> create(MeshOptions options, const Clock& clock);
  ~MeshDestination() override;

  void stopWith(std::stop_token stop) override;
  SubmitOutcome submit(const Submission& submission, const std::string& known_transport_id = {}) override;
  SubmitOutcome resolve(const Submission& submission, const std::string& known_transport_id = {}) override;
  Result<PollReport> poll(const ReceiptSink& sink) override;
  Duration pollInterval() const override;
  // Handshake, and the clock check (Date of the answer).
  Result<ProbeReport> probe() override;
  std::string name() const override;

 private:
  struct Impl;
  explicit MeshDestination(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::deliver
