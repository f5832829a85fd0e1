#include "cli/fhirpath_prompt.h"

#include <histedit.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "cli/resource_input.h"
#include "fhir/json_reader.h"
#include "fhir/json_writer.h"

namespace tributary::cli {
namespace {

using terminology::Definitions;
using terminology::TypeId;

bool wordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where the path that ends at `end` begins: "name.where(use = 'x')" in "1 + name.where(use = 'x')".
std::size_t pathBegin(std::string_view line, std::size_t end) {
  int depth = 0;
  bool quoted = false;
  std::size_t i = end;
  while (i > 0) {
    const char c = line[i - 1];
    if (c == '\'') quoted = !quoted;
    if (!quoted) {
      if (c == ')' || c == ']') {
        ++depth;
      } else if (c == '(' || c == '[') {
        if (--depth < 0) break;
      } else if (depth == 0 && !wordCharacter(c) && c != '.' && c != '\'' && c != '%' && c != '$') {
        break;
      }
    }
    --i;
  }
  return i;
}

// Types of the elements that the path before the last word gives. The innermost open function with a
// criterion has the input of that function as its focus.
std::vector<TypeId> focusTypes(std::string_view line, std::size_t end, const Definitions& definitions,
                               const std::string& type, unsigned depth = 0) {
  if (depth > 8) return {};
  const std::size_t begin = pathBegin(line, end);
  std::string path(line.substr(begin, end - begin));
  if (path.ends_with('.')) path.pop_back();
  std::string context = type;
  if (begin > 0 && line[begin - 1] == '(') {
    std::size_t name = begin - 1;
    while (name > 0 && wordCharacter(line[name - 1])) --name;
    if (name > 0 && line[name - 1] == '.') {
      const auto outer = focusTypes(line, name, definitions, type, depth + 1);
      context = outer.size() == 1 ? std::string(definitions.typeName(outer[0])) : std::string{};
    }
  }
  if (path.empty()) {
    const TypeId id = definitions.findType(context);
    return id == terminology::kNoType ? std::vector<TypeId>{} : std::vector<TypeId>{id};
  }
  fhirpath::CompileOptions options;
  options.definitions = &definitions;
  options.context_type = context;
  auto program = fhirpath::compile(path, options);
  return program ? (*program)->resultType().types : std::vector<TypeId>{};
}

std::string historyFile() {
  namespace fs = std::filesystem;
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  fs::path folder;
  if (state != nullptr && *state != '\0')
    folder = fs::path(state) / "tributary";
  else if (home != nullptr && *home != '\0')
    folder = fs::path(home) / ".local" / "state" / "tributary";
  else
    return {};
  std::error_code error;
  fs::create_directories(folder, error);
  return error ? std::string{} : (folder / "fhirpath_history").string();
}

constexpr const char* kHelp =
    "An expression, or\n"
    "  :load FILE    evaluate on this file\n"
    "  :type TYPE    check against this type (nothing: that of each resource)\n"
    "  :trace        show each step, or no longer\n"
    "  :types        show each value's type, or no longer\n"
    "  :strict       strict checking, or no longer\n"
    "  :show         print the resources\n"
    "  :quit         leave (or Ctrl-D)\n"
    "Tab completes names of elements and functions.\n";

volatile std::sig_atomic_t interrupted = 0;

class Prompt {
 public:
  Prompt(FhirpathSession& session, std::shared_ptr<const Definitions> definitions)
      : session_(session), definitions_(std::move(definitions)) {}

  void run() {
    if (!session_.options().files.empty()) load(session_.options().files);
    start();
    std::fprintf(stderr, "FHIRPath. :help says what else can be typed; Tab completes.\n");
    int count = 0;
    while (true) {
      interrupted = 0;
      const char* line = ::el_gets(edit_, &count);
      if (line == nullptr && interrupted != 0) {  // Ctrl-C gives the line up, not the prompt
        std::fputs("^C\n", stdout);
        ::el_reset(edit_);
        continue;
      }
      if (line == nullptr) break;
      std::string text(line, static_cast<std::size_t>(std::max(count, 0)));
      while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.pop_back();
      if (text.empty()) continue;
      HistEvent event{};
      ::history(history_, &event, H_ENTER, line);
      if (text == ":quit" || text == ":q") break;
      if (text[0] == ':')
        command(text);
      else
        evaluate(text);
      std::fflush(stdout);
    }
    stop();
  }

