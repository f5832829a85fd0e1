// resolve() (FHIR R4, FHIRPath: "Additional functions"; Bundle: "Resolving references in Bundles") and the
// keys of SQL-on-FHIR.
#include <array>

#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

namespace {

// The resources around a node, outermost first: Bundle, entry resource, contained resource.
struct Enclosing {
  std::array<NodeIndex, 8> resources{};
  std::array<NodeIndex, 8> entries{};  // the Bundle.entry that holds it, or kNoNode
  std::size_t count = 0;
};

Enclosing enclosing(const fhir::Document& document, NodeIndex target) {
  Enclosing out;
  NodeIndex at = document.root(), entry = kNoNode;
  const auto note = [&](NodeIndex node) {
    if (out.count == out.resources.size()) return;
    out.resources[out.count] = node;
    out.entries[out.count++] = entry;
  };
  if (document[at].kind == Kind::kObject) note(at);
  while (at < target && document[at].kind >= Kind::kArray) {
    NodeIndex child = at + 1;
    while (child < document[at].next && document[child].next <= target) child = document[child].next;
    if (child >= document[at].next) break;
    if (document[at].kind == Kind::kArray && document[at].name == names::kEntry) entry = child;
    at = child;
    if (document[at].kind == Kind::kObject && document.member(at, names::kResourceType) != kNoNode) note(at);
  }
  return out;
}

std::string_view scalarOf(const fhir::Document& document, NodeIndex object, fhir::NameId name) {
  const NodeIndex node = document.member(object, name);
  return node != kNoNode && document[node].kind == Kind::kString ? document.scalar(node) : std::string_view{};
}

constexpr std::string_view kHistory = "/_history/";

// "Patient/1" of "http://server/fhir/Patient/1/_history/2", without the version.
std::string_view withoutVersion(std::string_view reference) {
  if (const auto at = reference.find(kHistory); at != std::string_view::npos)
    reference = reference.substr(0, at);
  return reference;
}

struct TypeAndId {
  std::string_view type, id;
};
TypeAndId split(std::string_view reference) {
  reference = withoutVersion(reference);
  const auto slash = reference.rfind('/');
  if (slash == std::string_view::npos) return {{}, reference};
  const std::string_view id = reference.substr(slash + 1);
  std::string_view type = reference.substr(0, slash);
  if (const auto before = type.rfind('/'); before != std::string_view::npos) type = type.substr(before + 1);
  return {type, id};
}

bool absolute(std::string_view reference) {
  return reference.starts_with("urn:") || reference.find("://") != std::string_view::npos;
}

NodeIndex containedById(const fhir::Document& document, NodeIndex resource, std::string_view id) {
  const NodeIndex contained = document.member(resource, names::kContained);
  if (contained == kNoNode || document[contained].kind != Kind::kArray) return kNoNode;
  for (NodeIndex i = contained + 1; i < document[contained].next; i = document[i].next) {
    if (document[i].kind == Kind::kObject && scalarOf(document, i, names::kId) == id) return i;
  }
  return kNoNode;
}

// In a Bundle: by fullUrl, a relative reference on the base of the entry it stands in; then by type and id.
NodeIndex inBundle(const fhir::Document& document, NodeIndex bundle, NodeIndex from_entry,
                   std::string_view reference, std::uint64_t& steps) {
  const NodeIndex entries = document.member(bundle, names::kEntry);
  if (entries == kNoNode || document[entries].kind != Kind::kArray) return kNoNode;
  const std::string_view plain = withoutVersion(reference);
  // A reference to a version finds that one only, where the resource tells its version.
  const std::string_view version =
      plain.size() < reference.size() ? reference.substr(plain.size() + kHistory.size()) : std::string_view{};
  const auto ofVersion = [&](NodeIndex resource) {
    if (version.empty()) return true;
    const NodeIndex meta = document.member(resource, names::kMeta);
    const std::string_view own = meta != kNoNode && document[meta].kind == Kind::kObject
                                     ? scalarOf(document, meta, names::kVersionId)
                                     : std::string_view{};
    return own.empty() || own == version;
  };
  std::string full;
  if (!absolute(plain) && from_entry != kNoNode && document[from_entry].kind == Kind::kObject) {
    const std::string_view own = scalarOf(document, from_entry, names::kFullUrl);
    // The base: what stands before "/Type/id".
    auto slash = own.rfind('/');
    if (slash != std::string_view::npos && slash > 0) slash = own.rfind('/', slash - 1);
    if (slash != std::string_view::npos && own.find("://") != std::string_view::npos) {
      full = std::string(own.substr(0, slash + 1)) + std::string(plain);
    }
  }
  const TypeAndId wanted = split(plain);
  NodeIndex by_id = kNoNode;
  std::string_view by_id_url;
  bool several = false;
  for (NodeIndex i = entries + 1; i < document[entries].next; i = document[i].next) {
    ++steps;
    if (document[i].kind != Kind::kObject) continue;
    const NodeIndex resource = document.member(i, names::kResource);
    if (resource == kNoNode || document[resource].kind != Kind::kObject) continue;
    const std::string_view url = scalarOf(document, i, names::kFullUrl);
    if (!ofVersion(resource)) continue;
    if (!url.empty() && (url == plain || url == reference || (!full.empty() && url == full))) return resource;
    // Without a base of its own, by type and id; of another server only where no other server has such a one.
    const bool elsewhere = !full.empty() && url.find("://") != std::string_view::npos;
    if (elsewhere || absolute(plain) || wanted.type.empty() ||
        scalarOf(document, resource, names::kResourceType) != wanted.type ||
        scalarOf(document, resource, names::kId) != wanted.id) {
      continue;
    }
    if (by_id == kNoNode) {
      by_id = resource;
      by_id_url = url;
    } else if (url != by_id_url) {
      several = true;
    }
  }
  return several ? kNoNode : by_id;
}

}  // namespace

