#include "ingest/compartment.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "fhir/json_reader.h"

namespace tributary::ingest {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;
using terminology::Definitions;

// Member names from the resource to a Reference, such as participant, actor.
using MemberPath = std::vector<fhir::NameId>;

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

bool isIdCharacter(char c) {  // FHIR R4 id: [A-Za-z0-9\-\.]{1,64}
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

bool isTypeName(std::string_view text) {
  return text.size() > 2 && text[0] >= 'A' && text[0] <= 'Z' &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

// The member paths of a search parameter's expression that start at `type`: "Task.for.where(resolve() is Patient)"
// gives {for}. Parts that are more than a path (functions other than where, as) are passed over.
std::vector<MemberPath> pathsOf(std::string_view expression, std::string_view type) {
  std::vector<MemberPath> found;
  while (!expression.empty()) {
    const std::size_t bar = expression.find('|');
    std::string_view part = expression.substr(0, bar);
    expression = bar == std::string_view::npos ? std::string_view{} : expression.substr(bar + 1);
    while (!part.empty() && (part.front() == ' ' || part.front() == '(')) part.remove_prefix(1);
    if (!part.starts_with(type) || part.size() <= type.size() || part[type.size()] != '.') continue;
    part.remove_prefix(type.size() + 1);
    MemberPath path;
    while (!part.empty()) {
      const auto stop = std::find_if_not(part.begin(), part.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      });
      const std::string_view name(part.begin(), stop);
      if (name == "where" || name == "as" || name.empty()) break;
      const fhir::NameId id = fhir::findName(name);
      if (id == fhir::kNoName) {
        path.clear();
        break;
      }
      path.push_back(id);
      part.remove_prefix(name.size());
      if (part.empty() || part.front() != '.') break;
      part.remove_prefix(1);
    }
    if (!path.empty() && std::find(found.begin(), found.end(), path) == found.end()) found.push_back(std::move(path));
  }
  return found;
}

struct TypeRule {
  std::vector<MemberPath> paths;  // to the owner, in order of preference
};

class Index final : public CompartmentIndex {
 public:
  Index(std::string owner, StringMap<TypeRule> rules, std::span<const ProviderSubject> provider)
      : owner_prefix_(owner + "/"),
        owner_(std::move(owner)),
        reference_(fhir::findName("reference")),
        rules_(std::move(rules)) {
    for (const ProviderSubject& one : provider) {
      provider_.emplace(one.type, one.with.empty() ? fhir::kNoName : fhir::findName(one.with));
    }
  }

  bool inCompartment(std::string_view type) const override { return type == owner_ || rules_.contains(type); }

  Placement place(const Document& document, NodeIndex resource, std::string_view type, std::string_view id) const override {
    Placement placement;
    std::string own = std::string(type) + "/" + std::string(id);
    const auto rule = rules_.find(type);
    if (type == owner_) {
      placement.subject = own;
    } else if (rule != rules_.end()) {
      for (const MemberPath& path : rule->second.paths) {
        if (findOwner(document, resource, path, 0, placement.subject)) break;
      }
      // Teams and lists without an owner are shared; what can only make sense for one is its own subject.
      if (placement.subject.empty() && !mayBeShared(type)) placement.subject = own;
    }
    if (const auto provider = provider_.find(type);
        provider != provider_.end() && (placement.subject.empty() || placement.subject == own) && type != owner_) {
      placement.subject = providerSubject(document, resource, provider->second, own);
      placement.shared = rule == rules_.end() || mayBeShared(type);
    }
    collectReferences(document, resource, placement, own);
    return placement;
  }

 private:
  static bool mayBeShared(std::string_view type) {
    static constexpr std::string_view kShared[] = {"AuditEvent", "Basic", "CareTeam", "Group",      "List",
                                                   "Person",     "Provenance", "Schedule", "DetectedIssue"};
    return std::find(std::begin(kShared), std::end(kShared), type) != std::end(kShared);
  }

  std::string providerSubject(const Document& document, NodeIndex resource, fhir::NameId with, const std::string& own) const {
    if (with == fhir::kNoName) return own;
    const NodeIndex element = document.member(resource, with);
    if (element == kNoNode) return own;
    const NodeIndex end = document[element].next;
    for (NodeIndex i = element; i < end; ++i) {
      if (document[i].name != reference_ || document[i].kind != Kind::kString) continue;
      const std::string_view key = referenceKey(document.scalar(i));
      if (const auto found = provider_.find(key.substr(0, key.find('/'))); found != provider_.end() && found->second == fhir::kNoName)
        return std::string(key);
    }
    return own;
  }

  bool findOwner(const Document& document, NodeIndex node, const MemberPath& path, std::size_t at, std::string& out) const {
    if (document[node].kind == Kind::kArray) {
      for (NodeIndex item = node + 1; item < document[node].next; item = document[item].next) {
        if (findOwner(document, item, path, at, out)) return true;
      }
      return false;
    }
    if (document[node].kind != Kind::kObject) return false;
    if (at < path.size()) {
      const NodeIndex child = document.member(node, path[at]);
      return child != kNoNode && findOwner(document, child, path, at + 1, out);
    }
    const NodeIndex text = document.member(node, reference_);
    if (text == kNoNode || document[text].kind != Kind::kString) return false;
    const std::string_view key = referenceKey(document.scalar(text));
    if (!key.starts_with(owner_prefix_)) return false;
    out = key;
    return true;
  }

  // Everything it points to but its own compartment's resources: those are loaded with the subject in any case. (Of a
  // shared resource these too, for others who come to it from outside.)
  void collectReferences(const Document& document, NodeIndex resource, Placement& placement, std::string_view own) const {
    const NodeIndex end = document[resource].next;
    for (NodeIndex i = resource + 1; i < end; ++i) {
      if (document[i].name != reference_ || document[i].kind != Kind::kString) continue;
      const std::string_view key = referenceKey(document.scalar(i));
      if (key.empty() || key == own || (key == placement.subject && !placement.shared)) continue;
      const std::string_view type = key.substr(0, key.find('/'));
      if (inCompartment(type) && !mayBeShared(type)) continue;
      if (std::find(placement.references.begin(), placement.references.end(), key) == placement.references.end()) {
        placement.references.emplace_back(key);
      }
    }
  }

  std::string owner_prefix_, owner_;
  fhir::NameId reference_;
  StringMap<TypeRule> rules_;
  StringMap<fhir::NameId> provider_;  // type → element that names what it belongs to; kNoName: itself
};

std::string_view textMember(const Document& document, NodeIndex object, std::string_view name) {
  const NodeIndex node = document.member(object, name);
  return node != kNoNode && document[node].kind == Kind::kString ? document.scalar(node) : std::string_view{};
}

template <class Visit>
void eachItem(const Document& document, NodeIndex object, std::string_view name, Visit visit) {
  const NodeIndex array = document.member(object, name);
  if (array == kNoNode || document[array].kind != Kind::kArray) return;
  for (NodeIndex item = array + 1; item < document[array].next; item = document[item].next) visit(item);
}

}  // namespace

std::string_view referenceKey(std::string_view reference) {
  if (const std::size_t history = reference.find("/_history/"); history != std::string_view::npos) {
    reference = reference.substr(0, history);
  }
  const std::size_t slash = reference.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return {};
  const std::string_view id = reference.substr(slash + 1);
  if (id.empty() || id.size() > 64 || !std::all_of(id.begin(), id.end(), isIdCharacter)) return {};
  const std::size_t before = reference.rfind('/', slash - 1);
  const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
  if (start != 0 && !reference.starts_with("http://") && !reference.starts_with("https://")) return {};
  if (!isTypeName(reference.substr(start, slash - start))) return {};
  return reference.substr(start);
}

Result<std::shared_ptr<const CompartmentIndex>> CompartmentIndex::load(const Definitions& definitions, std::string_view owner,
                                                                       std::span<const ProviderSubject> provider) {
  fhir::JsonReader reader;
  Document document;
  std::string lower(owner);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });

  // Which types belong to it, and by which search parameters.
  std::unordered_map<std::string, std::vector<std::string>> wanted;
  bool known = false;
  for (const std::string_view url : definitions.canonicals("CompartmentDefinition")) {
    if (!reader.read(definitions.resource(url), document) || textMember(document, 0, "code") != owner) continue;
    known = true;
    eachItem(document, 0, "resource", [&](NodeIndex item) {
      std::vector<std::string> parameters;
      const NodeIndex list = document.member(item, "param");
      if (list == kNoNode) return;
      for (NodeIndex p = list + 1; p < document[list].next; p = document[p].next) parameters.emplace_back(document.scalar(p));
      wanted[std::string(textMember(document, item, "code"))] = std::move(parameters);
    });
  }
  if (!known) {
    return fail(ErrorCode::kNotFound, "the definitions hold no CompartmentDefinition for " + std::string(owner) +
                                          "; were the R4 packages compiled? (deploy/install)");
  }

  // A type outside the compartment that has the search parameter "patient" or "subject" (Task) belongs to it as well.
  StringMap<TypeRule> rules;
  for (const std::string_view url : definitions.canonicals("SearchParameter")) {
    const std::string_view json = definitions.resource(url);
    if (json.find("\"reference\"") == std::string_view::npos || !reader.read(json, document)) continue;
    if (textMember(document, 0, "type") != "reference") continue;
    const std::string_view code = textMember(document, 0, "code");
    const std::string_view expression = textMember(document, 0, "expression");
    eachItem(document, 0, "base", [&](NodeIndex base) {
      const std::string type(document.scalar(base));
      if (type == owner) return;
      const auto listed = wanted.find(type);
      const bool by_compartment =
          listed != wanted.end() && std::find(listed->second.begin(), listed->second.end(), code) != listed->second.end();
      if (!by_compartment && code != lower && code != "subject") return;
      if (type == "Group" || type == "Library") return;  // a group's members are not its owner
      auto paths = pathsOf(expression, type);
      if (paths.empty()) return;
      auto& rule = rules[type].paths;
      // The parameter named after the owner first: it is the one that means "whose record is this".
      const bool first = code == lower || code == "subject";
      for (auto& path : paths) {
        if (std::find(rule.begin(), rule.end(), path) != rule.end()) continue;
        rule.insert(first ? rule.begin() : rule.end(), std::move(path));
      }
    });
  }
  return std::shared_ptr<const CompartmentIndex>(std::make_shared<Index>(std::string(owner), std::move(rules), provider));
}

}  // namespace tributary::ingest
