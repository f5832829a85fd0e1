#include "deliver/mesh/mesh_config.h"

#include <algorithm>

#include "net/url.h"

namespace tributary::deliver {
namespace {

// Mailbox and workflow ids go into headers and paths.
bool isId(const std::string& text, std::size_t limit) {
  return !text.empty() && text.size() <= limit &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::vector<MeshOptionFault> completeMeshOptions(MeshOptions& options) {
  std::vector<MeshOptionFault> faults;
  const auto wrong = [&](bool is, const char* option, std::string text) {
    if (is) faults.push_back({option, std::move(text)});
  };
  if (const auto url = net::Url::parse(options.url); !url) {
    wrong(true, "url", url.error().text);
  } else {
    wrong(url->path != "/" || url->has_query, "url", "must be an address without a path");
    wrong(url->scheme == "http" && !options.allow_http, "url", "must be https");
    options.url = url->origin();
  }
  std::transform(options.mailbox.begin(), options.mailbox.end(), options.mailbox.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; });
  wrong(!isId(options.mailbox, 100) || options.mailbox.find(':') != std::string::npos, "mailbox", "is missing or malformed");
  wrong(options.password.reveal().empty(), "password", "is missing");
  wrong(options.shared_key.reveal().empty(), "shared_key", "is missing");
  wrong(!isId(options.recipient, 100) || options.recipient.starts_with("http"), "recipient", "is missing or malformed");
  wrong(!isId(options.workflow, 296), "workflow", "is missing or malformed");
  if (options.ack_workflow.empty()) options.ack_workflow = options.workflow + "_ACK";
  wrong(!isId(options.ack_workflow, 300), "ack_workflow", "is malformed");
  wrong(options.tls.certificate_file.empty() != options.tls.key_file.empty(), "certificate_file", "and key_file go together");
  wrong(options.chunk_bytes == 0 || options.chunk_bytes > 100'000'000, "chunk_bytes", "must be 1 to 100 MB");
  wrong(options.page_size < 10 || options.page_size > 5000, "page_size", "must be 10 to 5000");
  wrong(options.messages_per_poll == 0, "messages_per_poll", "must not be 0");
  options.chunk_attempts = std::max(1U, options.chunk_attempts);
  return faults;
}

Result<void> checkMeshOptions(MeshOptions& options) {
  std::string text;
  for (const MeshOptionFault& fault : completeMeshOptions(options)) text += (text.empty() ? "mesh: " : "; ") + std::string(fault.option) + " " + fault.text;
  if (!text.empty()) return fail(ErrorCode::kInvalidArgument, text);
  return {};
}

}  // namespace tributary::deliver
