// How good the suggestion of near-duplicates is, on 4,326 real residents' messages and pairs of
// them that were judged by reading (tests/data/README.md). The messages come in one after another;
// each is compared with those before it, as a need is when it is registered.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/store/similar.h"
#include "common/store/test_store.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

// One page of suggestions as somebody reads it, and all there are.
constexpr size_t kShown = 10;
constexpr int kAll = kMostSimilarRead;

struct Petition {
  std::string id;
  std::string text;
};

struct Pair {
  std::string earlier, later, stratum;
  bool affair = false;  // both are of one of the two affairs that most people wrote about
  bool same = false;
};

std::vector<std::vector<std::string>> ReadRows(const std::string& name) {
  std::ifstream file(SourceDir() + "/tests/data/" + name);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) rows.push_back(absl::StrSplit(line, ','));
  REQUIRE(!rows.empty());
  return rows;
}

std::vector<Pair> ReadPairs() {
  std::vector<Pair> pairs;
  for (const auto& row : ReadRows("petition_pairs.csv")) {
    pairs.push_back({row.at(0), row.at(1), row.at(2), row.at(3) == "1", row.at(4) == "1"});
  }
  return pairs;
}

std::vector<Petition> ReadPetitions(const std::string& path) {
  std::vector<Petition> petitions;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    google::protobuf::Struct row;
    REQUIRE(google::protobuf::util::JsonStringToMessage(line, &row).ok());
    auto text = [&](const char* key) { return row.fields().at(key).string_value(); };
    petitions.push_back({text("id"), absl::StrCat(text("subject"), "\n", text("detail"))});
  }
  return petitions;
}

// What was suggested to each petition when it came: ids of earlier ones, most alike first.
std::map<std::string, std::vector<std::string>> Suggest(const std::vector<Petition>& petitions) {
  TicketStore rig;
  std::map<std::string, std::vector<std::string>> suggested;
  std::map<std::string, std::string> id_of;
  for (const Petition& petition : petitions) {
    auto& ids = suggested[petition.id];
    absl::Status status = rig.store->Read(Tester(), true, [&](Rx& rx) -> absl::Status {
      LJ_ASSIGN(auto found, rx.Similar<Ticket>(
                                petition.text, [](const Ticket&) { return true; }, kAll));
      for (const auto& one : found) ids.push_back(id_of.at(one.name));
      return absl::OkStatus();
    });
    REQUIRE(status.ok());
    id_of[rig.Add(petition.text).name()] = petition.id;
  }
  return suggested;
}

struct Quality {
  double precision = 0, recall = 0, suggested = 0;
};

// For how many pairs of its stratum one that was read stands.
std::map<std::string, double> Weights(const std::vector<Pair>& pairs) {
  std::map<std::string, double> weights, read;
  for (const Pair& pair : pairs) ++read[pair.stratum];
  for (const auto& row : ReadRows("petition_strata.csv")) {
    double size = 0;
    REQUIRE(absl::SimpleAtod(row.at(1), &size));
    weights[row.at(0)] = size / read.at(row.at(0));
  }
  return weights;
}

Quality Measure(const std::vector<Pair>& pairs,
                const std::map<std::string, std::vector<std::string>>& suggested, bool affairs) {
  std::map<std::string, double> weights = Weights(pairs);
  double same = 0, right = 0;
  Quality quality;
  for (const Pair& pair : pairs) {
    if (pair.affair && !affairs) continue;
    double weight = weights.at(pair.stratum);
    const auto& names = suggested.at(pair.later);
    bool named = std::find(names.begin(), names.end(), pair.earlier) != names.end();
    same += pair.same * weight;
    quality.suggested += named * weight;
    right += (named && pair.same) * weight;
  }
  quality.precision = right / quality.suggested;
  quality.recall = right / same;
  return quality;
}

// Of the pairs of one matter, weighed as above: the share whose later message is shown, among the
// first ten, one that is known to be of its matter, be it the pair's other half or a third.
double Helped(const std::vector<Pair>& pairs,
              const std::map<std::string, std::vector<std::string>>& suggested) {
  std::map<std::string, double> weights = Weights(pairs);
  std::map<std::string, std::string> parent;
  auto matter = [&](std::string id) {
    for (auto at = parent.find(id); at != parent.end(); at = parent.find(id)) id = at->second;
    return id;
  };
  for (const Pair& pair : pairs) {
    if (!pair.same) continue;
    std::string a = matter(pair.earlier), b = matter(pair.later);
    if (a != b) parent[b] = a;
  }
  double same = 0, helped = 0;
  for (const Pair& pair : pairs) {
    if (!pair.same) continue;
    const auto& names = suggested.at(pair.later);
    bool shown =
        std::any_of(names.begin(), names.begin() + std::min(names.size(), kShown),
                    [&](const std::string& name) { return matter(name) == matter(pair.later); });
    same += weights.at(pair.stratum);
    helped += shown * weights.at(pair.stratum);
  }
  return helped / same;
}

TEST_CASE("near-duplicates among 4,326 real messages are found, and few others are named",
          "[store][similar][petitions][E5]") {
  const std::string path = SourceDir() + "/../shared/data/petitions/votes4326.jsonl";
  if (!std::filesystem::exists(path)) {
    WARN("skipped: there is no " << path);
    return;
  }
  auto petitions = ReadPetitions(path);
  REQUIRE(petitions.size() == 4326);
  auto pairs = ReadPairs();
  REQUIRE(pairs.size() > 1000);
  auto suggested = Suggest(petitions);
  Quality all = Measure(pairs, suggested, true), most = Measure(pairs, suggested, false);
  double helped = Helped(pairs, suggested);
  size_t named = 0, with_any = 0;
  for (const auto& [id, names] : suggested) {
    named += names.size();
    with_any += !names.empty();
  }
  WARN("pairs named: " << named << ", to " << with_any << " messages\nprecision " << all.precision
                       << ", recall " << all.recall << "\nwithout the two largest affairs: "
                       << most.precision << ", " << most.recall
                       << "\npairs whose later message is shown one of its matter: " << helped);
  CHECK(all.precision > 0.78);
  CHECK(all.recall > 0.36);
  CHECK(most.precision > 0.73);
  CHECK(most.recall > 0.48);
  CHECK(helped > 0.70);
}

}  // namespace
}  // namespace linjuli
