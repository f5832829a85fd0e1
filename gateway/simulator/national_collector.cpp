#include "simulator/national_collector.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/civil_time.h"
#include "base/hash.h"
#include "simulator/caseload.h"
#include "simulator/internal/json_text.h"
#include "simulator/internal/national_rules.h"
#include "simulator/internal/submission_file.h"
#include "simulator/internal/text.h"

namespace tributary::simulator {
namespace {

struct HeldRow {
  std::string row;  // canonical JSON
  std::string submission;
  std::uint64_t copies = 1;  // of a table without a key: rows that are alike are several
};

struct HeldTable {
  std::unordered_map<std::string, HeldRow> rows;  // by key
  std::uint64_t more_copies = 0;                  // beyond the first of each row
  std::unordered_map<std::string, std::uint32_t>
      parents;  // value of the field children refer to -> rows that have it
};

constexpr char kBetween = '\x1F';

// One table of one file while it is checked; cells in the national order.
struct Checked {
  const NationalTable* table = nullptr;
  std::vector<std::vector<std::string>> upserts, deletes;
};

std::string canonical(const NationalTable& table, const std::vector<std::string>& cells) {
  std::string out = "{";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].empty()) continue;
    add(out, out.size() > 1 ? "," : "", '"', table.fields[i].name, "\":", quote(cells[i]));
  }
  out += '}';
  return out;
}

std::string keyOf(const NationalTable& table, const std::vector<std::string>& cells) {
  std::string key;
  if (table.key.empty()) return canonical(table, cells);
  for (const std::size_t i : table.key) key.append(cells[i]).push_back(kBetween);
  return key;
}

// Mandation, form, code lists and NHS numbers. `find(reject, code, field, text)` takes what is wrong.
template <class Find>
void checkCells(const NationalTable& model, const std::vector<std::string>& cells, const Find& find) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const NationalField& f = model.fields[i];
    const std::string& cell = cells[i];
    if (cell.empty()) {
      if (f.mandatory) find(true, "NAT-MANDATORY", f.name, "must not be blank");
      continue;
    }
    if (const auto wrong = checkShape(f, cell); !wrong.empty()) {
      find(true, "NAT-FORMAT", f.name, wrong);
      continue;
    }
    if (f.pilot) find(false, "NAT-PILOT", f.name, "a pilot item that was not asked for");
    if (f.codes != nullptr && !f.codes->contains(cell) &&
        !(f.name == "EthnicCategory" && f.codes->contains(cell.substr(0, 1)))) {
      find(false, "NAT-CODE", f.name, "not a national code");
    }
    if (f.name.starts_with("NHSNumber") && f.shape == CellShape::kDigits && !validNhsNumber(cell)) {
      find(true, "NAT-NHS-NUMBER", f.name, "not a valid NHS number");
    }
  }
}

}  // namespace

// The reporting period that a file speaks of; empty days: of none (a continuous flow).
struct Period {
  std::string start, end;
  bool whole_month = false;  // all of it: its mandatory tables must be there, and what came before comes again

  // Did it last on some day of the period? An empty end: it is still open.
  bool touches(const std::string& from, const std::string& until) const {
    return from <= end && (until.empty() || until >= start);
  }
};

struct NationalCollector::Impl {
  explicit Impl(const Clock& c) : clock(c) {}
  const Clock& clock;
  mutable std::mutex mutex;
  std::map<std::string, HeldTable> held;    // by table code
  std::map<std::string, Verdict> verdicts;  // by submission id, for the second time
  NationalSummary summary;

  bool align(const SubmittedTable& from, Checked& to, std::vector<std::string>& errors) const;
  void checkHeader(const std::vector<Checked>& tables, const std::string& manifest,
                   std::vector<std::string>& errors, Period& period) const;
  static void checkMonth(const std::vector<Checked>& tables, std::vector<std::string>& errors);
  static bool inPeriod(const NationalTable& model, const std::vector<std::string>& cells, const Period& period,
                       std::string_view& field);
  void takeRows(const Checked& t, const std::string& submission, const Period& period, Verdict& v);
  void keep(const NationalTable& model, const std::vector<std::string>& cells, const std::string& submission,
            bool again, HeldTable& mine, TableTally& tally);
  void checkLinks(const Checked& t, Verdict& v);
  void takeDeletes(const Checked& t, Verdict& v);
  void release(HeldTable& table, const NationalTable& model, const std::vector<std::string>& cells) const;
};

