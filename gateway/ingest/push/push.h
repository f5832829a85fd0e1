#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "fhir/xml_reader.h"
#include "ingest/intake.h"
#include "ingest/source.h"
#include "net/http_server.h"

namespace tributary::ingest {

struct PushOptions {
  std::string name = "push";
  std::string token;            // must come as "Authorization: Bearer"; empty: only loopback peers may push
  std::string base_path = "/fhir";
  std::uint64_t body_bytes = std::uint64_t{256} << 20;  // of a body after its gzip is undone; more is answered with 413
};

// Takes FHIR that is sent to us: POST of transaction, batch, collection, message, history and document Bundles, of single
// resources and of NDJSON; PUT and DELETE of single ones. Answered 2xx only after the journal has it (FHIR R4 3.1.0).
//   transaction   all or nothing: 400 with an OperationOutcome and nothing journalled when one entry cannot be taken
//   others        what can be taken is; each entry that cannot is told in the answer and kept among the rejects
//   415           a form that is not taken: JSON, XML and NDJSON are, plain or with Content-Encoding: gzip
//   503           the journal cannot take it now (disk full, locked); nothing is stored, send it again
// Thread-safe: each request works with an Intake of its own.
class PushReceiver {
 public:
  PushReceiver(IntakeContext context, PushOptions options, const Clock& clock);

  // Adds the routes POST base, POST/PUT/DELETE base/{type}[/{id}], GET base/metadata.
  void addRoutes(net::Router& router);
  SourceStatus status() const { return board_.get(); }

 private:
  bool authorised(const net::ServerRequest& request) const;
  // The handlers; `body` is what the request holds, its gzip undone.
  net::ServerResponse receive(const net::ServerRequest& request, std::string_view body);
  net::ServerResponse receiveOne(const net::ServerRequest& request, std::string_view body);
  net::ServerResponse remove(const net::ServerRequest& request, std::string_view body);
  void take(Intake& intake, const net::ServerRequest& request, std::string_view body) const;
  net::ServerResponse finish(Intake& intake, bool transaction, bool single, const std::string& bundle_type);

  IntakeContext context_;
  PushOptions options_;
  const Clock& clock_;
  StatusBoard board_;
};

// An OperationOutcome with one issue a line; what every refusal answers with (FHIR R4 2.33).
std::string operationOutcome(std::span<const Issue> issues);

}  // namespace tributary::ingest
