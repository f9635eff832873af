#include "common/store/table.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/store/id.h"
#include "common/store/tx.h"
#include "linjuli/testing/v1/boards.pb.h"
#include "linjuli/testing/v1/broken_tables.pb.h"
#include "linjuli/testing/v1/testing.pb.h"

namespace linjuli {
namespace {

using testing::boards::v1::Board;
using testing::boards::v1::Card;
using testing::v1::Ticket;

std::unique_ptr<Table> TableOf(const google::protobuf::Descriptor* type) {
  auto table = Table::From(type);
  INFO(table.status().ToString());
  REQUIRE(table.ok());
  return *std::move(table);
}

TEST_CASE("a table has its body and a column for whatever is looked up", "[store][table]") {
  auto table = TableOf(Ticket::descriptor());
  CHECK(absl::StrJoin(table->Schema(), "\n") ==
        "CREATE TABLE ticket(id INTEGER PRIMARY KEY,state INTEGER,division TEXT,division_town TEXT,"
        "reporter TEXT,code TEXT,due_time INTEGER,body BLOB NOT NULL)\n"
        "CREATE INDEX ticket_by_division ON ticket(division) WHERE division IS NOT NULL\n"
        "CREATE INDEX ticket_by_division_town ON ticket(division_town)\n"
        "CREATE INDEX ticket_by_reporter ON ticket(reporter) WHERE reporter IS NOT NULL\n"
        "CREATE INDEX ticket_by_state_division_town ON ticket(state,division_town)\n"
        "CREATE UNIQUE INDEX ticket_by_code_once ON ticket(code) WHERE code IS NOT NULL\n"
        "CREATE INDEX ticket_by_due ON ticket(due_time) WHERE due_time IS NOT NULL\n"
        "CREATE VIRTUAL TABLE ticket_text USING fts5(grams,content='',columnsize=0,"
        "tokenize='unicode61 remove_diacritics 0')");
}

TEST_CASE("a nested resource is found by its parent, a nested field by its path",
          "[store][table]") {
  auto card = TableOf(Card::descriptor());
  CHECK(card->nested);
  CHECK(absl::StrJoin(card->Schema(), "\n") ==
        "CREATE TABLE card(id INTEGER PRIMARY KEY,parent TEXT NOT NULL,body BLOB NOT NULL)\n"
        "CREATE INDEX card_by_parent ON card(parent)");
  auto board = TableOf(Board::descriptor());
  REQUIRE(board->FindColumn("detail.rank") != nullptr);
  CHECK(board->FindColumn("detail.rank")->name == "detail_rank");
  CHECK(board->FindColumn("detail") == nullptr);
}

TEST_CASE("only names of a table's own pattern have an id", "[store][table]") {
  auto ticket = TableOf(Ticket::descriptor());
  auto card = TableOf(Card::descriptor());
  std::string id = EncodeId(12345);
  CHECK(ticket->IdOf("tickets/" + id) == 12345);
  CHECK(card->IdOf("boards/" + EncodeId(9) + "/cards/" + id) == 12345);
  for (std::string bad : {std::string(), std::string("tickets"), std::string("tickets/"),
                          std::string("tickets/x"), "ticket/" + id, "/tickets/" + id, id,
                          "tickets/" + id + "/", "tickets/" + id + "/cards/" + id}) {
    CAPTURE(bad);
    CHECK_FALSE(ticket->IdOf(bad).has_value());
  }
  CHECK_FALSE(card->IdOf("boards/x/cards/" + id).has_value());
  CHECK_FALSE(card->IdOf("cards/" + id).has_value());
}

TEST_CASE("names are made of the parent, the collection and the id", "[store][table]") {
  auto card = TableOf(Card::descriptor());
  std::string board = "boards/" + EncodeId(9);
  CHECK(card->NameOf(board, 5) == board + "/cards/" + EncodeId(5));
  CHECK(Table::ParentOf(card->NameOf(board, 5)) == board);
  CHECK(Table::ParentOf(board).empty());
  CHECK(Table::ParentOf("").empty());
}

TEST_CASE("a transition is read with its sides", "[store][table]") {
  const auto* states = Ticket::State_descriptor();
  auto verb = Transition::Parse("OPEN | TAKEN -> LAPSED | DONE", states);
  REQUIRE(verb.ok());
  CHECK(verb->From(Ticket::OPEN));
  CHECK(verb->From(Ticket::TAKEN));
  CHECK_FALSE(verb->From(Ticket::DONE));
  CHECK(verb->Allows(Ticket::OPEN, Ticket::DONE));
  CHECK_FALSE(verb->Allows(Ticket::OPEN, Ticket::TAKEN));
  auto create = Transition::Parse("-> OPEN", states);
  REQUIRE(create.ok());
  CHECK(create->Allows(0, Ticket::OPEN));
  CHECK_FALSE(create->From(Ticket::OPEN));
  auto stay = Transition::Parse("OPEN", states);
  REQUIRE(stay.ok());
  CHECK(stay->to.empty());
}

TEST_CASE("a transition that names no state is refused", "[store][table]") {
  for (const char* bad : {"OPEN -> GONE", "GONE -> OPEN", "OPEN ->", "OPEN -> DONE -> LAPSED",
                          "-> STATE_UNSPECIFIED", "open -> DONE"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(Transition::Parse(bad, Ticket::State_descriptor()).status()));
  }
}

TEST_CASE("fields are reached through singular messages only", "[store][table]") {
  CHECK(FindPath(Board::descriptor(), "detail.rank").ok());
  for (const char* bad : {"", "nothing", "detail.nothing", "tags", "title.length", "detail."}) {
    CAPTURE(bad);
    CHECK_FALSE(FindPath(Board::descriptor(), bad).ok());
  }
  Board board;
  auto path = *FindPath(Board::descriptor(), "detail.rank");
  CHECK(HolderOf(board, path) == nullptr);
  board.mutable_detail()->set_rank(3);
  CHECK(HolderOf(board, path) == &board.detail());
}

TEST_CASE("times go to the microsecond and back", "[store][table]") {
  Ticket ticket;
  auto path = *FindPath(Ticket::descriptor(), "due_time");
  CHECK(TimeAt(ticket, path) == absl::InfinitePast());
  for (absl::Time time : {absl::FromUnixMicros(1'800'000'000'123'456), absl::UnixEpoch(),
                          absl::FromUnixMicros(-1'500'000)}) {
    SetTime(ticket, path[0], time);
    CHECK(ticket.due_time().nanos() >= 0);
    CHECK(TimeAt(ticket, path) == time);
  }
}

TEST_CASE("a declaration that cannot be stored is refused and says which and why",
          "[store][table][X4]") {
  using namespace testing::tables::v1;
  auto why = [](const google::protobuf::Descriptor* type) {
    auto table = Table::From(type);
    REQUIRE(absl::IsInvalidArgument(table.status()));
    std::string message(table.status().message());
    std::string prefix = type->full_name() + ": ";
    REQUIRE(absl::StartsWith(message, prefix));
    return message.substr(prefix.size());
  };
  CHECK(why(PatternWithoutId::descriptor()) ==
        "(linjuli.stored).pattern must be like \"needs/{need}\"");
  CHECK(why(PatternBackToFront::descriptor()) ==
        "(linjuli.stored).pattern must be like \"calls/{call}/bids/{bid}\"");
  CHECK(why(NameNotFirst::descriptor()) == "needs `string name = 1`");
  CHECK(why(WithoutEtag::descriptor()) == "needs `string etag`");
  CHECK(why(StateOfWords::descriptor()) == "`state` must be an enum");
  CHECK(why(IndexOfNothing::descriptor()) == "no singular field \"colour\"");
  CHECK(why(IndexOfMany::descriptor()) == "no singular field \"colours\"");
  CHECK(why(IndexOfFloat::descriptor()) == "\"size\" is of a kind that has no column");
  CHECK(why(DueWithoutTime::descriptor()) == "(linjuli.stored).due must be a Timestamp");
  CHECK(why(DueInside::descriptor()) ==
        "(linjuli.stored).due must be a field of the resource itself");
  CHECK(why(TextOfNumbers::descriptor()) == "(linjuli.stored).text: \"number\" is no string field");
  CHECK(why(SimilarWithoutText::descriptor()) ==
        "(linjuli.stored).similar: \"title\" is not among its text fields");
  CHECK(why(MoveWithoutState::descriptor()) == "has a transition but no `state`");
  CHECK(absl::StrContains(why(MoveToNowhere::descriptor()), "has no state \"GONE\""));
}

TEST_CASE("two resources do not share a pattern", "[store][table]") {
  Schema schema;
  REQUIRE(schema.Add(testing::tables::v1::Twin::descriptor()).ok());
  REQUIRE(schema.Add(testing::tables::v1::Twin::descriptor()).ok());
  absl::Status other = schema.Add(testing::tables::v1::OtherTwin::descriptor());
  CHECK(absl::IsInvalidArgument(other));
  CHECK(absl::StrContains(std::string(other.message()), "OtherTwin"));
  CHECK(schema.tables().size() == 1);
}

}  // namespace
}  // namespace linjuli