 private:
  struct Loaded {
    std::unique_ptr<std::string> text;
    fhir::Document document;
    std::string where;
  };

  void start() {
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGINT, &action, &outer_action_);
    edit_ = ::el_init("tributary", stdin, stdout, stderr);
    history_ = ::history_init();
    HistEvent event{};
    ::history(history_, &event, H_SETSIZE, 1000);
    ::history(history_, &event, H_SETUNIQUE, 1);
    file_ = historyFile();
    if (!file_.empty()) ::history(history_, &event, H_LOAD, file_.c_str());
    ::el_set(edit_, EL_CLIENTDATA, this);
    ::el_set(edit_, EL_PROMPT, &Prompt::prompt);
    ::el_set(edit_, EL_SIGNAL, 1);
    ::el_set(edit_, EL_EDITOR, "emacs");
    ::el_set(edit_, EL_HIST, ::history, history_);
    ::el_set(edit_, EL_ADDFN, "complete", "complete a name", &Prompt::complete);
    ::el_set(edit_, EL_BIND, "^I", "complete", nullptr);
    ::el_set(edit_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }

  void stop() {
    HistEvent event{};
    if (!file_.empty()) {
      ::history(history_, &event, H_SAVE, file_.c_str());
      ::chmod(file_.c_str(), S_IRUSR | S_IWUSR);  // expressions may name patients
    }
    ::history_end(history_);
    ::el_end(edit_);
    ::sigaction(SIGINT, &outer_action_, nullptr);
  }

  // libedit takes no const.
  static char* prompt(EditLine*) {
    static char text[] = "fhirpath> ";
    return text;
  }

  static unsigned char complete(EditLine* edit, int) {
    void* data = nullptr;
    ::el_get(edit, EL_CLIENTDATA, &data);
    return static_cast<Prompt*>(data)->completeLine();
  }

  unsigned char completeLine() {
    const LineInfo* info = ::el_line(edit_);
    const std::string line(info->buffer, info->cursor);
    std::string_view word;
    const auto found = completions(line, *definitions_, focusType(), word);
    if (found.empty()) return CC_REFRESH_BEEP;
    std::string common = found.front();
    for (const std::string& candidate : found) {
      const auto differs = std::ranges::mismatch(common, candidate).in1;
      common.erase(differs, common.end());
    }
    if (common.size() > word.size()) {
      ::el_insertstr(edit_, common.substr(word.size()).c_str());
      return CC_REFRESH;
    }
    if (found.size() == 1) return CC_REFRESH;
    std::string out = "\n";
    for (const std::string& candidate : found) out += candidate + "  ";
    std::fprintf(stdout, "%s\n", out.c_str());
    return CC_REDISPLAY;
  }

  std::string_view focusType() const {
    if (!session_.options().type.empty()) return session_.options().type;
    return loaded_.empty() ? std::string_view{} : loaded_.front()->document.resourceType();
  }

  void load(const std::vector<std::string>& files) {
    constexpr std::size_t kMost = 1000;
    loaded_.clear();
    const LimitOptions& limits = session_.options().limits;
    ResourceInput input(files, definitions_, limits.line, limits.file);
    auto result = input.run(
        [&](const InputResource& resource) {
          auto item = std::make_unique<Loaded>();
          item->where = std::string(resource.file) + ':' + std::to_string(resource.line);
          item->text = std::make_unique<std::string>(fhir::toJson(*resource.document));
          if (!fhir::JsonReader().read(*item->text, item->document, {.limits = limits.file})) return true;
          loaded_.push_back(std::move(item));
          return loaded_.size() < kMost;
        },
        [&](std::string_view file, const Issue& issue) { printIssue(file, limits.advised(issue)); });
    if (!result) std::fprintf(stderr, "%s\n", result.error().text.c_str());
    std::fprintf(stderr, "%zu resource%s loaded%s\n", loaded_.size(), loaded_.size() == 1 ? "" : "s",
                 loaded_.size() == kMost ? " (no more are taken)" : "");
  }

