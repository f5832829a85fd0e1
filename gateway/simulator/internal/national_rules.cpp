#include "simulator/internal/national_rules.h"

#include <algorithm>
#include <charconv>

#include "simulator/internal/national_data.h"
#include "simulator/internal/text.h"

namespace tributary::simulator {
namespace {

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> out;
  while (true) {
    const auto at = text.find(by);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

std::size_t number(std::string_view text) {
  std::size_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

// "max an20", "min an3 max an6", "an2", "n10", "max n4", "max n2.n1", "an10 CCYY-MM-DD", "See POSTCODE", …
void readFormat(std::string_view format, NationalField& f) {
  if (format.find("CCYY-MM-DD") != std::string_view::npos) {
    f.shape = CellShape::kDate;
  } else if (format.find("YYYY-MM-DDThh") != std::string_view::npos) {
    f.shape = CellShape::kDateTime;
  } else if (format.find("HH:MM:SS") != std::string_view::npos) {
    f.shape = CellShape::kTime;
  } else if (format == "See POSTCODE") {
    f.shape = CellShape::kPostcode;
  } else if (format == "See SNOMED CT CODE") {
    f.shape = CellShape::kSnomed;
  } else if (format.starts_with("See ")) {
    f.min = f.max = 2;
  } else if (format.find('.') != std::string_view::npos) {
    f.shape = CellShape::kDecimal;
    const auto n = format.find('n');
    f.max = number(format.substr(n + 1));
    const auto dot = format.find('.');
    f.decimals = number(format.substr(format.find('n', dot) + 1));
  } else {
    std::string_view rest = format;
    bool ranged = false;
    while (!rest.empty()) {
      const auto space = rest.find(' ');
      const std::string_view word = rest.substr(0, space);
      rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
      if (word == "min" || word == "max") {
        ranged = true;
        const auto next = rest.find(' ');
        const std::string_view size = rest.substr(0, next);
        rest = next == std::string_view::npos ? std::string_view{} : rest.substr(next + 1);
        if (size.starts_with('n')) f.shape = CellShape::kDigits;
        (word == "min" ? f.min : f.max) = number(size.substr(size.find('n') + 1));
      } else if (!ranged) {
        if (word.starts_with('n')) f.shape = CellShape::kDigits;
        f.min = f.max = number(word.substr(word.find('n') + 1));
      }
    }
  }
}

NationalModel readModel() {
  NationalModel model;
  struct Link {
    std::string keys, parent_field;
  };
  std::map<std::string, Link> links;
  std::map<std::string, std::vector<std::pair<std::size_t, std::string>>> wanted;
  for (const std::string_view line : split(kNationalData, '\n')) {
    if (line.size() < 3 || line[0] == '#') continue;
    const auto part = split(line.substr(2), '|');
    if (line[0] == 'T') {
      NationalTable t;
      t.code = part[0];
      t.physical_name = part[1];
      t.parent = part[3];
      links[t.code] = {std::string(part[2]), std::string(part[4])};
      model.tables.push_back(std::move(t));
    } else if (line[0] == 'F') {
      auto& table = *std::find_if(model.tables.begin(), model.tables.end(),
                                  [&](const auto& t) { return t.code == part[0]; });
      NationalField f;
      f.name = part[1];
      readFormat(part[2], f);
      f.mandatory = part[4] == "M";
      f.pilot = part[4] == "P";
      if (!part[5].empty()) wanted[table.code].emplace_back(table.fields.size(), part[5]);
      table.fields.push_back(std::move(f));
    } else if (line[0] == 'W') {
      auto& table = *std::find_if(model.tables.begin(), model.tables.end(),
                                  [&](const auto& t) { return t.code == part[0]; });
      table.links.push_back({static_cast<std::size_t>(table.column(part[1])), std::string(part[2])});
    } else if (line[0] == 'L') {
      auto& codes = model.lists[std::string(part[0])];
      for (const std::string_view code : split(part[1], ' ')) codes.emplace(code);
    }
  }
  for (NationalTable& t : model.tables) {
    const Link& link = links[t.code];
    if (!link.keys.empty()) {
      for (const std::string_view key : split(link.keys, ','))
        t.key.push_back(static_cast<std::size_t>(t.column(key)));
      t.primary_key = t.key.size() == 1;
    }
    if (!t.parent.empty()) t.parent_field = static_cast<std::size_t>(t.column(link.parent_field));
  }
  // The lists are complete now: their addresses stay.
  for (NationalTable& t : model.tables) {
    for (const auto& [field, list] : wanted[t.code]) t.fields[field].codes = &model.lists[list];
  }
  // Parents first (CYP610 hangs on CYP202, which hangs on CYP201).
  std::vector<NationalTable> ordered;
  while (!model.tables.empty()) {
    for (auto it = model.tables.begin(); it != model.tables.end();) {
      const bool ready =
          it->parent.empty() ||
          std::any_of(ordered.begin(), ordered.end(), [&](const auto& t) { return t.code == it->parent; });
      if (ready) {
        ordered.push_back(std::move(*it));
        it = model.tables.erase(it);
      } else {
        ++it;
      }
    }
  }
  model.tables = std::move(ordered);
  return model;
}

bool isDigits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

bool isDate(std::string_view s) {
  if (s.size() != 10 || s[4] != '-' || s[7] != '-' || !isDigits(s.substr(0, 4)) ||
      !isDigits(s.substr(5, 2)) || !isDigits(s.substr(8, 2))) {
    return false;
  }
  const auto year = static_cast<int>(number(s.substr(0, 4)));
  const auto month = static_cast<unsigned>(number(s.substr(5, 2)));
  const auto day = static_cast<unsigned>(number(s.substr(8, 2)));
  if (month < 1 || month > 12 || day < 1 || day > 31 || year < 1800) return false;
  const YearMonthDay back = civil(daysFrom(year, month, day));
  return back.month == month && back.day == day;
}

bool isTime(std::string_view s) {
  return s.size() == 8 && s[2] == ':' && s[5] == ':' && isDigits(s.substr(0, 2)) &&
         isDigits(s.substr(3, 2)) && isDigits(s.substr(6, 2)) && number(s.substr(0, 2)) < 24 &&
         number(s.substr(3, 2)) < 60 && number(s.substr(6, 2)) < 60;
}

// 1-2 letters, digit, optional letter or digit, blanks, digit, two letters.
bool isPostcode(std::string_view s) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0;
  while (i < s.size() && i < 2 && letter(s[i])) ++i;
  if (i == 0 || i >= s.size() || !digit(s[i])) return false;
  ++i;
  if (i < s.size() && (letter(s[i]) || digit(s[i]))) ++i;
  std::size_t blanks = 0;
  while (i < s.size() && s[i] == ' ') {
    ++i;
    ++blanks;
  }
  return blanks > 0 && i + 3 == s.size() && digit(s[i]) && letter(s[i + 1]) && letter(s[i + 2]);
}

bool isDecimal(const NationalField& f, std::string_view s) {
  const auto dot = s.find('.');
  const std::string_view whole = s.substr(0, dot);
  if (!isDigits(whole) || whole.size() > f.max) return false;
  if (dot == std::string_view::npos) return true;
  const std::string_view fraction = s.substr(dot + 1);
  return isDigits(fraction) && fraction.size() <= f.decimals;
}

}  // namespace

int NationalTable::column(std::string_view name) const {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

const NationalTable* NationalModel::find(std::string_view name) const {
  for (const NationalTable& t : tables) {
    if (t.code == name || t.physical_name == name) return &t;
  }
  return nullptr;
}

const NationalModel& nationalModel() {
  static const NationalModel model = readModel();
  return model;
}

std::string_view checkShape(const NationalField& f, std::string_view cell) {
  switch (f.shape) {
    case CellShape::kDate:
      return isDate(cell) ? "" : "not a date CCYY-MM-DD";
    case CellShape::kTime:
      return isTime(cell) ? "" : "not a time HH:MM:SS";
    case CellShape::kDateTime:
      return cell.size() == 19 && isDate(cell.substr(0, 10)) && cell[10] == 'T' && isTime(cell.substr(11))
                 ? ""
                 : "not a date-time";
    case CellShape::kPostcode:
      return isPostcode(cell) ? "" : "not a postcode";
    case CellShape::kSnomed:
      return isDigits(cell) && cell.size() >= 6 && cell.size() <= 18 ? "" : "not a SNOMED CT identifier";
    case CellShape::kDecimal:
      return isDecimal(f, cell) ? "" : "not a number of the national form";
    case CellShape::kDigits:
      if (!isDigits(cell)) return "not a number";
      break;
    case CellShape::kText:
      break;
  }
  std::size_t characters = 0;
  for (const char c : cell) characters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  if (characters < f.min) return "too short";
  if (f.max != 0 && characters > f.max) return "too long";
  return "";
}

}  // namespace tributary::simulator
