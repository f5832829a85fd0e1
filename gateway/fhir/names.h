#pragma once
#include <cstdint>
#include <string_view>

namespace tributary::fhir {

// An interned JSON member name. The built-in table holds every element name of FHIR R4 (choice elements under
// each concrete name, such as valueQuantity); it is fixed at compile time, so hostile input cannot grow it.
//   0                     no name: the root, or an item of an array
//   1 … nameCount()-1     a name of the table
//   kLocalName | i        a name outside the table; the i-th local name of its Document
//   kCompanion | id       the "_name" member that carries id and extensions of a primitive (FHIR R4 2.6.2.3)
using NameId = std::uint16_t;
inline constexpr NameId kNoName = 0;
inline constexpr NameId kCompanion = 0x8000;
inline constexpr NameId kLocalName = 0x4000;

// kNoName when the table has no such name. `name` is without a leading underscore.
NameId findName(std::string_view name);
// The text of a table name (not of a local one; see Document::name). Lives as long as the process.
std::string_view nameText(NameId id);
std::uint16_t nameCount();

// Ids that code asks for often, fixed by the order in internal/names.inc (a test holds the two together).
namespace names {
inline constexpr NameId kResourceType = 1, kId = 2, kMeta = 3, kVersionId = 4, kLastUpdated = 5,
                        kExtension = 6, kUrl = 7, kContained = 8, kReference = 9, kIdentifier = 10,
                        kSystem = 11, kValue = 12, kCode = 13, kCoding = 14, kDisplay = 15, kText = 16,
                        kStatus = 17, kEntry = 18, kResource = 19, kFullUrl = 20, kLink = 21, kRelation = 22,
                        kRequest = 23, kResponse = 24, kMethod = 25, kSearch = 26, kMode = 27, kTotal = 28,
                        kType = 29, kDiv = 30, kProfile = 31, kModifierExtension = 32, kUse = 33,
                        kPeriod = 34, kStart = 35, kEnd = 36, kSubject = 37, kPatient = 38, kEncounter = 39,
                        kImplicitRules = 40, kLanguage = 41;
}  // namespace names

}  // namespace tributary::fhir
