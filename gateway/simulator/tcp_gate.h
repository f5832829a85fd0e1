#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace tributary::simulator {

// What the gate does to connections that it takes from now on, and to the answers of open ones.
struct GateMode {
  bool refuse = false;    // closes a new connection at once
  bool hang = false;      // takes bytes, passes nothing on
  std::size_t slice = 0;  // passes the answer on in pieces of so many bytes, `slice_pause` apart
  Duration slice_pause{1};
  std::int64_t reset_after = -1;    // resets the connection (RST) after so many bytes of the answer
  std::int64_t cut_after = -1;      // closes it in good order after so many bytes of the answer
  std::int64_t corrupt_after = -1;  // flips a bit of that byte of the answer
};

// A TCP proxy in front of a server that does what networks do. One thread a connection. Safe from any number
// of threads.
class TcpGate {
 public:
  TcpGate(std::string host, std::uint16_t port);
  ~TcpGate();
  TcpGate(const TcpGate&) = delete;
  TcpGate& operator=(const TcpGate&) = delete;

  Result<void> start();
  void stop();
  std::uint16_t port() const;
  void setMode(const GateMode& mode);
  std::uint64_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::simulator
