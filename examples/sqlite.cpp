// SPDX-License-Identifier: MIT

/// @file
/// A library that blocks: SQLite, called on the pool, with a deadline for each query.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <sqlite3.h>

namespace {

using namespace motet;

using row = std::vector<std::string>;

/// A database in memory. One query at a time; others wait for their turn.
class database {
 public:
  database() {
    sqlite3* opened = nullptr;
    const int failed = sqlite3_open(":memory:", &opened);
    handle_.reset(opened);
    if (failed != SQLITE_OK) throw_error();
  }

  /// The fiber parks while the query runs. If it is asked to stop meanwhile, the query is
  /// interrupted, and has changed nothing.
  std::vector<row> query(const std::string& text) {
    std::vector<row> rows;
    const std::unique_lock turn(in_use_);
    const int ended = blocking(
        {.on_cancel = [&] { sqlite3_interrupt(handle_.get()); }},
        [&](std::stop_token asked) {
          // An interrupt that comes before a query has begun is lost on it.
          sqlite3_progress_handler(handle_.get(), 10'000, &stop_if_asked, &asked);
          const int code =
              sqlite3_exec(handle_.get(), text.c_str(), &take_row, &rows, nullptr);
          sqlite3_progress_handler(handle_.get(), 0, nullptr, nullptr);
          return code;
        });
    if (ended == SQLITE_INTERRUPT) checkpoint();  // throws what was asked
    if (ended != SQLITE_OK) throw_error();
    return rows;
  }

 private:
  struct closing {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };

  static int stop_if_asked(void* token) {
    return static_cast<std::stop_token*>(token)->stop_requested() ? 1 : 0;
  }
  static int take_row(void* rows, int columns, char** values, char**) {
    row& next = static_cast<std::vector<row>*>(rows)->emplace_back();
    for (int i = 0; i < columns; ++i)
      next.emplace_back(values[i] != nullptr ? values[i] : "");
    return 0;
  }
  [[noreturn]] void throw_error() const {
    throw std::runtime_error(sqlite3_errmsg(handle_.get()));
  }

  std::unique_ptr<sqlite3, closing> handle_;
  motet::mutex in_use_;
};

void perform() {
  database music;
  music.query("create table works (composer text, title text, voices integer)");
  music.query(
      "insert into works values ('Tallis', 'Spem in alium', 40),"
      " ('Josquin', 'Ave Maria', 4), ('Brumel', 'Missa Et ecce', 12)");

  int beats = 0;
  const auto conductor = spin_loop({.every = 1ms}, [&] { ++beats; });

  for (const row& r : music.query("select title, voices from works order by voices"))
    std::printf("%s, for %s voices\n", r[0].c_str(), r[1].c_str());

  // Counts without an end.
  const std::string endless =
      "with recursive n(i) as (select 1 union all select i + 1 from n)"
      " select count(*) from n";
  const auto counted = move_on_after(50ms, [&] { return music.query(endless); });
  std::puts(counted ? "counted them all" : "too slow: the query was interrupted");

  try {
    cancel_after(50ms, [&] { music.query(endless + "; delete from works"); });
  } catch (const timeout_error&) {
    const std::string left = music.query("select count(*) from works")[0][0];
    std::printf("out of time: %s works are left\n", left.c_str());
  }

  try {
    music.query("select tenor from works");
  } catch (const std::runtime_error& error) {
    std::printf("%s\n", error.what());
  }
  std::puts(beats >= 10 ? "meanwhile the conductor kept the beat" : "nobody else ran");
  conductor.stop();
}

}  // namespace

int main(int argc, char** argv) {
  examples::read_arguments(argc, argv,
                           "Queries a database on other threads, and interrupts those "
                           "that take too long.");
  try {
    run([] { perform(); });
  } catch (const std::exception& error) {
    return examples::explain(error);
  }
}