std::optional<Value> Evaluator::Impl::resolveInside(const Value& from, std::string_view reference) {
  if (!from.isNode() || reference.empty()) return std::nullopt;
  const fhir::Document& document = from.document();
  const Enclosing around = enclosing(document, from.anyIndex());
  NodeIndex found = kNoNode;
  const bool contained = reference.front() == '#';
  for (std::size_t i = around.count; i-- > 0 && found == kNoNode;) {
    if (contained) {
      found = reference.size() > 1 ? containedById(document, around.resources[i], reference.substr(1))
                                   : around.resources[i > 0 ? i - 1 : i];  // "#": what contains this one
    } else if (document.member(around.resources[i], names::kEntry) != kNoNode) {
      NodeIndex entry = kNoNode;
      for (std::size_t k = i + 1; k < around.count && entry == kNoNode; ++k) entry = around.entries[k];
      found = inBundle(document, around.resources[i], entry, reference, steps);
    }
  }
  if (found == kNoNode) return std::nullopt;
  return resourceNode(document, found);
}

std::string_view Evaluator::Impl::targetType(const Value& from, std::string_view reference) const {
  const std::string_view type = reference.starts_with("urn:") || reference.starts_with('#')
                                    ? std::string_view{}
                                    : split(reference).type;
  return type.empty() ? childText(from, names::kType).value_or("") : type;
}

// SQL-on-FHIR: what getResourceKey() gives for the resource that is referred to. A search (Patient?…), a
// contained resource and a canonical have no key; a urn has that of the resource whose Bundle.entry.fullUrl
// it is, and else stands for itself.
void Evaluator::Impl::referenceKey(const Expr& e, const Value& from, std::string_view reference,
                                   Collection& out) {
  if (reference.find_first_of("?#|") != std::string_view::npos) return;
  const bool urn = reference.starts_with("urn:");
  const std::optional<Value> target = urn ? resolveInside(from, reference) : std::nullopt;
  if (!e.type.name.empty()) {
    const std::string_view wanted = e.type.fhir != terminology::kNoType
                                        ? types.definitions()->typeName(e.type.fhir)
                                        : std::string_view(e.type.name);
    const std::string_view type =
        target ? childText(*target, names::kResourceType).value_or("") : targetType(from, reference);
    if (type != wanted) return;
  }
  const std::string_view own = urn ? reference : split(reference).id;
  const std::string_view key = target ? childText(*target, names::kId).value_or(own) : own;
  if (!key.empty()) out.push(Value::string(key));
}

bool Evaluator::Impl::callReferences(const Expr& e, const Frame& /*frame*/, Span input, Collection& out) {
  using enum FunctionId;
  for (const Value& v : input) {
    if (!step(e)) return false;
    if (e.function == kGetResourceKey) {
      if (const auto id = childText(v, names::kId)) out.push(Value::string(*id));
      continue;
    }
    const std::string_view reference = v.isObject() ? childText(v, names::kReference).value_or("") : v.view();
    if (reference.empty()) continue;
    if (e.function == kGetReferenceKey) {
      referenceKey(e, v, reference, out);
      continue;
    }
    if (visits != nullptr) [[unlikely]]
      atom(v, false);
    auto target = resolveInside(v, reference);
    // What is contained is nowhere else.
    if (!target && environment.resolver != nullptr && !(v.isNode() && reference.front() == '#')) {
      target = environment.resolver->resolve(reference, v);
      if (target && target->isNode() && target->type() == terminology::kNoType &&
          target->nodeIndex() != kNoNode) {
        target = resourceNode(target->document(), target->nodeIndex());
      }
    }
    if (target) out.push(*target);
  }
  return true;
}

}  // namespace tributary::fhirpath