NationalCollector::NationalCollector(const Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}
NationalCollector::~NationalCollector() = default;

// Names must agree letter by letter; every column the file leaves out must be one that may be empty.
bool NationalCollector::Impl::align(const SubmittedTable& from, Checked& to,
                                    std::vector<std::string>& errors) const {
  to.table = nationalModel().find(from.name);
  if (to.table == nullptr) {
    errors.push_back("no such table: " + from.name);
    return false;
  }
  std::vector<int> where(from.columns.size());
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < from.columns.size(); ++i) {
    where[i] = to.table->column(from.columns[i]);
    if (where[i] < 0 || !seen.insert(from.columns[i]).second) {
      errors.push_back(from.name + ": no such column, or twice: " + from.columns[i]);
      return false;
    }
  }
  const auto copy = [&](const std::vector<SubmittedRow>& rows, std::vector<std::vector<std::string>>& out) {
    for (const SubmittedRow& row : rows) {
      std::vector<std::string> cells(to.table->fields.size());
      for (std::size_t i = 0; i < row.cells.size(); ++i)
        cells[static_cast<std::size_t>(where[i])] = row.cells[i];
      out.push_back(std::move(cells));
    }
  };
  copy(from.upserts, to.upserts);
  copy(from.deletes, to.deletes);
  return true;
}

void NationalCollector::Impl::checkHeader(const std::vector<Checked>& tables, const std::string& manifest,
                                          std::vector<std::string>& errors, Period& period) const {
  const std::string mode = textOf(manifest, "mode");
  const bool window = mode != "continuous";
  const auto it =
      std::find_if(tables.begin(), tables.end(), [](const Checked& t) { return t.table->code == "CYP000"; });
  if (it == tables.end()) {
    if (window) errors.emplace_back("CYP000: no header");
    return;
  }
  if (it->upserts.size() != 1 || !it->deletes.empty()) {
    errors.emplace_back("CYP000: not exactly one row");
    return;
  }
  const auto& cells = it->upserts[0];
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const NationalField& f = it->table->fields[i];
    if (cells[i].empty()) {
      errors.push_back("CYP000." + f.name + " is blank");
    } else if (const auto wrong = checkShape(f, cells[i]); !wrong.empty() && f.name != "Version") {
      errors.push_back("CYP000." + f.name + ": " + std::string(wrong));
    }
  }
  if (cells[0] != "1.6") errors.emplace_back("CYP000.Version is not 1.6");
  if (cells[3] > cells[4]) errors.emplace_back("CYP000: the period ends before it starts");
  if (window) period = Period{cells[3], cells[4], mode == "month"};
  if (period.whole_month) checkMonth(tables, errors);
}

void NationalCollector::Impl::checkMonth(const std::vector<Checked>& tables, std::vector<std::string>& errors) {
  for (const std::string_view code : {"CYP001", "CYP002"}) {
    const bool there = std::any_of(tables.begin(), tables.end(),
                                   [&](const Checked& t) { return t.table->code == code && !t.upserts.empty(); });
    if (!there) errors.push_back(std::string(code) + ": a mandatory table without a row");
  }
}

// A contact or session on a day of the period; of a whole month also a referral that was open on some day of it.
bool NationalCollector::Impl::inPeriod(const NationalTable& model, const std::vector<std::string>& cells, const Period& period,
                                       std::string_view& field) {
  const auto cell = [&](std::string_view name) { return cells[static_cast<std::size_t>(model.column(name))]; };
  if (period.start.empty()) return true;
  if (model.code == "CYP201") {
    field = "Contact_Date";
    return period.touches(cell(field), cell(field));
  }
  if (!period.whole_month) return true;
  if (model.code == "CYP301") {
    field = "GroupSession_Date";
    return period.touches(cell(field), cell(field));
  }
  if (model.code != "CYP101") return true;
  field = "ReferralRequest_ReceivedDate";
  return period.touches(cell(field), cell("Discharge_Date"));
}

void NationalCollector::Impl::release(HeldTable& table, const NationalTable& model,
                                      const std::vector<std::string>& cells) const {
  if (!model.primary_key) return;
  const auto it = table.parents.find(cells[model.key[0]]);
  if (it != table.parents.end() && --it->second == 0) table.parents.erase(it);
}

