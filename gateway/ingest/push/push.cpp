#include "ingest/push/push.h"

#include <algorithm>
#include <span>

#include "base/fault_point.h"
#include "net/gzip.h"

namespace tributary::ingest {
namespace {

using net::ServerRequest;
using net::ServerResponse;

void appendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  out += '"';
}

ServerResponse outcome(int status, std::span<const Issue> issues) {
  ServerResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/fhir+json; charset=utf-8");
  response.body = operationOutcome(issues);
  return response;
}

ServerResponse refuse(int status, std::string rule, std::string text, std::string remedy = {}) {
  const Issue issue{Severity::kError, std::move(rule), {}, Issue::kNoOffset, 0, 0, std::move(text), std::move(remedy)};
  return outcome(status, {&issue, 1});
}

enum class Form { kJson, kXml, kNdjson, kOther };

Form formOf(const ServerRequest& request) {
  const std::string type = net::mediaType(request.headers.get("Content-Type"));
  if (type.empty() || type == "application/fhir+json" || type == "application/json" || type == "text/json") return Form::kJson;
  if (type == "application/fhir+xml" || type == "application/xml" || type == "text/xml") return Form::kXml;
  if (type == "application/fhir+ndjson" || type == "application/ndjson" || type == "application/x-ndjson") return Form::kNdjson;
  return Form::kOther;
}

ServerResponse unknownForm() {
  return refuse(415, "media-type", "this Content-Type is not taken here",
                "Send application/fhir+json or application/fhir+xml; NDJSON (application/fhir+ndjson) goes to the base URL.");
}

bool constantTimeEqual(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

bool isLoopback(std::string_view address) { return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127."); }

}  // namespace

std::string operationOutcome(std::span<const Issue> issues) {
  std::string out = R"({"resourceType":"OperationOutcome","issue":[)";
  bool first = true;
  for (const Issue& issue : issues) {
    if (!first) out += ',';
    first = false;
    out += R"({"severity":")" + std::string(severityName(issue.severity)) + R"(","code":")";
    out += issue.severity == Severity::kInformation ? "informational" : "invalid";
    out += R"(","details":{"coding":[{"code":)";
    appendQuoted(out, issue.rule);
    out += R"(}]},"diagnostics":)";
    std::string text = issue.text;
    if (issue.line != 0) text += " (line " + std::to_string(issue.line) + ", column " + std::to_string(issue.column) + ")";
    if (!issue.remedy.empty()) text += ". " + issue.remedy;
    appendQuoted(out, text);
    if (!issue.path.empty()) {
      out += R"(,"expression":[)";
      appendQuoted(out, issue.path);
      out += ']';
    }
    out += '}';
  }
  return out + "]}";
}

PushReceiver::PushReceiver(IntakeContext context, PushOptions options, const Clock& clock)
    : context_(std::move(context)),
      options_(std::move(options)),
      clock_(clock),
      board_(options_.name, "push") {
  board_.update([](SourceStatus& status) {
    status.doing = "listening";
    status.caught_up = true;
  });
}

void PushReceiver::addRoutes(net::Router& router) {
  using net::Method;
  const std::string& base = options_.base_path;
  const auto guarded = [this](auto handler) {
    return [this, handler](const ServerRequest& request) {
      if (!authorised(request)) return refuse(401, "unauthorised", "this request carries no valid token", "Send Authorization: Bearer TOKEN.");
      if (!request.headers.get("If-None-Exist").empty()) {  // FHIR R4 3.1.0.8.1
        return refuse(400, "conditional-create", "conditional creates (If-None-Exist) are not taken", "PUT the resource under its own id.");
      }
      const std::string_view encoding = request.headers.get("Content-Encoding");
      if (encoding.empty() || encoding == "identity") return (this->*handler)(request, request.body);
      if (encoding != "gzip" && encoding != "x-gzip") {
        return refuse(415, "content-encoding", "this Content-Encoding is not taken", "Send the body plain or with Content-Encoding: gzip.");
      }
      const auto expanded = net::gzipDecompress(request.body, options_.body_bytes);
      if (expanded) return (this->*handler)(request, *expanded);
      if (expanded.error().code == ErrorCode::kLimit) {
        return refuse(413, "body-too-large", "the body expands to more than " + std::to_string(options_.body_bytes) + " bytes", "Send it in parts.");
      }
      return refuse(400, "gzip-damaged", "the body is no whole gzip stream, though Content-Encoding says so", "Send it again.");
    };
  };
  router.add(Method::kPost, base, guarded(&PushReceiver::receive));
  router.add(Method::kPost, base + "/$process-message", guarded(&PushReceiver::receive));
  router.add(Method::kPost, base + "/{type}", guarded(&PushReceiver::receiveOne));
  router.add(Method::kPut, base + "/{type}/{id}", guarded(&PushReceiver::receiveOne));
  router.add(Method::kDelete, base + "/{type}/{id}", guarded(&PushReceiver::remove));
  router.add(Method::kGet, base + "/metadata", [](const ServerRequest&) {
    ServerResponse response;
    response.headers.add("Content-Type", "application/fhir+json; charset=utf-8");
    response.body =
        R"({"resourceType":"CapabilityStatement","status":"active","kind":"instance","fhirVersion":"4.0.1",)"
        R"("format":["application/fhir+json","application/fhir+xml","application/fhir+ndjson"],"software":{"name":"Tributary"},)"
        R"("rest":[{"mode":"server","interaction":[{"code":"transaction"},{"code":"batch"}]}]})";
    return response;
  });
}

bool PushReceiver::authorised(const ServerRequest& request) const {
  if (options_.token.empty()) return isLoopback(request.peer_address);
  const std::string_view header = request.headers.get("Authorization");
  return header.starts_with("Bearer ") && constantTimeEqual(header.substr(7), options_.token);
}

void PushReceiver::take(Intake& intake, const ServerRequest& request, std::string_view body) const {
  const std::string where = "push from " + request.peer_address;
  if (formOf(request) == Form::kXml) intake.addXml(body, where);
  else intake.add(body, where);
}

ServerResponse PushReceiver::receive(const ServerRequest& request, std::string_view body) {
  Intake intake(context_, options_.name);
  const Form form = formOf(request);
  if (form == Form::kOther) return unknownForm();
  if (body.empty()) return refuse(400, "empty-body", "the request has no body", "Send a FHIR resource, a Bundle or NDJSON.");
  if (form == Form::kNdjson) {
    const std::string where = "push from " + request.peer_address;
    std::uint64_t line = 0;
    std::string_view rest = body;
    if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view text = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++line;
      while (!text.empty() && (text.back() == '\r' || text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
      if (!text.empty()) intake.add(text, where, line);
    }
    return finish(intake, false, false, "");
  }
  std::string bundle_type;
  take(intake, request, body);
  const fhir::Document* document = intake.document();
  if (document != nullptr && document->resourceType() == "Bundle") {
    if (const fhir::NodeIndex type = document->member(0, "type"); type != fhir::kNoNode) bundle_type = document->scalar(type);
  }
  return finish(intake, bundle_type == "transaction", bundle_type.empty(), bundle_type);
}

ServerResponse PushReceiver::receiveOne(const ServerRequest& request, std::string_view body) {
  Intake intake(context_, options_.name);
  if (const Form form = formOf(request); form == Form::kOther || form == Form::kNdjson) return unknownForm();
  take(intake, request, body);
  const std::string_view type = request.parameter("type"), id = request.parameter("id");
  const std::string wanted = std::string(type) + "/" + std::string(id);
  if (intake.keys().size() == 1 && !intake.keys()[0].empty()) {
    const std::string& key = intake.keys()[0];
    if (id.empty() ? !key.starts_with(std::string(type) + "/") : key != wanted) {
      return refuse(400, "url-mismatch", "the resource is not the one that the URL names", "Type and id in URL and body must agree.");
    }
  }
  return finish(intake, false, true, "");
}

ServerResponse PushReceiver::remove(const ServerRequest& request, std::string_view) {
  const std::string_view type = request.parameter("type"), id = request.parameter("id");
  const terminology::TypeId known = context_.definitions->findType(type);
  if (known == terminology::kNoType || context_.definitions->typeKind(known) != terminology::TypeKind::kResource) {
    return refuse(400, "unknown-resource-type", "FHIR R4 has no resource of this type", "Check the spelling of the type in the URL.");
  }
  if (!isResourceId(id)) return refuse(400, "invalid-id", "the id in the URL is not a FHIR id", "An id has 1 to 64 letters, digits, '-' and '.'.");
  Intake intake(context_, options_.name);
  // Without a time: the sender says that it is deleted now, and our clock is not the one that its meta was written by.
  intake.addDelete(type, id, {});
  ServerResponse response = finish(intake, false, true, "");
  if (response.status == 201) response.status = 200;
  return response;
}

ServerResponse PushReceiver::finish(Intake& intake, bool transaction, bool single, const std::string& bundle_type) {
  const std::vector<Issue> issues(intake.issues().begin(), intake.issues().end());
  const std::vector<std::string> keys = intake.keys();
  if (transaction && !issues.empty()) {
    intake.clear();
    return outcome(400, issues);
  }
  FAULT_POINT("ingest.push.before_journal");
  const auto counts = intake.commit();
  FAULT_POINT("ingest.push.after_journal");
  if (!counts) {
    board_.update([&](SourceStatus& status) {
      status.healthy = false;
      status.last_error = counts.error().text;
    });
    ServerResponse response = refuse(503, "journal-unavailable", "the gateway cannot store this now; nothing was taken", "Send it again later.");
    response.headers.add("Retry-After", "30");
    return response;
  }
  board_.update([&](SourceStatus& status) {
    status.healthy = true;
    status.last_error.clear();
    status.last_progress = clock_.now();
    status.counts.add(*counts);
  });
  if (single) {
    if (!issues.empty()) return outcome(400, issues);
    ServerResponse response = refuse(counts->stored > 0 ? 201 : 200, "journalled", "taken");
    // What changes nothing is said to change nothing: a sender who meant otherwise must look at its meta.
    const char* const what = counts->stored > 0       ? "the journal has it"
                             : counts->stale > 0      ? "older (by its meta) than what is held: kept in the journal, but what is held stays as it is"
                             : counts->duplicates > 0 ? "this version is known already: what is held stays as it is"
                                                      : "there is nothing in it to take";
    const Issue taken{Severity::kInformation, "journalled", {}, Issue::kNoOffset, 0, 0, what, {}};
    response.body = operationOutcome({&taken, 1});
    if (keys.size() == 1) response.headers.add("Location", options_.base_path + "/" + keys[0]);
    return response;
  }
  if (bundle_type == "transaction" || bundle_type == "batch") {
    // FHIR R4 3.1.0.11.1: one answer an entry, in the order of the request.
    std::string body = R"({"resourceType":"Bundle","type":")" + bundle_type + R"(-response","entry":[)";
    std::size_t bad = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) body += ',';
      if (keys[i].empty()) {
        body += R"({"response":{"status":"400 Bad Request","outcome":)" + operationOutcome({&issues[bad++], 1}) + "}}";
      } else {
        body += R"({"response":{"status":"201 Created","location":")" + keys[i] + R"("}})";
      }
    }
    body += "]}";
    ServerResponse response;
    response.headers.add("Content-Type", "application/fhir+json; charset=utf-8");
    response.body = std::move(body);
    return response;
  }
  std::vector<Issue> told = issues;
  told.push_back({Severity::kInformation, "journalled", {}, Issue::kNoOffset, 0, 0,
                  std::to_string(counts->stored) + " stored, " + std::to_string(counts->duplicates) + " known already, " +
                      std::to_string(counts->stale) + " older than what is held, " +
                      std::to_string(counts->rejected + counts->rejected_again) + " rejected",
                  {}});
  return outcome(200, told);
}

}  // namespace tributary::ingest
