// How fast SQLite itself does what our store does: the same rows in the same tables with the same
// durability and the same sharing of commits, on the raw C API, with nothing around it. Works on a
// copy of a store that linjuli made, and takes its last rows as the pattern of those it writes.
//
//   raw_sqlite write STORE TEXTS SECONDS SUBMITTERS   needs/s that were committed
//   raw_sqlite page STORE SECONDS                     pages/s of 50 needs as JSON, from table `flat`
#include <sqlite3.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/store/grams.h"
#include "common/store/id.h"

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kForcedCheckpoint = 16000;  // as common/store

void Check(sqlite3* db, int code, const char* what) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  std::fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
  std::exit(1);
}

sqlite3* Open(const char* path, const char* pragmas) {
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* db = nullptr;
  Check(db, sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr), path);
  Check(db, sqlite3_exec(db, pragmas, nullptr, nullptr, nullptr), pragmas);
  return db;
}

// The columns of a table's last row, which every further row repeats where it is not told better.
class Row {
 public:
  Row(sqlite3* db, const std::string& table) : db_(db) {
    sqlite3_stmt* last = nullptr;
    std::string find = "SELECT * FROM " + table + " ORDER BY 1 DESC LIMIT 1";
    Check(db, sqlite3_prepare_v2(db, find.c_str(), -1, &last, nullptr), find.c_str());
    if (sqlite3_step(last) != SQLITE_ROW) {
      std::fprintf(stderr, "%s is empty\n", table.c_str());
      std::exit(1);
    }
    std::string insert = "INSERT INTO " + table + " VALUES(";
    for (int i = 0; i < sqlite3_column_count(last); ++i) {
      names_.push_back(sqlite3_column_name(last, i));
      values_.push_back(sqlite3_value_dup(sqlite3_column_value(last, i)));
      insert += i == 0 ? "?" : ",?";
    }
    sqlite3_finalize(last);
    Check(db, sqlite3_prepare_v3(db, (insert + ")").c_str(), -1, SQLITE_PREPARE_PERSISTENT, &insert_,
                                 nullptr), table.c_str());
    for (size_t i = 0; i < values_.size(); ++i) {
      sqlite3_bind_value(insert_, static_cast<int>(i + 1), values_[i]);
    }
  }
  Row& Set(const char* name, int64_t value) {
    sqlite3_bind_int64(insert_, At(name), value);
    return *this;
  }
  Row& Set(const char* name, const std::string& text) {
    sqlite3_bind_text(insert_, At(name), text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    return *this;
  }
  void Insert() {
    Check(db_, sqlite3_step(insert_), "insert");
    sqlite3_reset(insert_);
  }

 private:
  int At(const char* name) const {
    for (size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == name) return static_cast<int>(i + 1);
    }
    std::fprintf(stderr, "there is no column %s any more\n", name);
    std::exit(1);
  }

  sqlite3* const db_;
  sqlite3_stmt* insert_ = nullptr;
  std::vector<std::string> names_;
  std::vector<sqlite3_value*> values_;
};

int64_t LastOf(sqlite3* db, const char* sql) {
  sqlite3_stmt* find = nullptr;
  Check(db, sqlite3_prepare_v2(db, sql, -1, &find, nullptr), sql);
  int64_t last = sqlite3_step(find) == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
  sqlite3_finalize(find);
  return last;
}