void NationalCollector::Impl::takeRows(const Checked& t, const std::string& submission,
                                       const Period& period, Verdict& v) {
  const NationalTable& model = *t.table;
  HeldTable& mine = held[model.code];
  TableTally& tally = summary.tables[model.code];
  std::unordered_map<std::string, int> keys;  // of this file
  std::unordered_map<std::string, std::string> nhs_numbers;
  if (model.primary_key) {
    for (const auto& cells : t.upserts) ++keys[cells[model.key[0]]];
  }
  for (std::size_t n = 0; n < t.upserts.size(); ++n) {
    const auto& cells = t.upserts[n];
    bool rejected = false, warned = false;
    const auto find = [&](bool reject, std::string_view code, std::string_view field, std::string_view text) {
      v.findings.push_back(
          {model.code, n + 1, false, reject, std::string(code), std::string(field), std::string(text)});
      (reject ? rejected : warned) = true;
      ++summary.findings[std::string(code)];
    };
    checkCells(model, cells, find);
    if (model.primary_key && keys[cells[model.key[0]]] > 1 && !cells[model.key[0]].empty()) {
      find(true, "NAT-DUPLICATE", model.fields[model.key[0]].name,
           "more than one row with this key in the file");
    }
    if (!model.parent.empty() && !cells[model.parent_field].empty() &&
        !held[model.parent].parents.contains(cells[model.parent_field])) {
      find(true, "NAT-PARENT", model.fields[model.parent_field].name,
           "no valid parent row in " + model.parent);
    }
    if (model.code == "CYP001" && !cells[3].empty()) {
      const auto [it, fresh] = nhs_numbers.try_emplace(cells[3], cells[0]);
      if (!fresh && it->second != cells[0])
        find(true, "NAT-NHS-TWICE", "NHSNumber", "one NHS number for two patients");
    }
    std::string_view dated;
    if (!rejected && !inPeriod(model, cells, period, dated)) find(true, "NAT-PERIOD", dated, "not in the reporting period");
    ++tally.received;
    ++v.rows;
    if (warned) ++tally.warned;
    if (rejected) {
      ++tally.rejected;
      ++summary.rejected;
      ++v.rejected_rows;
      continue;
    }
    ++tally.accepted;
    ++summary.accepted;
    keep(model, cells, submission, period.whole_month, mine, tally);
  }
}

void NationalCollector::Impl::keep(const NationalTable& model, const std::vector<std::string>& cells,
                                   const std::string& submission, bool again, HeldTable& mine, TableTally& tally) {
  std::string row = canonical(model, cells);
  auto [it, fresh] = mine.rows.try_emplace(keyOf(model, cells));
  if (fresh) {
    if (model.primary_key) ++mine.parents[cells[model.key[0]]];
  } else if (model.key.empty() && model.code != "CYP000" && (it->second.submission == submission || !again)) {
    // Another row that is alike: in one file, or in a flow of changes. (What was sent twice by mistake shows in
    // the count of rows held.) The file of a whole month states its rows anew.
    ++it->second.copies;
    ++mine.more_copies;
    it->second.submission = submission;
    return;
  } else if (it->second.row == row && it->second.submission != submission && model.code != "CYP000" && !again) {
    ++tally.repeated;
    ++summary.repeated;
  }
  mine.more_copies -= it->second.copies - 1;
  it->second = HeldRow{std::move(row), submission};
}

// When the whole file is taken: what a row names may stand in a later table of it.
void NationalCollector::Impl::checkLinks(const Checked& t, Verdict& v) {
  if (t.table->links.empty()) return;
  std::set<std::uint64_t> rejected;
  for (const RowFinding& finding : v.findings) {
    if (finding.table == t.table->code && finding.rejected && !finding.is_delete) rejected.insert(finding.row_number);
  }
  for (std::size_t n = 0; n < t.upserts.size(); ++n) {
    for (const NationalLink& link : t.table->links) {
      const std::string& cell = t.upserts[n][link.field];
      if (cell.empty() || held[link.table].parents.contains(cell) || rejected.contains(n + 1)) continue;
      v.findings.push_back({t.table->code, n + 1, false, false, "NAT-LINK", t.table->fields[link.field].name,
                            "no row of " + link.table + " has it"});
      ++summary.findings["NAT-LINK"];
    }
  }
}

