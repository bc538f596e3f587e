// SPDX-License-Identifier: MIT
// F5: what a user sees of each error at each operation, as docs/errors.md says.
//
// Each cell of its table is a run on the simulated network, where the error comes up at
// the operation. With --long, those that can be had for real come up on the real backends
// as well, and have to look the same there.
//
// usage: f5_errors [--long] [--write] [FILE]
#include "test/figures/io_operations.hpp"
#include "test/figures/real_errors.hpp"

#include <motet/run.hpp>
#include <motet/testing.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace motet;
using test::io_operation;
using test::observe;
using test::workbench;

/// 0 stands for bytes that come one by one.
constexpr std::array conditions{EINTR,     EAGAIN,    ENOBUFS,    ENOMEM,       EMFILE,
                                ENFILE,    EBADF,     ECONNRESET, ECONNABORTED, EPIPE,
                                ETIMEDOUT, ECANCELED, 0};

std::string name_of(int condition) {
  return condition == 0 ? "one byte" : strerrorname_np(condition);
}

/// Has the network fail `what`, once, or move a byte at a time.
void trouble(testing::network& net, const io_operation& what, const workbench& with,
             int condition) {
  using testing::call;
  if (condition == 0) return net.one_byte();
  if (what.kind == call::listen) return net.fail(what.kind, condition);
  if (what.kind == call::connect) {
    // A shortage shows when the socket is made.
    const bool shortage = condition == EMFILE || condition == ENFILE ||
                          condition == ENOBUFS || condition == ENOMEM;
    return net.fail(shortage ? call::socket : call::connect, condition);
  }
  const int socket = what.at_door ? with.door.native_handle() : with.near.native_handle();
  net.fail(what.kind, condition, {.on = socket});
}

/// What else is wrong if the operation did `seen`.
std::string second_look(const io_operation& what, workbench& with, int condition,
                        const testing::network& net, const std::string& seen) {
  const bool came = condition == 0 || net.counts().errors == 1;
  if (!came) return seen + ", and was not disturbed";
  if (seen != "throws") return seen;
  // Whatever is told, nothing is lost by it.
  const std::string again = observe(what, with, condition);
  return again == "goes on" ? seen : seen + ", and then: " + again;
}

std::string simulate(const io_operation& what, int condition) {
  std::string seen;
  testing::run([&] {
    testing::network net;
    workbench with;
    what.prepare(with);
    trouble(net, what, with, condition);
    seen = observe(what, with, condition);
    seen = second_look(what, with, condition, net, seen);
  });
  if (what.run_with_code == nullptr) return seen;
  testing::run([&] {
    testing::network net;
    workbench with;
    what.prepare(with);
    trouble(net, what, with, condition);
    const std::error_code code = what.run_with_code(with);
    const int wanted = seen == "throws" ? condition : 0;
    if (code != std::error_code(wanted, std::system_category()))
      seen += ", but the overload says: " + code.message();
  });
  return seen;
}

using cells = std::map<std::pair<std::string, int>, std::string>;

cells simulate_all() {
  cells all;
  for (const io_operation& what : test::io_operations())
    for (const int condition : conditions)
      all[{what.name, condition}] = simulate(what, condition);
  return all;
}

std::string table_of(const cells& all) {
  std::string table = "|";
  for (const int condition : conditions)
    table += " | " + name_of(condition);
  table += " |\n|---";
  for (std::size_t i = 0; i < conditions.size(); ++i)
    table += "|---";
  table += "|\n";
  for (const io_operation& what : test::io_operations()) {
    table += std::string("| `") + what.name + "`";
    for (const int condition : conditions)
      table += " | " + all.at({what.name, condition});
    table += " |\n";
  }
  return table;
}

/// The document's text around its table, and the table.
struct document {
  explicit document(const std::string& file) : name(file) {
    std::ifstream in(file);
    before.assign(std::istreambuf_iterator<char>(in), {});
    const std::size_t from = before.find("| | ");
    const std::size_t start = from == std::string::npos ? before.size() : from;
    const std::size_t end = std::min(before.find("\n\n", start), before.size() - 1) + 1;
    table = before.substr(start, end - start);
    after = before.substr(std::min(end, before.size()));
    before.resize(start);
  }

  void write(const std::string& wanted) const {
    std::ofstream(name) << before << wanted << after;
  }

  std::string name, before, table, after;
};

/// Tells which lines of two tables differ.
void tell_difference(const std::string& documented, const std::string& found) {
  for (std::size_t a = 0, b = 0; a < documented.size() || b < found.size();) {
    const std::string_view was =
        std::string_view(documented).substr(std::min(a, documented.size()));
    const std::string_view is = std::string_view(found).substr(std::min(b, found.size()));
    const std::string_view one = was.substr(0, was.find('\n'));
    const std::string_view two = is.substr(0, is.find('\n'));
    if (one != two) {
      std::printf("documented: %.*s\nfound:      %.*s\n", static_cast<int>(one.size()),
                  one.data(), static_cast<int>(two.size()), two.data());
    }
    a += one.size() + 1;
    b += two.size() + 1;
  }
}

/// @returns how many cells are the same on a real backend, or were not; adds the latter.
std::size_t try_for_real(const cells& simulated, std::size_t& different) {
  std::size_t same = 0;
  for (const test::real_cell& cell : test::observe_for_real()) {
    const std::string& wanted = simulated.at({cell.operation, cell.condition});
    if (cell.seen == wanted) {
      ++same;
      continue;
    }
    ++different;
    std::printf("%s, %s at %s: %s, but simulated: %s\n", cell.backend.c_str(),
                name_of(cell.condition).c_str(), cell.operation.c_str(),
                cell.seen.c_str(), wanted.c_str());
  }
  return same;
}

}  // namespace

int main(int count, char** arguments) {
  bool is_long = false;
  bool writes = false;
  std::string file = "docs/errors.md";
  for (const std::string_view argument : std::vector(arguments + 1, arguments + count)) {
    if (argument == "--long") {
      is_long = true;
    } else if (argument == "--write") {
      writes = true;
    } else {
      file = argument;
    }
  }
  const auto start = std::chrono::steady_clock::now();
  const cells all = simulate_all();
  const std::string table = table_of(all);
  const document documented(file);
  if (writes) documented.write(table);
  const bool good = writes || documented.table == table;
  if (!good) tell_difference(documented.table, table);
  std::size_t different = 0;
  std::string real;
  if (is_long) {
    const std::size_t same = try_for_real(all, different);
    real = ", " + std::to_string(same) + " also for real, " + std::to_string(different) +
           " different";
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("F5: %zu operations x %zu conditions: %zu cells %s%s (%.1f s)\n",
              test::io_operations().size(), conditions.size(), all.size(),
              good ? "as documented" : "NOT as documented", real.c_str(), took.count());
  return good && different == 0 ? 0 : 1;
}
