#pragma once
#include <span>
#include <string>

#include "store/sqlite/internal/names.h"

// Whether the ledger row `l` fits the window of a SubmissionRequest, as SQL text (statements are found again by the address
// of their literal, so it is put in by the preprocessor). Parameters: ?1 period_from, ?2 period_to, ?3 lasting_from, ?4 true: what
// lasted must touch the window.
#define PERIOD_START \
  "CASE WHEN instr(l.period, '/') = 0 THEN l.period ELSE substr(l.period, 1, instr(l.period, '/') - 1) END"
#define PERIOD_END                                                                                      \
  "CASE WHEN instr(l.period, '/') = 0 THEN l.period WHEN substr(l.period, -1) = '/' THEN '9999-12-31' " \
  "ELSE substr(l.period, instr(l.period, '/') + 1) END"
#define PERIOD_MATCHES                                                                               \
  "(l.period = '' OR CASE WHEN ?4 OR instr(l.period, '/') = 0 THEN (?1 = '' OR " PERIOD_END          \
  " >= ?1) AND (?2 = '' OR " PERIOD_START " < ?2) ELSE (?3 = '' OR " PERIOD_END " >= ?3) END)"

namespace tributary::store::sqlite {

// The ids of names as a JSON list, for json_each; names that are not known are left out.
std::string idsOf(const Names& names, std::span<const std::string> texts);

}  // namespace tributary::store::sqlite