void NationalCollector::Impl::takeDeletes(const Checked& t, Verdict& v) {
  const NationalTable& model = *t.table;
  HeldTable& mine = held[model.code];
  TableTally& tally = summary.tables[model.code];
  for (std::size_t n = 0; n < t.deletes.size(); ++n) {
    ++tally.received;
    ++v.rows;
    const auto it = mine.rows.find(keyOf(model, t.deletes[n]));
    if (it == mine.rows.end()) {
      v.findings.push_back(
          {model.code, n + 1, true, true, "NAT-UNKNOWN-ROW", "", "a delete of a row that is not held"});
      ++summary.findings["NAT-UNKNOWN-ROW"];
      ++tally.rejected;
      ++summary.rejected;
      ++v.rejected_rows;
      continue;
    }
    release(mine, model, t.deletes[n]);
    if (it->second.copies > 1) {
      --it->second.copies;
      --mine.more_copies;
    } else {
      mine.rows.erase(it);
    }
    ++tally.accepted;
    ++tally.deleted;
    ++summary.accepted;
    ++summary.deleted;
  }
}

Verdict NationalCollector::receive(std::string_view content, const std::string& file_name,
                                   const std::string& submission_id) {
  SubmittedFile file = readSubmission(content);
  Verdict v;
  v.submission_id = submission_id;
  const std::string named = textOf(file.manifest, "submissionId");
  if (v.submission_id.empty()) v.submission_id = named;
  if (named != v.submission_id && !file.manifest.empty())
    file.errors.emplace_back("the manifest names another submission");
  const std::lock_guard lock(impl_->mutex);
  ++impl_->summary.submissions;
  if (const auto before = impl_->verdicts.find(v.submission_id); before != impl_->verdicts.end()) {
    ++impl_->summary.duplicate_submissions;
    Verdict again = before->second;
    again.duplicate = true;
    return again;
  }
  v.file_errors = std::move(file.errors);
  std::vector<Checked> tables;
  for (const SubmittedTable& from : file.tables) {
    Checked checked;
    if (impl_->align(from, checked, v.file_errors)) tables.push_back(std::move(checked));
  }
  (void)file_name;
  Period period;
  if (v.file_errors.empty()) impl_->checkHeader(tables, file.manifest, v.file_errors, period);
  v.readable = v.file_errors.empty();
  if (v.readable) {
    ++impl_->summary.files_accepted;
    // Deletes first, children first (a corrected row of a table without a key is a delete and a new row);
    // then parents first.
    const auto& order = nationalModel().tables;
    for (auto model = order.rbegin(); model != order.rend(); ++model) {
      for (const Checked& t : tables) {
        if (t.table == &*model) impl_->takeDeletes(t, v);
      }
    }
    for (const NationalTable& model : order) {
      for (const Checked& t : tables) {
        if (t.table == &model) impl_->takeRows(t, v.submission_id, period, v);
      }
    }
    for (const Checked& t : tables) impl_->checkLinks(t, v);
    impl_->summary.rows += v.rows;
  } else {
    ++impl_->summary.files_rejected;
  }
  impl_->verdicts[v.submission_id] = v;
  return v;
}

NationalSummary NationalCollector::summary() const {
  const std::lock_guard lock(impl_->mutex);
  NationalSummary s = impl_->summary;
  for (auto& [code, tally] : s.tables) {
    const auto it = impl_->held.find(code);
    tally.current = it == impl_->held.end() ? 0 : it->second.rows.size() + it->second.more_copies;
  }
  return s;
}

std::vector<std::string> NationalCollector::rows(const std::string& table) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::string> out;
  const NationalTable* model = nationalModel().find(table);
  if (model == nullptr) return out;
  const auto it = impl_->held.find(model->code);
  if (it == impl_->held.end()) return out;
  for (const auto& [key, row] : it->second.rows) out.insert(out.end(), row.copies, row.row);
  std::sort(out.begin(), out.end());
  return out;
}

std::string summaryJson(const NationalSummary& s) {
  std::string out;
  add(out, R"({"submissions":)", s.submissions, R"(,"filesAccepted":)", s.files_accepted,
      R"(,"filesRejected":)", s.files_rejected, R"(,"duplicateSubmissions":)", s.duplicate_submissions,
      R"(,"rows":)", s.rows, R"(,"accepted":)", s.accepted, R"(,"rejected":)", s.rejected, R"(,"deleted":)",
      s.deleted, R"(,"repeatedRows":)", s.repeated, R"(,"tables":{)");
  bool first = true;
  for (const auto& [code, t] : s.tables) {
    add(out, first ? "" : ",", '"', code, R"(":{"received":)", t.received, R"(,"accepted":)", t.accepted,
        R"(,"rejected":)", t.rejected, R"(,"warned":)", t.warned, R"(,"deleted":)", t.deleted,
        R"(,"repeated":)", t.repeated, R"(,"current":)", t.current, '}');
    first = false;
  }
  out += R"(},"findings":{)";
  first = true;
  for (const auto& [code, n] : s.findings) {
    add(out, first ? "" : ",", '"', code, "\":", n);
    first = false;
  }
  out += "}}";
  return out;
}

