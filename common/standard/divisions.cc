#include "common/standard/divisions.h"

#include <algorithm>
#include <fstream>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/standard/codes.h"

namespace linjuli {
namespace {

constexpr char kFile[] = "divisions.csv";
constexpr char kHeader[] = "code,name,parent,kind,urban_rural";

// A kind, how long its codes are, and between which values their last three digits lie. Counties
// and what is above them have no such rule (NBS coding rules; town level GB/T 10114).
struct KindRule {
  absl::string_view name;
  DivisionKind kind;
  size_t digits;
  int first;
  int last;
};
constexpr KindRule kKinds[] = {
    {"PROVINCE", DivisionKind::PROVINCE, 2, 0, 0},
    {"PREFECTURE", DivisionKind::PREFECTURE, 4, 0, 0},
    {"COUNTY", DivisionKind::COUNTY, 6, 0, 0},
    {"STREET", DivisionKind::STREET, 9, 1, 99},
    {"TOWN", DivisionKind::TOWN, 9, 100, 199},
    {"TOWNSHIP", DivisionKind::TOWNSHIP, 9, 200, 399},
    {"TOWN_LIKE", DivisionKind::TOWN_LIKE, 9, 400, 599},
    {"RESIDENT_COMMITTEE", DivisionKind::RESIDENT_COMMITTEE, 12, 1, 199},
    {"VILLAGE_COMMITTEE", DivisionKind::VILLAGE_COMMITTEE, 12, 200, 399},
    {"RESIDENT_LIKE", DivisionKind::RESIDENT_LIKE, 12, 400, 499},
    {"VILLAGE_LIKE", DivisionKind::VILLAGE_LIKE, 12, 500, 599},
};

// How many bytes a character of UTF-8 has, by its first; 0 where none starts so.
size_t Utf8Length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// Enough to tell UTF-8 from the GBK that spreadsheets write.
bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(text[i]);
    if (length == 0 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((text[i + k] & 0xC0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

// One pass over the lines; what concerns more than one line waits for CheckTree.
class Reader {
 public:
  explicit Reader(Defects* defects) : defects_(defects) {}

  void Line(int number, absl::string_view line) {
    number_ = number;
    if (!IsUtf8(line)) return Complain("is not UTF-8; save the file as UTF-8");
    if (number == 1) {
      if (line != kHeader) Complain(absl::StrCat("the first line must be ", kHeader));
      return;
    }
    if (line.empty()) return;
    if (absl::StrContains(line, '"')) return Complain("has quotes; write the cells without them");
    std::vector<absl::string_view> cells = absl::StrSplit(line, ',');
    if (cells.size() != 5) return Complain(absl::StrCat("has ", cells.size(), " cells, not 5"));
    Row(cells);
  }

  std::vector<Division> Finish() {
    CheckTree();
    std::sort(divisions_.begin(), divisions_.end(),
              [](const Division& a, const Division& b) { return a.code < b.code; });
    return std::move(divisions_);
  }

 private:
  void Complain(absl::string_view message) {
    defects_->push_back({kFile, number_, std::string(message)});
  }

  void Row(const std::vector<absl::string_view>& cells) {
    Division division;
    division.code = std::string(cells[0]);
    division.name = std::string(cells[1]);
    division.parent = std::string(cells[2]);
    if (!ValidDivisionForm(division.code)) {
      return Complain(
          absl::StrCat("code ", cells[0], " must have 2, 4, 6, 9 or 12 digits, without padding"));
    }
    if (auto [at, is_new] = lines_.emplace(division.code, number_); !is_new) {
      return Complain(absl::StrCat("code ", cells[0], " stands already in line ", at->second));
    }
    if (division.name.empty()) Complain("name is empty");
    ReadKind(cells[3], division);
    ReadClass(cells[4], division);
    divisions_.push_back(std::move(division));
  }

  void ReadKind(absl::string_view name, Division& division) {
    for (const KindRule& rule : kKinds) {
      if (rule.name != name) continue;
      division.kind = rule.kind;
      const std::string& code = division.code;
      bool fits = code.size() == rule.digits;
      if (fits && rule.last > 0) {
        const int number = std::stoi(code.substr(code.size() - 3));
        fits = rule.first <= number && number <= rule.last;
      }
      if (!fits) Complain(absl::StrCat("code ", code, " is not the code of a ", name));
      return;
    }
    Complain(absl::StrCat("unknown kind ", name));
  }

  void ReadClass(absl::string_view name, Division& division) {
    if (name == "URBAN") {
      division.urban_rural = UrbanRural::URBAN;
    } else if (name == "RURAL") {
      division.urban_rural = UrbanRural::RURAL;
    } else if (!name.empty() || division.code.size() > 6) {
      Complain(absl::StrCat("urban_rural must be URBAN or RURAL, not \"", name,
                            "\" (empty for counties and above)"));
    }
  }

  void CheckTree() {
    int root = 0;
    for (const Division& division : divisions_) {
      number_ = lines_[division.code];
      if (division.parent.empty()) {
        if (root != 0) Complain(absl::StrCat("has no parent, but the root is in line ", root));
        if (root == 0) root = number_;
      } else if (!lines_.contains(division.parent)) {
        Complain(absl::StrCat("parent ", division.parent, " is not in the file"));
      } else if (division.parent.size() >= division.code.size() ||
                 !absl::StartsWith(division.code, division.parent)) {
        Complain(absl::StrCat("code ", division.code, " does not begin with that of its parent ",
                              division.parent));
      }
    }
    number_ = 0;
    if (root == 0) Complain("holds no division without parent: the root is missing");
  }

  Defects* defects_;
  int number_ = 0;
  std::vector<Division> divisions_;
  absl::flat_hash_map<std::string, int> lines_;  // by code
};

}  // namespace

std::vector<Division> ReadDivisions(const std::string& dir, Defects* defects) {
  std::ifstream in(absl::StrCat(dir, "/", kFile), std::ios::binary);
  if (!in) {
    defects->push_back({kFile, 0, "cannot be read"});
    return {};
  }
  Reader reader(defects);
  std::string text;
  int number = 0;
  while (std::getline(in, text)) {
    absl::string_view line = text;
    if (++number == 1) absl::ConsumePrefix(&line, "\xEF\xBB\xBF");
    absl::ConsumeSuffix(&line, "\r");
    reader.Line(number, line);
  }
  return reader.Finish();
}

}  // namespace linjuli
