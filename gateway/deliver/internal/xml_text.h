#pragma once
#include <string>
#include <string_view>

namespace tributary::deliver {

// The text escaped for XML 1.0, so that a parser gives it back as it was: line ends are kept from being normalised, and in
// an attribute tabs and line feeds as well. Bytes that are no UTF-8, and characters that XML 1.0 does not have (2.2: most
// controls, U+FFFE, U+FFFF), become U+FFFD each; false when there were any.
bool appendXmlText(std::string& out, std::string_view text, bool attribute);

}  // namespace tributary::deliver
