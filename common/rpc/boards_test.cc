// What Tickets does not have: organisations, updates, nested resources, public ones, and functions
// of a service's own.
#include <catch2/catch.hpp>

#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/testing/v1/boards.pb.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

using namespace testing::boards::v1;

constexpr char kBoards[] = "linjuli.testing.boards.v1.Boards.";
constexpr char kOrganization[] = "52331082MJ12345613";
constexpr char kOther[] = "53331082MJ7654321F";

absl::Status MakeBoard(Tx& tx, const CreateBoardRequest& request, Board& board) {
  if (request.closed()) tx.Move(board, Board::CLOSED);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> NumberFrom(Rx& rx, const std::string& sql) {
  StatementScope rows(rx.Sql(sql));
  LJ_ASSIGN(bool row, rows->Step());
  return row ? rows->Int(0) : 0;
}

absl::StatusOr<CountBoardsResponse> CountBoards(Rx& rx, const CountBoardsRequest&) {
  CountBoardsResponse response;
  LJ_ASSIGN(int64_t count, NumberFrom(rx, "SELECT count(*) FROM board"));
  response.set_boards(static_cast<int32_t>(count));
  return response;
}

absl::StatusOr<Board> FirstBoard(Rx& rx, const FirstBoardRequest& request) {
  LJ_ASSIGN(auto boards, rx.Find<Board>("division", request.division(), 1));
  if (boards.empty()) return NotFound(request.division());
  return boards[0];
}

absl::StatusOr<AddTallyResponse> AddTally(Tx& tx, const AddTallyRequest& request) {
  LJ_RETURN_IF_ERROR(tx.Sql("INSERT INTO tally(n) VALUES(?1)").Bind(1, request.add()).Run());
  if (request.fail()) return Refuse(absl::StatusCode::kFailedPrecondition, "TOLD", "as told");
  AddTallyResponse response;
  LJ_ASSIGN(int64_t total, NumberFrom(tx, "SELECT sum(n) FROM tally"));
  response.set_total(total);
  return response;
}

ServiceSpec BoardsSpec() {
  ServiceSpec spec =
      Implement("linjuli.testing.boards.v1.Boards", MakeBoard, CountBoards, FirstBoard, AddTally);
  spec.migrations = {"CREATE TABLE tally(n INTEGER NOT NULL)"};
  return spec;
}

Caller Provider(const char* organization = kOrganization) {
  return Person("u/provider", PROVIDER, {}, organization);
}
Caller Lead(absl::string_view area = kTown) {
  return Person("u/lead", LEAD_WORKER, {std::string(area)});
}

class BoardRig : public Rig {
 public:
  BoardRig() : Rig(BoardsSpec()) {}

  template <typename R>
  absl::StatusOr<R> Do(const Caller& caller, const char* method,
                       const google::protobuf::Message& request) {
    return Ask<R>(caller, absl::StrCat(kBoards, method), request);
  }
  absl::StatusOr<Board> Create(const Caller& caller, Board board, bool closed = false) {
    CreateBoardRequest request;
    *request.mutable_board() = std::move(board);
    request.set_closed(closed);
    return Do<Board>(caller, "CreateBoard", request);
  }
  absl::StatusOr<Board> Update(const Caller& caller, Board board, std::vector<std::string> mask) {
    UpdateBoardRequest request;
    *request.mutable_board() = std::move(board);
    for (auto& path : mask) request.mutable_update_mask()->add_paths(std::move(path));
    return Do<Board>(caller, "UpdateBoard", request);
  }
  absl::StatusOr<Board> Get(const Caller& caller, const std::string& name) {
    GetBoardRequest request;
    request.set_name(name);
    return Do<Board>(caller, "GetBoard", request);
  }
  absl::StatusOr<Card> AddCard(const std::string& parent, const std::string& text) {
    CreateCardRequest request;
    request.set_parent(parent);
    request.mutable_card()->set_text(text);
    return Do<Card>(Resident(), "CreateCard", request);
  }
};

Board BoardOf(absl::string_view title, absl::string_view division = kVillage) {
  Board board;
  board.set_title(std::string(title));
  board.set_division(std::string(division));
  board.set_organization(kOrganization);
  board.set_phone("13800138000");
  return board;
}

TEST_CASE("an organisation makes and lists what is its own", "[rpc][boards][access]") {
  BoardRig rig;
  REQUIRE(rig.Create(Provider(), BoardOf("一")).ok());
  CHECK(Told(rig.Create(Provider(kOther), BoardOf("二")).status()) == "PERMISSION_DENIED SCOPE");
  CHECK(Told(rig.Create(Provider(""), BoardOf("二")).status()) == "PERMISSION_DENIED SCOPE");
  auto list = [&](const Caller& caller) {
    return rig.Do<ListBoardsResponse>(caller, "ListBoards", ListBoardsRequest())->boards_size();
  };
  CHECK(list(Provider()) == 1);
  CHECK(list(Provider(kOther)) == 0);
  CHECK(list(Provider("")) == 0);
}

TEST_CASE("an area is compared with the field that the declaration names",
          "[rpc][boards][access]") {
  BoardRig rig;
  Board board = BoardOf("一");
  board.set_watched(kFarVillage);
  REQUIRE(rig.Create(Provider(), board).ok());
  Caller here = Person("u/x", DEPARTMENT, {kTown}),
         there = Person("u/x", DEPARTMENT, {"331082100"});
  ListBoardsRequest request;
  auto list = [&](const Caller& caller) {
    return rig.Do<ListBoardsResponse>(caller, "ListBoards", request)->boards_size();
  };
  CHECK(list(here) == 0);
  CHECK(list(there) == 1);
  // A filter by where it stands gives nothing to those who see by who watches.
  request.set_division(kVillage);
  CHECK(list(here) == 0);
  CHECK(list(there) == 1);
}

TEST_CASE("a Create with several first states is told by its function which", "[rpc][boards]") {
  BoardRig rig;
  CHECK(rig.Create(Provider(), BoardOf("一"))->state() == Board::OPEN);
  CHECK(rig.Create(Provider(), BoardOf("二"), true)->state() == Board::CLOSED);
}

TEST_CASE("what is public needs no token, and its history is for everyone who has one",
          "[rpc][boards][access]") {
  BoardRig rig;
  Board board = *rig.Create(Provider(), BoardOf("一"));
  CHECK(rig.Get(Caller(), board.name())->title() == "一");
  changes::v1::ListHistoryRequest request;
  request.set_name(board.name());
  auto history = [&](const Caller& caller) {
    return rig.Ask<changes::v1::ListHistoryResponse>(
        caller, "linjuli.changes.v1.Changes.ListHistory", request);
  };
  REQUIRE(history(Resident()).ok());
  CHECK(history(Resident())->changes_size() == 1);
}

TEST_CASE("an Update changes the fields that it names, and no other", "[rpc][boards]") {
  BoardRig rig;
  Board board = *rig.Create(Provider(), BoardOf("一"));
  Board sent;
  sent.set_name(board.name());
  sent.set_title("新");
  sent.set_phone("13900139000");
  sent.mutable_detail()->set_rank(3);
  rig.clock.Advance(absl::Minutes(1));
  auto updated = rig.Update(Lead(), sent, {"title", "detail"});
  REQUIRE(updated.ok());
  CHECK(updated->title() == "新");
  CHECK(updated->detail().rank() == 3);
  CHECK(updated->phone() == "13800138000");
  CHECK(updated->division() == kVillage);
  CHECK(updated->etag() != board.etag());
  // A field that is named and not sent is emptied.
  sent.clear_detail();
  CHECK_FALSE(rig.Update(Lead(), sent, {"detail"})->has_detail());
}

TEST_CASE("an Update names fields that there are and that may be changed", "[rpc][boards]") {
  BoardRig rig;
  Board sent = BoardOf("新");
  sent.set_name(rig.Create(Provider(), BoardOf("一"))->name());
  CHECK(Violations(rig.Update(Lead(), sent, {}).status()) == "update_mask:REQUIRED");
  CHECK(Violations(rig.Update(Lead(), sent, {"name", "division", "state", "nothing", "detail.rank"})
                       .status()) ==
        "name:OUTPUT_ONLY division:OUTPUT_ONLY state:OUTPUT_ONLY update_mask:JSON_UNKNOWN_FIELD "
        "update_mask:JSON_UNKNOWN_FIELD");
  CHECK(rig.Get(Caller(), sent.name())->title() == "一");
}

TEST_CASE("an Update's fields are checked where it names them, and nowhere else", "[rpc][boards]") {
  BoardRig rig;
  Board sent;
  sent.set_name(rig.Create(Provider(), BoardOf("一"))->name());
  // A title is required of a board, but not of an Update that does not speak of it.
  sent.set_phone("13900139000");
  CHECK(rig.Update(Lead(), sent, {"phone"})->title() == "一");
  CHECK(Violations(rig.Update(Lead(), sent, {"phone", "title"}).status()) ==
        "board.title:REQUIRED");
  // What was read is sent back whole, with what the service sets and what does not change.
  Board read = *rig.Get(Caller(), sent.name());
  read.set_title("二");
  CHECK(rig.Update(Lead(), read, {"title"})->title() == "二");
  sent.set_title(std::string(21, 'x'));
  sent.set_watched("x");
  CHECK(Violations(rig.Update(Lead(), sent, {"title", "watched"}).status()) ==
        "board.title:TEXT_TOO_LONG board.watched:DIVISION_CODE_FORMAT");
  CHECK(rig.Update(Lead(), sent, {"phone"}).ok());
}

TEST_CASE("an Update looks at area, version and state as a verb does", "[rpc][boards][X2]") {
  BoardRig rig;
  Board open = *rig.Create(Provider(), BoardOf("一"));
  Board closed = *rig.Create(Provider(), BoardOf("二"), true);
  Board sent = BoardOf("新");
  sent.set_name(open.name());
  // A board is public: whoever may not change it is told so.
  CHECK(absl::IsPermissionDenied(rig.Update(Lead(kFarVillage), sent, {"title"}).status()));
  sent.set_etag("0000000000000");
  CHECK(Told(rig.Update(Lead(), sent, {"title"}).status()) == "ABORTED VERSION");
  sent.set_etag(open.etag());
  CHECK(rig.Update(Lead(), sent, {"title"}).ok());
  sent.set_name(closed.name());
  sent.clear_etag();
  auto refused = rig.Update(Lead(), sent, {"title"});
  CHECK(Told(refused.status()) == "FAILED_PRECONDITION STATE");
  CHECK(FactOf(refused.status(), "from") == "CLOSED");
  CHECK(FactOf(refused.status(), "allowed").empty());
}

TEST_CASE("a nested resource is made under a parent that is there", "[rpc][boards]") {
  BoardRig rig;
  Board board = *rig.Create(Provider(), BoardOf("一"));
  auto card = rig.AddCard(board.name(), "卡");
  REQUIRE(card.ok());
  CHECK(absl::StartsWith(card->name(), board.name() + "/cards/"));
  for (std::string parent :
       {std::string(), std::string("boards/0000000000001"), std::string("boards/x"),
        std::string("nonsense"), card->name(), board.name() + "/"}) {
    CAPTURE(parent);
    CHECK(Told(rig.AddCard(parent, "卡").status()) == "NOT_FOUND NOT_FOUND");
  }
}

TEST_CASE("a nested resource is found under its own parent only", "[rpc][boards]") {
  BoardRig rig;
  Board one = *rig.Create(Provider(), BoardOf("一"));
  Board two = *rig.Create(Provider(), BoardOf("二"));
  Card card = *rig.AddCard(one.name(), "卡");
  REQUIRE(rig.AddCard(one.name(), "卡").ok());
  REQUIRE(rig.AddCard(two.name(), "卡").ok());
  GetCardRequest get;
  get.set_name(card.name());
  CHECK(rig.Do<Card>(Resident(), "GetCard", get).ok());
  get.set_name(two.name() + card.name().substr(one.name().size()));
  CHECK(Told(rig.Do<Card>(Resident(), "GetCard", get).status()) == "NOT_FOUND NOT_FOUND");
  ListCardsRequest list;
  auto cards = [&] {
    return rig.Do<ListCardsResponse>(Resident(), "ListCards", list)->cards_size();
  };
  CHECK(cards() == 3);
  list.set_parent(one.name());
  CHECK(cards() == 2);
  list.set_parent("boards/0000000000001");
  CHECK(cards() == 0);
}

TEST_CASE("references inside lists are in the history of what they name", "[rpc][boards][X6]") {
  BoardRig rig;
  Board board = *rig.Create(Provider(), BoardOf("一"));
  Card first = *rig.AddCard(board.name(), "一");
  CreateCardRequest request;
  request.set_parent(board.name());
  request.mutable_card()->add_links()->set_card(first.name());
  request.mutable_card()->add_links()->set_card(first.name());
  REQUIRE(rig.Do<Card>(Resident(), "CreateCard", request).ok());
  auto batch = rig->store().Read("", 2, 10);
  REQUIRE(batch->changes.size() == 1);
  REQUIRE(batch->changes[0].references_size() == 1);
  CHECK(batch->changes[0].references(0) == first.name());
}

TEST_CASE("a function that reads is scoped by the division it is asked for",
          "[rpc][boards][access]") {
  BoardRig rig;
  Board board = *rig.Create(Provider(), BoardOf("一"));
  CountBoardsRequest count;
  count.set_division(kTown);
  CHECK(rig.Do<CountBoardsResponse>(Lead(), "CountBoards", count)->boards() == 1);
  for (const char* division : {"", "33", "331082100"}) {
    count.set_division(division);
    CHECK(Told(rig.Do<CountBoardsResponse>(Lead(), "CountBoards", count).status()) ==
          "PERMISSION_DENIED SCOPE");
  }
  // Also where it answers with a resource.
  FirstBoardRequest first;
  first.set_division(kVillage);
  CHECK(rig.Do<Board>(Lead(), "FirstBoard", first)->name() == board.name());
  first.set_division(kFarVillage);
  CHECK(Told(rig.Do<Board>(Lead(), "FirstBoard", first).status()) == "PERMISSION_DENIED SCOPE");
}

TEST_CASE("a function that writes leaves nothing where it fails", "[rpc][boards]") {
  BoardRig rig;
  AddTallyRequest request;
  request.set_division(kTown);
  request.set_add(5);
  CHECK(rig.Do<AddTallyResponse>(Lead(), "AddTally", request)->total() == 5);
  request.set_fail(true);
  CHECK(Told(rig.Do<AddTallyResponse>(Lead(), "AddTally", request).status()) ==
        "FAILED_PRECONDITION TOLD");
  request.set_fail(false);
  CHECK(rig.Do<AddTallyResponse>(Lead(), "AddTally", request)->total() == 10);
}

TEST_CASE("a write to a service's own tables is made once for its id", "[rpc][boards][X1]") {
  BoardRig rig;
  AddTallyRequest request;
  request.set_division(kTown);
  request.set_add(5);
  request.set_request_id("key");
  CHECK(rig.Do<AddTallyResponse>(Lead(), "AddTally", request)->total() == 5);
  CHECK(rig.Do<AddTallyResponse>(Lead(), "AddTally", request)->total() == 5);
  rig.Restart();
  CHECK(rig.Do<AddTallyResponse>(Lead(), "AddTally", request)->total() == 5);
}

}  // namespace
}  // namespace linjuli