  void command(const std::string& text) {
    FhirpathOptions& options = session_.options();
    const std::size_t space = text.find(' ');
    const std::string name = text.substr(0, space);
    const std::string argument = space == std::string::npos ? std::string{} : text.substr(space + 1);
    if (name == ":load") {
      load({argument});
    } else if (name == ":type") {
      options.type = argument;
    } else if (name == ":trace") {
      std::fprintf(stderr, "each step is %s\n", (options.trace = !options.trace) ? "shown" : "not shown");
    } else if (name == ":types") {
      std::fprintf(stderr, "types are %s\n", (options.types = !options.types) ? "shown" : "not shown");
    } else if (name == ":strict") {
      std::fprintf(stderr, "strict checking is %s\n", (options.strict = !options.strict) ? "on" : "off");
    } else if (name == ":show") {
      for (const auto& item : loaded_) std::printf("%s\n", fhir::toJson(item->document, 0, 2).c_str());
    } else {
      if (name != ":help") std::fprintf(stderr, "there is no command '%s'\n", name.c_str());
      std::fputs(kHelp, stderr);
    }
  }

  void evaluate(const std::string& text) {
    if (loaded_.empty()) {
      if (const auto* program = session_.compile(text, session_.options().type)) {
        session_.evaluate(*program, fhirpath::Value::boolean(false), "expression", "");
      }
      return;
    }
    for (const auto& item : loaded_) {
      if (interrupted != 0) return;
      const std::string_view type =
          session_.options().type.empty() ? item->document.resourceType() : session_.options().type;
      const auto* program = session_.compile(text, type);
      if (program == nullptr) return;
      const std::string prefix =
          loaded_.size() > 1 && session_.options().source ? item->where + '\t' : std::string{};
      session_.evaluate(*program, session_.evaluator().root(item->document), item->where, prefix);
    }
  }

  FhirpathSession& session_;
  std::shared_ptr<const Definitions> definitions_;
  std::vector<std::unique_ptr<Loaded>> loaded_;
  EditLine* edit_ = nullptr;
  ::History* history_ = nullptr;
  std::string file_;
  struct sigaction outer_action_{};
};

}  // namespace

std::vector<std::string> completions(std::string_view line, const Definitions& definitions,
                                     std::string_view type, std::string_view& word) {
  std::size_t begin = line.size();
  while (begin > 0 && wordCharacter(line[begin - 1])) --begin;
  word = line.substr(begin);
  std::set<std::string> found;
  for (const TypeId focus : focusTypes(line, begin, definitions, std::string(type))) {
    for (const terminology::Element& element : definitions.elements(focus)) {
      const std::string_view name =
          element.choice != fhir::kNoName ? fhir::nameText(element.choice) : definitions.elementName(element);
      if (name.starts_with(word)) found.emplace(name);
    }
  }
  if (begin > 0 && line[begin - 1] == '.' && !word.empty()) {
    for (const std::string_view signature : fhirpath::functionSignatures(false)) {
      // Up to the bracket; closed where there is nothing to put in.
      const std::size_t bracket = signature.find('(') + 1;
      if (signature.starts_with(word))
        found.emplace(signature.substr(0, signature[bracket] == ')' ? bracket + 1 : bracket));
    }
  }
  return {found.begin(), found.end()};
}

void runFhirpathPrompt(FhirpathSession& session, const std::shared_ptr<const Definitions>& definitions) {
  Prompt(session, definitions).run();
}

}  // namespace tributary::cli
