#include "deliver/mesh/mesh_config.h"

#include <algorithm>

#include "net/url.h"

namespace tributary::deliver {
namespace {

std::unexpected<Error> invalid(const std::string& text) {
  return fail(ErrorCode::kInvalidArgument, "mesh: " + text);
}

// Mailbox and workflow ids go into headers and paths.
bool isId(const std::string& text, std::size_t limit) {
  return !text.empty() && text.size() <= limit &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

Result<void> checkMeshOptions(MeshOptions& options) {
  auto url = net::Url::parse(options.url);
  if (!url) return invalid("url: " + url.error().text);
  if (url->path != "/" || url->has_query) return invalid("url must be an address without a path");
  if (url->scheme == "http" && !options.allow_http) return invalid("url must be https");
  options.url = url->origin();
  std::transform(options.mailbox.begin(), options.mailbox.end(), options.mailbox.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; });
  if (!isId(options.mailbox, 100) || options.mailbox.find(':') != std::string::npos)
    return invalid("mailbox is missing or malformed");
  if (options.password.reveal().empty()) return invalid("password is missing");
  if (options.shared_key.reveal().empty()) return invalid("shared_key is missing");
  if (!isId(options.recipient, 100) || options.recipient.starts_with("http"))
    return invalid("recipient is missing or malformed");
  if (!isId(options.workflow, 296)) return invalid("workflow is missing or malformed");
  if (options.ack_workflow.empty()) options.ack_workflow = options.workflow + "_ACK";
  if (!isId(options.ack_workflow, 300)) return invalid("ack_workflow is malformed");
  if (options.tls.certificate_file.empty() != options.tls.key_file.empty()) {
    return invalid("a client certificate and its key go together");
  }
  if (options.chunk_bytes == 0 || options.chunk_bytes > 100'000'000)
    return invalid("chunk_bytes must be 1 to 100 MB");
  if (options.page_size < 10 || options.page_size > 5000) return invalid("page_size must be 10 to 5000");
  if (options.messages_per_poll == 0) return invalid("messages_per_poll must not be 0");
  options.chunk_attempts = std::max(1U, options.chunk_attempts);
  return {};
}

}  // namespace tributary::deliver