namespace {
void ackHead(std::string& out, std::string_view type, const Verdict& v, const std::string& file_name,
             const std::string& message_id, Instant at) {
  add(out, R"({"type":")", type, R"(","system":"national-simulator","version":1,"generatedDate":")",
      formatInstant(at), R"(","provider":"RZZ","filename":)", quote(file_name), R"(,"submissionId":)",
      quote(v.submission_id), R"(,"messageHeaderId":)", quote(message_id));
}
}  // namespace

std::string infAck(const Verdict& v, const std::string& file_name, const std::string& message_id,
                   Instant at) {
  std::string out;
  ackHead(out, "InfAck", v, file_name, message_id, at);
  add(out, R"(,"outcome":")", v.readable ? "accepted" : "rejected", R"(","responseCode":")",
      v.readable ? "20013" : "10001", R"(","responseDisplay":")",
      v.readable ? "Success" : "The file cannot be processed", R"(","diagnostics":[)");
  for (std::size_t i = 0; i < v.file_errors.size(); ++i) {
    add(out, i == 0 ? "" : ",", R"({"code":"NAT-FILE","severity":"error","text":)", quote(v.file_errors[i]),
        '}');
  }
  out += "]}";
  return out;
}

std::string busAck(const Verdict& v, const std::string& file_name, const std::string& message_id,
                   Instant at) {
  std::string out;
  ackHead(out, "BusAck", v, file_name, message_id, at);
  add(out, R"(,"summary":{"totalRecords":)", v.rows, R"(,"succeeded":)", v.rows - v.rejected_rows,
      R"(,"failed":)", v.rejected_rows, R"(,"ingestionTime":{"start":")", formatInstant(at), R"(","end":")",
      formatInstant(at), R"("}},"failures":[)");
  bool first = true;
  for (const RowFinding& f : v.findings) {
    add(out, first ? "" : ",", R"({"table":")", f.table, R"(","rowNumber":)", f.row_number, R"(,"action":")",
        f.is_delete ? "delete" : "upsert", R"(","outcome":")", f.rejected ? "rejected" : "warning",
        R"(","responseCode":")", f.code, R"(","severity":")", f.rejected ? "error" : "warning",
        R"(","diagnostics":)", quote(f.text));
    if (!f.field.empty()) add(out, R"(,"field":")", f.table, '.', f.field, '"');
    out += '}';
    first = false;
  }
  out += "]}";
  return out;
}

void NationalCollector::attach(MeshServer& server, const std::string& mailbox) {
  server.onMessage(mailbox, [this, &server, mailbox](const MeshMessage& m) {
    if (m.type != "DATA") return;
    Verdict v;
    const auto content = m.content();
    if (content) {
      v = receive(*content, m.file_name, m.local_id);
    } else {
      v.submission_id = m.local_id;
      v.file_errors.push_back("the message does not unpack: " + content.error().text);
    }
    const auto answer = [&](const char* kind, std::string body) {
      MeshMessage ack;
      ack.from = mailbox;
      ack.to = m.from;
      ack.workflow = m.workflow + "_ACK";
      ack.subject = kind;
      ack.local_id = m.local_id;
      ack.file_name = m.local_id + "_" + kind + ".json";
      ack.content_type = "application/json";
      ack.chunks.push_back(std::move(body));
      server.deliver(std::move(ack), true);
    };
    answer("InfAck", infAck(v, m.file_name, m.id, impl_->clock.now()));
    if (v.readable) answer("BusAck", busAck(v, m.file_name, m.id, impl_->clock.now()));
  });
  server.addRoute("/national/summary", [this](const net::ServerRequest&) {
    return net::ServerResponse::json(200, summaryJson(summary()));
  });
  server.addRoute("/national/rows", [this](const net::ServerRequest& request) {
    std::string out;
    for (const std::string& row : rows(std::string(request.queryParameter("table"))))
      out.append(row).push_back('\n');
    net::ServerResponse r = net::ServerResponse::text(200, std::move(out));
    r.headers.set("Content-Type", "application/x-ndjson");
    return r;
  });
}

}  // namespace tributary::simulator
