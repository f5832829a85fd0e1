#include "simulator/internal/services.h"

namespace tributary::simulator {
namespace {
using R = std::string_view;
constexpr R kNursingReasons[] = {"070", "053", "038", "010", "018", "015", "052", "049"};
constexpr R kLongTermReasons[] = {"009", "057", "018", "006", "044"};
constexpr R kVisitingReasons[] = {"045"};
constexpr R kPhysioReasons[] = {"043", "042", "030", "056", "052", "049"};
constexpr R kOccupationalReasons[] = {"054", "028", "042", "056"};
constexpr R kSpeechReasons[] = {"062", "032", "071", "017"};
constexpr R kUrgentReasons[] = {"030", "057", "015", "042", "001"};
constexpr R kWardReasons[] = {"057", "009", "056"};
constexpr R kSchoolReasons[] = {"036", "058", "025", "045"};
constexpr R kEndOfLifeReasons[] = {"026", "008", "049"};

constexpr Coded kWound{"225358003", "Wound care"};
constexpr Coded kDressing{"18949003", "Change of dressing"};
constexpr Coded kPressure{"225386006", "Pressure area care"};
constexpr Coded kVitals{"61746007", "Taking patient vital signs"};
constexpr Coded kEvaluation{"386053000", "Evaluation procedure"};
constexpr Coded kEducation{"409073007", "Education"};
constexpr Coded kExercise{"229065009", "Exercise therapy"};
constexpr Coded kStretching{"229070002", "Stretching exercises"};
constexpr Coded kOccupationalTherapy{"84478008", "Occupational therapy"};
constexpr Coded kSpeechTherapy{"311555007", "Speech and language therapy regime"};
constexpr Coded kVaccination{"33879002", "Administration of vaccine to produce active immunity"};
constexpr Coded kPostnatal{"169762003", "Postnatal visit"};

constexpr ActivityKind kNursingActs[] = {
    {kWound, "03"}, {kDressing, "03"}, {kPressure, "03"}, {kVitals, "01"}};
constexpr ActivityKind kLongTermActs[] = {{kEvaluation, "02"}, {kVitals, "01"}, {kEducation, "04"}};
// The type of a health visitor's activity follows the child's age (08..11).
constexpr ActivityKind kVisitingActs[] = {{kPostnatal, "08"}, {kEvaluation, "09"}};
constexpr ActivityKind kPhysioActs[] = {{kExercise, "03"}, {kStretching, "03"}, {kEvaluation, "02"}};
constexpr ActivityKind kOccupationalActs[] = {{kOccupationalTherapy, "03"}, {kEvaluation, "02"}};
constexpr ActivityKind kSpeechActs[] = {{kSpeechTherapy, "03"}, {kEvaluation, "02"}};
constexpr ActivityKind kUrgentActs[] = {{kEvaluation, "02"}, {kVitals, "01"}, {kWound, "03"}};
constexpr ActivityKind kWardActs[] = {{kVitals, "01"}, {kEvaluation, "02"}};
constexpr ActivityKind kSchoolActs[] = {{kVaccination, "03"}, {kEducation, "05"}, {kEvaluation, "02"}};
constexpr ActivityKind kEndOfLifeActs[] = {{kEvaluation, "02"}, {kPressure, "03"}, {kEducation, "04"}};

constexpr Coded kDiabetes{"44054006", "Diabetes mellitus type 2"};
constexpr Coded kHypertension{"38341003", "Hypertensive disorder"};
constexpr Coded kCopd{"13645005", "Chronic obstructive lung disease"};
constexpr Coded kHeartFailure{"84114007", "Heart failure"};
constexpr Coded kStroke{"230690007", "Cerebrovascular accident"};
constexpr Coded kParkinson{"49049000", "Parkinson's disease"};
constexpr Coded kAsthma{"195967001", "Asthma"};
constexpr Coded kArthritis{"396275006", "Osteoarthritis"};
constexpr Coded kDementia{"52448006", "Dementia"};
constexpr Coded kUlcer{"399912005", "Pressure ulcer"};
constexpr Coded kLegUlcer{"95344007", "Ulcer of lower extremity"};
constexpr Coded kDysphagia{"40739000", "Dysphagia"};
constexpr Coded kWalking{"228158008", "Walking disability"};
constexpr Coded kFalls{"129839007", "At risk for falls"};
constexpr Coded kBackache{"161891005", "Backache"};

constexpr Coded kNursingConditions[] = {kUlcer, kLegUlcer, kDiabetes, kDementia};
constexpr Coded kLongTermConditions[] = {kHeartFailure, kCopd, kDiabetes, kHypertension};
constexpr Coded kChildConditions[] = {kAsthma, kDysphagia};
constexpr Coded kPhysioConditions[] = {kArthritis, kBackache, kStroke};
constexpr Coded kOccupationalConditions[] = {kStroke, kParkinson, kArthritis, kFalls};
constexpr Coded kSpeechConditions[] = {kDysphagia, kStroke, kAsthma};
constexpr Coded kUrgentConditions[] = {kFalls, kCopd, kDementia};
constexpr Coded kWardConditions[] = {kCopd, kHeartFailure, kFalls};
constexpr Coded kEndOfLifeConditions[] = {kHeartFailure, kDementia, kCopd};
}  // namespace

const std::array<Service, kServices> kServiceTable = {{
    {"dn",
     "District Nursing",
     "12",
     "N02",
     "09",
     "N6A",
     "03015",
     28,
     62,
     98,
     0,
     4,
     2,
     7,
     2,
     9,
     "",
     kNursingReasons,
     kNursingActs,
     kNursingConditions},
    {"ltc",
     "Long Term Conditions",
     "19",
     "N06",
     "09",
     "N4H",
     "03004",
     8,
     48,
     92,
     5,
     25,
     10,
     21,
     1,
     4,
     "01",
     kLongTermReasons,
     kLongTermActs,
     kLongTermConditions},
    {"hv",
     "Health Visiting",
     "16",
     "N03",
     "09",
     "N3H",
     "03007",
     16,
     0,
     4,
     1,
     14,
     12,
     40,
     1,
     3,
     "",
     kVisitingReasons,
     kVisitingActs,
     kChildConditions},
    {"pt",        "Community Physiotherapy",
     "26",        "A08",
     "08",        "S1E",
     "04041",     16,
     18,          88,
     8,           45,
     7,           14,
     2,           5,
     "02",        kPhysioReasons,
     kPhysioActs, kPhysioConditions},
    {"ot",
     "Community Occupational Therapy",
     "23",
     "A06",
     "08",
     "S1C",
     "04025",
     8,
     55,
     95,
     6,
     40,
     7,
     18,
     1,
     4,
     "02",
     kOccupationalReasons,
     kOccupationalActs,
     kOccupationalConditions},
    {"slt",       "Speech and Language Therapy",
     "33",        "A13",
     "08",        "S1J",
     "04057",     5,
     2,           11,
     10,          50,
     7,           14,
     1,           4,
     "02",        kSpeechReasons,
     kSpeechActs, kSpeechConditions},
    {"ucr",       "Urgent Community Response",
     "51",        "N33",
     "09",        "N6H",
     "03005",     6,
     68,          99,
     0,           0,
     1,           2,
     1,           3,
     "05",        kUrgentReasons,
     kUrgentActs, kUrgentConditions},
    {"vw", "Virtual Wards", "53",      "N33",          "09", "N6J", "03005", 4, 50, 96, 0, 1, 1, 3, 2, 6,
     "06", kWardReasons,    kWardActs, kWardConditions},
    {"sn",        "School Nursing",
     "32",        "N05",
     "09",        "N9H",
     "03006",     5,
     5,           17,
     5,           30,
     10,          30,
     1,           2,
     "",          kSchoolReasons,
     kSchoolActs, kChildConditions},
    {"eol",
     "End of Life Care",
     "14",
     "N04",
     "09",
     "N5H",
     "03002",
     4,
     55,
     99,
     0,
     3,
     1,
     5,
     2,
     8,
     "",
     kEndOfLifeReasons,
     kEndOfLifeActs,
     kEndOfLifeConditions},
}};

const std::array<std::string_view, 48> kFamilyNames = {
    "SMITH",   "JONES", "TAYLOR",  "BROWN",    "WILLIAMS", "WILSON",  "JOHNSON", "DAVIES", "PATEL",  "WRIGHT",
    "WALKER",  "WHITE", "EDWARDS", "HUGHES",   "GREEN",    "HALL",    "LEWIS",   "HARRIS", "CLARKE", "KHAN",
    "JACKSON", "WOOD",  "TURNER",  "MARTIN",   "COOPER",   "HILL",    "WARD",    "MORRIS", "MOORE",  "CLARK",
    "LEE",     "KING",  "BAKER",   "HARRISON", "MORGAN",   "ALLEN",   "JAMES",   "SCOTT",  "ALI",    "SINGH",
    "BEGUM",   "KAUR",  "NOWAK",   "MURPHY",   "O'BRIEN",  "ADEYEMI", "CHEN",    "RAHMAN"};
const std::array<std::string_view, 24> kMaleNames = {
    "Oliver",  "George", "Arthur", "Noah",    "Muhammad", "Leo",     "Oscar",  "Harry",
    "Jack",    "Henry",  "David",  "John",    "Peter",    "Michael", "Alan",   "Derek",
    "Raymond", "Keith",  "Brian",  "Stanley", "Imran",    "Piotr",   "Samuel", "Kwame"};
const std::array<std::string_view, 24> kFemaleNames = {
    "Olivia", "Amelia",  "Isla",     "Ava",   "Ivy",     "Freya",     "Lily",   "Florence",
    "Mia",    "Willow",  "Margaret", "Jean",  "Dorothy", "Joan",      "Sheila", "Joyce",
    "Brenda", "Maureen", "Patricia", "Beryl", "Aisha",   "Agnieszka", "Grace",  "Mei"};
const std::array<std::string_view, 24> kStreets = {
    "High Street",   "Station Road", "Mill Lane",    "Church Lane",  "Park Avenue",  "Victoria Road",
    "Green Lane",    "Manor Road",   "Kings Road",   "Queens Drive", "The Crescent", "Springfield",
    "North Street",  "West View",    "Hill Top",     "Moor Lane",    "School Lane",  "York Road",
    "Albert Street", "New Road",     "Grange Close", "Mill View",    "Chapel Walk",  "Beech Grove"};
const std::array<Coded, 6> kTowns = {{{"HX1", "Halifax"},
                                      {"HD3", "Huddersfield"},
                                      {"BD7", "Bradford"},
                                      {"WF2", "Wakefield"},
                                      {"LS12", "Leeds"},
                                      {"OL14", "Todmorden"}}};
const std::array<Coded, kReferrers> kReferrerTable = {
    {{"RZY", "Northmoor Hospitals (simulated)"},
     {"RZX", "Northmoor Ambulance Service (simulated)"},
     {"RZW", "Northmoor Mental Health (simulated)"},
     {"999A", "Northmoor Council Adult Social Care (simulated)"},
     {"A99990", "Moorside Surgery (simulated)"},
     {"A99991", "Riverbank Practice (simulated)"},
     {"A99992", "Hillview Medical Centre (simulated)"},
     {"NZZ99", "Moor Hospice (simulated)"}}};
const std::array<Weighted, 18> kEthnicities = {
    {{"A", "White - British", 735},
     {"B", "White - Irish", 8},
     {"C", "White - Any other White background", 50},
     {"D", "Mixed - White and Black Caribbean", 10},
     {"E", "Mixed - White and Black African", 4},
     {"F", "Mixed - White and Asian", 8},
     {"G", "Mixed - Any other mixed background", 6},
     {"H", "Asian or Asian British - Indian", 25},
     {"J", "Asian or Asian British - Pakistani", 40},
     {"K", "Asian or Asian British - Bangladeshi", 12},
     {"L", "Asian or Asian British - Any other Asian background", 14},
     {"M", "Black or Black British - Caribbean", 10},
     {"N", "Black or Black British - African", 17},
     {"P", "Black or Black British - Any other Black background", 4},
     {"R", "Other Ethnic Groups - Chinese", 6},
     {"S", "Other Ethnic Groups - Any other ethnic group", 11},
     {"Z", "Not stated", 20},
     {"99", "Not known", 20}}};
const std::array<Weighted, 10> kLanguages = {{{"en", "English", 915},
                                              {"pl", "Polish", 18},
                                              {"ur", "Urdu", 18},
                                              {"pa", "Punjabi", 14},
                                              {"bn", "Bengali", 8},
                                              {"ar", "Arabic", 8},
                                              {"ro", "Romanian", 8},
                                              {"gu", "Gujarati", 5},
                                              {"q4", "British Sign Language", 4},
                                              {"q5", "Makaton", 2}}};
const std::array<Coded, 10> kAssessments = {
    {{"952611000000105", "ASQ-3 2 month questionnaire - communication score"},
     {"952621000000104", "ASQ-3 2 month questionnaire - fine motor score"},
     {"952631000000102", "ASQ-3 2 month questionnaire - gross motor score"},
     {"952641000000106", "ASQ-3 2 month questionnaire - problem solving score"},
     {"952651000000109", "ASQ-3 2 month questionnaire - personal-social score"},
     {"952911000000102", "ASQ-3 12 month questionnaire - communication score"},
     {"952921000000108", "ASQ-3 12 month questionnaire - fine motor score"},
     {"952931000000105", "ASQ-3 12 month questionnaire - gross motor score"},
     {"952941000000101", "ASQ-3 12 month questionnaire - problem solving score"},
     {"952951000000103", "ASQ-3 12 month questionnaire - personal-social score"}}};

}  // namespace tributary::simulator
