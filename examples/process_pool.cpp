// SPDX-License-Identifier: MIT

/// @file
/// Work for other processes, which may crash: jobs go out as lines, answers come back as
/// lines, and who dies is replaced. The workers are this program again, with --worker.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <system_error>

namespace {

using namespace motet;

// --- A worker: a program as any, which knows nothing of fibers ------------------------

/// Answers "12" with "2 * 2 * 3". There is a number that it does not survive.
int work() {
  for (long number = 0; std::cin >> number;) {
    if (number == 13) return 1;
    const char* sign = "";
    for (long factor = 2; factor <= number; ++factor) {
      for (; number % factor == 0; number /= factor, sign = " * ")
        std::cout << sign << factor;
    }
    std::cout << std::endl;
  }
  return 0;
}

// --- The pool -------------------------------------------------------------------------

/// A worker process, while it lives.
class worker {
 public:
  /// @returns the answer, or nothing if it has died of the question.
  std::optional<std::string> ask(long number) {
    const std::string question = std::to_string(number) + '\n';
    std::error_code gone;  // which it tells by not answering, too
    program_.input().write(std::as_bytes(std::span(question)), gone);
    const auto line = answers_.read_line();
    return line ? std::optional(std::string(*line)) : std::nullopt;
  }

  /// It may finish what it is at, and has a second to do so.
  exit_status stop() {
    program_.input().close();
    move_on_after(1s, [&] { program_.wait(); });
    return program_.terminate(1s);  // of what has ended, this is only the status
  }

 private:
  process program_{{.program = "/proc/self/exe",
                    .arguments = {"--worker", "1"},
                    .input = redirect::piped,
                    .output = redirect::piped}};
  buffered_reader answers_{program_.output()};
};

struct report {
  std::map<long, std::string> answers;
  int died = 0;
};

/// Has one process after the other work off jobs. A job that kills two is given up.
void keep_one_working(channel<long>& jobs, report& done) {
  std::optional<worker> at_work;
  for (const long job : jobs) {
    std::string why = "nobody survived it:";
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (!at_work) at_work.emplace();
      if (const auto answer = at_work->ask(job)) {
        why = *answer;
        break;
      }
      ++done.died;
      why += " " + to_string(at_work->stop()) + (attempt == 0 ? "," : "");
      at_work.reset();
    }
    done.answers[job] = why;
  }
  if (at_work) at_work->stop();
}

void run_pool() {
  channel<long> jobs(1);
  report done;
  with_scope([&](scope& s) {
    for (int i = 0; i < 3; ++i)
      s.spin([&] { keep_one_working(jobs, done); });
    for (const long number : {12, 13, 97, 360, 1001, 65536, 999999, 30030})
      jobs.send(number);
    jobs.close();
  });
  for (const auto& [number, answer] : done.answers)
    std::printf("%ld: %s\n", number, answer.c_str());
  std::printf("%d workers died\n", done.died);
}

}  // namespace

int main(int argc, char** argv) try {
  int worker = 0;
  examples::read_arguments(
      argc, argv, "Has other processes factor numbers.",
      {{"worker", "0|1", "be one of those processes", 0, 1, worker}});
  if (worker != 0) return work();
  run(run_pool);
} catch (const std::exception& error) {
  return examples::explain(error);
}
