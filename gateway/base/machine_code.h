#pragma once
#include <string>
#include <string_view>

namespace tributary {

// What somebody else's code may show of itself in logs, metrics and status. Free text of a remote end may hold patient data
// (an error page that echoes the request), so only a code gets through: letters, digits and . _ - : /, at most 32 characters
// and at most 6 digits (an NHS number has 10). Anything else gives "".
std::string machineCode(std::string_view text);

// Likewise for an identifier of a message or file that a remote end has made, which may have many digits: as it is when it
// is a token of at most 128 characters without exactly ten digits in a row, else "#" and the start of its hash.
std::string shownId(std::string_view id);

}  // namespace tributary