int Write(const char* path, const char* texts_path, double seconds, int submitters) {
  sqlite3* db = Open(path,
                     "PRAGMA trusted_schema=OFF;PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                     "PRAGMA wal_autocheckpoint=0;PRAGMA journal_size_limit=-1;"
                     "PRAGMA cache_size=-32000");
  std::vector<std::string> grams;
  std::ifstream texts(texts_path);
  for (std::string line; std::getline(texts, line);) grams.push_back(linjuli::GramsOf(line));
  int wal_pages = 0;
  sqlite3_wal_hook(
      db,
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      &wal_pages);
  Row need(db, "need"), change(db, "change"), mention(db, "mention"), reply(db, "reply");
  int64_t id = LastOf(db, "SELECT max(id) FROM need");
  int64_t seq = LastOf(db, "SELECT max(seq) FROM change");
  sqlite3_stmt* text = nullptr;
  Check(db, sqlite3_prepare_v3(db, "INSERT INTO need_text(rowid,grams) VALUES(?1,?2)", -1,
                               SQLITE_PREPARE_PERSISTENT, &text, nullptr), "text");
  std::mt19937_64 dice(seq);
  std::string receipt, name;

  // The submitters are one thread that keeps so many requests under way, as a server's loop does.
  std::mutex mutex;
  std::condition_variable asked, answered;
  int waiting = submitters, done = 0;
  bool stop = false;
  std::thread submitter([&] {
    std::unique_lock lock(mutex);
    while (!stop) {
      answered.wait(lock, [&] { return done > 0 || stop; });
      waiting += done;
      done = 0;
      asked.notify_one();
    }
  });
  int64_t written = 0;
  auto begun = SteadyClock::now();
  auto end = begun + std::chrono::duration<double>(seconds);
  while (SteadyClock::now() < end) {
    int batch = 0;
    {
      std::unique_lock lock(mutex);
      asked.wait(lock, [&] { return waiting > 0; });
      batch = waiting;
      waiting = 0;
    }
    Check(db, sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), "begin");
    for (int i = 0; i < batch; ++i) {
      auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
      id = std::max<int64_t>(id + 1, millis << 20);
      ++seq;
      char number[32];
      std::snprintf(number, sizeof(number), "2026112%011lld", static_cast<long long>(seq));
      receipt = number;
      name = "needs/" + linjuli::EncodeId(id);
      need.Set("id", id).Set("receipt_number", receipt).Insert();
      const std::string& words = grams[seq % grams.size()];
      sqlite3_bind_int64(text, 1, id);
      sqlite3_bind_text(text, 2, words.data(), static_cast<int>(words.size()), SQLITE_STATIC);
      Check(db, sqlite3_step(text), "text");
      sqlite3_reset(text);
      change.Set("seq", seq).Insert();
      mention.Set("name", name).Set("seq", seq).Insert();
      reply.Set("key", static_cast<int64_t>(dice() >> 1)).Set("seq", seq).Insert();
    }
    Check(db, sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr), "commit");
    written += batch;
    if (wal_pages >= kForcedCheckpoint) {
      sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
      wal_pages = 0;
    }
    std::lock_guard lock(mutex);
    done += batch;
    answered.notify_one();
  }
  double took = std::chrono::duration<double>(SteadyClock::now() - begun).count();
  {
    std::lock_guard lock(mutex);
    stop = true;
  }
  answered.notify_one();
  submitter.join();
  std::printf("%.0f\n", static_cast<double>(written) / took);
  return 0;
}

void AppendQuoted(const char* text, int size, std::string& out) {
  out += '"';
  for (int i = 0; i < size; ++i) {
    char c = text[i];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", c);
      out += escape;
    } else {
      out += c;
    }
  }
  out += '"';
}

int Page(const char* path, double seconds) {
  sqlite3* db = Open(path, "PRAGMA query_only=ON;PRAGMA cache_size=-8000;PRAGMA mmap_size=1073741824");
  std::vector<std::string> towns;
  sqlite3_stmt* find = nullptr;
  const char* distinct = "SELECT DISTINCT division_town FROM flat";
  Check(db, sqlite3_prepare_v2(db, distinct, -1, &find, nullptr), distinct);
  while (sqlite3_step(find) == SQLITE_ROW) {
    towns.push_back(reinterpret_cast<const char*>(sqlite3_column_text(find, 0)));
  }
  sqlite3_finalize(find);
  sqlite3_stmt* page = nullptr;
  const char* sql = "SELECT * FROM flat WHERE division_town=?1 AND id<?2 ORDER BY id DESC LIMIT 50";
  Check(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &page, nullptr), sql);
  std::vector<std::string> keys;  // after id and division_town, which no answer shows
  for (int i = 2; i < sqlite3_column_count(page); ++i) {
    keys.push_back("\"" + std::string(sqlite3_column_name(page, i)) + "\":");
  }
  std::string json;
  int64_t pages = 0;
  auto begun = SteadyClock::now();
  auto end = begun + std::chrono::duration<double>(seconds);
  while (SteadyClock::now() < end) {
    const std::string& town = towns[pages % towns.size()];
    sqlite3_bind_text(page, 1, town.data(), static_cast<int>(town.size()), SQLITE_STATIC);
    sqlite3_bind_int64(page, 2, INT64_MAX);
    json = "{\"needs\":[";
    int rows = 0;
    while (sqlite3_step(page) == SQLITE_ROW) {
      json += rows++ == 0 ? "{" : ",{";
      bool first = true;
      for (size_t i = 0; i < keys.size(); ++i) {
        int at = static_cast<int>(i) + 2;
        const char* text = reinterpret_cast<const char*>(sqlite3_column_text(page, at));
        if (text == nullptr) continue;
        if (!first) json += ',';
        first = false;
        json += keys[i];
        // Lists are kept as JSON.
        if (text[0] == '[') {
          json += text;
        } else {
          AppendQuoted(text, sqlite3_column_bytes(page, at), json);
        }
      }
      json += '}';
    }
    json += "]}";
    sqlite3_reset(page);
    ++pages;
  }
  double took = std::chrono::duration<double>(SteadyClock::now() - begun).count();
  std::printf("%.0f\n", static_cast<double>(pages) / took);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && std::strcmp(argv[1], "write") == 0) {
    return Write(argv[2], argv[3], std::atof(argv[4]), std::atoi(argv[5]));
  }
  if (argc == 4 && std::strcmp(argv[1], "page") == 0) return Page(argv[2], std::atof(argv[3]));
  std::fprintf(stderr, "raw_sqlite write STORE TEXTS SECONDS SUBMITTERS | page STORE SECONDS\n");
  return 64;
}
